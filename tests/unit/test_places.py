"""Places: a message is claimed when its gateway can carry it, and a gateway that is slow holds up no other."""

import asyncio
from math import inf

import pytest

from engine.clock import monotonic
from engine.core.alerting.directory import Contact, Person
from engine.core.alerting.gateway_route import FAILURES_TO_OPEN, Route
from engine.delivery.deliveries import AT_ONCE, Deliveries, Delivery, SendSlots
from engine.delivery.gateways import Gateway, Gateways
from engine.delivery.queue import TIMES
from notifiers.base import Message, Notifier, Receipt
from notifiers.email import Email, EmailSettings
from tests.contract.notifiers.mailbox import Mailbox
from tests.unit.support.switchboard import BPBD, OFFICES, PEOPLE, Switchboard
from tests.unit.test_together import Watched

MAIL = Gateway(route=Route(gateway="surat", channel="email"), dlr_trust="low", at_once=3)
SPARE = Gateway(route=Route(gateway="surat-cadangan", channel="email", order=2), dlr_trust="low", at_once=2)
SMS = Gateway(route=Route(gateway="sms", channel="sms"))
SEKDA = Person(
    id="sekda-7315",
    contacts=(Contact(id="sekda-7315/email/1", channel="email", value="sekda@pinrang.example"),),
)


