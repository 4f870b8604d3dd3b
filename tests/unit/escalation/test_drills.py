"""Drills: everybody of a region once, as LATIHAN, apart from what is real; who answered and who did not."""

import pytest

from engine.core.alerting.command import Answer
from engine.core.alerting.directory import Assignment
from engine.core.alerting.policy import Policy, PolicyStep, StepTarget
from engine.core.judging.instant import HOUR, MINUTE
from engine.escalation.drills import Drills
from engine.records.rule_sets import RuleSet
from tests.credentials import OPERATOR
from tests.unit.support.switchboard import OFFICES, PEOPLE, SEKDA, Switchboard, person

PROVINCE = person("sekda-73", "+628110000004")
POLICIES = {
    "satu": Policy(
        id="satu",
        steps=(
            PolicyStep(to=(StepTarget(role="sekda"),), wait=30 * MINUTE),
            PolicyStep(to=(StepTarget(role="sekda", at="province"),), wait=30 * MINUTE),
        ),
        inform=(StepTarget(role="bpbd"),),
    ),
    "dua": Policy(id="dua", steps=(PolicyStep(to=(StepTarget(role="sekda"),), wait=30 * MINUTE),)),
}


@pytest.fixture
async def board() -> Switchboard:
    board = Switchboard(
        people=(*PEOPLE, PROVINCE),
        offices=(*OFFICES, Assignment(region="73", role="sekda", person="sekda-73")),
    )
    board.books.rule_set = RuleSet({}, POLICIES)
    await board.publish()
    return board


def drills(board: Switchboard) -> Drills:
    return Drills(board.store, board.clock, board.books, board.desk)


async def begun(board: Switchboard, region: str = "73.15"):
    """Start a drill and let its messages go out; return its alert."""
    drill = drills(board)
    await drill.start(region, await drill.people(region), HOUR, by=OPERATOR)
    await board.send()
    return await drill.newest(region)


async def test_everybody_of_the_region_whom_any_policy_would_tell(board):
    """Law: docs/specification/escalation.md#drills."""
    assert await drills(board).people("73.15") == ("bpbd-7315", "sekda-7315")
    assert await drills(board).people("73") == ("bpbd-7315", "sekda-73", "sekda-7315")


async def test_each_gets_one_message_that_says_that_it_is_an_exercise(board):
    alert = await begun(board)
    assert (alert.space, alert.rule.id) == ("exercise", "latihan")
    assert len(board.route.accepted) == 2
    assert all(message.text.startswith(("LATIHAN ", "EXERCISE ")) for message in board.route.accepted)


async def test_who_answered_and_when_and_who_did_not(board):
    alert = await begun(board)
    code = (await board.line(SEKDA)).of(alert.id).code
    board.clock.set(board.clock.now() + 4 * MINUTE - 1_000)
    await board.inbound.hear(SEKDA, f"terima {code}")
    found = {one.person: one for one in await drills(board).participants(alert)}
    assert (found["sekda-7315"].said, found["sekda-7315"].after) == ("taken", 4 * MINUTE)
    assert (found["bpbd-7315"].said, found["bpbd-7315"].after) == ("", None)
    assert all(one.messages == (("sms", "sent"),) and one.reached for one in found.values())
    assert (await drills(board).newest("73.15")).status == "open"


async def test_it_is_over_when_all_have_answered(board):
    alert = await begun(board)
    for name in ("sekda-7315", "bpbd-7315"):
        await board.desk.answer(alert.id, Answer(person=name, says="taken", via="link"), by=OPERATOR)
    assert (await drills(board).newest("73.15")).status == "acknowledged"


async def test_who_cannot_be_reached_is_seen(board):
    board.route.become("refuses", SEKDA)
    alert = await begun(board)
    found = {one.person: one for one in await drills(board).participants(alert)}
    assert found["sekda-7315"].messages == (("sms", "failed"),)
    assert not found["sekda-7315"].reached
    assert found["bpbd-7315"].reached


async def test_ending_it_tells_everybody_and_the_next_is_another(board):
    first = await begun(board)
    await drills(board).end(first, by=OPERATOR)
    await board.send()
    assert (await board.alert(first.id)).resolved_reason == "by_hand"
    assert len(board.route.accepted) == 4
    second = await begun(board)
    assert second.id != first.id
    assert (await drills(board).newest("73.15")).id == second.id


async def test_a_real_alert_is_not_touched(board):
    opened = await board.open()
    await board.send()
    real = await board.alert(opened)
    await begun(board)
    assert await board.alert(opened) == real
