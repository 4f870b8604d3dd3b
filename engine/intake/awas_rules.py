"""The rules in force as the intake asks them: whether an event may open an awas alert alone (`matching.awas_alone`)."""

from __future__ import annotations

from collections.abc import Callable

from engine.clock import monotonic
from engine.matching.awas_alone import AwasAlone
from engine.records.rule_sets import RuleSet
from engine.records.runtime_config import RuntimeConfig

FOLLOW_SECONDS = 10.0
"""The rule set in force is asked for this often; a new one may open awas by other events for so long."""


class AwasRules:
    """Follows the rule set in force."""

    def __init__(self, books: RuntimeConfig, monotonic: Callable[[], float] = monotonic) -> None:
        """`monotonic` gives the seconds of a clock that never goes back."""
        self._books = books
        self._monotonic = monotonic
        self._next = float("-inf")
        self._of: RuleSet | None = None
        self._alone = AwasAlone(())

    async def current(self) -> AwasAlone:
        """Return the rules of which one event may open an awas alert."""
        if self._monotonic() >= self._next:
            await self._books.follow()
            self._next = self._monotonic() + FOLLOW_SECONDS
        if self._of is not self._books.rule_set:
            self._of = self._books.rule_set
            self._alone = AwasAlone(self._of.rules.values())
        return self._alone
