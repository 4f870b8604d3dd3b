"""When a rule is judged: spans of `active` in a zone, and what the fold makes of them."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.judging.calendar import Active, NamedSpan, Spans, within_days, within_hours
from engine.core.judging.condition import Count, EveryEvent, Value
from engine.core.judging.filter import Limit, Test
from engine.core.judging.group_evaluation import Group
from engine.core.judging.group_state import Circumstances
from engine.core.judging.instant import DAY, HOUR, MINUTE, Instant, from_datetime, zone
from engine.core.judging.rule import Clear
from tests.unit.judging.desk import Ledger, event, feed, rule, wait


def at(text: str, zone_name: str = "WITA") -> Instant:
    """An instant written as local time."""
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=zone(zone_name)))


NIGHT = Active(hours="22:00-05:00 local")
WORK = Active(hours="06:00-22:00 local")
ZONES = ("WIB", "WITA", "WIT")


@pytest.mark.parametrize(
    ("active", "asked", "start", "after"),
    [
        (WORK, "2024-11-26 06:00", "2024-11-26 06:00", "2024-11-27 06:00"),
        (WORK, "2024-11-26 05:59", None, "2024-11-26 06:00"),
        (WORK, "2024-11-26 22:00", None, "2024-11-27 06:00"),
        (NIGHT, "2024-11-26 04:59", "2024-11-25 22:00", "2024-11-26 22:00"),
        (NIGHT, "2024-11-26 23:00", "2024-11-26 22:00", "2024-11-27 22:00"),
        (Active(days="mon..fri"), "2024-11-29 23:59", "2024-11-25 00:00", "2024-12-02 00:00"),
        (Active(days="sat..mon"), "2024-11-26 12:00", None, "2024-11-30 00:00"),
        (Active(hours="22:00-05:00 local", days="mon"), "2024-11-25 23:00", "2024-11-25 22:00", "2024-12-02 00:00"),
        (Active(since=datetime.fromisoformat("2024-11-27 11:00")), "2024-11-27 11:00", "2024-11-27 11:00", None),
        (Active(until=at("2024-11-27 11:00"), hours="06:00-22:00 local"), "2024-11-27 07:00", "2024-11-27 06:00", None),
        (Active(until=at("2024-11-27 11:00"), hours="06:00-22:00 local"), "2024-11-27 11:00", None, None),
    ],
)  # fmt: skip
def test_a_span_begins_and_ends(active: Active, asked: str, start: str | None, after: str | None):
    spans = Spans(active, "WITA")
    span = spans.around(at(asked))
    assert (None if span is None else span.start) == (None if start is None else at(start))
    assert spans.next_start(at(asked)) == (None if after is None else at(after))


def test_every_day_has_no_beginning():
    spans = Spans(Active(days="mon..sun"), "WIB")
    assert spans.around(0) is not None
    assert spans.next_start(0) is None


def test_a_local_bound_is_an_hour_earlier_in_each_zone_further_east():
    opening = Active(since=datetime.fromisoformat("2024-11-27 07:00"))
    starts = [Spans(opening, one).next_start(0) for one in ZONES]
    assert starts == [at("2024-11-27 07:00", "WIB") - n * HOUR for n in range(3)]


HOURS = st.sampled_from(
    ["", "06:00-22:00 local", "22:00-05:00 local", "00:00-00:01 local", "23:59-00:00 local"]
)
DAYS = st.sampled_from(["", "sat", "mon..fri", "sat..mon", "sun..sat"])
BOUNDS = st.none() | st.integers(0, 400).map(lambda hour: at("2024-11-20 00:00") + hour * HOUR)


@given(
    hours=HOURS, days=DAYS, since=BOUNDS, until=BOUNDS, stages=st.lists(st.tuples(BOUNDS, BOUNDS)),
    minutes=st.lists(st.integers(0, 400 * 60), min_size=1), zone_name=st.sampled_from(ZONES),
)  # fmt: skip
def test_spans_are_where_everything_holds(hours, days, since, until, stages, minutes, zone_name):
    """Held against the calendar minute by minute: inside, the minute before a start, the next start."""
    named = tuple(
        NamedSpan(id="t", since=a, until=b) for a, b in stages if a is not None and b is not None and a < b
    )
    spans = Spans(Active(stages=named, since=since, until=until, hours=hours, days=days), zone_name)

    def holds(instant: Instant) -> bool:
        return (
            (not named or any(stage.since <= instant < stage.until for stage in named))
            and (since is None or since <= instant)
            and (until is None or instant < until)
            and (not hours or within_hours(hours, instant, zone_name))
            and (not days or within_days(days, instant, zone_name))
        )

    for minute in minutes:  # in any order: what was looked up before changes nothing
        instant = at("2024-11-20 00:00") + minute * MINUTE
        span = spans.around(instant)
        assert (span is not None) == holds(instant)
        if span is not None and span.start > 0:
            assert holds(span.start)
            assert not holds(span.start - 1)
        if (start := spans.next_start(instant)) is not None:
            assert holds(start)
            assert not holds(start - 1)
            assert start - instant > 15 * DAY or not any(
                holds(one) and not holds(one - 1) for one in range(instant + MINUTE, start, MINUTE)
            )


# --- what the fold makes of it ---------------------------------------------------------------------------------------

MORNING, EVENING = at("2024-11-26 06:00"), at("2024-11-26 22:00")
NEXT = MORNING + DAY
HERE = Circumstances(zone="WITA")


def openings(one, *reports, until: Instant = NEXT + DAY) -> Ledger:
    return feed(Group(one, around=HERE), [[report] for report in reports], until=until)


def test_no_event_outside_opens_but_it_counts_inside():
    """Law: docs/specification/rules.md#active."""
    one = rule(condition=Count(2, DAY), active=WORK)
    assert openings(one, event(EVENING), event(EVENING + HOUR)).openings == set()
    assert openings(one, event(EVENING), event(NEXT)).openings == {NEXT}


