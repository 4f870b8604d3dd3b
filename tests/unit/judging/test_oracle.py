"""The fold finds what a word-for-word reading of the language finds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.judging.evaluate import Group
from engine.judging.event import Event
from engine.judging.instant import DAY, HOUR, MINUTE, Instant
from engine.judging.rule import Compare, Rule, SameHour, Share
from tests.unit.judging.desk import event, fits_of, rule
from tests.unit.judging.oracle import Oracle, Stretch
from tests.unit.judging.test_order import FAR, clearing_of, events, rules, watched_by


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


@given(one=rules(Compare | Share), reports=events())
def test_two_figures_are_read_word_for_word(one: Rule, reports: list[Event]) -> None:
    """The same for what holds one figure against another."""
    assert found(one, reports) == Oracle(one, reports).stretches(range(0, 120 * MINUTE, MINUTE))


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
