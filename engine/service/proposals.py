"""Proposals: changes that one credential proposes and the credential of another person approves.

A proposal waits in the inbox until somebody approves, rejects or withdraws it, or until it lapses. Its record, its
place in the lists, its end in the schedule, and what its approval changes stand in one write. The audit has each step
with its credential.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import msgspec

from engine.alerting.credential import Credential
from engine.alerting.directory import Contact, Contents
from engine.alerting.edit import marked, removed
from engine.alerting.four_eyes import may_approve, owner, same_person
from engine.alerting.identity import derive
from engine.alerting.silence import SilenceWish, root_of
from engine.clock import Clock
from engine.errors import SiagaError
from engine.judging.instant import DAY, HOUR, Instant, Millis
from engine.judging.region import NATION
from engine.service.approval import Approval, Approved, Preview
from engine.service.audit import AuditEntry, append_audit, digest_of_contents
from engine.service.books import Books
from engine.service.further import Further, Settled
from engine.service.readable import readable, readable_of
from engine.service.registry import NobodyLeftError, Registry
from engine.service.rule_sets import RULE_SETS, RuleSet, fetch, put_of
from engine.service.silences import Silences
from engine.service.tokens import Right, Scope
from engine.service.users import TABLE as USERS
from engine.service.users import User
from engine.store.codec import decode_record, encode
from engine.store.port import Append, Committed, Place, Plan, Put, Store, Write

PROPOSALS = "proposals"
"""Table of the proposals by id; also the schedule of those that wait, by the instant at which each lapses."""
WAITING, DECIDED = "proposals_waiting", "proposals_decided"
"""The lists: what waits, by when it was proposed, and what does not, by when it was decided."""
LAPSES_AFTER: Millis = 72 * HOUR
"""A proposal that nobody decided on ends then."""
KEPT: Millis = 400 * DAY
"""What was decided stays this long."""
MOST_WAITING, MOST_OF_ONE = 200, 20
"""So many proposals wait at most, in all and of one person."""
ALERTS_KEPT = 50
"""So many open alerts of a preview are kept with a proposal."""
LONGEST_REASON = 500
LAPSING = Credential("service", "proposals")
"""Ends what nobody decided on."""

Kind = Literal["rules", "silence", "contact"]
State = Literal["waiting", "approved", "rejected", "withdrawn", "lapsed"]
Step = Literal["proposed", "compared", "approved", "rejected", "withdrawn", "lapsed"]
Result = Literal[
    "approved",
    "rejected",
    "withdrawn",
    "not_waiting",
    "one_person",
    "nobodys",
    "asked_anew",
    "too_many_told",
    "no_reason",
    "over",
    "nobody_left",
]
"""What became of somebody's decision. `nobodys`: the credential is bound to no person. `asked_anew`: what is in force
is not what the proposal was compared with; it was compared again and waits. `over`: there is nothing left to change.
`nobody_left`: an alert would have nobody to tell."""


class ContactChange(msgspec.Struct, frozen=True, kw_only=True):
    """A contact of a person that is to count, since its code came back, or to be removed.

    `digest` is of the contact as it was proposed: of another address under the same id nothing was approved.
    """

    contact: str
    act: Literal["count", "remove"]
    digest: str


class Subject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a proposal is to change: a rule set, by its id, a silence, or a contact."""

    rule_set: str = ""
    silence: SilenceWish | None = None
    contact: ContactChange | None = None

    @property
    def kind(self) -> Kind:
        """Which kind of change it is."""
        if self.contact is not None:
            return "contact"
        return "rules" if self.silence is None else "silence"


