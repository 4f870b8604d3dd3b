"""The reports of an alert as a table: what stands behind the drawing of its evidence.

Here: one row a report. Not here: the drawing (`texts.console.evidence_chart`). No summary of a report is shown: it
stays with its desk, since it may name people.
"""

from __future__ import annotations

import msgspec

from engine.texts.alert_text import AlertText


class EventTableRow(msgspec.Struct, frozen=True, kw_only=True):
    """One report."""

    when: str
    what: str
    place: str
    severity: int
    severity_text: str
    source: str
    verification: str
    impact: str


def reports(teller: AlertText) -> list[EventTableRow]:
    """Return the reports that an alert keeps, the newest first."""
    texts, voice = teller.texts, teller.voice
    return [
        EventTableRow(
            when=voice.listed_moment(e.occurred_at, teller.at, e.time_precision),
            what=voice.kind(e),
            place=voice.place(e.region),
            severity=e.severity,
            severity_text=texts[f"level.{e.severity}"],
            source=texts[texts.first(f"channel.{e.channel}", "channel.other")],
            verification=texts[texts.first(f"verification.{e.verification}", "verification.unverified")],
            impact=", ".join(
                voice.count(name, figure) for name, figure in (e.impact.figures if e.impact else {}).items()
            ),
        )
        for e in sorted(teller.alert.evidence, key=lambda e: e.key, reverse=True)
    ]
