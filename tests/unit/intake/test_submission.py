"""One request from bytes to counts: nothing is lost, nothing counts twice, nothing foreign comes in."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.judging.instant import DAY, HOUR, format_instant
from engine.errors import StoreUnavailableError
from engine.intake.event_schema import SCHEME_2022
from engine.intake.submission import IntakeResult, RefusedLine, Resubmitted
from engine.people.tokens import Scope
from engine.records.quarantine import QUARANTINE, Quarantined
from engine.records.quarantine_acts import SETTLED, SettledRecord
from engine.store.codec import decode
from engine.store.memory import MemoryStore
from tests.unit.conftest import Door
from tests.unit.support.country import NOW

LINES = "application/x-ndjson"
FUTURE = "2024-11-27T10:30:00+07:00"
"""Half past ten WITA, written with the offset of WIB: an hour ahead of what was meant, 90 minutes ahead of `NOW`."""


async def test_each_document_ends_in_one_of_four_ways(door, document, pinrang):
    """Accepted, duplicate, kept aside with the reason, refused with the reason; each by its place.

    Law: docs/specification/rules.md#intake.
    """
    result = await door.submit(
        [
            document(),
            document(),
            document(id="b", severity=9),
            document(id="c", region="33.74"),
            document(id="d", kind="volcano.ash", severity=2),
        ],
        pinrang,
    )
    assert (result.accepted, result.duplicate) == (2, 1)
    assert [(line.index, line.field, line.reason) for line in result.quarantined] == [
        (2, "severity", "out_of_range")
    ]
    assert result.rejected == (RefusedLine(index=3, field="region", reason="out_of_scope"),)
    assert [event["id"] for event in await door.events()] == [document()["id"], "d"]


async def test_the_answer_is_counted_in_the_metrics_and_in_the_store(door, document, nation):
    await door.submit(
        [document(), document(), document(id="b", severity=9), document(id="c", kind="x.y", severity=2)],
        nation,
    )
    await door.submit(b"{", nation)
    assert await door.store.counters() == {
        "events_accepted": 2,
        "events_duplicate": 1,
        "events_quarantined": 1,
        "events_rejected": 1,
    }
    results = ("accepted", "duplicate", "quarantined", "rejected")
    assert [door.count("siaga_events_total", result=result) for result in results] == [2, 1, 1, 1]
    assert door.count("siaga_events_quarantined_total", reason="out_of_range") == 1
    assert door.count("siaga_events_rejected_total", reason="not_json") == 1
    assert door.count("siaga_events_flagged_total", flag="kind_unknown") == 1


async def test_a_request_is_one_entry_stamped_with_the_clock(door, document, nation):
    """Law: docs/specification/rules.md#requests."""
    body = "\n".join(json.dumps(document(id=f"e{number}")) for number in range(50)).encode()
    await door.submit(body, nation, LINES)
    (entry,) = await door.store.read("0-0", 10)
    assert (len(entry.values), entry.received_at, entry.last) == (50, NOW, True)


async def test_a_repeat_changes_nothing(door, document, nation):
    first = await door.submit([document(), document(id="b", severity=9)], nation)
    door.clock.set(NOW + HOUR)
    second = await door.submit([document(), document(id="b", severity=9)], nation)
    assert (second.accepted, second.duplicate) == (0, 1)
    assert second.quarantined == first.quarantined
    assert len(await door.events()) == 1
    assert len(await door.store.scan(QUARANTINE)) == 1
    assert (await door.store.counters())["events_quarantined"] == 1


async def test_an_id_with_another_content_is_kept_aside(door, document, nation):
    await door.submit(document(), nation)
    result = await door.submit([document(severity=4), document(id="b")], nation)
    assert (result.accepted, result.duplicate) == (1, 0)
    assert [(line.index, line.field, line.reason) for line in result.quarantined] == [
        (0, "id", "id_conflict")
    ]
    (kept,) = (await door.intake.quarantined(nation)).records
    assert json.loads(kept.raw)["severity"] == 4


async def test_what_was_kept_aside_does_not_block_its_id(door, document, nation):
    """A quarantined id enters the memory for repeats only when it is accepted."""
    await door.submit(document(severity=9), nation)
    assert (await door.submit(document(severity=4), nation)).accepted == 1


