"""Reachability: gaps in the directory, how one escalation would run, and who would be told where and when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Literal, NamedTuple, get_args

import msgspec

from engine.core.alerting.alert import Alert, HistoryEntry, Notification
from engine.core.alerting.case_editor import Decision, DecisionContext
from engine.core.alerting.command import Attempted, Open, TimerDue, Withheld
from engine.core.alerting.credential import SIMULATION
from engine.core.alerting.decide import decide, open_alert
from engine.core.alerting.directory import Assignment, Contents, Directory, Duty, HolderSpan, place_of
from engine.core.alerting.gates import attempt
from engine.core.alerting.policy import Policy, StepTarget
from engine.core.judging.instant import HOUR, Instant
from engine.core.judging.judgement import Evidence, Opened
from engine.core.judging.region import Region, RegionTable, lies_in
from engine.core.judging.rule import Rule

FlawKind = Literal["vacant", "unreachable", "away", "uncovered", "overlapping"]


class Flaw(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing to look after, and from when until when it is so (milliseconds UTC; None: without end).

    `vacant`: nobody holds the office. `unreachable`: its holder has no verified
    contact. `away`: its holder is away and nobody deputises. `uncovered`: between two shifts of its roster nobody is on
    duty. `overlapping`: two hold it with the same status, so that only the later beginning decides.
    """

    kind: FlawKind
    region: str
    role: str
    since: Instant
    until: Instant | None = None
    person: str = ""


def flaws(
    contents: Contents, since: Instant, until: Instant, wanted: Iterable[tuple[str, str]] = ()
) -> list[Flaw]:
    """Return the flaws that show between two instants, by region, role and instant.

    `wanted` are offices (region, role) that somebody must hold though the directory may not know them.
    """
    directory = Directory(contents)
    offices: dict[tuple[str, str], list[Assignment]] = {office: [] for office in wanted}
    for assignment in contents.assignments:
        offices.setdefault((assignment.region, assignment.role), []).append(assignment)
    rosters: dict[tuple[str, str], list[Duty]] = {}
    for duty in contents.roster:
        rosters.setdefault((duty.region, duty.role), []).append(duty)
    found = [
        flaw for office, held in offices.items() for flaw in _of_office(directory, office, held, since, until)
    ]
    found += [flaw for shifts in rosters.values() for flaw in _of_roster(shifts, since, until)]
    return sorted(found, key=lambda flaw: (flaw.region, flaw.role, flaw.since, flaw.kind))


def _of_office(
    directory: Directory, office: tuple[str, str], held: list[Assignment], since: Instant, until: Instant
) -> Iterator[Flaw]:
    """Yield what is wrong with one office, in each stretch in which nothing of it changes."""
    region, role = office
    holders = [found for one in held if (found := directory.person(one.person)) is not None]
    names = {one.person for one in held}
    stand_ins = [d.valid for d in directory.contents.deputies if d.of in names] if names else []
    spans = [
        *(one.valid for one in held),
        *(span for holder in holders for span in holder.away),
        *stand_ins,
    ]
    edges = {edge for span in spans for edge in (span.since, span.until) if edge is not None}
    instants = sorted({since, *(edge for edge in edges if since < edge < until)})
    running: dict[tuple[FlawKind, str], Instant] = {}
    for at, ends in pairwise([*instants, until]):
        now = set(_office_at(directory, office, held, at))
        running = {key: running.get(key, at) for key in now}
        for kind, person in now:
            last = ends == until
            if last or (kind, person) not in _office_at(directory, office, held, ends):
                end = None if last else ends
                started = running[kind, person]
                yield Flaw(kind=kind, region=region, role=role, person=person, since=started, until=end)


def _office_at(
    directory: Directory, office: tuple[str, str], held: list[Assignment], at: Instant
) -> list[tuple[FlawKind, str]]:
    region, role = office
    valid = [one for one in held if one.valid.covers(at)]
    found: list[tuple[FlawKind, str]] = []
    assigned = directory.assignment(region, role, at)
    if assigned is None:
        return [] if directory.on_duty(region, role, at) else [("vacant", "")]
    if sum(one.status == assigned.status for one in valid) > 1:
        found.append(("overlapping", assigned.person))
    reason = directory.unusable(assigned.person, at, {})
    if reason == "no_contact":
        found.append(("unreachable", assigned.person))
    elif reason == "away" and all(
        directory.unusable(deputy, at, {}) for deputy in directory.deputies(assigned.person, at)
    ):
        found.append(("away", assigned.person))
    return found


def _of_roster(shifts: list[Duty], since: Instant, until: Instant) -> Iterator[Flaw]:
    """Yield the holes between the shifts of one roster; before its first and after its last there is no duty."""
    region, role = shifts[0].region, shifts[0].role
    covered: Instant | None = None
    for span in sorted((duty.valid for duty in shifts), key=_begins):
        begins = span.since if span.since is not None else since
        if covered is not None and begins > covered and covered < until and begins > since:
            yield Flaw(
                kind="uncovered",
                region=region,
                role=role,
                since=max(covered, since),
                until=min(begins, until),
            )
        if span.until is None:
            return
        covered = span.until if covered is None else max(covered, span.until)


def _begins(span: HolderSpan) -> float:
    return float("-inf") if span.since is None else span.since


MOST_DECISIONS = 5_000
"""A rehearsal that is not over after this many decisions is cut off: 20 steps in 21 rounds need fewer."""

