"""The ledger of a backtest: which alerts there were and which messages would have gone out.

Here: values, and the questions one ledger answers. Not here: running (`rehearsal.backtest`), holding two
ledgers side by side (`rehearsal.difference`) and printing (`rehearsal.backtest_report`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

import msgspec

from engine.core.alerting.alert import NOTICES, Kind
from engine.core.alerting.policy import Channel
from engine.core.judging.instant import Instant, Millis


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """One alert from its opening to the end of the run: `level` is its highest, `happened_at` as last dated.

    `hidden` alerts were recorded and told to nobody. `closed_at` (on the clock) is None while it is unresolved;
    `undone` marks an opening that was taken back.
    """

    id: str
    rule: str
    group: str
    ordinal: int
    level: int
    happened_at: Instant
    detected_at: Instant
    hidden: bool = False
    closed_at: Instant | None = None
    reason: str = ""
    undone: bool = False


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One message that a gateway took: about which alert, to whom, when; `parts` is 0 where it is no SMS.

    `person` is the opaque id that pairs the messages of two runs; it is never printed. `role` is empty for a person
    whom a policy names directly.
    """

    alert: str
    kind: Kind
    step: int
    person: str
    role: str
    office: str
    channel: Channel
    informing: bool
    sent_at: Instant
    parts: int = 0


class Kept(msgspec.Struct, frozen=True):
    """A line that the door kept aside or refused: its number, which field, why."""

    line: int
    field: str
    reason: str


class Received(msgspec.Struct):
    """What became of the events at the door; `kept` names the first lines of those that are no events."""

    accepted: int = 0
    duplicate: int = 0
    quarantined: int = 0
    rejected: int = 0
    kept: list[Kept] = []

    @property
    def whole(self) -> bool:
        """Whether every line was an event."""
        return not self.quarantined and not self.rejected


class Delay(msgspec.Struct, frozen=True):
    """How long an alert was known before the first person who must act was told."""

    course: Course
    length: Millis


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """What a run over [since, until] came to."""

    rules: int
    since: Instant
    until: Instant
    received: Received
    courses: tuple[Course, ...]
    told: tuple[Told, ...]

    def told_of(self) -> Mapping[str, list[Told]]:
        """Return the messages by alert."""
        found: defaultdict[str, list[Told]] = defaultdict(list)
        for one in self.told:
            found[one.alert].append(one)
        return found

    def by_recipient(self) -> Mapping[tuple[str, str], Counter[str]]:
        """Return how many messages went to the bearers of a role at a region, by channel; SMS parts as `parts`."""
        found: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for one in self.told:
            found[one.role, one.office].update({one.channel: 1, "parts": one.parts})
        return found

    def delays(self) -> list[Delay]:
        """Return the times to a person of all alerts that reached one, the worst first."""
        first: dict[str, Instant] = {}
        for one in self.told:
            if one.kind in NOTICES and not one.informing:
                first[one.alert] = min(one.sent_at, first.get(one.alert, one.sent_at))
        found = [Delay(c, first[c.id] - c.detected_at) for c in self.courses if c.id in first]
        return sorted(found, key=lambda delay: (-delay.length, delay.course.detected_at, delay.course.id))

    def unheard(self) -> list[Course]:
        """Return the alerts of which nobody who must act was told though they were not hidden."""
        reached = {delay.course.id for delay in self.delays()}
        return [course for course in self.courses if not course.hidden and course.id not in reached]
