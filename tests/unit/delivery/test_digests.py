"""Digests in the store: whatever becomes of one, its items share it, and nothing of them is lost."""

import msgspec
import pytest

from engine.core.alerting.alert import Notification
from engine.core.alerting.budget import Allowance, Budgets
from engine.core.alerting.command import Answer
from engine.core.judging.instant import MINUTE, SECOND
from engine.delivery.delivery_reports import DeliveryReports
from engine.records.alert_repository import NOTIFICATIONS, OUTBOX
from engine.records.statistics import take
from engine.store.codec import decode, encode
from engine.store.port import Plan, Put, Write
from tests.credentials import OPERATOR
from tests.unit.support.switchboard import Switchboard

NONE_AT_FIRST = Budgets(person={"sms": (Allowance(at_most=1, within=10 * MINUTE),)})


async def held(board: Switchboard, count: int = 3) -> list[str]:
    """Open alerts of which the first is told, and the others wait for the budget; return their ids."""
    board.dispatcher = board.dispatcher_of(budgets=NONE_AT_FIRST, sms=board.route)
    alerts = []
    for ordinal in range(1, count + 1):
        alerts.append(await board.open(ordinal))
        await board.dispatcher.turn()
    assert len(board.route.accepted) == 1
    return alerts[1:]


async def notices(board: Switchboard, alerts: list[str]) -> list[Notification]:
    """Return the first notices of these alerts."""
    cases = [await board.desk.case(alert) for alert in alerts]
    return [next(iter(case.notifications.values())) for case in cases]


async def later(board: Switchboard, minutes: float) -> None:
    """Let time pass, and the dispatcher do what is due."""
    board.clock.set(board.clock.now() + round(minutes * MINUTE))
    while await board.dispatcher.turn():
        pass


async def digests(board: Switchboard) -> list[Notification]:
    found = [
        decode(record.value, Notification) for record in (await board.store.scan(NOTIFICATIONS)).values()
    ]
    return [one for one in found if one.kind == "digest"]


async def accounted(board: Switchboard) -> None:
    census = await take(board.store)
    assert census.lost_notifications == set()


async def test_what_the_budget_held_goes_as_one_message_when_it_has_room():
    board = Switchboard()
    alerts = await held(board)
    assert [(n.state, n.held) for n in await notices(board, alerts)] == [("pending", "budget")] * 2
    await later(board, 10)
    (digest,) = await digests(board)
    assert [message.id for message in board.route.accepted][1:] == [digest.id]
    assert [(n.state, n.digest) for n in await notices(board, alerts)] == [("sent", digest.id)] * 2
    assert (digest.state, digest.due_at) == ("sent", None)
    await accounted(board)


async def test_a_digest_that_may_still_arrive_is_tried_again_as_it_was():
    board = Switchboard()
    alerts = await held(board)
    board.route.become("down")
    await later(board, 10)
    (digest,) = await digests(board)
    assert (digest.state, digest.attempts) == ("pending", 1)
    assert [n.state for n in await notices(board, alerts)] == ["sending"] * 2
    await accounted(board)
    board.route.become("up")
    await later(board, 15 / 60)
    (again,) = await digests(board)
    assert (again.state, again.rendered) == ("sent", digest.rendered)
    assert [n.state for n in await notices(board, alerts)] == ["sent"] * 2


async def test_a_digest_that_cannot_arrive_leaves_its_items_each_to_its_own_way():
    """No other contact is left: each goes on being tried while it is wanted.

    Specification: docs/specification/escalation.md#failures.
    """
    board = Switchboard()
    alerts = await held(board)
    board.route.become("down")
    for minutes in (10, 0.5, 1, 1):
        await later(board, minutes)
    (digest,) = await digests(board)
    assert (digest.state, digest.due_at) == ("failed", None)
    assert [(n.state, n.digest) for n in await notices(board, alerts)] == [("pending", "")] * 2
    await accounted(board)
    board.route.become("up")
    await later(board, 10)
    await later(board, 10)
    await later(board, 10)
    assert [n.state for n in await notices(board, alerts)] == ["sent"] * 2


async def test_a_crash_between_the_digest_and_its_items_is_made_good():
    """The digest says that it went; items that were not told so yet hear it in the next turn, and nothing is sent."""
    board = Switchboard()
    alerts = await held(board)
    await later(board, 10)
    (digest,) = await digests(board)
    sent = len(board.route.accepted)
    for notice in await notices(board, alerts):
        unsaid = msgspec.structs.replace(notice, state="sending", held="digest", sent_at=None)
        await board.store.write(Write(name="test", puts=(Put(NOTIFICATIONS, notice.id, encode(unsaid)),)))
    undone = msgspec.structs.replace(digest, due_at=board.clock.now() + 60 * SECOND)
    put = Put(NOTIFICATIONS, digest.id, encode(undone))
    await board.store.write(Write(name="test", puts=(put,), plans=(Plan(OUTBOX, digest.id, undone.due_at),)))
    await later(board, 1)
    assert [n.state for n in await notices(board, alerts)] == ["sent"] * 2
    assert len(board.route.accepted) == sent
    assert await board.store.due(OUTBOX, board.clock.now(), 10) == []


async def test_a_crash_after_the_claim_sends_the_same_message_again():
    board = Switchboard()
    alerts = await held(board)
    await later(board, 10)
    (digest,) = await digests(board)
    claimed = msgspec.structs.replace(
        digest, state="sending", sent_at=None, attempts=0, due_at=board.clock.now() + 60 * SECOND
    )
    plan = Plan(OUTBOX, digest.id, claimed.due_at)
    await board.store.write(
        Write(name="test", puts=(Put(NOTIFICATIONS, digest.id, encode(claimed)),), plans=(plan,))
    )
    await later(board, 1)
    first, second = board.route.accepted[-2:]
    assert first == second
    assert [n.state for n in await notices(board, alerts)] == ["sent"] * 2


@pytest.mark.parametrize(("outcome", "state"), [("delivered", "delivered"), ("failed", "failed")])
async def test_a_report_on_a_digest_is_one_on_each_of_its_items(outcome, state):
    board = Switchboard()
    alerts = await held(board)
    await later(board, 10)
    (digest,) = await digests(board)
    reports = DeliveryReports(
        board.store,
        board.desk,
        board.dispatcher.replies,
        board.dispatcher.digests,
        board.gateways,
        board.metrics,
    )
    assert await reports.take(digest.id, outcome, reason="undelivered") == "recorded"
    assert [n.state for n in await notices(board, alerts)] == [state] * 2
    assert (await digests(board))[0].state == state
    assert await reports.take(digest.id, "delivered") == "settled"


async def test_what_is_not_wanted_any_more_falls_out():
    board = Switchboard()
    alerts = await held(board, 4)
    settled = Answer(person="sekda-7315", says="resolved", via="api", is_operator=True)
    await board.desk.answer(alerts[0], settled, by=OPERATOR)
    await later(board, 10)
    (digest,) = await digests(board)
    assert sorted(item.alert for item in digest.items) == sorted(alerts[1:])
