"""A silence that is made in the instant an alert opens: the alert looks at it, in whichever order they are written."""

from collections.abc import Awaitable, Callable

import pytest

from engine.core.alerting.alert import Alert
from engine.core.alerting.internal_alerts import InternalAlertRequest
from engine.core.alerting.silence import Match
from engine.core.judging.instant import MINUTE
from engine.escalation.alert_commands import AlertCommands
from engine.escalation.internal_alerts import InternalAlerts, ask
from engine.escalation.silences import Silences
from engine.escalation.timers import AlertTimers
from engine.records.alert_repository import COVERS
from engine.records.rule_sets import RuleSet
from engine.records.runtime_config import RuntimeConfig
from engine.store.memory import MemoryStore
from engine.store.port import Write, WriteOutcome
from tests.acceptance.corrections.bench import REGIONS, START, Bench
from tests.acceptance.corrections.test_overtaken import event
from tests.credentials import OPERATOR
from tests.unit.support.switchboard import Switchboard


class Silenced(MemoryStore):
    """A store in which a silence is made right before the write of an opening, or right after it."""

    def __init__(self, name: str, side: str) -> None:
        super().__init__()
        self.name, self.side = name, side
        self.make: Callable[[], Awaitable[object]] | None = None

    async def write(self, write: Write) -> WriteOutcome:
        make, opens = self.make, write.name == self.name and bool(write.puts)
        if make is None or not opens:
            return await super().write(write)
        self.make = None
        if self.side == "before":
            await make()
        outcome = await super().write(write)
        if self.side == "after":
            await make()
        return outcome


async def silence(silences: Silences, now: int) -> None:
    match = Match(region=("73", "00"))
    await silences.make(match, since=now, until=now + 30 * MINUTE, reason="uji", by=OPERATOR)


async def covered(store: MemoryStore, alert: Alert, until: int) -> None:
    assert (alert.silenced != "", alert.cover_changes_at) == (True, until)
    assert await store.planned_at(COVERS, [alert.id]) == [until]


@pytest.mark.parametrize("side", ["before", "after"])
async def test_an_alert_that_judging_opens_is_covered(side: str):
    store = Silenced("evaluate", side)
    bench = Bench(store)
    books = RuntimeConfig(store, namespace="bench", regions=REGIONS, kinds={}, rule_set=RuleSet({}, {}))
    silences = Silences(store, bench.clock, books, AlertCommands(store, bench.clock, books, bench.metrics))
    store.make = lambda: silence(silences, START)
    await bench.receive([event(0, "73.15")], START)
    await bench.judge()
    assert await bench.alerts()
    for alert in await bench.alerts():
        await covered(store, alert, START + 30 * MINUTE)


@pytest.mark.parametrize("side", ["before", "after"])
async def test_an_own_alert_is_covered(side: str):
    store = Silenced("own_alert", side)
    desk = Switchboard(store=store)
    await desk.publish()
    now = desk.clock.now()
    elsewhere = AlertCommands(store, desk.clock, desk.books, desk.metrics)
    silences = Silences(store, desk.clock, desk.books, elsewhere)
    store.make = lambda: silence(silences, now)
    await store.write(Write(name="put_off", plans=(ask(InternalAlertRequest("dead_letter"), now),)))
    own_alerts = InternalAlerts(store, desk.clock, desk.books, desk.metrics)
    while await own_alerts.turn():
        pass
    (alert,) = await desk.desk.alerts()
    await covered(store, alert, now + 30 * MINUTE)


async def test_the_escalator_lets_alerts_look_where_the_process_of_the_silence_died():
    """The request to look stands in the store with the silence."""
    desk = Switchboard()
    alert, now = await desk.open(), desk.clock.now()

    class Dead(AlertCommands):
        async def change(self, *_args: object, **_rest: object) -> None:
            raise SystemExit

    silences = Silences(
        desk.store, desk.clock, desk.books, Dead(desk.store, desk.clock, desk.books, desk.metrics)
    )
    with pytest.raises(SystemExit):
        await silence(silences, now)
    escalator = AlertTimers(desk.store, desk.clock, desk.desk, desk.metrics)
    while await escalator.turn():
        pass
    await covered(desk.store, await desk.alert(alert), now + 30 * MINUTE)
