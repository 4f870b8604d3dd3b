"""The pace of the evaluator: how many entries of the stream one batch takes.

Here: the number, from how long batches took. Not here: the clock and the batches (`service.evaluator`). What is judged
does not depend on it (rule-language.md 3.2): a batch only says what is committed together.
"""

from __future__ import annotations

ENTRIES = 50
"""Entries of the stream in one batch at most (of at most 200 events each)."""
LONG_SECONDS = 0.5
"""After a batch that took longer the next one is half as large: the evaluator's lease must outlive a batch by far, and
what was judged is written sooner than the processor forgets it.
"""


class Pace:
    """Begins at `ENTRIES` and goes back to it as soon as batches are short again."""

    def __init__(self) -> None:
        self.entries = ENTRIES

    def broke_off(self) -> None:
        """Tell that a batch took too long, or came to nothing, which may be why: the next one is half as large."""
        self.entries = max(1, self.entries // 2)

    def took(self, seconds: float) -> None:
        """Tell how long a batch took, in seconds."""
        if seconds > LONG_SECONDS:
            self.broke_off()
        elif seconds < LONG_SECONDS / 4:
            self.entries = min(ENTRIES, self.entries * 2)
