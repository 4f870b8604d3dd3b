"""Reports on the situation: twice a day, by letter, to the offices that the settings name.

Here: when each is due, what the store says of the period, and planning the letters. Not here: what counts as what
(`core.alerting.situation`), words (`texts.situation`), and sending: a letter waits in the outbox like a reply
(`delivery.replies`). The id of a letter follows from its contact and its instant, and it is planned in one write with
the next report: so neither a restart nor a second process sends one twice, and none is lost. What was due while the
service was away is told once, of the last instant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from email.utils import format_datetime
from typing import NamedTuple

import msgspec
import structlog

from engine.clock import Clock
from engine.core.alerting.alert import Notification, Rendered
from engine.core.alerting.directory import FoundHolder, Person
from engine.core.alerting.ids import derive
from engine.core.alerting.phone_list import Callee, callees
from engine.core.alerting.situation import REPORT_AT, Period, Situation, SituationRemainder, below, situation
from engine.core.judging.instant import Instant, last_local, local, next_local
from engine.core.judging.region import NATION, RegionTable, cut, lies_in
from engine.intake.event_schema import GRAVE
from engine.metrics import Metrics
from engine.records.alert_repository import NOTIFICATIONS, OUTBOX, UNRESOLVED, load
from engine.records.audit_log import AUDIT
from engine.records.quarantine import Quarantined, all_of
from engine.records.runtime_config import RuntimeConfig
from engine.records.statistics import Census, take
from engine.store.archive.history import EventHistory
from engine.store.codec import encode
from engine.store.port import Committed, Plan, Put, Store, Write
from engine.texts.render import Renderer

SITUATIONS = "situation_reports"
"""Schedule of the next report of each recipient, as `role|region`."""
BATCH = 100

log = structlog.get_logger(__name__)


class _Reported(msgspec.Struct, frozen=True):
    region: str = NATION
    exercise: bool = False


class SeenSituation(NamedTuple):
    """What was read of the store, for all regions; `events` by period, then by region."""

    census: Census
    aside: list[Quarantined]
    callees: list[Callee]
    mark: str
    events: dict[Period, Counter[str]]


class Situations:
    """Reports the situation. `to` are the offices: `role@nation`, `role@province` (of each), `role@73`."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        books: RuntimeConfig,
        metrics: Metrics,
        renderer: Renderer,
        history: EventHistory,
        to: Sequence[str],
    ) -> None:
        self._store = store
        self._clock = clock
        self._books = books
        self._metrics = metrics
        self._renderer = renderer
        self._history = history
        self._to = frozenset(offices(to, books.regions))
        self._decoder = msgspec.json.Decoder(_Reported)
        self._seeded = False

    async def turn(self) -> int:
        """Plan the letters of the reports that are due; return how many reports there were."""
        if not self._seeded:
            await self._seed()
            self._seeded = True
        due = await self._store.due(SITUATIONS, self._clock.now(), BATCH)
        known: dict[tuple[str, Instant], Situation] = {}
        seen = await self._look() if due else None
        for member, at in due:
            role, _, region = member.partition("|")
            until = last_local(REPORT_AT, self._books.regions.timezone(region), self._clock.now())
            if (region, until) not in known:
                known[region, until] = await self.at(region, until, seen)
            await self._plan(role, known[region, until], at)
        return len(due)

    async def _seed(self) -> None:
        """Plan the next report of every recipient that the settings name, and of no other."""
        while True:
            planned, now = await self._store.planned(SITUATIONS), self._clock.now()
            plans = [
                Plan(SITUATIONS, member, None, at) for member, at in planned.items() if member not in self._to
            ]
            plans += [
                Plan(SITUATIONS, member, self._next(member.partition("|")[2], now), None)
                for member in sorted(self._to - planned.keys())
            ]
            write = Write(name="situation", plans=tuple(plans))
            if not plans or isinstance(await self._store.write(write), Committed):
                return

    def _next(self, region: str, after: Instant) -> Instant:
        return next_local(REPORT_AT, self._books.regions.timezone(region), after + 1)

    async def _plan(self, role: str, found: Situation, at: Instant) -> None:
        """Plan the letter to an office, due at once, and its next report, in one write.

        `at` is where the report that is due stands; another process may have planned the next one meanwhile.
        """
        now, region = self._clock.now(), found.region
        puts: list[Put] = []
        plans = [Plan(SITUATIONS, f"{role}|{region}", self._next(region, now), at)]
        office, person = await self.recipient(role, region)
        letter = None if office is None or person is None else self._letter(office, person, found)
        if letter is None:
            log.warning("situation_nobody", role=role, region=region)
        elif (await self._store.get(NOTIFICATIONS, [letter.id]))[0] is None:
            puts.append(Put(NOTIFICATIONS, letter.id, encode(letter), 0))
            plans.append(Plan(OUTBOX, letter.id, now))
        outcome = await self._store.write(Write(name="situation", puts=tuple(puts), plans=tuple(plans)))
        committed = isinstance(outcome, Committed)
        self._metrics.commit("situation", "committed" if committed else "conflict")
        if committed and letter is not None and puts:
            self._metrics.notification(letter)

    def _letter(self, office: FoundHolder, person: Person, found: Situation) -> Notification | None:
        contact = next((c for c in person.reachable if c.channel == "email"), None)
        if contact is None:
            return None
        now = self._clock.now()
        letter = msgspec.structs.replace(
            letter_of(derive("situation", self._books.namespace, contact.id, str(found.period.until)), found),
            person=person.id,
            contact=contact.id,
            planned_at=now,
            due_at=now,
            language=person.language,
            role=office.role,
            office=office.region,
            capacity=office.capacity,
            status=office.status,
        )
        return msgspec.structs.replace(letter, rendered=self.rendered(letter, found))

    def rendered(self, letter: Notification, found: Situation) -> Rendered:
        """Return the letter's message; its address is looked up when it is sent."""
        zone = self._books.regions.timezone(found.region)
        return self._renderer.situation(letter, found, date=format_datetime(local(self._clock.now(), zone)))

    async def recipient(self, role: str, region: str) -> tuple[FoundHolder | None, Person | None]:
        """Return who holds an office now and is there: on duty, holder, deputy; nobody else stands in."""
        directory, now = await self._books.directory(), self._clock.now()
        for person, capacity in directory.occupants(region, role, now):
            if directory.unusable(person, now, {}) is None:
                held = directory.assignment(region, role, now) if capacity != "on_duty" else None
                status = held.status if held else "definitif"
                office = FoundHolder(
                    person=person, capacity=capacity, role=role, region=region, status=status
                )
                return office, directory.person(person)
        return None, None

    async def at(self, region: str, until: Instant, seen: SeenSituation | None = None) -> Situation:
        """Return the situation of a region at the end of a period, which began at the last report before.

        `seen` is what was read of the store already, for reports on several regions at once.
        """
        seen = seen or await self._look()
        zone = self._books.regions.timezone(region)
        period = Period(last_local(REPORT_AT, zone, until - 1), until)
        if period not in seen.events:
            seen.events[period] = await self._events(period)
        events: Counter[str] = Counter()
        for code, count in seen.events[period].items():
            if lies_in(code, region):
                events[below(code, region)] += count
        own = [record for record in seen.aside if lies_in(record.region, region)]
        return situation(
            region,
            period,
            seen.census.alerts,
            seen.census.notifications,
            events=events,
            aside=SituationRemainder(
                waiting=len(own),
                grave=sum(record.severity >= GRAVE for record in own),
                new=sum(period.covers(record.received_at) for record in own),
            ),
            callees=tuple(callee for callee in seen.callees if lies_in(callee.alert.region, region)),
            mark=seen.mark,
        )

    async def _look(self) -> SeenSituation:
        """Read what reports on all regions are made of, but the events of their periods."""
        census = await take(self._store)
        cases = await load(self._store, list(await self._store.planned(UNRESOLVED)), unreadable={})
        around, now = await self._books.surroundings(), self._clock.now()
        found = [
            callee
            for case in cases.values()
            if not case.alert.exercise
            for callee in callees(case.alert, case.notifications.values(), around, now)
        ]
        aside = [
            msgspec.structs.replace(kept, raw=b"") async for some in all_of(self._store) for kept in some
        ]
        return SeenSituation(
            census=census,
            aside=aside,
            callees=sorted(found, key=lambda callee: callee.order),
            mark=(await self._store.mark(AUDIT)).decode(),
            events={},
        )

    async def _events(self, period: Period) -> Counter[str]:
        """Count the events that came in, by regency, or by the region above where they name none."""
        counted: Counter[str] = Counter()
        async for entry in self._history.entries(period.since, period.until):
            for value in entry.values if entry.type == "events" else ():
                reported = self._decoder.decode(value)
                if not reported.exercise:
                    counted[cut(reported.region, "regency") or reported.region] += 1
        return counted


def letter_of(id_: str, found: Situation) -> Notification:
    """Return the message that reports a situation, to nobody yet."""
    return Notification(
        id=id_,
        alert="",
        kind="situation",
        person="",
        contact="",
        channel="email",
        cause="",
        planned_at=found.period.until,
        level=1,
        region=found.region,
        informing=True,
    )


def offices(to: Sequence[str], regions: RegionTable) -> Iterator[str]:
    """Yield the offices that the settings name, each as `role|region`."""
    for office in to:
        role, _, at = office.partition("@")
        if at == "province":
            yield from (f"{role}|{region.code}" for region in regions if region.level == "province")
        else:
            yield f"{role}|{NATION if at == 'nation' else at}"
