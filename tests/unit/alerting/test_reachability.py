"""How an alert would run if nobody answered, and whom it would reach at which hour."""

import msgspec
import pytest

from engine.core.alerting.directory import Duty, HolderSpan, Person
from engine.core.alerting.policy import Quiet, StepCondition
from engine.core.alerting.reachability import (
    Flaw,
    Matrix,
    escalation_preview,
    flaws,
    hour_counts,
    offices_named,
    reach,
)
from engine.core.judging.instant import HOUR, MINUTE
from engine.core.judging.rule import LevelStep
from tests.unit.alerting.cases import (
    CONTENTS,
    REGIONS,
    RULE,
    START,
    around,
    contact,
    having,
    holder,
    person,
    policy,
    step,
    without,
)

QUIET_ALL_DAY = "00:00-23:59 local"
SLEEPER = Person(id="sekda", contacts=(contact("sekda", "sms", quiet_hours=QUIET_ALL_DAY),))
NUMBERLESS = Person(id="sekda")
PEOPLE = (person("sekda"), person("lain"))


def looked(policy_=None, contents=CONTENTS, **more):
    """The outlook of an alert of level siaga in Pinrang."""
    return escalation_preview(RULE, policy_ or policy(), "73.15", 3, around(contents), START, **more)


def reached(policy_=None, contents=CONTENTS, level=3):
    """How soon an alert reaches whom."""
    found, messages = reach(RULE, policy_ or policy(), "73.15", level, around(contents), START)
    return found, sorted({message.person for message in messages})


