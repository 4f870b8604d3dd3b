"""Walking an escalation policy: starting steps, rounds, restarts, exhaustion.

Here: escalation.md 3 as pure functions on a draft. Not here: what people's answers do (`alerting.answer`) and message
planning itself (`alerting.telling`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec

from engine.alerting.alert import Kind, Run
from engine.alerting.conflict import exclusions, substitutes
from engine.alerting.directory import Found, PassedOver, Resolution, resolve
from engine.alerting.draft import Draft
from engine.alerting.policy import Step, Target
from engine.alerting.telling import may_still_arrive, plan_notice, tell_again

ASKING: frozenset[Kind] = frozenset(("first", "step"))
"""Kinds that ask a person to act; a taking or a restart takes back what is still pending of them."""


def start(draft: Draft) -> None:
    """Start the policy at its first step (at opening, and as `new_after_quiet`)."""
    begin(draft, 1, 1)


def begin(draft: Draft, round_: int, step: int) -> None:
    """Start the first step from (round, step) on that can start; exhausted where there is none (3.3, 3.5, 3.6)."""
    policy = draft.alert.policy
    while round_ <= policy.rounds_after_first + 1:
        first = step
        for number in range(first, len(policy.steps) + 1):
            if _start_step(draft, round_, number):
                return
        started_before = any(run.round == round_ and run.step < first for run in draft.alert.runs)
        if not started_before:
            break
        round_, step = round_ + 1, policy.from_step
    exhaust(draft)


def _start_step(draft: Draft, round_: int, number: int, *, but: Collection[str] = ()) -> bool:
    """Start one step now: resolve its people, plan their messages, set its wait. False where it is skipped."""
    step = draft.alert.policy.steps[number - 1]
    reason = _held_back(draft, step)
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
    draft.change(runs=(*draft.alert.runs, run), policy_informed=True, exhausted_at=None, nobody=False)
    cause = draft.note("step_started", step=number, round=round_, recipients=len(recipients))
    has_taken = {taking.person for taking in draft.alert.takings}
    for found in recipients:
        if found.person not in has_taken and found.person not in but:
            plan_notice(draft, found, cause, channels=step.channels)
    for found in informed:
        plan_notice(draft, found, cause, channels=step.channels, informing=True)
    return True


def _held_back(draft: Draft, step: Step) -> str:
    at_least = step.when.level_at_least
    return "level" if at_least is not None and draft.alert.level < at_least else ""


def resolve_all(draft: Draft, targets: Iterable[Target]) -> list[Found]:
    """Resolve targets now, each person once, with conflicts of interest bypassed and everyone passed over noted."""
    excluded = exclusions(draft.alert, draft.around.directory, draft.now)
    people: dict[str, Found] = {}
    for target in targets:
        resolution = _resolve(draft, target, excluded)
        found = [resolution.found] if resolution.found else []
        if any(passed.reason == "conflict_of_interest" for passed in resolution.passed):
            draft.note("conflict_of_interest", reason="conflict_of_interest", role=target.role)
            instead = (
                _resolve(draft, t, excluded)
                for t in substitutes(target, draft.alert.region, draft.around.regions)
            )
            found = [r.found for r in instead if r.found]
        for one in found:
            people.setdefault(one.person, one)
    return list(people.values())


def _resolve(draft: Draft, target: Target, excluded: Mapping[str, PassedOver]) -> Resolution:
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


def next_step(draft: Draft) -> None:
    """The wait of the current step is over (or it ended at once): start what comes next."""
    run = draft.alert.current
    if run is None:
        begin(draft, 1, 1)
    elif run.step < len(draft.alert.policy.steps):
        begin(draft, run.round, run.step + 1)
    elif run.round <= draft.alert.policy.rounds_after_first:
        begin(draft, run.round + 1, draft.alert.policy.from_step)
    else:
        exhaust(draft)


def exhaust(draft: Draft) -> None:
    """No step is left: tell `on_exhausted`; the alert stays open (3.6)."""
    found = resolve_all(draft, draft.alert.policy.on_exhausted)
    draft.change(exhausted_at=draft.now, nobody=not found)
    cause = draft.note("exhausted", reason="" if found else "nobody", recipients=len(found))
    for one in found:
        plan_notice(draft, one, cause, kind="unreachable")


def restart(draft: Draft, reason: str, *, but: Collection[str] = ()) -> None:
    """Start the current step anew (3.7): messages of earlier starts are superseded, earlier takings count no more."""
    draft.cancel("superseded", kinds=ASKING)
    draft.change(takings=())
    draft.note("restarted", reason=reason)
    run = draft.alert.current
    if run is None:
        begin(draft, 1, 1)
    elif not _start_step(draft, run.round, run.step, but=but):
        begin(draft, run.round, run.step + 1)


def end_unanswerable_step(draft: Draft) -> None:
    """End the current step at once when none of its recipients can answer any more (3.4)."""
    alert, run = draft.alert, draft.alert.current
    if alert.status != "open" or run is None or alert.exhausted_at is not None or not run.recipients:
        return
    if any(taking.person in run.recipients for taking in alert.takings):
        return
    left = [person for person in run.recipients if person not in alert.declined]
    if not left:
        draft.note("step_declined", reason="declined", step=run.step, round=run.round)
        next_step(draft)
    elif not any(may_still_arrive(draft, person, run.started_at) for person in left):
        draft.note("step_unreachable", reason="failed", step=run.step, round=run.round)
        next_step(draft)


def satisfied(draft: Draft) -> bool:
    """Whether the takings that count meet the need of any started step (escalation.md 5, Need)."""
    alert = draft.alert
    taken = {taking.person for taking in alert.takings}
    return any(_need_met(alert.policy.steps[run.step - 1], run, taken, alert.declined) for run in alert.runs)


def _need_met(step: Step, run: Run, taken: set[str], declined: Collection[str]) -> bool:
    eligible = [person for person in run.recipients if person not in declined]
    if not eligible:
        return False
    need = 1 if step.need == "one" else len(eligible) if step.need == "all" else min(step.need, len(eligible))
    return sum(person in taken for person in eligible) >= need


def level_rises(draft: Draft, level: int) -> None:
    """The level rose (3.9): tell at once everybody told so far, and take an acknowledgement back."""
    before = draft.alert.level
    draft.change(level=level)
    cause = draft.note("level_rose", reason="level_rises", before=before, level=level)
    people = {person for run in draft.alert.runs for person in (*run.recipients, *run.informed)}
    if draft.alert.status == "acknowledged":
        takers = {taking.person for taking in draft.alert.takings}
        reopen(draft)
        restart(draft, "level_rises")
        run = draft.alert.current
        tell_again(draft, cause, takers - set(run.recipients if run else ()))
    else:
        tell_again(draft, cause, people)


def reopen(draft: Draft) -> None:
    """Take an acknowledgement back: open again, no reminders, no expiry."""
    draft.change(status="open", acknowledged_at=None, acknowledged_by="", expires_at=None, remind_at=())


def set_wake(draft: Draft) -> None:
    """Compute the instant at which something of the alert falls due though nothing happens."""
    alert, due = draft.alert, []
    run = alert.current
    if alert.status == "open" and run is not None and alert.exhausted_at is None:
        due.append(run.ends_at)
    if alert.status == "acknowledged":
        due.extend(alert.remind_at)
        if alert.expires_at is not None:
            due.append(alert.expires_at)
        if run is not None and alert.exhausted_at is None and next_runs_while_acknowledged(draft):
            due.append(run.ends_at)
    if alert.status == "resolved":
        due.clear()
    draft.alert = msgspec.structs.replace(alert, wake_at=min(due, default=None))


def next_runs_while_acknowledged(draft: Draft) -> bool:
    """Whether the step after the current one says `not_resolved`, so that its clock runs on after a taking."""
    run, steps = draft.alert.current, draft.alert.policy.steps
    return run is not None and run.step < len(steps) and steps[run.step].when.not_resolved
