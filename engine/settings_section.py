"""What every section of the settings shares: how it is validated, paths, and lists as text.

Here: the base of sections. Not here: the sections themselves (`engine.settings`, `engine.settings_budgets`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo


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


def _from_home(path: Path, info: ValidationInfo) -> Path:
    """Resolve a path against the home of the installation, where the file told it."""
    home = (info.context or {}).get("home")
    return home / path if home is not None else path


Place = Annotated[Path, AfterValidator(_from_home)]
"""A path; relative ones count from the home: the folder that holds `config/siaga.yaml`'s folder `config`."""
