"""What is said of an alert because something did not come: since when nothing was reported, how long, against what.

Here: the sentences of `silence` and `deadline`. Not here: alerts of what was reported (`wording.reports`), and to whom
they are told (`wording.account`). Of a silence the alert's window begins where it is measured from.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.alerting.alert import Alert
from engine.judging.instant import MINUTE, Instant
from engine.wording.voice import Voice

SILENCE, DEADLINE = "silence", "deadline"


def is_absence(alert: Alert) -> bool:
    """Say whether an alert is about something that did not come."""
    return alert.rule.condition in (SILENCE, DEADLINE)


def silent_since(alert: Alert) -> Instant | None:
    """Return from when a silence is measured; None of any other alert."""
    return alert.window[0] if alert.rule.condition == SILENCE and alert.window is not None else None


def why_now(alert: Alert, voice: Voice, at: Instant) -> Iterator[str]:
    """Say since when nothing (or too little) was reported and how long that is, or which deadline has passed."""
    texts, since = voice.texts, silent_since(alert)
    if since is None:
        yield texts("absence.deadline", when=voice.moment(alert.happened_at))
        return
    length = (alert.resolved_at or at) - since
    key = "absence.silence" if not alert.evidence_count else "absence.silence.few"
    yield texts(
        key,
        count=voice.count("event", alert.evidence_count),
        when=voice.near_moment(since, at),
        length=voice.duration(length // MINUTE * MINUTE or length),
        limit=voice.duration(int(alert.limit or 0)),
    )
