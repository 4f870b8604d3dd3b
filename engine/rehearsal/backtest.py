"""A backtest: recorded events through the service's own parts on a virtual clock, with nothing sent.

Here: the run, from the door to collecting gateways, and who answers in it. Not here: reading the file
(`rehearsal.recording`), what the run came to (`rehearsal.ledger`), printing (`rehearsal.backtest_report`).

Bounded: of a message one line of the ledger stays; its text and link are forgotten once it is counted. Not bounded: the
store never trims the stream, so about 1.3 KB of each event stay (100,000 events: 220 MB in all, 16 s).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from engine.alerting.alert import NOTICES, Alert, HistoryEntry, Notification
from engine.alerting.command import Answer, Says
from engine.alerting.route import Route
from engine.errors import ConfigurationError
from engine.gsm7 import parts
from engine.judging.instant import Instant, Millis
from engine.judging.region import NATION
from engine.loading.directory import load_directory
from engine.loading.kinds import load_kinds, names_by_language
from engine.loading.regions import load_regions
from engine.metrics import Metrics
from engine.rehearsal.ledger import Course, Kept, Ledger, Received, Told
from engine.rehearsal.observation import UNDONE
from engine.rehearsal.recording import Recording, Request
from engine.rehearsal.replay import AFTERWARDS, Progress
from engine.rehearsal.rig import KEY, Outgoing, Rig
from engine.service.accounts import budgets_of
from engine.service.app import collecting
from engine.service.casebook import LINKS, NOTIFICATIONS
from engine.service.gateways import Gateway
from engine.service.intake import Intake, IntakeResult, KeptLine, RefusedLine
from engine.service.outlets import sms_profile
from engine.service.reload import read_rule_set
from engine.service.rule_sets import RuleSet
from engine.service.tokens import Scope
from engine.settings import Settings
from engine.store.codec import decode, encode
from engine.store.port import Drop, Put, Write
from engine.wording.link import fingerprint, token_for
from engine.wording.render import Renderer
from engine.wording.response import Responses
from engine.wording.texts import load_catalogue

SCOPE = Scope(rights=frozenset(("submit",)), region=NATION, token_id="backtest")  # noqa: S106 -- an id, no secret
"""With what right recorded events come in: a recording does not say by which token, so none may correct for others."""
KEPT = 10
"""So many lines that are no events are named; the others are counted."""
ANSWERED = NOTICES | {"expiry"}


class Backtest:
    """The installation, the events and the span that several rule sets are run over."""

    def __init__(
        self,
        settings: Settings,
        recording: Recording,
        *,
        since: Instant | None = None,
        until: Instant | None = None,
        answer_after: Millis | None = None,
    ) -> None:
        """Read regions, kinds, texts and directory once. Events received in [since, until) are run.

        Without `until` the clock runs on for `AFTERWARDS`. After `answer_after` milliseconds whoever was asked to act
        takes the matter if nobody has, and settles it when asked again; None: nobody answers.
        Raises `ConfigurationError` where there is no event.
        """
        self.settings, self.recording, self.answer_after = settings, recording, answer_after
        self.places = recording.places(since, until)
        if not self.places:
            raise ConfigurationError(f"{recording.file}: no event was received in this span")
        first, last = recording.received_at(self.places[0]), recording.received_at(self.places[-1])
        self.since = first if since is None else since
        self.until = last + AFTERWARDS if until is None else until
        self.regions = load_regions(settings.paths.regions)
        self.kinds = load_kinds(settings.paths.kinds)
        self.directory = load_directory(settings.paths.directory, self.regions).expect()
        catalogue = load_catalogue(settings.paths.templates / "texts.yaml")
        self.responses = Responses(catalogue, self.regions)
        self.gateways = (
            Gateway(route=Route(gateway="sms", channel="sms"), profile=sms_profile(settings)),
            Gateway(route=Route(gateway="email", channel="email")),
        )
        self.renderer = Renderer(
            catalogue,
            names_by_language(self.kinds),
            self.regions,
            base_url=settings.base_url,
            sender=settings.messages.sender,
            templates=settings.paths.templates,
            duty_desk=settings.messages.duty_desk or "",
        )

    def rule_set(self, rules: Path | None = None) -> RuleSet:
        """Read the installation's rules, or those of another folder beside the same policies and calendar."""
        paths = self.settings.paths
        if rules is not None:
            paths = paths.model_copy(update={"rules": rules})
        return read_rule_set(paths, self.regions, self.kinds)

    async def run(
        self, rule_set: RuleSet, shown: Callable[[Progress], None] = lambda _progress: None
    ) -> Ledger:
        """Run the events past a rule set."""
        return await _Run(self, rule_set, shown).run()


