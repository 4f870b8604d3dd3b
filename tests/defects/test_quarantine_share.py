"""The quarantine is bounded for each token and read in pages: one desk that sends rubbish shuts out nobody else."""

import json
from contextlib import AsyncExitStack

import httpx
import pytest

from engine.app import open_siaga
from engine.settings import Settings
from engine.web.app import build
from tests.acceptance.web.conftest import CLASH, Api, directory, settings
from tests.defects.test_paged_lists import Counting, reading

__all__ = ["directory", "settings"]
LINES = {"Content-Type": "application/x-ndjson"}
ENTRIES = 60
"""Records that one token may have."""


@pytest.fixture
async def stage(settings):
    """An app with a small share for each token."""
    bounds = {"quarantine_entries": ENTRIES, "quarantine_bytes": 30_000}
    allowed = {name: bound for name, bound in bounds.items() if name in type(settings.intake).model_fields}
    given = settings.model_copy(update={"intake": settings.intake.model_copy(update=allowed)})
    async with AsyncExitStack() as stack:
        store = Counting()
        siaga = await open_siaga(given, stack, store=store)
        app = build(siaga)
        stack.push_async_callback(app.state.asked.close)
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://siaga.test")
        await stack.enter_async_context(client)
        yield Api(siaga, app, client, b""), store


def rubbish(first, number, **changes):
    """Return lines of documents that are no events, each another one."""
    return "\n".join(
        json.dumps(CLASH | {"id": f"R{first + n}", "severity": 9} | changes) for n in range(number)
    )


async def send(api, headers, body):
    return await api.client.post("/v1/events", content=body, headers=headers | LINES)


async def test_a_full_share_refuses_its_token_alone_and_says_when_to_come_again(stage):
    """Law: docs/specification/trust.md#quarantine-share."""
    api, _ = stage
    first, second = await api.bearer("submit"), await api.bearer("submit")
    for start in range(0, 50, 25):
        assert (await send(api, first, rubbish(start, 25))).status_code == 202
    partly = await send(api, first, rubbish(50, 25))
    assert (len(partly.json()["quarantined"]), len(partly.json()["rejected"])) == (10, 15)
    assert {line["reason"] for line in partly.json()["rejected"]} == {"quarantine_full"}
    refused = await send(api, first, rubbish(100, 25))
    assert (refused.status_code, refused.json()["type"]) == (429, "urn:siaga:problem:quarantine_full")
    assert int(refused.headers["retry-after"]) > 0
    assert (await send(api, first, json.dumps(CLASH))).json()["accepted"] == 1
    other = await send(api, second, rubbish(1_000, 5))
    assert (other.status_code, len(other.json()["quarantined"])) == (202, 5)


async def test_a_good_event_beside_rubbish_is_taken_in_though_the_share_is_full(stage):
    """And a repeat of what is kept already is no further record."""
    api, _ = stage
    token = await api.bearer("submit")
    for start in (0, 25, 50):
        await send(api, token, rubbish(start, 25))
    answer = await send(api, token, rubbish(0, 1) + "\n" + json.dumps(CLASH) + "\n" + rubbish(90, 1))
    told = answer.json()
    assert (answer.status_code, told["accepted"]) == (202, 1)
    assert [line["index"] for line in told["quarantined"]] == [0]
    assert [(line["index"], line["reason"]) for line in told["rejected"]] == [(2, "quarantine_full")]


async def test_the_bytes_of_a_token_are_bounded_too(stage):
    api, _ = stage
    token = await api.bearer("submit")
    answer = await send(api, token, rubbish(0, 10, summary="x" * 9_000))
    assert (len(answer.json()["quarantined"]), len(answer.json()["rejected"])) == (3, 7)


async def test_what_leaves_the_quarantine_makes_room(stage):
    api, _ = stage
    token, operator = await api.bearer("submit"), await api.bearer("operate")
    for start in (0, 25, 50):
        await send(api, token, rubbish(start, 25))
    page = (await api.client.get("/v1/quarantine", params={"limit": 2}, headers=operator)).json()
    for number, record in enumerate(page["records"]):
        event = CLASH | {"id": f"G{number}"}
        done = await api.client.post(
            f"/v1/quarantine/{record['id']}/resubmit", json={"event": event}, headers=operator
        )
        assert done.json() == {"outcome": "accepted"}
    answer = await send(api, token, rubbish(200, 5))
    assert (len(answer.json()["quarantined"]), len(answer.json()["rejected"])) == (2, 3)


async def test_a_look_reads_a_page(stage):
    """From several tokens, so that there is more than one share; the console and the API alike."""
    api, store = stage
    for sender in range(8):
        token = await api.bearer("submit")
        for start in (0, 25, 50):
            await send(api, token, rubbish(1_000 * sender + start, 25))
    operator = await api.bearer("operate")
    seen, cursor = [], None
    while True:
        query = {"limit": 50} | ({"cursor": cursor} if cursor else {})
        page, read = await reading(api, store, "/v1/quarantine", operator, **query)
        assert read <= 2 * 51 + 20
        seen += [record["id"] for record in page.json()["records"]]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break
    assert len(set(seen)) == len(seen) == 8 * ENTRIES
    await api.sign_in("operate")
    page, read = await reading(api, store, "/console/quarantine")
    assert read <= 2 * 101 + 30
    assert "/console/quarantine?cursor=" in page.text


def test_the_shares_are_settings():
    settings = Settings.model_validate({"intake": {"quarantine_entries": 5, "quarantine_bytes": 2_000}})
    assert (settings.intake.quarantine_entries, settings.intake.quarantine_bytes) == (5, 2_000)
