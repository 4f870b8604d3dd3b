"""The fold finds what a word-for-word reading of the language finds."""

from __future__ import annotations

from hypothesis import given

from engine.judging.evaluate import Group
from engine.judging.event import Event
from engine.judging.instant import MINUTE
from engine.judging.rule import Rule
from tests.unit.judging.desk import fits_of
from tests.unit.judging.oracle import Oracle
from tests.unit.judging.test_order import FAR, clearing_of, events, rules, watched_by


@given(one=rules(), reports=events())
def test_the_fold_reads_the_language_word_for_word(one: Rule, reports: list[Event]) -> None:
    """Openings, endings and their reasons equal those of a look at every minute."""
    group = Group(one)
    group.apply(
        watched_by(reports),
        received_at=60 * MINUTE,
        clearing=clearing_of(one, reports),
        fits=fits_of(one, reports),
    )
    group.look(now=FAR)
    found = [
        (spell.happened_at, None if spell.ended_at is None else (spell.ended_at, spell.reason))
        for spell in group.spells
    ]
    assert found == Oracle(one, reports).stretches(120 * MINUTE)
