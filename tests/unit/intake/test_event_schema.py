"""What desks send: which documents are events, which are kept aside with which fault, and which are refused."""

import json

import pytest

from engine.core.judging.instant import MINUTE, format_instant, parse_instant
from engine.documents.event_fields import LENGTHS, LONGEST_TEXT, MOST_FIELDS
from engine.intake import event_schema
from engine.intake.event_schema import SCHEME_2022, Accepted, EventSchema, KeptAside, Refused
from engine.people.tokens import Scope
from engine.settings import IntakeSection
from tests.unit.support.country import KINDS, NOW, REGIONS


def test_a_valid_document_becomes_an_event_with_dotted_fields(examine, document):
    verdict = examine(document(incident="A", verification="unverified", stage="pungut", confidence=0.5))
    event = verdict.event
    assert (event.desk, event.id, event.kind) == ("73.15", "01JDPE0000000000000000001", "conflict.clash")
    assert (event.region, event.severity, event.flags) == ("73.15", 3, ())
    assert event.occurred_at == parse_instant("2024-11-27T09:30:00+08:00")[0]
    assert event.received_at == 0
    assert event.fields == {
        "source.channel": "desk",
        "summary": "Kericuhan di depan kantor kecamatan",
        "metrics.injured": 2,
        "incident": "A",
        "verification": "unverified",
        "stage": "pungut",
        "confidence": 0.5,
    }
    assert json.loads(verdict.value)["fields"] == event.fields


@pytest.mark.parametrize(
    ("changes", "fault", "field"),
    [
        ({"id": None}, "missing", "id"),
        ({"id": 7}, "wrong_type", "id"),
        ({"id": "ada spasi"}, "wrong_form", "id"),
        ({"id": "x" * 65}, "too_long", "id"),
        ({"source": None}, "missing", "source.desk"),
        ({"source": "73.15"}, "missing", "source.desk"),
        ({"source": {"desk": "73.15", "channel": "gosip"}}, "not_one_of", "source.channel"),
        ({"kind": None}, "missing", "kind"),
        ({"kind": "Conflict Clash"}, "wrong_form", "kind"),
        ({"kind": "conflict."}, "wrong_form", "kind"),
        ({"severity": None}, "missing", "severity"),
        ({"severity": 0}, "out_of_range", "severity"),
        ({"severity": 5}, "out_of_range", "severity"),
        ({"severity": 3.0}, "wrong_type", "severity"),
        ({"severity": True}, "wrong_type", "severity"),
        ({"severity": "3"}, "wrong_type", "severity"),
        ({"region": None}, "missing", "region"),
        ({"region": 73.15}, "wrong_type", "region"),
        ({"region": "7315"}, "region_look_alike", "region"),
        ({"region": "7315010"}, "region_look_alike", "region"),
        ({"region": "73.15.010"}, "region_look_alike", "region"),
        ({"region": "Pinrang"}, "wrong_form", "region"),
        ({"region": "73.99"}, "region_unknown", "region"),
        ({"region": "73.99.01"}, "region_unknown", "region"),
        ({"region_scheme": "bps-2020"}, "region_scheme_unknown", "region_scheme"),
        ({"occurred_at": None}, "missing", "occurred_at"),
        ({"occurred_at": 1732671000}, "wrong_type", "occurred_at"),
        ({"occurred_at": "27/11/2024 09.30 WITA"}, "wrong_form", "occurred_at"),
        ({"occurred_at": "2024-11-31T09:30:00+08:00"}, "wrong_form", "occurred_at"),
        ({"occurred_at": "2024-11-27T09:30:00"}, "no_zone", "occurred_at"),
        ({"reported_at": "kemarin"}, "wrong_form", "reported_at"),
        ({"reported_at": "2024-11-28T09:30:00+08:00"}, "ahead", "reported_at"),
        ({"time_precision": "perkiraan"}, "not_one_of", "time_precision"),
        ({"stage": "pemilu"}, "not_one_of", "stage"),
        ({"verification": "true"}, "not_one_of", "verification"),
        ({"confidence": 1.5}, "out_of_range", "confidence"),
        ({"confidence": "tinggi"}, "wrong_type", "confidence"),
        ({"metrics": {"injured": -1}}, "out_of_range", "metrics.injured"),
        ({"metrics": {"dead": "dua"}}, "wrong_type", "metrics.dead"),
        ({"metrics": {"turnout_pct": 140}}, "out_of_range", "metrics.turnout_pct"),
        ({"metrics": {"amount_rp": 10**16}}, "out_of_range", "metrics.amount_rp"),
        ({"metrics": {"unknown": 10**16}}, "out_of_range", "metrics.unknown"),
        ({"summary": "x" * 281}, "too_long", "summary"),
        ({"summary": 5}, "wrong_type", "summary"),
        ({"catatan": "x" * (LONGEST_TEXT + 1)}, "too_long", "catatan"),
        ({"nama aneh": 1}, "wrong_form", "nama aneh"),
        ({"": 1}, "wrong_form", ""),
        ({"metrics.injured": 3}, "wrong_form", "metrics.injured"),
        ({"foto": list(range(MOST_FIELDS + 1))}, "too_many_fields", "foto"),
        ({f"f{n}": n for n in range(MOST_FIELDS)}, "too_many_fields", "f91"),
        ({"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {}}}}}}}}}, "too_deep", "a.a.a.a.a.a.a.a"),
        ({"exercise": "ya"}, "wrong_type", "exercise"),
    ],
)
def test_the_first_fault_and_its_field_are_named(examine, document, changes, fault, field):
    verdict = examine(document(**changes))
    assert isinstance(verdict, KeptAside)
    assert (verdict.fault, verdict.field) == (fault, field)


@pytest.mark.parametrize("raw", [b"5", b'"teks"', b"null", b"[1]"])
def test_json_that_is_no_object_is_kept_aside(examine, raw):
    verdict = examine(raw)
    assert (verdict.fault, verdict.raw) == ("wrong_type", raw)


def test_a_number_beyond_all_bounds_is_kept_aside_and_not_called_no_json(examine):
    assert examine(b'{"metrics": {"count": 1e999}}').fault == "out_of_range"


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"nan", b"{'a': 1}", b'{"a": "\xff"}', b'{"a":1} x', b"[" * 100_000, b'{"a":' * 20_000]
)
def test_what_is_no_json_is_refused(examine, raw):
    assert examine(raw[:60_000]) == Refused(refusal="not_json")


