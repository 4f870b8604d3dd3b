"""Activation: how the evaluator goes from one rule set to the next.

It rebuilds the groups of new or changed rules from stored events, and switches in one write.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import takewhile
from typing import Literal

import msgspec
import structlog

from engine.clock import Clock, monotonic
from engine.core.alerting.case_editor import Decision, DecisionContext
from engine.core.alerting.command import NoteRuleSetChange
from engine.core.alerting.credential import EVALUATOR
from engine.core.alerting.decide import decide
from engine.core.alerting.internal_alerts import InternalAlertRequest
from engine.core.judging.condition import Bond
from engine.core.judging.correction import member_of, verdict
from engine.core.judging.group_evaluation import Group, newcomers_of, take_over
from engine.core.judging.group_key import GroupKey, key_of
from engine.core.judging.group_state import Circumstances, Point
from engine.core.judging.instant import MINUTE, Instant
from engine.core.judging.points import Points
from engine.core.judging.rule import Rule, rules_counted_by
from engine.core.judging.rule_dependency import BondGroup, Hearing, kind_of
from engine.core.judging.window import kept_for, latest_needed
from engine.errors import FencedError, SiagaError, StoreError, StoreUnavailableError, UnreadableRecordError
from engine.escalation.internal_alerts import ask
from engine.evaluation.batch import sort
from engine.evaluation.dependencies import Bonds
from engine.evaluation.group_context import GroupContexts
from engine.evaluation.group_recovery import recovered_state, with_its_alerts
from engine.evaluation.groups import GROUPS, Groups, Judged
from engine.evaluation.judgements import (
    Cases,
    GroupJudgements,
    GroupResult,
    JudgementCommitter,
    UndecidedError,
    closing_of,
    due_of,
    newest_alert,
)
from engine.evaluation.leadership import KeepLead, nothing_to_keep
from engine.intake.event_families import Arrived, Bearer, Families, FamilyChange, KnownEvents
from engine.matching.native import NativeMatcher
from engine.matching.rule_exception import variant_of
from engine.records.alert_repository import UNRESOLVED, Case, alerts_of, load
from engine.records.rule_set_diff import keeping, revision
from engine.records.rule_sets import (
    RULES,
    ActivationProgress,
    InForce,
    Proposal,
    RuleSet,
    Tenure,
    came_into_force,
    fetch_rule_set,
    note_of,
    proposal_of,
)
from engine.records.runtime_config import RuntimeConfig
from engine.store.archive.history import EventHistory
from engine.store.codec import decode_record, encode
from engine.store.port import START, Append, Drop, Entry, Plan, Put, Record, Store, Write, order_of

AT_ONCE = 5
"""Entries gone through in one step, of at most 200 events each: judging goes on after some 40 milliseconds."""
AHEAD = 10 * MINUTE
"""An event may have been received this long before it occurred, at most: clocks of desks run ahead."""


class Rebuild:
    """Goes through the past for some rules, up to wherever it is told."""

    def __init__(self, store: Store, history: EventHistory, rules: Sequence[Rule], now: Instant) -> None:
        """Take the rules that see the past; `now` bounds what of it can matter to them."""
        self._store = store
        self._history = history
        self._rules = {rule.id: rule for rule in rules}
        self._matcher = NativeMatcher(tuple(rules))
        self._since = min((reaches_back(rule, now) for rule in rules), default=now)
        self._entries: AsyncGenerator[Entry] | None = None
        self._read: list[Entry] = []
        self._position = START
        self._began: Instant | None = None
        self._at: Instant = 0
        self.groups: dict[GroupKey, Points] = {}
        """What the rules would have kept, by group."""

    async def advance(self, cursor: str) -> bool:
        """Go some entries further; return whether all up to the cursor is done."""
        until = order_of(cursor)
        if order_of(self._position) >= until:
            return True
        if not self._read:
            self._read = await self._some()
        taken = list(takewhile(lambda entry: order_of(entry.position) <= until, self._read))
        self._read = self._read[len(taken) :]
        if not taken:
            return True
        await self._take(taken)
        self._position, self._at = taken[-1].position, taken[-1].received_at
        self._began = taken[0].received_at if self._began is None else self._began
        return self._position == cursor

    async def close(self) -> None:
        """Let go of the files it reads."""
        if self._entries is not None:
            await self._entries.aclose()

    async def _some(self) -> list[Entry]:
        """Return the next entries, whole requests, first of the history as it is and then of what came since."""
        found: list[Entry] = []
        if self._began is None and self._entries is None:
            self._entries = self._history.entries(self._since)
        if self._entries is not None:
            async for entry in self._entries:
                found.append(entry)
                if len(found) >= AT_ONCE and entry.last:
                    return found
            self._entries = None
        return found or await self._store.read(self._position, AT_ONCE)

    def share(self, now: Instant) -> float:
        """Return which share of the time it goes through is behind it, 0 to 1."""
        if self._began is None or now <= self._began:
            return 0.0
        return min(1.0, (self._at - self._began) / (now - self._began))

    async def judges_from(self, rule: Rule, now: Instant) -> Instant | None:
        """Return from when on a rule sees all that it needs; None: at once."""
        reach, whole_since = kept_for(rule.condition), await self._history.whole_since()
        return whole_since + reach if reach and whole_since > now - reach else None

    async def _take(self, entries: Sequence[Entry]) -> None:
        batch = await sort(entries, self._matcher, Review(self._store, self._history))
        for key, shares in batch.shares.items():
            rule = self._rules[key.rule]
            points = self.groups.setdefault(key, Points(()))
            for share in shares:
                points.withdraw(share.withdrawn)
                for key_of_point, point in newcomers_of(
                    rule,
                    share.arrivals,
                    share.clearing,
                    received_at=share.received_at,
                    known=points,
                    withdrawn=share.withdrawn,
                    fits=share.fits,
                ):
                    points.put(key_of_point, point)


class Review(Families):
    """Families looked at once more, long after: what a request changes by all that is known of its families by now."""

    def take(self, request: Sequence[Arrived]) -> FamilyChange:
        """Return which events of the request count, and which other ones of their families do not or do."""
        own = {(event.desk, event.id): member_of(event) for event, _ in request}
        concerned: set[str] = set()
        for event, position in request:
            known = self._known.setdefault(event.id, KnownEvents())  # beside any family there is no record
            member = own[event.desk, event.id]
            if all(bearer.member.name != member.name for bearer in known.bearers):
                known.bearers.append(Bearer(member, position))
            if member.names or known.named_by:
                concerned.add(event.id)
        family = [b.member for id_ in self._family(concerned) for b in self._of(id_).bearers]
        out = verdict(family).withdrawn
        counting = [not own[e.desk, e.id].refuted and (e.desk, e.id) not in out for e, _ in request]
        return FamilyChange(
            counting=[event for (event, _), true in zip(request, counting, strict=True) if true],
            withdrawn={name: reason for name, reason in out.items() if name not in own},
            returned=sorted(
                m.name for m in family if m.name not in own and m.name not in out and not m.refuted
            ),
        )


def reaches_back(rule: Rule, now: Instant) -> Instant:
    """Return the receipt of the earliest entry that can matter to a rule that comes into force now."""
    if latest_needed(rule.condition):
        return 0
    return now - kept_for(rule.condition) - rule.late_horizon - AHEAD


TOLD_EVERY_SECONDS = 0.5
"""How often the progress of a rebuild is written."""

log = structlog.get_logger(__name__)


class RefusedRulesError(SiagaError):
    """A proposal cannot be put in force: what is in force stays."""

    reason: Literal["raised", "unreadable"] = "raised"


class UnfitRulesError(RefusedRulesError):
    """Rules of a proposal raise when they see the past."""


class UnpreparedRulesError(RefusedRulesError):
    """The store cannot give what a proposal needs. This says nothing about its rules."""

    reason = "unreadable"


@contextmanager
def refusing() -> Iterator[None]:
    """Turn whatever the rules of a proposal raise into `UnfitRulesError`, and a `StoreError` into
    `UnpreparedRulesError`.

    A store that is away, or another evaluator that leads by now, says nothing about a proposal: the next turn tries it
    again.
    """
    try:
        yield
    except (StoreUnavailableError, RefusedRulesError, FencedError):
        raise
    except StoreError as error:
        raise UnpreparedRulesError from error
    except UndecidedError as error:
        cause = next(iter(error.raised.values()))
        raise (UnpreparedRulesError if isinstance(cause, StoreError) else UnfitRulesError) from cause
    except Exception as error:
        raise UnfitRulesError from error


class RuleSetSwitch:
    """One rule set that follows another, ready to be judged: from what, to what, and what the rules saw of the past."""

    def __init__(self, now: RuleSet, after: RuleSet, proposal: Proposal, rebuild: Rebuild) -> None:
        self.after = after
        self.proposal = proposal
        self.rebuild = rebuild
        self.revision = revision(now, after)
        self.groups = frozenset(map(key_of, proposal.groups))

    @property
    def rebuilt(self) -> set[str]:
        """The rules that see the past: those that are judged anew, and those of single groups that are."""
        named = {key.rule for key in self.groups if key.rule in self.after.rules}
        return {*self.revision.rebuilt, *named}

    def judges_anew(self, key: GroupKey) -> bool:
        """Say whether a group is judged anew by all that is stored of the past."""
        return key.rule in self.revision.rebuilt or key in self.groups


class RuleSetActivation:
    """The evaluator's part in a reload."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        books: RuntimeConfig,
        groups: Groups,
        backdrop: GroupContexts,
        history: EventHistory,
        *,
        keep: KeepLead = nothing_to_keep,
    ) -> None:
        """Take the parts. `keep` is asked before each group: many of them take longer than the lease lasts."""
        self._keep = keep
        self._store = store
        self._clock = clock
        self._books = books
        self._groups = groups
        self._backdrop = backdrop
        self._history = history
        self._ready: tuple[str, RuleSetSwitch] | None = None
        self._told_at = float("-inf")
        self.left_out: frozenset[GroupKey] = frozenset()
        """Groups that the newest switch left as they were, since a record they need cannot be read."""

    async def forget(self) -> None:
        """Forget what was made ready: another evaluator may have switched meanwhile."""
        if self._ready is not None:
            await self._ready[1].rebuild.close()
            self._ready = None

    async def prepare(self, cursor: str) -> int:
        """Let the rules of a waiting proposal see some more of the past; return 1 while there is one.

        Raises `RefusedRulesError` where that cannot be done.
        """
        record = self._books.pending
        if record is None:
            return 0
        with refusing():
            proposal = decode_record(RULES, "pending", record.value, Proposal)
            switch = await self._switch_to(proposal)
            if await self._advance(switch, cursor):
                await self._announce(proposal, record)
        return 1

    async def give_up(self, error: RefusedRulesError) -> None:
        """Take a waiting proposal off that cannot be put in force; the own alert is asked for in the same write."""
        record = self._books.pending
        if record is not None:
            drop = Drop(RULES, "pending", record.version)
            await self._store.write(
                Write(name="rules_refused", drops=(drop,), plans=(refusal(self._clock.now(), error),))
            )
        await self.forget()

    async def ready(self, entry: Entry, cursor: str) -> RuleSetSwitch | None:
        """Return the switch of an entry, None while its rules have not seen all of the past up to the cursor.

        Raises `RefusedRulesError` where that cannot be done.
        """
        with refusing():
            switch = await self._switch_to(proposal_of(entry))
            return switch if await self._advance(switch, cursor) else None

    async def _switch_to(self, proposal: Proposal) -> RuleSetSwitch:
        now = self._books.rule_set
        if (
            self._ready is None
            or self._ready[0] != self._books.in_force.rule_set
            or self._ready[1].proposal != proposal
        ):
            after = await fetch_rule_set(self._store, proposal.rule_set) if proposal.rule_set else now
            named = {key_of(member).rule for member in proposal.groups}
            wanted = sorted({*revision(now, after).rebuilt, *(named & after.rules.keys())})
            rules = [after.rules[id_] for id_ in wanted]
            await self.forget()
            rebuild = Rebuild(self._store, self._history, rules, self._clock.now())
            self._ready = self._books.in_force.rule_set, RuleSetSwitch(now, after, proposal, rebuild)
            if rules:
                log.info("rebuild_begins", rule_set=proposal.rule_set, rules=[rule.id for rule in rules])
        return self._ready[1]

    async def _advance(self, switch: RuleSetSwitch, cursor: str) -> bool:
        if not switch.rebuilt:
            return True
        done = await switch.rebuild.advance(cursor)
        if done or monotonic() - self._told_at >= TOLD_EVERY_SECONDS:
            self._told_at = monotonic()
            share = 1.0 if done else switch.rebuild.share(self._clock.now())
            progress = ActivationProgress(rule_set=switch.proposal.rule_set, share=share)
            await self._store.write(
                Write(name="rebuild_progress", puts=(Put(RULES, "progress", encode(progress)),))
            )
            log.info("rebuild", rule_set=switch.proposal.rule_set, share=round(share, 3))
        return done

    async def _announce(self, proposal: Proposal, record: Record) -> None:
        """Put the entry of the switch into the stream; nothing happens where another proposal came meanwhile."""
        write = Write(
            name="switch_announced",
            drops=(Drop(RULES, "pending", record.version),),
            note=note_of(proposal, self._clock.now()),
        )
        await self._store.write(write)

    # --- the switch itself ------------------------------------------------------------------------------------------

    async def work(self, switch: RuleSetSwitch) -> set[GroupKey]:
        """Return the groups that the switch concerns: of rules that are judged anew, and those with an open alert.

        A rule on rules that is judged anew hears of all groups of the rules that it looks at.
        """
        rebuilt = set(switch.revision.rebuilt)
        rules = switch.after.rules
        concerned = rebuilt.union(*(rules_counted_by(rules[id_]) for id_ in switch.rebuilt))
        known = [key_of(member) for member in await self._store.scan(GROUPS)] if switch.rebuilt else []
        found = {
            *(key for key in switch.rebuild.groups if switch.judges_anew(key)),
            *(key for key in known if key.rule in concerned and key.rule in rules),
            *(key for key in switch.groups if key.rule in rules),
        }
        return {*found, *(await self.kept(switch))}

    async def kept(self, switch: RuleSetSwitch) -> dict[GroupKey, Case]:
        """Return the open alerts that keep what is not in force any more, by their groups."""
        found = {}
        unresolved = list(await self._store.planned(UNRESOLVED))
        for case in (await load(self._store, unresolved, unreadable={})).values():
            if keeping(switch.revision, switch.after, case.alert) is not None:
                found[GroupKey(case.alert.space, case.alert.rule.id, case.alert.group)] = case
        return found

    async def judge(
        self, switch: RuleSetSwitch, at: Instant, keys: Collection[GroupKey]
    ) -> dict[GroupKey, GroupResult]:
        """Return what the switch makes of these groups; `at` is when the new rule set comes into force."""
        around = msgspec.structs.replace(await self._books.surroundings(), calendar=switch.after.calendar)
        kept = await self.kept(switch)
        remarks: dict[GroupKey, Cases] = {
            key: {kept[key].alert.id: ([self._remark(switch, kept[key], around)], kept[key])}
            for key in keys
            if key in kept
        }
        tenures = tenures_of(self._books.in_force, switch, at)
        left_out: set[GroupKey] = set()
        settled: dict[GroupKey, Cases] | None = None
        groups: dict[GroupKey, Group] = {}
        while settled is None:
            groups, said, cases = await self._groups_of(switch, tenures, at, keys, left_out)
            docket = JudgementCommitter(self._store, switch.after, tenures, around, self._clock.now())
            try:
                settled = await docket.decide(said, cases, remarks)
            except UndecidedError as error:
                if not all(isinstance(one, UnreadableRecordError) for one in error.raised.values()):
                    raise
                left_out |= error.raised.keys()
                for key in groups:
                    self._groups.spoil(key)
        self.left_out = frozenset(left_out)
        return {
            key: GroupResult(self._groups.taken_over(key, group), due_of(group), settled.get(key, {}))
            if (group := groups.get(key)) is not None
            else GroupResult(None, None, settled.get(key, {}), looked=False)
            for key in {*keys, *groups}
        }

    async def _groups_of(
        self,
        switch: RuleSetSwitch,
        tenures: Mapping[str, Tenure],
        at: Instant,
        keys: Collection[GroupKey],
        left_out: set[GroupKey],
    ) -> tuple[dict[GroupKey, Group], list[GroupJudgements], dict[str, Case]]:
        """Return the groups that change, what they say, and the cases of which they may speak.

        Whom others look at come first, so that a rule on rules hears of what they say now. Groups that need an
        unreadable record are added to `left_out`. A group that is judged anew needs no record of its own: its alerts
        tell what people know of it already.
        """
        rules = switch.after.rules
        bonds = Bonds(rules, self._books.namespace)
        done: set[GroupKey] = set()
        groups: dict[GroupKey, Group] = {}
        said: list[GroupJudgements] = []
        cases: dict[str, Case] = {}
        while left := {
            key
            for key in (*keys, *bonds.heard)
            if key.rule in rules and key not in done and key not in left_out
        }:
            depth = min(bonds.depths[key.rule] for key in left)
            now = sorted(key for key in left if bonds.depths[key.rule] == depth)
            await self._groups.fetch((*done, *now))
            left_out |= await self._unreadable(switch, now)
            newest = {
                key: newest_alert(self._books.namespace, key, self._groups.head(key))
                for key in now
                if key not in left_out
            }
            lost: dict[str, UnreadableRecordError] = {}
            cases |= await load(self._store, [alert for alert in newest.values() if alert], unreadable=lost)
            left_out |= {key for key, alert in newest.items() if alert in lost}
            for key in now:
                if key in left_out:
                    continue
                await self._keep()
                whole, heard = rules[key.rule], bonds.heard.get(key, ())
                rule = variant_of(whole, key.group, at)
                around = self._backdrop.made(key, whole, tenures.get(key.rule))
                if switch.judges_anew(key):
                    points = self._points(switch, rule, key, heard)
                    group = await self._take_over(points, rule, key, cases.get(newest[key] or ""), around, at)
                    judgements = group.look(now=at)
                else:
                    before = self._backdrop.before(whole)
                    group = await self._groups.working_copy(key, rule, around, before)
                    await self._groups.bring(key, group, earliest=None, received_at=at, whole=True)
                    judgements = group.hear(heard) if isinstance(group, BondGroup) else ()
                mine = [GroupJudgements(at, key, judgement) for judgement in judgements]
                judged = Judged(group, group.head())
                if switch.judges_anew(key) or self._groups.changed(key, judged):
                    groups[key] = group  # also what was heard without a word must be in the store
                bonds.tell(key, judged, mine, at=at, closed=None)
                said += mine
                done.add(key)
        return groups, said, cases

    async def _unreadable(self, switch: RuleSetSwitch, keys: Sequence[GroupKey]) -> set[GroupKey]:
        """Return which of these groups cannot be read and are not judged anew; the others get what can be recovered."""
        left_out: set[GroupKey] = set()
        for key in keys:
            fault = self._groups.fault(key)
            if fault is None and key not in switch.groups:
                continue
            if not switch.judges_anew(key):
                left_out.add(key)
                continue
            alerts = await alerts_of(self._store, self._books.namespace, key)
            if fault is None:
                self._groups.replace(key, with_its_alerts(await self._groups.state(key), alerts))
            elif fault.state is not None:
                state = msgspec.structs.replace(fault.state, points=())
                self._groups.replace_unreadable(key, with_its_alerts(state, alerts))
            else:
                self._groups.replace_unreadable(key, recovered_state(alerts))
        return left_out

    def _points(
        self, switch: RuleSetSwitch, rule: Rule, key: GroupKey, heard: Sequence[Hearing]
    ) -> Sequence[Point]:
        """Return what a group sees of the past: events, or the alerts of the rules that it looks at."""
        if isinstance(rule.condition, Bond):
            listener = BondGroup(rule)
            listener.hear(heard)
            return listener.points.rows
        past = switch.rebuild.groups.get(key)
        return past.rows if past else ()

    async def _take_over(
        self,
        points: Sequence[Point],
        rule: Rule,
        key: GroupKey,
        newest: Case | None,
        around: Circumstances,
        at: Instant,
    ) -> Group:
        return take_over(
            rule,
            points,
            await self._groups.state(key),
            before=at,
            around=around,
            unresolved=newest.alert.ordinal if newest is not None and newest.alert.unresolved else 0,
            closed=closing_of(newest),
            kind=kind_of(rule),
        )

    def _remark(self, switch: RuleSetSwitch, case: Case, around: DecisionContext) -> Decision:
        reason = keeping(switch.revision, switch.after, case.alert)
        rule = switch.after.rules.get(case.alert.rule.id)
        command = NoteRuleSetChange(reason=reason or "rule_changed", version=rule.version if rule else "")
        return decide(case.alert, case.notifications, command, around, self._clock.now(), by=EVALUATOR)

    def settled(self, switch: RuleSetSwitch, at: Instant) -> tuple[list[Put], list[Append]]:
        """Return what is written beside the groups: the rule set in force from now on, and that it came.

        Nothing where it is in force already, as at the entry of the first start.
        """
        before, proposal = self._books.in_force, switch.proposal
        if proposal.rule_set in ("", before.rule_set):
            return [], []
        in_force = InForce(
            rule_set=proposal.rule_set,
            author=proposal.author,
            approved_by=proposal.approved_by,
            at=at,
            tenures=tenures_of(before, switch, at),
        )
        return [Put(RULES, "in_force", encode(in_force))], list(came_into_force(in_force))


def refusal(at: Instant, error: RefusedRulesError) -> Plan:
    """Return the plan of the alert that rules were refused: for what they are, or for an unreadable record."""
    return ask(InternalAlertRequest("rules" if error.reason == "raised" else "unreadable"), at)


def tenures_of(before: InForce, switch: RuleSetSwitch, at: Instant) -> dict[str, Tenure]:
    """Return by whom and since when each rule is in force as it is once the switch is done; former rules' stay."""
    found, proposal = switch.revision, switch.proposal
    tenures = dict(before.tenures)
    for rule in switch.after.rules.values():
        former = before.tenures.get(rule.id)
        if rule.id in found.added or rule.id in found.changed:
            first = at if rule.id in found.added else None
            tenures[rule.id] = Tenure(
                version=rule.version,
                author=proposal.author,
                approved_by=proposal.approved_by,
                loaded_at=former.loaded_at if former else first,
                before=at if rule.id in found.rebuilt else former.before if former else None,
            )
    return tenures
