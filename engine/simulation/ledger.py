"""The ledger of a backtest: which alerts there were, and which messages would have gone out.

Messages of alerts that nothing can change any more are dropped from memory.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping

import msgspec

from engine.core.alerting.alert import NOTICES, Alert, HistoryEntry, NoticeKind
from engine.core.alerting.policy import Channel
from engine.core.judging.instant import DAY, Instant, Millis
from engine.core.judging.rule import Rule
from engine.core.judging.window import kept_for
from engine.escalation.alert_commands import AlertCommands
from engine.records.alert_repository import NOTIFICATIONS, history_log
from engine.simulation.recorder import UNDONE
from engine.store.memory import MemoryStore
from engine.store.port import Drop, Write


class AlertCourse(msgspec.Struct, frozen=True, kw_only=True):
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


class RecordedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message that a gateway took: about which alert, to whom, when; `parts` is 0 where it is no SMS.

    `person` is the opaque id that pairs the messages of two runs; it is never printed. `role` is empty for a person
    whom a policy names directly.
    """

    alert: str
    kind: NoticeKind
    step: int
    person: str
    role: str
    office: str
    channel: Channel
    informing: bool
    sent_at: Instant
    parts: int = 0


class KeptCourse(msgspec.Struct, frozen=True):
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
    kept: list[KeptCourse] = []

    @property
    def whole(self) -> bool:
        """Whether every line was an event."""
        return not self.quarantined and not self.rejected


class Delay(msgspec.Struct, frozen=True):
    """How long an alert was known before the first person who must act was told."""

    course: AlertCourse
    length: Millis


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """What a run over [since, until] came to."""

    rules: int
    since: Instant
    until: Instant
    received: Received
    courses: tuple[AlertCourse, ...]
    told: tuple[RecordedMessage, ...]

    def told_of(self) -> Mapping[str, list[RecordedMessage]]:
        """Return the messages by alert."""
        found: defaultdict[str, list[RecordedMessage]] = defaultdict(list)
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

    def unheard(self) -> list[AlertCourse]:
        """Return the alerts of which nobody who must act was told though they were not hidden."""
        reached = {delay.course.id for delay in self.delays()}
        return [course for course in self.courses if not course.hidden and course.id not in reached]


class Bygone:
    """The courses of the alerts of a run, those among them that nothing can change any more without their messages."""

    def __init__(self, store: MemoryStore, desk: AlertCommands, rules: Mapping[str, Rule]) -> None:
        """Take the store and the desk of a run, and its rules, which say how far they reach back."""
        self._store = store
        self._desk = desk
        self._reach = {id_: kept_for(rule.condition) + rule.late_horizon + DAY for id_, rule in rules.items()}
        self._courses: dict[str, AlertCourse] = {}

    async def let_go(self, now: Instant, awaits: Callable[[Alert], bool] = lambda _alert: False) -> None:
        """Forget messages and histories of the alerts that have been resolved for longer than anything reaches back.

        Those are kept of which somebody will say something yet, as `awaits` says: a closing may be withdrawn late.
        The alerts themselves stay: a group learns of a closing by hand only when it is judged again.
        """
        for alert in await self._desk.alerts():
            if alert.id in self._courses or alert.resolved_at is None or awaits(alert):
                continue
            if alert.resolved_at + self._reach[alert.rule.id] < now:
                self._courses[alert.id] = await self._course(alert)
                drops = tuple(Drop(NOTIFICATIONS, id_) for id_ in alert.notifications)
                await self._store.write(Write(name="forget", drops=drops))
                self._store.forget_log(history_log(alert.id))

    async def courses(self) -> tuple[AlertCourse, ...]:
        """Return the courses of all alerts, in the order in which they were detected."""
        alerts = reversed(await self._desk.alerts())
        return tuple([self._courses.get(alert.id) or await self._course(alert) for alert in alerts])

    async def _course(self, alert: Alert) -> AlertCourse:
        history = await self._desk.history(alert.id)
        return AlertCourse(
            id=alert.id,
            rule=alert.rule.id,
            group=alert.group,
            ordinal=alert.ordinal,
            level=alert.level,
            happened_at=_happened_at(alert, history),
            detected_at=alert.detected_at,
            hidden=any(entry.name == "hidden" for entry in history[:2]),
            closed_at=alert.resolved_at,
            reason=alert.resolved_reason,
            undone=alert.resolved_reason in UNDONE or any(entry.name == "corrected" for entry in history),
        )


def _happened_at(alert: Alert, history: Iterable[HistoryEntry]) -> Instant:
    """Return when the opening happened, as last dated; a closed alert is re-dated in its history only."""
    dated = [int(entry.details["happened_at"]) for entry in history if entry.name == "redated"]
    return dated[-1] if dated else alert.happened_at
