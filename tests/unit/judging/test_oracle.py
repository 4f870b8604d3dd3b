"""The fold finds what a word-for-word reading of the language finds."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core.judging.condition import Change, Compare, FirstTime, SameHour, ShareCondition
from engine.core.judging.event import Event
from engine.core.judging.group_evaluation import Group
from engine.core.judging.instant import DAY, HOUR, MINUTE, Instant, Millis
from engine.core.judging.judgement import Ended, Joined, Judgement, Opened, Risen
from engine.core.judging.rule import Clear, Rule
from engine.core.judging.window import is_state
from tests.unit.judging.desk import event, fits_of, rule
from tests.unit.judging.oracle import Oracle, Stretch
from tests.unit.judging.test_order import FAR, FIGURES, clearing_of, crowd, events, levels, rules, watched_by


def found(one: Rule, reports: list[Event], received_at: Instant = 60 * MINUTE) -> list[Stretch]:
    """What the fold finds in events that come all at once."""
    group = Group(one)
    group.apply(
        watched_by(reports),
        received_at=received_at,
        clearing=clearing_of(one, reports),
        fits=fits_of(one, reports),
    )
    group.look(now=FAR)
    return [
        (spell.happened_at, None if spell.ended_at is None else (spell.ended_at, spell.reason or ""))
        for spell in group.spells
    ]


@given(one=rules(), reports=events())
def test_the_fold_reads_the_language_word_for_word(one: Rule, reports: list[Event]) -> None:
    """Openings, endings and their reasons equal those of a look at every minute."""
    assert found(one, reports) == Oracle(one, reports).stretches(range(0, 120 * MINUTE, MINUTE))


@given(one=rules(), seed=st.integers(0, 2**32))
def test_crowds_are_read_word_for_word(one: Rule, seed: int) -> None:
    """The same where windows fill and run empty, and much happens at one instant."""
    reports = crowd(seed)
    assert found(one, reports, 300 * MINUTE) == Oracle(one, reports).stretches(range(0, 220 * MINUTE, MINUTE))


@given(one=rules(Change | FirstTime), seed=st.integers(0, 2**32))
def test_what_completes_is_told_from_what_comes_with_it(one: Rule, seed: int) -> None:
    """At an instant only some events are changes or new; those must be newer than what closed the alert before."""
    reports = crowd(seed)
    assert found(one, reports, 300 * MINUTE) == Oracle(one, reports).stretches(range(0, 220 * MINUTE, MINUTE))


@given(one=rules(Compare | ShareCondition), reports=events())
def test_two_figures_are_read_word_for_word(one: Rule, reports: list[Event]) -> None:
    """The same for what holds one figure against another."""
    assert found(one, reports) == Oracle(one, reports).stretches(range(0, 120 * MINUTE, MINUTE))


@given(one=rules(FIGURES), seed=st.integers(0, 2**32), hold=st.sampled_from([0, 0, 3 * MINUTE]))
def test_levels_are_read_word_for_word(one: Rule, seed: int, hold: Millis) -> None:
    """An alert has the highest level that its figure had where it was judged; events that leave raise it too."""
    reports = crowd(seed)
    if is_state(one.condition):  # an alert that goes on for long has time to rise
        clear = one.clear if seed % 2 else Clear("by_hand")
        one = replace(one, active=None, hold_for=hold, levels=levels(one.condition, seed), clear=clear)
    oracle = Oracle(one, reports)
    oracle.stretches(range(0, 220 * MINUTE, MINUTE))
    instants = groupby(sorted(reports, key=lambda report: report.key), lambda report: report.occurred_at)
    in_order = [list(together) for _, together in instants]
    assert heights(one, in_order) == oracle.levels
    at_once = heights(one, [reports])
    assert at_once.keys() == oracle.levels.keys()
    if one.clear.how == "by_hand":
        assert at_once == oracle.levels
    else:  # what joined an alert that had ended by then may be evidence of the next one only
        assert all(level <= oracle.levels[at] for at, level in at_once.items())


def heights(one: Rule, requests: list[list[Event]]) -> dict[Instant, int]:
    """The highest level that was said of each alert before it ended, by the instant of its opening."""
    group, found, began, ended = Group(one), {}, {}, set()
    now = 0

    def read(said: Iterable[Judgement]) -> None:
        for judgement in said:
            if isinstance(judgement, Opened):
                began[judgement.ordinal] = judgement.happened_at
            if isinstance(judgement, Ended):
                ended.add(judgement.ordinal)
            if isinstance(judgement, Opened | Joined | Risen):
                assert judgement.ordinal not in ended
                happened_at = began[judgement.ordinal]
                found[happened_at] = max(judgement.level, found.get(happened_at, 0))

    for request in requests:
        now = max([now, *(report.occurred_at for report in request)])
        while group.due is not None and group.due < now:
            read(group.look(now=group.due))
        read(
            group.apply(
                watched_by(request),
                received_at=now,
                clearing=clearing_of(one, request),
                fits=fits_of(one, request),
            )
        )
    while group.due is not None:
        read(group.look(now=group.due))
    return found


TIMES = st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 11))
"""Day, hour and by how many hours an event comes late."""


@given(
    rows=st.lists(TIMES, max_size=10),
    days=st.integers(1, 3),
    relation=st.sampled_from(["rises_to", "falls_to"]),
    figure=st.sampled_from(["count", "average", "highest"]),
    hold=st.sampled_from([0, HOUR]),
)
def test_days_are_read_word_for_word(
    rows: list[tuple[int, int, int]], days: int, relation: str, figure: str, hold: int
) -> None:
    """The same window of other days; events over 12 hours late are in no reference."""
    condition = Compare(
        figure=figure,  # type: ignore[arg-type]
        of=() if figure == "count" else ("x",),
        relation=relation,  # type: ignore[arg-type]
        number=1.5 if relation == "rises_to" else 0.5,
        within=2 * HOUR,
        reference=SameHour(days=days),
    )
    one = rule(condition=condition, hold_for=hold, late_horizon=9 * DAY)
    reports = []
    for place, (day, hour, late) in enumerate(rows):
        at = day * DAY + hour * HOUR
        reports.append(
            event(at, f"e{place}", watched=True, clear=False, x=place + 1, received_at=at + 2 * late * HOUR)
        )
    looks = (day * DAY + hour * HOUR for day in range(12) for hour in range(24))
    assert found(one, reports, 6 * DAY) == Oracle(one, reports).stretches(looks)
