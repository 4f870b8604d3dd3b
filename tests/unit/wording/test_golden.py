"""Every message as it is read: each kind, channel and language against a file that a person has read aloud.

`SIAGA_GOLDEN=write ./run test tests/unit/wording/test_golden.py` writes the files anew; then read them.
"""

import os
from pathlib import Path

import pytest

from engine.alerting.alert import Run
from engine.gsm7 import parts
from engine.judging.instant import HOUR, MINUTE
from engine.judging.judgement import Impact
from engine.wording.link import PLACEHOLDER
from engine.wording.sms import length
from tests.unit.wording.sample import (
    ALERT,
    CLASH,
    CLASH_AT,
    LATER,
    NOW,
    RENDERER,
    RESOLVED,
    TAKEN,
    TOLD,
    change,
    instant,
    notification,
)

GOLDEN = Path(__file__).parent / "golden"
GROWN_AT = instant("2025-03-03T12:00:00+09:00")
STEP_TWO = change(
    ALERT,
    runs=(
        *ALERT.runs,
        Run(
            step=2,
            round=1,
            started_at=NOW + 30 * MINUTE,
            ends_at=NOW + 90 * MINUTE,
            recipients=("orang-sekda-73",),
        ),
    ),
)
MINE = change(TAKEN, acknowledged_by="orang-sekda", takings=(change(TAKEN.takings[0], person="orang-sekda"),))
UNANSWERED = change(CLASH, exhausted_at=CLASH_AT + 40 * MINUTE)
GROWN = change(
    CLASH,
    evidence=(
        change(CLASH.evidence[0], impact=Impact(injured=94)),
        change(
            CLASH.evidence[0],
            id="kejadian-10",
            kind="conflict.death",
            occurred_at=GROWN_AT,
            received_at=GROWN_AT,
            time_precision="day",
            impact=Impact(dead=1, injured=59),
        ),
    ),
    evidence_count=2,
    runs=(
        *CLASH.runs,
        Run(
            step=1, round=1, started_at=GROWN_AT, ends_at=GROWN_AT + 10 * MINUTE, recipients=("orang-sekda",)
        ),
    ),
)
MESSAGES = {
    "first": (ALERT, notification("first"), NOW),
    "first-exercise": (change(CLASH, space="exercise"), notification("first", office="94.02"), CLASH_AT),
    "first-inform": (ALERT, notification("first", role="kesbangpol", informing=True), NOW),
    "first-deputy": (ALERT, notification("first", capacity="deputy"), NOW),
    "first-step-2": (STEP_TWO, notification("first", office="73", step=2), NOW + 30 * MINUTE),
    "step-round-2": (ALERT, notification("step", round=2), NOW + 10 * MINUTE),
    "first-pj-day": (
        change(ALERT, evidence=tuple(change(e, time_precision="day") for e in ALERT.evidence)),
        notification("first", role="kepala_daerah", status="pj"),
        NOW,
    ),
    "step-after-quiet": (
        GROWN,
        notification("step", office="94.02", status="plh", planned_at=GROWN_AT),
        GROWN_AT,
    ),
    "taken_by": (TAKEN, notification("taken_by"), LATER),
    "reminder": (MINE, notification("reminder"), LATER + 2 * HOUR),
    "expiry": (ALERT, notification("expiry", planned_at=LATER + 12 * HOUR), LATER + 12 * HOUR),
    "delegated": (ALERT, notification("delegated", role="asisten_pem"), NOW + 5 * MINUTE),
    "delegated-returned": (ALERT, notification("delegated", returned=True), NOW + 9 * MINUTE),
    "unreachable": (
        UNANSWERED,
        notification("unreachable", role="posko_nasional", office="00"),
        CLASH_AT + 40 * MINUTE,
    ),
    "resolved": (RESOLVED, notification("resolved"), NOW + 3 * HOUR),
    "resolved-event": (
        change(RESOLVED, resolved_reason="event", resolved_by=""),
        notification("resolved"),
        NOW + 3 * HOUR,
    ),
    "correction": (change(RESOLVED, resolved_reason="refuted"), notification("correction"), NOW + 3 * HOUR),
}


def shown(name: str, channel: str, language: str) -> str:
    alert, mine, at = MESSAGES[name]
    mine = change(mine, channel=channel, language=language)
    mail = RENDERER.render(
        mine, alert, TOLD, at=at, to="+6281100000000" if channel == "sms" else "a@b.example"
    )
    if channel == "sms":
        token = mail.text.replace(PLACEHOLDER, "x" * 12)
        return f"{mail.text}\n\n({length(mail.text)} septets, {parts(token)} part)\n"
    return f"Subject: {mail.subject}\nDate: {mail.date}\n\n{mail.text}"


def compare(path: Path, text: str) -> None:
    if os.environ.get("SIAGA_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("channel", ["email", "sms"])
@pytest.mark.parametrize("name", MESSAGES)
def test_messages_read_as_they_were_read_aloud(name: str, channel: str, language: str):
    """Each kind on each channel in each language."""
    compare(GOLDEN / f"{name}-{channel}-{language}.txt", shown(name, channel, language))


@pytest.mark.parametrize("name", ["first", "correction"])
def test_the_page_of_an_email_is_as_it_was_looked_at(name: str):
    """One notice and one short message."""
    alert, mine, at = MESSAGES[name]
    compare(
        GOLDEN / f"{name}-email-id.html", RENDERER.render(mine, alert, TOLD, at=at, to="a@b.example").html
    )


def test_no_golden_file_is_left_over():
    """A file that no message is compared with tells nothing."""
    names = {f"{n}-{c}-{x}.txt" for n in MESSAGES for c in ("email", "sms") for x in ("id", "en")}
    assert {path.name for path in GOLDEN.iterdir()} == names | {
        "first-email-id.html",
        "correction-email-id.html",
    }
