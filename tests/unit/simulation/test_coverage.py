"""Coverage: branches that no test touches are named."""

from msgspec.structs import replace

from engine.core.judging.event import Event
from engine.core.judging.filter import AllOf, AnyOf, Limit, Test, Unless
from engine.core.judging.rule import LevelStep, Rule
from engine.simulation.coverage import coverage, touched
from engine.simulation.recorder import Happening

RULE = Rule(
    id="r",
    title="",
    short_title="",
    owner="",
    why="",
    guide="",
    levels=(LevelStep(2), LevelStep(4, Limit("at_least", 20))),
    watch=AnyOf((Test("kind", "equals", "a.b"), Test("severity", "at_least", 3))),
)
EVENT = Event(desk="d", id="1", kind="a.b", region="00", severity=1, occurred_at=0)
OPENS = Happening(at=0, detected=0, state="opens", rule="r", group="00", level=2)


def test_a_rule_that_never_opened_is_named_alone():
    """Its branches would only repeat it."""
    found = coverage([RULE], touched([RULE], [EVENT], []))
    assert (found.rules, found.rules_touched, found.branches, found.branches_touched) == (1, 0, 4, 1)
    assert found.untouched == ("r",)


def test_levels_and_alternatives_that_nothing_reached_are_named():
    """Here the higher level and the second alternative."""
    found = coverage([RULE], touched([RULE], [EVENT], [OPENS]))
    assert found.untouched == ("r: level awas", "r: any, 2")


def test_an_alternative_under_unless_is_touched_by_the_event_it_keeps_out():
    """The event would be watched without the exception; one that is not watched anyway touches nothing."""
    kept_out = AnyOf((Test("kind", "equals", "a.b"), Test("kind", "equals", "a.c")))
    excepting = replace(RULE, watch=AllOf((Test("severity", "at_least", 1), Unless(kept_out))))
    other = replace(EVENT, kind="a.c", severity=0)
    assert coverage([excepting], touched([excepting], [EVENT, other], [OPENS])).untouched == (
        "r: level awas",
        "r: any, 2",
    )


def test_a_level_that_time_alone_reached_is_touched():
    """A silence grows without any event: the alert tells at the end which level it came to."""
    risen = replace(OPENS, highest=4)
    assert coverage([RULE], touched([RULE], [EVENT], [risen])).untouched == ("r: any, 2",)
