"""The service as one object: its parts, how it starts, turns and stops, and its regular upkeep."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial

import structlog

from engine.answers.bounces import BounceMailbox
from engine.answers.callbacks import Callbacks
from engine.answers.links import Links, key_fingerprints
from engine.answers.sms_inbound import Inbound
from engine.answers.test_messages import ContactTrials
from engine.answers.verification import Verifications
from engine.bootstrap import clock_of, history_of, open_store
from engine.clock import Clock, ManualClock
from engine.core.alerting.alert import Notification
from engine.core.alerting.credential import START
from engine.core.judging.instant import DAY, HOUR, MINUTE, Instant, format_duration
from engine.delivery.dispatcher import Dispatcher
from engine.delivery.gateways import GatewayConfig, Gateways, gateway_configs
from engine.delivery.prepaid_credit import EVERY_SECONDS as BALANCES_SECONDS
from engine.delivery.prepaid_credit import PrepaidCredit
from engine.delivery.reply_codes import ReplyCodes
from engine.delivery.send_budgets import budgets_of
from engine.documents.kinds import load_kinds, names_by_language
from engine.documents.regions import load_regions
from engine.errors import ConfigurationError
from engine.escalation.alert_commands import AlertCommands
from engine.escalation.internal_alerts import OWN, InternalAlerts
from engine.escalation.item_retry import ItemRetry
from engine.escalation.silences import Silences
from engine.escalation.timers import AlertTimers
from engine.evaluation.evaluator import Evaluator
from engine.evaluation.evaluator_child import Begin, LogAs
from engine.evaluation.evaluator_process import EvaluatorProcess, scrape_text
from engine.evaluation.poll import WINDOWS
from engine.intake.awas_rules import AwasRules
from engine.intake.backpressure import Admission, hold_of
from engine.intake.outage_monitor import BEAT_SECONDS, OutageMonitor
from engine.intake.sheet_worker import SheetReader
from engine.intake.submission import Intake
from engine.intake.token_rates import TokenRates
from engine.matching.checked import native_alone
from engine.metrics import Metrics
from engine.operations.auditor import EVERY_SECONDS as AUDIT_SECONDS
from engine.operations.auditor import Auditor
from engine.operations.backlog import EVERY_SECONDS as BACKLOG_SECONDS
from engine.operations.backlog import BacklogWatch
from engine.operations.case_archiver import EVERY_SECONDS as CASES_SECONDS
from engine.operations.case_archiver import CaseArchiver
from engine.operations.event_archiver import EVERY_SECONDS as ARCHIVE_SECONDS
from engine.operations.event_archiver import EventArchiver, horizon
from engine.operations.heartbeat import Heartbeat
from engine.operations.retention import EVERY_SECONDS as RETENTION_SECONDS
from engine.operations.retention import Retention
from engine.operations.situation_report import SITUATIONS, Situations
from engine.operations.unreadable_records import EVERY_SECONDS as RECORDS_SECONDS
from engine.operations.unreadable_records import RecordAudit
from engine.people.proposal_records import PROPOSALS
from engine.people.sessions import KnownBrowsers, Sessions
from engine.people.tokens import Tokens
from engine.people.users import Users
from engine.records import alert_lists, quarantine
from engine.records.alert_repository import ALERTS, CLOSINGS, COVERS, OUTBOX, REVEALS
from engine.records.case_archive import CaseArchive, archive_of
from engine.records.rule_sets import RuleSet, first_rule_set_write
from engine.records.runtime_config import SILENCES, RuntimeConfig
from engine.rule_sets.proposals import Proposals
from engine.rule_sets.rollout import RuleSetRollout, previews
from engine.rule_sets.rule_files import EVERY_SECONDS as WATCH_SECONDS
from engine.rule_sets.rule_files import Watch, as_they_lie, files_of, import_directory, read_rule_set
from engine.runtime.keys import Keys, agreed_keys
from engine.runtime.lock_step import LockStep
from engine.runtime.loop_runner import LoopRunner, LoopState
from engine.runtime.worker import Workers
from engine.settings import Settings
from engine.store.archive.events import Archive
from engine.store.port import Store
from engine.texts.answer_link_token import signed_name, token_for
from engine.texts.catalogue import load_catalogue
from engine.texts.render import Renderer
from engine.texts.response import Responses
from notifiers.base import Notifier
from notifiers.collecting import Collecting, CollectingSettings
from notifiers.registry import build, prepaid

log = structlog.get_logger(__name__)


class Upkeep:
    """The parts. `archives`: the store does not end with this process, so that an archive of it is worth having."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        clock: Clock,
        books: RuntimeConfig,
        metrics: Metrics,
        *,
        balances: PrepaidCredit,
        archives: bool,
        past: CaseArchive | None,
        keys: Keys,
    ) -> None:
        self.pulse = OutageMonitor(store, clock, metrics)
        self.own_alerts = InternalAlerts(store, clock, books, metrics)
        self.backlog = BacklogWatch(store, clock, metrics, settings.ops)
        self._auditor = Auditor(
            store,
            clock,
            books,
            metrics,
            Heartbeat(settings.ops.heartbeat_url, clock, metrics),
            backlog=self.backlog,
        )
        self.records = RecordAudit(store, clock, metrics)
        self._retention = Retention(
            store, clock, settings.retention, dedup_days=settings.intake.dedup_days, past=past
        )
        self._balances = balances
        self._books = books
        self._stream_days = settings.archive.stream_days
        self._folder = settings.archive_directory if archives else None
        self._archivist = None
        if self._folder is not None:
            archive = Archive(self._folder, settings.namespace)
            self._archivist = EventArchiver(store, clock, metrics, archive, self._horizon)
        self._cases = None
        if self._folder is not None and past is not None:
            self._cases = CaseArchiver(store, clock, metrics, past, keys, settings.retention)

    def join(self, rota: LoopRunner, *, real: bool) -> None:
        """Enter the loops; `real`: time goes on by itself, else the rota has only what turns in lock-step too."""
        rota.add("auditor", self._auditor.turn, every=AUDIT_SECONDS)
        rota.add("backlog", self.backlog.turn, every=BACKLOG_SECONDS)
        if real:
            rota.add("intake", self.pulse.beat, every=BEAT_SECONDS)
            rota.add("own_alerts", self.own_alerts.turn, schedules=[OWN])
            rota.add("records", self.records.turn, every=RECORDS_SECONDS)
            rota.add("retention", self._retention.turn, every=RETENTION_SECONDS)
        if self._balances.asks:
            rota.add("balances", self._balances.turn, every=BALANCES_SECONDS)
        if self._archivist is not None:
            rota.add("archivist", self._archive, every=ARCHIVE_SECONDS)
        if self._cases is not None:
            rota.add("case_archivist", self._cases.turn, every=CASES_SECONDS)
        if "archivist" in rota:
            log.info("archive", folder=str(self._folder), stream_keeps=format_duration(self._horizon()))

    def release(self) -> None:
        """Let another process archive at once."""
        if self._archivist is not None:
            self._archivist.release()
        if self._cases is not None:
            self._cases.release()

    async def _archive(self) -> int:
        """Turn the archivist, which must know the rules in force to know what they still need."""
        await self._books.follow()
        return 0 if self._archivist is None else await self._archivist.turn()

    def _horizon(self) -> int:
        return horizon(self._books.rule_set.rules.values(), self._stream_days * DAY)


