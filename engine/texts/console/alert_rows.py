"""Alerts as lists show them: one row each, the most pressing first.

Here: what a row says, what comes next of an alert, and the order. Not here: the page of one alert
(`texts.console.alert_story`), and which alerts somebody may see.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from engine.core.alerting.alert import Alert
from engine.core.alerting.escalation import following
from engine.core.judging.instant import Instant
from engine.core.judging.region import RegionTable
from engine.texts.catalogue import Texts
from engine.texts.localizer import KindNames, Localizer
from engine.texts.sanitize import plain

NEVER = 1 << 62


class Next(NamedTuple):
    """What comes next of an alert if nobody does anything: in words, and when (None: nothing by itself)."""

    text: str
    at: Instant | None


class AlertRow(msgspec.Struct, frozen=True, kw_only=True):
    """One alert of a list. `waits`: nobody has it. `marks` are what else must be seen at a glance."""

    id: str
    region: str
    level: int
    level_text: str
    title: str
    place: str
    since: str
    status: str
    waits: bool
    next: Next
    marks: tuple[str, ...]


class AwaitedAnswer(NamedTuple):
    """What is awaited of an alert: the last part of the text's key, when it comes (None: nothing by itself), values."""

    form: str
    at: Instant | None = None
    step: int = 0
    round: int = 0


def awaited(alert: Alert) -> AwaitedAnswer:
    """Return what comes next of an alert if nobody does anything."""
    if not alert.unresolved:
        return AwaitedAnswer("closed")
    if alert.status == "acknowledged":
        return AwaitedAnswer("expires", alert.expires_at) if alert.expires_at else AwaitedAnswer("held")
    if alert.hidden:
        return AwaitedAnswer("hidden")
    if alert.silenced:
        return AwaitedAnswer("silenced")
    if alert.exhausted_at is not None:
        return AwaitedAnswer("exhausted")
    if alert.postponed is not None:
        return AwaitedAnswer("postponed", alert.postponed.until, alert.postponed.step)
    run = alert.current
    if run is None or run.over:
        return AwaitedAnswer("nothing")
    after = following(alert.policy, run)
    if after is None:
        return AwaitedAnswer("last", run.ends_at)
    round_, step = after
    return AwaitedAnswer("step" if round_ == run.round else "round", run.ends_at, step, round_)


def upcoming(alert: Alert, texts: Texts) -> Next:
    """Say what comes next of an alert if nobody does anything."""
    next_ = awaited(alert)
    steps = len(alert.policy.steps)
    return Next(
        texts(f"console.next.{next_.form}", step=next_.step, steps=steps, round=next_.round), next_.at
    )


def row(alert: Alert, texts: Texts, regions: RegionTable, kinds: KindNames, at: Instant) -> AlertRow:
    """Return the row of an alert at an instant, in the time of its region."""
    voice = Localizer(texts, regions, kinds, alert.region)
    marks = [
        key
        for key, holds in (
            ("exercise", alert.exercise),
            ("console.mark.silenced", alert.silenced),
            ("console.mark.hidden", alert.hidden),
            ("console.mark.exhausted", alert.status == "open" and alert.exhausted_at is not None),
        )
        if holds
    ]
    return AlertRow(
        id=alert.id,
        region=alert.region,
        level=alert.level,
        level_text=texts[f"level.{alert.level}"],
        title=plain(alert.rule.short_title or alert.rule.title),
        place=voice.place(alert.region),
        since=texts("console.row.since", when=voice.near_moment(alert.resolved_at or alert.detected_at, at)),
        status=texts[f"console.status.{alert.status}"],
        waits=alert.status == "open",
        next=upcoming(alert, texts),
        marks=tuple(texts[key] for key in marks),
    )


def pressing(alerts: Iterable[Alert]) -> list[Alert]:
    """Sort alerts: by level, then what nobody has, then by what comes next soonest."""
    return sorted(alerts, key=lambda a: (-a.level, a.status != "open", awaited(a).at or NEVER, a.id))
