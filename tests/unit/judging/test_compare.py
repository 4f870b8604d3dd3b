"""A figure against its reference: where both windows begin and end, what counts as none, and what undoes it."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from engine.core.judging.condition import Compare, Earlier, Floor, PreviousWindow, ReferenceColumn, SameHour
from engine.core.judging.event import Event
from engine.core.judging.explanation import explain_group
from engine.core.judging.filter import Limit
from engine.core.judging.group_evaluation import Group
from engine.core.judging.group_state import Circumstances
from engine.core.judging.instant import DAY, HOUR, MINUTE, Instant
from engine.core.judging.judgement import Joined, Opened, Undone
from engine.core.judging.rule import Clear, LevelStep, Rule
from tests.unit.judging.desk import event, feed, fits_of, rule

FAR = 90 * DAY


def compare(relation: str = "rises_to", number: float = 2, **over: Any) -> Compare:
    """Events of an hour against those of the hour before."""
    base: dict[str, Any] = {"figure": "count", "reference": PreviousWindow(), "within": HOUR}
    return Compare(relation=relation, number=number, **{**base, **over})  # type: ignore[arg-type]


def state(condition: Compare, **over: Any) -> Rule:
    """A rule whose alert ends when the condition is no longer true, unless it says otherwise."""
    return rule(condition=condition, **{"clear": Clear("no_longer_true"), **over})


def openings(one: Rule, *reports: Event, since: Instant | None = None, until: Instant = FAR) -> set[Instant]:
    """When alerts open if the events come in order."""
    return feed(
        Group(one, around=Circumstances(since=since)), [[report] for report in reports], until=until
    ).openings


def reading(at: Instant, n: float, **over: Any) -> Event:
    """A report of the number `n`."""
    return event(at, n=n, **over)


# --- windows ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("gap", "opens"), [(HOUR - 1, False), (HOUR, True), (HOUR + 1, True)])
def test_the_windows_lie_side_by_side(gap: int, *, opens: bool) -> None:
    """An event W before the instant belongs to the window before; one just younger still to this one."""
    first, now = 0, 3 * HOUR
    reports = [event(first), event(now - gap, "before"), event(now), event(now, "other")]
    held = openings(state(compare(number=2)), *reports, until=now)
    assert held == ({now} if opens else set())


@pytest.mark.parametrize(("gap", "opens"), [(2 * HOUR - 1, True), (2 * HOUR, False)])
def test_the_reference_begins_two_windows_back(gap: int, *, opens: bool) -> None:
    """An event 2 W before the instant has left the reference, which is then empty: nothing to compare with."""
    now = 5 * HOUR
    held = openings(state(compare(number=1)), event(0), event(now - gap, "ref"), event(now), until=now)
    assert held == ({now} if opens else set())


@pytest.mark.parametrize(("first", "opens"), [(HOUR, True), (HOUR + 1, False)])
def test_a_reference_lies_after_the_first_event(first: Instant, *, opens: bool) -> None:
    """Its whole window does: that of 3 hours reaches back to the first hour, not included.

    Law: docs/specification/rules.md#references.
    """
    ref, now = HOUR + 30 * MINUTE, 3 * HOUR
    held = openings(state(compare(number=1)), event(first), event(ref), event(now), until=now)
    assert held == ({now} if opens else set())


def test_what_leaves_the_reference_is_judged_too() -> None:
    """Two events against two, then against one though nothing came in; against none it is over."""
    reports = [event(minute * MINUTE) for minute in (0, 61, 62, 125, 126)]
    one = state(compare())
    ledger = feed(Group(one), [[report] for report in reports], until=FAR)
    assert ledger.happened == {1: 181 * MINUTE}
    assert ledger.ended == {1: (182 * MINUTE, "no_longer_true")}


def test_an_earlier_value() -> None:
    """The latest reading against the latest that is an hour old, but less than two."""
    one = state(
        compare(
            "falls_by",
            10,
            figure="latest",
            of=("n",),
            within=30 * MINUTE,
            reference=Earlier(before=HOUR, not_older_than=2 * HOUR),
        )
    )
    base = [reading(0, 90), reading(2 * HOUR, 76)]
    assert openings(one, *base, reading(3 * HOUR, 66), until=3 * HOUR) == {3 * HOUR}
    assert openings(one, *base, reading(3 * HOUR, 67), until=3 * HOUR) == set()
    assert openings(one, *base, reading(3 * HOUR - 1, 66), until=3 * HOUR - 1) == set()
    assert openings(one, *base, reading(4 * HOUR - 1, 66), until=4 * HOUR - 1) == {4 * HOUR - 1}
    assert openings(one, *base, reading(4 * HOUR, 66), until=4 * HOUR) == set()


def test_the_same_hour_of_days_is_their_mean() -> None:
    """Days of 1, 0 and 5 events have 2 on average; the day without any counts."""
    days = [event(0, "old"), *(event(DAY - m, f"a{m}") for m in range(5)), event(3 * DAY, "c")]
    one = state(compare("rises_to", 2, reference=SameHour(days=3)))
    now = [event(4 * DAY + m, f"now{m}") for m in range(4)]
    assert openings(one, *days, *now, until=4 * DAY + 3) == {4 * DAY + 3}
    assert openings(one, *days, *now[:3], until=4 * DAY + 3) == set()


def test_a_mean_takes_only_days_that_have_a_figure() -> None:
    """Of averages a day without events has none; of all days without any there is nothing to compare with."""
    one = state(compare("falls_by", 2, figure="average", of=("n",), reference=SameHour(days=3)))
    days = [reading(0, 0), reading(DAY, 10), reading(3 * DAY, 6)]
    assert openings(one, *days, reading(4 * DAY, 6), until=4 * DAY) == {4 * DAY}
    assert openings(one, *days, reading(4 * DAY, 6.1), until=4 * DAY) == set()
    assert openings(one, reading(0, 50), reading(9 * DAY, 6), until=9 * DAY) == set()


def test_a_late_event_is_in_no_reference() -> None:
    """Received 12 hours after it occurred it counts for its own window, but not as what others are held against."""
    one = state(compare("falls_to", 0.5), late_horizon=3 * DAY, wait_for_late=0)
    for late, opens in ((12 * HOUR - 1, True), (12 * HOUR, False)):
        reference = event(2 * HOUR, "ref", received_at=2 * HOUR + late)
        ledger = feed(Group(one), [[event(0)], [reference]], until=FAR)
        assert ledger.openings == ({3 * HOUR} if opens else set())


# --- baselines ----------------------------------------------------------------------------------------------------

BASELINE = ReferenceColumn(name="acuan", regions=("73.15", "73.16"), numbers=(76.1, 80.0))


@pytest.mark.parametrize(
    ("region", "n", "opens"),
    [("73.15", 64.1, True), ("73.15", 64.2, False), ("73.16", 68, True), ("73.17", 10, False)],
)
def test_a_baseline_is_that_of_the_region(region: str, n: float, *, opens: bool) -> None:
    """Twelve points below what the table has for it; a region that is not in the table has none.

    Law: docs/specification/rules.md#reference-tables.
    """
    one = state(compare("falls_by", 12, figure="latest", of=("n",), reference=BASELINE))
    assert openings(one, reading(0, n, region=region), until=0) == ({0} if opens else set())


def test_a_district_has_the_baseline_of_its_regency() -> None:
    """The column is of the level of the group; a whole province has none."""
    one = state(compare("falls_by", 12, figure="latest", of=("n",), reference=BASELINE))
    assert openings(one, reading(0, 60, region="73.15.02"), until=0) == {0}
    assert openings(one, reading(0, 60, region="73"), until=0) == set()


def test_an_empty_window_is_held_against_a_baseline() -> None:
    """Less than half of what is usual, also when the last event has left."""
    one = state(
        compare("falls_to", 0.5, reference=ReferenceColumn(name="acuan", regions=("73.15",), numbers=(2.0,)))
    )
    ledger = feed(Group(one), [[event(0), event(0, "b")]], until=FAR)
    assert ledger.openings == {HOUR}


@pytest.mark.parametrize(("otherwise", "opens"), [("skip", False), ("fire", True), (2, True), (2.01, False)])
def test_without_a_reference_the_rule_says_what_holds(otherwise: Any, *, opens: bool) -> None:
    """Four events where nothing was before: skipped, met, or held against the number that stands for it."""
    reports = [event(minute * MINUTE) for minute in range(4)]
    one = state(compare(if_no_baseline=otherwise, floor=Floor(now=Limit("at_least", 4))))
    assert openings(one, *reports, until=3 * MINUTE) == ({3 * MINUTE} if opens else set())


def test_nothing_before_is_no_reference() -> None:
    """0 in the window before is like none: `if_no_baseline` decides."""
    reports = [event(0), event(5 * HOUR), event(5 * HOUR, "b")]
    assert openings(state(compare(number=1)), *reports, until=5 * HOUR) == set()
    assert openings(state(compare(number=1, if_no_baseline=1)), *reports, until=5 * HOUR) >= {5 * HOUR}


# --- relations ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("relation", "number", "n", "opens"),
    [
        ("rises_to", 3, 0.3, True),
        ("rises_to", 3, 0.299999999, False),
        ("rises_above", 3, 0.3, False),
        ("rises_above", 3, 0.300000001, True),
        ("falls_to", 0.7, 0.07, True),
        ("falls_below", 0.7, 0.07, False),
        ("falls_below", 0.7, 0.069999999, True),
        ("rises_by", 0.2, 0.3, True),
        ("rises_by", 0.2, 0.299999999, False),
        ("falls_by", 0.03, 0.07, True),
        ("falls_by", 0.03, 0.070000001, False),
    ],
)
def test_relations_are_exact(relation: str, number: float, n: float, *, opens: bool) -> None:
    """Against 0.1: `_to` and `_by` are met by exactly so much, `_above` and `_below` are not."""
    table = ReferenceColumn(name="acuan", regions=("73.15",), numbers=(0.1,))
    one = state(compare(relation, number, figure="latest", of=("n",), reference=table))
    assert openings(one, reading(0, n), until=0) == ({0} if opens else set())


def test_a_fall_needs_a_window_of_watching() -> None:
    """A rule that has watched for less than W does not know whether it fell; a rise is judged at once."""
    reports = [event(0), *(event(2 * HOUR + m, f"e{m}") for m in range(4)), event(3 * HOUR + 5, "now")]
    fall, rise = state(compare("falls_to", 0.5)), state(compare("rises_to", 0.1))
    assert openings(fall, *reports, since=0) == {3 * HOUR + 2}
    watched_since = 2 * HOUR + 3
    assert openings(fall, *reports, since=watched_since) == {3 * HOUR + 3}
    assert min(openings(rise, *reports, since=watched_since)) < watched_since + HOUR


def test_the_floor_keeps_small_numbers_quiet() -> None:
    """From 1 to 4 is no news, from 10 to 40 is; the field of the latest event lets pass or not."""
    floor = Floor(now=Limit("at_least", 4), reference=Limit("at_least", 2))
    one = state(compare("rises_to", 2, floor=floor))
    few = [event(0), event(61 * MINUTE), *(event(125 * MINUTE + m, f"n{m}") for m in range(4))]
    assert openings(one, *few) == set()
    assert openings(one, *few, event(62 * MINUTE, "second")) != set()
    pct = state(compare("rises_to", 1, floor=Floor(field="pct", field_limit=Limit("at_least", 50))))
    base = [event(0), event(90 * MINUTE)]
    for at, passes in ((49, False), (50, True), (None, False)):
        fields = {} if at is None else {"pct": at}
        last = event(2 * HOUR + 30 * MINUTE, **fields)
        held = feed(Group(pct), [[*base, last]], until=2 * HOUR + 30 * MINUTE).openings
        assert bool(held) is passes


def test_levels_and_what_is_told() -> None:
    """The level is by the fall; the opening says from where to where."""
    levels = (LevelStep(2), LevelStep(4, Limit("at_least", 20)))
    one = state(compare("falls_by", 10, figure="latest", of=("n",), reference=BASELINE), levels=levels)
    group = Group(one)
    group.apply([reading(0, 64.1)], received_at=0)
    (said,) = group.look(now=0)
    assert isinstance(said, Opened)
    assert (said.level, said.figure, said.limit, said.sides) == (2, 12, 10, (64.1, 76.1))
    (more,) = group.apply([reading(1, 56)], received_at=1)
    assert isinstance(more, Joined)
    assert (more.level, more.figure, more.sides) == (4, 20.1, (56, 76.1))


def test_hysteresis_is_on_the_ratio() -> None:
    """Opens at twice as many, closes when it is no more than the same."""
    one = state(compare("rises_to", 2), clear=Clear("limit", limit=Limit("at_most", 1)))
    reports = [event(0), event(61 * MINUTE), *(event(125 * MINUTE + m, f"n{m}") for m in range(3))]
    ledger = feed(Group(one), [[report] for report in reports], until=FAR)
    assert ledger.happened == {1: 125 * MINUTE + 1}
    assert ledger.ended == {1: (185 * MINUTE + 1, "no_longer_true")}


def test_a_comparison_may_be_made_once() -> None:
    """With `at` it is true at that instant or never; what comes later opens nothing."""
    at = 5 * HOUR
    one = rule(condition=compare("falls_by", 12, figure="latest", of=("n",), reference=BASELINE, at=at))
    assert openings(one, reading(at - HOUR + 1, 64)) == {at}
    assert openings(one, reading(at, 64)) == {at}
    assert openings(one, reading(at - HOUR, 64)) == set()
    assert openings(one, reading(at - 2, 64), reading(at - 1, 70)) == set()
    assert openings(one, reading(at - 1, 70), reading(at + 1, 10)) == set()
    assert openings(one, reading(at + 1, 10)) == set()


def test_starting_again_forgets_the_reference() -> None:
    """After an opening nothing from before counts, neither as now nor as reference (as ElastAlert warms up anew)."""
    one = rule(condition=compare(number=2), start_again=True, clear=Clear("quiet", quiet_for=1))
    reports = [event(0), event(61 * MINUTE), *(event(125 * MINUTE + m, f"n{m}") for m in range(3))]
    assert openings(one, *reports, event(185 * MINUTE, "later")) == {125 * MINUTE + 1}


def test_the_comparison_warms_up_anew() -> None:
    """After an opening that starts again, a reference needs its whole window after the first event since."""
    one = rule(condition=compare(number=2), start_again=True, clear=Clear("quiet", quiet_for=1))
    reports = [event(0), event(61 * MINUTE), *(event(125 * MINUTE + m, f"n{m}") for m in range(2))]
    later = [event(130 * MINUTE), event(190 * MINUTE), event(190 * MINUTE + 1, "half a reference")]
    assert openings(one, *reports, *later) == {125 * MINUTE + 1}
    assert openings(one, *reports, *later, event(250 * MINUTE)) == {125 * MINUTE + 1, 250 * MINUTE}


def test_a_reference_below_zero_is_none_for_a_ratio() -> None:
    """Three times -0.1 says nothing; a difference does."""
    table = ReferenceColumn(name="acuan", regions=("73.15",), numbers=(-0.1,))
    over: dict[str, Any] = {"figure": "latest", "of": ("n",), "reference": table}
    assert openings(state(compare("rises_to", 3, **over)), reading(0, -0.3), until=0) == set()
    assert openings(state(compare("falls_by", 0.2, **over)), reading(0, -0.3), until=0) == {0}


def test_the_floor_on_a_field_asks_an_event_in_the_window() -> None:
    """What has left says nothing any more, though the group is still held against its baseline."""
    floor = Floor(field="pct", field_limit=Limit("at_least", 50))
    table = ReferenceColumn(name="acuan", regions=("73.15",), numbers=(2.0,))
    one = state(compare("falls_to", 0.5, reference=table, floor=floor))
    ledger = feed(Group(one), [[event(0, pct=60)]], until=FAR)
    assert ledger.happened == {1: 0}
    assert ledger.ended == {1: (HOUR, "no_longer_true")}


# --- arrival ------------------------------------------------------------------------------------------------------


def test_any_order_and_refutation() -> None:
    """The same opening for all orders; refuted in the reference it opens, in this window it is undone."""
    reports = [
        event(0),
        event(70 * MINUTE),
        event(80 * MINUTE, "b"),
        event(150 * MINUTE),
        event(151 * MINUTE),
    ]
    one = state(compare(number=2), clear=Clear("by_hand"), wait_for_late=0)
    for order in permutations(reports):
        ledger = feed(Group(one), [[report] for report in order], until=151 * MINUTE)
        assert ledger.openings == set()
    group = Group(one)
    feed(group, [reports], until=151 * MINUTE)
    said = group.apply([], received_at=152 * MINUTE, withdrawn={("7315", "b"): "refuted"})
    assert [one.happened_at for one in said if isinstance(one, Opened)] == [151 * MINUTE]
    said = group.apply([], received_at=153 * MINUTE, withdrawn={("7315", f"e{151 * MINUTE}"): "refuted"})
    assert [one.reason for one in said if isinstance(one, Undone)] == ["refuted"]


def test_it_waits_for_late_events() -> None:
    """More events can undo a comparison: it is judged behind the watermark."""
    one = state(compare("rises_to", 2), wait_for_late=10 * MINUTE)
    group, reports = Group(one), [event(0), event(70 * MINUTE), event(150 * MINUTE), event(151 * MINUTE)]
    for report in reports:
        assert not group.apply([report], received_at=report.occurred_at, fits=fits_of(one, [report]))
    assert not group.look(now=161 * MINUTE - 1)
    (said,) = group.look(now=161 * MINUTE)
    assert isinstance(said, Opened)
    assert said.happened_at == 151 * MINUTE


def test_what_is_forgotten_is_no_first_event_lost() -> None:
    """A group that lives on for long keeps its first event, and only the points its windows need."""
    one = state(compare("rises_to", 2), late_horizon=HOUR)
    group = Group(one)
    for at in range(0, 400 * 5 * MINUTE, 5 * MINUTE):
        group.apply([event(at)], received_at=at)
    state_of_it = group.frozen()
    assert state_of_it.base is not None
    assert state_of_it.status.first == 0
    assert len(state_of_it.points) < 120
    burst = [event(400 * 5 * MINUTE + m, f"n{m}") for m in range(13)]
    group.apply(burst, received_at=burst[-1].occurred_at)
    said = group.look(now=burst[-1].occurred_at)
    assert [one.figure for one in said if isinstance(one, Opened)] == [2]


def test_explain_names_both_sides() -> None:
    """The gate that holds shows figure, limit, now and reference."""
    one = state(compare("falls_by", 12, figure="latest", of=("n",), reference=BASELINE))
    group = Group(one)
    group.apply([reading(0, 70)], received_at=0)
    stand = explain_group(one, group.frozen(), at=1)
    gate = stand.gates[-1]
    assert gate.name == "figure_below_limit"
    assert (gate.detail["figure"], gate.detail["limit"]) == (pytest.approx(6.1), 12)
    assert (gate.detail["now"], gate.detail["reference"]) == (70, 76.1)
