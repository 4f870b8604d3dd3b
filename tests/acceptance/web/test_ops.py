"""Health, readiness, metrics, summary, the clock, the quarantine, and what holds for every answer."""

import dataclasses
import re
from contextlib import AsyncExitStack

import httpx
import pytest

from engine.app import Siaga, open_siaga
from engine.clock import monotonic
from engine.errors import StoreUnavailableError
from engine.runtime.loop_runner import LoopState
from engine.settings import ClockSection
from engine.web.app import build
from engine.web.middleware import HEADERS


@dataclasses.dataclass
class Installation:
    """A whole installation but for its loops, which stand still, and its store, which may be away."""

    whole: Siaga
    states: dict[str, LoopState]
    away: bool = False

    def __getattr__(self, name: str):
        return getattr(self.whole, name)

    def loops(self) -> dict[str, LoopState]:
        return self.states

    async def cursor(self, *_arguments: object) -> str:
        raise StoreUnavailableError

    scan = get = append = write = cursor

    async def walk(self, _table: str):
        raise StoreUnavailableError
        yield

    @property
    def store(self):
        return self if self.away else self.whole.store


def client_of(installation: Siaga | Installation) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(build(installation), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://siaga.test")


async def test_health_is_good_while_every_loop_turns(api):
    turning = LoopState(last_turn=monotonic(), bound=3_600.0)
    async with client_of(Installation(api.siaga, {"evaluator": turning})) as client:
        answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()["status"], answer.json()["standing"]) == (200, "ok", [])


async def test_health_names_the_loop_that_stands_still(api):
    states = {
        "evaluator": LoopState(last_turn=monotonic(), bound=3_600.0),
        "escalator": LoopState(last_turn=monotonic() - 31, bound=30.0),
    }
    async with client_of(Installation(api.siaga, states)) as client:
        answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()["standing"]) == (503, ["escalator"])


async def test_ready_means_that_the_store_answers(api):
    assert (await api.client.get("/readyz")).json() == {"status": "ok"}
    async with client_of(Installation(api.siaga, {}, away=True)) as client:
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "failing", "waiting_for": "store"})


async def test_without_a_store_a_request_is_asked_to_come_again(api):
    headers = await api.bearer()
    await api.client.get("/v1/alerts", headers=headers)
    async with client_of(Installation(api.siaga, {}, away=True)) as client:
        answer = await client.get("/v1/summary", headers=headers)
    assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (503, True)
    assert answer.json()["type"] == "urn:siaga:problem:store_unavailable"


async def test_metrics_count_and_hold_no_personal_data(api):
    alert_id = await api.open_alert()
    (_, link), *_ = await api.links(alert_id)
    await api.client.get(link)
    answer = await api.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'siaga_events_total{result="accepted"} 1.0' in answer.text
    leaks = ("@", "+62", "sekda-", "Tabuni", link.removeprefix("/a/"), alert_id)
    assert [leak for leak in leaks if leak in answer.text] == []


async def test_the_summary_counts_what_happened(api):
    await api.open_alert()
    summary = (await api.client.get("/v1/summary", headers=await api.bearer("read"))).json()
    assert (summary["events"], summary["alerts"]["opened"], summary["alerts"]["by_level"]) == (
        1,
        1,
        {"awas": 1},
    )
    assert summary["unaccounted"] == {"alerts": 0, "notifications": 0}


async def test_the_clock_moves_and_settles_what_falls_due(api):
    alert_id = await api.open_alert()
    headers = await api.bearer()
    due = (await api.client.get("/v1/clock", headers=headers)).json()["next_due"]
    answer = await api.client.post("/v1/clock", json={"advance_to": due}, headers=headers)
    assert (answer.status_code, answer.json()["mode"], answer.json()["now"]) == (200, "lock_step", due)
    assert answer.json()["next_due"] > due
    assert len((await api.siaga.desk.case(alert_id)).alert.runs) == 2


async def test_an_instant_already_past_changes_nothing(api):
    """A replay that starts over comes by it again."""
    headers = await api.bearer()
    early = {"advance_to": "2024-01-01T00:00:00Z"}
    before = (await api.client.get("/v1/clock", headers=headers)).json()
    answer = await api.client.post("/v1/clock", json=early, headers=headers)
    assert (answer.status_code, answer.json()) == (200, before)


@pytest.mark.parametrize("body", [{}, {"advance_to": "tomorrow"}, {"advance_to": "2024-11-27T12:00:00"}])
async def test_an_instant_needs_a_zone(api, body: dict[str, str]):
    answer = await api.client.post("/v1/clock", json=body, headers=await api.bearer())
    assert answer.status_code == 422


