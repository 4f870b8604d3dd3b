"""Two dispatchers of one queue: what one has claimed since the other read the queue is not sent again."""

from collections.abc import Awaitable, Callable

from engine.core.judging.instant import MINUTE
from engine.delivery.deliveries import Delivery
from engine.records.alert_repository import CLAIM
from notifiers.base import Message, Receipt
from tests.unit.delivery.test_digests import digests, held, later, notices
from tests.unit.support.switchboard import SEKDA, Switchboard


class Interrupted:
    """A gateway of one dispatcher: while it sends, another one comes to the same message, which it read as due."""

    name = channel = "sms"

    def __init__(self, board: Switchboard, other: Callable[[str], Awaitable[Delivery | None]]) -> None:
        self._route = board.route
        self._other = other

    async def send(self, message: Message) -> Receipt:
        if (delivery := await self._other(message.id)) is not None:
            await delivery.work
        return await self._route.send(message)

    async def close(self) -> None:
        """Nothing is open."""


async def test_a_message_that_the_other_is_sending_is_not_sent_again():
    board = Switchboard()
    alert = await board.open(1, "sekda", "bpbd")
    gateway = Interrupted(board, lambda id_: board.dispatcher._send(alert, id_))
    await board.dispatcher_of(sms=gateway).turn()
    sent = [message.id for message in board.route.accepted]
    assert len(sent) == len(set(sent)) == 2


async def test_a_reply_that_the_other_is_sending_is_not_sent_again():
    board = Switchboard()
    await board.open()
    await board.send()
    await board.inbound.hear(SEKDA, "apa ini")
    gateway = Interrupted(board, lambda id_: board.dispatcher._reply(id_, "reply"))
    await board.dispatcher_of(sms=gateway).turn()
    _notice, *replies = board.route.accepted
    assert len(replies) == 1


async def test_a_digest_that_the_other_is_sending_is_left_to_it():
    """Whoever finds it claimed tells its items nothing: what becomes of it is not known yet."""
    board = Switchboard()
    alerts = await held(board)
    board.route.become("down")
    await later(board, 10)
    (digest,) = await digests(board)
    board.route.become("up")
    board.clock.set(board.clock.now() + 10 * MINUTE)
    await board.dispatcher_of(sms=Interrupted(board, board.dispatcher._digest)).turn()
    assert [message.id for message in board.route.accepted][1:] == [digest.id]
    assert [n.state for n in await notices(board, alerts)] == ["sent", "sent"]
    (settled,) = await digests(board)
    assert (settled.state, settled.due_at) == ("sent", None)


async def test_a_claim_whose_process_died_is_taken_over_when_it_runs_out():
    """Not before, and with the same words."""
    board = Switchboard()
    alert = await board.open()
    (message,) = (await board.desk.case(alert)).notifications
    claimed = await board.dispatcher.claims.take(alert, message)
    assert claimed is not None
    board.clock.set(board.clock.now() + CLAIM - 1)
    assert await board.dispatcher.turn() == 0
    board.clock.set(board.clock.now() + 1)
    await board.dispatcher.turn()
    (sent,) = board.route.accepted
    assert (sent.id, sent.text) == (message, claimed.notification.rendered.text)
