"""One participant does not cost the others: events and their bytes have a rate by token.

Over real sockets, with the default rates: 600 events and 1 MiB a minute, ten times that at once.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from engine.people.tokens import Scope
from engine.settings import Settings
from engine.web.server import serving
from tests.credentials import OPERATOR

AT_ONCE = 500
MEBIBYTE = 2**20
LINES = {"Content-Type": "application/x-ndjson"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The bounds of one request as they ship, at any free port."""
    http = settings.http.model_copy(update={"port": 0, "max_events": 5_000, "max_body_bytes": 4 * MEBIBYTE})
    return settings.model_copy(update={"http": http})


@pytest.fixture
async def client(api) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(api.siaga) as address, httpx.AsyncClient(base_url=address, timeout=60) as client:
        yield client


def events(api, first: int, number: int = AT_ONCE) -> bytes:
    """Return lines of events that nothing but their ids tells apart."""
    quiet = {"kind": "neutrality.asn", "severity": 1, "summary": ""}
    return b"\n".join(
        json.dumps(api.event(id=f"E{n}", **quiet)).encode() for n in range(first, first + number)
    )


async def test_a_token_brings_ten_minutes_worth_of_events_at_once_and_no_more(api, client):
    """Law: docs/specification/trust.md#rates."""
    desk, other = await api.bearer("submit"), await api.bearer("submit")
    taken = [
        (await client.post("/v1/events", content=events(api, n * AT_ONCE), headers=desk | LINES)).status_code
        for n in range(12)
    ]
    assert taken == [202] * 12
    refused = await client.post("/v1/events", content=events(api, 6_000), headers=desk | LINES)
    assert refused.status_code == 429
    assert refused.json()["type"] == "urn:siaga:problem:too_many_events"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    beside = await client.post("/v1/events", content=events(api, 6_000), headers=other | LINES)
    assert (beside.status_code, beside.json()["accepted"]) == (202, AT_ONCE)
    assert 'siaga_requests_refused_total{reason="event_rate"} 1.0' in (await client.get("/metrics")).text


async def test_many_requests_of_one_event_count_like_one_of_many(api, client):
    made = await api.siaga.tokens.create(["submit"], events_per_minute=1, desks=("*",), by=OPERATOR)
    desk = {"Authorization": f"Bearer {made.text}"} | LINES
    statuses = [
        (await client.post("/v1/events", content=events(api, n, 1), headers=desk)).status_code
        for n in range(11)
    ]
    assert statuses == [202] * 10 + [429]


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "chunked"])
async def test_a_token_brings_ten_mebibytes_at_once_and_no_more(api, client, declared: bool):
    """What is in them does not matter: these are no events at all."""
    body = b" " * (4 * MEBIBYTE)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    desk, other = await api.bearer("submit"), await api.bearer("submit")
    statuses = []
    for _ in range(3):
        content = body if declared else pieces()
        try:
            statuses.append((await client.post("/v1/events", content=content, headers=desk)).status_code)
        except httpx.TransportError:  # the answer came before the end of the body
            statuses.append(429)
    assert statuses == [422, 422, 429]
    beside = await client.post("/v1/events", json=api.event(), headers=other)
    assert beside.status_code == 202
    assert 'siaga_requests_refused_total{reason="byte_rate"} 1.0' in (await client.get("/metrics")).text


async def test_a_body_beyond_the_rate_is_not_read(api, client):
    """Ten of four mebibytes are announced by one token; only two may come."""
    desk = await api.bearer("submit")
    head = "POST /v1/events HTTP/1.1\r\nHost: siaga.test\r\nContent-Length: 4194304\r\n"
    head += f"Authorization: {desk['Authorization']}\r\n\r\n"
    connections = [
        await asyncio.open_connection(client.base_url.host, client.base_url.port) for _ in range(10)
    ]
    for _, writer in connections:
        writer.write(head.encode())
    answers = [asyncio.create_task(reader.readuntil(b"\r\n")) for reader, _ in connections]
    while sum(answer.done() for answer in answers) < 8:
        open_ = [answer for answer in answers if not answer.done()]
        done, _ = await asyncio.wait(open_, timeout=30, return_when=asyncio.FIRST_COMPLETED)
        assert done, "more than two of them were let in"
    assert {(await answer)[:12] for answer in answers if answer.done()} == {b"HTTP/1.1 429"}
    for answer in answers:
        answer.cancel()
    for _, writer in connections:
        writer.close()
    await asyncio.gather(*answers, return_exceptions=True)