async def test_same_id_at_two_desks_is_two_events(door, document, nation):
    """Law: docs/specification/rules.md#event-identity."""
    result = await door.submit([document(), document(source={"desk": "73"})], nation)
    assert result.accepted == 2


async def test_a_body_that_is_no_json_is_refused_as_one(door, nation):
    for body in (b"", b"[1,", b"hello"):
        result = await door.submit(body, nation)
        assert result == IntakeResult(rejected=(RefusedLine(index=0, field="", reason="not_json"),))
        assert result.all_rejected


async def test_one_bad_line_spoils_no_other(door, document, nation):
    body = json.dumps(document()).encode() + b"\n{broken\n" + json.dumps(document(id="b")).encode()
    result = await door.submit(body, nation, LINES)
    assert result.accepted == 2
    assert result.rejected == (RefusedLine(index=1, field="", reason="not_json"),)


async def test_a_request_with_too_many_documents_is_refused_whole(document, nation):
    door = Door(max_events=3)
    assert (await door.submit([document(id=f"e{n}") for n in range(3)], nation)).accepted == 3
    result = await door.submit([document(id=f"f{n}") for n in range(4)], nation)
    assert result == IntakeResult(rejected=(RefusedLine(index=3, field="", reason="too_many"),))
    assert len(await door.events()) == 3
    assert door.count("siaga_events_rejected_total", reason="too_many") == 4


async def test_an_empty_array_is_an_empty_request(door, nation):
    assert await door.submit([], nation) == IntakeResult()
    assert await door.store.counters() == {}


class Dying(MemoryStore):
    """A store whose process dies at a named write."""

    def __init__(self, name: str, side: str) -> None:
        super().__init__(crash_point=self._at)
        self._point: tuple[str, str] | None = (name, side)

    def _at(self, name: str, side: str) -> None:
        if (name, side) == self._point:
            self._point = None
            raise StoreUnavailableError(f"died {side} {name}")


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("name", ["append_events", "quarantine"])
async def test_whoever_dies_in_between_loses_nothing_when_the_sender_comes_again(
    document, nation, name, side
):
    """No answer was given, so the sender repeats; the end is that of an undisturbed request."""
    door = Door()
    door.store = door.intake._store = Dying(name, side)
    documents = [document(), document(id="b", severity=9), document(id="a", kind="volcano.ash", severity=2)]
    with pytest.raises(StoreUnavailableError):
        await door.submit(documents, nation)
    again = await door.submit(documents, nation)
    assert again.accepted + again.duplicate == 2
    assert len(again.quarantined) == 1
    assert [event["id"] for event in await door.events()] == [document()["id"], "a"]
    assert len((await door.intake.quarantined(nation)).records) == 1


# --- the quarantine --------------------------------------------------------------------------------------------------


async def test_a_record_says_what_came_from_whom_and_what_would_mend_it(door, document, pinrang):
    result = await door.submit(document(occurred_at=FUTURE), pinrang)
    (line,) = result.quarantined
    assert line.mended == {}  # at 10.30 WITA even the corrected instant would lie ahead
    door.clock.set(NOW + HOUR)
    result = await door.submit(document(id="b", occurred_at="2024-11-27T11:00:00+07:00"), pinrang)
    (line,) = result.quarantined
    assert line.mended == {"occurred_at": "2024-11-27T11:00:00+08:00"}
    kept = (await door.intake.quarantined(pinrang)).records[1]
    assert kept.id == line.id
    assert (kept.reason, kept.field, kept.token_id, kept.received_at) == (
        "ahead",
        "occurred_at",
        "t1",
        NOW + HOUR,
    )
    assert (kept.desk, kept.event_id, kept.kind, kept.region, kept.severity) == (
        "73.15",
        "b",
        "conflict.clash",
        "73.15",
        3,
    )


async def test_the_quarantine_is_seen_by_region_oldest_first_and_in_pages(door, document, nation, pinrang):
    await door.submit([document(id=f"e{n}", severity=9) for n in range(3)], pinrang)
    door.clock.set(NOW + HOUR)
    await door.submit([document(id="f", region="33.74", severity=9), document(id="g", region=None)], nation)
    everything = (await door.intake.quarantined(nation)).records
    assert {kept.event_id for kept in everything[3:]} == {"f", "g"}
    assert {kept.event_id for kept in (await door.intake.quarantined(pinrang)).records} == {"e0", "e1", "e2"}
    first = await door.intake.quarantined(nation, limit=2)
    rest = await door.intake.quarantined(nation, after=first.after, limit=9)
    assert first.records + rest.records == everything


