"""Bounds of connections: when one is too slow, how many there may be, and which makes room."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.web.connections import (
    BODY_BYTES_PER_SECOND,
    BODY_SECONDS,
    HEAD_SECONDS,
    RESERVED_DESCRIPTORS,
    SILENT_SECONDS,
    STALLED_SECONDS,
    RequestProgress,
    most_connections,
    overdue,
)

LONG = 100_000.0


def progress(**values) -> RequestProgress:
    return RequestProgress(**({"since": 0.0, "heard_at": 0.0} | values))


@pytest.mark.parametrize(
    ("values", "after"),
    [
        ({"phase": "idle"}, SILENT_SECONDS),
        ({"phase": "idle", "heard_at": SILENT_SECONDS}, SILENT_SECONDS),
        ({"phase": "head"}, HEAD_SECONDS),
        ({"phase": "head", "heard_at": HEAD_SECONDS}, HEAD_SECONDS),
        ({"phase": "body"}, SILENT_SECONDS),
        ({"phase": "body", "heard_at": BODY_SECONDS}, BODY_SECONDS),
        (
            {"phase": "body", "heard_at": BODY_SECONDS + 9, "body_bytes": 10 * BODY_BYTES_PER_SECOND},
            BODY_SECONDS + 10,
        ),
        ({"phase": "answer", "stalled_at": 0.0}, STALLED_SECONDS),
    ],
)
def test_from_when_on_a_connection_is_too_slow(values: dict, after: float):
    assert not overdue(progress(**values), after)
    assert overdue(progress(**values), after + 0.001)


def test_who_waits_for_an_answer_is_never_too_slow():
    """A page that follows what happens is one answer for hours."""
    assert not overdue(progress(phase="answer"), LONG)


@pytest.mark.parametrize("phase", ["head", "body"])
def test_who_cannot_send_since_we_do_not_read_is_not_too_slow(phase: str):
    assert not overdue(progress(phase=phase), LONG, reading_paused=True)


@given(st.integers(1, 10**6), st.integers(2, 10**6))
def test_connections_leave_descriptors_free(wanted: int, descriptors: int):
    most = most_connections(wanted, descriptors)
    assert 1 <= most <= wanted
    assert descriptors - most >= min(RESERVED_DESCRIPTORS, descriptors // 2)


@pytest.mark.parametrize(
    ("descriptors", "most"), [(1_024, 768), (8_192, 2_000), (256, 128), (2**63 - 1, 2_000)]
)
def test_how_many_there_may_be(descriptors: int, most: int):
    assert most_connections(2_000, descriptors) == most
