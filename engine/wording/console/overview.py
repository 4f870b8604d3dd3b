"""Alerts as lists show them: one row each, the most pressing first.

Here: what a row says, what comes next of an alert, and the order. Not here: the page of one alert
(`wording.console.story`), and which alerts somebody may see.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from engine.alerting.alert import Alert
from engine.alerting.escalation import following
from engine.judging.instant import Instant
from engine.judging.region import RegionTable
from engine.wording.plain import plain
from engine.wording.texts import Texts
from engine.wording.voice import Kinds, Voice

NEVER = 1 << 62


class Next(NamedTuple):
    """What comes next of an alert if nobody does anything: in words, and when (None: nothing by itself)."""

    text: str
    at: Instant | None


class Row(msgspec.Struct, frozen=True, kw_only=True):
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


def upcoming(alert: Alert, texts: Texts) -> Next:
    """Say what comes next of an alert if nobody does anything."""
    if not alert.unresolved:
        return Next(texts["console.next.closed"], None)
    if alert.status == "acknowledged":
        key = "console.next.expires" if alert.expires_at else "console.next.held"
        return Next(texts[key], alert.expires_at)
    if alert.hidden:
        return Next(texts["console.next.hidden"], None)
    if alert.silenced:
        return Next(texts["console.next.silenced"], None)
    if alert.exhausted_at is not None:
        return Next(texts["console.next.exhausted"], None)
    if alert.postponed is not None:
        return Next(texts("console.next.postponed", step=alert.postponed.step), alert.postponed.until)
    run = alert.current
    if run is None or run.over:
        return Next(texts["console.next.nothing"], None)
    after = following(alert.policy, run)
    if after is None:
        return Next(texts["console.next.last"], run.ends_at)
    round_, step = after
    key = "console.next.step" if round_ == run.round else "console.next.round"
    return Next(texts(key, step=step, steps=len(alert.policy.steps), round=round_), run.ends_at)


def row(alert: Alert, texts: Texts, regions: RegionTable, kinds: Kinds, at: Instant) -> Row:
    """Return the row of an alert at an instant, in the time of its region."""
    voice = Voice(texts, regions, kinds, alert.region)
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
    return Row(
        id=alert.id,
        region=alert.region,
        level=alert.level,
        level_text=texts[f"level.{alert.level}"],
        title=plain(alert.rule.short_title or alert.rule.title),
        place=voice.place(alert.region),
        since=texts("console.row.since", when=voice.near_moment(alert.detected_at, at)),
        status=texts[f"console.status.{alert.status}"],
        waits=alert.status == "open",
        next=upcoming(alert, texts),
        marks=tuple(texts[key] for key in marks),
    )


def pressing(rows: Iterable[Row]) -> list[Row]:
    """Sort rows: by level, then what nobody has, then by what comes next soonest."""
    return sorted(rows, key=lambda r: (-r.level, not r.waits, r.next.at or NEVER, r.id))
