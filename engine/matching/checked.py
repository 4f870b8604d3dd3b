"""Both matchers, one verdict: durable-rules matches, the native matcher checks every event and decides.

Where they differ, the native result stands and the difference is reported. That shard is native only until the next
reload (docs/specification/rules.md#matching).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from engine.core.judging.event import Event
from engine.core.judging.rule import Rule
from engine.errors import MatcherFault
from engine.matching.native import NativeMatcher

if TYPE_CHECKING:
    from engine.matching.durable_rules import DurableMatcher, RulePart, Shards

MOST_REGISTERED = 100
"""After so many shards a process should be started anew: each holds about 1 MB for good."""


class Matcher(Protocol):
    """Says which rules an event satisfies."""

    def match(self, event: Event) -> tuple[Rule, ...]:
        """Return the rules whose `watch` holds, in the order of the rule set."""

    def clears(self, event: Event) -> tuple[Rule, ...]:
        """Return the rules whose clearing event this is."""

    def groups(self, rule: Rule, event: Event) -> Mapping[str, int]:
        """Return the groups of a rule that a matching event belongs to, and which parts of a pattern it fits there."""

    def apart(self) -> Iterable[tuple[Rule, Matcher]]:
        """Return a matcher of each rule alone, in the order of the rule set."""


class Disagreement(msgspec.Struct, frozen=True, kw_only=True):
    """The durable matcher said something else than the native one, or failed (`fault`).

    `missed` are rule ids that only the native matcher has, `added` those that only the durable one has.
    """

    desk: str
    event: str
    missed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    fault: str = ""


Tell = Callable[[Disagreement], None]


class CheckedMatcher:
    """Asks both, answers with the native verdict. `native` alone serves a second delivery of the same entry."""

    def __init__(self, native: NativeMatcher, durable: DurableMatcher, tell: Tell) -> None:
        """Take both matchers of one rule set; `tell` hears of each disagreement."""
        self.native = native
        self._durable = durable
        self._tell = tell
        self._distrusted: set[int] = set()

    @property
    def distrusted(self) -> int:
        """How many shards are native only until the next reload."""
        return len(self._distrusted)

    def match(self, event: Event) -> tuple[Rule, ...]:
        """Return the rules whose `watch` holds, in the order of the rule set."""
        verdict = self.native.match(event)
        for part in self._durable.parts_for(event.kind):
            if (
                id(part) not in self._distrusted
                and (difference := _compare(part, event, verdict)) is not None
            ):
                self._distrusted.add(id(part))
                self._tell(difference)
        return verdict

    def clears(self, event: Event) -> tuple[Rule, ...]:
        """Return the rules whose clearing event this is; the native matcher alone says so."""
        return self.native.clears(event)

    def groups(self, rule: Rule, event: Event) -> Mapping[str, int]:
        """Return the groups of a rule that a matching event belongs to; the native matcher alone says so."""
        return self.native.groups(rule, event)

    def apart(self) -> Iterable[tuple[Rule, Matcher]]:
        """Return a native matcher of each rule alone."""
        return self.native.apart()


class MatcherChoice(msgspec.Struct, frozen=True):
    """Which matcher serves and, where durable-rules does not, why not."""

    matcher: Matcher
    native: NativeMatcher
    serves: str
    why: str = ""


def choose(rules: Sequence[Rule], shards: Shards | None, tell: Tell, *, why: str = "") -> MatcherChoice:
    """Return both matchers checked, or the native one alone where `shards` is None (for the reason `why`)."""
    native = NativeMatcher(rules)
    if shards is None:
        return MatcherChoice(native, native, "native", why)
    from engine.matching.durable_rules import DurableMatcher  # noqa: PLC0415 - its import may fail, `shards` says it did not

    return MatcherChoice(
        CheckedMatcher(native, DurableMatcher(rules, shards), tell), native, "durable, checked by native"
    )


def native_alone(rules: Sequence[Rule]) -> MatcherChoice:
    """Return the native matcher alone: tests, backtests, and stores in memory."""
    return choose(rules, None, lambda _: None)


def open_shards() -> tuple[Shards | None, str]:
    """Return this process's shards of durable-rules, or None and in one line why there are none."""
    try:
        from engine.matching.durable_rules import Shards  # noqa: PLC0415 - the one import that may fail
    except ImportError as error:
        return None, f"durable-rules is not available: {error}"
    return Shards(), ""


def _compare(part: RulePart, event: Event, verdict: Sequence[Rule]) -> Disagreement | None:
    try:
        fired = part.match(event)
    except MatcherFault as error:
        return Disagreement(desk=event.desk, event=event.id, fault=str(error))
    expected = part.ids.intersection([rule.id for rule in verdict])
    if fired == expected:
        return None
    return Disagreement(
        desk=event.desk,
        event=event.id,
        missed=tuple(sorted(expected - fired)),
        added=tuple(sorted(fired - expected)),
    )