async def test_a_document_without_a_readable_region_belongs_to_the_tokens_region(door, document, pinrang):
    await door.submit(document(region="Pinrang"), pinrang)
    (kept,) = (await door.intake.quarantined(pinrang)).records
    assert kept.region == "73.15"


async def kept_id(door, scope) -> str:
    (kept,) = (await door.intake.quarantined(scope)).records
    return kept.id


async def test_sent_again_with_a_correction_it_becomes_an_event_and_leaves(door, document, nation):
    await door.submit(document(severity=9), nation)
    record_id = await kept_id(door, nation)
    sent = json.dumps(document(severity=4)).encode()
    assert await door.intake.resubmit(record_id, sent, nation) == Resubmitted(outcome="accepted")
    assert (await door.intake.quarantined(nation)).records == []
    assert [event["severity"] for event in await door.events()] == [4]
    (entry,) = await door.store.log(SETTLED)
    settled = decode(entry, SettledRecord)
    assert (settled.sent, settled.token_id, settled.at) == (sent, "t0", NOW)
    assert json.loads(settled.record.raw)["severity"] == 9
    assert await door.intake.resubmit(record_id, sent, nation) is None


async def test_the_offered_value_is_taken_with_one_click(door, document, nation):
    await door.submit(document(region="92.01", source={"desk": "papua"}), nation)
    record_id = await kept_id(door, nation)
    assert (await door.intake.resubmit(record_id, None, nation)).outcome == "region_unknown"
    assert (await door.intake.resubmit(record_id, None, nation, mended=True)).settled
    assert [event["region"] for event in await door.events()] == ["96.01"]


async def test_what_is_still_no_event_stays(door, document, nation):
    await door.submit(document(severity=9), nation)
    record_id = await kept_id(door, nation)
    worse = json.dumps(document(severity=0)).encode()
    assert await door.intake.resubmit(record_id, worse, nation) == Resubmitted(
        outcome="out_of_range", field="severity"
    )
    assert await door.intake.resubmit(record_id, b"{", nation) == Resubmitted(outcome="not_json")
    (kept,) = (await door.intake.quarantined(nation)).records
    assert json.loads(kept.raw)["severity"] == 9


async def test_what_was_only_early_is_accepted_as_it_is_later(door, document, nation):
    await door.submit(document(occurred_at=format_instant(NOW + HOUR, "WITA")), nation)
    record_id = await kept_id(door, nation)
    door.clock.set(NOW + HOUR)
    assert (await door.intake.resubmit(record_id, None, nation)).outcome == "accepted"


async def test_a_taken_id_stays_taken(door, document, nation):
    await door.submit(document(), nation)
    await door.submit(document(severity=4), nation)
    record_id = await kept_id(door, nation)
    assert (await door.intake.resubmit(record_id, None, nation)).outcome == "id_conflict"
    assert len((await door.intake.quarantined(nation)).records) == 1


async def test_if_the_sender_was_quicker_the_record_is_settled_as_a_duplicate(door, document, nation):
    await door.submit(document(severity=9), nation)
    record_id = await kept_id(door, nation)
    await door.submit(document(severity=4), nation)
    mended = json.dumps(document(severity=4)).encode()
    assert (await door.intake.resubmit(record_id, mended, nation)).outcome == "duplicate"
    assert (await door.intake.quarantined(nation)).records == []
    assert len(await door.events()) == 1


async def test_dying_between_event_and_record_settles_it_the_next_time(document, nation):
    door = Door()
    door.store = door.intake._store = Dying("resubmit", "before")
    await door.submit(document(severity=9), nation)
    record_id = await kept_id(door, nation)
    sent = json.dumps(document(severity=4)).encode()
    with pytest.raises(StoreUnavailableError):
        await door.intake.resubmit(record_id, sent, nation)
    assert (await door.intake.resubmit(record_id, sent, nation)).outcome == "duplicate"
    waiting = (await door.intake.quarantined(nation)).records
    assert (len(await door.events()), waiting) == (1, [])


