"""`check` and the list of what opened and closed say the same of the same run, whatever the rules and events."""

from __future__ import annotations

import asyncio
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from engine.core.judging.instant import HOUR, MINUTE
from engine.documents.test_files.occurrence import Occurrence
from engine.documents.test_files.rule_tests import Check, RuleTest
from engine.metrics import Metrics
from engine.simulation.rule_test import run_rule_test
from tests.acceptance.corrections.bench import START
from tests.acceptance.corrections.sentences import Document, Vocabulary, load, rule_sets
from tests.acceptance.corrections.test_language import crowd

VOCABULARY = Vocabulary(kind="a.a", end="a.end", number="metrics.n", start=START)


def told(found: list[Document], seed: int) -> RuleTest:
    """A test of these rules over a crowd of events, many of them late, that looks at each rule every five minutes."""
    rules, chance = load(found), Random(seed)
    events = []
    for event in crowd(chance):
        at = event.occurred_at - START
        arrives = at + chance.choice([0, 0, 7, 20]) * MINUTE
        events.append(Occurrence(at=at, arrives=arrives, event=event))
    return RuleTest(
        name="uji",
        rules=rules,
        start=START,
        zone="Asia/Makassar",
        events=tuple(events),
        changes=(),
        run_until=2 * HOUR,
        expect=(),
        check=tuple(Check(at=at * MINUTE, rule=rule.id) for rule in rules for at in range(0, 90, 5)),
        nothing_else=False,
        any_arrival_order=False,
    )


@given(found=rule_sets(VOCABULARY, 3), seed=st.integers(0, 2**32))
def test_check_and_the_list_agree(found: list[Document], seed: int):
    """What speaks for a group is its unresolved alert, also where one that happened before was found later."""
    result = asyncio.run(run_rule_test(told(found, seed), "uji", Metrics()))
    assert [one.text("en") for one in result.failures if one.code in ("contradiction", "crashed")] == []
