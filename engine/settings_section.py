"""What every section of the settings shares: how it is validated, and lists as text.

Here: the base of sections. Not here: the sections themselves (`engine.settings`, `engine.settings_budgets`).
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A frozen section of the settings; a name that it does not have is a mistake."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        validate_default=True,
        hide_input_in_errors=True,
    )


def listed(value: object) -> object:
    """Let a list be written as text with commas, as the environment must."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value
