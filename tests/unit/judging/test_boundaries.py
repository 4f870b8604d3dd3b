"""One millisecond inside, on and outside every window, wait and hold (docs/specification/rules.md#distance)."""

from __future__ import annotations

import pytest

from engine.core.judging.condition import Count, Distinct, EveryEvent, Value
from engine.core.judging.filter import Limit, Test
from engine.core.judging.group_evaluation import Group
from engine.core.judging.group_state import Circumstances
from engine.core.judging.instant import HOUR, MINUTE
from engine.core.judging.judgement import Ended, Joined, Opened
from engine.core.judging.rule import Clear
from tests.unit.judging.desk import Ledger, event, feed, rule, wait

FAR = 60 * HOUR
CLEAR = Test("kind", "equals", "logistics.arrived")


@pytest.mark.parametrize(("gap", "opens"), [(HOUR - 1, True), (HOUR, False), (HOUR + 1, False)])
@pytest.mark.parametrize(
    "condition", [Count(2, HOUR), Distinct(("id",), Limit("at_least", 2), HOUR)], ids=["count", "distinct"]
)
def test_events_a_window_apart_are_not_within_it(
    condition: Count | Distinct, gap: int, *, opens: bool
) -> None:
    """Within W means less than W apart."""
    ledger = feed(Group(rule(condition=condition)), [[event(0)], [event(gap)]], until=FAR)
    assert ledger.openings == ({gap} if opens else set())


@pytest.mark.parametrize(("gap", "opens"), [(HOUR - 1, False), (HOUR, False), (HOUR + 1, True)])
def test_a_hold_is_prevented_up_to_and_at_its_end(gap: int, *, opens: bool) -> None:
    """The truth must hold on the whole of (s, s+W], the end included."""
    held = rule(condition=Value("n", Limit("at_least", 5)), hold_for=HOUR)
    ledger = feed(Group(held), [[event(0, n=5)], [event(gap, n=1)]], until=FAR)
    assert ledger.openings == ({HOUR} if opens else set())


@pytest.mark.parametrize(("gap", "stays"), [(HOUR - 1, True), (HOUR, True), (HOUR + 1, False)])
@pytest.mark.parametrize("how", ["quiet", "no_longer_true"])
def test_an_event_at_the_end_of_a_quiet_time_still_joins(how: str, gap: int, *, stays: bool) -> None:
    """Events of an instant come before what falls due at it."""
    clear = Clear("quiet", quiet_for=HOUR) if how == "quiet" else Clear("no_longer_true")
    quiet = rule(clear=clear, keep_open_for=HOUR if how == "no_longer_true" else 0)
    group = Group(quiet)
    ledger = feed(group, [[event(0)], [event(gap)]], until=gap)
    assert ledger.openings == ({0} if stays else {0, gap})
    wait(group, ledger, FAR)
    ends = {1: gap + HOUR} if stays else {1: HOUR, 2: gap + HOUR}
    assert {ordinal: at for ordinal, (at, _) in ledger.ended.items()} == ends


@pytest.mark.parametrize(("at", "ends"), [(HOUR - 1, False), (HOUR, False), (HOUR + 1, True)])
def test_a_clearing_event_must_be_newer_than_the_opening(at: int, *, ends: bool) -> None:
    """A clearing event at or before `happened_at` clears nothing."""
    group = Group(rule(clear=Clear("event", event=CLEAR)))
    ledger = feed(group, [[event(HOUR)]], until=FAR)
    ledger.read(group.apply([], received_at=2 * HOUR, clearing=[event(at, "z", kind="logistics.arrived")]))
    wait(group, ledger, FAR)
    assert ledger.ended == ({1: (at, "event")} if ends else {})


def test_a_count_falls_when_its_oldest_leaves() -> None:
    """`no_longer_true` ends at the instant the figure falls under the limit: W after the oldest one needed.

    Law: docs/specification/rules.md#clearing.
    """
    group = Group(rule(condition=Count(2, HOUR), clear=Clear("no_longer_true")))
    ledger = feed(group, [[event(0)], [event(MINUTE)]], until=HOUR - 1)
    assert ledger.open == [1]
    wait(group, ledger, HOUR)
    assert ledger.ended == {1: (HOUR, "no_longer_true")}


def test_keep_open_for_counts_from_the_fall() -> None:
    """It stays open that long after it became false, and is one alert if it is true again meanwhile."""
    kept = rule(condition=Count(2, HOUR), clear=Clear("no_longer_true"), keep_open_for=30 * MINUTE)
    ledger = feed(Group(kept), [[event(0)], [event(1)]], until=FAR)
    assert ledger.ended == {1: (90 * MINUTE, "no_longer_true")}
    again = feed(Group(kept), [[event(0)], [event(1)], [event(89 * MINUTE), event(90 * MINUTE)]], until=FAR)
    assert again.openings == {1}


@pytest.mark.parametrize(("late_by", "counts"), [(HOUR - 1, True), (HOUR, True), (HOUR + 1, False)])
def test_the_late_horizon_includes_its_end(late_by: int, *, counts: bool) -> None:
    """An event older than `late_horizon` when it is received never opens."""
    group = Group(rule(late_horizon=HOUR))
    assert bool(group.apply([event(FAR)], received_at=FAR + late_by)) is counts


