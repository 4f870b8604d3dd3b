"""A backtest over what an installation received: the same alerts, answers and closings as there were."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from engine.app import Siaga, open_siaga
from engine.core.alerting.command import Answer
from engine.core.judging.group_state import Gap
from engine.core.judging.instant import DAY, MINUTE
from engine.errors import ConfigurationError
from engine.operations.event_archiver import EventArchiver
from engine.people.tokens import Scope
from engine.records.outages import append_gap
from engine.settings import load
from engine.simulation.backtest import Backtest
from engine.simulation.feed import Other, Past
from engine.simulation.replay import AFTERWARDS, read_events
from engine.simulation.respondents import recalled
from engine.store.archive.events import Archive
from engine.store.archive.history import EventHistory
from engine.store.memory import MemoryStore
from tests.credentials import OPERATOR

HOME = Path(__file__).parents[2]
CONFIG = HOME / "config" / "siaga.yaml"
SCENARIO = HOME / "config" / "demo" / "pilkada-2024.jsonl"
RECORDED = read_events(SCENARIO)[:80]
SCOPE = Scope(desks=("*",), rights=frozenset(("submit",)), region="00", token_id="demo")


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    var = tmp_path_factory.mktemp("var")
    return load(CONFIG, overrides=[f"paths.var={var}", "clock.mode=lock_step"])


async def answer_all(siaga: Siaga) -> None:
    """Let somebody who was told take each matter that nobody has, and settle what was taken before."""
    for alert in await siaga.desk.alerts():
        if not alert.unresolved:
            continue
        case = await siaga.desk.case(alert.id)
        if case.alert.status == "acknowledged":
            answer = Answer(person=case.alert.acknowledged_by, says="resolved", via="link")
        else:
            told = [n for n in case.notifications.values() if n.sent_at is not None and not n.informing]
            if not told:
                continue
            answer = Answer(person=min(n.person for n in told), says="taken", via="link")
        await siaga.desk.answer(alert.id, answer, by=OPERATOR)


async def lived(siaga: Siaga) -> None:
    """Live through the beginning of the scenario, with an outage of the intake in it."""
    at = 0
    for number, recorded in enumerate(RECORDED):
        await siaga.advance(recorded.at)
        await siaga.intake.submit(recorded.event, "application/json", SCOPE)
        await siaga.advance(recorded.at)
        if number == 20:
            await append_gap(siaga.store, Gap(since=recorded.at, until=recorded.at + 5 * MINUTE))
        if number % 3 == 0:
            await siaga.advance(recorded.at + 20 * MINUTE)
            await answer_all(siaga)
        at = recorded.at
    await siaga.advance(at + AFTERWARDS)


async def test_live_with_its_answers_equals_its_backtest(settings, tmp_path):
    """Though most of the events lie in the archive only by then."""
    archive = Archive(tmp_path / "archive", settings.namespace)
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(settings, stack, store=MemoryStore())
        await lived(siaga)
        archivist = EventArchiver(siaga.store, siaga.clock, siaga.metrics, archive, lambda: 10 * DAY, waits=0)
        while await archivist.turn():
            pass
        archivist.release()
        assert len(await siaga.store.read("0-0", 1_000)) < 40
        live = {
            (a.rule.id, a.group, a.ordinal): (a.happened_at, a.level, a.resolved_at, a.resolved_reason)
            for a in await siaga.desk.alerts()
        }
        feed = await Past.survey(EventHistory(siaga.store, archive))
        run = Backtest(
            settings,
            feed,
            answers=await recalled(siaga.store),
            directory=(await siaga.books.directory()).contents,
        )
        ledger = await run.run(run.rule_set())
        assert any([isinstance(one, Other) async for one in feed.requests(1)])
    assert feed.total == ledger.received.accepted == len(RECORDED)
    assert sum(reason == "by_hand" for *_, reason in live.values()) > 2
    assert live == {
        (c.rule, c.group, c.ordinal): (c.happened_at, c.level, c.closed_at, c.reason) for c in ledger.courses
    }


async def test_a_span_of_the_past_is_taken_by_receipt(settings):
    """From its start on and before its end; the total is that of the span (docs/specification/rules.md#backtests)."""
    recorded = RECORDED
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(settings, stack, store=MemoryStore())
        for one in recorded:
            await siaga.advance(one.at)
            await siaga.intake.submit(one.event, "application/json", SCOPE)
        since, until = recorded[10].at, recorded[30].at
        feed = await Past.survey(EventHistory(siaga.store), since, until)
        inside = [one.at for one in recorded if since <= one.at < until]
        found = [request.at async for request in feed.requests(1)]
        assert (feed.total, feed.first, feed.last) == (len(inside), inside[0], inside[-1])
        assert found == inside
        with pytest.raises(ConfigurationError, match="received no event"):
            await Past.survey(EventHistory(siaga.store), recorded[-1].at + 1)
