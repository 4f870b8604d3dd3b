"""What of escalation a policy test reached: rows of the status table, messages, history entries, reasons.

Here: naming what happened, so that tests can ask whether all of it happens in some policy test. Not here: branches of
rules (`rehearsal.coverage`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from engine.core.alerting.alert import WENT_OUT, HistoryEntry
from engine.rehearsal.witness import Turn

_STATUS_AFTER: Mapping[str, str] = {
    "opened": "open",
    "hidden": "open",
    "acknowledged": "acknowledged",
    "expired": "open",
    "escalated_by_hand": "open",
    "returned": "open",
    "resolved": "resolved",
    "reopened": "open",
}
"""The status in which an entry leaves its alert; the others leave it as it was."""


def reached(histories: Iterable[Sequence[HistoryEntry]], turns: Iterable[Turn]) -> Iterator[str]:
    """Yield what happened, each by a name in a form of its own.

    `message KIND`, `entry NAME`, `notification STATE REASON`, `passed REASON`, `skipped REASON`, `closed REASON`; and
    `row STATUS WHAT`: in which status of the alert an entry was written, what with its reason.
    """
    for history in histories:
        status = "open"
        for entry in history:
            yield f"entry {entry.name}"
            yield f"row {status} {_what(entry)}"
            if entry.name in _REASONED:
                yield f"{_REASONED[entry.name]} {entry.reason}"
            if entry.name == "level_rose" and status == "acknowledged":
                status = "open"
            status = _STATUS_AFTER.get(entry.name, status)
    for turn in turns:
        if turn.notification is not None:
            if turn.notification.state in WENT_OUT:
                yield f"message {turn.notification.kind}"
            yield f"notification {turn.state} {turn.reason}".rstrip()


_REASONED = {"recipient_passed_over": "passed", "step_skipped": "skipped", "resolved": "closed"}


def _what(entry: HistoryEntry) -> str:
    """Return what was done: of an answer what it said, and why it was refused."""
    if entry.name == "answer_refused":
        return f"{entry.details.get('says', '')} refused {entry.reason}"
    return entry.reason if entry.name == "answered" else f"{entry.name} {entry.reason}".rstrip()
