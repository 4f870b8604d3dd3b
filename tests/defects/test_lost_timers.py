"""Instants change only with the record that they belong to, or on condition of it: no timer and no request vanishes.

Each test lets somebody else write right before the write in question, which another process may do at any time.
"""

from collections.abc import Awaitable, Callable

import msgspec
import pytest

from engine.core.alerting.command import Answer, EscalateNow
from engine.core.alerting.internal_alerts import InternalAlertRequest
from engine.core.alerting.silence import Match
from engine.core.judging.instant import HOUR, MINUTE
from engine.escalation.alert_commands import AlertCommands
from engine.escalation.internal_alerts import OWN, InternalAlerts, ask
from engine.escalation.item_retry import PUT_OFF, ItemRetry
from engine.escalation.silences import Silences
from engine.escalation.timers import AlertTimers
from engine.records.alert_repository import ALERTS, CLOSINGS, COVERS, NOTIFICATIONS, OUTBOX, REVEALS
from engine.store.codec import decode, encode
from engine.store.memory import MemoryStore
from engine.store.port import Drop, Plan, Put, Write, WriteOutcome
from tests.acceptance.corrections.bench import START, Bench
from tests.acceptance.corrections.test_overtaken import event
from tests.credentials import OPERATOR
from tests.unit.support.switchboard import Switchboard

Meanwhile = Callable[[], Awaitable[object]]


class Overtaken(MemoryStore):
    """A store in which somebody else is quicker than the next write of a name."""

    def __init__(self) -> None:
        super().__init__()
        self.quicker: dict[str, Meanwhile] = {}

    async def write(self, write: Write) -> WriteOutcome:
        if (meanwhile := self.quicker.pop(write.name, None)) is not None:
            await meanwhile()
        return await super().write(write)


class Scene(Switchboard):
    """A desk with an open alert, and the parts that keep its timers."""

    def __init__(self) -> None:
        super().__init__(store=Overtaken())
        self.escalator = AlertTimers(self.store, self.clock, self.desk, self.metrics)
        elsewhere = AlertCommands(self.store, self.clock, self.books, self.metrics)  # that of another process
        self.silences = Silences(self.store, self.clock, self.books, elsewhere)
        self.own_alerts = InternalAlerts(self.store, self.clock, self.books, self.metrics)

    async def plan(self, schedule: str, member: str, at: int | None) -> None:
        await self.store.write(Write(name="plan", plans=(Plan(schedule, member, at),)))

    async def at(self, schedule: str, member: str) -> int | None:
        return (await self.store.planned_at(schedule, [member]))[0]

    async def silence(self) -> object:
        now = self.clock.now()
        return await self.silences.make(
            Match(region=("73.15",)), since=now, until=now + 20 * MINUTE, reason="uji", by=OPERATOR
        )


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_a_stale_timer_does_not_overwrite_the_next_step(scene: Scene):
    """Somebody escalates while a plan that was stale is mended: the alert is due when its new step ends."""
    alert = await scene.open()
    await scene.plan(ALERTS, alert, scene.clock.now())

    async def escalate() -> None:
        scene.clock.set(scene.clock.now() + 10 * MINUTE)
        await scene.desk.change(alert, EscalateNow(person="op", is_operator=True), "answer", by=OPERATOR)

    scene.store.quicker = {"replan": escalate, "escalate": escalate}
    await scene.escalator.turn()
    assert await scene.at(ALERTS, alert) == (await scene.alert(alert)).wake_at


async def test_a_look_at_silences_does_not_overwrite_the_end_of_a_new_one(scene: Scene):
    alert = await scene.open()
    await scene.plan(COVERS, alert, scene.clock.now())
    made = []

    async def silence() -> None:
        if not made:
            made.append(await scene.silence())

    scene.store.quicker = {"replan": silence, "cover": silence}
    await scene.escalator.turn()
    assert made
    assert (await scene.alert(alert)).cover_changes_at is not None
    assert await scene.at(COVERS, alert) == (await scene.alert(alert)).cover_changes_at


async def test_an_alert_that_opens_while_its_timer_is_taken_off_keeps_it(scene: Scene):
    """A timer without its alert is taken off only as long as there is no alert."""
    alert = await scene.open()
    record = (await scene.store.get(ALERTS, [alert]))[0]
    other = msgspec.structs.replace(decode(record.value, type(await scene.alert(alert))), id="baru")
    await scene.plan(ALERTS, "baru", scene.clock.now())

    async def opens() -> None:
        put, plan = Put(ALERTS, "baru", encode(other), 0), Plan(ALERTS, "baru", other.wake_at)
        await scene.store.write(Write(name="evaluate", puts=(put,), plans=(plan,)))

    scene.store.quicker = {"replan": opens}
    await scene.escalator.turn()
    assert await scene.at(ALERTS, "baru") == other.wake_at


async def test_a_closing_that_is_planned_anew_is_looked_behind_again(scene: Scene):
    closed = "real|uji|73.15|a"
    await scene.plan(REVEALS, closed, scene.clock.now())
    later = scene.clock.now() + 1
    scene.store.quicker = {"replan": lambda: scene.plan(REVEALS, closed, later)}
    await scene.escalator.turn()
    assert await scene.at(REVEALS, closed) == later


async def own(scene: Scene) -> list[int]:
    return sorted(one.ordinal for one in await scene.desk.alerts() if one.rule.id == "siaga.dead_letter")


