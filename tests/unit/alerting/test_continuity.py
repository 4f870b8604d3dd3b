"""Which alerts have nobody left under a directory: the current and later steps, and who is told of exhaustion."""

import msgspec
import pytest

from engine.core.alerting.escalation import abandoned, ahead
from engine.core.alerting.policy import StepTarget
from engine.core.judging.instant import MINUTE
from tests.unit.alerting.cases import CONTENTS, START, Course, around, policy, says, step, without

NONE = policy(
    step("sekda"), step("province:sekda"), on_exhausted=(StepTarget(role="posko_nasional", at="nation"),)
)


def nowhere(policy_):
    """The policy with targets that never fall back to anybody else."""
    strict = tuple(
        msgspec.structs.replace(
            one, to=tuple(msgspec.structs.replace(target, fallback="none") for target in one.to)
        )
        for one in policy_.steps
    )
    last = tuple(msgspec.structs.replace(target, fallback="none") for target in policy_.on_exhausted)
    return msgspec.structs.replace(policy_, steps=strict, on_exhausted=last)


@pytest.mark.parametrize(
    ("gone", "expected"),
    [
        ((), False),
        (("sekda",), False),  # exhaustion still reaches the posko
        (("posko",), False),  # every step still has somebody
        (("sekda", "posko"), True),
        (("sekda-prov", "posko"), True),  # a later step
        (("bkpsdm", "posko"), False),
    ],
)
def test_an_alert_is_abandoned_where_a_step_and_the_last_resort_have_nobody(gone, expected):
    course = Course(nowhere(NONE), CONTENTS)
    assert abandoned(course.alert, around(without(*gone)), START) is expected


def test_a_fallback_is_somebody():
    course = Course(NONE, CONTENTS)
    assert not abandoned(course.alert, around(without("sekda", "sekda-prov")), START)
    assert abandoned(course.alert, around(without("sekda", "sekda-prov", "posko")), START)


def test_steps_that_are_over_do_not_count_unless_a_round_repeats_them():
    gone = around(without("sekda", "posko"))
    for rounds, expected in ((0, False), (1, True)):
        again = msgspec.structs.replace(nowhere(NONE), rounds_after_first=rounds)
        course = Course(again, CONTENTS)
        course.until(31)
        assert course.alert.current.step == 2
        assert len(ahead(course.alert)) == 1 + rounds
        assert abandoned(course.alert, gone, START + 31 * MINUTE) is expected


def test_a_resolved_alert_needs_nobody():
    course = Course(nowhere(NONE), CONTENTS)
    course.do(says("sekda", "resolved", "console", is_operator=True))
    assert not abandoned(course.alert, around(without("sekda", "sekda-prov", "posko")), START)


def test_who_declined_is_nobody():
    course = Course(nowhere(NONE), CONTENTS)
    course.deliver(5)
    course.do(says("sekda", "declined", "sms"))
    last = msgspec.structs.replace(course.alert, runs=course.alert.runs[:1])
    assert abandoned(last, around(without("posko")), START)
