"""`./run bench growth`: seven months in lock-step with the rules and people that ship, and what the server holds then.

10,000 events come in each month and 8 % of them open an alert; everything that is due is sent into files; people
resolve each alert soon. Once a day the archivists, retention and the groups have their turn. At the end of each
month the server's memory and what is in each table are measured; in the end an alert of the first month is exported and
explained, and the audit is proved. Everything is synthetic. The months begin behind the stages of an election, in
which all regencies must report each day.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import msgspec

from engine.app import Siaga, open_siaga
from engine.core.alerting.command import Answer
from engine.core.alerting.credential import Credential
from engine.core.judging.instant import DAY, HOUR, MINUTE, Instant, format_instant, parse_instant
from engine.documents.regions import load_regions
from engine.operations.audit_proof import Proof, verify
from engine.operations.case_archiver import CaseArchiver
from engine.operations.event_archiver import EventArchiver, horizon
from engine.operations.retention import Retention
from engine.people.tokens import Scope
from engine.records.alert_repository import UNRESOLVED
from engine.runtime.keys import secret_keys
from engine.settings import Settings, load
from engine.store.archive.events import Archive
from engine.store.backup.copy import Namespace
from engine.store.redis.store import RedisStore
from tests.bench.figure import Figure
from tests.bench.installation import ROOT
from tests.bench.peers import Terms

MONTHS, EVENTS, ALERTING = 7, 10_000, 0.08
MONTH = 30 * DAY
REQUESTS = 6
"""Requests a day."""
ANSWERED_AFTER = 20 * MINUTE
"""People resolve what a request opened so long after it."""
START, _ = parse_instant("2025-01-01T00:00:00+07:00")
TABLE = load_regions(ROOT / "config/regions.csv")
REGENCIES = tuple(region.code for region in TABLE if region.code.count(".") == 1)
GRAVE = (
    {"kind": "attack.logistics", "severity": 3},
    {"kind": "attack.candidate", "severity": 3},
    {"kind": "staff.casualty", "severity": 4, "metrics": {"dead": 1}},
    {"kind": "conflict.death", "severity": 4},
)
"""Each opens an alert in a region of its own."""
USUAL = ("turnout.reading", "desk.heartbeat", "logistics.late", "money.report", "followup.neutrality")


class Month(NamedTuple):
    """What the server holds at the end of a month: bytes, keys by what they are, and fields of each table."""

    number: int
    used: int
    items: dict[str, int]
    alerts: int
    archived: int


class Course:
    """Some months of one installation."""

    def __init__(self, siaga: Siaga, settings: Settings, *, events: int, alerting: float = ALERTING) -> None:
        """`events` come in each month."""
        self.siaga, self._settings = siaga, settings
        self._events, self._alerting = events, alerting
        self._chance = random.Random(2025)
        self._sent = 0
        self.opened: list[str] = []
        past, store, clock = siaga.past, siaga.store, siaga.clock
        folder = settings.archive_directory
        assert past is not None
        assert folder is not None
        self.past = past
        keys = secret_keys(settings.key_file, {})
        self._events_archive = EventArchiver(
            store,
            clock,
            siaga.metrics,
            Archive(folder, settings.namespace),
            lambda: horizon(siaga.books.rule_set.rules.values(), settings.archive.stream_days * DAY),
        )
        self._cases = CaseArchiver(store, clock, siaga.metrics, past, keys, settings.retention)
        self._retention = Retention(
            store, clock, settings.retention, dedup_days=settings.intake.dedup_days, past=past
        )

    async def month(self, step: Callable[[str], None] = lambda _what: None) -> None:
        """Let a month pass, day by day."""
        begins = self.siaga.clock.now()
        for day in range(30):
            step(f"day {day + 1}, {self._sent:,} events")
            await self._day(begins + day * DAY, self._events * (day + 1) // 30 - self._events * day // 30)

    async def _day(self, begins: Instant, events: int) -> None:
        for request in range(REQUESTS):
            await self.siaga.advance(begins + request * (20 * HOUR) // REQUESTS)
            number = events * (request + 1) // REQUESTS - events * request // REQUESTS
            if number:
                body = msgspec.json.encode([self._event() for _ in range(number)])
                # Months pass in minutes here, and the rate of a token goes by real time.
                scope = Scope(
                    desks=("*",),
                    rights=frozenset({"submit"}),
                    region="00",
                    token_id="ukur",
                    events_per_minute=10**9,
                    bytes_per_minute=10**9,
                    awas_per_ten_minutes=10**9,
                )
                result = await self.siaga.intake.submit(body, "application/json", scope)
                assert result.accepted == number, result
            await self.siaga.advance(begins + request * (20 * HOUR) // REQUESTS + ANSWERED_AFTER)
            for alert_id in list(await self.siaga.store.planned(UNRESOLVED)):
                self.opened.append(alert_id)
                answer = Answer(
                    person="piket",
                    says="resolved",
                    via="api",
                    is_operator=True,
                    note_digest="0" * 32,
                    confirmed=True,
                )
                await self.siaga.desk.answer(alert_id, answer, by=Credential("token", "ukur"))
        await self.siaga.advance(begins + 23 * HOUR + 59 * MINUTE)
        await self._tidy_up()
        await self.siaga.advance(begins + DAY)
        shutil.rmtree(self._settings.paths.var / "outbox", ignore_errors=True)

    async def _tidy_up(self) -> None:
        """What the loops do beside lock-step time."""
        for turn in (self._events_archive.turn, self._cases.turn):
            while await turn():
                pass
        await self._retention.turn()

    def _event(self) -> dict[str, object]:
        self._sent += 1
        number, now = self._sent, self.siaga.clock.now()
        graves = int(number * self._alerting)
        grave = graves > int((number - 1) * self._alerting)
        what = GRAVE[graves % len(GRAVE)] if grave else {"kind": USUAL[number % len(USUAL)], "severity": 1}
        region = REGENCIES[(graves if grave else number * 7) % len(REGENCIES)]
        at = now - self._chance.randrange(3 * HOUR)
        return {
            **what,
            "id": f"ukur-{number}",
            "region": region,
            "occurred_at": format_instant(at, TABLE.timezone(region)),
            "source": {"desk": region, "channel": "desk"},
            **({"incident": f"kejadian-{number}"} if grave else {}),
            "summary": "Sintetis, untuk pengukuran",
        }

    async def measured(self, number: int, where: str) -> Month:
        """Return what the server holds now."""
        namespace = Namespace(where, self._settings.namespace)
        keys = await namespace.keys()
        size = await namespace.size(keys)
        used = await namespace.used()
        await namespace.aclose()
        counted = Counter(size.items)
        return Month(number, used, dict(counted), len(self.opened), self.past.index.count())

    async def proved(self) -> Proof:
        """Return the proof of the audit, over archive and store."""
        return await verify(self.siaga.store, self.past)


def settings_in(home: Path, where: str) -> Settings:
    """Return the settings that ship, in lock-step time, on a server."""
    overrides = [
        f"redis.url=unix://{where}",
        "redis.accept_weaker_durability=true",
        "clock.mode=lock_step",
        f"clock.start={format_instant(START, 'Asia/Jakarta')}",
        f"paths.var={home / 'var'}",
    ]
    return load(ROOT / "config/siaga.yaml", overrides=overrides)


class Server:
    """A server without a disk: what is measured is its memory."""

    def __init__(self, home: Path) -> None:
        self.socket = str(home / "r.sock")
        self._home = home

    async def __aenter__(self) -> str:
        program = shutil.which("redis-server") or "redis-server"
        words = (program, "--port", "0", "--unixsocket", self.socket, "--save", "", "--appendonly", "no")
        self._process = await asyncio.create_subprocess_exec(
            *words, "--dir", str(self._home), stdout=asyncio.subprocess.DEVNULL
        )
        store = RedisStore(self.socket, "siaga", accept_weaker_durability=True)
        await store.open()  # it waits until the server answers
        await store.close()
        return self.socket

    async def __aexit__(self, *_: object) -> None:
        self._process.terminate()
        await self._process.wait()


async def measure(terms: Terms) -> AsyncIterator[Figure]:
    """Yield the memory after each month, and whether what left the store is whole."""
    scale, _, step = terms
    events, began = (EVENTS // 20 if scale.quick else EVENTS), perf_counter()
    with tempfile.TemporaryDirectory(prefix="siaga-growth-") as folder:
        home = Path(folder)
        async with Server(home) as where, AsyncExitStack() as stack:
            settings = settings_in(home, where)
            siaga = await open_siaga(settings, stack)
            course = Course(siaga, settings, events=events)
            second = 0
            for number in range(1, MONTHS + 1):
                await course.month(lambda what, number=number: step(f"month {number}, {what}"))  # type: ignore[misc]
                month = await course.measured(number, f"unix://{where}")
                second = month.used if number == 2 else second
                note = ", ".join(
                    f"{name} {count:,}" for name, count in sorted(month.items.items()) if count > 50
                )
                yield Figure(
                    what=f"month {number}: memory of the server; {month.alerts:,} alerts, {month.archived:,} archived",
                    unit="MB",
                    runs=(month.used / 1e6,),
                    better="lower",
                    target=1.05 * second / 1e6 if number > 2 else None,
                    note=f"month {number}: {note}",
                )
            proof = await course.proved()
            yield Figure(
                what=f"the audit is whole over archive and store, {proof.entries:,} entries (0: yes)",
                unit="",
                runs=(0.0 if proof.fault is None else 1.0,),
                better="lower",
                target=0,
            )
            found = await siaga.desk.found(course.opened[0])
            yield Figure(
                what="the first alert is found in the archive (0: yes)",
                unit="",
                runs=(0.0 if found is not None and found.archived else 1.0,),
                better="lower",
                target=0,
            )
            yield Figure(what="it took", unit="s", runs=(perf_counter() - began,), better="lower")
