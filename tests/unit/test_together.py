"""Many messages at once: outcomes in one write, each as it would be alone, and a slow gateway holds up nobody."""

import asyncio

import pytest

from engine.core.alerting.command import Answer, Attempted, Comment
from engine.core.judging.instant import MINUTE
from engine.core.judging.judgement import Opened
from engine.delivery.gateways import Gateways
from engine.errors import StoreUnavailableError
from engine.escalation.timers import AlertTimers
from notifiers.base import Message, Receipt
from tests.credentials import OPERATOR
from tests.unit.delivery.test_gateways import ONE_WAY
from tests.unit.support.country import NOW
from tests.unit.support.switchboard import GATEWAY, Switchboard


class Watched:
    """A gateway that takes a message when it is let, and does something before."""

    name = channel = "sms"

    def __init__(self) -> None:
        self.began: list[str] = []
        self.accepted: list[str] = []
        self.free: set[str] = set()
        self.changed = asyncio.Condition()
        self.all_free = False

    async def send(self, message: Message) -> Receipt:
        async with self.changed:
            self.began.append(message.id)
            self.changed.notify_all()
            await self.changed.wait_for(lambda: self.all_free or message.id in self.free)
            self.accepted.append(message.id)
        return Receipt(gateway="sms", reference=message.id)

    async def let(self, *ids: str) -> None:
        """Let these go on; none: everything."""
        async with self.changed:
            self.free.update(ids)
            self.all_free = self.all_free or not ids
            self.changed.notify_all()

    async def begun(self, number: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.began) >= number)

    async def close(self) -> None:
        """Nothing is open."""


class Desk(Switchboard):
    """A desk whose route is one-way, so that nothing binds its messages to each other, and that sends many at once."""

    def __init__(self) -> None:
        super().__init__()
        self.watched = Watched()
        self.gateways = Gateways(self.store, self.clock, self.metrics, [ONE_WAY])
        self.books.routes = self.gateways.routes
        self.many = self.dispatcher_of(in_order=False, **{ONE_WAY.id: self.watched})
        self.writes: list[str] = []
        write = self.store.write

        async def noted(one):
            self.writes.append(one.name)
            return await write(one)

        self.store.write = noted

    async def states(self, alerts) -> list[str]:
        cases = [await self.desk.case(alert) for alert in alerts]
        return [n.state for case in cases for n in case.notifications.values()]


@pytest.fixture
def board():
    return Desk()


async def test_messages_are_claimed_asked_about_and_settled_together(board):
    alerts = [await board.open(number) for number in range(1, 9)]
    board.writes.clear()
    await board.many.turn()
    await board.watched.begun(8)
    assert board.writes == ["claim"]
    await board.watched.let()
    await board.many.deliveries.settled()
    assert await board.states(alerts) == ["sent"] * 8
    assert board.writes.count("attempted") < 8
    for alert in alerts:
        history = await board.desk.history(alert)
        assert [entry.name for entry in history] == ["opened", "step_started", "notified"]


async def test_a_message_that_takes_long_holds_up_nobody(board):
    slow = await board.open(1)
    await board.many.turn()
    await board.watched.begun(1)
    quick = await board.open(2)
    await board.many.turn()
    await board.watched.begun(2)
    await board.watched.let(board.watched.began[1])
    while await board.states([quick]) != ["sent"]:  # noqa: ASYNC110 -- the other one never ends by itself
        await asyncio.sleep(0)
    assert await board.states([slow]) == ["sending"]
    await board.watched.let()
    await board.many.deliveries.settled()
    assert await board.states([slow]) == ["sent"]


async def test_what_somebody_took_after_the_claim_is_not_sent_and_the_others_are(board):
    alerts = [await board.open(number) for number in (1, 2, 3)]
    take = board.many.claims.take_together

    async def taken_meanwhile(due):
        claimed = await take(due)
        answer = Answer(person="sekda-7315", says="taken", via="link")
        await board.desk.answer(alerts[1], answer, by=OPERATOR)
        return claimed

    board.many.claims.take_together = taken_meanwhile
    await board.many.turn()
    await board.watched.let()
    await board.many.deliveries.settled()
    assert await board.states(alerts) == ["sent", "cancelled", "sent"]
    assert len(board.watched.accepted) == 2