async def test_records_and_events_outside_the_scope_are_out_of_reach(door, document, nation, pinrang):
    await door.submit(document(region="33.74", severity=9), nation)
    assert await door.intake.resubmit(await kept_id(door, nation), None, pinrang) is None
    assert await door.intake.resubmit("unknown", None, nation) is None
    await door.submit(document(severity=9), nation)
    (mine,) = (await door.intake.quarantined(pinrang)).records
    elsewhere = json.dumps(document(region="33.74")).encode()
    outcome = await door.intake.resubmit(mine.id, elsewhere, pinrang)
    assert outcome == Resubmitted(outcome="out_of_scope", field="region")


def test_a_record_can_be_shown_as_json(document):
    kept = Quarantined(
        id="x", reason="ahead", field="occurred_at", raw=b"{}", received_at=NOW, token_id="t", region="00"
    )
    assert msgspec.json.decode(msgspec.json.encode(kept))["reason"] == "ahead"


# --- laws ------------------------------------------------------------------------------------------------------------

MAYBE = st.sampled_from(
    [
        {},
        {"severity": 9},
        {"severity": 4},
        {"id": "b"},
        {"region": "33.74"},
        {"region": "7315"},
        {"region": "92.01", "region_scheme": SCHEME_2022},
        {"occurred_at": FUTURE},
        {"occurred_at": format_instant(NOW - 500 * DAY)},
        {"kind": "x.y"},
        {"exercise": True},
    ]
)
PIECES = st.one_of(st.binary(max_size=12).map(lambda b: b.replace(b"\n", b"")), MAYBE)


@given(pieces=st.lists(PIECES, max_size=12), region=st.sampled_from(["00", "73.15"]))
async def test_every_document_of_a_request_is_counted_exactly_once(pieces, region):
    """accepted + duplicate + quarantined + rejected = lines, and the indexes name each but the good ones."""
    base = {
        "id": "a",
        "kind": "conflict.clash",
        "severity": 3,
        "region": "73.15",
        "occurred_at": "2024-11-27T09:30:00+08:00",
        "source": {"desk": "73.15"},
    }
    lines = [piece if isinstance(piece, bytes) else json.dumps(base | piece).encode() for piece in pieces]
    sent = [line for line in lines if line.strip()]
    scope = Scope(desks=("*",), rights=frozenset(("submit",)), region=region, token_id="t")
    door = Door()
    result = await door.submit(b"\n".join(sent), scope, LINES)
    named = [line.index for line in (*result.quarantined, *result.rejected)]
    assert len(named) == len(set(named))
    assert result.accepted + result.duplicate + len(named) == max(len(sent), 1)
    assert result.accepted == len(await door.events())
    counted = sum(
        door.count("siaga_events_total", result=kind)
        for kind in ("accepted", "duplicate", "quarantined", "rejected")
    )
    assert counted == max(len(sent), 1)
    if region != "00":
        assert {event["region"] for event in await door.events()} <= {"73.15"}


async def test_what_is_older_than_the_memory_for_repeats_is_kept_aside(door, document, nation):
    """Exactly 60 days is still accepted; a millisecond more is `too_late`."""
    oldest = NOW - 60 * DAY
    fine = document(id="a", occurred_at=format_instant(oldest, "WITA"))
    old = document(id="b", occurred_at=format_instant(oldest - 1, "WITA"))
    result = await door.submit([fine, old], nation)
    assert result.accepted == 1
    assert [(line.index, line.field, line.reason) for line in result.quarantined] == [
        (1, "occurred_at", "too_late")
    ]


async def test_an_old_repeat_that_is_still_remembered_is_a_duplicate(door, document, nation):
    """A replay of old events changes nothing; with other content it is a conflict like any other.

    Law: docs/specification/rules.md#duplicates.
    """
    old = document(id="a", occurred_at=format_instant(NOW - 59 * DAY, "WITA"))
    assert (await door.submit([old], nation)).accepted == 1
    door.clock.set(NOW + 2 * DAY)
    again = await door.submit([old], nation)
    assert (again.accepted, again.duplicate, again.quarantined) == (0, 1, ())
    other = await door.submit([{**old, "severity": 1}], nation)
    assert [line.reason for line in other.quarantined] == ["id_conflict"]
    assert (await door.store.counters())["events_duplicate"] == 1
