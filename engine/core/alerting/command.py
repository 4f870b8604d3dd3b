"""Commands: every request to change an alert, from any side.

Here: the values that `decide` takes beside the judgements. Not here: what they do (`core.alerting.decide`,
`core.alerting.answer`).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from engine.core.alerting.policy import Policy
from engine.core.judging.instant import Instant
from engine.core.judging.judgement import Judgement, Opened
from engine.core.judging.rule import Rule

Says = Literal["seen", "taken", "delegated", "declined", "resolved", "reopened"]
Via = Literal["link", "sms", "console", "api", "proxy"]
GRADES: dict[Via, int] = {"link": 3, "sms": 2, "console": 4, "api": 4, "proxy": 2}
"""How sure we are that it was the person. A sender's number can be forged; the link and the code cannot."""
WITHOUT_CODE = 1
"""The grade of an SMS that names no code: whoever knows the number could have sent it."""


class Open(msgspec.Struct, frozen=True, kw_only=True, tag="open"):
    """Judging opened a case: make the alert and start its policy; `before_rule` records it and tells nobody.

    `author` and `approved_by` brought the rule's version into force; empty: the first start did.
    """

    rule: Rule
    policy: Policy
    space: str
    group: str
    region: str
    ordinal: int
    opened: Opened
    author: str = ""
    approved_by: str = ""


class NoteRuleSetChange(msgspec.Struct, frozen=True, kw_only=True, tag="keep"):
    """A reload changed or removed the rule of the alert, or changed its policy: the alert keeps what it has.

    `version` is that of the rule in force now, empty where it was removed.
    """

    reason: Literal["rule_changed", "rule_removed", "policy_changed"]
    version: str = ""


class TimerDue(msgspec.Struct, frozen=True, kw_only=True, tag="wake"):
    """An instant was reached at which something of the alert falls due."""


class RecheckSilence(msgspec.Struct, frozen=True, kw_only=True, tag="cover"):
    """A silence that concerns the alert was made, began, ended or was ended: look whether one covers it now."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag="answer"):
    """What a person said of an alert.

    `to` is the delegate; `operator` who typed it in for them (via proxy); `notification` the message that it answers,
    where that is known: the link in a reminder renews, the same link again does not. `coded`: an SMS names the code
    that was sent to that phone; other ways need none. `confirmed`: the person was asked whether the alert is to be
    closed, and said yes again.
    """

    person: str
    says: Says
    via: Via
    operator: str = ""
    to: str = ""
    notification: str = ""
    note_digest: str = ""
    is_operator: bool = False
    coded: bool = True
    confirmed: bool = False

    @property
    def grade(self) -> int:
        """The evidence grade of the way it came."""
        return GRADES[self.via] if self.coded else WITHOUT_CODE


class EscalateNow(msgspec.Struct, frozen=True, kw_only=True, tag="escalate"):
    """A person wants the next step now. `key`, unless empty, is equal where the same command is given again.

    `coded` is as in `Answer`.
    """

    person: str
    is_operator: bool = False
    coded: bool = True
    key: str = ""


class Comment(msgspec.Struct, frozen=True, kw_only=True, tag="comment"):
    """A person remarks something; the text itself lies beside the history under its digest.

    `key`, unless empty, is equal where the same command is given again.
    """

    person: str
    note_digest: str
    key: str = ""


class PhoneCallMade(msgspec.Struct, frozen=True, kw_only=True, tag="called"):
    """Somebody of the duty desk called a person on the phone list (docs/specification/escalation.md#phone-list)."""

    person: str
    reached: bool
    operator: str = ""


class Attempted(msgspec.Struct, frozen=True, kw_only=True, tag="attempted"):
    """What came of handing a message to its gateway: accepted, or refused for a reason that may pass or not.

    `report_by` is when a missing delivery report counts as a failure (None: never). `attempts` is how many this stands
    for: a digest is tried for all its messages.
    """

    notification: str
    outcome: Literal["sent", "transient", "permanent"]
    gateway: str = ""
    reference: str = ""
    reason: str = ""
    retry_after: Instant | None = None
    report_by: Instant | None = None
    attempts: int = 1


class Reported(msgspec.Struct, frozen=True, kw_only=True, tag="reported"):
    """What a gateway said later of a message that it had accepted: a delivery report, or a bounce.

    `missing` is said by ourselves, when the time for a report is over. A gateway whose reports of failure are not to be
    trusted is not repeated here.
    """

    notification: str
    outcome: Literal["delivered", "failed", "missing"]
    gateway: str = ""
    reason: str = ""


class Withheld(msgspec.Struct, frozen=True, kw_only=True, tag="withheld"):
    """The check right before an attempt found that the message is not wanted any more.

    Specification: docs/specification/escalation.md#last-check.
    """

    notification: str


Command = (
    Open
    | Judgement
    | NoteRuleSetChange
    | TimerDue
    | RecheckSilence
    | Answer
    | EscalateNow
    | Comment
    | PhoneCallMade
    | Attempted
    | Reported
    | Withheld
)