Reach = Literal["told", "elsewhere", "waits", "later", "nobody"]
"""Who is asked to act when an alert opens: somebody the first step names; at once, but only a fallback (another place
or role); somebody, but only when quiet hours end; only a later step; nobody at all."""
REACHES: tuple[Reach, ...] = get_args(Reach)
"""From the best to the worst."""


class EscalationPreview(NamedTuple):
    """The alert as it stands when nothing more falls due, all its messages, and its whole history in order.

    `cut_off`: it was not over after `MOST_DECISIONS` decisions.
    """

    alert: Alert
    notifications: tuple[Notification, ...]
    history: tuple[HistoryEntry, ...]
    cut_off: bool


def escalation_preview(
    rule: Rule,
    policy: Policy,
    region: str,
    level: int,
    around: DecisionContext,
    at: Instant,
    *,
    subject_role: str = "",
) -> EscalationPreview:
    """Return how an alert of a rule that opens for a region at an instant would escalate if nobody answered.

    `subject_role` is the office that its evidence names (docs/specification/escalation.md#conflict-of-interest);
    whoever bears it is passed over.
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
        # Among what is due at one instant a step comes before messages
        # (docs/specification/escalation.md#order-at-an-instant).
        if message is None or due_at is None or (wake_at is not None and wake_at <= due_at):
            now = max(now, wake_at or now)
            decision = decide(alert, messages, TimerDue(), around, now, by=SIMULATION)
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
    return EscalationPreview(alert, tuple(messages.values()), tuple(history), decisions >= MOST_DECISIONS)


def reach(
    rule: Rule, policy: Policy, region: str, level: int, around: DecisionContext, at: Instant
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
    around: DecisionContext,
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


class ReachabilitySpan(msgspec.Struct, frozen=True, kw_only=True):
    """Hours in a row [since, until) in which an alert of a rule in a region would ask the same people to act."""

    rule: str
    policy: str
    region: str
    since: Instant
    until: Instant
    reach: Reach
    people: tuple[str, ...]


class Matrix:
    """All cells of some rules over hours from an instant on; the regions are those that hold an election."""

    def __init__(
        self,
        rules: Iterable[Rule],
        policies: Mapping[str, Policy],
        around: DecisionContext,
        since: Instant,
        hours: int,
        *,
        under: str | None = None,
    ) -> None:
        self._around = around
        self._hours = [since + number * HOUR for number in range(hours)]
        self._policies = policies
        self._rows = [
            (rule, region.code) for rule in rules for region in regions_of(rule, around.regions, under)
        ]

    def __len__(self) -> int:
        """How many rows there are: a rule in a region."""
        return len(self._rows)

    def stretches(self, done: Callable[[], object] = lambda: None) -> Iterator[ReachabilitySpan]:
        """Yield the stretches row by row; `done` is called after each row."""
        for rule, region in self._rows:
            yield from joined_spans(self._cells(rule, region))
            done()

    def _cells(self, rule: Rule, region: str) -> Iterator[ReachabilitySpan]:
        policy, level = self._policies[rule.escalate], min(step.level for step in rule.levels)
        for at in self._hours:
            found, messages = reach(rule, policy, region, level, self._around, at)
            people = tuple(sorted({message.person for message in messages if not message.informing}))
            yield ReachabilitySpan(
                rule=rule.id,
                policy=policy.id,
                region=region,
                since=at,
                until=at + HOUR,
                reach=found,
                people=people,
            )


def offices_named(
    rules: Iterable[Rule], policies: Mapping[str, Policy], regions: RegionTable, under: str | None
) -> set[tuple[str, str]]:
    """Return the offices (region, role) that the steps of the rules' policies ask to act when alerts open there."""
    targets: dict[str, set[StepTarget]] = {}
    found: set[tuple[str, str]] = set()
    for rule in rules:
        asked = targets.setdefault(
            rule.escalate,
            {target for step in policies[rule.escalate].steps for target in step.to if target.role},
        )
        for region in regions_of(rule, regions, under):
            found |= {(place_of(target, region.code), target.role) for target in asked}
    return found


def joined_spans(cells: Iterable[ReachabilitySpan]) -> Iterator[ReachabilitySpan]:
    """Yield cells in a row that tell the same people in the same way as one stretch."""
    running: ReachabilitySpan | None = None
    for cell in cells:
        if running is not None and (cell.reach, cell.people) == (running.reach, running.people):
            running = msgspec.structs.replace(running, until=cell.until)
        else:
            if running is not None:
                yield running
            running = cell
    if running is not None:
        yield running


def regions_of(rule: Rule, regions: RegionTable, under: str | None) -> list[Region]:
    """Return the regions that hold an election for which alerts of a rule can open, within one region where named."""
    level = next((name for name in ("nation", "province") if rule.per == (name,)), "regency")
    return [
        region
        for region in regions
        if region.level == level
        and (level == "nation" or region.election_governor or region.election_local)
        and (under is None or lies_in(region.code, under))
    ]


def hour_counts(stretches: Iterable[ReachabilitySpan]) -> dict[Reach, int]:
    """Return how many hours of all rows are of each kind, from the best to the worst."""
    found: dict[Reach, int] = dict.fromkeys(REACHES, 0)
    for one in stretches:
        found[one.reach] += (one.until - one.since) // HOUR
    return found
