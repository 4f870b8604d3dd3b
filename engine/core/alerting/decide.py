"""The one entrance for every change of an alert: (alert or none, command, now) -> decision.

Here: what judging, time and deliveries do to an alert, and the dispatch of all commands. Not here: the rows of the
status table for answers (`core.alerting.answer`) and the walk of the steps (`core.alerting.escalation`). Pure: no
clock, no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.core.alerting.alert import Alert, Notification, RuleWords, bounded_evidence, redated_evidence
from engine.core.alerting.answer import (
    AGAIN,
    REFUSALS,
    acknowledge_where_satisfied,
    known_person,
    lacks_code,
    may_answer,
    resolve,
    take_answer,
)
from engine.core.alerting.case_editor import CaseEditor, Decision, DecisionContext
from engine.core.alerting.command import (
    Answer,
    Attempted,
    Command,
    Comment,
    EscalateNow,
    NoteRuleSetChange,
    Open,
    PhoneCallMade,
    RecheckSilence,
    Reported,
    TimerDue,
    Withheld,
)
from engine.core.alerting.conflict_of_interest import accused
from engine.core.alerting.credential import Credential
from engine.core.alerting.delivery import record_attempt, record_report
from engine.core.alerting.digest import LATE
from engine.core.alerting.escalation import (
    end_unanswerable_step,
    level_rises,
    look_at_cover,
    look_at_hiding,
    next_step,
    reopen,
    restart,
    set_wake,
    start,
    start_anew,
    step_ends_at,
    supersede,
    tell_by_time,
    tell_doubled,
)
from engine.core.alerting.gates import attempt
from engine.core.alerting.ids import alert_id
from engine.core.alerting.notification_planning import follow_up, hold
from engine.core.alerting.silence import inhibiting_rule
from engine.core.judging.event import EventKey
from engine.core.judging.instant import Instant
from engine.core.judging.judgement import Ended, Joined, Opened, Redated, Risen, Undone

KEYS = 16
"""So many keys of the newest commands an alert remembers, so that one that is given again does nothing."""


def open_alert(command: Open, around: DecisionContext, now: Instant, *, by: Credential) -> Decision:
    """Make the alert of an opening and start its policy, unless it was over before its rule was in force.

    `by` is the credential that the history names.
    """
    opened = command.opened
    rule = command.rule
    hidden = inhibiting_rule(rule.hide_while, command.region, around.standing)
    reason = f"hidden:{hidden}" if hidden else opened.reason
    if opened.reason == "before_rule":
        hidden = reason = opened.reason
    alert = Alert(
        id=alert_id(around.namespace, command.space, rule.id, command.group, command.ordinal),
        space=command.space,
        group=command.group,
        region=command.region,
        ordinal=command.ordinal,
        rule=_words(command),
        policy=command.policy,
        status="open",
        level=opened.level,
        happened_at=opened.happened_at,
        detected_at=now,
        late=now - opened.happened_at > LATE,
        evidence=bounded_evidence(opened.evidence),
        evidence_count=len(opened.evidence),
        floor=max((e.key for e in opened.evidence), default=EventKey(opened.happened_at, "", "")),
        figure=opened.figure,
        limit=opened.limit,
        sides=opened.sides,
        window=opened.window,
        tell_again=rule.tell_again,
        figure_told=opened.figure,
        hide_while=rule.hide_while,
        hidden=hidden,
    )
    draft = CaseEditor(alert, {}, around, now, by)
    draft.note(
        "hidden" if hidden else "opened",
        reason=reason,
        rule=rule.id,
        version=rule.version,
        level=opened.level,
        events=len(opened.evidence),
    )
    if not hidden:
        start(draft)
    set_wake(draft)
    if hidden in rule.hide_while:
        # What hides it may have closed while this was decided: it is looked at once more when both are in the store.
        draft.change(cover_changes_at=now)
    return draft.decision(reason)


def decide(
    alert: Alert,
    notifications: Mapping[str, Notification],
    command: Command,
    around: DecisionContext,
    now: Instant,
    *,
    by: Credential,
) -> Decision:
    """Return what a command makes of an existing alert and its notifications at an instant.

    `by` is the credential that the history names.
    """
    draft = CaseEditor(alert, notifications, around, now, by)
    key = command.key if isinstance(command, EscalateNow | Comment) else ""
    if key and key in alert.keys:
        return draft.decision(AGAIN, repeated=True)
    reason = _carry_out(draft, command)
    if key and reason not in REFUSALS:
        draft.change(keys=(*alert.keys, key)[-KEYS:])
    acknowledge_where_satisfied(draft)
    set_wake(draft)
    if reason == "reopened" and draft.alert.hidden in draft.alert.hide_while:
        # What hides it may have closed while this was decided.
        draft.change(cover_changes_at=now)
    if reason == AGAIN:
        return draft.decision(reason, repeated=True)
    return draft.decision(reason, refusal=reason if reason in REFUSALS else "")


def _carry_out(draft: CaseEditor, command: Command) -> str:
    reason: str
    match command:
        case Answer():
            reason = take_answer(draft, command)
        case TimerDue() | RecheckSilence():
            reason = _wake(draft) if isinstance(command, TimerDue) else _uncover(draft) or "nothing_due"
        case Attempted() | Reported() | Withheld():
            reason = _delivered(draft, command)
            end_unanswerable_step(draft)
        case Joined() | Risen() | Redated():
            reason = _go_on(draft, command)
        case Ended(reason=reason):
            if draft.alert.unresolved:
                _end(draft, command)
        case Undone(reason=reason):
            _undo(draft, command)
        case EscalateNow():
            reason = _escalate(draft, command)
        case Comment() | PhoneCallMade() | NoteRuleSetChange():
            reason = _remark(draft, command)
        case Open() | Opened():
            raise TypeError("an opening makes a new alert: use open_alert")
    return reason


def _words(command: Open) -> RuleWords:
    rule = command.rule
    return RuleWords(
        id=rule.id,
        version=rule.version,
        title=rule.title,
        short_title=rule.short_title,
        owner=rule.owner,
        why=rule.why,
        guide=rule.guide,
        condition=str(type(rule.condition).__struct_config__.tag),
        relation=getattr(rule.condition, "relation", ""),
        within=getattr(rule.condition, "within", None),
        author=command.author,
        approved_by=command.approved_by,
    )


def _go_on(draft: CaseEditor, judgement: Joined | Risen | Redated) -> str:
    """Enter what judging says of an opening that still stands."""
    match judgement:
        case Joined():
            return _join(draft, judgement)
        case Risen():
            return _rise(draft, judgement)
        case Redated():
            return _redate(draft, judgement)


def _join(draft: CaseEditor, joined: Joined) -> str:
    alert, evidence = draft.alert, joined.evidence
    if alert.status == "resolved":
        # Only history: what a closed alert counts and where its floor lies was settled when it was closed.
        draft.note("joined", reason="closed", event=evidence.id, desk=evidence.desk)
        return "closed"
    known = any(e.desk == evidence.desk and e.id == evidence.id for e in alert.evidence)
    if not known:
        draft.change(
            evidence=bounded_evidence((*alert.evidence, evidence)),
            evidence_count=alert.evidence_count + 1,
            floor=max(alert.floor, evidence.key),
        )
    if joined.figure is not None:
        draft.change(figure=joined.figure, sides=joined.sides)
    draft.note("joined", event=evidence.id, desk=evidence.desk)
    _suppress_accused(draft)
    anew = alert.status == "open" and (joined.new_after_quiet or alert.exhausted_at is not None)
    reason = "joined"
    if joined.level > alert.level:
        level_rises(draft, joined.level, anew=anew)
        reason = "level_rises"
    elif anew:
        start_anew(draft)
        reason = "new_after_quiet"
    tell_doubled(draft)
    end_unanswerable_step(draft)
    return reason


def _rise(draft: CaseEditor, risen: Risen) -> str:
    """Enter how far the figure grew though nothing arrived; a risen level is told, and a doubled figure where asked."""
    if draft.alert.status == "resolved":
        return "closed"
    draft.change(figure=risen.figure, sides=risen.sides)
    reason = "risen"
    if risen.level > draft.alert.level:
        level_rises(draft, risen.level)
        reason = "level_rises"
    tell_doubled(draft)
    end_unanswerable_step(draft)
    return reason


def _redate(draft: CaseEditor, redated: Redated) -> str:
    alert = draft.alert
    draft.note("redated", reason=redated.reason, before=alert.happened_at, happened_at=redated.happened_at)
    if alert.status == "resolved":
        return "closed"
    evidence = redated_evidence(alert.evidence, redated)
    whole = alert.evidence_count == len(alert.evidence)
    draft.change(
        happened_at=redated.happened_at,
        evidence=bounded_evidence(evidence),
        evidence_count=len(evidence) if whole else max(alert.evidence_count, len(evidence)),
        window=redated.window,
        floor=max([alert.floor, *(e.key for e in redated.evidence)]),
    )
    if redated.figure is not None:
        draft.change(figure=redated.figure, sides=redated.sides)
    _suppress_accused(draft)
    end_unanswerable_step(draft)
    return "redated"


def _suppress_accused(draft: CaseEditor) -> None:
    """Take back what still waits for people whom the evidence names now.

    Specification: docs/specification/escalation.md#conflict-of-interest.
    """
    named = accused(draft.alert, draft.around.directory, draft.now)
    waiting = [n for n in draft.notifications if n.state == "pending" and n.person in named]
    for person in sorted({n.person for n in waiting}):
        draft.note("conflict_of_interest", reason="conflict_of_interest", person=person)
    for notification in waiting:
        draft.finish(notification, "suppressed", "conflict_of_interest")


def _delivered(draft: CaseEditor, command: Attempted | Reported | Withheld) -> str:
    """Enter an attempt or a report; what failed and is not wanted any more is not tried again nor sent elsewhere."""
    if isinstance(command, Withheld):
        return _withheld(draft, command)
    notification = draft.notification(command.notification)
    held = None
    if notification is not None and command.outcome not in ("sent", "delivered"):
        held = attempt(draft.alert, notification, draft.around, draft.now)
    # A contact that is gone or in its quiet hours says nothing of the message: it is wanted all the same.
    wanted = held is None or held.state == "pending" or held.reason == "contact_gone"
    unwanted = None if held is None or wanted else (held.state, held.reason)
    if isinstance(command, Reported):
        return record_report(draft, command, unwanted)
    return record_attempt(draft, command, unwanted)


def _withheld(draft: CaseEditor, command: Withheld) -> str:
    """Ask the gates once more, on the alert as it is now, and end the message that the first of them holds back."""
    notification = draft.notification(command.notification)
    if notification is None or notification.final or notification.state == "sent":
        return "already_settled"
    held = attempt(draft.alert, notification, draft.around, draft.now)
    if held is None:
        return "wanted"
    if held.until is not None:
        hold(draft, notification, held.until)
    else:
        draft.finish(notification, held.state, held.reason)
    return held.reason


def _remark(draft: CaseEditor, command: Comment | PhoneCallMade | NoteRuleSetChange) -> str:
    """Enter what changes nothing: a person's remark, a call, or that a reload left the alert as it is.

    A call names somebody who is in the directory or was told: no word that somebody typed stays in the history.
    """
    if isinstance(command, PhoneCallMade):
        if not known_person(draft, command.person, is_operator=False):
            return "not_told"
        reached = "reached" if command.reached else "not_reached"
        draft.note("called", reason=reached, person=command.person, operator=command.operator)
        return "called"
    if isinstance(command, Comment):
        draft.note("commented", person=command.person, note=command.note_digest)
        return "commented"
    if draft.alert.unresolved:
        draft.note("reload_kept", reason=command.reason, version=command.version)
    return command.reason


def _end(draft: CaseEditor, ended: Ended) -> None:
    """Close the alert; what was over before its rule was in force is closed with its recording, without a word."""
    if ended.reason != "before_rule":
        resolve(draft, ended.reason, ended_at=ended.at)
    elif draft.alert.hidden:
        draft.change(status="resolved", resolved_at=draft.now, resolved_reason="no_longer_true")
    else:
        resolve(draft, "no_longer_true", ended_at=ended.at)


def _undo(draft: CaseEditor, undone: Undone) -> None:
    if draft.alert.unresolved:
        resolve(draft, undone.reason)
    else:
        draft.change(undone=undone.reason)
        cause = draft.note("corrected", reason=undone.reason)
        follow_up(draft, "correction", cause)


def _uncover(draft: CaseEditor) -> str:
    """Look whether what hid the alert is closed, and whether a silence begins or ends."""
    return look_at_hiding(draft) or look_at_cover(draft)


def _wake(draft: CaseEditor) -> str:
    """Do what fell due: cover, expiry, reminder, step, repetition; what is overdue runs once.

    Specification: docs/specification/escalation.md#order-at-an-instant, #downtime.
    """
    reason = look_at_cover(draft) or "nothing_due"
    if draft.alert.status == "acknowledged":
        reason = _acknowledged_due(draft) or reason
    ends_at = step_ends_at(draft)
    if ends_at is not None and ends_at <= draft.now:
        next_step(draft)
        reason = "step_due"
    return "told_again" if tell_by_time(draft) else reason


def _acknowledged_due(draft: CaseEditor) -> str:
    alert, now = draft.alert, draft.now
    if alert.expires_at is not None and alert.expires_at <= now:
        takers = tuple(taking.person for taking in alert.takings)
        reopen(draft)
        reached = follow_up(draft, "expiry", draft.note("expired", reason="expired"), to=takers)
        restart(draft, "expired", but=reached)
        return "expired"
    if any(at <= now for at in alert.remind_at):
        draft.change(remind_at=tuple(at for at in alert.remind_at if at > now))
        takers = tuple(taking.person for taking in alert.takings)
        follow_up(draft, "reminder", draft.note("reminded"), to=takers)
        return "reminded"
    return ""


def _escalate(draft: CaseEditor, command: EscalateNow) -> str:
    refusal: str | None = may_answer(draft, command.person, "escalate", is_operator=command.is_operator)
    if refusal is None and lacks_code(draft, command.person, says="escalate", coded=command.coded):
        refusal = "code_missing"
    if refusal is None and draft.alert.status == "resolved":
        refusal = "already_resolved"
    if refusal is not None:
        who = known_person(draft, command.person, is_operator=command.is_operator)
        draft.note("answer_refused", reason=refusal, person=who, says="escalate")
        return refusal
    reopen(draft)
    supersede(draft)
    draft.note("escalated_by_hand", person=command.person)
    next_step(draft, by_hand=True)
    return "escalated_by_hand"
