"""Proposals: changes that one credential proposes and the credential of another person approves.

A proposal waits in the inbox until somebody approves, rejects or withdraws it, or until it lapses. Its record, its
place in the lists, its end in the schedule, and what its approval changes stand in one write. The audit has each step
with its credential. Changes of contacts count by themselves where nobody objects (`people.contact_changes`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from engine.clock import Clock
from engine.core.alerting.credential import Credential, may_approve
from engine.core.alerting.silence import SilenceWish, root_of
from engine.core.judging.instant import DAY, Millis
from engine.core.judging.region import NATION
from engine.escalation.silences import Silences
from engine.people.contact_changes import ContactChanges
from engine.people.proposal_records import (
    DECIDED,
    LAPSES_AFTER,
    LAPSING,
    LONGEST_REASON,
    MOST_WAITING,
    PROPOSALS,
    WAITING,
    ChangeProposal,
    Decided,
    DecidedMeanwhileError,
    End,
    FoundProposal,
    ProposalRecords,
    ProposalResult,
    Subject,
)
from engine.people.tokens import Scope
from engine.people.users import TABLE as USERS
from engine.people.users import User
from engine.records.rule_set_diff import Approved, Preview
from engine.records.rule_sets import RULE_SETS, RuleSet, fetch_rule_set, put_of
from engine.records.runtime_config import RuntimeConfig
from engine.records.tolerant_read import readable, readable_of
from engine.rule_sets.rollout import RuleSetRollout
from engine.runtime.keys import Keys
from engine.store.codec import encode
from engine.store.port import Committed, Place, Plan, Put, Store, Write

ALERTS_KEPT = 50
"""So many open alerts of a preview are kept with a proposal."""


class ProposedRules(NamedTuple):
    """What a rule set would change, and the proposal that waits; None where it is in force already."""

    looked: Approved
    proposal: ChangeProposal | None


class ProposalPage(NamedTuple):
    """Some proposals, and the place behind which the next page begins; None at the end."""

    proposals: list[ChangeProposal]
    after: Place | None


class Proposals:
    """The inbox of an installation."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        books: RuntimeConfig,
        approval: RuleSetRollout,
        silences: Silences,
        *,
        keys: Keys,
        objection: Millis = DAY,
    ) -> None:
        """`objection`: so long a person's other contacts may object to a change of one of them, in milliseconds."""
        self._silences = silences
        self._store = store
        self._clock = clock
        self._books = books
        self._approval = approval
        self._records = ProposalRecords(store, clock, books)
        self.contacts = ContactChanges(store, clock, books, self._records, keys, objection)

    # --- reading ------------------------------------------------------------------------------------------------------

    async def get(self, id_: str) -> ChangeProposal | None:
        """Return a proposal; None where there is none of this id."""
        found = await self._find(id_)
        return found and found.proposal

    async def page(
        self,
        sees: Callable[[ChangeProposal], bool],
        limit: int,
        after: Place | None = None,
        *,
        decided: bool = False,
    ) -> ProposalPage:
        """Return what waits, oldest first, or what was decided, latest first, as far as `sees` says yes.

        A page may be short and yet have a next one.
        """
        members = await self._store.page(DECIDED if decided else WAITING, limit, after, latest_first=decided)
        ids = [id_ for id_, _ in members]
        records = await self._store.get(PROPOSALS, ids) if ids else []
        kept = readable_of(PROPOSALS, ids, records, ChangeProposal).values()
        end = Place(members[-1][1], members[-1][0]) if len(members) == limit else None
        return ProposalPage([one for one in kept if sees(one)], end)

    async def waiting(self) -> list[ChangeProposal]:
        """Return all that waits, oldest first: a bounded number."""
        return await self._records.waiting()

    async def rule_sets_of(self, proposal: ChangeProposal) -> tuple[RuleSet, RuleSet] | None:
        """Return the rule sets before and after a proposal of rules; None where one is not kept any more."""
        if proposal.subject.kind != "rules":
            return None
        ids = [proposal.base, proposal.subject.rule_set]
        if None in await self._store.get(RULE_SETS, ids):
            return None
        before, after = [await fetch_rule_set(self._store, id_) for id_ in ids]
        return before, after

    async def waiting_for(self, scope: Scope) -> list[ChangeProposal]:
        """Return what waits that a token or user may decide on and did not propose, oldest first."""
        waiting = await self.waiting()
        return [one for one in waiting if one.seen_by(scope) and not one.is_of(scope.credential)]

    async def approvers(self, proposal: ChangeProposal) -> list[str]:
        """Return the ids of the users who may approve a proposal: enabled, of another person, with right and region."""
        users = readable(USERS, await self._store.scan(USERS), User).values()
        return sorted(
            user.id
            for user in users
            if user.disabled_at is None
            and proposal.seen_by(user.scope)
            and not proposal.is_of(user.scope.credential)
        )

    # --- proposing ----------------------------------------------------------------------------------------------------

    async def propose_rules(self, rule_set: RuleSet, by: Credential) -> ProposedRules:
        """Let a rule set wait for somebody else; one that is in force already is no proposal."""
        looked = await self._approval.compare(rule_set, str(by))
        if looked.outcome == "no_difference":
            return ProposedRules(looked, None)
        draft = ChangeProposal(
            id="",
            subject=Subject(rule_set=rule_set.id),
            by=by,
            at=0,
            lapses_at=0,
            base=looked.base,
            preview=_bounded(looked.preview),
        )
        return ProposedRules(looked, await self._propose(draft, (put_of(rule_set),)))

    async def roll_back(self, rule_set: str, by: Credential) -> ProposedRules | None:
        """Propose a rule set that was in force before; None where it is not kept any more."""
        if (await self._store.get(RULE_SETS, [rule_set]))[0] is None:
            return None
        return await self.propose_rules(await fetch_rule_set(self._store, rule_set), by)

    async def propose_silence(self, wish: SilenceWish, by: Credential) -> ChangeProposal:
        """Let a silence wait for somebody else; it lapses at its end at the latest."""
        regions = tuple(dict.fromkeys(root_of(one) for one in wish.match.region)) or (NATION,)
        draft = ChangeProposal(
            id="",
            subject=Subject(silence=wish),
            by=by,
            at=0,
            lapses_at=wish.until,
            regions=regions,
        )
        return await self._propose(draft)

    async def _propose(self, draft: ChangeProposal, puts: tuple[Put, ...] = ()) -> ChangeProposal:
        """Keep a proposal; the same one that waits already is returned as it is, so that a repeat adds nothing."""
        while True:
            id_, found = await self._records.same(draft, encode(draft.subject))
            if found is not None:
                return found.proposal
            await self._records.make_room(draft)
            now = self._clock.now()
            lapses_at = min(now + LAPSES_AFTER, draft.lapses_at or now + LAPSES_AFTER)
            made = msgspec.structs.replace(draft, id=id_, at=now, lapses_at=lapses_at)
            begun = self._records.begun(made)
            write = Write(name="propose", puts=(*puts, *begun.puts), plans=begun.plans, appends=begun.appends)
            if isinstance(await self._store.write(write), Committed):
                return made

    # --- deciding -----------------------------------------------------------------------------------------------------

    async def approve(self, id_: str, by: Credential, compared_with: str, yes: int = 0) -> Decided | None:
        """Let a proposal come true; None where there is none.

        `compared_with` is the base that `by` saw. Where that, or what is in force, is another one, the proposal is
        compared anew and waits. `yes`: so many people may be told at once.
        """
        while (found := await self._find(id_)) is not None:
            proposal = found.proposal
            if proposal.state != "waiting" or proposal.lapses_at <= self._clock.now():
                return Decided("not_waiting", proposal)
            if proposal.is_of(by):
                return Decided("one_person", proposal)
            if not may_approve(by):
                return Decided("nobodys", proposal)
            if proposal.subject.silence is not None:
                return await self._approve_silence(found, proposal.subject.silence, by)
            if proposal.subject.contact is not None:
                return await self.contacts.approve(found, proposal.subject.contact, by)
            decided = await self._approve_rules(found, by, compared_with, yes)
            if decided is not None:
                return decided
        return None

    async def _approve_rules(
        self, found: FoundProposal, by: Credential, compared_with: str, yes: int
    ) -> Decided | None:
        """Put the rule set of a proposal in force; None where something changed meanwhile, which is looked at again."""
        proposal = found.proposal
        rule_set = await fetch_rule_set(self._store, proposal.subject.rule_set)
        looked = await self._approval.compare(rule_set, str(by))
        if looked.outcome == "no_difference":
            over = await self._records.settle(found, "lapsed", by, "already_in_force")
            return over and Decided("over", over.proposal, looked)
        if proposal.base != looked.base:
            return await self._compare_anew(found, looked, by)
        if compared_with != proposal.base:
            return Decided("asked_anew", proposal, looked)
        settled = self._records.settled(found, "approved", by)
        looked = await self._approval.put_in_force(
            rule_set,
            looked,
            author=str(proposal.by),
            approved_by=str(by),
            yes=yes,
            further=self._records.ending(settled, found.version, "approved", by),
        )
        if looked.outcome == "too_many_told":
            return Decided("too_many_told", proposal, looked)
        return None if looked.outcome == "changed_meanwhile" else Decided("approved", settled, looked)

    async def _approve_silence(self, found: FoundProposal, wish: SilenceWish, by: Credential) -> Decided:
        """Make the silence of a proposal, from now on at the earliest."""
        settled, done = self._records.when_ended(found, "approved", by)
        try:
            await self._silences.make_approved(wish, by=found.proposal.by, approved_by=by, settled=settled)
        except DecidedMeanwhileError:
            return Decided("not_waiting", await self.get(found.proposal.id) or found.proposal)
        return Decided("approved", done[0])

    async def _compare_anew(self, found: FoundProposal, looked: Approved, by: Credential) -> Decided | None:
        """Keep what a proposal would change now; whoever decides looks at it again."""
        anew = msgspec.structs.replace(found.proposal, base=looked.base, preview=_bounded(looked.preview))
        committed = await self._records.change(found, anew, "compared", by)
        return Decided("asked_anew", anew, looked) if committed else None

    async def reject(self, id_: str, by: Credential, reason: str) -> Decided | None:
        """End a proposal of somebody else, with a reason; None where there is none. Of one's own it is withdrawn."""
        while (found := await self._find(id_)) is not None:
            proposal = found.proposal
            own = proposal.is_of(by)
            if proposal.state != "waiting":
                return Decided("not_waiting", proposal)
            if not reason and not own:
                return Decided("no_reason", proposal)
            end: End = "withdrawn" if own else "rejected"
            result: ProposalResult = "withdrawn" if own else "rejected"
            change = proposal.subject.contact
            if change is not None and change.is_done:
                settled = await self.contacts.undo(found, change, end, by, reason[:LONGEST_REASON])
            else:
                settled = await self._records.settle(found, end, by, reason[:LONGEST_REASON])
            if settled is not None:
                return Decided(result, settled.proposal)
        return None

    async def turn(self) -> int:
        """Let changes of contacts count that nobody objected to, and let go of what nobody decided on in time.

        Return how many proposals were due.
        """
        due = await self._store.due(PROPOSALS, self._clock.now(), MOST_WAITING)
        for id_, at in due:
            found = await self._find(id_)
            if found is None or found.proposal.state != "waiting":
                write = Write(name="decide_proposal", plans=(Plan(PROPOSALS, id_, None, at),))
                await self._store.write(write)
            elif (change := found.proposal.subject.contact) is not None:
                await self.contacts.fall_due(found, change)
            else:
                await self._records.settle(found, "lapsed", LAPSING)
        return len(due)

    async def _find(self, id_: str) -> FoundProposal | None:
        return await self._records.find(id_)


def _bounded(preview: Preview | None) -> Preview | None:
    """Return a preview as it is kept: with the first of its open alerts."""
    if preview is None:
        return None
    return msgspec.structs.replace(preview, open_alerts=preview.open_alerts[:ALERTS_KEPT])
