"""A small country and its door: shared by the tests of intake, schema and tokens."""

import json

import pytest

from engine.clock import ManualClock
from engine.intake.event_schema import EventSchema
from engine.intake.submission import Intake
from engine.metrics import Metrics
from engine.people.tokens import Scope
from engine.settings import IntakeSection, Settings
from engine.store.memory import MemoryStore
from tests.unit.support.country import KINDS, NOW, REGIONS


@pytest.fixture
def document():
    """Make a valid document, with changes: None leaves a field out."""

    def make(**changes) -> dict:
        whole = {
            "id": "01JDPE0000000000000000001",
            "kind": "conflict.clash",
            "severity": 3,
            "region": "73.15",
            "occurred_at": "2024-11-27T09:30:00+08:00",
            "source": {"desk": "73.15", "channel": "desk"},
            "summary": "Kericuhan di depan kantor kecamatan",
            "metrics": {"injured": 2},
        } | changes
        return {field: value for field, value in whole.items() if value is not None}

    return make


@pytest.fixture
def nation() -> Scope:
    return Scope(desks=("*",), rights=frozenset(("submit", "operate")), region="00", token_id="t0")


@pytest.fixture
def pinrang() -> Scope:
    return Scope(desks=("*",), rights=frozenset(("submit", "operate")), region="73.15", token_id="t1")


@pytest.fixture
def schema() -> EventSchema:
    return EventSchema(REGIONS, KINDS, IntakeSection())


@pytest.fixture
def examine(schema, nation):
    """Give the schema's verdict on a document or on bytes, received at `NOW`."""

    def verdict(document, scope=nation, at=NOW):
        raw = document if isinstance(document, bytes) else json.dumps(document).encode()
        return schema.examine(raw, scope, at)

    return verdict


class Door:
    """An intake on a memory store, its clock, and short ways to ask what it kept."""

    def __init__(self, **http):
        self.store = MemoryStore()
        self.clock = ManualClock(NOW)
        self.metrics = Metrics()
        settings = Settings.model_validate({"http": http})
        self.intake = Intake(self.store, self.clock, REGIONS, KINDS, settings, self.metrics)

    async def submit(self, documents, scope, media_type="application/json"):
        body = documents if isinstance(documents, bytes) else json.dumps(documents).encode()
        return await self.intake.submit(body, media_type, scope)

    async def events(self) -> list[dict]:
        entries = await self.store.read("0-0", 1_000)
        return [json.loads(value) for entry in entries for value in entry.values]

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels)


@pytest.fixture
def door() -> Door:
    return Door()
