"""What the history of an alert says up to an instant, and whether a message about it has lost its reason.

Here: docs/specification/escalation.md#steps, #status-table, #message-kinds, #silences told a second time, from nothing
but history entries and what the test itself did to the directory and the silences. Not here: any function of
`engine.core.alerting` that decides; the two are held together.
"""

from collections.abc import Iterable, Sequence

from engine.core.alerting.alert import Alert, HistoryEntry, Notification
from engine.core.alerting.directory import Contents

QUIET_KINDS = {"first", "step", "reminder", "expiry", "unreachable"}
BEGINS_RESTART = {"expired", "silence_ended", "shown", "level_rose"}


class Matter:
    """An alert as its history tells it. Takings, delegations and restarts are kept by the number of their entry."""

    def __init__(self, history: Sequence[HistoryEntry]) -> None:
        self.history = history
        self.status, self.level, self.hidden, self.void = "open", 0, False, 0
        self.takings: dict[str, int] = {}
        self.declined: set[str] = set()
        self.passed: dict[str, tuple[str, int]] = {}
        for entry in history:
            tell = getattr(self, f"_{entry.name}", None)
            if tell is not None:
                tell(entry)

    def _opened(self, entry: HistoryEntry) -> None:
        self.level, self.hidden = int(entry.details["level"]), entry.name == "hidden"

    _hidden = _opened

    def _shown(self, _entry: HistoryEntry) -> None:
        self.hidden = False

    def _level_rose(self, entry: HistoryEntry) -> None:
        self.level = int(entry.details["level"])
        if self.status == "acknowledged":
            self.status = "open"

    def _answered(self, entry: HistoryEntry) -> None:
        if entry.reason == "declined":
            self.declined.add(entry.person)
            self.takings.pop(entry.person, None)
        if entry.reason == "taken" and entry.person not in self.takings:
            self.takings = {p: n for p, n in self.takings.items() if entry.person not in self._after(p)}
            self.takings[entry.person] = entry.number
            self.declined.discard(entry.person)

    def _after(self, giver: str) -> set[str]:
        """Everybody to whom the matter came from a person, hand to hand."""
        found: set[str] = set()
        while giver in self.passed and self.passed[giver][0] not in found:
            giver = self.passed[giver][0]
            found.add(giver)
        return found

    def _acknowledged(self, _entry: HistoryEntry) -> None:
        self.status = "acknowledged"

    def _delegated(self, entry: HistoryEntry) -> None:
        self.passed[str(entry.details["giver"])] = entry.person, entry.number

    def _returned(self, entry: HistoryEntry) -> None:
        if entry.reason == "taker_withdrew":
            self.status = "open"
        else:
            self.passed.pop(entry.person, None)

    def _expired(self, _entry: HistoryEntry) -> None:
        self.status = "open"

    def _escalated_by_hand(self, entry: HistoryEntry) -> None:
        self.status, self.takings, self.void = "open", {}, entry.number

    def _restarted(self, entry: HistoryEntry) -> None:
        if entry.reason == "new_after_quiet":
            return
        first = entry.number
        while first > 1 and self.history[first - 2].name in BEGINS_RESTART:
            first -= 1
        self.takings, self.void = {}, first

    def _resolved(self, _entry: HistoryEntry) -> None:
        self.status = "resolved"

    # --- whether a message is still wanted ---

    def lost_reason(self, message: Notification, cause: int, alert: Alert) -> str:
        """Say why a message is not wanted any more; empty where it is. `cause` is the entry that first planned it."""
        kind, person = message.kind, message.person
        if kind in ("resolved", "correction"):
            return ""
        if self.status == "resolved":
            return "resolved"
        if self.hidden:
            return "hidden"
        if person in self.declined:
            return "declined"
        if kind in ("first", "step"):
            return self._asked_in_vain(message, cause, alert)
        return {
            "taken_by": self.status != "acknowledged" and "nobody has it",
            "reminder": (self.status != "acknowledged" or person not in self.takings) and "not theirs",
            "expiry": self.status == "acknowledged" and "somebody has it",
        }.get(kind, "") or ""

    def _asked_in_vain(self, message: Notification, cause: int, alert: Alert) -> str:
        person, why = message.person, self.history[cause - 1]
        if person in self.takings:
            again = why.name == "level_rose" or (why.name, why.reason) == ("notified", "value_doubles")
            return "" if again and cause > self.takings[person] else "they have taken it"
        if message.informing:
            return ""
        runs_on = message.step and alert.policy.steps[message.step - 1].when.not_resolved
        if self.status == "acknowledged" and not runs_on:
            return "somebody has it"
        if cause < self.void:
            return "superseded"
        return "passed on" if self.passed.get(person, ("", 0))[1] > cause else ""


def bearers(contents: Contents, region: str, role: str, at: int) -> Iterable[str]:
    """Whoever holds an office, deputises for a holder, or is on duty for it."""
    shifts = [
        d.person for d in contents.roster if (d.region, d.role) == (region, role) and d.valid.covers(at)
    ]
    yield from shifts[-1:]
    for one in contents.assignments:
        if (one.region, one.role) == (region, role) and one.valid.covers(at):
            yield one.person
            yield from (d.deputy for d in contents.deputies if d.of == one.person and d.valid.covers(at))


def accused(alert: Alert, contents: Contents, at: int) -> set[str]:
    """Whoever bears an office that the evidence of an alert names."""
    if not alert.policy.bypass_subject:
        return set()
    named = {(e.region, e.subject_role) for e in alert.evidence if e.subject_role}
    return {person for region, role in named for person in bearers(contents, region, role, at)}
