"""Silence and deadline: exact boundaries, what grows by itself, what ends it, and how it is explained."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from engine.core.judging.calendar import Active
from engine.core.judging.condition import Deadline, ExpectedMember, ExpectedReporters, SilenceCondition
from engine.core.judging.explanation import GroupExplanation, explain_group
from engine.core.judging.filter import Limit
from engine.core.judging.group_evaluation import Group
from engine.core.judging.group_state import Circumstances, Closing, Gap
from engine.core.judging.instant import HOUR, MINUTE, Instant, from_datetime, zone
from engine.core.judging.judgement import Judgement, Opened, Risen
from engine.core.judging.rule import Clear, LevelStep, Rule, TellAgain
from tests.unit.judging.desk import Ledger, event, feed, rule, wait

NOBODY = ExpectedReporters()
HERE = Circumstances(since=0, member=ExpectedMember("73.15"))
FAR = 100 * HOUR


def silence(length: int = 2 * HOUR, below: int = 1, seen: int | None = None, **over: Any) -> Rule:
    condition = SilenceCondition(length=length, below=below, expected=ExpectedReporters(seen=seen))
    return rule(condition=condition, **{"clear": Clear("no_longer_true"), **over})


def openings(one: Rule, *at: Instant, around: Circumstances = HERE, until: Instant = FAR) -> Ledger:
    return feed(Group(one, around=around), [[event(each)] for each in at], until=until)


def said(one: Rule, until: Instant, around: Circumstances = HERE) -> list[Judgement]:
    group, found = Group(one, around=around), []
    while group.due is not None and group.due <= until:
        found += group.look(now=group.due)
    return found


@pytest.mark.parametrize(
    ("second", "opens"),
    [(2 * HOUR, {4 * HOUR}), (2 * HOUR + 1, {2 * HOUR, 4 * HOUR + 1}), (2 * HOUR - 1, {4 * HOUR - 1})],
)
def test_it_is_true_exactly_then_and_an_event_then_prevents_it(second: Instant, opens: set[Instant]):
    assert openings(silence(), 0, second).openings == opens


def test_one_more_millisecond_of_waiting_would_be_too_early():
    group = Group(silence(wait_for_late=10 * MINUTE), around=HERE)
    assert group.due == 2 * HOUR + 10 * MINUTE
    assert group.look(now=2 * HOUR + 10 * MINUTE - 1) == ()
    (opened,) = group.look(now=2 * HOUR + 10 * MINUTE)
    assert isinstance(opened, Opened)
    assert (opened.happened_at, opened.figure, opened.limit) == (2 * HOUR, 2 * HOUR, 2 * HOUR)
    assert (opened.window, opened.evidence) == ((0, 2 * HOUR), ())


@pytest.mark.parametrize(
    ("around", "opens"),
    [
        (Circumstances(since=5 * HOUR, member=ExpectedMember("73.15")), {7 * HOUR}),
        (Circumstances(since=5 * HOUR, member=ExpectedMember("73.15", since=6 * HOUR)), {8 * HOUR}),
        (Circumstances(since=5 * HOUR, member=ExpectedMember("73.15", until=7 * HOUR)), set()),
        (Circumstances(since=5 * HOUR, member=ExpectedMember("73.15", until=7 * HOUR + 1)), {7 * HOUR}),
        (Circumstances(since=5 * HOUR), set()),
    ],
    ids=["first load", "activation", "ends then", "ends after", "no member"],
)
def test_a_member_counts_from_the_latest_and_until_its_end(around: Circumstances, opens: set[Instant]):
    assert openings(silence(), around=around).openings == opens


def test_a_rule_that_is_in_effect_later_counts_from_then():
    assert openings(silence(effective_from=3 * HOUR)).openings == {5 * HOUR}


def test_fewer_than_so_many():
    one = silence(below=2)
    assert openings(one, 0, HOUR, 2 * HOUR).openings == {3 * HOUR}
    ledger = openings(one, HOUR, 4 * HOUR, 5 * HOUR, until=6 * HOUR - 1)
    assert ledger.openings == {2 * HOUR}
    assert ledger.ended == {1: (5 * HOUR, "no_longer_true")}


def test_whoever_was_seen_lately_is_expected_as_long_as_that():
    ledger = openings(silence(seen=5 * HOUR), HOUR, around=Circumstances(since=0))
    assert ledger.openings == {3 * HOUR}
    assert ledger.ended == {1: (6 * HOUR, "no_longer_true")}


def test_an_outage_is_no_silence():
    down = Circumstances(since=0, member=ExpectedMember("73.15"), gaps=(Gap(since=HOUR, until=4 * HOUR),))
    assert openings(silence(), around=down).openings == {5 * HOUR}


def test_the_level_rises_and_doubled_lengths_are_told_though_nothing_arrives():
    """Law: docs/specification/rules.md#silence-levels."""
    levels = (LevelStep(2), LevelStep(3, Limit("at_least", 3 * HOUR)), LevelStep(4, Limit("above", 5 * HOUR)))
    one = silence(levels=levels, tell_again=TellAgain(value_doubles=True), wait_for_late=MINUTE)
    found = [one for one in said(one, 13 * HOUR) if isinstance(one, Risen)]
    assert [(risen.figure, risen.level) for risen in found] == [
        (3 * HOUR, 3),
        (5 * HOUR + 1, 4),
        (10 * HOUR + 2, 4),
    ]


def test_what_has_risen_is_not_said_again_after_a_restart():
    one = silence(levels=(LevelStep(2), LevelStep(3, Limit("at_least", 3 * HOUR))))
    group = Group(one, around=HERE)
    assert [type(each) for each in group.look(now=4 * HOUR)] == [Opened, Risen]
    again = Group(one, group.frozen(), HERE)
    assert again.look(now=4 * HOUR) == ()
    assert again.due is None


