"""Reports on notices and replies: found by the id of the message, refused from another gateway, told once."""

import asyncio

import pytest
from msgspec.structs import replace

from engine.core.alerting.directory import Contact
from engine.delivery.delivery_reports import DeliveryReports
from tests.unit.support.switchboard import PEOPLE, SEKDA, Switchboard, person


@pytest.fixture
def board() -> Switchboard:
    return Switchboard()


def reports(board: Switchboard) -> DeliveryReports:
    return board.dispatcher.reports


async def notice(board: Switchboard):
    """Open an alert, tell it, and return its notification."""
    alert_id = await board.open()
    await board.send()
    (notification,) = (await board.desk.case(alert_id)).notifications.values()
    return notification


async def state(board: Switchboard, notification) -> tuple[str, str]:
    case = await board.desk.case(notification.alert)
    found = case.notifications[notification.id]
    return found.state, found.reason


async def test_a_delivered_notice_is_delivered_however_often_it_is_said(board):
    sent = await notice(board)
    taken = await asyncio.gather(
        *(reports(board).take(sent.id, "delivered", gateway=sent.gateway) for _ in range(3))
    )
    assert sorted(taken) == ["recorded", "settled", "settled"]
    assert await reports(board).take(sent.id, "failed", reason="undelivered") == "settled"
    assert await state(board, sent) == ("delivered", "")


async def test_a_failed_notice_goes_to_the_next_contact(board):
    spare = Contact(id="sekda-7315/sms/2", channel="sms", value="+628110000009", priority=2)
    sekda = person("sekda-7315", SEKDA)
    board = Switchboard(people=(replace(sekda, contacts=(*sekda.contacts, spare)), *PEOPLE[1:]))
    sent = await notice(board)
    assert await reports(board).take(sent.id, "failed", reason="undelivered", gateway="sms") == "recorded"
    await board.send()
    assert await state(board, sent) == ("failed", "undelivered")
    assert len(board.texts("+628110000009")) == 1


@pytest.mark.parametrize("gateway", ["lain", "sms2"])
async def test_another_gateway_has_no_say(board, gateway):
    sent = await notice(board)
    assert await reports(board).take(sent.id, "failed", reason="undelivered", gateway=gateway) == "unknown"
    assert await state(board, sent) == ("sent", "")


async def test_a_message_that_is_none_of_ours_is_unknown(board):
    assert await reports(board).take("tidakada", "delivered") == "unknown"


async def test_a_report_on_a_reply_is_kept_with_the_reply(board):
    await notice(board)
    await board.inbound.hear(SEKDA, "apa")
    (planned,) = await board.replies()
    assert await reports(board).take(planned.id, "failed", reason="undelivered") == "settled"
    await board.send()
    assert await reports(board).take(planned.id, "failed", reason="undelivered", gateway="sms") == "recorded"
    (reply,) = await board.replies()
    assert (reply.state, reply.reason, reply.due_at) == ("failed", "undelivered", None)
    assert await reports(board).take(planned.id, "delivered") == "settled"


async def test_a_report_on_a_reply_that_overtakes_our_record_stays(board):
    await notice(board)
    await board.inbound.hear(SEKDA, "apa")
    (planned,) = await board.replies()
    claimed = await board.dispatcher.replies.claim(planned.id, board.clock.now() + 60_000)
    assert await reports(board).take(planned.id, "delivered") == "recorded"
    outcome = await board.dispatcher._attempt(replace(claimed, gateway="sms"))
    await board.dispatcher.replies.settle(claimed, outcome)
    (reply,) = await board.replies()
    assert reply.state == "delivered"
    assert reply.id not in await board.outbox()
