"""In how many different children there are events: places or values of a field, by number or by percentage."""

from __future__ import annotations

import pytest

from engine.core.judging.condition import Spread
from engine.core.judging.group_evaluation import Group
from engine.core.judging.instant import DAY, HOUR, MINUTE
from engine.core.judging.judgement import Opened, Undone
from engine.core.judging.rule import Clear, Rule
from tests.unit.judging.desk import event, feed, rule, wait

FAR = 90 * DAY


def spread(at_least: float, over: str = "regency", **more: object) -> Rule:
    """A rule on a spread within an hour, per province."""
    condition = Spread(over, at_least, HOUR, **more)  # type: ignore[arg-type]
    return rule(condition=condition, per=("province",), clear=Clear("no_longer_true"), wait_for_late=MINUTE)


@pytest.mark.parametrize(
    ("over", "regions", "opens"),
    [
        ("regency", ["73.15", "73.16"], True),
        ("regency", ["73.15", "73.15.01"], False),
        ("regency", ["73", "73.16"], False),
        ("district", ["73.15", "73.15.01"], False),
        ("district", ["73.16.01.2001", "73.15.01"], True),
        ("region", ["73", "73.16"], True),
    ],
)
def test_children_are_told_apart_at_their_level(over: str, regions: list[str], *, opens: bool) -> None:
    """An event above the level belongs to no child and does not count."""
    ledger = feed(
        Group(spread(2, over)), [[event(at, region=code)] for at, code in enumerate(regions)], until=FAR
    )
    assert ledger.openings == ({1} if opens else set())


@pytest.mark.parametrize(("gap", "opens"), [(HOUR - 1, True), (HOUR, False), (HOUR + 1, False)])
def test_children_a_window_apart_are_not_together(gap: int, *, opens: bool) -> None:
    """Within W means less than W apart; it ends when the first of too few leaves."""
    group = Group(spread(2))
    ledger = feed(group, [[event(0, region="73.15")], [event(gap, region="73.16")]], until=FAR)
    assert ledger.openings == ({gap} if opens else set())
    assert ledger.ended == ({1: (HOUR, "no_longer_true")} if opens else {})


@pytest.mark.parametrize(("count", "opens"), [(2, False), (3, True), (4, True)])
def test_a_percentage_is_of_the_children_in_the_roster(count: int, *, opens: bool) -> None:
    """30 % of ten are three; the figure stays a number."""
    group = Group(spread(30, children=(("72", 1), ("73", 10))))
    codes = [f"73.{15 + place}" for place in range(count)]
    said = group.apply([event(at, region=code) for at, code in enumerate(codes)], received_at=10)
    assert [type(one) for one in said[:1]] == ([Opened] if opens else [])
    if isinstance(said[0] if said else None, Opened):
        assert (said[0].figure, said[0].limit) == (3, None)  # type: ignore[union-attr]


def test_a_region_without_children_in_the_roster_is_not_judged() -> None:
    """Nothing is a part of nothing."""
    for children in ((), (("74", 3),)):
        assert not feed(Group(spread(1, children=children)), [[event(0)]], until=FAR).openings


def test_it_opens_on_arrival_and_ends_behind_late_reports() -> None:
    """More events can only make it truer, so its end waits for them."""
    group = Group(spread(2))
    ledger = feed(group, [[event(0, region="73.15"), event(0, "b", region="73.16")]], until=HOUR)
    assert (ledger.openings, ledger.ended) == ({0}, {})
    wait(group, ledger, HOUR + MINUTE)
    assert ledger.ended == {1: (HOUR, "no_longer_true")}


def test_a_refuted_child_is_none() -> None:
    """Taken out of the window as if it had never been there."""
    group = Group(spread(2))
    group.apply([event(0, "a", region="73.15"), event(0, "b", region="73.16")], received_at=0)
    (undone,) = group.apply([], received_at=1, withdrawn={("7315", "b"): "refuted"})
    assert isinstance(undone, Undone)
