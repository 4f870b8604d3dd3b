"""Why there is, or is not, an alert of a group at an instant."""

from __future__ import annotations

from engine.core.judging.condition import Count, Value
from engine.core.judging.event import EventKey
from engine.core.judging.explanation import (
    OPENING_GATES,
    OWN_GATES,
    GroupExplanation,
    explain_event,
    explain_group,
)
from engine.core.judging.filter import Limit
from engine.core.judging.group_evaluation import Group
from engine.core.judging.group_state import Closing
from engine.core.judging.instant import HOUR, MINUTE, Instant
from engine.core.judging.rule import Rule
from tests.unit.judging.desk import event, minutes, rule

COUNT = rule(condition=Count(3, HOUR))
HELD = rule(condition=Value("n", Limit("at_least", 5)), hold_for=HOUR)


def stand(one: Rule, group: Group, at: Instant) -> tuple[GroupExplanation, str]:
    """How the group stands, and the gate that decides."""
    found = explain_group(one, group.frozen(), at=at)
    assert [gate.passed for gate in found.gates[:-1]] == [True] * (len(found.gates) - 1)
    names = [gate.name for gate in found.gates]
    assert names == sorted(names, key=(*OPENING_GATES, *OWN_GATES).index)
    return found, names[-1]


def test_two_of_three_and_when_the_oldest_leaves() -> None:
    """Figures, ids and instants, not sentences."""
    group = Group(COUNT)
    group.apply(minutes(0, 10, 20), received_at=20 * MINUTE)
    found, gate = stand(COUNT, group, 15 * MINUTE)
    assert gate == "figure_below_limit"
    assert (found.figure, found.limit, found.counted, found.oldest_leaves_at) == (
        2,
        3,
        ("e0", "e600000"),
        HOUR,
    )
    found, gate = stand(COUNT, group, 90 * MINUTE)
    assert (gate, found.open_since, found.counted) == ("already_open", 20 * MINUTE, ())


def test_an_empty_group() -> None:
    """Nothing was ever reported."""
    for one in (COUNT, rule(), HELD):
        assert stand(one, Group(one), 0)[1] == "figure_below_limit"


def test_waiting_for_a_hold() -> None:
    """True since an instant, not long enough yet."""
    group = Group(HELD)
    group.apply([event(0, n=7)], received_at=0)
    found, gate = stand(HELD, group, HOUR - 1)
    assert (gate, found.gates[-1].detail, found.figure) == ("waiting_until", {"until": HOUR}, 7)
    assert stand(HELD, group, HOUR)[1] == "already_open"


def test_not_newer_than_the_closing() -> None:
    """Still enough in the window, but nothing since the alert was closed by hand."""
    group = Group(COUNT)
    group.apply(minutes(0, 10, 20), received_at=20 * MINUTE)
    group.look(
        now=30 * MINUTE, closed=Closing(ordinal=1, floor=EventKey(20 * MINUTE, "7315", "e1200000"), at=0)
    )
    assert stand(COUNT, group, 31 * MINUTE)[1] == "not_newer_than_closing"


def test_outside_its_time_a_rule_does_not_exist() -> None:
    """`effective` comes before all else (docs/specification/rules.md#explanation)."""
    one = rule(effective_from=HOUR)
    assert stand(one, Group(one), 0)[1] == "effective"


def test_why_an_event_was_not_counted() -> None:
    """The gates of one event, up to the one that keeps it out."""
    per_incident = rule(per=("incident",), effective_from=10, condition=Value("n", Limit("above", 1)))

    def last(*, received_at: Instant = HOUR, at: Instant = HOUR, **fields: object) -> str:
        return explain_event(per_incident, event(at, **fields), received_at=received_at)[-1].name

    assert last(at=0) == "effective"
    assert last(received_at=74 * HOUR) == "too_late"
    assert last(n=1) == "key_missing"
    assert last(incident="A") == "field_missing"
    assert last(incident="A", n=1) == "condition_true"


def test_what_happened_before_the_rule_was_in_force_is_said_first() -> None:
    """And a closing that came later is not looked at."""
    group = Group(COUNT, before=HOUR)
    group.apply(minutes(0, 10, 20), received_at=20 * MINUTE)
    early = explain_group(COUNT, group.frozen(), at=30 * MINUTE, before=HOUR)
    assert (early.gates[-1].name, early.gates[-1].passed, early.open_since) == (
        "before_rule",
        False,
        20 * MINUTE,
    )
    late = explain_group(COUNT, group.frozen(), at=HOUR, before=HOUR)
    assert "before_rule" in [gate.name for gate in late.gates if gate.passed]
