"""Corrections and refutations: which events of a family are no longer true.

Here: what an event says of an earlier one, who may say it, and the outcome for a whole family of events that name
each other; nothing that depends on arrival. Not here: taking points out of a fold (`core.judging.group_evaluation`),
finding the family in the store (`intake.event_families`). Law: docs/specification/rules.md#who-may-correct.

An *act* is an event that names an earlier event in `corrects` or `supersedes`: a refutation where its own verification
is `refuted`, else a correction.
- Of two acts on one event the later holds, by (`reported_at`, desk, id); the other is out, with all that names it.
- Who corrects a correction stands in its place: of a chain of corrections only the last counts.
- Who refutes an act takes it back, and what it had taken out counts again.
- An event whose own verification is `refuted` never counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple, get_args

import msgspec

from engine.core.judging.event import Event
from engine.core.judging.instant import Instant
from engine.core.judging.region import NATION, cut, lies_in

Name = tuple[str, str]
"""What identifies an event: desk and id."""

CorrectionRefusal = Literal[
    "not_its_source",
    "parent_must_confirm",
    "out_of_scope",
    "other_space",
    "ambiguous",
    "circular",
    "too_many",
]
"""Why an act changes nothing. `ambiguous`: it may mean several events. `too_many`: its family has grown beyond what is
followed (`intake.event_families`)."""
REFUSALS: tuple[str, ...] = get_args(CorrectionRefusal)


GRAVE = 3
"""From this severity on the desk that reported an event may not take it back or correct it alone."""


class FamilyMember(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event as its family sees it.

    `names` is the id of the event that it corrects or supersedes, empty where it is no act. `reported_at` is that of
    the event, else its `occurred_at`. `subject` says whether it names a `subject.role`. `reach` is the region, and
    `by_verifier` the right `verify`, of the token it came with. `severity` is 0 where it was not kept.
    `against_alert`: it came in while a siaga or awas alert rested on the event that it names.
    """

    desk: str
    id: str
    region: str
    reported_at: Instant
    names: str = ""
    refuted: bool = False
    subject: bool = False
    reach: str = NATION
    by_verifier: bool = False
    exercise: bool = False
    severity: int = 0
    against_alert: bool = False

    @property
    def name(self) -> Name:
        """Desk and id."""
        return self.desk, self.id


def member_of(event: Event) -> FamilyMember:
    """Return the event as its family sees it."""
    fields = event.fields
    reported_at = fields.get("reported_at")
    return FamilyMember(
        desk=event.desk,
        id=event.id,
        region=event.region,
        reported_at=reported_at if type(reported_at) is int else event.occurred_at,
        names=named_by(event),
        refuted=is_refuted(event),
        subject="subject.role" in fields,
        reach=event.reach,
        by_verifier=event.by_verifier,
        exercise=event.exercise,
        severity=event.severity,
        against_alert=event.against_alert,
    )


def is_refuted(event: Event) -> bool:
    """Say whether an event itself says that it is not true."""
    return event.fields.get("verification") == "refuted"


def named_by(event: Event) -> str:
    """Return the id of the earlier event that an event corrects or supersedes; empty where it names none."""
    named = event.fields.get("corrects") or event.fields.get("supersedes") or ""
    return named if isinstance(named, str) else ""


def refusal(act: FamilyMember, event: FamilyMember) -> CorrectionRefusal | None:
    """Say why this act on this event changes nothing; None where its sender may.

    Specification: docs/specification/rules.md#who-may-correct.

    The source itself may, or its parent desk: an ancestor, where desks are region codes. Where the event is grave,
    holds up a siaga or awas alert, names an office of the source's own government, or is itself the act of somebody
    with the right `verify`, the source may not: its parent desk must. A token with right `verify` always may, but no
    token beyond its own region.
    """
    if act.exercise != event.exercise:
        return "other_space"
    if not lies_in(event.region, act.reach):
        return "out_of_scope"
    if act.by_verifier:
        return None
    if act.desk == event.desk:
        alone = event.severity < GRAVE and not act.against_alert and not event.by_verifier
        alone = alone and not _judge_in_own_cause(event)
        return None if alone else "parent_must_confirm"
    codes = _CODE.fullmatch(act.desk) and _CODE.fullmatch(event.desk)
    return None if codes and lies_in(event.desk, act.desk) else "not_its_source"


