"""Nothing depends on the order of arrival, the size of requests, or on forgetting the working copy between them."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.msgpack import decode, encode

from engine.core.judging.calendar import Active, NamedSpan
from engine.core.judging.condition import (
    Aggregate,
    Change,
    Compare,
    Count,
    Distinct,
    Earlier,
    EveryEvent,
    FirstTime,
    Floor,
    PreviousWindow,
    ReferenceColumn,
    ShareCondition,
    Spread,
    Value,
)
from engine.core.judging.event import Event
from engine.core.judging.filter import AllOf, Limit, Test
from engine.core.judging.group_evaluation import Group
from engine.core.judging.group_state import GroupState
from engine.core.judging.instant import MINUTE, Instant
from engine.core.judging.rule import Clear, LevelStep, Rule
from tests.unit.judging.desk import Ledger, event, feed, fits_of, rule, wait

FAR = 100_000 * MINUTE


UNSTEADY: list[dict[str, object]] = [{}, {"x": 4}, {"x": -3}, {"x": 2.5}]
"""A field that is missing at times and not always above 0, by the field `metrics.n`."""


def reported(at: Instant, place: int, n: int, incident: str) -> Event:
    """An event that clears where `n` is 3 and is not watched where its incident is D."""
    fields = {"metrics.n": n, "clear": n == 3, "watched": incident != "D", **UNSTEADY[n]}
    return event(at, f"e{place:02}", incident=incident, **fields)


@st.composite
def events(draw: st.DrawFn) -> list[Event]:
    """Up to twelve events within some minutes, many at the same instant; some clear, some of those are not watched."""
    minutes = st.integers(0, draw(st.sampled_from([3, 12, 40, 40])))
    rows = st.lists(st.tuples(minutes, st.integers(0, 3), st.sampled_from("ABCD")), max_size=12)
    return [reported(at * MINUTE, place, n, incident) for place, (at, n, incident) in enumerate(draw(rows))]


def crowd(seed: int) -> list[Event]:
    """Twenty events close to each other, by chance and not by what hypothesis likes: windows fill and run empty."""
    chance, at, found = Random(seed), 0, []
    for place in range(20):
        at += chance.choice([0, 0, 1, 1, 2, 4, 9]) * MINUTE
        found.append(reported(at, place, chance.choice([0, 0, 1, 2, 2, 3]), chance.choice("AAABBCD")))
    return found


PULSES = EveryEvent | Change | FirstTime
AGGREGATES: list[tuple[Any, dict[str, Any]]] = [
    ("sum", {}),
    ("average", {"min_events": 2}),
    ("highest", {}),
    ("lowest", {"missing": 1}),
    ("latest", {}),
    ("percentile", {"p": 40}),
]


SHARES: list[dict[str, Any]] = [
    {"part": Test("incident", "equals", "A"), "whole": AllOf(())},
    {
        "part": Test("metrics.n", "at_least", 2),
        "whole": Test("incident", "one_of", ("A", "B")),
        "floor": Floor(now=Limit("above", 0), reference=Limit("at_least", 2)),
    },
    {"part": "x", "whole": "metrics.n", "missing": 1},
    {"part": "x", "whole": "metrics.n", "floor": Floor(field="metrics.n", field_limit=Limit("below", 3))},
    {"part": Test("clear", "equals", False), "whole": "x"},
    {"part": "x", "whole": ReferenceColumn(name="directory.tps", regions=("73.15",), numbers=(8.0,))},
]

BEFORE = Earlier(before=3 * MINUTE, not_older_than=12 * MINUTE)
BASELINE = ReferenceColumn(name="acuan", regions=("73.15",), numbers=(2.0,))
COMPARISONS: list[dict[str, Any]] = [
    {"figure": "count", "relation": "rises_to", "number": 2, "if_no_baseline": 1},
    {"figure": "count", "weight": "metrics.n", "relation": "falls_to", "number": 0.5},
    {
        "figure": "distinct",
        "of": ("incident",),
        "relation": "rises_above",
        "number": 1,
        "reference": BEFORE,
        "if_no_baseline": 0.5,
    },
    {"figure": "sum", "of": ("x",), "relation": "falls_by", "number": 2, "if_no_baseline": 4},
    {"figure": "average", "of": ("x",), "relation": "falls_below", "number": 1, "if_no_baseline": "fire"},
    {"figure": "lowest", "of": ("x",), "relation": "falls_to", "number": 0.5, "if_no_baseline": 3},
    {
        "figure": "latest",
        "of": ("metrics.n",),
        "relation": "rises_by",
        "number": 1,
        "reference": BEFORE,
        "floor": Floor(field="x", field_limit=Limit("above", 0)),
        "if_no_baseline": "fire",
    },
    {
        "figure": "highest",
        "of": ("x",),
        "relation": "rises_to",
        "number": 1.25,
        "reference": BASELINE,
        "missing": 1,
    },
    {
        "figure": "count",
        "relation": "falls_below",
        "number": 1,
        "reference": BASELINE,
        "floor": Floor(now=Limit("above", 0), reference=Limit("at_least", 2)),
    },
]


def comparisons(within: int) -> list[Compare]:
    """All of these over one length of window."""
    return [Compare(**{"within": within, "reference": PreviousWindow(), **one}) for one in COMPARISONS]


@st.composite
def actives(draw: st.DrawFn) -> Active:
    """Some minutes at which a rule is judged: up to three stages apart from each other."""
    bounds = sorted(draw(st.sets(st.integers(0, 60), min_size=2, max_size=6)))
    pairs = zip(bounds[::2], bounds[1::2], strict=False)
    return Active(
        stages=tuple(NamedSpan(id="t", since=a * MINUTE, until=b * MINUTE) for a, b in pairs),
    )


FIGURES = Count | Distinct | Value | Aggregate | Spread | ShareCondition | Compare
"""Conditions that have a figure, whose levels may rise with it."""


def levels(condition: object, seed: int) -> tuple[LevelStep, ...]:
    """A level, or where the condition has a figure a map with limits on either side of what it may be."""
    if not isinstance(condition, FIGURES):
        return (LevelStep(3),)
    chance = Random(seed)
    numbers = [25, 50, 60, 99] if isinstance(condition, ShareCondition) else [0, 0.5, 1, 1.5, 2, 3]
    steps = []
    for level in range(3, 3 + chance.choice([1, 2, 2])):
        operator: Any = chance.choice(["at_least", "at_most", "above", "below", "equals"])
        steps.append(LevelStep(level, Limit(operator, chance.choice(numbers))))
    return (LevelStep(2), *steps)


@st.composite
def rules(draw: st.DrawFn, words: Any = object) -> Rule:
    """Rules of the conditions (only these, where some are named) and clearings that may stand together."""
    within = draw(st.integers(1, 15)) * MINUTE
    at_least = draw(st.integers(1, 4))
    limit = draw(st.sampled_from([Limit("at_least", at_least), Limit("below", at_least), Limit("equals", 4)]))
    ratio = draw(st.sampled_from([Limit("at_least", 50), Limit("below", 40)]))
    known: list[Any] = [
        EveryEvent(),
        Count(at_least, within),
        Count(at_least, within, "metrics.n"),
        Distinct(("incident",), Limit("at_least", at_least), within),
        Distinct(("incident",), Limit("at_most", at_least), within),
        Value("metrics.n", Limit("at_least", at_least)),
        Value("x", limit, missing=2),
        *(Aggregate(function, "x", limit, within, **over) for function, over in AGGREGATES),
        Aggregate("sum", "metrics.n", Limit("at_least", at_least), within, non_negative=True),
        Change(("x",)),
        Change(("incident",), old=("A", "B"), within=within),
        Change(("x",), new=(4, 0), missing=0),
        FirstTime(("incident",), within),
        FirstTime(("x",), within),
        Spread("x", at_least, within),
        *(ShareCondition(within=w, limit=ratio, **over) for over in SHARES for w in (within, None)),
        *comparisons(within),
    ]
    condition = draw(st.sampled_from([one for one in known if isinstance(one, words)]))
    state = isinstance(condition, Value | Aggregate | Spread | ShareCondition | Compare) or (
        isinstance(condition, Distinct) and condition.limit.operator == "at_most"
    )
    hows = ["by_hand", "event", "quiet", "no_longer_true"]
    if isinstance(condition, Count | Distinct | Value | Aggregate | Spread | ShareCondition | Compare):
        hows.append("limit")
    how = draw(st.sampled_from(hows))
    over = Limit("at_most", at_least - 1)
    if isinstance(condition, Aggregate | ShareCondition | Compare | Value) and condition.limit != Limit(
        "at_least", at_least
    ):
        over = Limit("above", 50)
    if state and isinstance(condition, Distinct):
        over = Limit("above", at_least)
    clear = Clear(
        how,
        event=Test("clear", "equals", True) if how == "event" else None,
        quiet_for=draw(st.integers(1, 10)) * MINUTE,
        limit=over if how == "limit" else None,
    )
    keep = draw(st.integers(0, 5)) * MINUTE if how in ("no_longer_true", "limit") else 0
    if isinstance(condition, PULSES) and how == "no_longer_true":
        keep = max(keep, MINUTE)
    return rule(
        condition=condition,
        levels=levels(condition, draw(st.integers(0, 2**32))),
        clear=clear,
        keep_open_for=keep,
        hold_for=draw(st.sampled_from([0, 3 * MINUTE])) if state else 0,
        wait_for_late=draw(st.sampled_from([0, 5 * MINUTE])),
        start_again=not state and how in ("by_hand", "event", "quiet") and draw(st.booleans()),
        active=draw(st.none() | actives()),
        effective_from=draw(st.sampled_from([None, None, None, 3 * MINUTE])),
        effective_until=draw(st.sampled_from([None, None, None, 30 * MINUTE])),
    )


def watched_by(reports: Sequence[Event]) -> list[Event]:
    """The events that the rules watch."""
    return [report for report in reports if report.fields["watched"]]


def clearing_of(one: Rule, reports: Sequence[Event]) -> list[Event]:
    """The events that clear, if the rule is cleared by events."""
    return [report for report in reports if one.clear.how == "event" and report.fields["clear"]]


Report = Event | tuple[str, str]
"""An event, or the word that the event of this (desk, id) is refuted."""


def play(one: Rule, requests: list[list[Report]], *, thaw: bool = False) -> Ledger:
    """Send the requests one after the other, each when its newest event has occurred, and wait to the end."""
    group, ledger, now = Group(one), Ledger(), 0
    withdrawn: dict[tuple[str, str], str] = {}
    for request in requests:
        reports = [report for report in request if isinstance(report, Event)]
        withdrawn |= {report: "refuted" for report in request if not isinstance(report, Event)}
        now = max([now, *(report.occurred_at for report in reports)])
        wait(group, ledger, now - 1)
        said = group.apply(
            watched_by(reports),
            received_at=now,
            clearing=clearing_of(one, reports),
            withdrawn=withdrawn,
            fits=fits_of(one, reports),
        )
        ledger.read(said)
        if thaw:
            group = Group(one, decode(encode(group.frozen()), type=GroupState))
    wait(group, ledger, FAR)
    return ledger


@given(one=rules(), reports=events(), data=st.data())
def test_every_arrival_order_gives_the_same_openings(
    one: Rule, reports: list[Event], data: st.DataObject
) -> None:
    """Section 3.3: openings that were not undone are equal for all orders and all cuts into requests.

    Law: docs/specification/rules.md#arrival-order.
    """
    check_every_order(one, reports, data)


@given(one=rules(Compare | ShareCondition), reports=events(), data=st.data())
def test_every_arrival_order_compares_the_same(one: Rule, reports: list[Event], data: st.DataObject) -> None:
    """The same for what holds one figure against another."""
    check_every_order(one, reports, data)


@given(one=rules(), seed=st.integers(0, 2**32), data=st.data())
def test_every_arrival_order_of_a_crowd_opens_the_same(one: Rule, seed: int, data: st.DataObject) -> None:
    """The same where windows fill and run empty, and much happens at one instant."""
    check_every_order(one, crowd(seed), data)


@given(one=rules(Change | FirstTime), seed=st.integers(0, 2**32), data=st.data())
def test_every_arrival_order_finds_the_same_news(one: Rule, seed: int, data: st.DataObject) -> None:
    """The same for what is true of single events."""
    check_every_order(one, crowd(seed), data)


def check_every_order(one: Rule, reports: list[Event], data: st.DataObject) -> None:
    """Play the events in order, at once and as drawn.

    Some events are refuted, before or after they arrive; in some runs the state is stored after each request.
    """
    names = [(report.desk, report.id) for report in reports]
    refuted = data.draw(st.sets(st.sampled_from(names))) if reports else set()
    true = sorted(
        (report for report in reports if (report.desk, report.id) not in refuted),
        key=lambda report: report.key,
    )
    in_order = play(one, [[report] for report in true])
    rest: list[Report] = data.draw(st.permutations([*reports, *sorted(refuted)]))
    requests = []
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        requests.append(rest[:size])
        rest = rest[size:]
    at_once: list[Report] = list(true)
    for other in (play(one, requests), play(one, requests, thaw=True), play(one, [at_once])):
        assert other.openings == in_order.openings
        assert {other.happened[o] for o in other.open} == {in_order.happened[o] for o in in_order.open}
        assert len(other.open) <= 1


def test_feed_reads_minutes() -> None:
    """The short form of the other tests says what the long one says."""
    assert feed(Group(rule()), [[event(MINUTE)]], until=FAR).openings == {MINUTE}