class ChangeProposal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A proposal as it is kept.

    `by` proposed it: of a contact it is who added it, and `brought_by` who brought its code. Neither may approve.
    `base` names what the change was compared with: of rules the rule set that was in force. `regions` are those that it
    concerns: only who covers all of them sees it and decides. `told` and the other figures of `preview` are those of
    the newest comparison.
    """

    id: str
    subject: Subject
    by: Credential
    at: Instant
    lapses_at: Instant
    brought_by: Credential | None = None
    base: str = ""
    regions: tuple[str, ...] = (NATION,)
    preview: Preview | None = None
    state: State = "waiting"
    decided_by: Credential | None = None
    decided_at: Instant | None = None
    reason: str = ""

    def is_of(self, credential: Credential) -> bool:
        """Say whether a credential belongs to one of those who proposed it."""
        made = (self.by,) if self.brought_by is None else (self.by, self.brought_by)
        return any(same_person(one, credential) for one in made)

    def seen_by(self, scope: Scope) -> bool:
        """Say whether a token or user may see it and decide on it, if it is of another person."""
        right: Right = "policy" if self.subject.kind == "rules" else "operate"
        return right in scope.rights and all(scope.covers(region) for region in self.regions)


class Found(NamedTuple):
    """A proposal and the version of its record."""

    proposal: ChangeProposal
    version: int


class Decided(NamedTuple):
    """What became of a decision, the proposal as it is now, and of rules what was looked at."""

    result: Result
    proposal: ChangeProposal
    looked: Approved | None = None


class ProposedRules(NamedTuple):
    """What a rule set would change, and the proposal that waits; None where it is in force already."""

    looked: Approved
    proposal: ChangeProposal | None


class ProposalPage(NamedTuple):
    """Some proposals, and the place behind which the next page begins; None at the end."""

    proposals: list[ChangeProposal]
    after: Place | None


class TooManyProposalsError(SiagaError):
    """So many proposals wait that no further one is taken."""


class DecidedMeanwhileError(SiagaError):
    """Somebody else decided on a proposal while its change was written."""


class Proposals:
    """The inbox of an installation."""

    def __init__(
        self, store: Store, clock: Clock, books: Books, approval: Approval, silences: Silences
    ) -> None:
        self._silences = silences
        self._store = store
        self._clock = clock
        self._books = books
        self._approval = approval

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
        """Return all that waits, oldest first: at most `MOST_WAITING`."""
        if not (await self._store.sizes([WAITING]))[0]:
            return []
        return (await self.page(lambda _one: True, MOST_WAITING)).proposals

    async def rule_sets_of(self, proposal: ChangeProposal) -> tuple[RuleSet, RuleSet] | None:
        """Return the rule sets before and after a proposal of rules; None where one is not kept any more."""
        if proposal.subject.kind != "rules":
            return None
        ids = [proposal.base, proposal.subject.rule_set]
        if None in await self._store.get(RULE_SETS, ids):
            return None
        before, after = [await fetch(self._store, id_) for id_ in ids]
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
        return await self.propose_rules(await fetch(self._store, rule_set), by)

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

    async def propose_contact(
        self,
        contact: Contact,
        act: Literal["count", "remove"],
        by: Credential,
        brought_by: Credential | None = None,
    ) -> ChangeProposal:
        """Let a change of a contact wait for somebody else."""
        person = contact.id.partition("/")[0]
        held = (await self._books.directory()).positions(person, self._clock.now())
        draft = ChangeProposal(
            id="",
            subject=Subject(contact=ContactChange(contact=contact.id, act=act, digest=_digest(contact))),
            by=by,
            brought_by=brought_by,
            at=0,
            lapses_at=0,
            regions=tuple(dict.fromkeys(region for region, _ in held)) or (NATION,),
        )
        return await self._propose(draft)

    async def _propose(self, draft: ChangeProposal, puts: tuple[Put, ...] = ()) -> ChangeProposal:
        """Keep a proposal; the same one that waits already is returned as it is, so that a repeat adds nothing."""
        said = digest_of_contents(encode((draft.subject, draft.by, draft.base)))
        number = 0
        while True:
            now, number = self._clock.now(), number + 1
            id_ = derive("proposal", self._books.namespace, said, str(number))
            found = await self._find(id_)
            if found is not None and found.proposal.state == "waiting":
                return found.proposal
            if found is not None:
                continue
            await self._make_room(draft.by)
            lapses_at = min(now + LAPSES_AFTER, draft.lapses_at or now + LAPSES_AFTER)
            made = msgspec.structs.replace(draft, id=id_, at=now, lapses_at=lapses_at)
            plans = Plan(PROPOSALS, id_, made.lapses_at), Plan(WAITING, id_, now)
            write = Write(
                name="propose",
                puts=(*puts, Put(PROPOSALS, id_, encode(made), 0)),
                plans=plans,
                appends=(_audited(made, "proposed", now, made.by),),
            )
            if isinstance(await self._store.write(write), Committed):
                return made
            number -= 1

    async def _make_room(self, by: Credential) -> None:
        """Refuse a proposal where too many wait."""
        waiting = await self.waiting()
        mine = sum(owner(one.by) == owner(by) for one in waiting)
        if len(waiting) >= MOST_WAITING or mine >= MOST_OF_ONE:
            raise TooManyProposalsError(
                f"too many proposals wait ({len(waiting)}, {mine} of them yours): decide on some, or withdraw some"
            )

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
                return await self._approve_contact(found, proposal.subject.contact, by)
            decided = await self._approve_rules(found, by, compared_with, yes)
            if decided is not None:
                return decided
        return None

    async def _approve_rules(
        self, found: Found, by: Credential, compared_with: str, yes: int
    ) -> Decided | None:
        """Put the rule set of a proposal in force; None where something changed meanwhile, which is looked at again."""
        proposal = found.proposal
        rule_set = await fetch(self._store, proposal.subject.rule_set)
        looked = await self._approval.compare(rule_set, str(by))
        if looked.outcome == "no_difference":
            over = await self._settle(found, "lapsed", by, "already_in_force")
            return over and Decided("over", over.proposal, looked)
        if proposal.base != looked.base:
            return await self._compare_anew(found, looked, by)
        if compared_with != proposal.base:
            return Decided("asked_anew", proposal, looked)
        settled = self._settled(found, "approved", by)
        looked = await self._approval.put_in_force(
            rule_set,
            looked,
            author=str(proposal.by),
            approved_by=str(by),
            yes=yes,
            further=self._further(settled, found.version, "approved", by),
        )
        if looked.outcome == "too_many_told":
            return Decided("too_many_told", proposal, looked)
        return None if looked.outcome == "changed_meanwhile" else Decided("approved", settled, looked)

    async def _approve_silence(self, found: Found, wish: SilenceWish, by: Credential) -> Decided:
        """Make the silence of a proposal, from now on at the earliest."""
        settled, done = self._when_approved(found, by)
        try:
            await self._silences.make_approved(wish, by=found.proposal.by, approved_by=by, settled=settled)
        except DecidedMeanwhileError:
            return Decided("not_waiting", await self.get(found.proposal.id) or found.proposal)
        return Decided("approved", done[0])

    async def _approve_contact(self, found: Found, change: ContactChange, by: Credential) -> Decided:
        """Let a contact count, or remove it."""
        contact = (await self._books.directory()).contact(change.contact)
        if contact is None or _digest(contact) != change.digest:
            over = await self._settle(found, "lapsed", by, "contact_changed")
            return Decided("over", over.proposal if over else found.proposal)
        settled, done = self._when_approved(found, by)

        def carried_out(contents: Contents) -> Contents:
            if change.act == "remove":
                return removed(contents, change.contact)
            return marked(contents, {change.contact}, verified=True)

        registry = Registry(self._store, self._books)
        try:
            await registry.amend(carried_out, self._clock.now(), by, settled)
        except DecidedMeanwhileError:
            return Decided("not_waiting", await self.get(found.proposal.id) or found.proposal)
        except NobodyLeftError:
            return Decided("nobody_left", found.proposal)
        return Decided("approved", done[0])

    def _when_approved(self, found: Found, by: Credential) -> tuple[Settled, list[ChangeProposal]]:
        """Return what a write of the approved change holds of its proposal, and where that write leaves it."""
        done: list[ChangeProposal] = []

        async def settled() -> Further:
            now = await self._find(found.proposal.id)
            if now is None or now.proposal.state != "waiting":
                raise DecidedMeanwhileError
            done[:] = [self._settled(now, "approved", by)]
            return self._further(done[0], now.version, "approved", by)

        return settled, done

    async def _compare_anew(self, found: Found, looked: Approved, by: Credential) -> Decided | None:
        """Keep what a proposal would change now; whoever decides looks at it again."""
        anew = msgspec.structs.replace(found.proposal, base=looked.base, preview=_bounded(looked.preview))
        now = self._clock.now()
        write = Write(
            name="decide_proposal",
            puts=(Put(PROPOSALS, anew.id, encode(anew), found.version),),
            appends=(_audited(anew, "compared", now, by),),
        )
        committed = isinstance(await self._store.write(write), Committed)
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
            state: Literal["withdrawn", "rejected"] = "withdrawn" if own else "rejected"
            settled = await self._settle(found, state, by, reason[:LONGEST_REASON])
            if settled is not None:
                return Decided(state, settled.proposal)
        return None

    async def turn(self) -> int:
        """Let go of what nobody decided on in time; return how many there were."""
        due = await self._store.due(PROPOSALS, self._clock.now(), MOST_WAITING)
        for id_, at in due:
            found = await self._find(id_)
            if found is None or found.proposal.state != "waiting":
                await self._store.write(
                    Write(name="decide_proposal", plans=(Plan(PROPOSALS, id_, None, at),))
                )
                continue
            await self._settle(found, "lapsed", LAPSING)
        return len(due)

    def _settled(self, found: Found, state: State, by: Credential, reason: str = "") -> ChangeProposal:
        now = self._clock.now()
        return msgspec.structs.replace(
            found.proposal, state=state, decided_by=by, decided_at=now, reason=reason
        )

    async def _settle(
        self,
        found: Found,
        state: Literal["rejected", "withdrawn", "lapsed"],
        by: Credential,
        reason: str = "",
    ) -> Found | None:
        """End a proposal that changes nothing; None where somebody else decided meanwhile."""
        settled = self._settled(found, state, by, reason)
        further = self._further(settled, found.version, state, by)
        write = Write(name="decide_proposal", puts=further.puts, plans=further.plans, appends=further.appends)
        committed = isinstance(await self._store.write(write), Committed)
        return Found(settled, found.version + 1) if committed else None

    def _further(self, settled: ChangeProposal, version: int, step: Step, by: Credential) -> Further:
        now = settled.decided_at or 0
        return Further(
            puts=(Put(PROPOSALS, settled.id, encode(settled), version),),
            plans=(
                Plan(PROPOSALS, settled.id, None),
                Plan(WAITING, settled.id, None),
                Plan(DECIDED, settled.id, now),
            ),
            appends=(_audited(settled, step, now, by),),
        )

    async def _find(self, id_: str) -> Found | None:
        record = (await self._store.get(PROPOSALS, [id_]))[0]
        if record is None:
            return None
        return Found(decode_record(PROPOSALS, id_, record.value, ChangeProposal), record.version)


def _audited(proposal: ChangeProposal, step: Step, at: Instant, by: Credential) -> Append:
    """Return the audit's entry of a step: the subject is the proposal's id and the step."""
    digest = digest_of_contents(encode(proposal))
    return append_audit(AuditEntry(at, "proposal", f"{proposal.id}/{step}", digest, str(by)))


def _digest(contact: Contact) -> str:
    """Return what a proposal keeps of a contact: whether it counts already is no part of it."""
    return digest_of_contents(encode(msgspec.structs.replace(contact, verified=False, stopped=False)))


def _bounded(preview: Preview | None) -> Preview | None:
    """Return a preview as it is kept: with the first of its open alerts."""
    if preview is None:
        return None
    return msgspec.structs.replace(preview, open_alerts=preview.open_alerts[:ALERTS_KEPT])
