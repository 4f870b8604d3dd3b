"""The pace of the evaluator: how many entries of the stream, and after how many events a batch ends.

Here: the numbers, from how long batches took and whether they left anything. Not here: the clock and the batches
(`service.evaluator`). What is judged does not depend on it (rule-language.md 3.2): a batch only says what is committed
together.
"""

from __future__ import annotations

ENTRIES = 50
"""Entries of the stream in one batch at most (of at most 200 events each)."""
LONG_SECONDS = 0.5
"""After a batch that took longer the next one is half as large: the evaluator's lease must outlive a batch by far, and
what was judged is written sooner than the processor forgets it.
"""


FEW = 250
"""A batch ends behind the request with which it has so many events, where the one before left nothing; each that leaves
something doubles that. So what a burst opens is sent while the rest of it is judged.
"""
MANY = 10_000
"""Events of a batch at most, but for its last request."""


class Pace:
    """Begins at `ENTRIES` and `FEW`, and goes back to them as soon as batches are short and leave nothing."""

    def __init__(self) -> None:
        self.entries = ENTRIES
        self.events = FEW

    def broke_off(self) -> None:
        """Tell that a batch took too long, or came to nothing, which may be why: the next one is half as large."""
        self.entries = max(1, self.entries // 2)

    def took(self, seconds: float, *, drained: bool) -> None:
        """Tell how long a batch took, in seconds, and whether nothing was left behind it."""
        self.events = max(FEW, self.events // 2) if drained else min(MANY, self.events * 2)
        if seconds > LONG_SECONDS:
            self.broke_off()
        elif seconds < LONG_SECONDS / 4:
            self.entries = min(ENTRIES, self.entries * 2)