async def test_a_real_clock_is_moved_by_nobody(api):
    real = api.siaga.settings.model_copy(update={"clock": ClockSection(mode="real")})
    headers = await api.bearer()
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(real, stack, store=api.siaga.store)
        client = await stack.enter_async_context(client_of(siaga))
        answer = await client.post("/v1/clock", json={"advance_to": "2030-01-01T00:00:00Z"}, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:siaga:problem:clock_is_real")


async def quarantined(api) -> dict:
    """Send an event without a zone, and one of an unknown region; return the page of the quarantine."""
    wrong = [
        api.event(id="E1", occurred_at="2024-11-27T12:00:00"),
        api.event(id="E2", region="94.99"),
    ]
    await api.client.post("/v1/events", json=wrong, headers=await api.bearer("submit"))
    return (await api.client.get("/v1/quarantine", headers=await api.bearer("operate"))).json()


async def test_the_quarantine_shows_what_is_wrong_and_what_would_mend_it(api):
    page = await quarantined(api)
    told = {record["event_id"]: record for record in page["records"]}
    assert (told["E1"]["reason"], told["E1"]["field"]) == ("no_zone", "occurred_at")
    assert told["E1"]["mended"] == {"occurred_at": "2024-11-27T12:00:00+09:00"}
    assert told["E1"]["event"] == api.event(id="E1", occurred_at="2024-11-27T12:00:00")
    assert told["E2"]["reason"] == "region_unknown"


async def test_a_record_leaves_the_quarantine_once_it_is_an_event(api):
    records = {record["event_id"]: record["id"] for record in (await quarantined(api))["records"]}
    headers = await api.bearer("operate")

    async def resubmitted(event_id: str, **body: object) -> httpx.Response:
        path = f"/v1/quarantine/{records[event_id]}/resubmit"
        return await api.client.post(path, json=body, headers=headers)

    still = await resubmitted("E2")
    assert (still.status_code, still.json()["fault"]) == (422, "region_unknown")
    assert (await resubmitted("E1", mended=True)).json() == {"outcome": "accepted"}
    assert (await resubmitted("E2", event=api.event(id="E2"))).json() == {"outcome": "accepted"}
    assert (await resubmitted("E2", event=api.event(id="E2"))).status_code == 404
    assert (await api.client.get("/v1/quarantine", headers=headers)).json() == {
        "records": [],
        "next_cursor": None,
    }


async def test_every_answer_carries_the_security_headers(api):
    paths = ["/healthz", "/metrics", "/v1/alerts", "/a/abc", "/docs", "/openapi.json", "/no/such/path"]
    for path in paths:
        headers = (await api.client.get(path)).headers
        missing = [name for name in HEADERS if name not in headers]
        assert (path, missing, headers["x-content-type-options"]) == (path, [], "nosniff")


async def test_an_error_that_nobody_expected_tells_no_insides(api, capsys):
    """The sender gets a problem, the log the place; neither gets the text of the error."""

    class Broken(Installation):
        def loops(self):
            raise RuntimeError("saksi Yohanes Tabuni")

    async with client_of(Broken(api.siaga, {})) as client:
        answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:siaga:problem:unexpected")
    logged = capsys.readouterr().out
    assert "RuntimeError" in logged
    assert "test_ops.py:" in logged
    assert "Tabuni" not in answer.text + logged


async def test_the_log_has_routes_and_no_tokens(api, capsys):
    alert_id = await api.open_alert()
    (_, link), *_ = await api.links(alert_id)
    headers = await api.bearer("read")
    capsys.readouterr()
    await api.client.get(link)
    await api.client.post(link, data={"says": "seen"})
    await api.client.get(f"/v1/alerts/{alert_id}", params={"q": "Tabuni"}, headers=headers)
    await api.client.get("/x/Tabuni")
    logged = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert re.findall(r"route=(\S+)", logged) == ["/a/{token}", "/a/{token}", "/v1/alerts/{alert_id}", "-"]
    secrets = (link.removeprefix("/a/"), headers["Authorization"].split("_")[-1], "Tabuni")
    assert [secret for secret in secrets if secret in logged] == []


async def test_the_openapi_is_whole(api):
    """Every reference leads somewhere, every route says what it answers, every problem has its shape."""
    openapi = (await api.client.get("/openapi.json")).json()
    assert openapi["openapi"].startswith("3.1")
    schemas = openapi["components"]["schemas"]
    references = set(re.findall(r'"#/components/schemas/(\w+)"', str(openapi).replace("'", '"')))
    assert references <= schemas.keys()
    assert schemas.keys() <= references | {"Event"}
    operations = {
        operation["operationId"]: operation
        for item in openapi["paths"].values()
        for operation in item.values()
    }
    assert len(operations) == sum(len(item) for item in openapi["paths"].values())
    for name, operation in operations.items():
        assert (name, operation.get("description") or operation.get("summary")) != (name, None)
        for status, answer in operation["responses"].items():
            if status == "422":
                assert "application/problem+json" in answer["content"], name
    event = schemas["Event"]
    assert set(event["required"]) <= event["properties"].keys()
    assert "desk" in event["properties"]["source"]["properties"]


async def test_the_reference_shows_every_route_and_loads_nothing(api):
    page = await api.client.get("/docs")
    openapi = (await api.client.get("/openapi.json")).json()
    assert [path for path in openapi["paths"] if path not in page.text] == []
    assert re.findall(r"<script|<link|src=|https?://", page.text) == []
    assert "script-src" not in page.headers["content-security-policy"]


async def test_a_sender_who_leaves_is_no_error(api, capsys):
    """The line breaks in the middle of a body: nothing is kept, nothing is said, nothing is logged as a fault."""
    headers = await api.bearer("submit")
    parts = [
        {"type": "http.request", "body": b'{"id": "E1"', "more_body": True},
        {"type": "http.disconnect"},
    ]
    said = []

    async def receive():
        return parts.pop(0)

    async def send(message):
        said.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/events",
        "query_string": b"",
        "headers": [(b"authorization", headers["Authorization"].encode())],
    }
    await build(api.siaga)(scope, receive, send)
    assert said == []
    assert "request_failed" not in capsys.readouterr().out
    assert await api.siaga.store.counters() == {}


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/silences", "GET, POST"),
        ("/v1/clock", "GET, POST"),
        ("/v1/events", "POST"),
        ("/a/abcdefghijkl", "GET, POST, HEAD"),
        ("/console/silences", "GET, POST"),
    ],
)
async def test_a_method_that_a_path_has_not_is_a_405_with_those_that_it_has(api, path, methods):
    answer = await api.client.put(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, methods)
