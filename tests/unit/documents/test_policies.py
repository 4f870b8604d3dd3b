"""Policies as they come out of their file: every key, its default and its bounds.

Specification: docs/specification/escalation.md#policies.
"""

from pathlib import Path

import pytest

from engine.core.alerting.policy import (
    POSKO_NASIONAL,
    Acknowledge,
    Digest,
    Policy,
    PolicyStep,
    Quiet,
    StepCondition,
    StepTarget,
)
from engine.core.judging.instant import HOUR, MINUTE
from engine.documents.finding import Findings
from engine.documents.loaded import Loaded
from engine.documents.policies import inline_policies, load_policies, read_policies
from engine.documents.yaml_tree import compose

STEPS = "    steps: [{to: [sekda], wait: 30m}]\n"


def load(text: str) -> Loaded[tuple[Policy, ...]]:
    findings = Findings()
    node = compose(("version: 1\n" + text).encode(), "policies.yaml", findings)
    assert node is not None
    return read_policies(node, findings)


def one(keys: str = "", head: str = "", steps: str = STEPS) -> Policy:
    (policy,) = load(f"{head}policies:\n  - id: satu\n{steps}{keys}").expect()
    return policy


def step(keys: str = "") -> PolicyStep:
    return one(steps=f"    steps: [{{to: [sekda], wait: 30m{keys}}}]\n").steps[0]


def test_what_a_policy_leaves_out():
    assert one() == Policy(
        id="satu",
        steps=(PolicyStep(to=(StepTarget(role="sekda", at="region", fallback="up"),), wait=30 * MINUTE),),
        rounds_after_first=0,
        from_step=1,
        inform=(),
        acknowledge=Acknowledge(grade=2, expires=12 * HOUR, remind=()),
        quiet=Quiet(),
        digest=Digest(),
        bypass_subject=True,
        on_exhausted=(POSKO_NASIONAL,),
    )


def test_the_example_of_the_design():
    policy = one(
        head="defaults: {channels: all, acknowledge: {grade: 2, expires: 12h}}\n",
        steps="""    steps:
      - {to: [sekda, bkpsdm], channels: [sms, email], wait: 30m, need: one}
      - {to: [{role: sekda, at: province}], wait: 30m, when: {level: {at_least: siaga}}}
      - {to: [{role: dirjen_otda, at: nation}], wait: 1h, inform: [{role: itjen, at: nation}]}
""",
        keys="""    repeat: {times: 1, from_step: 2}
    inform: [{role: kesbangpol}]
    acknowledge: {grade: 2, expires: 4h, remind: [2h, 3h]}
    quiet: {hours: "22:00-05:00 local", levels: [waspada]}
""",
    )
    assert policy == Policy(
        id="satu",
        steps=(
            PolicyStep(
                to=(StepTarget(role="sekda"), StepTarget(role="bkpsdm")),
                wait=30 * MINUTE,
                channels=("sms", "email"),
            ),
            PolicyStep(
                to=(StepTarget(role="sekda", at="province"),),
                wait=30 * MINUTE,
                when=StepCondition(level_at_least=3),
            ),
            PolicyStep(
                to=(StepTarget(role="dirjen_otda", at="nation"),),
                wait=HOUR,
                inform=(StepTarget(role="itjen", at="nation"),),
            ),
        ),
        rounds_after_first=1,
        from_step=2,
        inform=(StepTarget(role="kesbangpol"),),
        acknowledge=Acknowledge(grade=2, expires=4 * HOUR, remind=(2 * HOUR, 3 * HOUR)),
        quiet=Quiet(hours="22:00-05:00 local", levels=(2,)),
        digest=Digest(),
    )


@pytest.mark.parametrize(
    ("written", "target"),
    [
        ("sekda", StepTarget(role="sekda")),
        ("{role: sekda, fallback: none}", StepTarget(role="sekda", fallback="none")),
        ('{role: posko, at: "73.15"}', StepTarget(role="posko", at="73.15")),
        ("{person: sekda-7315}", StepTarget(person="sekda-7315", fallback="none")),
    ],
)
def test_targets(written: str, target: StepTarget):
    assert one(f"    inform: [{written}]\n").inform == (target,)


