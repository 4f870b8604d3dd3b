"""What a store has seen of rules: none that matched for long, and waits for silence that are too short."""

from __future__ import annotations

from typing import Any

import pytest

from engine.cli.policy_staff.check import advice_of
from engine.core.judging.condition import Count, ExpectedReporters, SilenceCondition
from engine.core.judging.filter import Test
from engine.core.judging.group_evaluation import Group
from engine.core.judging.group_key import GroupKey
from engine.core.judging.instant import DAY, HOUR, MINUTE, Instant, Millis
from engine.core.judging.rule import Rule
from engine.evaluation.groups import Groups, Judged
from engine.records.rule_sets import RuleSet, first_rule_set_write
from engine.rule_sets.rule_experience import LONG, experience
from engine.store.memory import MemoryStore
from engine.store.port import Write
from tests.unit.judging.desk import event, rule

NOW = 1_800_000_000_000


def one(id_: str, **over: Any) -> Rule:
    """A rule of a file, read from its third line."""
    watch = Test("kind", "prefix", "conflict.")
    return rule(**{"id": id_, "source": "rules/satu.yaml:3", "version": id_, "watch": watch, **over})


async def stored(rules: list[Rule], loaded_at: Instant) -> MemoryStore:
    """A store in which these rules came into force at an instant."""
    store = MemoryStore()
    await store.open()
    await store.write(first_rule_set_write(RuleSet({rule.id: rule for rule in rules}, {}), loaded_at))
    return store


async def report(store: MemoryStore, of: Rule, instants: list[Instant], group: str = "73.15") -> None:
    """Let a group of a rule have these events, as the evaluator stores them."""
    key, groups = GroupKey("real", of.id, group), Groups(store)
    await groups.fetch([key])
    held = Group(of)
    for at in instants:
        held.apply([event(at)], received_at=at)
    judged = Judged(held, held.head())
    await store.write(Write(name="t", puts=tuple(groups.changes(key, judged)[0])))


@pytest.mark.parametrize(("ago", "said"), [(LONG - DAY, ()), (LONG + DAY, ("lama",))])
async def test_a_rule_without_a_match_for_long(ago: Millis, said: tuple[str, ...]) -> None:
    """Its newest match is older than 90 days, or just not."""
    old = one("lama", condition=Count(3, 7 * DAY))
    store = await stored([old], NOW - 2 * LONG)
    await report(store, old, [NOW - ago - DAY, NOW - ago])
    assert (await experience(store, NOW)).unmatched == said


async def test_a_rule_must_have_been_in_force_all_the_while() -> None:
    """One that never matched is told only 90 days after its first load."""
    rules = [one("baru", condition=Count(3, DAY))]
    assert (await experience(await stored(rules, NOW - LONG + 1), NOW)).unmatched == ()
    seen = await experience(await stored(rules, NOW - LONG - 1), NOW)
    assert seen.unmatched == ("baru",)
    (finding,) = advice_of(seen)
    found = (finding.file, finding.line, finding.code, finding.severity)
    assert found == ("rules/satu.yaml", 3, "unmatched", "warning")
    assert dict(finding.facts) == {"id": "baru", "days": "90"}


@pytest.mark.parametrize(("length", "hasty"), [(59 * MINUTE, {"sunyi": HOUR}), (HOUR, {})])
async def test_a_wait_for_silence_is_held_against_the_usual_gap(
    length: Millis, hasty: dict[str, Millis]
) -> None:
    """Reports an hour apart: a silence of less is none."""
    quiet = one("sunyi", condition=SilenceCondition(length=length, expected=ExpectedReporters(seen=7 * DAY)))
    store = await stored([quiet], NOW - DAY)
    for group in ("73.15", "73.16"):
        await report(store, quiet, [NOW - hour * HOUR for hour in range(11, -1, -1)], group)
    seen = await experience(store, NOW)
    assert seen.hasty == hasty
    assert [dict(finding.facts)["gap"] for finding in advice_of(seen)] == ["1h"] * len(hasty)


async def test_too_few_reports_show_no_gap() -> None:
    """Twenty gaps at least."""
    quiet = one("sunyi", condition=SilenceCondition(length=MINUTE, expected=ExpectedReporters(seen=7 * DAY)))
    store = await stored([quiet], NOW - DAY)
    await report(store, quiet, [NOW - hour * HOUR for hour in range(11, -1, -1)])
    assert (await experience(store, NOW)).hasty == {}


async def test_a_store_without_rules_says_nothing() -> None:
    """Such as that of a new installation."""
    store = MemoryStore()
    await store.open()
    assert (await experience(store, NOW)).rules == {}