@pytest.mark.parametrize(
    ("at", "counts"), [(HOUR - 1, False), (HOUR, True), (2 * HOUR - 1, True), (2 * HOUR, False)]
)
def test_a_rule_exists_from_its_start_up_to_its_end(at: int, *, counts: bool) -> None:
    """`effective` is [from, until)."""
    group = Group(rule(effective_from=HOUR, effective_until=2 * HOUR))
    assert bool(group.apply([event(at)], received_at=3 * HOUR)) is counts


@pytest.mark.parametrize(("until", "opens"), [(HOUR, False), (HOUR + 1, True)])
def test_a_hold_that_ends_when_the_rule_ends_opens_nothing(until: int, *, opens: bool) -> None:
    """No instant at or after `effective.until` is judged."""
    held = rule(condition=Value("n", Limit("at_least", 5)), hold_for=HOUR, effective_until=until)
    assert bool(feed(Group(held), [[event(0, n=5)]], until=FAR).openings) is opens


def test_what_waits_for_late_reports_is_judged_exactly_then() -> None:
    """With `wait_for_late` 10m an instant is judged 10 minutes after it, and before an entry received any later."""
    held = rule(condition=Value("n", Limit("at_least", 5)), hold_for=HOUR, wait_for_late=10 * MINUTE)
    due = HOUR + 10 * MINUTE
    group = Group(held)
    assert group.apply([event(0, n=5)], received_at=0) == ()
    assert group.due == due
    assert group.look(now=due - 1) == ()
    assert [type(one) for one in group.look(now=due)] == [Opened]

    in_time = Group(held)
    in_time.apply([event(0, n=5)], received_at=0)
    assert in_time.apply([event(MINUTE, n=1)], received_at=due) == ()
    too_late = Group(held)
    too_late.apply([event(0, n=5)], received_at=0)
    said = too_late.apply([event(MINUTE, n=1)], received_at=due + 1)
    assert [type(one).__name__ for one in said] == ["Opened", "Undone"]


@pytest.mark.parametrize(("gap", "anew"), [(HOUR - 1, False), (HOUR, True), (HOUR + 1, True)])
def test_a_join_after_a_window_of_quiet_says_so(gap: int, *, anew: bool) -> None:
    """`new_after_quiet`: `within` or more after the newest earlier evidence."""
    group = Group(rule(condition=Count(1, HOUR)))
    group.apply([event(0)], received_at=0)
    (joined,) = group.apply([event(gap)], received_at=gap)
    assert isinstance(joined, Joined)
    assert joined.new_after_quiet is anew


@pytest.mark.parametrize(("since", "opens"), [(0, HOUR), (1, 70 * MINUTE), (None, 0)])
def test_a_low_figure_is_judged_once_it_was_watched_for_a_window(since: int | None, opens: int) -> None:
    """`at_most` waits until the rule has watched the group for W; then it is judged as points enter or leave.

    Law: docs/specification/rules.md#watched-for-long-enough.
    """
    low = rule(condition=Distinct(("id",), Limit("at_most", 3), HOUR))
    ledger = feed(
        Group(low, around=Circumstances(since=since)), [[event(0)], [event(10 * MINUTE)]], until=FAR
    )
    assert ledger.openings == {opens}


def test_all_events_of_an_instant_are_applied_before_it_is_judged() -> None:
    """Of one request or of several: several completions at one instant are one opening.

    Law: docs/specification/rules.md#event-order.
    """
    together = Group(rule(condition=Count(2, HOUR)))
    (opened,) = together.apply([event(0, "a"), event(0, "b"), event(0, "c")], received_at=0)
    assert isinstance(opened, Opened)
    assert [one.id for one in opened.evidence] == ["a", "b", "c"]
    apart = feed(
        Group(rule(condition=Count(2, HOUR))), [[event(0, "c")], [event(0, "b")], [event(0, "a")]], until=FAR
    )
    assert apart.openings == {0}


def test_a_watched_clearing_event_closes_first_and_opens_nothing_itself() -> None:
    """It is judged for closing first; an event newer than it, even at its instant, may open anew."""
    group, ledger = Group(rule(condition=EveryEvent(), clear=Clear("event", event=CLEAR))), Ledger()
    ledger.read(group.apply([event(0)], received_at=0))
    both = event(HOUR, "m", kind="logistics.arrived")
    said = group.apply([both, event(HOUR, "a"), event(HOUR, "z")], received_at=HOUR, clearing=[both])
    assert [type(one) for one in said] == [Ended, Opened]
    assert isinstance(said[1], Opened)
    assert [one.id for one in said[1].evidence] == ["z"]


def test_where_openings_wait_for_late_reports_clearing_events_wait_too() -> None:
    """What is judged behind the watermark ends behind it; a rule that opens on arrival ends its alerts at once."""
    held = rule(
        condition=Value("n", Limit("at_least", 5)),
        hold_for=HOUR,
        wait_for_late=10 * MINUTE,
        clear=Clear("event", event=CLEAR),
    )
    group, clearing = Group(held), event(2 * HOUR, "z", kind="logistics.arrived")
    group.apply([event(0, n=5)], received_at=0)
    group.look(now=70 * MINUTE)
    assert group.apply([], received_at=2 * HOUR, clearing=[clearing]) == ()
    assert group.look(now=130 * MINUTE) == (Ended(ordinal=1, at=2 * HOUR, reason="event"),)
    prompt = Group(rule(wait_for_late=10 * MINUTE, clear=Clear("event", event=CLEAR)))
    prompt.apply([event(0)], received_at=0)
    assert prompt.apply([], received_at=2 * HOUR, clearing=[clearing]) == (
        Ended(ordinal=1, at=2 * HOUR, reason="event"),
    )