async def test_several_commands_on_one_alert_are_each_decided_on_what_the_one_before_left(board):
    alert = await board.open()
    commands = [Comment(person="posko", note_digest=str(number)) for number in range(3)]
    await asyncio.gather(*(board.desk.change(alert, command, "comment", by=OPERATOR) for command in commands))
    history = [entry for entry in await board.desk.history(alert) if entry.name == "commented"]
    assert [entry.details["note"] for entry in history] == ["0", "1", "2"]
    assert board.writes.count("comment") == 3


async def test_one_that_cannot_be_decided_is_told_alone(board):
    alerts = [await board.open(number) for number in (1, 2, 3)]
    opening = Opened(ordinal=1, happened_at=NOW, evidence=(), level=1)
    commands = [
        Comment(person="posko", note_digest="a"),
        opening,
        Comment(person="posko", note_digest="b"),
    ]
    found = await asyncio.gather(
        *(board.desk.change(a, c, "comment", by=OPERATOR) for a, c in zip(alerts, commands, strict=True)),
        return_exceptions=True,
    )
    assert [getattr(one, "reason", type(one).__name__) for one in found] == [
        "commented",
        "TypeError",
        "commented",
    ]


async def test_one_that_is_overtaken_is_decided_anew_and_the_others_with_it(board):
    alerts = [await board.open(number) for number in (1, 2)]
    decide = board.books.surroundings
    overtaken = []

    async def overtakes():
        if not overtaken:
            overtaken.append(True)
            await board.desk.change(
                alerts[0], Comment(person="posko", note_digest="dulu"), "called", by=OPERATOR
            )
        return await decide()

    board.books.surroundings = overtakes
    late = Comment(person="posko", note_digest="kemudian")
    await asyncio.gather(*(board.desk.change(alert, late, "comment", by=OPERATOR) for alert in alerts))
    notes = [
        [e.details["note"] for e in await board.desk.history(a) if e.name == "commented"] for a in alerts
    ]
    assert notes == [["dulu", "kemudian"], ["kemudian"]]


async def test_a_case_that_was_known_and_has_changed_is_read_again(board):
    alert = await board.open()
    known = await board.desk.case(alert)
    await board.desk.change(alert, Comment(person="posko", note_digest="a"), "comment", by=OPERATOR)
    (message,) = known.notifications
    sent = Attempted(notification=message, outcome="sent", gateway=GATEWAY.id)
    await board.desk.change(alert, sent, "attempted", known=known, by=OPERATOR)
    names = [entry.name for entry in await board.desk.history(alert)]
    assert names[-2:] == ["commented", "notified"]


async def test_a_store_that_went_away_under_a_delivery_is_told_by_the_next_turn(board):
    await board.open()
    await board.many.turn()
    await board.watched.begun(1)
    write = board.store.write

    async def away(_write):
        raise StoreUnavailableError("away")

    board.store.write = away
    await board.watched.let()
    await board.many.deliveries.settled()
    board.store.write = write
    with pytest.raises(StoreUnavailableError):
        await board.many.turn()
    assert await board.many.turn() == 0


async def test_what_is_on_its_way_at_the_end_is_given_up_and_goes_again(board):
    alert = await board.open()
    await board.many.turn()
    await board.watched.begun(1)
    await board.many.close()
    assert (await board.states([alert]), board.watched.accepted) == (["sending"], [])


async def test_timers_that_fall_due_together_are_carried_out_in_one_write(board):
    alerts = [await board.open(number) for number in range(1, 6)]
    board.clock.set(board.clock.now() + 31 * MINUTE)
    board.writes.clear()
    escalator = AlertTimers(board.store, board.clock, board.desk, board.metrics)
    assert await escalator.turn() == 5
    assert board.writes == ["escalate"]
    for alert in alerts:
        assert [run.step for run in (await board.alert(alert)).runs] == [1, 2]
    assert await escalator.turn() == 0