def test_an_event_over_the_limit_is_refused(document, nation):
    schema = EventSchema(REGIONS, KINDS, IntakeSection(max_event_bytes=1_024))
    raw = json.dumps(document(catatan="x" * 500)).encode()
    assert schema.examine(raw.ljust(1_024), nation, NOW).__class__ is Accepted
    assert schema.examine(raw.ljust(1_025), nation, NOW) == Refused(refusal="too_large")


# --- scope -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"region": "33.74"}, "region"),
        ({"region": "73"}, "region"),
        ({"region": "00"}, "region"),
        ({"source": {"desk": "33.74"}}, "source.desk"),
        ({"source": {"desk": "73"}}, "source.desk"),
    ],
)
def test_a_document_outside_the_scope_is_refused(examine, document, pinrang, changes, field):
    assert examine(document(**changes), pinrang) == Refused(refusal="out_of_scope", field=field)


def test_the_scope_comes_before_every_fault(examine, document, pinrang):
    """A token cannot leave faulty documents in the quarantine of another region."""
    for changes in ({"severity": 9}, {"extra": {"a b": 1}}, {"foto": list(range(101))}):
        assert isinstance(examine(document(region="33.74", **changes), pinrang), Refused)


def test_a_desk_that_is_no_region_code_is_not_held_against_the_scope(examine, document, pinrang):
    assert isinstance(examine(document(source={"desk": "hotline"}), pinrang), Accepted)


def test_districts_and_villages_of_the_scope_are_inside(examine, document, pinrang):
    assert examine(document(region="73.15.03.2001"), pinrang).event.region == "73.15.03.2001"


# --- regions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"), [("92.01", "96.01"), ("92.71", "96.71"), ("92.01.05", "96.01.05"), ("92.02", "92.02")]
)
def test_codes_of_2022_become_those_of_today(examine, document, old, new):
    event = examine(
        document(
            region=old,
            region_scheme=SCHEME_2022,
            source={"desk": "papua"},
            occurred_at="2024-11-27T09:30:00+09:00",
        )
    ).event
    assert (event.region, event.fields["region_scheme"]) == (new, SCHEME_2022)


def test_a_token_of_today_covers_its_codes_of_2022(examine, document):
    sorong = Scope(desks=("*",), rights=frozenset(("submit",)), region="96.01", token_id="t")
    changes = {"region": "92.01", "source": {"desk": "92.01"}}
    assert isinstance(examine(document(region_scheme=SCHEME_2022, **changes), sorong), Accepted)
    assert isinstance(examine(document(**changes), sorong), Refused)


def test_an_old_code_without_its_scheme_is_offered_moved(examine, document):
    verdict = examine(document(region="92.01", source={"desk": "papua"}))
    assert (verdict.fault, verdict.mended) == ("region_unknown", {"region": "96.01"})


# --- time ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [0, 2 * MINUTE])
def test_up_to_two_minutes_ahead_is_now(examine, document, ahead):
    assert isinstance(examine(document(occurred_at=format_instant(NOW + ahead, "WITA"))), Accepted)


def test_more_than_two_minutes_ahead_is_kept_aside(examine, document):
    """Law: docs/specification/rules.md#future-events."""
    verdict = examine(document(occurred_at=format_instant(NOW + 2 * MINUTE + 1, "WITA")))
    assert (verdict.fault, verdict.field, verdict.mended) == ("ahead", "occurred_at", {})


