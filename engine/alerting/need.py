"""Whether the takings of an alert are enough (escalation.md 5, Need).

Here: counting them against the need of the started steps. Not here: who may take, and what follows (`alerting.answer`).
"""

from __future__ import annotations

from collections.abc import Collection

from engine.alerting.alert import Run
from engine.alerting.delegation import counted
from engine.alerting.draft import Draft
from engine.alerting.policy import Step


def satisfied(draft: Draft) -> bool:
    """Whether the takings that count meet the need of any started step (escalation.md 5, Need)."""
    alert = draft.alert
    takers = {taking.person for taking in alert.takings}
    taken = counted(takers, alert.delegations)
    if any(d.delegate in taken and d.suffices for d in alert.delegations):
        return True
    return any(_need_met(alert.policy.steps[run.step - 1], run, taken, alert.declined) for run in alert.runs)


def _need_met(step: Step, run: Run, taken: set[str], declined: Collection[str]) -> bool:
    eligible = [person for person in run.recipients if person not in declined or person in taken]
    if not eligible:
        return False
    need = 1 if step.need == "one" else len(eligible) if step.need == "all" else min(step.need, len(eligible))
    return sum(person in taken for person in eligible) >= need
