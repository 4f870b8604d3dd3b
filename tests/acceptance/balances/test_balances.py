"""Property: whatever happens, the balances are 0 at every step, and no message outlives its reason.

For random policies, rosters, answers, gateway faults and clock steps, over the whole service. One message may reach a
person after it lost its reason: the one that a gateway has in hand already.
"""

import asyncio

from hypothesis import given, settings

from engine.core.alerting.directory import Assignment, Contact, Contents, Person
from engine.core.alerting.policy import Acknowledge, Policy, PolicyStep, StepTarget
from engine.core.judging.instant import HOUR
from tests.acceptance.balances.stage import Stage
from tests.acceptance.balances.timelines import Answer, Happening, Timeline, timelines


@settings(max_examples=settings().max_examples // 4)
@given(timeline=timelines)
def test_the_balances_are_0_and_no_message_outlives_its_reason(timeline):
    """Law: docs/specification/trust.md#every-alert-is-accounted-for."""
    asyncio.run(Stage(timeline).play())


def test_on_the_stage_messages_go_out_and_are_answered():
    """What the property says would be true of a stage on which nothing happens, too."""
    phone = Contact(id="sekda-7315/sms/1", channel="sms", value="+6281100000101")
    step = PolicyStep(to=(StepTarget(role="sekda"),), wait=HOUR)
    asked = Policy(id="satu", steps=(step,), acknowledge=Acknowledge(expires=None))
    stage = Stage(
        Timeline(
            policies=(asked, asked),
            directory=Contents(
                people=(Person(id="sekda-7315", contacts=(phone,)),),
                assignments=(Assignment(region="73.15", role="sekda", person="sekda-7315"),),
            ),
            two_way=False,
            trust="low",
            tight=False,
            acts=(
                (0, Happening("naik", "73.15", 3, "A", 0, "", exercise=False, names=0, refuted=False)),
                (HOUR // 2, Answer(0, "", "taken", "link", "")),
            ),
        )
    )
    asyncio.run(stage.play())
    assert stage.handed == 1
    assert stage.statuses() == ["acknowledged"]
