"""The one entrance for every change of an alert: (alert or none, command, now) -> decision.

Here: what judging, time and deliveries do to an alert, and the dispatch of all commands. Not here: the rows of the
status table for answers (`alerting.answer`) and the walk of the steps (`alerting.escalation`). Pure: no clock, no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.alerting.alert import EVIDENCE_KEPT, Alert, HistoryEntry, Kind, Notification, RuleWords
from engine.alerting.answer import AGAIN, REFUSALS, resolve, take_answer
from engine.alerting.command import Answer, Attempted, Command, Comment, EscalateNow, Open, Wake
from engine.alerting.directory import Found
from engine.alerting.draft import Decision, Draft, Surroundings
from engine.alerting.escalation import (
    ASKING,
    end_unanswerable_step,
    level_rises,
    next_runs_while_acknowledged,
    next_step,
    reopen,
    restart,
    set_wake,
    start,
)
from engine.alerting.identity import alert_id
from engine.alerting.telling import follow_up, plan_notice, record_attempt
from engine.judging.instant import Instant
from engine.judging.judgement import Ended, Evidence, Joined, Opened, Redated, Undone
from engine.judging.rule import Rule


def open_alert(command: Open, around: Surroundings, now: Instant) -> Decision:
    """Make the alert of an opening and start its policy."""
    opened = command.opened
    rule = command.rule
    alert = Alert(
        id=alert_id(around.namespace, command.space, rule.id, command.group, command.ordinal),
        space=command.space,
        group=command.group,
        region=command.region,
        ordinal=command.ordinal,
        rule=_words(rule),
        policy=command.policy,
        status="open",
        level=opened.level,
        happened_at=opened.happened_at,
        detected_at=now,
        evidence=_kept(opened.evidence),
        evidence_count=len(opened.evidence),
        floor=max(e.key for e in opened.evidence),
        figure=opened.figure,
        limit=opened.limit,
        window=opened.window,
    )
    draft = Draft(alert, {}, around, now)
    draft.note(
        "opened",
        reason=opened.reason,
        rule=rule.id,
        version=rule.version,
        level=opened.level,
        events=len(opened.evidence),
    )
    start(draft)
    set_wake(draft)
    return draft.decision(opened.reason)


def decide(
    alert: Alert,
    notifications: Mapping[str, Notification],
    command: Command,
    around: Surroundings,
    now: Instant,
) -> Decision:
    """Return what a command makes of an existing alert and its notifications at an instant."""
    draft = Draft(alert, notifications, around, now)
    reason = _carry_out(draft, command)
    set_wake(draft)
    if reason == AGAIN:
        return draft.decision(reason, repeated=True)
    return draft.decision(reason, refusal=reason if reason in REFUSALS else "")


def _carry_out(draft: Draft, command: Command) -> str:
    reason: str
    match command:
        case Answer():
            reason = take_answer(draft, command)
        case Wake():
            reason = _wake(draft)
        case Attempted():
            reason = record_attempt(draft, command)
            end_unanswerable_step(draft)
        case Joined():
            reason = _join(draft, command)
        case Redated():
            reason = _redate(draft, command)
        case Ended(reason=reason):
            if draft.alert.unresolved:
                resolve(draft, reason)
        case Undone(reason=reason):
            _undo(draft, command)
        case EscalateNow():
            reason = _escalate(draft, command)
        case Comment():
            draft.note("commented", person=command.person, note=command.note_digest)
            reason = "commented"
        case Open() | Opened():
            raise TypeError("an opening makes a new alert: use open_alert")
    return reason


def _words(rule: Rule) -> RuleWords:
    return RuleWords(
        id=rule.id,
        version=rule.version,
        title=rule.title,
        short_title=rule.short_title,
        owner=rule.owner,
        why=rule.why,
        guide=rule.guide,
        condition=str(type(rule.condition).__struct_config__.tag),
        within=getattr(rule.condition, "within", None),
    )


def _kept(evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """Bound the evidence an alert carries: the first third and the newest of the rest, in event order."""
    ordered = tuple(sorted(evidence, key=lambda e: e.key))
    if len(ordered) <= EVIDENCE_KEPT:
        return ordered
    first = EVIDENCE_KEPT // 3
    return ordered[:first] + ordered[first - EVIDENCE_KEPT :]


def _join(draft: Draft, joined: Joined) -> str:
    alert, evidence = draft.alert, joined.evidence
    known = any(e.desk == evidence.desk and e.id == evidence.id for e in alert.evidence)
    if not known:
        draft.change(
            evidence=_kept((*alert.evidence, evidence)),
            evidence_count=alert.evidence_count + 1,
            floor=max(alert.floor, evidence.key),
        )
    if joined.figure is not None:
        draft.change(figure=joined.figure)
    if alert.status == "resolved":
        draft.note("joined", reason="closed", event=evidence.id, desk=evidence.desk)
        return "closed"
    draft.note("joined", event=evidence.id, desk=evidence.desk)
    if joined.level > alert.level:
        level_rises(draft, joined.level)
        return "level_rises"
    if alert.status == "open" and (joined.new_after_quiet or alert.exhausted_at is not None):
        draft.note("restarted", reason="new_after_quiet")
        start(draft)
        return "new_after_quiet"
    return "joined"


def _redate(draft: Draft, redated: Redated) -> str:
    draft.note(
        "redated", reason="late_report", before=draft.alert.happened_at, happened_at=redated.happened_at
    )
    draft.change(
        happened_at=redated.happened_at,
        evidence=_kept(redated.evidence),
        evidence_count=max(draft.alert.evidence_count, len(redated.evidence)),
        window=redated.window,
        floor=max([draft.alert.floor, *(e.key for e in redated.evidence)]),
    )
    if redated.figure is not None:
        draft.change(figure=redated.figure)
    return "redated"


def _undo(draft: Draft, undone: Undone) -> None:
    if draft.alert.unresolved:
        resolve(draft, undone.reason)
    else:
        cause = draft.note("corrected", reason=undone.reason)
        follow_up(draft, "correction", cause)


def _wake(draft: Draft) -> str:
    """Do what fell due, in the order expiry, reminder, step (3.2); what is overdue runs once (3.13)."""
    reason = "nothing_due"
    if draft.alert.status == "acknowledged":
        reason = _acknowledged_due(draft) or reason
    run, alert = draft.alert.current, draft.alert
    running = alert.status == "open" or (
        alert.status == "acknowledged" and next_runs_while_acknowledged(draft)
    )
    if running and run is not None and alert.exhausted_at is None and run.ends_at <= draft.now:
        next_step(draft)
        reason = "step_due"
    return reason


def _acknowledged_due(draft: Draft) -> str:
    alert, now = draft.alert, draft.now
    if alert.expires_at is not None and alert.expires_at <= now:
        takers = tuple(taking.person for taking in alert.takings)
        reopen(draft)
        _tell_takers(draft, takers, "expiry", draft.note("expired", reason="expired"))
        restart(draft, "expired", but=takers)
        return "expired"
    if any(at <= now for at in alert.remind_at):
        draft.change(remind_at=tuple(at for at in alert.remind_at if at > now))
        takers = tuple(taking.person for taking in alert.takings)
        _tell_takers(draft, takers, "reminder", draft.note("reminded"))
        return "reminded"
    return ""


def _tell_takers(draft: Draft, takers: tuple[str, ...], kind: Kind, cause: HistoryEntry) -> None:
    for person in takers:
        newest = next((n for n in reversed(tuple(draft.notifications)) if n.person == person), None)
        found = Found(
            person=person,
            capacity=newest.capacity if newest else "person",
            role=newest.role if newest else "",
            region=newest.office if newest else draft.alert.region,
        )
        plan_notice(draft, found, cause, kind=kind)


def _escalate(draft: Draft, command: EscalateNow) -> str:
    alert = draft.alert
    if alert.status == "resolved":
        draft.note("answer_refused", reason="already_resolved", person=command.person)
        return "already_resolved"
    reopen(draft)
    draft.cancel("superseded", kinds=ASKING)
    draft.change(takings=())
    draft.note("escalated_by_hand", person=command.person)
    next_step(draft)
    return "escalated_by_hand"
