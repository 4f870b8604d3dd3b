"""No request reads a whole table: what a list asks the store for does not grow with what the store holds."""

from contextlib import AsyncExitStack

import httpx
import msgspec
import pytest

from engine.app import open_siaga
from engine.core.alerting.case_editor import Decision
from engine.core.alerting.silence import Match
from engine.core.judging.instant import HOUR
from engine.operations.status import look
from engine.people.directory_service import DirectoryService
from engine.records.alert_repository import WriteBuilder
from engine.store.memory import MemoryStore
from engine.store.redis.server import ServerStatus
from engine.web.app import build
from tests.acceptance.web.conftest import Api, directory, settings
from tests.credentials import OPERATOR

__all__ = ["directory", "settings"]
MANY = 1_200
"""Alerts in the store, besides the one that they are copies of."""
RULE = "kekerasan-banyak-luka"
SERVER = ServerStatus(
    product="redis",
    version="8",
    primary=True,
    faults=(),
    losing=(),
    unknown=(),
    replicas=(),
    needs_replicas=0,
    memory=0,
    most_memory=0,
    writes_fail="",
    now=0,
    holder=None,
)
BOUND = 700
"""Records and members of schedules that one request may read."""


class Counting:
    """A store that counts the records and members that it was asked for."""

    def __init__(self):
        self._store = MemoryStore()
        self.asked_for = 0
        self.largest = 0
        """Records or members of the largest answer."""

    def __getattr__(self, name):
        found = getattr(self._store, name)
        if name not in ("get", "collect", "scan", "planned", "planned_at", "page", "due"):
            return found

        async def asked(*arguments, **options):
            answer = await found(*arguments, **options)
            size = sum(map(len, answer)) if name == "collect" else len(answer)
            self.asked_for += size
            self.largest = max(self.largest, size)
            return answer

        return asked

    async def walk(self, table):
        async for piece in self._store.walk(table):
            self.asked_for += len(piece)
            self.largest = max(self.largest, len(piece))
            yield piece


@pytest.fixture
async def stage(settings):
    """An app with many alerts: every third in 73.15, every second resolved, every fifth of another level."""
    async with AsyncExitStack() as stack:
        store = Counting()
        siaga = await open_siaga(settings, stack, store=store)
        app = build(siaga)
        stack.push_async_callback(app.state.asked.close)
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://siaga.test")
        await stack.enter_async_context(client)
        api = Api(siaga, app, client, b"")
        first = (await siaga.desk.case(await api.open_alert())).alert
        for number in range(MANY):
            alert = msgspec.structs.replace(
                first,
                id=f"copy-{number:04}",
                group=f"94.02|{number}",
                region="73.15" if number % 3 == 0 else "94.02",
                level=2 if number % 5 == 0 else 4,
                status="resolved" if number % 2 else "open",
                resolved_at=first.detected_at + number if number % 2 else None,
                detected_at=first.detected_at + 1 + number // 4,
                notifications=(),
                wake_at=None,
            )
            changes = WriteBuilder()
            changes.add([Decision(alert=alert, notifications=(), history=(), reason="opened")], None)
            await store.write(changes.write("evaluate"))
        yield api, store


