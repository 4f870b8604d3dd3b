"""The probe of a gateway that was out of order is bound to a message that is sent: asking alone uses nothing up."""

from collections.abc import Awaitable, Callable

import msgspec
import pytest

from engine.answers.test_messages import ContactTrials
from engine.answers.verification import Verifications
from engine.core.alerting.command import Answer
from engine.core.alerting.gateway_route import FAILURES_TO_OPEN, OPEN_FOR
from engine.core.judging.instant import HOUR, SECOND
from engine.documents.gateways import Rate
from engine.runtime.keys import Keys
from engine.store.memory import MemoryStore
from engine.store.port import Write, WriteOutcome
from tests.credentials import OPERATOR
from tests.unit.delivery.test_digests import digests, held, later
from tests.unit.support.switchboard import GATEWAY, KEY, Switchboard
from tests.unit.texts.sample import CATALOGUE


class Half(Switchboard):
    """A desk whose gateway is mended and whose breaker is about to let one message try it."""

    async def half_open(self) -> None:
        for _ in range(FAILURES_TO_OPEN):
            await self.gateways.settle("sms", well=False)
        self.clock.set(self.clock.now() + OPEN_FOR)

    async def is_open(self) -> bool:
        breaker = (await self.gateways.breakers()).get("sms")
        return breaker is not None and breaker.is_open(self.clock.now())

    @property
    def trials(self) -> ContactTrials:
        return ContactTrials(
            self.books,
            self.clock,
            self.dispatcher,
            CATALOGUE,
            Verifications(self.store, self.books, Keys(KEY)),
            base_url="https://siaga.example",
            sender="siaga@desk.example",
        )

    async def only(self, alert: str) -> str:
        """Return the only message of an alert."""
        (message,) = (await self.desk.case(alert)).notifications
        return message


@pytest.fixture
async def board() -> Half:
    board = Half()
    await board.publish()
    return board


@pytest.mark.parametrize("verify", [False, True])
async def test_a_trial_at_each_half_open_moment_goes_out_and_closes_the_breaker(board, verify):
    outcomes = []
    for _ in range(6):
        board.clock.set(board.clock.now() + HOUR)  # a contact is sent three codes an hour
        await board.half_open()
        tried = await board.trials.send("sekda-7315/sms/1", verify=verify)
        outcomes.append((tried.outcome, await board.is_open()))
    assert outcomes == [("sent", False)] * 6


async def test_a_trial_that_fails_says_why_and_opens_the_breaker_again(board):
    board.route.become("down")
    await board.half_open()
    tried = await board.trials.send("sekda-7315/sms/1")
    assert (tried.outcome, tried.reason) == ("transient", "refused_connection")
    assert await board.is_open()
    again = await board.trials.send("sekda-7315/sms/1")
    assert again.reason == "breaker_open"
    assert board.route.tried == 1


async def full(board: Half) -> Callable[[], None]:
    """Let the gateway have no place."""
    places = board.gateways.places
    for _ in range(places.of("sms")):
        places.take("sms")
    return lambda: [places.leave("sms") for _ in range(places.of("sms"))]


async def test_a_message_for_which_there_is_no_place_leaves_the_probe_to_the_next():
    board = Half()
    alert = await board.open()
    await board.half_open()
    make_room = await full(board)
    assert await board.dispatcher.claims.take(alert, await board.only(alert)) is None
    make_room()
    assert not await board.is_open()
    await board.dispatcher.turn()
    assert len(board.route.accepted) == 1
    assert not await board.is_open()


async def test_a_message_that_waits_for_the_gateways_rate_leaves_the_probe_to_the_next():
    board = Half(gateway=msgspec.structs.replace(GATEWAY, rate=Rate(1, SECOND)))
    alert = await board.open()
    await board.half_open()
    board.gateways.pace(board.gateways.get("sms"), board.clock.now())
    assert await board.dispatcher.claims.take(alert, await board.only(alert)) is None
    assert not await board.is_open()
    await board.send(1)
    assert len(board.route.accepted) == 1


async def test_a_digest_for_which_there_is_no_place_leaves_the_probe_to_the_next():
    board = Half()
    await held(board)
    await board.half_open()
    board.clock.set(board.clock.now() + 600 * SECOND)
    (waiting,) = await board.dispatcher._queue.turn(board.clock.now())
    make_room = await full(board)
    assert await board.dispatcher.digests.bind(waiting.messages) is None
    make_room()
    assert not await board.is_open()
    await board.dispatcher.turn()
    assert len(board.route.accepted) == 2


async def test_a_probe_that_nobody_wants_any_more_leaves_it_to_the_next():
    """Somebody took the matter between the claim and the attempt."""
    board = Half()
    alert = await board.open()
    await board.half_open()
    claimed = await board.dispatcher.claims.take(alert, await board.only(alert))
    assert claimed is not None
    await board.desk.answer(
        alert, Answer(person="posko", says="resolved", via="console", is_operator=True), by=OPERATOR
    )
    await board.dispatcher._delivery(claimed).work
    assert board.route.accepted == []
    assert not await board.is_open()


async def test_a_probe_whose_process_dies_ends_by_itself():
    board = Half()
    alert, other = await board.open(1), await board.open(2)
    await board.half_open()
    assert await board.dispatcher.claims.take(alert, await board.only(alert)) is not None
    board.clock.set(board.clock.now() + OPEN_FOR - 1)
    assert await board.is_open()
    board.clock.set(board.clock.now() + 1)
    assert await board.dispatcher.claims.take(other, await board.only(other)) is not None


class Between(MemoryStore):
    """A store on which something happens right before the next claim is written."""

    act: Callable[[], Awaitable[object]] | None = None

    async def write(self, write: Write) -> WriteOutcome:
        act, self.act = (self.act, None) if write.name == "claim" else (None, self.act)
        if act is not None:
            await act()
        return await super().write(write)


async def test_of_two_messages_that_are_claimed_at_once_one_is_the_probe():
    store = Between()
    board = Half(store=store)
    alert, other = await board.open(1), await board.open(2)
    await board.half_open()
    claims, claimed = board.dispatcher.claims, []

    async def meanwhile() -> None:
        claimed.append(await claims.take(other, await board.only(other)))

    store.act = meanwhile
    claimed.append(await claims.take(alert, await board.only(alert)))
    assert sum(one is not None for one in claimed) == 1


async def test_a_digest_is_not_tried_again_while_its_gateway_is_out_of_order():
    board = Half()
    await held(board)
    board.route.become("down")
    await later(board, 10)
    (digest,) = await digests(board)
    for _ in range(FAILURES_TO_OPEN):
        await board.gateways.settle("sms", well=False)
    tried = board.route.tried
    await later(board, 15 / 60)
    (waiting,) = await digests(board)
    assert board.route.tried == tried
    assert (waiting.state, waiting.reason, waiting.gateway) == ("pending", "breaker_open", "sms")
    board.route.become("up")
    await later(board, 1)
    (sent,) = await digests(board)
    assert (sent.id, sent.state, sent.rendered) == (digest.id, "sent", digest.rendered)
    assert not await board.is_open()