@pytest.mark.parametrize("later", [0, 1])
async def test_a_second_request_for_an_own_alert_does_not_vanish(scene: Scene, later: int):
    """Its first alert is resolved, and it is asked for again, while the first request is settled."""
    await scene.publish()
    request = InternalAlertRequest("dead_letter")
    await scene.store.write(Write(name="put_off", plans=(ask(request, scene.clock.now()),)))
    await scene.own_alerts.turn()
    first = next(one for one in await scene.desk.alerts())
    await scene.store.write(Write(name="put_off", plans=(ask(request, scene.clock.now()),)))

    async def again() -> None:
        answer = Answer(person="posko", says="resolved", via="api", is_operator=True)
        await scene.desk.answer(first.id, answer, by=OPERATOR)
        assert not (await scene.alert(first.id)).unresolved
        scene.clock.set(scene.clock.now() + later)
        await scene.store.write(Write(name="put_off", plans=(ask(request, scene.clock.now()),)))

    scene.store.quicker = {"own_alert": again}
    for _ in range(3):
        await scene.own_alerts.turn()
    assert await own(scene) == [1, 2]
    assert await scene.store.planned(OWN) == {}


async def test_what_raised_is_put_off_only_from_where_it_stood(scene: Scene):
    """An item that somebody planned anew meanwhile keeps its instant; the trouble is told all the same."""
    now, sooner = scene.clock.now(), scene.clock.now() + MINUTE
    setbacks = ItemRetry("escalator", ALERTS, store=scene.store, clock=scene.clock, metrics=scene.metrics)
    await scene.plan(ALERTS, "a", now)

    async def raises() -> None:
        raise ValueError("a policy that cannot be")

    scene.store.quicker = {"put_off": lambda: scene.plan(ALERTS, "a", sooner)}
    await setbacks.spare_others("a", raises(), planned=now)
    assert await scene.at(ALERTS, "a") == sooner < now + PUT_OFF
    assert list(await scene.store.planned(OWN)) == ["dead_letter|00|3"]


async def test_a_message_that_is_due_again_stays_in_the_outbox(scene: Scene):
    """What is not due any more is taken off the outbox, unless it is due again by then."""
    alert = await scene.open()
    case = await scene.desk.case(alert)
    (message,) = case.notifications.values()
    settled = msgspec.structs.replace(message, due_at=None)
    await scene.store.write(Write(name="t", puts=(Put(NOTIFICATIONS, message.id, encode(settled)),)))

    async def due_again() -> None:
        put, plan = Put(NOTIFICATIONS, message.id, encode(message)), Plan(OUTBOX, message.id, message.due_at)
        await scene.store.write(Write(name="t", puts=(put,), plans=(plan,)))

    scene.store.quicker = {"replan": due_again}
    await scene.send()
    assert scene.texts("+628110000001")


async def test_a_message_that_comes_into_being_stays_in_the_outbox(scene: Scene):
    """A plan without its message is taken off only as long as there is none."""
    alert = await scene.open()
    (message,) = (await scene.desk.case(alert)).notifications.values()
    record = (await scene.store.get(NOTIFICATIONS, [message.id]))[0]
    await scene.store.write(Write(name="t", drops=(Drop(NOTIFICATIONS, message.id),)))

    async def comes() -> None:
        put, plan = Put(NOTIFICATIONS, message.id, record.value), Plan(OUTBOX, message.id, message.due_at)
        await scene.store.write(Write(name="t", puts=(put,), plans=(plan,)))

    scene.store.quicker = {"replan": comes}
    await scene.send()
    await scene.send()
    assert scene.texts("+628110000001")


async def test_a_silence_made_while_a_step_is_decided_is_looked_at_though_its_process_dies(scene: Scene):
    """The step's write decided by the silences of before; that the alert has to look is not lost with it."""
    alert = await scene.open()
    scene.clock.set(scene.clock.now() + HOUR)

    class DiedError(Exception):
        """The process that made the silence died right after its write."""

    async def dies() -> None:
        async def death() -> None:
            raise DiedError

        scene.store.quicker = {"cover": death}
        with pytest.raises(DiedError):
            await scene.silence()

    scene.store.quicker = {"escalate": dies}
    await scene.escalator.turn()
    for _ in range(5):
        await scene.escalator.turn()
    now, found = scene.clock.now(), await scene.alert(alert)
    assert (found.silenced != "", found.cover_changes_at) == (True, now + 20 * MINUTE)
    assert await scene.at(COVERS, alert) == found.cover_changes_at


async def test_a_closing_that_is_planned_anew_is_taken_note_of_again():
    """Somebody closes an alert once more while judging takes note of the closing before."""
    store = Overtaken()
    bench = Bench(store)
    await bench.receive([event(0, "73.15")], START)
    await bench.judge()
    alert = (await bench.alerts())[0].id
    closed, again = (Write(name="plan", plans=(Plan(CLOSINGS, alert, START + n),)) for n in (0, 1))
    await store.write(closed)
    store.quicker = {"evaluate": lambda: store.write(again)}
    await bench.judge()
    assert store.quicker == {}
    assert await store.planned(CLOSINGS) == {alert: START + 1}
    bench.clock.set(START + 1)
    await bench.judge()
    assert await store.planned(CLOSINGS) == {}