@pytest.mark.parametrize(
    ("written", "rounds"),
    [("0", (0, 1)), ("20", (20, 1)), ("{times: 3}", (3, 1)), ("{times: 3, from_step: 1}", (3, 1))],
)
def test_rounds(written: str, rounds: tuple[int, int]):
    policy = one(f"    repeat: {written}\n")
    assert (policy.rounds_after_first, policy.from_step) == rounds


@pytest.mark.parametrize(
    ("written", "acknowledge"),
    [
        ("{grade: 1}", Acknowledge(grade=2)),
        ("{grade: 4, expires: never, remind: 30d}", Acknowledge(grade=4, expires=None, remind=(720 * HOUR,))),
        ("{remind: 2h}", Acknowledge(remind=(2 * HOUR,))),
    ],
)
def test_acknowledgements(written: str, acknowledge: Acknowledge):
    """Grade 1 is read as 2; what never expires may be reminded of at any time.

    Specification: docs/specification/escalation.md#policies.
    """
    assert one(f"    acknowledge: {written}\n").acknowledge == acknowledge


def test_steps():
    assert step(", need: all").need == "all"
    assert step(", need: 1").need == 1
    assert step(", channels: all").channels == ()
    assert step(", channels: sms").channels == ("sms",)
    when = step(
        ", when: {hours: 06:00-22:00 local, days: mon..fri, stage: [hari_h], not_resolved: true}"
    ).when
    assert when == StepCondition(
        hours="06:00-22:00 local", days="mon..fri", stages=("hari_h",), not_resolved=True
    )


def test_defaults_are_merged_under_every_policy():
    head = "defaults: {channels: [sms], acknowledge: {grade: 3, expires: 2h}, on_exhausted: [posko]}\n"
    policy = one("    acknowledge: {expires: 4h}\n", head)
    assert policy.acknowledge == Acknowledge(grade=3, expires=4 * HOUR)
    assert policy.steps[0].channels == ("sms",)
    assert policy.on_exhausted == (StepTarget(role="posko"),)


def test_a_step_may_use_other_channels_than_the_default():
    steps = "    steps: [{to: [sekda], wait: 30m, channels: all}]\n"
    assert one(head="defaults: {channels: [sms]}\n", steps=steps).steps[0].channels == ()


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("policies:\n  - id: a\n", ["required"]),
        ("policies:\n  - id: a\n    steps: []\n", ["list_length"]),
        (f"policies:\n  - id: a\n    steps: [{'{to: [sekda], wait: 1m}, ' * 21}]\n", ["list_length"]),
        ("policies:\n  - id: a\n    steps: [{to: [sekda]}]\n", ["required"]),
        ("policies:\n  - id: a\n    steps: [{to: [sekda], wait: 59s}]\n", ["duration_too_short"]),
        (f"policies:\n  - id: a\n{STEPS}    channels: all\n", ["unknown_key"]),
        (f"policies:\n  - id: a\n{STEPS}    repeat: 21\n", ["number_out_of_bounds"]),
        (
            f"policies:\n  - id: a\n{STEPS}    acknowledge: {{expires: 1h, remind: [1h]}}\n",
            ["remind_after_expiry"],
        ),
        (f"policies:\n  - id: a\n{STEPS}  - id: a\n{STEPS}", ["id_taken"]),
        (f"defaults: {{acknowledge: {{grade: 9}}}}\npolicies:\n  - id: a\n{STEPS}", ["number_out_of_bounds"]),
        (f"defaults: [a]\npolicies:\n  - id: a\n{STEPS}", ["not_a_map"]),
        ("defaults: {wait: 3m}\npolicies: []\n", ["unknown_key"]),
        ("policies: {a: b}\n", ["not_a_list"]),
    ],
)
def test_mistakes(text: str, codes: list[str]):
    loaded = load(text)
    assert ([finding.code for finding in loaded.findings], loaded.value) == (codes, ())


def test_inline_policies_are_the_list_alone():
    findings = Findings()
    node = compose(b"- id: a\n  steps: [{to: [sekda], wait: 30m}]\n", "x.policy-test.yaml", findings)
    assert node is not None
    assert [policy.id for policy in inline_policies(node, findings)] == ["a"]
    assert list(findings) == []


def test_the_shipped_policies_are_clean():
    assert load_policies(Path("config/policies.yaml")).findings == ()