LEAD_POLL_SECONDS = 0.05
BOUNCES_SECONDS = 2.0
"""The maildir of bounces is looked into as often."""
Notifiers = Mapping[str, Notifier]
"""The notifier of each gateway."""
CollectingByChannel = Mapping[str, Collecting]
"""Those of a rehearsal, each to be told how to behave; a gateway has the name of its channel there."""


class Siaga:
    """A service that was opened: its parts, and the life of its loops."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        clock: Clock,
        books: RuntimeConfig,
        keys: Keys,
        outlets: Sequence[GatewayConfig],
        *,
        where: str | None = None,
    ) -> None:
        """Wire the parts. `where` is the server's address: the evaluator then is a process of its own."""
        self.settings = settings
        self._key = key = keys.current
        self.store = store
        self.clock = clock
        self.books = books
        self.metrics = Metrics()
        self.metrics.know_rules(books.rule_set.rules)
        self.tokens = Tokens(store, clock)
        self.users = Users(store, clock)
        self.sessions = Sessions(
            store,
            clock,
            self.users,
            idle=settings.console.idle_minutes * MINUTE,
            longest=settings.console.session_hours * HOUR,
        )
        self.known_browsers = KnownBrowsers(keys)
        self.rates = TokenRates(settings.intake, self.metrics)
        self.intake = Intake(
            store,
            clock,
            books.regions,
            books.kinds,
            settings,
            self.metrics,
            rates=self.rates,
            awas=AwasRules(books),
            admission=Admission(hold_of(settings.roles, real=not isinstance(clock, ManualClock))),
        )
        self.past = archive_of(settings)
        self.desk = AlertCommands(store, clock, books, self.metrics, self.past)
        self.links = Links(store, clock, keys, books)
        self.workers = Workers()
        self.sheets = SheetReader(Workers(), settings)  # of its own: a report does not wait for a what-if
        self.approval = RuleSetRollout(
            store,
            clock,
            books,
            self.metrics,
            max_told=settings.reload.max_told,
            history=history_of(settings, store),
            previews=None if where is None else previews(self.workers, settings, where),
        )
        self.silences = Silences(store, clock, books, self.desk)
        self.proposals = Proposals(
            store,
            clock,
            books,
            self.approval,
            self.silences,
            keys=keys,
            objection=settings.contacts.objection_hours * HOUR,
        )
        self.watch = Watch(
            store,
            clock,
            books,
            self.metrics,
            self.approval,
            self.proposals,
            read=lambda: as_they_lie(settings.paths),
            files=lambda: files_of(settings.paths),
            auto=settings.reload.auto,
            four_eyes=settings.reload.four_eyes,
        )
        self.catalogue = catalogue = load_catalogue(settings.paths.templates / "texts.yaml")
        self.kind_names = names_by_language(books.kinds)
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._where = where
        self._evaluator: Evaluator | EvaluatorProcess = self._own_evaluator()
        self._escalator = AlertTimers(store, clock, self.desk, self.metrics)
        gateways = Gateways(store, clock, self.metrics, [outlet.gateway for outlet in outlets])
        notifiers = build(outlet.notifier for outlet in outlets)
        self.upkeep = Upkeep(
            settings,
            store,
            clock,
            books,
            self.metrics,
            balances=PrepaidCredit(
                prepaid(notifiers),
                {outlet.gateway.id: outlet.low_balance for outlet in outlets},
                store=store,
                clock=clock,
                metrics=self.metrics,
            ),
            archives=where is not None,
            past=self.past,
            keys=keys,
        )
        phones = ReplyCodes(store, keys)
        self.verifications = Verifications(store, books, keys, self.proposals)
        self.inbound = Inbound(
            store,
            clock,
            books,
            self.desk,
            self.metrics,
            phones=phones,
            responses=Responses(catalogue, books.regions),
            verifications=self.verifications,
            contacts=self.proposals.contacts,
        )
        renderer = Renderer.of(settings, catalogue, self.kind_names, books.regions, partial(signed_name, key))
        past = history_of(settings, store)
        self.situations = Situations(store, clock, books, self.metrics, renderer, past, settings.situation.to)
        self.dispatcher = Dispatcher(
            store,
            clock,
            books,
            self.desk,
            self.metrics,
            renderer=renderer,
            gateways=gateways,
            notifiers=notifiers,
            phones=phones,
            key=key,
            budgets=budgets_of(settings.budgets),
            in_order=settings.clock.mode == "lock_step",
        )
        self.trials = ContactTrials(
            books,
            clock,
            self.dispatcher,
            catalogue,
            self.verifications,
            base_url=settings.base_url,
            sender=settings.messages.sender,
        )
        self.reports = self.dispatcher.reports
        setbacks = partial(ItemRetry, store=store, clock=clock, metrics=self.metrics)
        self.callbacks = Callbacks(
            {outlet.gateway.id: outlet.caller for outlet in outlets if outlet.caller is not None},
            clock,
            reports=self.reports,
            inbound=self.inbound,
            receipts=self.dispatcher.receipts,
            setbacks=setbacks("callbacks"),
        )
        maildir = settings.gateways.smtp.bounces
        self.postbox = BounceMailbox(self.reports, self.metrics, keys, maildir, setbacks=setbacks("bounces"))
        self._rota = LoopRunner((), store=store, clock=clock, metrics=self.metrics)
        self._lock_step: LockStep | None = None
        if isinstance(clock, ManualClock):
            turns = (
                self._escalator.lift,
                self._evaluator.turn,
                self.upkeep.own_alerts.turn,
                self._escalator.turn,
                self.proposals.turn,
                self.situations.turn,
                self.dispatcher.turn,
            )
            self._lock_step = LockStep(store, clock, turns, self.next_due)

    @property
    def where(self) -> str:
        """The address of the store's server; empty where the store is no server's."""
        return self._where or ""

    def answer_token(self, notification: Notification) -> str:
        """Return the token of the link by which the person of a notification answers."""
        return token_for(self._key, notification.id, notification.channel)

    def _own_evaluator(self) -> Evaluator | EvaluatorProcess:
        """Return the evaluator: a child process over a server, one in this process over a store of this process."""
        if self._where is not None:
            return EvaluatorProcess(self._begin, self.clock)
        return Evaluator(self.store, self.clock, self.books, self.metrics, native_alone, holder=self._holder)

    def _begin(self) -> Begin:
        return Begin(
            where=self.where,
            namespace=self.settings.namespace,
            holder=self._holder,
            accept_weaker_durability=self.settings.redis.accept_weaker_durability,
            wait_replicas=self.settings.redis.wait_replicas,
            archive=None if self.settings.archive_directory is None else str(self.settings.archive_directory),
            log=LogAs(self.settings.log.level, self.settings.log.format),
            now=self.clock.now(),
            regions=tuple(self.books.regions),
            routes=self.books.routes,
        )

    async def exposition(self) -> bytes:
        """Return the metrics of all processes of this service as Prometheus scrapes them."""
        further = await self._evaluator.samples() if isinstance(self._evaluator, EvaluatorProcess) else ()
        return scrape_text(self.metrics.registry, further)

    def loops(self) -> Mapping[str, LoopState]:
        """Return when each loop last turned and within what it must turn again."""
        return self._rota.states

    async def next_due(self) -> Instant | None:
        """Return the earliest instant at which something falls due though nothing arrives."""
        due = [
            await self.store.next_due(schedule)
            for schedule in (
                REVEALS,
                SILENCES,
                COVERS,
                CLOSINGS,
                WINDOWS,
                OWN,
                ALERTS,
                PROPOSALS,
                SITUATIONS,
                OUTBOX,
            )
        ]
        return min((instant for instant in due if instant is not None), default=None)

    async def advance(self, until: Instant) -> None:
        """In lock-step: settle everything up to `until`. Raises `ConfigurationError` under a real clock."""
        if self._lock_step is None:
            raise ConfigurationError("clock.mode is real: time cannot be advanced")
        while not await self._evaluator.lead():
            await self.store.wait((), LEAD_POLL_SECONDS)  # the lease of a killed process ends within seconds
        await self._lock_step.advance(until)

    async def run(self) -> None:
        """Run the loops of this process's roles until cancelled."""
        self._rota = self.rota_of(self.settings.roles)
        if self._lock_step is not None:
            await self.dispatcher.recover()
        await self._rota.run()

    async def close(self) -> None:
        """Give the lease back and let go of the gateways."""
        await self.workers.close()
        await self.sheets.close()
        await self._evaluator.stand_down()
        self.upkeep.release()
        await self.dispatcher.close()

    def rota_of(self, roles: Collection[str]) -> LoopRunner:
        """Return the loops of some roles; in lock-step those that time itself turns are none."""
        rota = LoopRunner(roles, store=self.store, clock=self.clock, metrics=self.metrics)
        real = self._lock_step is None
        self.upkeep.join(rota, real=real)
        if real:
            judging = {"schedules": [CLOSINGS, WINDOWS], "of": self._evaluator}
            rota.add("evaluator", self._evaluate, channels=["entries"], **judging)
            rota.add("escalator", self._escalator.turn, schedules=[REVEALS, SILENCES, COVERS, ALERTS])
            rota.add("dispatcher", self.dispatcher.turn, schedules=[OUTBOX], of=self.dispatcher)
            rota.add("proposals", self.proposals.turn, schedules=[PROPOSALS])
            rota.add("situations", self.situations.turn, schedules=[SITUATIONS])
            rota.add("rules", self.watch.turn, every=WATCH_SECONDS)
        if self.settings.gateways.smtp.bounces is not None:
            rota.add("bounces", self.postbox.turn, every=BOUNCES_SECONDS)
        return rota

    async def _evaluate(self) -> int:
        """Turn the evaluator, which may judge that reports stayed away only after it was told of our own outages."""
        await self.upkeep.pulse.look()
        came = self.intake.admission.came
        found = await self._evaluator.turn()
        if not self._evaluator.more:
            self.intake.admission.judged(came)
        return found