def _judge_in_own_cause(event: FamilyMember) -> bool:
    """Districts and villages belong to the government of their regency; regencies do not to that of their province."""
    if not event.subject or not _CODE.fullmatch(event.desk):
        return False
    local = cut(event.desk, "regency") is not None
    return event.region == event.desk or (local and lies_in(event.region, event.desk))


_CODE = re.compile(r"\d{2}(\.\d{2}(\.\d{2}(\.\d{4})?)?)?", re.ASCII)


def _meant(act: FamilyMember, named: Iterable[FamilyMember]) -> FamilyMember | CorrectionRefusal:
    """Return the event that an act means among those of the id it names: that of its own desk, else the only one that
    it may speak of; or why there is none.
    """
    verdicts = {event.name: (event, refusal(act, event)) for event in named}
    own = verdicts.get((act.desk, act.names))
    if own is not None:
        return own[1] or own[0]
    allowed = [event for event, reason in verdicts.values() if reason is None]
    if len(allowed) > 1:
        return "ambiguous"
    return allowed[0] if allowed else min(reason for _, reason in verdicts.values() if reason is not None)


class CorrectionVerdict(NamedTuple):
    """Of a family: the events that are out, each `refuted` or `corrected`, and the acts that change nothing."""

    withdrawn: dict[Name, str]
    refused: dict[Name, CorrectionRefusal]


def verdict(members: Iterable[FamilyMember]) -> CorrectionVerdict:
    """Judge a whole family; events that nobody names may be among the members. Their order does not matter."""
    return _Family(members).verdict()


class _Family:
    """The acts of a family, each with the one event that it names, and who holds on each event."""

    def __init__(self, members: Iterable[FamilyMember]) -> None:
        self._members = {member.name: member for member in members}
        self._refused: dict[Name, CorrectionRefusal] = {}
        self._target: dict[Name, FamilyMember] = {}
        self._acts: dict[Name, list[FamilyMember]] = {}
        self._holders: dict[Name, FamilyMember | None] = {}
        self._aim()
        for name, event in self._target.items():
            self._acts.setdefault(event.name, []).append(self._members[name])

    def _aim(self) -> None:
        """Give each act the event it names, or the reason why it changes nothing."""
        bearers: dict[str, list[FamilyMember]] = {}
        for member in self._members.values():
            bearers.setdefault(member.id, []).append(member)
        for act in self._members.values():
            named = [event for event in bearers.get(act.names, ()) if event is not act]
            if act.names and named:
                event = _meant(act, named)
                if isinstance(event, FamilyMember):
                    self._target[act.name] = event
                else:
                    self._refused[act.name] = event
        for name in [name for name in self._target if self._circles(name)]:
            self._refused[name] = "circular"
        for name in self._refused:
            self._target.pop(name, None)

    def _circles(self, name: Name) -> bool:
        """Say whether an act is on a circle: whoever follows what it names comes back to it."""
        seen: set[Name] = set()
        event = self._target.get(name)
        while event is not None and event.name != name and event.name not in seen:
            seen.add(event.name)
            event = self._target.get(event.name)
        return event is not None and event.name == name

    def verdict(self) -> CorrectionVerdict:
        withdrawn = {}
        for name, member in self._members.items():
            reason = "refuted" if member.refuted else self._fate(member)
            if reason is not None:
                withdrawn[name] = reason
        return CorrectionVerdict(withdrawn, self._refused)

    def _fate(self, member: FamilyMember) -> str | None:
        """Say why a member is out: an act on it holds, or on what it names (or that names) another act does."""
        if self._holder(member) is not None:
            return self._reason(member)
        at = member
        while (event := self._target.get(at.name)) is not None:
            if self._holder(event) is not at:
                return self._reason(event)
            at = event
        return None

    def _holder(self, event: FamilyMember) -> FamilyMember | None:
        """Return the act that holds on an event: the latest of those that were not taken back."""
        name = event.name
        if name not in self._holders:
            standing = [act for act in self._acts.get(name, ()) if not self._taken_back(act)]
            self._holders[name] = max(standing, key=_order, default=None)
        return self._holders[name]

    def _taken_back(self, act: FamilyMember) -> bool:
        last = self._last(act)
        return last is not act and last.refuted

    def _last(self, event: FamilyMember) -> FamilyMember:
        """Return what stands in the place of an event: itself, or the last act of its chain."""
        while (act := self._holder(event)) is not None:
            event = act
        return event

    def _reason(self, event: FamilyMember) -> str:
        return "refuted" if self._last(event).refuted else "corrected"


def _order(act: FamilyMember) -> tuple[Instant, str, str]:
    return act.reported_at, act.desk, act.id