@pytest.mark.parametrize(("instant", "opens"), [(EVENING - 1, EVENING - 1), (EVENING, NEXT)])
def test_what_came_true_outside_opens_at_the_start(instant: Instant, opens: Instant):
    one = rule(condition=Value("x", Limit("at_least", 1)), clear=Clear("no_longer_true"), active=WORK)
    assert openings(one, event(instant, x=1)).openings == {opens}


def test_what_was_true_only_outside_never_opens():
    one = rule(condition=Value("x", Limit("at_least", 1)), clear=Clear("no_longer_true"), active=WORK)
    assert openings(one, event(EVENING, x=1), event(NEXT - 1, x=0)).openings == set()


@pytest.mark.parametrize(
    ("true_at", "opens"),
    [(EVENING - HOUR - 1, EVENING - 1), (EVENING - HOUR, NEXT + HOUR), (EVENING + HOUR, NEXT + HOUR)],
)
def test_holding_counts_from_the_start_of_the_span(true_at: Instant, opens: Instant):
    one = rule(
        condition=Value("x", Limit("at_least", 1)), clear=Clear("no_longer_true"), active=WORK, hold_for=HOUR
    )
    assert openings(one, event(true_at, x=1)).openings == {opens}


def test_longer_holding_than_a_span_is_never_enough():
    one = rule(
        condition=Value("x", Limit("at_least", 1)), clear=Clear("no_longer_true"), active=WORK, hold_for=17 * HOUR
    )  # fmt: skip
    assert openings(one, event(MORNING, x=1), until=NEXT + 5 * DAY).openings == set()


def test_an_open_alert_runs_on_and_is_judged_again_at_the_start():
    one = rule(condition=Value("x", Limit("at_least", 1)), clear=Clear("no_longer_true"), active=WORK)
    said = openings(one, event(MORNING, x=1), event(EVENING + HOUR, x=0))
    assert said.ended == {1: (NEXT, "no_longer_true")}
    said = openings(one, event(MORNING, x=1), event(EVENING + HOUR, x=0), event(EVENING + 2 * HOUR, x=1))
    assert said.ended == {}


def test_a_clearing_event_clears_at_any_time():
    one = rule(condition=EveryEvent(), clear=Clear("event", event=Test("done", "equals", True)), active=WORK)
    group, ledger = Group(one, around=HERE), Ledger()
    ledger.read(group.apply([event(MORNING)], received_at=MORNING))
    ledger.read(group.apply([], received_at=EVENING, clearing=[event(EVENING, done=True)]))
    wait(group, ledger, NEXT)
    assert ledger.ended == {1: (EVENING, "event")}


def test_a_report_outside_does_not_join():
    one = rule(condition=EveryEvent(), clear=Clear("quiet", quiet_for=HOUR), active=WORK)
    said = openings(one, event(EVENING - MINUTE), event(EVENING + MINUTE), event(NEXT - MINUTE))
    assert said.ended == {1: (NEXT, "quiet")}
