"""One figure in percent of another: what counts for which side, the floor, and where windows begin and end."""

from __future__ import annotations

from itertools import permutations

import pytest

from engine.core.judging.condition import Floor, ReferenceColumn, ShareCondition
from engine.core.judging.filter import EVERYTHING, Limit, Test
from engine.core.judging.group_evaluation import Group
from engine.core.judging.instant import DAY, HOUR, MINUTE
from engine.core.judging.judgement import Opened, Undone
from engine.core.judging.rule import Clear, LevelStep, Rule
from tests.unit.judging.desk import event, feed, fits_of, rule, wait

FAR = 90 * DAY
LATE = Test("kind", "equals", "tps.late")


def share(limit: Limit, *, within: int | None = HOUR, **over: object) -> Rule:
    """A rule on the share of late reports among all."""
    sides = {"part": LATE, "whole": EVERYTHING, "within": within, **over}
    condition = ShareCondition(limit=limit, **sides)  # type: ignore[arg-type]
    return rule(condition=condition, clear=Clear("no_longer_true"))


HALF = Limit("at_least", 50)
FIELDS = {"part": "late", "whole": "all"}


@pytest.mark.parametrize(
    ("kinds", "figure"), [("L", 100), ("LO", 50), ("LOO", 100 / 3), ("OO", 0), ("LLO", 200 / 3)]
)
def test_a_share_of_events(kinds: str, figure: float) -> None:
    """Events that fit the part, in percent of those that fit the whole."""
    one = share(Limit("at_least", 0))
    reports = [
        event(at, f"e{at}", kind="tps.late" if kind == "L" else "tps.open") for at, kind in enumerate(kinds)
    ]
    (said,) = [
        found
        for found in Group(one).apply(reports, received_at=9, fits=fits_of(one, reports))
        if isinstance(found, Opened)
    ][:1]
    last = Group(one)
    last.apply(reports, received_at=9, fits=fits_of(one, reports))
    assert said.limit == 0
    (joined,) = last.apply(
        [event(10, kind="tps.none")], received_at=10, fits={}
    )  # one that fits neither side changes no figure
    assert joined.figure == figure  # type: ignore[union-attr]


def test_a_share_of_numbers() -> None:
    """Fields are added up on each side; an event need not have both."""
    one = share(HALF, **FIELDS)
    for reports, opens in (
        ([event(0, late=3, all=4)], {0}),
        ([event(0, late=3), event(1, all=4)], {1}),
        ([event(0, late=3), event(1, all=7)], set()),
        ([event(0, late=3)], set()),
        ([event(0, other=3)], set()),
    ):
        assert feed(Group(one), [[report] for report in reports], until=FAR).openings == opens


def test_an_empty_whole_is_not_judged() -> None:
    """Neither a high nor a low limit is met by nothing; when the window empties the condition is over.

    Law: docs/specification/rules.md#shares.
    """
    for limit in (HALF, Limit("below", 50)):
        assert not feed(Group(share(limit, **FIELDS)), [[event(0, late=0, all=0)]], until=FAR).openings
    ledger = feed(Group(share(Limit("below", 50))), [[event(0)]], until=FAR)
    assert ledger.ended == {1: (HOUR, "no_longer_true")}


DPT = ReferenceColumn(name="directory.dpt", regions=("73.15", "73.16"), numbers=(200.0, 0.0))


@pytest.mark.parametrize(
    ("region", "late", "opens"),
    [("73.15", 100, True), ("73.15", 99.9, False), ("73.16", 100, False), ("73.17", 100, False)],
)
def test_a_whole_may_be_the_regions_own_number(region: str, late: float, *, opens: bool) -> None:
    """Half of it; a region whose number is 0 or missing is not judged."""
    for within in (HOUR, None):
        one = share(HALF, part="late", whole=DPT, within=within)
        ledger = feed(Group(one), [[event(0, late=late, region=region)]], until=0)
        assert ledger.openings == ({0} if opens else set())


def test_a_part_adds_up_and_the_regions_number_does_not() -> None:
    """Two reports of 50 against one number of 200; with neither in the window nothing is judged."""
    one = share(HALF, part="late", whole=DPT)
    reports = [event(0, late=50), event(MINUTE, late=50, region="73.15.02")]
    ledger = feed(Group(one), [[report] for report in reports], until=FAR)
    assert ledger.happened == {1: MINUTE}
    assert ledger.ended == {1: (HOUR, "no_longer_true")}
    low = share(Limit("below", 10), part="late", whole=DPT)
    ledger = feed(Group(low), [[event(0, late=19)]], until=FAR)
    assert (ledger.happened, ledger.ended) == ({1: 0}, {1: (HOUR, "no_longer_true")})