async def test_a_token_may_have_rates_of_its_own(api, client):
    """What it may never bring at once is a 413: its sender makes smaller parts of it."""
    made = await api.siaga.tokens.create(
        ["submit"], events_per_minute=2, bytes_per_minute=100_000, desks=("*",), by=OPERATOR
    )
    desk = {"Authorization": f"Bearer {made.text}"} | LINES
    turned = await api.siaga.tokens.rotate(made.token.id, overlap=60_000, by=OPERATOR)
    too_many = await client.post("/v1/events", content=events(api, 0, 21), headers=desk)
    assert (too_many.status_code, too_many.json()["type"]) == (413, "urn:siaga:problem:too_much_at_once")
    assert (await client.post("/v1/events", content=events(api, 0, 20), headers=desk)).status_code == 202
    again = await client.post("/v1/events", content=events(api, 20, 1), headers=desk)
    assert (again.status_code, 1 <= int(again.headers["retry-after"]) <= 30) == (429, True)
    assert (turned.token.events_per_minute, turned.token.bytes_per_minute) == (2, 100_000)


async def test_a_report_by_form_counts_like_a_request(api):
    """A user has the rate of a token; the page says to wait."""
    await api.sign_in("submit", region="73.15")
    page = await api.client.get("/lapor")
    form = {
        name: re.search(rf'name="{name}" value="([^"]*)"', page.text).group(1)
        for name in ("form_token", "id", "made")
        if f'name="{name}"' in page.text
    } | {"region": "73.15"}
    api.siaga.rates.take(
        Scope(desks=("*",), rights=frozenset(), region="73.15", token_id="piket-uji"), "events", 6_000
    )
    sent = await api.client.post("/lapor/nihil", data=form)
    assert (sent.status_code, sent.headers["retry-after"]) == (429, "1")
    assert "Tunggu satu menit" in sent.text


# --- awas -------------------------------------------------------------------------------------------------------------


def awas(api, first: int, number: int, **more) -> bytes:
    """Return lines of events of severity 4, each of an incident of its own, in all regencies in turn."""
    regencies = [region.code for region in api.siaga.books.regions if len(region.code) == 5]
    return b"\n".join(
        json.dumps(
            api.event(id=f"A{n}", region=regencies[n % len(regencies)], incident=f"i{n}", **more)
        ).encode()
        for n in range(first, first + number)
    )


async def collector(api, region: str = "00", **more) -> dict[str, str]:
    """Return the header of a new token that speaks for any desk of a region."""
    made = await api.siaga.tokens.create(["submit"], region, desks=("*",), by=OPERATOR, **more)
    return {"Authorization": f"Bearer {made.text}"} | LINES


async def sent(client, desk, lines: bytes) -> int:
    return (await client.post("/v1/events", content=lines, headers=desk)).status_code


async def opened(api, rule: str = "") -> list:
    return [alert for alert in await api.siaga.desk.alerts() if not rule or alert.rule.id == rule]


async def test_a_token_brings_twenty_awas_events_in_ten_minutes_and_the_next_are_not_kept(api, client):
    """Law: docs/specification/trust.md#awas-bound."""
    desk, other = await collector(api), await collector(api)
    assert [await sent(client, desk, awas(api, n, 1)) for n in range(20)] == [202] * 20
    refused = await client.post("/v1/events", content=awas(api, 20, 1), headers=desk)
    assert refused.status_code == 429
    assert refused.json()["type"] == "urn:siaga:problem:too_many_awas"
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert await sent(client, desk, events(api, 0, 5)) == 202
    assert await sent(client, other, awas(api, 100, 1)) == 202
    assert 'siaga_requests_refused_total{reason="awas_rate"} 1.0' in (await client.get("/metrics")).text
    await api.advance(1)
    assert await sent(client, desk, awas(api, 20, 2)) == 202
    assert await sent(client, desk, awas(api, 22, 1)) == 429


