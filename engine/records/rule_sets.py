"""Rule sets in the store: their contents, which one is in force since when and by whom, and which one follows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from engine.core.alerting.case_editor import NO_STAGES
from engine.core.alerting.credential import START
from engine.core.alerting.policy import Policy
from engine.core.judging.calendar import Calendar, Stage
from engine.core.judging.instant import Instant
from engine.core.judging.rule import Rule, rules_counted_by
from engine.documents.rules.rules import words_of
from engine.errors import SiagaError, StoreError
from engine.records.audit_log import AuditEntry, append_audit, digest_of_contents
from engine.records.tolerant_read import readable_entries
from engine.store.codec import decode, decode_record, encode
from engine.store.port import Append, Drop, Entry, Note, Place, Put, Store, Write

RULE_SETS = "rule_sets"
"""Table of rule sets by their id."""
RULES = "rules"
"""Table with the records `in_force`, `pending` (a proposal whose rules see the past first) and `progress` (of that)."""
RELOADS = "reloads"
"""Log of what was put in force, oldest first."""
ENTRY = "rules"
"""Type of the entry of the stream at which a rule set follows another."""


class RuleSet(msgspec.Struct, frozen=True):
    """The rules and policies in force, by id, and the calendar they speak of."""

    rules: Mapping[str, Rule]
    policies: Mapping[str, Policy]
    calendar: Calendar = NO_STAGES

    @property
    def counted(self) -> frozenset[str]:
        """The ids of the rules whose alerts are the condition of another one."""
        return frozenset(id_ for rule in self.rules.values() for id_ in rules_counted_by(rule))

    @property
    def id(self) -> str:
        """A hash of all it says; where in its files a rule stands says nothing."""
        rules = sorted((rule.id, rule.version) for rule in self.rules.values())
        said = (rules, self.policies, self.calendar.stages)
        return hashlib.sha256(msgspec.json.encode(said, order="deterministic")).hexdigest()[:16]


class LookAlikeError(SiagaError):
    """Other rules have the id or version of rules that are known: what people looked at is not what they say."""


async def refuse_look_alike(store: Store, after: RuleSet, before: RuleSet) -> None:
    """Raise `LookAlikeError` where a rule set passes for another by its id, or a rule for one in force by its version.

    Versions are short: of two rules with the same one, made on purpose, a comparison would show no difference.
    """
    record = (await store.get(RULE_SETS, [after.id]))[0]
    kept = (
        None if record is None else _rule_set(decode_record(RULE_SETS, after.id, record.value, StoredRuleSet))
    )
    for other in (before, kept):
        if other is None:
            continue
        for id_, rule in after.rules.items():
            same = other.rules.get(id_)
            if same is None or same.version != rule.version or same == rule:
                continue
            if words_of(same) != words_of(rule):
                raise LookAlikeError(f"another rule {id_} has the version {rule.version}: change its words")
    if kept is not None and (kept.policies, kept.calendar.stages) != (
        dict(after.policies),
        after.calendar.stages,
    ):
        raise LookAlikeError(f"another rule set has the id {after.id}: change its words")


class StoredRuleSet(msgspec.Struct, frozen=True):
    """What a record of a rule set holds."""

    rules: tuple[Rule, ...]
    policies: dict[str, Policy]
    stages: tuple[Stage, ...]


class Tenure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a rule came to be in force as it is: by whom, and since when.

    `author` and `approved_by` brought this version; empty: the first start did. `loaded_at` is when the id was loaded
    first: silences and deadlines count from then. What was over `before` that instant is hidden; None: nothing is.
    """

    version: str
    author: str = ""
    approved_by: str = ""
    loaded_at: Instant | None = None
    before: Instant | None = None