async def open_siaga(
    settings: Settings, stack: AsyncExitStack, *, store: Store | None = None, clock: Clock | None = None
) -> Siaga:
    """Open the store (an embedded server where none is named), read the books, and wire the service.

    What was opened is let go of by `stack`, last in first out. A `store` or `clock` given is used as it is: rehearsals
    and tests.
    """
    where = None
    if store is None:
        where, store = await open_store(settings, stack)
    regions = load_regions(settings.paths.regions)
    kinds = load_kinds(settings.paths.kinds)
    clock = clock or await clock_of(settings, store)
    keys = await agreed_keys(store, settings.key_file, os.environ)
    outlets = gateway_configs(settings, os.environ)
    books = RuntimeConfig(
        store,
        namespace=settings.namespace,
        regions=regions,
        kinds=kinds,
        rule_set=RuleSet({}, {}),
        routes=tuple(outlet.gateway.route for outlet in outlets),
    )
    await alert_lists.build(store)
    await quarantine.build(store)
    await key_fingerprints(store, keys)
    if not (await books.follow()).rule_set:
        await store.write(first_rule_set_write(read_rule_set(settings.paths, regions, kinds), clock.now()))
        await books.follow()
    await import_directory(books, settings.paths, clock.now(), START, replace=False)
    siaga = Siaga(settings, store, clock, books, keys, outlets, where=where)
    stack.push_async_callback(siaga.close)
    return siaga


def collecting_gateways(channels: Iterable[str]) -> dict[str, Collecting]:
    """Return gateways by channel that keep what they are given, for rehearsals."""
    return {channel: Collecting(CollectingSettings(channel=channel)) for channel in channels}
