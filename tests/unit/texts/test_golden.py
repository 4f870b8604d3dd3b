"""Every message as it is read: each kind, channel and language against a file that a person has read aloud.

`SIAGA_GOLDEN=write ./run test tests/unit/texts/test_golden.py` writes the files anew; then read them.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from engine.core.alerting.alert import Rendered, Run
from engine.core.judging.instant import HOUR, MINUTE
from engine.core.judging.judgement import Impact
from engine.gsm7 import parts, septets
from engine.texts.answer_link_token import PLACEHOLDER, token_length
from engine.texts.catalogue import LANGUAGES
from engine.texts.conversation import RecordedAct
from engine.texts.render import KINDS
from engine.texts.reply_routing import UnusableText, Why
from engine.texts.response import Responses, TextResult
from engine.texts.sms_profile import Profile
from tests.unit.texts.sample import (
    ALERT,
    CATALOGUE,
    CLASH,
    CLASH_AT,
    LATER,
    NOW,
    REGIONS,
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
    "reopened": (ALERT, notification("reopened", planned_at=LATER), LATER),
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


QUIET = change(ALERT, level=2)
DIGESTS = {
    "digest": (
        (notification("first"), QUIET, TOLD),
        (notification("taken_by"), change(TAKEN, level=2), TOLD),
        (notification("resolved", office="94.02"), change(CLASH, level=2, status="resolved"), TOLD),
    ),
    "digest-one": ((notification("first"), QUIET, TOLD),),
    "digest-exercise": ((notification("first"), change(QUIET, space="exercise"), TOLD),),
}
"""What goes together in one message, in its order."""
CODE = "K7QR"
TWO_WAY = Profile(two_way=True)
RESPONSES = Responses(CATALOGUE, REGIONS)


def render(name: str, channel: str, language: str, **route) -> Rendered:
    to = "+6281100000000" if channel == "sms" else "a@b.example"
    if name in DIGESTS:
        digest = notification("digest", channel=channel, language=language, level=2)
        return RENDERER.digest(digest, DIGESTS[name], at=NOW, to=to, **route)[0]
    alert, mine, at = MESSAGES[name]
    mine = change(mine, channel=channel, language=language)
    return RENDERER.render(mine, alert, TOLD, at=at, to=to, **route)


def counted(text: str) -> str:
    """An SMS as it travels, with what it costs."""
    travels = text.replace(PLACEHOLDER, "x" * token_length("sms"))
    return f"{text}\n\n({septets(travels)} septets, {parts(travels)} part)\n"


def mail(name: str, language: str) -> str:
    letter = render(name, "email", language)
    return f"Subject: {letter.subject}\nDate: {letter.date}\n\n{letter.text}"


def replies(language: str) -> str:
    """Every reply of the catalogue, under its key, about the alert that the others have."""
    said = {
        "reply.stopped": RESPONSES.stopped(language, coded=True),
        "reply.stop_asked": RESPONSES.stopped(language, coded=False),
        "reply.locked": RESPONSES.locked(language),
    }
    act = RecordedAct(alert=TAKEN.id, code=CODE, said="taken")
    for key in CATALOGUE.pairs:
        family, _, reason = key.rpartition(".")
        if family in ("reply.recorded", "reply.refused"):
            refused = family == "reply.refused"
            became = TextResult(act=act, reason=reason, refused=refused, alert=TAKEN, notifications=TOLD)
            said[key] = RESPONSES.answered(language, [became])
    items = [
        TextResult(act=change(act, item=n), reason="taken", refused=n == 2, alert=TAKEN) for n in (1, 2, 3)
    ]
    said["reply.items"] = RESPONSES.answered(language, items, unknown_items=(9,))
    codes = (CODE, "A2AA")
    for why in get_args(Why):
        turned = UnusableText(why=why, codes=codes)
        said[f"reply.{why}"] = RESPONSES.turned(language, turned, {CODE: "73.15", "A2AA": "94.02"})
    said["reply.help.nothing_open"] = RESPONSES.turned(language, UnusableText(why="help"), {})
    return "\n".join(f"{key}\n{counted(text)}" for key, text in sorted(said.items()))


GOLDENS: dict[str, Callable[[str, str], str]] = {
    "email-{}.txt": mail,
    "email-{}.html": lambda name, language: render(name, "email", language).html,
    "sms-{}.txt": lambda name, language: counted(render(name, "sms", language).text),
    "code-{}.txt": lambda name, language: counted(
        render(name, "sms", language, code=CODE, profile=TWO_WAY).text
    ),
}
"""What a file holds: the e-mail, its page, the SMS with a link, and the SMS of a two-way route, with a code."""


def compare(path: Path, text: str) -> None:
    if os.environ.get("SIAGA_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("form", GOLDENS)
@pytest.mark.parametrize("name", [*MESSAGES, *DIGESTS])
def test_messages_read_as_they_were_read_aloud(name: str, form: str, language: str):
    """Each kind in each form in each language."""
    compare(GOLDEN / f"{name}-{form.format(language)}", GOLDENS[form](name, language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_replies_read_as_they_were_read_aloud(language: str):
    """Each of them fits one part."""
    text = replies(language)
    compare(GOLDEN / f"reply-{language}.txt", text)
    assert set(re.findall(r"(\d+) part\)", text)) == {"1"}


def test_every_message_is_one_part():
    """With link or code, in both languages."""
    files = [p for p in GOLDEN.iterdir() if "-sms-" in p.name or "-code-" in p.name]
    assert len(files) == (len(MESSAGES) + len(DIGESTS)) * 2 * len(LANGUAGES)
    assert [p.name for p in files if not p.read_text().endswith(" 1 part)\n")] == []


def test_every_kind_of_one_alert_has_its_files():
    """A digest is of several, a reply of none: they have files of their own."""
    assert {mine.kind for _, mine, _ in MESSAGES.values()} == KINDS


def test_no_golden_file_is_left_over():
    """A file that no message is compared with tells nothing."""
    names = {f"{n}-{form.format(x)}" for n in (*MESSAGES, *DIGESTS) for form in GOLDENS for x in LANGUAGES}
    assert {path.name for path in GOLDEN.iterdir()} == names | {f"reply-{x}.txt" for x in LANGUAGES}