@pytest.mark.parametrize(
    "sent", ["2024-11-27T09:30:00+07:00", "2024-11-27T09:30:00Z", "2024-11-27T09:30:00+00:00"]
)
def test_a_western_offset_on_an_eastern_clock_is_offered_corrected(examine, document, sent):
    """09.30 WITA sent as 09.30 WIB lies an hour too late; the door was passed at 09.45 WITA."""
    verdict = examine(document(occurred_at=sent), at=NOW - 15 * MINUTE)
    assert verdict.fault == "ahead"
    assert verdict.mended == {"occurred_at": "2024-11-27T09:30:00+08:00"}


def test_no_correction_is_offered_that_would_still_lie_ahead(examine, document):
    verdict = examine(document(occurred_at="2024-11-27T12:00:00+07:00"))
    assert (verdict.fault, verdict.mended) == ("ahead", {})


def test_an_instant_without_zone_is_offered_with_that_of_its_region(examine, document):
    verdict = examine(document(occurred_at="2024-11-27T09:30:00", region="96.01", source={"desk": "96"}))
    assert verdict.mended == {"occurred_at": "2024-11-27T09:30:00+09:00"}


def test_an_offset_that_is_not_its_regions_is_flagged_and_the_instant_counts(examine, document):
    event = examine(document(occurred_at="2024-11-27T08:30:00+07:00")).event
    assert event.flags == ("offset_mismatch",)
    assert event.occurred_at == parse_instant("2024-11-27T09:30:00+08:00")[0]


def test_reported_at_is_kept_as_an_instant(examine, document):
    event = examine(document(reported_at="2024-11-27T09:40:00+08:00")).event
    assert event.fields["reported_at"] == parse_instant("2024-11-27T09:40:00+08:00")[0]


def test_received_at_of_the_sender_counts_for_nothing(examine, document):
    """A replayed file carries it; the instant of receipt is ours."""
    with_it, without = examine(document(received_at="2030-01-01T00:00:00Z")), examine(document())
    assert with_it == without


# --- fields ----------------------------------------------------------------------------------------------------------


def test_an_unknown_kind_is_accepted_and_flagged_below_severity_3(examine, document):
    assert examine(document(kind="volcano.ash", severity=2)).event.flags == ("kind_unknown",)
    assert examine(document(kind="volcano.ash", severity=3)).fault == "kind_unknown"


def test_every_fault_of_a_document_is_named_not_the_first_alone(examine, document):
    kept = examine(document(id="", severity="4", occurred_at=7, verification="perhaps", exercise="yes"))
    assert [(one.field, one.reason) for one in kept.faults] == [
        ("id", "wrong_form"),
        ("severity", "wrong_type"),
        ("occurred_at", "wrong_type"),
        ("exercise", "wrong_type"),
        ("verification", "not_one_of"),
    ]
    assert (kept.field, kept.fault) == ("id", "wrong_form")


def test_nulls_are_missing_and_lists_are_numbered(examine, document):
    event = examine(document(foto=["a", None, {"x": True}], catatan={"isi": None})).event
    assert event.fields["foto.0"] == "a"
    assert event.fields["foto.2.x"] is True
    assert not any(path.startswith(("catatan", "foto.1")) for path in event.fields)


@pytest.mark.parametrize(("field", "longest"), LENGTHS.items())
def test_the_longest_texts_are_accepted(examine, document, field, longest):
    assert isinstance(examine(document(**{field: "é" * longest})), Accepted)


def test_a_dotted_name_and_a_nested_one_are_the_same_field(examine, document):
    flat = document(source=None, metrics=None) | {
        "source.desk": "73.15",
        "source.channel": "desk",
        "metrics.injured": 2,
    }
    assert examine(flat).event == examine(document()).event


# --- digests ---------------------------------------------------------------------------------------------------------


def test_the_content_is_what_was_said_not_how_it_was_written(examine, document):
    one = document()
    other = json.dumps(dict(reversed(one.items())), indent=2).encode()
    assert examine(one).content == examine(other).content
    assert examine(one).content != examine(document(severity=4)).content


def test_an_event_is_found_again_by_desk_and_id_alone(examine, document):
    first = examine(document())
    assert examine(document(severity=1)).identity == first.identity
    assert examine(document(source={"desk": "73"})).identity != first.identity
    assert (len(first.identity), len(first.content)) == (12, 8)


def test_what_is_kept_aside_says_who_sent_what_from_where(examine, document):
    verdict = examine(document(occurred_at="?"))
    assert (verdict.desk, verdict.event_id, verdict.kind) == ("73.15", document()["id"], "conflict.clash")
    assert (verdict.region, verdict.severity) == ("73.15", 3)


def test_the_lists_of_faults_and_refusals_are_those_of_the_metrics():
    from engine import metric_labels
    from engine.documents.event_fields import FAULTS

    assert metric_labels.QUARANTINED == FAULTS
    assert metric_labels.REJECTED == event_schema.REFUSALS