def told(found):
    """Minutes after the opening, kind and person of every message that went, in order of going."""
    went = sorted((n.sent_at, n.person, n.kind) for n in found.notifications if n.sent_at is not None)
    return [((at - START) // MINUTE, kind, who) for at, who, kind in went]


def test_every_step_and_the_end_of_a_policy_that_nobody_answers():
    found = looked(policy(step("sekda", wait=30), step("province:sekda", wait=60), rounds_after_first=1))
    assert told(found) == [
        (0, "first", "sekda"),
        (30, "first", "sekda-prov"),
        (90, "step", "sekda"),
        (120, "step", "sekda-prov"),
        (180, "unreachable", "posko"),
    ]
    assert [entry.number for entry in found.history] == list(range(1, len(found.history) + 1))
    assert not found.cut_off


def test_whom_the_report_is_about_is_passed_over():
    found = looked(policy(step("sekda")), subject_role="sekda")
    assert [who for _, _, who in told(found)] == ["inspektorat-prov", "sekda-prov", "posko"]


def test_a_message_waits_for_the_end_of_its_contacts_quiet_hours():
    quiet = having(SLEEPER)
    found = looked(policy(step("sekda", wait=60 * 24)), contents=quiet)
    (message,) = [n for n in found.notifications if n.person == "sekda"]
    assert message.sent_at is not None
    assert message.sent_at > START


def test_the_longest_policy_comes_to_its_end():
    steps = [step("sekda", wait=1, when=StepCondition()) for _ in range(20)]
    found = looked(policy(*steps, rounds_after_first=20))
    assert not found.cut_off
    assert len(found.alert.runs) == 420


@pytest.mark.parametrize(
    ("policy_", "contents", "level", "expected"),
    [
        (policy(step("sekda")), CONTENTS, 3, ("told", ["sekda"])),
        (policy(step("sekda")), without("sekda"), 3, ("elsewhere", ["sekda-prov"])),
        (policy(step("camat"), step("sekda")), without("posko"), 3, ("later", ["sekda"])),
        (policy(step("camat")), without("posko"), 3, ("nobody", [])),
        (policy(step("camat")), CONTENTS, 3, ("elsewhere", ["posko"])),
        (
            policy(step("sekda"), quiet=Quiet(hours=QUIET_ALL_DAY, levels=(3,))),
            CONTENTS,
            3,
            ("waits", []),
        ),
        (
            policy(step("sekda"), quiet=Quiet(hours=QUIET_ALL_DAY, levels=(3,))),
            CONTENTS,
            4,
            ("told", ["sekda"]),
        ),
        (
            policy(step("sekda")),
            having(SLEEPER),
            3,
            ("waits", ["sekda"]),
        ),
    ],
)
def test_whom_an_alert_reaches_at_its_opening(policy_, contents, level, expected):
    assert reached(policy_, contents, level) == expected


def test_the_matrix_joins_hours_that_reach_the_same_people():
    duty = Duty(
        region="73.15", role="sekda", person="bkpsdm", valid=HolderSpan(START + 2 * HOUR, START + 5 * HOUR)
    )
    contents = msgspec.structs.replace(CONTENTS, roster=(duty,))
    regions = [msgspec.structs.replace(region, election_local=True) for region in REGIONS]
    here = msgspec.structs.replace(around(contents), regions=type(REGIONS)(regions))
    rule = msgspec.structs.replace(RULE, levels=(LevelStep(2),))
    rows = []
    matrix = Matrix([rule], {"uji": policy(step("sekda"))}, here, START, 24, under="73.15")
    stretches = list(matrix.stretches(lambda: rows.append(1)))
    assert [((s.since - START) // HOUR, (s.until - START) // HOUR, s.people) for s in stretches] == [
        (0, 2, ("sekda",)),
        (2, 5, ("bkpsdm",)),
        (5, 24, ("sekda",)),
    ]
    assert len(rows) == len(matrix) == 1
    assert hour_counts(stretches)["told"] == 24


def flaw(kind, since, until=None, **more):
    return Flaw(
        kind=kind,
        region="73.15",
        role="sekda",
        since=START + since * HOUR,
        until=None if until is None else START + until * HOUR,
        **more,
    )


def offices(*held, people=PEOPLE, **more):
    return type(CONTENTS)(people=people, assignments=held, **more)


def valid(since, until):
    return HolderSpan(START + since * HOUR, None if until is None else START + until * HOUR)


def test_an_office_that_a_policy_names_and_nobody_holds_is_a_flaw():
    """It has a name, a region and an hour, though the directory has never heard of it."""
    regions = [msgspec.structs.replace(region, election_local=True) for region in REGIONS]
    table = type(REGIONS)(regions)
    rule = msgspec.structs.replace(RULE, escalate="uji")
    named = offices_named([rule], {"uji": policy()}, table, "73.15")
    assert named == {("73.15", "sekda"), ("73", "sekda")}
    bare = msgspec.structs.replace(
        CONTENTS, assignments=tuple(a for a in CONTENTS.assignments if a.person != "sekda")
    )
    assert flaws(bare, START, START + 24 * HOUR, named) == [flaw("vacant", 0)]


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        (CONTENTS, []),
        (offices(holder("sekda", "sekda", "73.15", valid=valid(-1, 5))), [flaw("vacant", 5)]),
        (
            offices(
                holder("sekda", "sekda", "73.15", valid=valid(-1, 5)),
                holder("lain", "sekda", "73.15", valid=valid(7, None)),
            ),
            [flaw("vacant", 5, 7)],
        ),
        (
            offices(
                holder("sekda", "sekda", "73.15", valid=valid(-1, None)),
                holder("lain", "sekda", "73.15", valid=valid(3, None)),
            ),
            [flaw("overlapping", 3, person="lain")],
        ),
        (
            offices(holder("sekda", "sekda", "73.15"), people=(NUMBERLESS,)),
            [flaw("unreachable", 0, person="sekda")],
        ),
        (
            offices(holder("sekda", "sekda", "73.15"), people=(person("sekda", away=(valid(2, 4),)),)),
            [flaw("away", 2, 4, person="sekda")],
        ),
        (
            offices(
                holder("sekda", "sekda", "73.15"),
                roster=tuple(
                    Duty(region="73.15", role="sekda", person="lain", valid=valid(*span))
                    for span in ((6, 9), (-3, 4), (9, 12))
                ),
            ),
            [flaw("uncovered", 4, 6)],
        ),
    ],
)
def test_flaws_show_with_the_hours_in_which_they_hold(contents, expected):
    assert flaws(contents, START, START + 24 * HOUR) == expected