def test_after_a_closing_by_hand_it_takes_a_report_to_open_again():
    group, ledger = Group(silence(), around=HERE), Ledger()
    ledger.read(group.look(now=3 * HOUR))
    closed = Closing(ordinal=1, floor=None, at=4 * HOUR)
    ledger.read(group.look(now=4 * HOUR, closed=closed))
    wait(group, ledger, FAR)
    assert ledger.openings == {2 * HOUR}
    ledger.read(group.apply([event(FAR)], received_at=FAR))
    wait(group, ledger, 2 * FAR)
    assert ledger.openings == {2 * HOUR, FAR + 2 * HOUR}


def test_a_refuted_report_never_broke_the_silence():
    group, ledger = Group(silence(), around=HERE), Ledger()
    ledger.read(group.apply([event(HOUR, "a")], received_at=HOUR))
    ledger.read(group.look(now=2 * HOUR))
    assert ledger.openings == set()
    ledger.read(group.apply([], received_at=150 * MINUTE, withdrawn={("7315", "a"): "refuted"}))
    assert ledger.openings == {2 * HOUR}


# --- deadline ---------------------------------------------------------------------------------------------------------


def deadline(by: datetime | Instant = 5 * HOUR, **over: Any) -> Rule:
    return rule(condition=Deadline(by=by, expected=NOBODY), **over)


@pytest.mark.parametrize(("at", "opens"), [(5 * HOUR, set()), (5 * HOUR + 1, {5 * HOUR}), (-HOUR, set())])
def test_a_deadline_is_met_up_to_its_instant(at: Instant, opens: set[Instant]):
    """Law: docs/specification/rules.md#deadline."""
    assert openings(deadline(), at).openings == opens


@pytest.mark.parametrize(
    ("around", "opens"),
    [
        (HERE, {5 * HOUR}),
        (Circumstances(since=5 * HOUR, member=ExpectedMember("a")), {5 * HOUR}),
        (Circumstances(since=5 * HOUR + 1, member=ExpectedMember("a")), set()),
        (Circumstances(since=0, member=ExpectedMember("a", until=5 * HOUR)), set()),
        (
            Circumstances(since=0, member=ExpectedMember("a"), gaps=(Gap(since=4 * HOUR, until=7 * HOUR),)),
            {8 * HOUR},
        ),
        (
            Circumstances(since=3 * HOUR, member=ExpectedMember("a"), gaps=(Gap(since=0, until=3 * HOUR),)),
            {5 * HOUR},
        ),
    ],
    ids=["expected", "since then", "since later", "not any more", "outage", "outage before it counted"],
)
def test_whom_a_deadline_concerns_and_when(around: Circumstances, opens: set[Instant]):
    assert openings(deadline(), around=around).openings == opens


def test_a_local_deadline_passes_in_the_east_first():
    by = datetime.fromisoformat("2024-11-27T18:00")
    for name in ("Asia/Jakarta", "Asia/Jayapura"):
        around = Circumstances(since=0, zone=name, member=ExpectedMember("a"))
        instant = from_datetime(by.replace(tzinfo=zone(name)))
        assert openings(deadline(by), around=around, until=instant).openings == {instant}


def test_later_reports_join_and_do_not_close():
    ledger = openings(deadline(), 6 * HOUR)
    assert (ledger.openings, ledger.ended) == ({5 * HOUR}, {})


# --- why (not) --------------------------------------------------------------------------------------------------------


def stand(one: Rule, at: Instant, around: Circumstances, *reports: Instant) -> GroupExplanation:
    group = Group(one, around=around)
    for report in reports:
        group.apply([event(report)], received_at=report)
    return explain_group(one, group.frozen(), at=at, around=around)


def test_a_silence_says_since_when_what_came_last_and_when_it_falls_due():
    down = Circumstances(
        since=0, member=ExpectedMember("73.15"), gaps=(Gap(since=90 * MINUTE, until=2 * HOUR),)
    )
    found = stand(silence(), 3 * HOUR, down, HOUR)
    gate = found.gates[-1]
    assert (gate.name, gate.passed, found.figure) == ("figure_below_limit", False, 90 * MINUTE)
    assert {name: gate.detail[name] for name in ("since", "newest", "due", "outages")} == {
        "since": HOUR,
        "newest": HOUR,
        "due": 3 * HOUR + 30 * MINUTE,
        "outages": 30 * MINUTE,
    }


def test_who_is_not_expected_stops_at_that_gate():
    assert stand(silence(), 3 * HOUR, Circumstances(since=0)).gates[-1].name == "expected"
    assert stand(deadline(), 6 * HOUR, Circumstances(since=0)).gates[-1].name == "expected"


@pytest.mark.parametrize(
    ("reports", "at", "gate"),
    [
        ((), 4 * HOUR, "figure_below_limit"),
        ((HOUR,), 6 * HOUR, "figure_below_limit"),
        ((), 6 * HOUR, "already_open"),
    ],
)
def test_a_deadline_says_why_not(reports: tuple[Instant, ...], at: Instant, gate: str):
    assert stand(deadline(), at, HERE, *reports).gates[-1].name == gate


def test_hours_without_end_are_no_endless_search():
    """While an alert is open and nothing more is to be said of it, nothing falls due."""
    one = silence(active=Active(hours="00:00-23:59 local"))
    group = Group(one, around=HERE)
    group.look(now=20 * HOUR)
    assert group.open is not None
    assert group.due is None
