"""The document of an event is one that the door takes in as that very event."""

import msgspec

from engine.intake.event_schema import Accepted, EventSchema, document_of
from engine.people.tokens import Scope
from engine.settings import IntakeSection
from tests.unit.support.country import KINDS, NOW, REGIONS

NATION = Scope(desks=("*",), rights=frozenset(("submit",)), region="00", token_id="t0")


def test_a_document_comes_in_again_as_the_same_event(document):
    """Also where a field stands beside fields of its own name."""
    schema = EventSchema(REGIONS, KINDS, IntakeSection())
    given = document(
        reported_at="2024-11-27T09:31:00+08:00",
        metrics={"injured": 2, "dead": 0.5},
        extra={"deep": {"er": True}, "list": ["a", 2]},
        **{"extra.deep.er.still": "x"},
    )
    first = schema.examine(msgspec.json.encode(given), NATION, NOW)
    assert isinstance(first, Accepted)
    event = msgspec.structs.replace(first.event, received_at=NOW)
    document_again = document_of(event, REGIONS)
    second = schema.examine(msgspec.json.encode(document_again), NATION, NOW)
    assert isinstance(second, Accepted)
    assert second.event == first.event