@pytest.mark.parametrize(("gap", "opens"), [(HOUR - 1, False), (HOUR, True), (HOUR + 1, True)])
def test_the_whole_is_of_the_same_window(gap: int, *, opens: bool) -> None:
    """Within W means less than W apart: an hour later the other report is gone."""
    one = share(Limit("above", 50))
    ledger = feed(Group(one), [[event(0, kind="tps.open")], [event(gap, kind="tps.late")]], until=gap)
    assert ledger.openings == ({gap} if opens else set())


def test_a_report_that_leaves_may_open() -> None:
    """The share rises when one of the whole leaves."""
    one = share(Limit("above", 50))
    ledger = feed(Group(one), [[event(0)], [event(MINUTE, kind="tps.late")]], until=FAR)
    assert ledger.openings == {HOUR}
    assert ledger.ended == {1: (HOUR + MINUTE, "no_longer_true")}


@pytest.mark.parametrize(
    ("floor", "opens"),
    [
        (Floor(now=Limit("at_least", 2)), True),
        (Floor(now=Limit("at_least", 3)), False),
        (Floor(reference=Limit("above", 3)), True),
        (Floor(reference=Limit("above", 4)), False),
        (Floor(field="done", field_limit=Limit("at_least", 50)), True),
        (Floor(field="done", field_limit=Limit("above", 50)), False),
        (Floor(field="none", field_limit=Limit("at_least", 0)), False),
        (Floor(now=Limit("at_least", 2), reference=Limit("above", 4)), False),
    ],
)
def test_the_floor(floor: Floor, *, opens: bool) -> None:
    """Limits on the part, on the whole, and on a field of the latest report."""
    one = share(HALF, floor=floor, **FIELDS)
    reports = [[event(0, late=1, all=2, done=90)], [event(1, late=1, all=2, done=50)]]
    group = Group(one)
    feed(group, reports, until=2)
    assert (group.open is not None) is opens


def test_without_a_window_the_latest_report_decides() -> None:
    """It stays as it is until the next one."""
    one = share(HALF, within=None, **FIELDS)
    group = Group(one)
    ledger = feed(group, [[event(0, late=1, all=1)], [event(DAY, late=1)]], until=DAY)
    assert (ledger.openings, ledger.ended) == ({0}, {})
    ledger.read(group.apply([event(2 * DAY, late=1, all=9)], received_at=2 * DAY))
    wait(group, ledger, FAR)
    assert ledger.ended == {1: (2 * DAY, "no_longer_true")}


def test_it_waits_for_late_reports_and_is_undone_by_later_ones() -> None:
    """More events can make a share higher or lower."""
    one = share(HALF)
    late = Rule(**{name: getattr(one, name) for name in one.__struct_fields__} | {"wait_for_late": MINUTE})
    group = Group(late)
    reports = [event(0, kind="tps.late")]
    assert group.apply(reports, received_at=0, fits=fits_of(one, reports)) == ()
    assert group.due == MINUTE
    assert [type(said) for said in group.look(now=MINUTE)] == [Opened]
    others = [event(0, "b"), event(0, "c")]
    (undone,) = group.apply(others, received_at=2 * MINUTE, fits=fits_of(one, others))[:1]
    assert isinstance(undone, Undone)
    (again, *_) = group.apply(
        [], received_at=3 * MINUTE, withdrawn={("7315", "b"): "refuted", ("7315", "c"): "refuted"}
    )
    assert isinstance(again, Opened)


def test_every_arrival_order() -> None:
    """Openings depend on when things happened, not on when they were told."""
    one = share(Limit("above", 50))
    kinds = ["tps.open", "tps.late", "tps.late", "tps.open", "tps.late"]
    reports = [event(at * 20 * MINUTE, kind=kind) for at, kind in enumerate(kinds)]
    found = {
        frozenset(feed(Group(one), [[report] for report in order], until=FAR).openings)
        for order in permutations(reports)
    }
    assert found == {frozenset({40 * MINUTE})}


def test_levels_follow_the_percentage() -> None:
    """`level` may be a map on the percentage."""
    ladder = (LevelStep(2), LevelStep(4, Limit("at_least", 80)))
    one = rule(condition=ShareCondition("late", "all", HALF), levels=ladder)
    group = Group(one)
    said = [
        *group.apply([event(0, late=5, all=9)], received_at=0),
        *group.apply([event(1, late=8, all=9)], received_at=1),
    ]
    assert [found.level for found in said if not isinstance(found, Undone)] == [2, 4]  # type: ignore[union-attr]
