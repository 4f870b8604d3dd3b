"""A backtest: recorded events through the service's own parts on a virtual clock; nothing is sent.

`Backtest` runs a rule set over a feed, and the `Ledger` holds the alerts and messages of that run. Memory is bounded:
judged events go to an archive in a temporary folder after a day. An alert that nothing can change any more keeps its
course, and a message keeps one line of the ledger.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from engine.app import collecting_gateways
from engine.core.alerting.alert import NOTICES, Alert, HistoryEntry, NoticeKind, Notification
from engine.core.alerting.directory import Contents
from engine.core.alerting.gateway_route import Route
from engine.core.alerting.policy import Channel
from engine.core.judging.event import Event
from engine.core.judging.instant import DAY, Instant, Millis
from engine.core.judging.region import NATION
from engine.core.judging.rule import Rule
from engine.core.judging.window import kept_for
from engine.delivery.gateways import Gateway, sms_profile
from engine.delivery.send_budgets import budgets_of
from engine.documents.directory import load_directory
from engine.documents.kinds import load_kinds, names_by_language
from engine.documents.regions import load_regions
from engine.escalation.alert_commands import AlertCommands
from engine.gsm7 import parts
from engine.intake.submission import Intake, IntakeResult, KeptLine, RefusedLine
from engine.metrics import Metrics
from engine.operations.event_archiver import EventArchiver
from engine.people.tokens import ANY_DESK, Scope
from engine.records.alert_repository import LINKS, NOTIFICATIONS, history_log
from engine.records.rule_sets import RuleSet
from engine.rule_sets.rule_files import read_rule_set
from engine.settings import Settings
from engine.simulation.feed import AcceptedEvent, Feed, FeedRequest, Other
from engine.simulation.recorder import UNDONE
from engine.simulation.replay import AFTERWARDS, ReplayProgress
from engine.simulation.respondents import Nobody, Punctual, Recalled, RecordedAnswers
from engine.simulation.simulator import KEY, NAMESPACE, Outgoing, Simulator
from engine.store.archive.events import Archive
from engine.store.codec import decode, encode
from engine.store.memory import MemoryStore
from engine.store.port import Drop, Put, Write
from engine.texts.answer_link_token import token_fingerprint, token_for
from engine.texts.catalogue import load_catalogue
from engine.texts.render import Renderer
from engine.texts.response import Responses


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


SCOPE = Scope(
    rights=frozenset(("submit",)),
    region=NATION,
    token_id="backtest",  # noqa: S106 -- an id, no secret
    kind="service",
    desks=(ANY_DESK,),
)
"""With what right recorded events come in: from any desk, and none may correct for others."""
KEPT = 10
"""So many lines that are no events are named; the others are counted."""
TIDIED = 5_000
"""After so many events what was judged leaves memory ..."""
IN_MEMORY = DAY
"""... but for that of so many milliseconds, since most corrections come soon; others are found in the archive."""

_EVENT = msgspec.json.Decoder(Event)


class Backtest:
    """The installation, the events and the span that several rule sets are run over."""

    def __init__(
        self,
        settings: Settings,
        feed: Feed,
        *,
        since: Instant | None = None,
        until: Instant | None = None,
        answers: Millis | Sequence[Recalled] | None = None,
        directory: Contents | None = None,
    ) -> None:
        """Read regions, kinds, texts and directory once.

        The rules watch from `since`, else from the first event; the clock stops at `until`, else `AFTERWARDS` behind
        the last one. `answers` milliseconds after a message whoever must act takes the matter if nobody has, and
        settles it when asked again; or people say what they once said; None: nobody answers. `directory` stands in for
        the file.
        """
        self.settings, self.feed, self._answers = settings, feed, answers
        self.since = feed.first if since is None else since
        self.until = feed.last + AFTERWARDS if until is None else until
        self.regions = load_regions(settings.paths.regions)
        self.kinds = load_kinds(settings.paths.kinds)
        self.directory = directory or load_directory(settings.paths.directory, self.regions).expect()
        catalogue = load_catalogue(settings.paths.templates / "texts.yaml")
        self.responses = Responses(catalogue, self.regions)
        self.gateways = (
            Gateway(route=Route(gateway="sms", channel="sms"), profile=sms_profile(settings)),
            Gateway(route=Route(gateway="email", channel="email")),
        )
        self.renderer = Renderer.of(settings, catalogue, names_by_language(self.kinds), self.regions)

    def rule_set(self, rules: Path | None = None) -> RuleSet:
        """Read the installation's rules, or those of another folder beside the same policies and calendar."""
        paths = self.settings.paths
        if rules is not None:
            paths = paths.model_copy(update={"rules": rules})
        return read_rule_set(paths, self.regions, self.kinds)

    def respondents(self) -> Nobody:
        """Return those who answer in one run."""
        if self._answers is None:
            return Nobody()
        return Punctual(self._answers) if isinstance(self._answers, int) else RecordedAnswers(self._answers)

    async def run(
        self, rule_set: RuleSet, shown: Callable[[ReplayProgress], None] = lambda _progress: None
    ) -> Ledger:
        """Run the events past a rule set."""
        with TemporaryDirectory(prefix="siaga-backtest-") as folder:
            return await _Run(self, rule_set, shown, Path(folder)).run()


