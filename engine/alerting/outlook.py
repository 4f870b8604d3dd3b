"""Outlooks: how the escalation of an alert would run if nobody answered.

Here: a pure rehearsal of one alert through the very decisions that serve live (`alerting.decide`), each message taken
as accepted at the instant at which it would go. Not here: printing it, and policy tests, which play answers too.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from engine.alerting.alert import Alert, HistoryEntry, Notification
from engine.alerting.command import Attempted, Open, Wake, Withheld
from engine.alerting.credential import SIMULATION
from engine.alerting.decide import decide, open_alert
from engine.alerting.directory import place_of
from engine.alerting.draft import Decision, Surroundings
from engine.alerting.gates import attempt
from engine.alerting.policy import Policy
from engine.judging.instant import Instant
from engine.judging.judgement import Evidence, Opened
from engine.judging.rule import Rule

MOST_DECISIONS = 5_000
"""A rehearsal that is not over after this many decisions is cut off: 20 steps in 21 rounds need fewer."""

Reach = Literal["told", "elsewhere", "waits", "later", "nobody"]
"""Who is asked to act when an alert opens: somebody the first step names; at once, but only a fallback (another place
or role); somebody, but only when quiet hours end; only a later step; nobody at all."""
REACHES: tuple[Reach, ...] = get_args(Reach)
"""From the best to the worst."""


class Outlook(NamedTuple):
    """The alert as it stands when nothing more falls due, all its messages, and its whole history in order.

    `cut_off`: it was not over after `MOST_DECISIONS` decisions.
    """

    alert: Alert
    notifications: tuple[Notification, ...]
    history: tuple[HistoryEntry, ...]
    cut_off: bool


def outlook(
    rule: Rule,
    policy: Policy,
    region: str,
    level: int,
    around: Surroundings,
    at: Instant,
    *,
    subject_role: str = "",
) -> Outlook:
    """Return how an alert of a rule that opens for a region at an instant would escalate if nobody answered.

    `subject_role` is the office that its evidence names (escalation.md 2.4); whoever bears it is passed over.
    """
    decision = _opening(rule, policy, region, level, around, at, subject_role)
    alert, messages, history = decision.alert, _by_id(decision), list(decision.history)
    now, decisions = at, 0
    while decisions < MOST_DECISIONS:
        waiting = [n for n in messages.values() if n.state == "pending" and n.due_at is not None]
        message = min(waiting, key=lambda n: (n.due_at or 0, n.entry), default=None)
        wake_at = min((i for i in (alert.wake_at, alert.cover_changes_at) if i is not None), default=None)
        due_at = message.due_at if message is not None else None
        if wake_at is None and due_at is None:
            break
        # Among what is due at one instant a step comes before messages (escalation.md 3.2).
        if message is None or due_at is None or (wake_at is not None and wake_at <= due_at):
            now = max(now, wake_at or now)
            decision = decide(alert, messages, Wake(), around, now, by=SIMULATION)
        else:
            now = max(now, due_at)
            held = attempt(alert, message, around, now)
            went = Attempted(notification=message.id, outcome="sent")
            command = went if held is None else Withheld(notification=message.id)
            decision = decide(alert, messages, command, around, now, by=SIMULATION)
        alert = decision.alert
        messages |= _by_id(decision)
        history += decision.history
        decisions += 1
    return Outlook(alert, tuple(messages.values()), tuple(history), decisions >= MOST_DECISIONS)


def reach(
    rule: Rule, policy: Policy, region: str, level: int, around: Surroundings, at: Instant
) -> tuple[Reach, tuple[Notification, ...]]:
    """Return whom an alert that opens at an instant asks to act, and the messages planned at its opening."""
    decision = _opening(rule, policy, region, level, around, at, "")
    alert, asking = decision.alert, [n for n in decision.notifications if not n.informing]
    if alert.exhausted_at is not None:
        return "nobody", decision.notifications
    if alert.current is None:
        return "waits", ()
    if alert.current.step > 1:
        return "later", decision.notifications
    if all(n.held for n in asking):
        return "waits", decision.notifications
    named = {(place_of(target, region), target.role) for target in policy.steps[0].to if target.role}
    people = {target.person for target in policy.steps[0].to}
    meant = any((n.office, n.role) in named or n.person in people for n in asking if not n.held)
    return ("told" if meant else "elsewhere"), decision.notifications


def _opening(
    rule: Rule,
    policy: Policy,
    region: str,
    level: int,
    around: Surroundings,
    at: Instant,
    subject_role: str,
) -> Decision:
    evidence: tuple[Evidence, ...] = ()
    if subject_role:
        named = Evidence(
            desk="outlook",
            id="outlook",
            kind="",
            region=region,
            severity=level,
            occurred_at=at,
            received_at=at,
            subject_role=subject_role,
        )
        evidence = (named,)
    opened = Opened(ordinal=1, happened_at=at, evidence=evidence, level=level)
    command = Open(
        rule=rule, policy=policy, space="real", group=region, region=region, ordinal=1, opened=opened
    )
    return open_alert(command, around, at, by=SIMULATION)


def _by_id(decision: Decision) -> dict[str, Notification]:
    return {n.id: n for n in decision.notifications}
