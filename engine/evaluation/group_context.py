"""The backdrop of judging: what the evaluator knows of a group besides its rule and events.

Here: since when rules watch, in which zone a group lies, and the outages of the intake, made into the circumstances of
a group. Not here: what they change (`engine.core.judging`) and the commit (`evaluation.evaluator`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.core.judging.condition import Absence, ExpectedMember
from engine.core.judging.group_key import GroupKey, region_of_group
from engine.core.judging.group_state import Circumstances, Gap, merged_gaps
from engine.core.judging.instant import Instant
from engine.core.judging.rule import Rule
from engine.records.rule_sets import Tenure
from engine.records.runtime_config import RuntimeConfig

MOST_GAPS = 1_000
"""So many of the latest outages are remembered: what does not come is measured from much later than that."""
REAL = "real"
"""The space in which somebody is expected to report: in an exercise nobody is."""


class GroupContexts:
    """Circumstances of groups; groups of a rule that asks for nothing special share theirs."""

    def __init__(self, books: RuntimeConfig, watched_since: Instant | None) -> None:
        self._books = books
        self._watched_since = watched_since
        self._known: dict[str | GroupKey, tuple[Rule, Circumstances]] = {}
        """By the rule, or by the group where each has its own."""
        self._members: dict[str, tuple[Rule, Mapping[str, ExpectedMember]]] = {}
        self.gaps: tuple[Gap, ...] = ()
        """The spans in which the intake was down, as far as the stream was read; earliest first."""

    def take(self, gaps: Iterable[Gap]) -> bool:
        """Take further gaps over; return whether they say anything new."""
        before, self.gaps = self.gaps, merged_gaps((*self.gaps, *gaps))[-MOST_GAPS:]
        if self.gaps != before:
            self.forget()
        return self.gaps != before

    def of(self, key: GroupKey, rule: Rule) -> Circumstances:
        """Return the circumstances of a group."""
        known = self._known.get(key.rule) or self._known.get(key)
        if known is None or known[0] is not rule:
            place = key if rule.is_local or isinstance(rule.condition, Absence) else key.rule
            self._known[place] = known = rule, self.made(key, rule, self._books.in_force.tenures.get(rule.id))
        return known[1]

    def forget(self) -> None:
        """Forget the circumstances: other rules came into force, or an outage became known."""
        self._known.clear()
        self._members.clear()

    def before(self, rule: Rule) -> Instant | None:
        """Return when a rule came into force as it is, where what was over by then opens hidden."""
        tenure = self._books.in_force.tenures.get(rule.id)
        return tenure.before if tenure else None

    def made(self, key: GroupKey, rule: Rule, tenure: Tenure | None) -> Circumstances:
        """Return the circumstances of a group of a rule under a tenure."""
        since, absence = self._since(rule, tenure), isinstance(rule.condition, Absence)
        if not rule.is_local and not absence:
            return Circumstances(since=since)
        return Circumstances(
            since=since,
            zone=self._books.regions.timezone(region_of_group(rule.per, key.group)),
            gaps=self.gaps if absence else (),
            member=self._members_of(rule).get(key.group) if absence and key.space == REAL else None,
        )

    def expected(self, rule: Rule) -> list[GroupKey]:
        """Return the groups that a rule expects to report, also those that nothing was ever heard of."""
        return [GroupKey(REAL, rule.id, group) for group in self._members_of(rule)]

    def _members_of(self, rule: Rule) -> Mapping[str, ExpectedMember]:
        known = self._members.get(rule.id)
        if known is None or known[0] is not rule:
            found = rule.condition.expected.members if isinstance(rule.condition, Absence) else ()
            self._members[rule.id] = known = rule, {member.group: member for member in found}
        return known[1]

    def _since(self, rule: Rule, tenure: Tenure | None) -> Instant | None:
        """Return the instant from which a rule watches its groups: its first load at least.

        Specification: docs/specification/rules.md#watched-for-long-enough.
        """
        loaded_at = tenure.loaded_at if tenure and tenure.loaded_at is not None else self._watched_since
        return None if loaded_at is None else max(loaded_at, rule.effective_from or loaded_at)
