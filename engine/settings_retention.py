"""The section of the settings on how long what holds personal data is kept.

Here: its keys. Not here: letting go of it (`service.retention`).
"""

from __future__ import annotations

from pydantic import Field

from engine.settings_section import Section


class RetentionSection(Section):
    """How long what holds personal data is kept; 0 keeps it for good. Histories and the audit hold none."""

    messages_days: int = Field(400, ge=0, le=4_000)
    """Words and addresses of messages stay so long after their alert was resolved."""
    notes_days: int = Field(400, ge=0, le=4_000)
    """Free text that people left with an answer stays so long after its alert was resolved."""
    directory_days: int = Field(90, ge=0, le=4_000)
    """Versions of the directory stay so long after another one followed."""
