"""Delegations: an official passes the matter on to another person, who takes it or gives it back.

Here: who may be a delegate, what passing on and giving back plan, and for whom a taking counts. Not here: the status
table that calls it (`core.alerting.answer`). Meaning: docs/specification/escalation.md#status-table; the giver keeps
what they took until the delegate takes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from engine.core.alerting.alert import AFTER_CLOSING, Alert, Delegation
from engine.core.alerting.case_editor import CaseEditor, DecisionContext
from engine.core.alerting.conflict_of_interest import exclusions
from engine.core.alerting.directory import FoundHolder
from engine.core.alerting.notification_planning import follow_up, plan_notice
from engine.core.judging.instant import Instant

Obstacle = Literal[
    "delegate_unknown",
    "delegate_self",
    "delegate_conflict_of_interest",
    "delegate_declined",
    "delegate_away",
    "delegate_no_contact",
]


def obstacle(draft: CaseEditor, giver: str, delegate: str) -> Obstacle | None:
    """Say why the matter cannot be passed on to this person: unknown, unreachable, accused, or no longer concerned."""
    directory = draft.around.directory
    if delegate == giver:
        return "delegate_self"
    if directory.person(delegate) is None:
        return "delegate_unknown"
    match directory.unusable(delegate, draft.now, exclusions(draft.alert, directory, draft.now)):
        case None:
            return None
        case "conflict_of_interest":
            return "delegate_conflict_of_interest"
        case "declined":
            return "delegate_declined"
        case "away":
            return "delegate_away"
        case _:
            return "delegate_no_contact"


def candidates(alert: Alert, giver: str, around: DecisionContext, now: Instant) -> list[FoundHolder]:
    """Return to whom the matter could be passed on in the alert's region, one for each office, by role."""
    directory, region = around.directory, alert.region
    excluded = exclusions(alert, directory, now)
    found = []
    for role in sorted(directory.roles(region)):
        for person, capacity in directory.occupants(region, role, now):
            if person != giver and directory.unusable(person, now, excluded) is None:
                found.append(FoundHolder(person=person, capacity=capacity, role=role, region=region))
                break
    return found


def pass_on(draft: CaseEditor, giver: str, delegate: str, *, suffices: bool = False) -> None:
    """Tell the delegate, and take back what still waits for the giver. Who passed it on before does so anew.

    `suffices`: a taking by the giver would meet every need, so one by the delegate does, down a chain, too.
    """
    alert = draft.alert
    inherited = any(d.delegate == giver and d.suffices for d in alert.delegations)
    cause = draft.note("delegated", person=delegate, giver=giver)
    earlier = next((d.delegate for d in alert.delegations if d.giver == giver), None)
    if earlier is not None:
        draft.cancel("superseded", kinds=frozenset(("delegated",)), person=earlier)
    passed = Delegation(giver=giver, delegate=delegate, entry=cause.number, suffices=suffices or inherited)
    draft.change(delegations=(*(d for d in alert.delegations if d.giver != giver), passed))
    draft.cancel("delegated", person=giver, but=AFTER_CLOSING)
    held = draft.around.directory.positions(delegate, draft.now)
    region, role = held[0] if held else (alert.region, "")
    found = FoundHolder(person=delegate, capacity="delegate", role=role, region=region)
    plan_notice(draft, found, cause, kind="delegated")


def give_back(draft: CaseEditor, delegate: str) -> None:
    """Tell everyone who passed the matter on to this person that it is theirs again."""
    alert = draft.alert
    for given in [d for d in alert.delegations if d.delegate == delegate]:
        cause = draft.note("returned", reason="declined", person=given.giver, delegate=delegate)
        follow_up(draft, "delegated", cause, to={given.giver}, returned=True)
    draft.change(delegations=tuple(d for d in alert.delegations if d.delegate != delegate))


def counted(takers: Iterable[str], delegations: Iterable[Delegation]) -> set[str]:
    """Return the people for whom the takings count: the takers, and whoever passed the matter on to one of them."""
    people, passed = set(takers), tuple(delegations)
    while more := {d.giver for d in passed if d.delegate in people} - people:
        people |= more
    return people
