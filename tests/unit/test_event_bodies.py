"""Bodies of requests: how they are cut, and that whatever is in them gets a verdict."""

import json

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.core.judging.event import Event
from engine.intake.event_schema import SCHEME_2022, Accepted, EventSchema, KeptAside, Refused, split_documents
from engine.people.tokens import Scope
from engine.settings import IntakeSection
from tests.unit.support.country import KINDS, NOW, REGIONS

LINES = "application/x-ndjson"
JSON = "application/json"


@pytest.mark.parametrize(
    ("body", "media_type", "expected"),
    [
        (b'{"a":1}', JSON, [b'{"a":1}']),
        (b'\n {"a":\n1}\n', JSON, [b'{"a":\n1}']),
        (b'[{"a":1}, 2]', JSON, [b'{"a":1}', b"2"]),
        (b"[]", JSON, []),
        (b'{"a":1}\r\n\n{"b":2}\n', LINES, [b'{"a":1}\r', b'{"b":2}']),
        (b'{"a":1}\n{"b":2}', JSON, [b'{"a":1}', b'{"b":2}']),
        (b'{"a":1}\nrubbish', LINES, [b'{"a":1}', b"rubbish"]),
        (b"[1, 2]\n[3]", LINES, [b"[1, 2]", b"[3]"]),
        (b"", JSON, None),
        (b" \n ", LINES, None),
        (b"[1,", JSON, None),
        (b"[" * 100_000, JSON, None),
    ],
)
def test_a_body_is_an_object_an_array_or_lines(body, media_type, expected):
    assert split_documents(body, media_type) == expected


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)
FIELDS = st.dictionaries(
    st.sampled_from(
        [
            "id",
            "kind",
            "severity",
            "region",
            "source",
            "occurred_at",
            "reported_at",
            "metrics",
            "region_scheme",
        ]
    ),
    TREES
    | st.sampled_from(
        [
            "73.15",
            "92.01",
            "2024-11-27T09:30:00+08:00",
            "2024-11-27T09:30:00Z",
            "9999-12-31T23:59:59-23:59",
            SCHEME_2022,
        ]
    )
    | st.just({"desk": "73.15"}),
)


@given(
    st.one_of(
        st.binary(), FIELDS.map(lambda d: json.dumps(d).encode()), TREES.map(lambda d: json.dumps(d).encode())
    )
)
@example(b'{"occurred_at": "0001-01-01T00:00:00+23:59", "region": "73.15"}')
def test_any_bytes_get_a_verdict(raw):
    """Whatever is sent, the answer is one of the three and never an exception."""
    schema = EventSchema(REGIONS, KINDS, IntakeSection())
    scope = Scope(desks=("*",), rights=frozenset(), region="00", token_id="t")
    for document in split_documents(raw, JSON) or []:
        assert isinstance(schema.examine(document, scope, NOW), Accepted | KeptAside | Refused)


@given(
    changes=st.dictionaries(st.text(min_size=1, max_size=6), TREES, max_size=3),
    severity=st.integers(-1, 6),
)
def test_what_is_accepted_reads_back_equal(changes, severity):
    """The stored JSON is the event, whatever texts and numbers it holds."""
    whole = changes | {
        "id": "a",
        "kind": "conflict.clash",
        "severity": severity,
        "region": "73.15",
        "occurred_at": "2024-11-27T09:30:00+08:00",
        "source": {"desk": "73"},
    }
    schema = EventSchema(REGIONS, KINDS, IntakeSection())
    verdict = schema.examine(
        json.dumps(whole).encode(), Scope(desks=("*",), rights=frozenset(), region="00", token_id="t"), NOW
    )
    if isinstance(verdict, Accepted):
        assert msgspec.json.decode(verdict.value, type=Event) == verdict.event
        assert b"\n" not in verdict.value
    else:
        assert verdict.raw
