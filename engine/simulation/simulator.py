"""The simulator: the parts of the service on a memory store and a manual clock, driven step by step.

Specification: docs/specification/tests.md#policy-tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

import msgspec

from engine.answers.links import Links
from engine.answers.sms_inbound import Inbound
from engine.answers.verification import Verifications
from engine.app import Notifiers
from engine.clock import ManualClock
from engine.core.alerting.budget import Budgets
from engine.core.alerting.case_editor import NO_STAGES
from engine.core.alerting.credential import SIMULATION
from engine.core.alerting.directory import Contents
from engine.core.alerting.policy import Policy
from engine.core.judging.calendar import Calendar
from engine.core.judging.event import Event
from engine.core.judging.group_key import GroupKey
from engine.core.judging.group_state import Circumstances, Gap
from engine.core.judging.instant import DAY, Instant, Millis
from engine.core.judging.region import RegionTable
from engine.core.judging.rule import Rule
from engine.delivery.dispatcher import Dispatcher
from engine.delivery.gateways import Gateway, Gateways
from engine.delivery.reply_codes import ReplyCodes
from engine.documents.calendar import load_calendar
from engine.documents.kinds import EventKind, load_kinds
from engine.documents.regions import load_regions
from engine.escalation.alert_commands import AlertCommands
from engine.escalation.silences import Silences
from engine.escalation.timers import AlertTimers
from engine.evaluation.evaluator import Evaluator
from engine.evaluation.group_context import REAL
from engine.evaluation.poll import WINDOWS
from engine.intake.event_schema import identity_of
from engine.matching.checked import native_alone
from engine.metrics import Metrics
from engine.records.alert_repository import ALERTS, CLOSINGS, COVERS, OUTBOX, REVEALS
from engine.records.outages import append_gap
from engine.records.rule_sets import Proposal, RuleSet, at_once
from engine.records.runtime_config import SILENCES, RuntimeConfig
from engine.runtime.keys import Keys
from engine.runtime.lock_step import LockStep, LoopTurn
from engine.settings import DEFAULT_FILE, Settings, load, names
from engine.store.archive.events import Archive
from engine.store.archive.history import EventHistory
from engine.store.memory import MemoryStore
from engine.store.port import Arrival
from engine.texts.catalogue import Catalogue, load_catalogue
from engine.texts.render import Renderer
from engine.texts.response import Responses

SHIPPED = Path(__file__).resolve().parent.parent.parent
"""The folder that holds `config/` and `templates/` of the sources."""


class TestInstallation:
    """Reads what tests need when one first needs it: a rule test needs nothing of it but the calendar."""

    def __init__(self, config: Path = DEFAULT_FILE, settings: Settings | None = None) -> None:
        """Take the settings of the file, or those of an installation that has read them already."""
        self.config = config if config.exists() else SHIPPED / DEFAULT_FILE
        self._settings = settings
        self._renderers: dict[tuple[int, str, str], tuple[RegionTable, Renderer]] = {}

    @cached_property
    def settings(self) -> Settings:
        """The settings of the installation, without what the environment says."""
        return self._settings or load(self.config)

    @cached_property
    def settings_names(self) -> frozenset[str]:
        """The dotted names of all settings."""
        return frozenset(names())

    @cached_property
    def regions(self) -> RegionTable:
        """The shipped table of regions."""
        return load_regions(self.settings.paths.regions)

    @cached_property
    def calendar(self) -> Calendar:
        """The shipped calendar."""
        path = self.settings.paths.calendar
        return load_calendar(path).expect() if path.exists() else NO_STAGES

    @cached_property
    def kinds(self) -> Mapping[str, EventKind]:
        """The kinds of events and their names."""
        return load_kinds(self.settings.paths.kinds)

    @cached_property
    def catalogue(self) -> Catalogue:
        """The texts of messages."""
        return load_catalogue(self.settings.paths.templates / "texts.yaml")

    def responses(self, regions: RegionTable) -> Responses:
        """Return the words of replies about these regions."""
        return Responses(self.catalogue, regions)

    def overridden(self, overrides: Mapping[str, str]) -> Settings:
        """Return the settings with others in their place; raise `ConfigurationError` where one is unusable."""
        return load(self.config, overrides=[f"{name}={value}" for name, value in overrides.items()])

    def renderer(self, regions: RegionTable, settings: Settings) -> Renderer:
        """Return what renders messages about these regions, made once for each of them."""
        key = id(regions), settings.base_url, settings.messages.sender
        if key not in self._renderers:
            renderer = Renderer(
                self.catalogue,
                {code: {"id": kind.id, "en": kind.en} for code, kind in self.kinds.items()},
                regions,
                base_url=settings.base_url,
                sender=settings.messages.sender,
                templates=settings.paths.templates,
            )
            self._renderers[key] = regions, renderer
        return self._renderers[key][1]


NAMESPACE = "rehearsal"
KEY = b"rehearsal: this key opens nothing"
TURNS_AT_MOST = 10_000


class Outgoing(msgspec.Struct, frozen=True):
    """How messages leave in a test, and how texts come in: the words, the gateways and their notifiers by name."""

    renderer: Renderer
    responses: Responses
    notifiers: Notifiers
    gateways: tuple[Gateway, ...]
    budgets: Budgets


class Simulator:
    """One service for one test. Without `outgoing` nothing is ever sent."""

    def __init__(
        self,
        *,
        rules: Iterable[Rule],
        policies: Mapping[str, Policy],
        start: Instant,
        regions: RegionTable,
        metrics: Metrics,
        outgoing: Outgoing | None = None,
        watched_since: Instant | None = None,
        calendar: Calendar = NO_STAGES,
        archive: Archive | None = None,
        store: MemoryStore | None = None,
    ) -> None:
        """Wire the parts around an empty store. The rules watch from `watched_since` on, else from `start`.

        `archive` is where events are found that were trimmed from the store; nothing is archived by itself. `store` is
        one that is empty too, for who wants to see its writes.
        """
        self.store = MemoryStore() if store is None else store
        self._history = EventHistory(self.store, archive)
        self.clock = ManualClock(start)
        self.watched_since = start if watched_since is None else watched_since
        self._metrics = metrics
        self._outgoing = outgoing
        rule_set = RuleSet({rule.id: rule for rule in rules}, policies, calendar)
        self.books = RuntimeConfig(
            self.store, namespace=NAMESPACE, regions=regions, kinds={}, rule_set=rule_set
        )
        self.desk = AlertCommands(self.store, self.clock, self.books, metrics)
        self.links = Links(self.store, self.clock, Keys(KEY), self.books)
        self.silences = Silences(self.store, self.clock, self.books, self.desk)
        self.phones = ReplyCodes(self.store, Keys(KEY))
        self._gateways = Gateways(
            self.store, self.clock, metrics, outgoing.gateways if outgoing is not None else ()
        )
        self.books.routes = self._gateways.routes
        self._begin()

    def _begin(self) -> None:
        """Make the loops anew, as a process that starts does: whatever they remembered is gone."""
        self._evaluator = Evaluator(
            self.store,
            self.clock,
            self.books,
            self._metrics,
            native_alone,
            holder="rehearsal",
            watched_since=self.watched_since,
            history=self._history,
            spares=False,
        )
        escalator = AlertTimers(self.store, self.clock, self.desk, self._metrics)
        turns: list[LoopTurn] = [escalator.lift, self._evaluator.turn, escalator.turn]
        if self._outgoing is not None:
            dispatcher = Dispatcher(
                self.store,
                self.clock,
                self.books,
                self.desk,
                self._metrics,
                renderer=self._outgoing.renderer,
                gateways=self._gateways,
                notifiers=self._outgoing.notifiers,
                phones=self.phones,
                key=KEY,
                budgets=self._outgoing.budgets,
                in_order=True,
            )
            turns.append(dispatcher.turn)
            self.reports = dispatcher.reports
            self.inbound = Inbound(
                self.store,
                self.clock,
                self.books,
                self.desk,
                self._metrics,
                phones=self.phones,
                responses=self._outgoing.responses,
                verifications=Verifications(self.store, self.books, Keys(KEY)),
            )
        self._lock_step = LockStep(self.store, self.clock, turns, self.next_due)

    async def next_due(self) -> Instant | None:
        """Return the earliest instant at which something falls due though nothing is done."""
        schedules = (
            REVEALS,
            SILENCES,
            COVERS,
            CLOSINGS,
            WINDOWS,
            ALERTS,
            *((OUTBOX,) if self._outgoing is not None else ()),
        )
        due = [at for schedule in schedules if (at := await self.store.next_due(schedule)) is not None]
        return min(due, default=None)

    def around(self, rule: Rule, group: str) -> Circumstances:
        """Return the circumstances of a group of a rule, as judging has them."""
        return self._evaluator.around(GroupKey(REAL, rule.id, group), rule)

    # --- time ---

    async def reach(self, instant: Instant) -> None:
        """Settle everything before an instant, then let the clock stand at it, with nothing of it done yet."""
        if self.clock.now() < instant:
            await self._lock_step.advance(instant - 1)
        self.clock.set(instant)

    async def settle(self) -> None:
        """Do everything that is due by now."""
        await self._lock_step.advance(self.clock.now())

    async def judge(self) -> None:
        """Judge what came in, so that acts later in the list of this instant find what earlier ones led to."""
        for _ in range(TURNS_AT_MOST):
            if not await self._evaluator.turn():
                return

    # --- acts ---

    async def receive(self, events: Iterable[Event], at: Instant) -> None:
        """Let events come in as one request at an instant."""
        arrivals = [_arrival(event) for event in events]
        await self.store.append(arrivals, at, at // DAY)

    async def replace_directory(self, contents: Contents) -> None:
        """Put a whole new directory in force."""
        await self.books.replace_directory(contents, self.clock.now(), SIMULATION)

    async def restart(
        self, down_for: Millis, meanwhile: Iterable[tuple[Instant, Sequence[Event]]] = ()
    ) -> None:
        """Stop the service and start it again after so many milliseconds, on the same store.

        `meanwhile` are requests received while it was down; nothing of them is judged before it is back.
        """
        await self._evaluator.stand_down()
        stopped = self.clock.now()
        self.clock.set(stopped + down_for)
        for at, events in meanwhile:
            await self.receive(events, at)
        if down_for:
            await append_gap(self.store, Gap(since=stopped, until=self.clock.now()))
        self._begin()

    async def reload(self, rules: Iterable[Rule], policies: Mapping[str, Policy]) -> None:
        """Put another rule set in force, after all that came in so far."""
        new = {rule.id: rule for rule in rules}
        named = {rule.escalate: policies[rule.escalate] for rule in new.values() if rule.escalate in policies}
        rule_set = RuleSet(new, {**policies, **named}, self.books.rule_set.calendar)
        proposal = Proposal(rule_set=rule_set.id, author="penulis", approved_by="penyetuju")
        await self.store.write(at_once(rule_set, proposal, self.clock.now()))
        await self.judge()


def _arrival(event: Event) -> Arrival:
    value = msgspec.json.encode(event)
    digest = blake2b(value, digest_size=8).digest()
    return Arrival(identity=identity_of(event.desk, event.id), content=digest, value=value)