async def test_a_flood_of_awas_opens_no_more_than_the_bound_and_the_posko_is_told_once(api, client):
    """1,500 events of severity 4 of one token; a report of another region is told beside."""
    codes = [region.code for region in api.siaga.books.regions if region.code.startswith("73.")]
    desk, other = await collector(api, "73"), await api.bearer("submit", region="94.02")
    statuses = []
    for start in range(0, 1_500, 20):
        lines = (
            api.event(id=f"A{n}", region=codes[n % len(codes)], incident=f"i{n}")
            for n in range(start, start + 20)
        )
        named = (json.dumps(line | {"source": {"desk": "73", "channel": "polri"}}).encode() for line in lines)
        statuses.append(await sent(client, desk, b"\n".join(named)))
    beside = await client.post("/v1/events", json=api.event(), headers=other)
    await api.advance(1)
    assert (statuses[0], set(statuses[1:]), beside.status_code) == (202, {429}, 202)
    assert [alert.region for alert in await opened(api, "siaga.token-storm")] == ["73"]
    alerts = [alert for alert in await opened(api) if not alert.rule.id.startswith("siaga.")]
    assert 1 <= len([alert for alert in alerts if alert.region.startswith("73")]) <= 20
    (neighbour,) = [alert for alert in alerts if alert.region.startswith("94.02")]
    case = await api.siaga.desk.case(neighbour.id)
    assert any(notification.state == "sent" for notification in case.notifications.values())


async def test_a_request_of_more_awas_than_ever_may_come_at_once_is_to_be_parted(api, client):
    answer = await client.post("/v1/events", content=awas(api, 0, 21), headers=await collector(api))
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:siaga:problem:too_much_at_once")


async def test_what_is_there_already_is_a_duplicate_and_never_refused(api, client):
    desk = await collector(api, awas_per_ten_minutes=3)
    assert await sent(client, desk, awas(api, 0, 3)) == 202
    again = await client.post("/v1/events", content=awas(api, 0, 3), headers=desk)
    assert (again.status_code, again.json()["duplicate"]) == (202, 3)
    assert await sent(client, desk, awas(api, 3, 1)) == 429


async def test_exercises_count_apart_and_tell_nobody(api, client):
    desk = await collector(api, awas_per_ten_minutes=2)
    assert await sent(client, desk, awas(api, 0, 2, exercise=True)) == 202
    assert await sent(client, desk, awas(api, 2, 1, exercise=True)) == 429
    await api.advance(0)
    assert await opened(api, "siaga.token-storm") == []
    mixed = awas(api, 10, 1) + b"\n" + awas(api, 3, 1, exercise=True)
    assert await sent(client, desk, mixed) == 429
    assert await sent(client, desk, awas(api, 10, 2)) == 202


async def test_a_token_may_have_a_bound_of_awas_of_its_own_that_rotation_keeps(api, client):
    made = await api.siaga.tokens.create(["submit"], awas_per_ten_minutes=30, desks=("*",), by=OPERATOR)
    turned = await api.siaga.tokens.rotate(made.token.id, overlap=60_000, by=OPERATOR)
    desk = {"Authorization": f"Bearer {turned.text}"} | LINES
    assert turned.token.awas_per_ten_minutes == 30
    assert await sent(client, desk, awas(api, 0, 30)) == 202


def deaths(api, first: int, number: int, **more) -> bytes:
    """Return lines of deaths of severity 1 in all regencies in turn: a shipped rule makes an awas of each."""
    return awas(api, first, number, kind="conflict.death", severity=1, **more)


async def test_awas_that_rules_open_by_events_of_lower_severity_are_bounded_too(api, client):
    desk, quiet = await collector(api), {"kind": "conflict.clash", "severity": 1, "metrics": {"injured": 2}}
    statuses = [await sent(client, desk, deaths(api, start, 10)) for start in range(0, 200, 10)]
    await api.advance(1)
    found = [one for one in await opened(api) if one.level == 4 and not one.rule.id.startswith("siaga.")]
    assert len({alert.region for alert in found}) == 20
    assert (statuses[:2], set(statuses[2:])) == ([202, 202], {429})
    assert len(await opened(api, "siaga.token-storm")) == 1
    assert await sent(client, desk, awas(api, 900, 30, **quiet)) == 202
    wounded = quiet | {"metrics": {"injured": 94}}
    assert await sent(client, desk, awas(api, 950, 20, **wounded)) == 429