async def reading(api, store, path, headers=None, **query):
    """Return an answer and how much was read for it."""
    store.asked_for = 0
    answer = await api.client.get(path, params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer, store.asked_for


QUERIES = [
    {"limit": 1},
    {"limit": 100},
    {"limit": 50, "region": "73.15"},
    {"limit": 50, "status": "resolved"},
    {"limit": 50, "region": "94", "status": "open"},
    {"limit": 50, "level": "waspada"},
    {"limit": 50, "rule": RULE, "region": "73"},
    {"limit": 50, "rule": "there-is-none"},
    {"limit": 50, "region": "94.02.01"},
]


@pytest.mark.parametrize("query", QUERIES, ids=str)
async def test_a_page_of_alerts_reads_a_bounded_number_of_records_and_the_pages_hold_all_of_them(
    stage, query
):
    """A page may be short; walking to the end gives each wanted alert once, newest first.

    Law: docs/specification/escalation.md#lists.
    """
    api, store = stage
    reader = await api.bearer("read")
    level = {"waspada": 2, None: None}[query.get("level")]
    region = query.get("region", "")
    expected = [
        alert.id
        for alert in await api.siaga.desk.alerts()
        if f"{alert.region}.".startswith(f"{region}." if region else "")
        and query.get("status") in (None, alert.status)
        and level in (None, alert.level)
        and query.get("rule") in (None, alert.rule.id)
    ]
    came, cursor, most = [], None, 0
    while True:
        page, read = await reading(
            api, store, "/v1/alerts", reader, **query, **({"cursor": cursor} if cursor else {})
        )
        most = max(most, read)
        came += [(alert["detected_at"], alert["id"]) for alert in page.json()["alerts"]]
        assert len(page.json()["alerts"]) <= query["limit"]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break
    assert most <= max(BOUND, 2 * query["limit"] + 20)
    assert sorted(id_ for _, id_ in came) == sorted(expected)
    assert [at for at, _ in came] == sorted((at for at, _ in came), reverse=True)


async def test_one_alert_costs_one_alert(stage):
    api, store = stage
    _, read = await reading(api, store, "/v1/alerts", await api.bearer("read"), limit=1)
    assert read <= 20


async def test_an_answer_names_its_next_page_in_its_header(stage):
    """Following the links gives the same pages as the cursors."""
    api, _ = stage
    reader = await api.bearer("read")
    first = await api.client.get("/v1/alerts", params={"limit": 500, "status": "open"}, headers=reader)
    assert first.links["next"]["url"].startswith("/v1/alerts?limit=500&status=open&cursor=")
    second = await api.client.get(first.links["next"]["url"], headers=reader)
    assert "link" not in second.headers
    ids = [alert["id"] for page in (first, second) for alert in page.json()["alerts"]]
    assert len(set(ids)) == len(ids) == 601


@pytest.mark.parametrize(
    "path",
    [
        "/console",
        "/console/regions/73",
        "/console/rules",
        f"/console/rules/{RULE}",
        "/console/outgoing",
    ],
)
async def test_a_page_of_the_console_reads_a_bounded_number_of_records(stage, path):
    api, store = stage
    await api.sign_in("read", "operate")
    _, read = await reading(api, store, path)
    assert read <= BOUND


async def test_the_phone_list_reads_a_bounded_number_of_records(stage):
    api, store = stage
    _, read = await reading(api, store, "/v1/phone-list", await api.bearer("operate"))
    assert read <= BOUND


async def test_a_change_of_the_directory_and_a_silence_read_the_unresolved_alerts_in_pieces(stage):
    """And no resolved one: there are as many of these, and each page is at most 100 alerts."""
    api, store = stage
    store.asked_for = store.largest = 0
    registry = DirectoryService(api.siaga.store, api.siaga.books)
    assert (await registry.rehearse(lambda contents: contents, api.siaga.clock.now())).none
    assert store.largest <= 100
    assert store.asked_for <= 2 * 601 + 20, "each unresolved alert once, and its place in the list"

    store.largest = 0
    now = api.siaga.clock.now()
    match = Match(region=("73.15",))
    silence = await api.siaga.silences.make(
        match, since=now, until=now + HOUR, reason="uji", include_awas=True, by=OPERATOR
    )
    assert store.largest <= 100
    covered = [alert.id for alert in await api.siaga.desk.alerts() if alert.silenced == silence.id]
    meant = [alert.id for alert in await api.siaga.desk.alerts() if alert.unresolved and match.meets(alert)]
    assert len(meant) >= 200
    assert sorted(covered) == sorted(meant)


async def test_the_status_reads_the_unresolved_alerts_in_pages_and_counts_them_exactly(stage):
    api, store = stage
    store.asked_for = store.largest = 0
    standing = await look(api.siaga.store, SERVER, api.siaga.clock.now(), HOUR)
    assert store.largest <= 100
    alerts = [alert for alert in await api.siaga.desk.alerts() if alert.unresolved]
    sent = [one for alert in alerts for one in (await api.siaga.desk.case(alert.id)).notifications.values()]
    assert standing.in_flight == sum(one.state == "sending" for one in sent)
    assert sum(standing.unresolved.values()) == len(alerts) == 601
    assert len(standing.awas) == sum(alert.level == 4 for alert in alerts)


async def test_the_summary_reads_no_whole_table_at_once(stage):
    """Its figures are those of all alerts all the same."""
    api, store = stage
    reader = await api.bearer("read")
    store.largest = 0
    answer, _ = await reading(api, store, "/v1/summary", reader)
    assert store.largest <= 100
    assert answer.json()["alerts"]["opened"] == MANY + 1
    assert answer.json()["alerts"]["by_level"] == {"awas": 961, "waspada": 240}
