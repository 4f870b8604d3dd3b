"""Stretches: in which group of a rule on rules an alert of another rule counts, and how many are open."""

import pytest

from engine.core.judging.condition import Bond
from engine.core.judging.filter import Limit
from engine.core.judging.group_key import key_values
from engine.core.judging.upstream_interval import (
    ENDED,
    IntervalSource,
    OpenInterval,
    OpenIntervalState,
    names_key,
    points_of,
    source_of,
)
from tests.unit.judging.desk import rule


def bond(per=("province",), over=None, within=None):
    return rule(id="simpul", per=per, condition=Bond(("a",), Limit("at_least", 2), over=over, within=within))


@pytest.mark.parametrize(
    ("per", "group", "own", "over", "found"),
    [
        (("regency",), "73.15", ("province",), None, ("73", None)),
        (("regency",), "73.15", ("nation",), None, ("00", None)),
        (("regency",), "73.15", ("region",), None, ("73.15", None)),
        (("region",), "73", ("regency",), None, None),
        (("district", "incident"), "73.15.03|A", ("region", "incident"), None, ("73.15|A", None)),
        (("incident", "district"), "A|73.15.03", ("incident",), "regency", ("A", "73.15")),
        (("regency", "incident"), r"73.15|A\|B", ("incident", "province"), None, (r"A\|B|73", None)),
        (("regency", "incident"), r"73.15|A\|B", ("incident",), None, ("A|B", None)),
        (("incident",), "A", ("province",), None, None),
        (("incident",), "A", ("nation",), None, None),
        (("province",), "73", ("province",), "regency", None),
        (("regency", "incident"), "73.15|A", ("province",), "incident", ("73", "A")),
        (("nation",), "00", ("nation",), None, ("00", None)),
    ],
)
def test_the_group_in_which_another_lies(per, group, own, over, found):
    """A region lies in those above it; other keys are shared or there are none."""
    listens = bond(own, over)
    heard = source_of(rule(id="a", per=per), group, listens)
    expected = None if found is None else (found[0], IntervalSource(f"a|{group}", found[1]))
    assert heard == expected
    names = all(names_key(per, key) for key in (*own, *([over] if over else ())))
    # What a rule set can promise beforehand: a region that was reported coarser than `per` still lies in none.
    assert names or heard is None


def test_the_parts_of_a_group_are_what_it_was_made_of():
    assert key_values(("regency", "incident"), r"73.15|A\|B") == {"regency": "73.15", "incident": "A|B"}
    assert key_values(("incident",), "A|B") == {"incident": "A|B"}


def test_an_alert_is_open_from_its_opening_to_just_before_its_end():
    """At one instant openings and endings are taken together; the order does not matter."""
    window = OpenIntervalState(Bond(("a",), Limit("at_least", 2)))
    one, two = (OpenInterval(alert=name, region="73.15", level=2, happened_at=0, ended_at=5) for name in "xy")
    (began, ended), (other, _) = (points_of(IntervalSource("a|73.15"), stretch, 9) for stretch in (one, two))
    window.enter(began)
    assert (window.figure, window.met(), window.holds(began.key)) == (1, False, True)
    window.enter(other)
    assert (window.figure, window.met()) == (2, True)
    window.enter(ended)
    assert (window.figure, window.holds(began.key)) == (1, False)
    window.leave(began)
    assert window.figure == 1, "what ended leaves no second time"
    assert (ended.evidence.id, ended.watched) == ("x" + ENDED, False)


def test_over_counts_different_children():
    window = OpenIntervalState(Bond(("a",), Limit("at_least", 2), over="regency"))
    points = [
        points_of(
            IntervalSource("a|x", child), OpenInterval(alert=name, region="73", level=2, happened_at=0), 0
        )[0]
        for name, child in (("x", "73.15"), ("y", "73.15"), ("z", "73.16"))
    ]
    for point in points:
        window.enter(point)
    assert window.figure == 2
    window.leave(points[0])
    assert window.figure == 2
    window.leave(points[1])
    assert window.figure == 1
