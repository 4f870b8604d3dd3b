"""The policy tests reach everything that escalation has: each list of the code is held against what happened in them.

A new row, message, reason or gate is therefore red here until some policy test shows it.
"""

from typing import get_args

import pytest

from engine import metric_labels
from engine.core.alerting import gates
from engine.core.alerting.answer import TABLE
from engine.core.alerting.directory import PassedOver
from engine.documents.test_files.policy_tests import ENTRIES, MESSAGES
from tests.acceptance.shipped import POLICY_FILES, report

SCENARIOS = {
    "the holder changes at midnight WIT between steps": "pejabat provinsi berganti tengah malam WIT",
    "the accused is the Sekda": "dugaan terhadap sekda sendiri",
    "nobody on duty at 02.50": "pukul 02.50 tidak ada yang piket",
    "an acknowledgement expires and the escalation resumes": "penerimaan gugur setelah dua jam",
    "a policy is edited while its alert is open": "kebijakan yang diganti tidak mengubah peringatan",
    "a silence ends while a step is due": "bisukan yang berakhir tepat saat tahap jatuh tempo",
    "an old code": "kode peringatan yang sudah selesai dijawab sebagai kode lama",
    "a link fetched before the person opens it": "tautan dibuka pemindai dengan HEAD dan GET",
    "the level rises after acknowledgement": "tingkat naik setelah diterima",
    "refuted after three people were told": "dibantah setelah tiga orang diberi tahu",
    "a digest answered in part": "ringkasan dijawab sebagian",
    "10,000 events in a minute while one awas comes from elsewhere": "sepuluh ribu laporan satu kabupaten",
}
ELSEWHERE = {
    "entry called": "calls are entered over the API (`tests/acceptance/web/test_phone_list.py`)",
    "notification suppressed hidden": "only an opening is hidden, and then nothing was planned",
}
"""What no act of a policy test can lead to."""
FAULTS = {"refused_connection", "timeout", "recipient_refused", "breaker_open", "undelivered", "no_report"}
"""Failures that the collecting gateways of policy tests know; the others are of the notifiers' contract."""


async def all_reached() -> set[str]:
    results = [result for file in POLICY_FILES for result in (await report(file)).results]
    return {name for result in results for name in result.reached}


def rows():
    """Yield every row of the status table in every status that it is told for, as `simulation.coverage` names it."""
    for says, by_status in TABLE.items():
        for status in by_status:
            closed = status == "resolved" and says != "seen"
            alone = says == "resolved" and not closed
            what = f"{says} refused already_resolved" if closed else f"{says} by_hand" if alone else says
            if says == "reopened":
                what = says if status == "resolved" else "reopened refused not_resolved"
            yield f"row {status} {what}"
    for status in ("open", "acknowledged"):
        yield from (
            f"row {status} {what}"
            for what in (
                "taken refused grade_too_low",
                "taken refused not_told",
                "escalated_by_hand",
                "commented",
                "level_rose level_rises",
                "step_started",
                "step_skipped level",
                "joined",
                "resolved no_longer_true",
                "resolved refuted",
            )
        )
    yield from (
        "row open restarted new_after_quiet",
        "row open exhausted",
        "row open exhausted nobody",
        "row open step_declined declined",
        "row open step_unreachable failed",
        "row open returned declined",
        "row open seen",
        "row acknowledged reminded",
        "row acknowledged expired expired",
        "row acknowledged also_taken",
        "row acknowledged acknowledged",  # a delegate takes: the taker changes
        "row acknowledged returned taker_withdrew",
        "row acknowledged delegated refused already_taken",
        "row resolved commented",
        "row resolved escalate refused already_resolved",
        "row resolved corrected refuted",
    )


def reasons():
    """Yield every state and reason of a notification that a policy test can lead to."""
    for state in ("cancelled", "suppressed"):
        yield from (f"notification {state} {reason}" for reason in metric_labels.STATES[state])
    yield from (f"notification failed {reason}" for reason in FAULTS)
    yield from (
        f"notification pending {reason}" for reason in ("quiet_hours", "budget", "digest", "lane", "storm")
    )
    yield from ("notification sent", "notification delivered")


def gates_passed():
    """Yield every gate in front of a step, a person and an attempt, by what it leaves behind.

    Specification: docs/specification/escalation.md#gates.
    """
    steps = {"hidden": "entry hidden", "silenced": "entry silenced", "when": "skipped level"}
    yield from (steps.get(gate, f"skipped {gate}") for gate in gates.STEP)
    yield from (f"skipped {part}" for part in ("level", "hours", "days", "stage", "nobody"))
    assert set(gates.PERSON) | {"vacant"} == set(get_args(PassedOver))
    yield from (f"passed {reason}" for reason in get_args(PassedOver))
    attempts = {
        "resolved": "cancelled resolved",
        "taken": "cancelled taken",
        "superseded": "cancelled superseded",
        "silenced": "suppressed silenced",
        "contact_gone": "suppressed contact_gone",
        "contact_quiet": "pending quiet_hours",
        "digest": "pending digest",
        "budget": "pending budget",
        "lane": "pending lane",
        "storm": "pending storm",
    }
    yield from (f"notification {attempts[gate]}" for gate in gates.ATTEMPT)


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(set(rows()), id="every row of the status table"),
        pytest.param({f"message {kind}" for kind in MESSAGES}, id="every message kind"),
        pytest.param({f"entry {name}" for name in ENTRIES}, id="every history entry"),
        pytest.param(set(reasons()), id="every state and reason of a message"),
        pytest.param(set(gates_passed()), id="every gate"),
        pytest.param({f"closed {reason}" for reason in metric_labels.RESOLVED}, id="every way to end"),
    ],
)
async def test_some_policy_test_reaches(wanted):
    assert wanted - await all_reached() - ELSEWHERE.keys() == set()


async def test_what_is_said_to_be_reached_elsewhere_is_not_reached_here():
    assert not ELSEWHERE.keys() & await all_reached()


async def test_there_are_policy_tests_of_every_night_that_a_coordinator_fears():
    names = [result.name for file in POLICY_FILES for result in (await report(file)).results]
    assert len(names) >= 60
    assert len(set(names)) == len(names)
    missing = {what for what, said in SCENARIOS.items() if not any(name.startswith(said) for name in names)}
    assert missing == set()
    assert [name for name in names if len(name.split()) < 3] == []