class _Run:
    """One rule set, one empty store."""

    def __init__(self, test: Backtest, rule_set: RuleSet, shown: Callable[[Progress], None]) -> None:
        self._test, self._rules, self._shown = test, rule_set, shown
        self._notifiers = collecting(gateway.id for gateway in test.gateways)
        metrics = Metrics()
        self._rig = Rig(
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
        )
        rig = self._rig
        self._door = Intake(rig.store, rig.clock, test.regions, test.kinds, test.settings, metrics)
        self._answers: list[tuple[Instant, str]] = []
        self._received = Received()
        self._told: list[Told] = []
        self._progress = Progress(total=len(test.places))

    async def run(self) -> Ledger:
        await self._rig.replace_directory(self._test.directory)
        most = self._test.settings.http.max_events
        for request in self._test.recording.requests(self._test.places, most):
            await self._reach(request.at)
            await self._submit(request)
            await self._settle()
        await self._reach(self._test.until)
        await self._settle()
        return Ledger(
            rules=len(self._rules.rules),
            since=self._test.since,
            until=self._test.until,
            received=self._received,
            courses=tuple([await self._course(alert) for alert in reversed(await self._rig.desk.alerts())]),
            told=tuple(self._told),
        )

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
        answer = self._answers[0][0] if self._answers else None
        return min((at for at in (due, answer) if at is not None), default=None)

    async def _settle(self) -> None:
        await self._rig.settle()
        await self._collect()
        self._progress.now = self._rig.clock.now()
        self._shown(self._progress)

    # --- in ---

    async def _submit(self, request: Request) -> None:
        body = b"\n".join(line.event for line in request.lines)
        result = await self._door.submit(body, "application/x-ndjson", SCOPE)
        self._progress.sent += len(request.lines)
        self._count(request, result)

    def _count(self, request: Request, result: IntakeResult) -> None:
        counts = self._received
        counts.accepted += result.accepted
        counts.duplicate += result.duplicate
        counts.quarantined += len(result.quarantined)
        counts.rejected += len(result.rejected)
        lines: list[KeptLine | RefusedLine] = [*result.quarantined, *result.rejected]
        for one in lines:
            if len(counts.kept) < KEPT:
                counts.kept.append(Kept(request.lines[one.index].number, one.field, one.reason))

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
            drops.append(Drop(LINKS, fingerprint(token_for(KEY, sent.id, sent.channel))))
        await self._rig.store.write(Write(name="forget", puts=tuple(puts), drops=tuple(drops)))

    def _enter(self, sent: Notification, sms_parts: int) -> None:
        sent_at = self._rig.clock.now() if sent.sent_at is None else sent.sent_at
        self._told.append(
            Told(
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
        if self._test.answer_after is not None and sent.kind in ANSWERED and not sent.informing:
            heapq.heappush(self._answers, (sent_at + self._test.answer_after, sent.id))

    async def _answer(self) -> None:
        """Let those answer whose time has come: they take the matter unless somebody has it already.

        Whoever is asked whether it is still theirs says that it is settled: otherwise no alert would ever end.
        """
        while self._answers and self._answers[0][0] <= self._rig.clock.now():
            _, id_ = heapq.heappop(self._answers)
            record = (await self._rig.store.get(NOTIFICATIONS, [id_]))[0]
            asked = decode(record.value, Notification) if record else None
            case = await self._rig.desk.case(asked.alert) if asked else None
            if asked is None or case is None or not case.alert.unresolved:
                continue
            again = asked.kind == "expiry"
            if case.alert.status == "open" or again:
                says: Says = "resolved" if again else "taken"
                answer = Answer(person=asked.person, says=says, via="link", notification=id_)
                await self._rig.desk.answer(asked.alert, answer)

    # --- what came of it ---

    async def _course(self, alert: Alert) -> Course:
        history = await self._rig.desk.history(alert.id)
        return Course(
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