class Slow(Mailbox):
    """A mail server that answers a mail when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.lets = asyncio.Semaphore(0)
        self.waits = 0
        self.most = 0

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 -- aiosmtpd's name
        self.waits += 1
        self.most = max(self.most, self.waits)
        async with self.lets:
            self.waits -= 1
            return await super().handle_DATA(server, session, envelope)


class Counting:
    """A notifier that counts who wanted something of another one, and who got it."""

    channel = "email"

    def __init__(self, notifier: Notifier) -> None:
        self.name = notifier.name
        self.notifier = notifier
        self.under_way = 0
        self.most = 0
        self.began: list[str] = []

    async def send(self, message: Message) -> Receipt:
        self.began.append(message.id)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            return await self.notifier.send(message)
        finally:
            self.under_way -= 1

    async def close(self) -> None:
        await self.notifier.close()


class Desk(Switchboard):
    """The sekda has e-mail and the bpbd a phone; SMS go at once, e-mail by the notifiers given."""

    def __init__(self, **mail: Notifier) -> None:
        super().__init__((SEKDA, *PEOPLE[1:]), OFFICES)
        known = [one for one in (MAIL, SPARE) if one.id in mail]
        self.gateways = Gateways(self.store, self.clock, self.metrics, [SMS, *known])
        self.books.routes = self.gateways.routes
        self.many = self.dispatcher_of(in_order=False, **{SMS.id: self.route}, **mail)

    async def states(self, alerts) -> list[str]:
        cases = [await self.desk.case(alert) for alert in alerts]
        return [n.state for case in cases for n in case.notifications.values()]


@pytest.fixture
async def server():
    async with Slow().open() as opened:
        yield opened


def mail_of(server: Mailbox) -> Counting:
    return Counting(Email(EmailSettings(host="127.0.0.1", port=server.port, tls="none", name="surat")))


async def test_of_a_burst_of_mails_none_begins_before_the_server_has_a_connection_for_it(server):
    """So the time that an attempt may take is that of the attempt, however long the others took."""
    mail = mail_of(server)
    board = Desk(surat=mail)
    alerts = [await board.open(number) for number in range(1, 13)]
    await board.many.turn()
    while server.waits < 3:  # noqa: ASYNC110 -- aiosmtpd tells nobody
        await asyncio.sleep(0)
    assert sorted(await board.states(alerts)) == ["pending"] * 9 + ["sending"] * 3
    for _ in range(12):
        server.lets.release()
    while "pending" in await board.states(alerts):
        await board.many.turn()
    await board.many.deliveries.settled()
    assert await board.states(alerts) == ["sent"] * 12
    assert (mail.most, server.most) == (3, 3)
    assert sorted(mail.began) == sorted(set(mail.began))
    await board.many.close()


async def test_mails_that_hang_do_not_hold_up_what_goes_another_way(server):
    board = Desk(surat=mail_of(server))
    mails = [await board.open(number) for number in range(1, AT_ONCE + 10)]
    await board.many.turn()
    texts = [await board.open(number, "bpbd") for number in range(101, 111)]
    while "pending" in await board.states(texts):
        await board.many.turn()
    while "sending" in await board.states(texts):  # noqa: ASYNC110 -- the mails never end by themselves
        await asyncio.sleep(0)
    assert await board.states(texts) == ["sent"] * 10
    assert len(board.texts(BPBD)) == 10
    assert (await board.states(mails)).count("sending") == 3
    for _ in mails:
        server.lets.release()
    await board.many.close()


async def test_what_waits_for_a_gateway_leaves_room_in_the_turn_for_all_others():
    """However many mails came before: of a gateway so many are looked at in a turn, and no more."""
    mail = Watched()
    board = Desk(surat=mail)
    for number in range(1, TIMES * MAIL.at_once + 5):
        await board.open(number)
    text = await board.open(101, "bpbd")
    chosen = await board.many._queue.turn(board.clock.now())
    assert [one.gateway for one in chosen].count(MAIL.id) == TIMES * MAIL.at_once
    assert [one.first.alert for one in chosen if one.gateway == SMS.id] == [text]


async def test_a_message_that_found_no_place_is_not_read_again_until_it_changes():
    board = Desk(surat=Watched())
    alerts = [await board.open(number) for number in range(1, 6)]
    await board.many.turn()
    asked: list[str] = []
    get = board.store.get

    async def noted(table, ids):
        if table == "notifications":
            asked.extend(ids)
        return await get(table, ids)

    board.store.get = noted
    left = await board.many._queue.turn(board.clock.now())
    assert ([len(one.messages) for one in left], asked) == ([1, 1], [])
    waiting = [alert for alert in alerts if await board.states([alert]) == ["pending"]]
    assert sorted(one.first.alert for one in left) == sorted(waiting)


async def test_the_places_of_a_gateway_that_took_over_are_its_own():
    """The first is out of order: everything goes by the other, as many at once as that one carries."""
    first, spare = Watched(), Watched()
    board = Desk(**{MAIL.id: first, SPARE.id: spare})
    for _ in range(FAILURES_TO_OPEN):
        await board.gateways.settle(MAIL.id, well=False)
    alerts = [await board.open(number) for number in range(1, 6)]
    await board.many.turn()
    await spare.begun(SPARE.at_once)
    assert (len(spare.began), first.began) == (SPARE.at_once, [])
    await spare.let()
    while "pending" in await board.states(alerts):
        await board.many.turn()
    await board.many.deliveries.settled()
    assert await board.states(alerts) == ["sent"] * 5


async def test_a_way_that_changed_since_the_queue_was_read_begins_nothing_without_a_place():
    spare = Watched()
    board = Desk(**{MAIL.id: Watched(), SPARE.id: spare})
    for _ in range(FAILURES_TO_OPEN):
        await board.gateways.settle(MAIL.id, well=False)
    alert = await board.open()
    (message,) = (await board.desk.case(alert)).notifications
    for _ in range(SPARE.at_once):
        board.gateways.places.take(SPARE.id)
    assert await board.many.claims.take(alert, message) is None
    assert await board.states([alert]) == ["pending"]
    board.gateways.places.leave(SPARE.id)
    assert await board.many.claims.take(alert, message) is not None


async def test_a_trial_takes_a_place():
    """Else a message might begin beside it and wait for its connection."""
    mail = Watched()
    board = Desk(surat=mail)
    alert = await board.open()
    await board.many.turn()
    await mail.begun(1)
    (sending,) = (await board.desk.case(alert)).notifications.values()
    trial = asyncio.create_task(board.many.try_contact(SEKDA.contacts[0], sending.rendered, "percobaan"))
    await mail.begun(2)
    assert board.gateways.places.free(MAIL.id) == 1
    await mail.let()
    await trial
    await board.many.deliveries.settled()
    assert board.gateways.places.free(MAIL.id) == 3


async def test_whoever_waits_for_a_place_is_told_as_soon_as_one_comes_free():
    places = SendSlots({"satu": 1})
    done = asyncio.Event()
    deliveries = Deliveries(places)
    deliveries.start(Delivery("satu", done.wait()))
    waiting = asyncio.create_task(places.room({"satu": 5}, inf))
    await asyncio.sleep(0)
    assert not waiting.done()
    done.set()
    assert await waiting == {"satu": 1}


async def test_where_one_gateway_is_full_the_others_are_not_waited_for():
    places = SendSlots({"penuh": 1, "lega": 4})
    places.take("penuh")
    assert await places.room({"penuh": 3, "lega": 2}, inf) == {"penuh": 0, "lega": 4}


async def test_nobody_waits_for_a_place_beyond_the_instant():
    places = SendSlots({"penuh": 1})
    places.take("penuh")
    assert await places.room({"penuh": 3}, monotonic()) == {"penuh": 0}
