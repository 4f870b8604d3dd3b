"""Repetition: telling people again though no step is due, as the rule's `tell_again` says.

Here: when the figure has doubled, when it was quiet for long enough, and who is told then. Not here: steps, rounds and
risen levels (`alerting.escalation`). Meaning: rule-language.md 2 and escalation.md 3.10.
"""

from __future__ import annotations

from collections.abc import Collection

from engine.alerting.draft import Draft
from engine.alerting.quiet import policy_quiet_until
from engine.alerting.telling import ASKING, tell_again
from engine.judging.instant import Instant


def tell_doubled(draft: Draft) -> None:
    """Tell again where the figure is at least twice that of which people were told last.

    While open those told in a step who have not taken it; while acknowledged the takers only.
    """
    alert = draft.alert
    if not alert.tell_again.value_doubles or alert.figure is None or not alert.unresolved:
        return
    if alert.figure_told is None or alert.figure_told <= 0:
        draft.change(figure_told=alert.figure)
    elif alert.figure >= 2 * alert.figure_told:
        _tell(draft, "value_doubles", _takers(draft) if alert.status == "acknowledged" else _asked(draft))


def due_again(draft: Draft) -> Instant | None:
    """Return when time alone tells people again: counted from the last request, only while open and told at all.

    The policy's quiet hours put it off; a silence and a start put off stop it.
    """
    alert, terms = draft.alert, draft.alert.tell_again
    if terms.every is None or alert.status != "open" or alert.silenced or alert.postponed is not None:
        return None
    wanted = [n.planned_at for n in draft.notifications if n.kind in ASKING and n.state != "suppressed"]
    if not wanted:
        return None
    quiet = terms.every
    if terms.growing_to is not None:
        quiet = min(terms.every * 2 ** min(alert.told_again, 30), terms.growing_to)
    due = max(*wanted, alert.told_again_at or 0) + quiet
    return policy_quiet_until(alert, draft.around, max(due, draft.now)) or due


def tell_by_time(draft: Draft) -> bool:
    """Tell those told in a step who have not taken it once more, where that is due; say whether it was."""
    due = due_again(draft)
    if due is None or due > draft.now:
        return False
    draft.change(told_again=draft.alert.told_again + 1)
    _tell(draft, "every", _asked(draft))
    return True


def _tell(draft: Draft, reason: str, people: Collection[str]) -> None:
    draft.change(told_again_at=draft.now, figure_told=draft.alert.figure)
    tell_again(draft, draft.note("notified", reason=reason), people)


def _takers(draft: Draft) -> set[str]:
    return {taking.person for taking in draft.alert.takings}


def _asked(draft: Draft) -> set[str]:
    return {person for run in draft.alert.runs for person in run.recipients} - _takers(draft)
