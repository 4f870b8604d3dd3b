"""Recordings and ledgers: lines in the order of receipt, and two runs held against each other."""

from pathlib import Path

import msgspec
import pytest

from engine.errors import ConfigurationError
from engine.simulation.backtest import AlertCourse, Ledger, Received, RecordedMessage
from engine.simulation.backtest_report import backtest_difference
from engine.simulation.replay import Recording

COURSE = AlertCourse(
    id="a", rule="r", group="73", ordinal=1, level=2, happened_at=100, detected_at=100, closed_at=500
)
TOLD = RecordedMessage(
    alert="a",
    kind="first",
    step=1,
    person="p",
    role="sekda",
    office="73",
    channel="sms",
    informing=False,
    sent_at=100,
    parts=1,
)


def recording(tmp_path: Path, *lines: str) -> Recording:
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Recording(file)


def line(second: int, id_: str, *, key: str = "received_at") -> str:
    return f'{{"id":"{id_}","{key}":"1970-01-01T00:00:{second:02}Z"}}'


def test_lines_come_in_the_order_of_receipt_with_their_numbers(tmp_path):
    """One request an instant, at most so many events in each; blank lines are counted but hold nothing."""
    found = recording(tmp_path, line(9, "D"), "", line(5, "B"), line(5, "C"), line(1, "A", key="occurred_at"))
    requests = list(found.requests(range(len(found)), 10))
    assert [(request.at, [one.number for one in request.lines]) for request in requests] == [
        (1_000, [5]),
        (5_000, [3, 4]),
        (9_000, [1]),
    ]
    assert b'"D"' in requests[-1].lines[0].event
    assert [len(request.lines) for request in found.requests(range(len(found)), 1)] == [1, 1, 1, 1]


def test_a_span_has_its_start_and_not_its_end(tmp_path):
    found = recording(tmp_path, line(1, "A"), line(5, "B"), line(9, "C"))
    part = found.part(5_000, 9_000)
    assert (part.total, part.first, part.last) == (1, 5_000, 5_000)
    for nothing in ((9_001, None), (9_000, 5_000)):
        with pytest.raises(ConfigurationError, match="no event"):
            found.part(*nothing)


@pytest.mark.parametrize("wrong", ['{"id":', '{"id":"B"}', '{"received_at":1}', "[]", line(77, "B")])
def test_a_mistake_is_named_by_its_line(tmp_path, wrong):
    with pytest.raises(ConfigurationError, match=r"events\.jsonl:3: "):
        recording(tmp_path, line(1, "A"), "", wrong)


def test_a_file_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Recording(tmp_path / "none.jsonl")


def ledger(courses: list[AlertCourse], told: list[RecordedMessage]) -> Ledger:
    return Ledger(
        rules=1, since=0, until=1_000, received=Received(), courses=tuple(courses), told=tuple(told)
    )


def changed(
    before: tuple[AlertCourse, list[RecordedMessage]] | None,
    after: tuple[AlertCourse, list[RecordedMessage]] | None,
):
    sides = [ledger([side[0]], side[1]) if side else ledger([], []) for side in (before, after)]
    return backtest_difference(*sides)


def counts(found) -> dict[tuple[str, str], tuple[int, ...]]:
    return {key: msgspec.structs.astuple(change) for key, change in found.recipients.items()}


def test_equal_runs_differ_in_nothing():
    found = changed((COURSE, [TOLD]), (COURSE, [TOLD]))
    assert (found.new, found.gone, found.redated, counts(found), found.messages) == ((), (), (), {}, 0)


def test_what_is_in_one_run_only_is_more_or_fewer():
    """By role and region."""
    gone, new = changed((COURSE, [TOLD, TOLD]), None), changed(None, (COURSE, [TOLD]))
    assert (gone.gone, counts(gone), gone.parts) == ((COURSE,), {("sekda", "73"): (0, 2, 0, 0)}, -2)
    assert (new.new, counts(new), new.parts) == ((COURSE,), {("sekda", "73"): (1, 0, 0, 0)}, 1)


@pytest.mark.parametrize(("at", "row"), [(40, (0, 0, 1, 0)), (300, (0, 0, 0, 1))])
def test_an_alert_that_was_unresolved_in_both_is_the_same_one_redated(at, row):
    moved = msgspec.structs.replace(COURSE, happened_at=at, detected_at=at, level=3)
    found = changed((COURSE, [TOLD]), (moved, [msgspec.structs.replace(TOLD, sent_at=at)]))
    assert [pair.after for pair in found.redated] == [pair.after for pair in found.level_changed] == [moved]
    assert counts(found) == {("sekda", "73"): row}


def test_an_alert_after_the_other_was_closed_is_another_one():
    later = msgspec.structs.replace(COURSE, happened_at=501, detected_at=501)
    found = changed((COURSE, [TOLD]), (later, [TOLD]))
    assert (found.gone, found.new, found.redated) == ((COURSE,), (later,), ())
    assert counts(found) == {("sekda", "73"): (1, 1, 0, 0)}


def test_an_alert_keeps_its_partner_when_an_earlier_one_comes_before_it():
    """Which alert is meant follows from when it happened, not from its number."""
    first = msgspec.structs.replace(COURSE, id="b", happened_at=1, detected_at=1, closed_at=50)
    found = backtest_difference(ledger([COURSE], [TOLD]), ledger([first, COURSE], [TOLD]))
    assert (found.new, found.gone, found.redated) == ((first,), (), ())


def test_groups_have_nothing_to_do_with_each_other():
    """Also where their alerts happened at the same instant."""
    other = msgspec.structs.replace(COURSE, id="b", group="12")
    found = backtest_difference(ledger([COURSE, other], [TOLD]), ledger([COURSE], [TOLD]))
    assert (found.gone, found.new) == ((other,), ())


def test_the_time_to_a_person_counts_who_must_act():
    informed = msgspec.structs.replace(TOLD, informing=True, sent_at=100)
    asked = msgspec.structs.replace(TOLD, sent_at=160)
    assert [delay.length for delay in ledger([COURSE], [informed, asked]).delays()] == [60]
    assert ledger([COURSE], [informed]).unheard() == [COURSE]
    hidden = msgspec.structs.replace(COURSE, hidden=True)
    assert ledger([hidden], []).unheard() == []