class _Run:
    """One rule set, one empty store, and a folder for what leaves that."""

    def __init__(
        self, test: Backtest, rule_set: RuleSet, shown: Callable[[ReplayProgress], None], folder: Path
    ) -> None:
        self._test, self._rules, self._shown = test, rule_set, shown
        self._notifiers = collecting_gateways(gateway.id for gateway in test.gateways)
        metrics = Metrics()
        archive = Archive(folder, NAMESPACE, durable=False)
        self._rig = Simulator(
            rules=rule_set.rules.values(),
            policies=rule_set.policies,
            start=test.since,
            regions=test.regions,
            metrics=metrics,
            outgoing=Outgoing(
                test.renderer,
                test.responses,
                self._notifiers,
                test.gateways,
                budgets_of(test.settings.budgets),
            ),
            calendar=rule_set.calendar,
            archive=archive,
        )
        rig = self._rig
        self._archivist = EventArchiver(rig.store, rig.clock, metrics, archive, lambda: IN_MEMORY, waits=0)
        self._door = Intake(rig.store, rig.clock, test.regions, test.kinds, test.settings, metrics)
        self._bygone = Bygone(rig.store, rig.desk, rule_set.rules)
        self._respondents = test.respondents()
        self._received = Received()
        self._told: list[RecordedMessage] = []
        self._progress = ReplayProgress(total=test.feed.total)
        self._tidied = 0

    async def run(self) -> Ledger:
        await self._rig.replace_directory(self._test.directory)
        most = self._test.settings.http.max_events
        async for request in self._test.feed.requests(most):
            await self._reach(request.at)
            await self._submit(request)
            await self._settle()
            await self._tidy()
        await self._reach(self._test.until)
        await self._settle()
        self._archivist.release()
        return Ledger(
            rules=len(self._rules.rules),
            since=self._test.since,
            until=self._test.until,
            received=self._received,
            courses=await self._bygone.courses(),
            told=tuple(self._told),
        )

    async def _tidy(self) -> None:
        """Bring what was judged into the archive from time to time, and let go of what nothing can change."""
        if self._progress.sent - self._tidied < TIDIED:
            return
        self._tidied = self._progress.sent
        while await self._archivist.turn():
            pass
        await self._bygone.let_go(self._rig.clock.now(), self._respondents.awaits)

    # --- time ---

    async def _reach(self, instant: Instant) -> None:
        """Let everything before an instant happen, answers among it, and stand at the instant."""
        while (stop := await self._next_stop()) is not None and stop < instant:
            await self._rig.reach(stop)
            await self._answer()
            await self._settle()
        await self._rig.reach(instant)
        await self._answer()

    async def _next_stop(self) -> Instant | None:
        due = await self._rig.next_due()
        return min((at for at in (due, self._respondents.next_at()) if at is not None), default=None)

    async def _settle(self) -> None:
        await self._rig.settle()
        await self._collect()
        self._progress.now = self._rig.clock.now()
        self._shown(self._progress)

    # --- in ---

    async def _submit(self, request: FeedRequest | AcceptedEvent | Other) -> None:
        match request:
            case FeedRequest():
                body = b"\n".join(line.event for line in request.lines)
                self._count(request, await self._door.submit(body, "application/x-ndjson", SCOPE))
                self._progress.sent += len(request.lines)
            case AcceptedEvent():
                await self._rig.receive([_EVENT.decode(value) for value in request.values], request.at)
                self._received.accepted += len(request.values)
                self._progress.sent += len(request.values)
            case Other():
                await self._rig.store.append_entry(request.type, request.value, request.at)

    def _count(self, request: FeedRequest, result: IntakeResult) -> None:
        counts = self._received
        counts.accepted += result.accepted
        counts.duplicate += result.duplicate
        counts.quarantined += len(result.quarantined)
        counts.rejected += len(result.rejected)
        lines: list[KeptLine | RefusedLine] = [*result.quarantined, *result.rejected]
        for one in lines:
            if len(counts.kept) < KEPT:
                counts.kept.append(KeptCourse(request.lines[one.index].number, one.field, one.reason))

    # --- out ---

    async def _collect(self) -> None:
        """Enter what the gateways took into the ledger, and forget its text and link."""
        taken = [message for gateway in self._notifiers.values() for message in gateway.accepted]
        if not taken:
            return
        for gateway in self._notifiers.values():
            gateway.accepted.clear()
        records = await self._rig.store.get(NOTIFICATIONS, [message.id for message in taken])
        puts, drops = [], []
        for message, record in zip(taken, records, strict=True):
            if record is None:  # a reply to a text; nobody texts in a backtest
                continue
            sent = decode(record.value, Notification)
            self._enter(sent, parts(message.text) if message.channel == "sms" else 0)
            slim = msgspec.structs.replace(sent, rendered=None)
            puts.append(Put(NOTIFICATIONS, sent.id, encode(slim), record.version))
            drops.append(Drop(LINKS, token_fingerprint(KEY, token_for(KEY, sent.id, sent.channel))))
        await self._rig.store.write(Write(name="forget", puts=tuple(puts), drops=tuple(drops)))

    def _enter(self, sent: Notification, sms_parts: int) -> None:
        sent_at = self._rig.clock.now() if sent.sent_at is None else sent.sent_at
        self._told.append(
            RecordedMessage(
                alert=sent.alert,
                kind=sent.kind,
                step=sent.step,
                person=sent.person,
                role=sent.role,
                office=sent.office,
                channel=sent.channel,
                informing=sent.informing,
                sent_at=sent_at,
                parts=sms_parts,
            )
        )
        self._respondents.told(sent, sent_at)

    async def _answer(self) -> None:
        await self._respondents.answer(self._rig.store, self._rig.desk, self._rig.clock.now())
