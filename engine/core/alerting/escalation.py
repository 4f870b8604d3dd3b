"""Walking an escalation policy: steps, rounds, repetition, restarts, exhaustion, and whether it is satisfied.

Every function takes the working copy of one alert and `now`, and plans what falls due next.

Specification: docs/specification/escalation.md#frozen-policy, #steps, docs/specification/rules.md#keys,
docs/specification/escalation.md#telling-again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec

from engine.core.alerting.alert import Alert, Postponed, Run
from engine.core.alerting.case_editor import CaseEditor, DecisionContext
from engine.core.alerting.conflict_of_interest import accused, exclusions, substitutes
from engine.core.alerting.credential import SIMULATION
from engine.core.alerting.delegation import counted
from engine.core.alerting.delivery import may_have_word
from engine.core.alerting.digest import DIGEST, next_digest
from engine.core.alerting.directory import Contact, Directory, FoundHolder, PassedOver, Resolution, resolve
from engine.core.alerting.notification_planning import (
    ASKING,
    plan_notice,
    policy_quiet_until,
    release,
    tell_again,
)
from engine.core.alerting.policy import Policy, PolicyStep, StepTarget
from engine.core.alerting.silence import covering_silence, inhibiting_rule, next_change
from engine.core.judging.calendar import within_days, within_hours
from engine.core.judging.instant import Instant


def satisfied(draft: CaseEditor) -> bool:
    """Whether the takings that count meet the need of any started step (docs/specification/escalation.md#need)."""
    alert = draft.alert
    takers = {taking.person for taking in alert.takings}
    taken = counted(takers, alert.delegations)
    if any(d.delegate in taken and d.suffices for d in alert.delegations):
        return True
    return any(_need_met(alert.policy.steps[run.step - 1], run, taken, alert.declined) for run in alert.runs)


def _need_met(step: PolicyStep, run: Run, taken: set[str], declined: Collection[str]) -> bool:
    eligible = [person for person in run.recipients if person not in declined or person in taken]
    if not eligible:
        return False
    need = 1 if step.need == "one" else len(eligible) if step.need == "all" else min(step.need, len(eligible))
    return sum(person in taken for person in eligible) >= need


def abandoned(alert: Alert, around: DecisionContext, now: Instant) -> bool:
    """Say whether the current or a later step of an unresolved alert has nobody, and `on_exhausted` neither."""
    if not alert.unresolved:
        return False
    draft = CaseEditor(alert, {}, around, now, SIMULATION)
    if resolve_all(draft, alert.policy.on_exhausted):
        return False
    return any(not resolve_all(draft, step.to) for step in ahead(alert))


def ahead(alert: Alert) -> tuple[PolicyStep, ...]:
    """Return the steps that run or may still come; of an exhausted alert the last one, which a restart would tell."""
    policy, run = alert.policy, alert.current
    if run is None:
        return policy.steps
    if alert.exhausted_at is not None:
        return policy.steps[run.step - 1 : run.step]
    again = policy.steps[policy.from_step - 1 :] if run.round <= policy.rounds_after_first else ()
    return tuple(dict.fromkeys((*policy.steps[run.step - 1 :], *again)))


def last_of_holder(directory: Directory, contact: Contact, at: Instant) -> bool:
    """Say whether a contact is the last by which somebody who holds or serves an office now is reached."""
    id_ = contact.id.partition("/")[0]
    person = directory.person(id_)
    if person is None or not directory.positions(id_, at):
        return False
    return [one.id for one in person.reachable] == [contact.id]


def tell_doubled(draft: CaseEditor) -> None:
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


def due_again(draft: CaseEditor) -> Instant | None:
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


def tell_by_time(draft: CaseEditor) -> bool:
    """Tell those told in a step who have not taken it once more, where that is due; say whether it was."""
    due = due_again(draft)
    if due is None or due > draft.now:
        return False
    draft.change(told_again=draft.alert.told_again + 1)
    _tell(draft, "every", _asked(draft))
    return True


def _tell(draft: CaseEditor, reason: str, people: Collection[str]) -> None:
    draft.change(told_again_at=draft.now, figure_told=draft.alert.figure)
    tell_again(draft, draft.note("notified", reason=reason), people)


def _takers(draft: CaseEditor) -> set[str]:
    return {taking.person for taking in draft.alert.takings}


def _asked(draft: CaseEditor) -> set[str]:
    return {person for run in draft.alert.runs for person in run.recipients} - _takers(draft)


def start(draft: CaseEditor) -> None:
    """Start the policy at its first step."""
    begin(draft, 1, 1)


def start_anew(draft: CaseEditor) -> None:
    """Start step 1 of round 1 anew after a quiet time or exhaustion; nothing is cancelled, takings stay.

    Specification: docs/specification/escalation.md#new-after-quiet.
    """
    draft.note("restarted", reason="new_after_quiet")
    start(draft)


def begin(draft: CaseEditor, round_: int, step: int, *, by_hand: bool = False) -> None:
    """Start the first step from (round, step) on that can start; exhausted where there is none.

    Specification: docs/specification/escalation.md#skipped-steps, #rounds, #exhausted.

    In the policy's quiet hours the start is put off to their end (docs/specification/escalation.md#policy-quiet-hours),
    of what is told in digests to the next of them (docs/specification/escalation.md#digests), unless a person wants it
    now. Under a silence nothing starts: its end starts the current step anew.
    """
    if _kept_quiet(draft):
        return
    if not by_hand and _put_off(draft, round_, step):
        return
    policy = draft.alert.policy
    while round_ <= policy.rounds_after_first + 1:
        for number in range(step, len(policy.steps) + 1):
            if _start_step(draft, round_, number):
                return
        if not any(run.round == round_ and run.step < step for run in draft.alert.runs):
            break
        round_, step = round_ + 1, policy.from_step
    exhaust(draft)


def _put_off(draft: CaseEditor, round_: int, step: int) -> bool:
    until, reason = _not_before(draft)
    if until is None:
        return False
    draft.change(postponed=Postponed(step=step, round=round_, until=until), exhausted_at=None, nobody=False)
    draft.note("step_skipped", reason=reason, step=step, round=round_, until=until)
    return True


def _not_before(draft: CaseEditor) -> tuple[Instant | None, str]:
    """Return until when a start is put off, by quiet hours or for the next digest, and by which gate."""
    alert, around, now = draft.alert, draft.around, draft.now
    if (until := policy_quiet_until(alert, around, now)) is not None:
        return until, "policy_quiet"
    told_at = next_digest(alert, around, now)
    return (told_at, DIGEST) if told_at is not None and told_at > now else (None, "")


def _start_step(draft: CaseEditor, round_: int, number: int, *, but: Collection[str] = ()) -> bool:
    """Start one step now: resolve its people, plan their messages, set its wait. False where it is skipped.

    What was put off is so no more: the clock is that of the step that started.
    """
    step = draft.alert.policy.steps[number - 1]
    reason = _unmet(draft, step)
    if reason:
        draft.note("step_skipped", reason=reason, step=number, round=round_)
        return False
    recipients = resolve_all(draft, step.to)
    if not recipients:
        draft.note("step_skipped", reason="nobody", step=number, round=round_)
        return False
    informed = [f for f in resolve_all(draft, step.inform) if all(f.person != r.person for r in recipients)]
    if not draft.alert.policy_informed:
        known = {f.person for f in (*recipients, *informed)}
        informed += [f for f in resolve_all(draft, draft.alert.policy.inform) if f.person not in known]
    run = Run(
        step=number,
        round=round_,
        started_at=draft.now,
        ends_at=draft.now + step.wait,
        recipients=tuple(f.person for f in recipients),
        informed=tuple(f.person for f in informed),
    )
    draft.change(
        runs=(*draft.alert.runs, run),
        postponed=None,
        policy_informed=True,
        exhausted_at=None,
        nobody=False,
    )
    cause = draft.note("step_started", step=number, round=round_, recipients=len(recipients))
    has_taken = {taking.person for taking in draft.alert.takings}
    for found in recipients:
        if found.person not in has_taken and found.person not in but:
            plan_notice(draft, found, cause, channels=step.channels)
    for found in informed:
        plan_notice(draft, found, cause, channels=step.channels, informing=True)
    return True


def _unmet(draft: CaseEditor, step: PolicyStep) -> str:
    """Name the first key of the step's `when` that does not hold now, in the zone of the alert's region."""
    when, now = step.when, draft.now
    zone = draft.around.regions.timezone(draft.alert.region)
    if when.level_at_least is not None and draft.alert.level < when.level_at_least:
        return "level"
    if when.hours is not None and not within_hours(when.hours, now, zone):
        return "hours"
    if when.days is not None and not within_days(when.days, now, zone):
        return "days"
    if when.stages and draft.around.calendar.holding(now, zone).isdisjoint(when.stages):
        return "stage"
    return ""


def resolve_all(draft: CaseEditor, targets: Iterable[StepTarget]) -> list[FoundHolder]:
    """Resolve targets now, each person once, with conflicts of interest bypassed and everyone passed over noted."""
    excluded = exclusions(draft.alert, draft.around.directory, draft.now)
    people: dict[str, FoundHolder] = {}
    for target in targets:
        resolution = _resolve(draft, target, excluded)
        found = [resolution.found] if resolution.found else []
        if any(passed.reason == "conflict_of_interest" for passed in resolution.passed):
            found = _instead(draft, resolution, excluded)
        for one in found:
            people.setdefault(one.person, one)
    return list(people.values())


def _instead(
    draft: CaseEditor, resolution: Resolution, excluded: Mapping[str, PassedOver]
) -> list[FoundHolder]:
    """Find who is told where a target would have reached an accused: counted from the office they were met in."""
    found: list[FoundHolder] = []
    met = {(p.role, p.region): p for p in resolution.passed if p.reason == "conflict_of_interest"}
    for (role, region), passed in met.items():
        draft.note(
            "conflict_of_interest",
            reason="conflict_of_interest",
            person=passed.person,
            role=role,
            region=region,
        )
        for target in substitutes(role, region, draft.around.regions):
            instead = _resolve(draft, target, excluded).found
            if instead is not None:
                found.append(instead)
    return found or ([resolution.found] if resolution.found else [])


def _resolve(draft: CaseEditor, target: StepTarget, excluded: Mapping[str, PassedOver]) -> Resolution:
    resolution = resolve(
        draft.around.directory,
        draft.around.regions,
        target,
        draft.alert.region,
        draft.now,
        excluded,
    )
    for passed in resolution.passed:
        draft.note(
            "recipient_passed_over",
            reason=passed.reason,
            person=passed.person,
            role=passed.role,
            region=passed.region,
        )
    return resolution


def next_step(draft: CaseEditor, *, by_hand: bool = False) -> None:
    """The wait of the current step is over (or it ended at once): start what comes next, or what was put off."""
    if _kept_quiet(draft):
        return
    run, put_off = draft.alert.current, draft.alert.postponed
    place: tuple[int, int] | None = (1, 1)
    if put_off is not None:
        place = put_off.round, put_off.step
    elif run is not None:
        place = following(draft.alert.policy, run)
    if place is None:
        exhaust(draft)
    elif draft.alert.status == "open":
        begin(draft, *place, by_hand=by_hand)
    elif not _put_off(draft, *place) and not _start_though_taken(draft, *place):
        # The clock stands: nothing is put off any more, and the wait of the last start, if there was one, is over.
        over = () if run is None else (msgspec.structs.replace(run, over=True),)
        draft.change(postponed=None, runs=(*draft.alert.runs[:-1], *over))


def _start_though_taken(draft: CaseEditor, round_: int, step: int) -> bool:
    """Start the first of the steps that run until it is resolved, from this one on; False where each is skipped."""
    for number, one in enumerate(draft.alert.policy.steps[step - 1 :], start=step):
        if not one.when.not_resolved:
            return False
        if _start_step(draft, round_, number):
            return True
    return False


def following(policy: Policy, run: Run) -> tuple[int, int] | None:
    """Return (round, step) of what follows a run, or None after the last step of the last round."""
    if run.step < len(policy.steps):
        return run.round, run.step + 1
    if run.round <= policy.rounds_after_first:
        return run.round + 1, policy.from_step
    return None


def exhaust(draft: CaseEditor) -> None:
    """No step is left: tell `on_exhausted`; the alert stays open (docs/specification/escalation.md#exhausted)."""
    found = resolve_all(draft, draft.alert.policy.on_exhausted)
    draft.change(exhausted_at=draft.now, nobody=not found, postponed=None)
    cause = draft.note("exhausted", reason="" if found else "nobody", recipients=len(found))
    for one in found:
        plan_notice(draft, one, cause, kind="unreachable")


def restart(draft: CaseEditor, reason: str, *, but: Collection[str] = ()) -> None:
    """Start the current step anew: messages of earlier starts are superseded, earlier takings count no more.

    Specification: docs/specification/escalation.md#restart-of-a-step.
    """
    supersede(draft)
    draft.note("restarted", reason=reason)
    run = draft.alert.current
    if _kept_quiet(draft):
        return
    if run is None:
        begin(draft, 1, 1)
    elif _put_off(draft, run.round, run.step):
        return
    elif not _start_step(draft, run.round, run.step, but=but):
        begin(draft, run.round, run.step + 1)


def supersede(draft: CaseEditor) -> None:
    """Make takings void and take back what earlier starts still have to say; who is only informed still hears it."""
    draft.cancel("superseded", kinds=ASKING, informing=False)
    draft.change(takings=(), superseded=draft.began, told_again=0)


def end_unanswerable_step(draft: CaseEditor) -> None:
    """End the current step at once when none of its recipients can answer any more.

    Specification: docs/specification/escalation.md#next-step-at-once.
    """
    alert, run = draft.alert, draft.alert.current
    if alert.status != "open" or run is None or not run.recipients:
        return
    if alert.exhausted_at is not None or alert.postponed is not None or _kept_quiet(draft):
        return
    answering = {*(taking.person for taking in alert.takings), *(d.giver for d in alert.delegations)}
    if answering.intersection(run.recipients).difference(alert.declined):
        return
    left = [person for person in run.recipients if person not in alert.declined]
    refused = accused(alert, draft.around.directory, draft.now)
    if not left:
        draft.note("step_declined", reason="declined", step=run.step, round=run.round)
    elif refused.issuperset(left):
        draft.note("step_unreachable", reason="conflict_of_interest", step=run.step, round=run.round)
    elif not any(may_have_word(draft, person) for person in left if person not in refused):
        draft.note("step_unreachable", reason="failed", step=run.step, round=run.round)
    else:
        return
    next_step(draft)


def look_at_cover(draft: CaseEditor) -> str:
    """Note where a silence begins to cover the alert; where the cover is over, start the current step anew (9)."""
    before = draft.alert.silenced
    if not draft.alert.unresolved:
        return ""
    if _cover_ended(draft):
        if draft.alert.status == "open":
            restart(draft, "silence_ended")
        return "silence_ended"
    return "silenced" if _silenced(draft) and not before else ""


def look_at_hiding(draft: CaseEditor) -> str:
    """Show an alert that opened hidden where none of the rules that may hide it has an open alert any more.

    Whatever else keeps it hidden (`before_rule`) is no business of other rules.
    """
    alert = draft.alert
    if not alert.unresolved or alert.hidden not in alert.hide_while:
        return ""
    hidden = inhibiting_rule(alert.hide_while, alert.region, draft.around.standing)
    draft.change(hidden=hidden)
    if hidden:
        return ""
    draft.note("shown", reason=f"hidden:{alert.hidden}")
    if alert.status == "open":
        restart(draft, "shown")
    return "shown"


def _kept_quiet(draft: CaseEditor) -> bool:
    """Say whether no step may start now: the alert is hidden, or a silence covers it."""
    return bool(draft.alert.hidden) or _silenced(draft)


def _silenced(draft: CaseEditor) -> bool:
    """Say whether a silence covers the alert now; one that began to is noted."""
    silence = covering_silence(draft.alert, draft.around.silences, draft.now)
    if silence is not None and not draft.alert.silenced:
        draft.change(silenced=silence.id)
        draft.note("silenced", reason="silenced", silence=silence.id)
    return silence is not None


def _cover_ended(draft: CaseEditor) -> bool:
    """Note it where what covered the alert does so no more, and say so."""
    if not draft.alert.silenced or _silenced(draft):
        return False
    draft.note("silence_ended", silence=draft.alert.silenced)
    draft.change(silenced="")
    return True


def level_rises(draft: CaseEditor, level: int, *, anew: bool = False) -> None:
    """The level rose: tell at once everybody told so far, and take an acknowledgement back.

    Specification: docs/specification/escalation.md#level-rises.

    `anew`: the match that raised it also starts step 1 anew (docs/specification/escalation.md#new-after-quiet).
    """
    before = draft.alert.level
    draft.change(level=level, figure_told=draft.alert.figure)
    cause = draft.note("level_rose", reason="level_rises", before=before, level=level)
    release(draft)
    uncovered = _cover_ended(draft)
    if draft.alert.status == "acknowledged":
        people = {taking.person for taking in draft.alert.takings}
        reopen(draft)
        restart(draft, "level_rises")
    else:
        people = {person for run in draft.alert.runs for person in (*run.recipients, *run.informed)}
        if anew:
            start_anew(draft)
        elif uncovered:
            restart(draft, "silence_ended")
        elif draft.alert.postponed is not None and _not_before(draft)[0] is None:
            next_step(draft)
    tell_again(draft, cause, people)


def reopen(draft: CaseEditor) -> None:
    """Take an acknowledgement back: open again, no reminders, no expiry, and who else had taken may take again."""
    draft.change(
        status="open",
        acknowledged_at=None,
        acknowledged_by="",
        expires_at=None,
        remind_at=(),
        also_taken=(),
    )


def set_wake(draft: CaseEditor) -> None:
    """Compute the instant at which something of the alert falls due though nothing happens."""
    if draft.alert.status == "resolved":
        draft.change(wake_at=None, silenced="", cover_changes_at=None)
        return
    _silenced(draft)
    alert = draft.alert
    due = [at for at in (step_ends_at(draft), due_again(draft)) if at is not None]
    if alert.status == "acknowledged":
        due.extend(alert.remind_at)
        if alert.expires_at is not None:
            due.append(alert.expires_at)
    changes_at = next_change(alert, draft.around.silences, draft.now)
    draft.change(wake_at=min(due, default=None), cover_changes_at=changes_at)


def step_ends_at(draft: CaseEditor) -> Instant | None:
    """Return when the wait of the current step is over, or None while the step clock stands.

    It stands once the alert is resolved or exhausted, under a silence, and while it is acknowledged unless the next
    step says `not_resolved`.
    """
    alert, run, put_off = draft.alert, draft.alert.current, draft.alert.postponed
    if alert.status == "resolved" or alert.silenced or alert.hidden:
        return None
    if put_off is not None:
        runs_on = alert.status == "open" or alert.policy.steps[put_off.step - 1].when.not_resolved
        return put_off.until if runs_on else None
    if run is None or alert.exhausted_at is not None:
        return None
    if alert.status == "open":
        return run.ends_at
    place = following(alert.policy, run)
    runs_on = place is not None and alert.policy.steps[place[1] - 1].when.not_resolved
    return run.ends_at if runs_on and not run.over else None
