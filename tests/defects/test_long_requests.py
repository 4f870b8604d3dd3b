"""A long request of one desk holds up nobody: what comes in during it is taken in before it."""

import asyncio
import json

import pytest

from engine.clock import ManualClock
from engine.intake.submission import Intake
from engine.metrics import Metrics
from engine.people.tokens import Scope
from engine.settings import Settings
from engine.store.memory import MemoryStore
from tests.unit.support.country import KINDS, NOW, REGIONS

LINES = "application/x-ndjson"
FLOOD = 5_000


def of(name, **changes):
    return {
        "id": name,
        "kind": "conflict.clash",
        "severity": 1,
        "region": "73.15",
        "occurred_at": "2024-11-27T09:30:00+08:00",
        "source": {"desk": "73.15", "channel": "desk"},
    } | changes


@pytest.mark.parametrize("fault", [{}, {"severity": 9}], ids=["events", "no events"])
async def test_an_event_that_comes_during_a_long_request_is_taken_in_before_it(fault):
    """5,000 documents, good ones and such as go to quarantine, keep the service busy for a tenth of a second."""
    store = MemoryStore()
    intake = Intake(store, ManualClock(NOW), REGIONS, KINDS, Settings(), Metrics())
    scope = Scope(rights=frozenset(("submit",)), region="73.15", token_id="t0")
    body = "\n".join(json.dumps(of(f"banjir-{n}", **fault)) for n in range(FLOOD)).encode()
    ended = []

    async def send(name, content):
        await intake.submit(content, LINES, scope)
        ended.append(name)

    flood = asyncio.create_task(send("flood", body))
    await asyncio.sleep(0)  # the flood has begun
    await send("neighbour", json.dumps(of("tetangga", severity=4)).encode())
    assert ended == ["neighbour"]
    await flood
    entries = await store.read("0-0", 1_000)
    first, *rest = entries
    assert [json.loads(value)["id"] for value in first.values] == ["tetangga"]
    assert sum(len(entry.values) for entry in rest) == (0 if fault else FLOOD)
    assert [entry.last for entry in rest] == [False] * (len(rest) - 1) + [True] * bool(rest), "one step"
