"""The section of the settings on how long things are kept, in the store and at all.

Here: its keys. Not here: letting go of it (`service.retention`).
"""

from __future__ import annotations

from pydantic import Field

from engine.settings_section import Section


class RetentionSection(Section):
    """How long things are kept, in days; 0 keeps them for good. Histories and the audit hold no personal data."""

    resolved_days: int = Field(30, ge=0, le=4_000)
    """An alert leaves the store for the archive so long after it was resolved, with all that belongs to it."""
    exercise_days: int = Field(7, ge=0, le=4_000)
    """An alert of an exercise leaves so long after it was resolved."""
    audit_days: int = Field(30, ge=0, le=4_000)
    """Entries of the audit leave the store for the archive after this."""
    messages_days: int = Field(400, ge=0, le=4_000)
    """Words and addresses of messages stay so long after their alert was resolved."""
    notes_days: int = Field(400, ge=0, le=4_000)
    """Free text that people left with an answer stays so long after its alert was resolved."""
    directory_days: int = Field(90, ge=0, le=4_000)
    """Versions of the directory stay so long after another one followed."""

    def days_of(self, space: str) -> int:
        """Return how long resolved alerts of a space stay in the store; 0: for good."""
        return self.exercise_days if space == "exercise" else self.resolved_days
