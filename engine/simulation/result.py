"""What a test came to.

Here: the result of one test, with its failures and its timeline, as values. Not here: how they are printed
(`simulation.suite`).
"""

from __future__ import annotations

import msgspec

from engine.core.judging.instant import Instant, Millis
from engine.simulation.phrases import Phrase


class ResultRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a timeline: what was expected and what there was at an offset; None where there is no such side.

    `act` is what the test itself did then. `right` is whether both sides agree.
    """

    at: Millis
    expected: Phrase | None = None
    got: Phrase | None = None
    act: Phrase | None = None
    right: bool = True


class TestResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one test came to. `touched` are the branches of rules, `reached` what of escalation it reached.

    The names are those of `simulation.coverage` and `simulation.coverage`.

    Its timeline begins at `start`, which people read in `zone`.
    """

    file: str
    name: str
    start: Instant = 0
    zone: str = "UTC"
    failures: tuple[Phrase, ...] = ()
    rows: tuple[ResultRow, ...] = ()
    touched: frozenset[str] = frozenset()
    reached: frozenset[str] = frozenset()

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return not self.failures
