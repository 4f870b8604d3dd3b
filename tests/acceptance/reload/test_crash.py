"""A reload that is killed at any of its writes ends as one that is not.

The evaluator is thrown away at the write, before or after it is in the store, and another one goes on from the store.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.core.judging.instant import HOUR
from engine.escalation.alert_commands import AlertCommands
from engine.records.rule_sets import InForce, Proposal, RuleSet, after_the_past, at_once
from tests.acceptance.reload.service import NEW, POLICIES, START, Service

NAMES = ("switch_announced", "rebuild_progress", "evaluate")


async def run(kill: tuple[str, str] | None, *, waits: bool) -> tuple[Service, list[tuple[object, ...]]]:
    """Two events for one region and one for another, a reload at 3 h, an event after it."""
    service = Service()
    for hour, number, region in ((0, 1, "73.15"), (1, 2, "73.15"), (2, 3, "73.72")):
        await service.report(hour, number, region)
    service.clock.set(START + 3 * HOUR)
    new = RuleSet({one.id: one for one in NEW}, POLICIES)
    proposal = Proposal(rule_set=new.id, author="a", approved_by="b")
    write = after_the_past(new, proposal) if waits else at_once(new, proposal, service.clock.now())
    await service.store.write(write)
    service.kill = kill
    await service.judge()
    await service.report(4, 4, "73.72")
    return service, await service.story()


def kills() -> Iterator[tuple[str, str]]:
    for name in NAMES:
        for side in ("before", "after"):
            yield name, side


@pytest.mark.parametrize("waits", [True, False], ids=["after the past", "at once"])
@pytest.mark.parametrize("kill", list(kills()), ids=" ".join)
async def test_a_kill_at_any_write_of_a_reload_changes_nothing(kill: tuple[str, str], waits: bool) -> None:
    _, undisturbed = await run(None, waits=True)
    service, story = await run(kill, waits=waits)
    assert service.killed == (0 if kill[0] == "switch_announced" and not waits else 1)
    assert story == undisturbed
    in_force: InForce = await service.books.follow()
    assert (in_force.author, in_force.tenures["ubah"].before) == ("a", START + 3 * HOUR)
    assert {
        one.rule.id
        for one in await AlertCommands(service.store, service.clock, service.books, service.metrics).alerts()
    } == {
        "sama",
        "ubah",
        "hapus",
        "baru",
    }
