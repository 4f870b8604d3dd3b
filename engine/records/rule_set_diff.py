"""A revision: what differs between two rule sets, and what following one with the other would change.

Here: a pure comparison, and which differences change how a rule judges. Not here: reading either, and what follows
(`rule_sets.rule_files`, `evaluation.activation`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from engine.core.alerting.alert import Alert
from engine.core.judging.instant import Instant
from engine.core.judging.rule import Rule
from engine.documents.finding import Finding
from engine.records.rule_sets import RuleSet

WORDS = (
    "title",
    "short_title",
    "owner",
    "why",
    "guide",
    "levels",
    "by_severity",
    "tell_again",
    "hide_while",
    "escalate",
    "version",
    "source",
)
"""Fields of a rule that change what people are told, and nothing of when an alert ought to be open."""

KEYS = {
    "levels": "level",
    "by_severity": "level",
    "condition": "alert_when",
    "clear": "clear_when",
    "start_again": "after_opening",
    "effective_from": "effective",
    "effective_until": "effective",
}
"""Keys of the language whose fields have another name."""

KeptReason = Literal["rule_changed", "rule_removed", "policy_changed"]
"""Why an open alert differs from what would be opened now."""


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """The differences by ids.

    `changed` tells which keys of a rule; `rebuilt` are the rules that must see the past anew, or first.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: Mapping[str, tuple[str, ...]] = {}
    policies: tuple[str, ...] = ()
    stages: bool = False
    rebuilt: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is no difference."""
        return not (self.added or self.removed or self.changed or self.policies or self.stages)


def revision(before: RuleSet, after: RuleSet) -> Revision:
    """Return how one rule set differs from another."""
    old, new = before.rules, after.rules
    both = sorted(old.keys() & new.keys())
    fields = {id_: found for id_ in both if (found := _differing(old[id_], new[id_]))}
    added = tuple(sorted(new.keys() - old.keys()))
    policies = before.policies.keys() | after.policies.keys()
    return Revision(
        added=added,
        removed=tuple(sorted(old.keys() - new.keys())),
        changed={id_: tuple(dict.fromkeys(KEYS.get(f, f) for f in found)) for id_, found in fields.items()},
        policies=tuple(sorted(p for p in policies if before.policies.get(p) != after.policies.get(p))),
        stages=before.calendar.stages != after.calendar.stages,
        rebuilt=tuple(sorted((*added, *(id_ for id_, found in fields.items() if set(found) - set(WORDS))))),
    )


def keeping(found: Revision, after: RuleSet, alert: Alert) -> KeptReason | None:
    """Say why an open alert keeps what is not in force any more; None where nothing of it differs."""
    if alert.rule.id in found.removed:
        return "rule_removed"
    if alert.rule.id in found.changed:
        return "rule_changed"
    known = alert.rule.id in after.rules
    return "policy_changed" if known and alert.policy.id in found.policies else None


def _differing(old: Rule, new: Rule) -> tuple[str, ...]:
    if old.version == new.version:
        return ()
    fields = (name for name in Rule.__struct_fields__ if name not in ("version", "source"))
    return tuple(name for name in fields if getattr(old, name) != getattr(new, name))


ApprovalOutcome = Literal[
    "at_once",
    "after_the_past",
    "previewed",
    "no_difference",
    "invalid",
    "too_many_told",
    "changed_meanwhile",
]
"""What became of a wish: on its way (at once, or when its rules have seen the past), only looked at, or refused.
`changed_meanwhile`: another rule set came into force, or somebody else decided; nothing was written."""


REFUSED: tuple[ApprovalOutcome, ...] = ("invalid", "too_many_told", "changed_meanwhile")


ACCEPTED: tuple[ApprovalOutcome, ...] = ("at_once", "after_the_past")


class OpenAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An open alert that keeps what is not in force any more, and why."""

    id: str
    rule: str
    group: str
    reason: KeptReason


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule set would change now.

    `told` people would be told at once; `opened` and `hidden` count by rule the alerts that would open, told or only
    recorded. `judges_from`: rules that see all they need only from then on, since less is stored.
    """

    revision: Revision
    open_alerts: tuple[OpenAlert, ...] = ()
    told: int = 0
    opened: Mapping[str, int] = {}
    hidden: Mapping[str, int] = {}
    judges_from: Mapping[str, Instant] = {}


class Approved(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the wish to put a rule set in force. `findings` are the errors and warnings of its files.

    `base` is the rule set in force that it was compared with, and `base_version` the version of that record.
    """

    outcome: ApprovalOutcome
    rule_set: str = ""
    base: str = ""
    base_version: int = 0
    preview: Preview | None = None
    findings: tuple[Finding, ...] = ()
