"""Which events may open an awas alert alone, by condition, level and exceptions of the rules."""

import pytest

from engine.core.judging.condition import (
    Aggregate,
    AllItems,
    AnyItem,
    Bond,
    Count,
    Distinct,
    EveryEvent,
    FirstTime,
    PatternPart,
    Spread,
    Value,
)
from engine.core.judging.condition import Sequence as Steps
from engine.core.judging.condition import SequenceStage as Step
from engine.core.judging.event import Event
from engine.core.judging.filter import Limit, Test
from engine.core.judging.instant import DAY
from engine.core.judging.rule import Exemption, LevelStep, Rule
from engine.matching.awas_alone import BY_SEVERITY, AwasAlone

DEATH = Test("kind", "equals", "conflict.death")
AWAS = (LevelStep(4),)
PART = PatternPart(watch=DEATH)
EVERY = EveryEvent()


def rule(condition=EVERY, levels=AWAS, **more) -> Rule:
    texts = dict.fromkeys(("title", "short_title", "owner", "why", "guide"), "Uji")
    return Rule(id="uji", watch=DEATH, condition=condition, levels=levels, **texts, **more)


def event(kind="conflict.death", severity=1, region="73.15", **fields) -> Event:
    return Event(
        desk="73",
        id="e",
        kind=kind,
        region=region,
        severity=severity,
        occurred_at=0,
        received_at=0,
        fields=fields,
    )


def at_least(number: float) -> Limit:
    return Limit("at_least", number)


@pytest.mark.parametrize(
    ("condition", "alone"),
    [
        (EveryEvent(), True),
        (FirstTime(("desk",), DAY), True),
        (Count(1, DAY), True),
        (Count(3, DAY), False),
        (Count(3, DAY, "metrics.dead"), True),
        (Distinct(("desk",), at_least(1), DAY), True),
        (Distinct(("desk",), at_least(2), DAY), False),
        (Spread("region", 2, DAY), False),
        (Aggregate("sum", "metrics.dead", at_least(9), DAY), True),
        (AnyItem(items=(PART,)), True),
        (AllItems(items=(PART, PART)), False),
        (Steps(stages=(Step(parts=(PART,)), Step(parts=(PART,)))), False),
        (Bond(open=("lain",), limit=at_least(1)), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_condition_that_one_event_can_meet(condition, alone):
    assert (AwasAlone([rule(condition)]).opens(event(**{"metrics.dead": 9})) is not None) is alone


@pytest.mark.parametrize(
    ("levels", "more", "opens"),
    [
        (AWAS, {}, True),
        ((LevelStep(3),), {}, False),
        ((LevelStep(3), LevelStep(4, at_least(1))), {}, True),
        ((LevelStep(3), LevelStep(4, at_least(20))), {}, False),
        (AWAS, {"by_severity": True}, False),
    ],
)
def test_a_level_that_one_event_can_reach(levels, more, opens):
    assert (AwasAlone([rule(Count(1, DAY), levels, **more)]).opens(event()) is not None) is opens


@pytest.mark.parametrize(("injured", "opens"), [(None, False), (9, False), (10, True), ("banyak", False)])
def test_of_a_rule_on_a_value_the_value_counts(injured, opens):
    rules = AwasAlone([rule(Value("metrics.injured", at_least(10)))])
    fields = {} if injured is None else {"metrics.injured": injured}
    assert (rules.opens(event(**fields)) is not None) is opens


def test_a_value_that_stands_for_a_missing_field_counts():
    assert AwasAlone([rule(Value("metrics.injured", at_least(10), missing=10))]).opens(event())


def test_an_exception_may_make_an_awas_of_it():
    papua = Test("region", "lies_in", ("94",))
    given = Exemption(holds=papua, keys=(), reason="uji", level=4)
    calm = rule(levels=(LevelStep(3),))
    group = Exemption(holds=papua, keys=(), reason="uji", variant=rule())
    for exemption in (given, group):
        rules = AwasAlone([rule(levels=calm.levels, exemptions=(exemption,))])
        assert rules.opens(event(region="94.02"))
        assert not rules.opens(event(region="73.15"))


def test_severity_4_counts_whatever_the_rules_say():
    assert BY_SEVERITY.opens(event("desk.heartbeat", 4))
    assert not BY_SEVERITY.opens(event(severity=3))
    assert not AwasAlone([rule()]).opens(event("conflict.clash"))


def test_events_of_one_group_name_the_same_alert():
    """A sheet of 120 rows about one regency opens one alert, so it counts as one."""
    rules = AwasAlone([rule()])
    first, second, elsewhere = (rules.opens(event(region=region)) for region in ("73.15", "73.15", "94.02"))
    assert first == second
    assert first != elsewhere
