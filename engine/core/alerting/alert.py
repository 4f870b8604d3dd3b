"""The alert, its notifications and its history, as values.

The evidence of an alert is bounded: the first events and the newest events stay.

Specification: docs/specification/escalation.md#delivery-reports, #status-table, #history.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from engine.core.alerting.directory import Holding
from engine.core.alerting.policy import Channel, Policy
from engine.core.judging.event import EventKey, Scalar
from engine.core.judging.instant import Instant, Millis
from engine.core.judging.judgement import Evidence, Redated, Sides
from engine.core.judging.rule import TellAgain


def bounded_evidence(evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """Bound the evidence an alert carries: the first third and the newest of the rest, in event order.

    The first event that names an office always stays: whoever bears it may not be told
    (docs/specification/escalation.md#conflict-of-interest).
    """
    ordered = sorted(evidence, key=lambda e: e.key)
    if len(ordered) <= EVIDENCE_KEPT:
        return tuple(ordered)
    naming: dict[tuple[str, str], Evidence] = {}
    for e in ordered:
        if e.subject_role:
            naming.setdefault((e.region, e.subject_role), e)
    others = [e for e in ordered if e not in naming.values()]
    room = max(EVIDENCE_KEPT - len(naming), 0)
    first = room // 3
    kept = [*naming.values(), *others[:first], *others[max(len(others) - (room - first), first) :]]
    return tuple(sorted(kept, key=lambda e: e.key))


def redated_evidence(known: tuple[Evidence, ...], redated: Redated) -> tuple[Evidence, ...]:
    """Return the evidence of a re-dated opening, with what joined it later.

    After a withdrawal the former opening's evidence is no more: what was withdrawn is among it.
    """
    last = max((e.key for e in redated.evidence), default=None)
    new = {(e.desk, e.id) for e in redated.evidence}
    joined = (
        e
        for e in known
        if (e.desk, e.id) not in new
        and (redated.reason not in ("corrected", "refuted") or (last is not None and e.key > last))
    )
    return (*redated.evidence, *joined)


AlertStatus = Literal["open", "acknowledged", "resolved"]
NotificationState = Literal["pending", "sending", "sent", "delivered", "failed", "cancelled", "suppressed"]
FINAL: frozenset[NotificationState] = frozenset(("delivered", "failed", "cancelled", "suppressed"))
WENT_OUT: frozenset[NotificationState] = frozenset(("sent", "delivered"))
NoticeKind = Literal[
    "first",
    "step",
    "reminder",
    "expiry",
    "taken_by",
    "delegated",
    "correction",
    "resolved",
    "reopened",
    "digest",
    "unreachable",
    "reply",
    "situation",
    "contact_change",
]
NOTICES: frozenset[NoticeKind] = frozenset(("first", "step", "delegated", "digest", "unreachable"))
"""Kinds that tell a person of the alert (docs/specification/escalation.md#message-kinds); the others follow up."""
ALONE: frozenset[NoticeKind] = frozenset(("reply", "situation", "contact_change"))
"""Kinds that belong to no alert: a reply to a text, a report on the situation, and the notice to a person that one of
their contacts changes. No gate holds them."""
AFTER_CLOSING: frozenset[NoticeKind] = frozenset(("resolved", "correction", "reply"))
"""Kinds that are still wanted when the alert is resolved."""
EVIDENCE_KEPT = 60
"""An alert keeps its first and newest evidence, this many in all, and never fewer than one event for each office that
the evidence names; the group's state keeps what judging needs."""


class RuleWords(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What people are told of the rule, frozen at opening with its version and who brought that into force.

    `author` and `approved_by` are empty where the version came with the first start.
    """

    id: str
    version: str
    title: str
    short_title: str
    owner: str = ""
    why: str = ""
    guide: str = ""
    condition: str = ""
    relation: str = ""
    within: Millis | None = None
    author: str = ""
    approved_by: str = ""


class Run(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One started step: which (from 1) of which round (from 1), when, until when its wait lasts, who must take it.

    `over`: the wait ended while the alert was acknowledged and nothing followed, so that the clock stands.
    """

    step: int
    round: int
    started_at: Instant
    ends_at: Instant
    recipients: tuple[str, ...] = ()
    informed: tuple[str, ...] = ()
    over: bool = False


class Postponed(msgspec.Struct, frozen=True, kw_only=True):
    """A start that the policy's quiet hours put off: of which step and round, until when."""

    step: int
    round: int
    until: Instant


class Taking(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person took the matter: when, by which way, how sure we are (grade 1-4), and the operator of a proxy answer.

    `entry` is the number of the history entry that says so. `renewed_at` is when the person last said so again while it
    was theirs.
    """

    person: str
    at: Instant
    via: str
    grade: int
    entry: int = 0
    operator: str = ""
    renewed_at: Instant | None = None


class Delegation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`giver` passed the matter on to `delegate`, whose taking counts for both.

    `entry` is the number of the history entry that says so. `suffices`: a taking by the delegate meets every need,
    because one by the giver would have.
    """

    giver: str
    delegate: str
    entry: int
    suffices: bool = False


class Alert(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a person must deal with; at most one unresolved per (rule, group, space).

    `runs` are the steps started so far, the last one current; `takings` those that count now. `wake_at` is the instant
    at which something falls due though nothing happens. `floor` is the newest evidence in event order. `history` is the
    number of entries and `head` the digest of the newest. `notifications` are their ids. Messages that ask to act are
    superseded where a history entry below number `superseded` caused them. `hidden` is the rule of `hide_while` that
    hides it, as long as it does, or `before_rule`. `silenced` is the silence that covers it. `cover_changes_at` is when
    either must be looked at again. `sides` are what a figure of two figures is made of. `tell_again` is the rule's,
    frozen at opening; `figure_told` the figure of which people were told last, `told_again` how often time alone told
    them in a row. `late`: its condition came true long before it opened. `keys` are those of the newest commands that
    people gave with one.
    """

    id: str
    space: str
    group: str
    region: str
    ordinal: int
    rule: RuleWords
    policy: Policy
    status: AlertStatus
    level: int
    happened_at: Instant
    detected_at: Instant
    evidence: tuple[Evidence, ...]
    evidence_count: int
    floor: EventKey
    figure: float | None = None
    limit: float | None = None
    sides: Sides | None = None
    window: tuple[Instant, Instant] | None = None
    runs: tuple[Run, ...] = ()
    postponed: Postponed | None = None
    policy_informed: bool = False
    takings: tuple[Taking, ...] = ()
    acknowledged_at: Instant | None = None
    acknowledged_by: str = ""
    expires_at: Instant | None = None
    remind_at: tuple[Instant, ...] = ()
    seen: tuple[str, ...] = ()
    also_taken: tuple[str, ...] = ()
    delegations: tuple[Delegation, ...] = ()
    declined: tuple[str, ...] = ()
    late: bool = False
    exhausted_at: Instant | None = None
    nobody: bool = False
    superseded: int = 0
    tell_again: TellAgain = TellAgain()
    figure_told: float | None = None
    told_again: int = 0
    told_again_at: Instant | None = None
    hide_while: tuple[str, ...] = ()
    hidden: str = ""
    silenced: str = ""
    cover_changes_at: Instant | None = None
    resolved_at: Instant | None = None
    resolved_reason: str = ""
    resolved_by: str = ""
    undone: str = ""
    reopened_at: Instant | None = None
    reopened_by: str = ""
    wake_at: Instant | None = None
    notifications: tuple[str, ...] = ()
    history: int = 0
    head: str = ""
    keys: tuple[str, ...] = ()

    @property
    def unresolved(self) -> bool:
        """Open or acknowledged."""
        return self.status != "resolved"

    @property
    def exercise(self) -> bool:
        """Whether it is of an exercise: nothing of it really happened."""
        return self.space == "exercise"

    @property
    def current(self) -> Run | None:
        """The step that was started last."""
        return self.runs[-1] if self.runs else None


class Rendered(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message as it was rendered when the notification was claimed; every attempt sends exactly this.

    `{{token}}` stands where the answer link's token goes: the token is derived again at each attempt, never stored.
    """

    to: str
    text: str
    subject: str = ""
    html: str = ""
    date: str = ""
    reference: str = ""
    headers: dict[str, str] = {}


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One message that a digest stands for, and of which alert it is."""

    alert: str
    notification: str


class Notification(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The decision to tell one person on one contact of one alert.

    They are told as `role` at `office`, which is held as `status` says, in a `capacity` of `core.alerting.directory`.
    `cause` is the id of the history entry that caused it. `due_at` is when it is to be sent (or looked at again);
    None once final. `held` says what keeps a pending one back. `informing` marks people who need not act.
    `instead_of` is the failed notification to another contact of the person that this one replaces. `returned` marks a
    `delegated` that goes back to the giver, `exercise` one of an exercise. A `digest` stands for the messages of its
    `items`, in their order, and is of no single alert; they name it as `digest` and share its fate.
    """

    id: str
    alert: str
    kind: NoticeKind
    person: str
    contact: str
    channel: Channel
    cause: str
    planned_at: Instant
    level: int
    region: str
    language: str = "id"
    role: str = ""
    office: str = ""
    capacity: str = ""
    status: Holding = "definitif"
    informing: bool = False
    step: int = 0
    round: int = 0
    state: NotificationState = "pending"
    reason: str = ""
    held: str = ""
    due_at: Instant | None = None
    attempts: int = 0
    rendered: Rendered | None = None
    gateway: str = ""
    reference: str = ""
    sent_at: Instant | None = None
    instead_of: str = ""
    returned: bool = False
    exercise: bool = False
    digest: str = ""
    items: tuple[Item, ...] = ()

    @property
    def entry(self) -> int:
        """The number of the history entry that caused it."""
        return int(self.cause.rpartition(".")[2])

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in FINAL


class HistoryEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened to an alert. Holds ids, numbers and digests, never names, addresses or free text.

    `number` counts from 1 within the alert, `before` is the digest of the entry before, `digest` its own over all
    other fields: a chain. `by` is the id of the credential that caused it, such as `token:4be1a2c3d4` or
    `service:escalator`; empty in entries of before credentials were kept.
    """

    alert: str
    number: int
    name: str
    at: Instant
    reason: str = ""
    person: str = ""
    details: dict[str, Scalar] = {}
    before: str = ""
    digest: str = ""
    by: str = ""

    @property
    def id(self) -> str:
        """The entry's id, from which the ids of what it caused are derived."""
        return f"{self.alert}.{self.number}"