class InForce(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The rule set in force: its id, who put it in force and when, and the tenure of each rule, of former ones too."""

    rule_set: str
    author: str = ""
    approved_by: str = ""
    at: Instant | None = None
    tenures: dict[str, Tenure] = {}


class Proposal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A rule set that is to follow, and who wants it.

    `groups` (`space|rule|group`) are judged anew, whether their rule changes or not. With groups alone `rule_set` is
    empty: the rule set in force stays.
    """

    rule_set: str
    author: str = ""
    approved_by: str = ""
    groups: tuple[str, ...] = ()


class ActivationProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far the rules of a proposal have seen the past: which share of the time that is stored, 0 to 1."""

    rule_set: str
    share: float


def put_of(rule_set: RuleSet) -> Put:
    """Return what keeps a rule set."""
    return Put(RULE_SETS, rule_set.id, pack_rule_set(rule_set))


def pack_rule_set(rule_set: RuleSet) -> bytes:
    """Return a rule set as it is kept."""
    return encode(
        StoredRuleSet(tuple(rule_set.rules.values()), dict(rule_set.policies), rule_set.calendar.stages)
    )


def unpack_rule_set(kept: bytes) -> RuleSet:
    """Return the rule set that was kept so."""
    return _rule_set(decode(kept, StoredRuleSet))


def _rule_set(stored: StoredRuleSet) -> RuleSet:
    return RuleSet({rule.id: rule for rule in stored.rules}, stored.policies, Calendar(stored.stages))


async def fetch_rule_set(store: Store, id_: str) -> RuleSet:
    """Return a rule set that is kept; raise `StoreError` where there is none of this id."""
    record = (await store.get(RULE_SETS, [id_]))[0]
    if record is None:
        raise StoreError(f"the store keeps no rule set {id_}")
    return _rule_set(decode_record(RULE_SETS, id_, record.value, StoredRuleSet))


def note_of(proposal: Proposal, at: Instant) -> Note:
    """Return the entry of the stream at which a proposal comes into force."""
    return Note(ENTRY, msgspec.json.encode(proposal), at)


def proposal_of(entry: Entry) -> Proposal:
    """Return what an entry `rules` says."""
    return _PROPOSAL.decode(entry.values[0])


def up_to_next(entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries before the first that changes the rules; that one alone where it comes first."""
    found: list[Entry] = []
    for entry in entries:
        if entry.type == ENTRY:
            return found or [entry]
        found.append(entry)
    return found


def first_rule_set_write(rule_set: RuleSet, at: Instant) -> Write:
    """Return the write that puts a rule set in force in a store that has none; it loses where another came first."""
    in_force = InForce(
        rule_set=rule_set.id,
        at=at,
        tenures={rule.id: Tenure(version=rule.version, loaded_at=at) for rule in rule_set.rules.values()},
    )
    return Write(
        name="first_rules",
        puts=(put_of(rule_set), Put(RULES, "in_force", encode(in_force), 0)),
        appends=came_into_force(in_force),
        note=note_of(Proposal(rule_set=rule_set.id), at),
    )


def came_into_force(in_force: InForce) -> tuple[Append, ...]:
    """Return what the log of reloads and the audit say of a rule set that came into force; `START` had the first."""
    value = encode(in_force)
    who = f"{in_force.author}/{in_force.approved_by}".strip("/") or str(START)
    done = AuditEntry(in_force.at or 0, "rules", in_force.rule_set, digest_of_contents(value), who)
    return Append(RELOADS, (value,)), append_audit(done)


def at_once(rule_set: RuleSet, proposal: Proposal, at: Instant) -> Write:
    """Return the write that lets a rule set follow at the end of the stream as it is now; one that waited gives way."""
    return Write(
        name="reload",
        puts=(put_of(rule_set),),
        drops=(Drop(RULES, "pending"),),
        note=note_of(proposal, at),
    )


def after_the_past(rule_set: RuleSet, proposal: Proposal) -> Write:
    """Return the write that lets a rule set follow as soon as its new rules have seen the past."""
    return Write(
        name="reload",
        puts=(put_of(rule_set), Put(RULES, "pending", encode(proposal))),
        drops=(Drop(RULES, "progress"),),
    )


_PROPOSAL = msgspec.json.Decoder(Proposal)


STEP = 50
"""So many entries of the log are read at first; four times as many where they do not suffice."""


class RuleHistoryPage(NamedTuple):
    """Some rule sets that were in force, the ids of those that are kept, and where the next page begins."""

    rule_sets: list[InForce]
    kept: frozenset[str]
    after: Place | None


async def page_of(store: Store, limit: int, after: Place | None = None) -> RuleHistoryPage:
    """Return up to `limit` rule sets that came into force before the place, the newest first."""
    count = STEP
    while True:
        entries = await store.log(RELOADS, -count)
        read = reversed(readable_entries(RELOADS, entries, InForce))
        found = [one for one in read if after is None or (one.at or 0, one.rule_set) < after]
        if len(found) > limit or len(entries) < count:
            break
        count *= 4
    page = found[:limit]
    ids = [one.rule_set for one in page]
    records = await store.get(RULE_SETS, ids) if ids else []
    kept = frozenset(id_ for id_, record in zip(ids, records, strict=True) if record is not None)
    further = Place(page[-1].at or 0, page[-1].rule_set) if len(found) > limit else None
    return RuleHistoryPage(page, kept, further)
