"""Synthetic officials: the same arguments give the same plan, and the shares are those that are documented."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.judging.instant import MINUTE
from engine.simulation.respondents import (
    EXPIRY_IGNORED,
    MOODS,
    ONLY_SEEN,
    RESOLVED,
    RESOLVED_WITHIN,
    SEEN_WITHIN,
    TAKEN_WITHIN,
    UNREACHABLE_IGNORED,
    planned_reaction,
)

SENT_AT = 1_732_683_600_000
NOTICES = ("first", "step", "unreachable", "delegated", "digest")
ALERTS = [f"alert-{number}" for number in range(400)]
PEOPLE = [f"sekda-{number}" for number in range(10)]


def plans(kind: str, seed: int = 1) -> list:
    return [planned_reaction(seed, alert, person, kind, SENT_AT) for alert in ALERTS for person in PEOPLE]


def share(found: list) -> float:
    return sum(bool(one) for one in found) / len(found)


@given(
    st.integers(),
    st.text(),
    st.text(),
    st.sampled_from([*NOTICES, "expiry"]),
    st.integers(0, 4_000_000_000_000),
)
def test_a_plan_depends_on_its_arguments_alone_and_lies_in_the_bounds(
    seed, alert, person, kind, sent_at
) -> None:
    planned = planned_reaction(seed, alert, person, kind, sent_at)
    assert planned == planned_reaction(seed, alert, person, kind, sent_at)
    if planned is None:
        return
    says = tuple(answer.says for answer in planned.answers)
    assert says in {("seen",), ("taken",), ("taken", "resolved")}
    first = planned.answers[0].at - sent_at
    low, high = SEEN_WITHIN if says == ("seen",) else TAKEN_WITHIN
    assert low <= first <= high
    if says == ("taken", "resolved"):
        assert RESOLVED_WITHIN[0] <= planned.answers[1].at - planned.answers[0].at <= RESOLVED_WITHIN[1]


@given(st.integers(), st.text(), st.text(), st.integers(0, 10**12), st.integers(0, 10**9))
def test_a_later_sending_only_moves_the_answers(seed, alert, person, sent_at, later) -> None:
    early, late = (planned_reaction(seed, alert, person, "first", at) for at in (sent_at, sent_at + later))
    assert (early is None) == (late is None)
    if early and late:
        assert [(a.says, a.at + later) for a in early.answers] == [(a.says, a.at) for a in late.answers]


@pytest.mark.parametrize("kind", ["taken_by", "resolved", "correction", "reminder", "reply"])
def test_what_only_informs_is_not_answered(kind: str) -> None:
    assert set(plans(kind)) == {None}


def test_the_share_that_reacts_is_the_documented_one() -> None:
    expected = 1 - sum(alerts * ignored for alerts, ignored in MOODS)
    assert share(plans("first")) == pytest.approx(expected, abs=0.05)
    assert share(plans("unreachable")) == pytest.approx(1 - UNREACHABLE_IGNORED, abs=0.05)
    assert share(plans("expiry")) == pytest.approx(1 - EXPIRY_IGNORED, abs=0.05)


def test_the_shares_of_answers_are_the_documented_ones() -> None:
    reactions = [tuple(a.says for a in planned.answers) for planned in plans("first") if planned]
    taking = [says for says in reactions if says[0] == "taken"]
    assert len(taking) / len(reactions) == pytest.approx(1 - ONLY_SEEN, abs=0.05)
    assert sum("resolved" in says for says in taking) / len(taking) == pytest.approx(RESOLVED, abs=0.05)


@pytest.mark.parametrize("kind", ["step", "unreachable", "expiry", "delegated"])
def test_who_takes_it_later_always_settles_it(kind: str) -> None:
    taking = [planned for planned in plans(kind) if planned and planned.answers[0].says == "taken"]
    assert taking
    assert all(planned.answers[-1].says == "resolved" for planned in taking)


def test_some_alerts_find_nobody_at_all() -> None:
    silent = [
        alert
        for alert in ALERTS
        if not any(planned_reaction(1, alert, person, "first", 0) for person in PEOPLE)
    ]
    assert len(silent) / len(ALERTS) == pytest.approx(MOODS[-1][0], abs=0.1)


def test_some_take_within_ten_minutes_and_some_do_not() -> None:
    taken = [one.answers[0].at - SENT_AT for one in plans("first") if one and one.answers[0].says == "taken"]
    assert min(taken) < 10 * MINUTE < max(taken)


def test_another_seed_makes_other_officials() -> None:
    assert plans("first", seed=1) != plans("first", seed=2)


def test_one_person_may_ignore_the_first_message_and_answer_the_next() -> None:
    pairs = zip(plans("first"), plans("step"), strict=True)
    assert any(first is None and again is not None for first, again in pairs)


def test_moods_cover_all_alerts() -> None:
    assert sum(alerts for alerts, _ in MOODS) == pytest.approx(1)
