"""The records of proposals: what one is, its place in the lists and in the schedule, and the writes that change it.

Not here: what a decision leads to (`rule_sets.proposals`, `people.contact_changes`). A record, its lists and the
instant at which it is due change in one write.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from engine.clock import Clock
from engine.core.alerting.credential import Credential, credential_owner, same_person
from engine.core.alerting.ids import derive
from engine.core.alerting.silence import SilenceWish
from engine.core.judging.instant import DAY, HOUR, Instant, Millis
from engine.core.judging.region import NATION
from engine.errors import SiagaError
from engine.people.tokens import Right, Scope
from engine.records.additional_writes import AdditionalWrites, SettledPart
from engine.records.audit_log import AuditEntry, append_audit, digest_of_contents
from engine.records.rule_set_diff import Approved, Preview
from engine.records.runtime_config import RuntimeConfig
from engine.records.tolerant_read import readable_of
from engine.store.codec import decode_record, encode
from engine.store.port import Append, Committed, Plan, Put, Store, Write

PROPOSALS = "proposals"
"""Table of the proposals by id; also the schedule of those that wait, by the instant at which each lapses."""
WAITING, DECIDED = "proposals_waiting", "proposals_decided"
"""The lists: what waits, by when it was proposed, and what does not, by when it was decided."""
LAPSES_AFTER: Millis = 72 * HOUR
"""A proposal that nobody decided on ends then."""
KEPT: Millis = 400 * DAY
"""What was decided stays this long."""
MOST_WAITING, MOST_OF_ONE = 200, 20
"""So many proposals wait at most, in all and of one person; changes of contacts are counted apart."""
MOST_CONTACTS, MOST_CONTACTS_OF_ONE, MOST_OF_HOLDER = 400, 100, 8
"""So many changes of contacts wait at most: in all, of one who makes them, and of one whose contacts they are."""
LONGEST_REASON = 500
LAPSING = Credential("service", "proposals")
"""Ends what nobody decided on."""

ProposalKind = Literal["rules", "silence", "contact"]
End = Literal["approved", "rejected", "withdrawn", "lapsed", "objected", "unopposed"]
"""`objected`: another contact of the person objected, and the change is undone. `unopposed`: it counts, since nobody
objected in time."""
ProposalState = Literal["waiting", End]
ProposalStep = Literal["proposed", "compared", "coded", "postponed", "not_told", End]
"""`coded`: the code of a new contact came back. `postponed`: the other contacts were told late, so it counts later.
`not_told`: no notice of it went out, so it counts by approval alone."""
ProposalResult = Literal[
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
    "no_code",
]
"""What became of somebody's decision. `nobodys`: the credential is bound to no person. `asked_anew`: what is in force
is not what the proposal was compared with; it was compared again and waits. `over`: there is nothing left to change.
`nobody_left`: an alert would have nobody to tell.
`no_code`: the code of the contact has not come back."""


ContactAct = Literal["count", "remove", "removed", "stopped"]
"""`count`: a contact is to count. `remove`: the last one of an office holder is to go, which needs approval. `removed`
and `stopped`: it went, or gets nothing any more, at once; an objection takes that back."""


class ContactChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A change of a contact of a person.

    `digest` is of the contact as it was, under the installation's key: of another address under the same id nothing was
    approved. `counts_at`: it counts, or is final, then, unless somebody objects; None: by approval alone. `coded`: the
    code of the contact came back. `added`: it came into the directory with this proposal. `version` is that of the
    directory that had it, and `notices` are the messages that tell of the change. `successor` is the digest of the
    contact that an imported directory put in its place under the same id.
    """

    contact: str
    act: ContactAct
    digest: str
    counts_at: Instant | None = None
    coded: bool = False
    added: bool = False
    version: int = 0
    notices: tuple[str, ...] = ()
    successor: str = ""

    @property
    def person(self) -> str:
        """The id of the person whose contact it is."""
        return self.contact.partition("/")[0]

    @property
    def is_done(self) -> bool:
        """Whether it is in effect already, and may be undone."""
        return self.act in ("removed", "stopped")


class Subject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a proposal is to change: a rule set, by its id, a silence, or a contact."""

    rule_set: str = ""
    silence: SilenceWish | None = None
    contact: ContactChange | None = None

    @property
    def kind(self) -> ProposalKind:
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
    state: ProposalState = "waiting"
    decided_by: Credential | None = None
    decided_at: Instant | None = None
    reason: str = ""

    def is_of(self, credential: Credential) -> bool:
        """Say whether a credential belongs to one of those who proposed it."""
        made = (self.by,) if self.brought_by is None else (self.by, self.brought_by)
        return any(same_person(one, credential) for one in made)

    @property
    def due_at(self) -> Instant:
        """The instant at which it counts, is final, or lapses, if nobody decides."""
        change = self.subject.contact
        if change is None or change.counts_at is None or not (change.coded or change.is_done):
            return self.lapses_at
        return min(change.counts_at, self.lapses_at)

    def seen_by(self, scope: Scope) -> bool:
        """Say whether a token or user may see it and decide on it, if it is of another person."""
        right: Right = "policy" if self.subject.kind == "rules" else "operate"
        return right in scope.rights and all(scope.covers(region) for region in self.regions)


class FoundProposal(NamedTuple):
    """A proposal and the version of its record."""

    proposal: ChangeProposal
    version: int


class Decided(NamedTuple):
    """What became of a decision, the proposal as it is now, and of rules what was looked at."""

    result: ProposalResult
    proposal: ChangeProposal
    looked: Approved | None = None


class TooManyProposalsError(SiagaError):
    """So many proposals wait that no further one is taken."""


class DecidedMeanwhileError(SiagaError):
    """Somebody else decided on a proposal while its change was written."""


class ProposalRecords:
    """The proposals of an installation as they are kept."""

    def __init__(self, store: Store, clock: Clock, books: RuntimeConfig) -> None:
        self._store = store
        self._clock = clock
        self._books = books

    async def find(self, id_: str) -> FoundProposal | None:
        """Return a proposal and its version; None where there is none of this id."""
        record = (await self._store.get(PROPOSALS, [id_]))[0]
        if record is None:
            return None
        return FoundProposal(decode_record(PROPOSALS, id_, record.value, ChangeProposal), record.version)

    async def waiting(self) -> list[ChangeProposal]:
        """Return all that waits, oldest first: at most `MOST_WAITING` and `MOST_CONTACTS`."""
        return await waiting_in(self._store)

    async def same(self, draft: ChangeProposal, subject: bytes) -> tuple[str, FoundProposal | None]:
        """Return the id of a proposal of this `subject`, and the proposal where it waits already."""
        said = digest_of_contents(subject + encode((draft.by, draft.base)))
        number = 0
        while True:
            number += 1
            id_ = derive("proposal", self._books.namespace, said, str(number))
            found = await self.find(id_)
            if found is None or found.proposal.state == "waiting":
                return id_, found

    async def make_room_for(self, drafts: Sequence[ChangeProposal]) -> None:
        """Raise `TooManyProposalsError` where too many changes of contacts would wait with these."""
        waiting = [one for one in await self.waiting() if one.subject.contact is not None]
        of_one = Counter(credential_owner(one.by) for one in (*waiting, *drafts))
        of_holder = Counter(one.subject.contact.person for one in (*waiting, *drafts) if one.subject.contact)
        mine = {credential_owner(one.by) for one in drafts}
        theirs = {one.subject.contact.person for one in drafts if one.subject.contact}
        if (
            len(waiting) + len(drafts) > MOST_CONTACTS
            or any(of_one[one] > MOST_CONTACTS_OF_ONE for one in mine)
            or any(of_holder[one] > MOST_OF_HOLDER for one in theirs)
        ):
            raise TooManyProposalsError(
                f"too many changes of contacts would wait: {len(drafts)} more, {len(waiting)} wait already"
            )

    async def make_room(self, draft: ChangeProposal) -> None:
        """Raise `TooManyProposalsError` where too many wait."""
        change = draft.subject.contact
        waiting = [one for one in await self.waiting() if (one.subject.contact is None) == (change is None)]
        mine = sum(credential_owner(one.by) == credential_owner(draft.by) for one in waiting)
        most, most_of_one = (MOST_WAITING, MOST_OF_ONE)
        if change is not None:
            most, most_of_one = (MOST_CONTACTS, MOST_CONTACTS_OF_ONE)
        theirs = sum(
            one.subject.contact is not None
            and change is not None
            and one.subject.contact.person == change.person
            for one in waiting
        )
        if len(waiting) >= most or mine >= most_of_one or theirs >= MOST_OF_HOLDER:
            raise TooManyProposalsError(
                f"too many proposals wait ({len(waiting)}, {mine} of them yours): decide on some, or withdraw some"
            )

    def begun(self, made: ChangeProposal) -> AdditionalWrites:
        """Return what a write holds that begins a proposal."""
        return AdditionalWrites(
            puts=(Put(PROPOSALS, made.id, encode(made), 0),),
            plans=(Plan(PROPOSALS, made.id, made.due_at), Plan(WAITING, made.id, made.at)),
            appends=(audited(made, "proposed", made.at, made.by),),
        )

    async def change(
        self, found: FoundProposal, anew: ChangeProposal, step: ProposalStep, by: Credential
    ) -> bool:
        """Keep a proposal that goes on waiting, changed; False where somebody changed it meanwhile."""
        write = Write(
            name="decide_proposal",
            puts=(Put(PROPOSALS, anew.id, encode(anew), found.version),),
            plans=(Plan(PROPOSALS, anew.id, anew.due_at),),
            appends=(audited(anew, step, self._clock.now(), by),),
        )
        return isinstance(await self._store.write(write), Committed)

    def settled(self, found: FoundProposal, end: End, by: Credential, reason: str = "") -> ChangeProposal:
        """Return a proposal as it is once it was decided."""
        now = self._clock.now()
        return msgspec.structs.replace(
            found.proposal, state=end, decided_by=by, decided_at=now, reason=reason
        )

    def ending(self, settled: ChangeProposal, version: int, end: End, by: Credential) -> AdditionalWrites:
        """Return what a write holds that ends a proposal."""
        now = settled.decided_at or 0
        return AdditionalWrites(
            puts=(Put(PROPOSALS, settled.id, encode(settled), version),),
            plans=(
                Plan(PROPOSALS, settled.id, None),
                Plan(WAITING, settled.id, None),
                Plan(DECIDED, settled.id, now),
            ),
            appends=(audited(settled, end, now, by),),
        )

    def when_ended(
        self, found: FoundProposal, end: End, by: Credential, reason: str = "", *plans: Plan
    ) -> tuple[SettledPart, list[ChangeProposal]]:
        """Return what a write of the change itself holds of its proposal, and where that write leaves it.

        It raises `DecidedMeanwhileError` where the proposal is another one by then.
        """
        done: list[ChangeProposal] = []

        async def settled() -> AdditionalWrites:
            now = await self.find(found.proposal.id)
            if now is None or now.version != found.version:
                raise DecidedMeanwhileError
            done[:] = [self.settled(now, end, by, reason)]
            ending = self.ending(done[0], now.version, end, by)
            return ending._replace(plans=(*ending.plans, *plans))

        return settled, done

    async def settle(
        self, found: FoundProposal, end: End, by: Credential, reason: str = "", *plans: Plan
    ) -> FoundProposal | None:
        """End a proposal that changes nothing else; None where somebody else decided meanwhile."""
        settled = self.settled(found, end, by, reason)
        further = self.ending(settled, found.version, end, by)
        write = Write(
            name="decide_proposal",
            puts=further.puts,
            plans=(*further.plans, *plans),
            appends=further.appends,
        )
        committed = isinstance(await self._store.write(write), Committed)
        return FoundProposal(settled, found.version + 1) if committed else None


async def waiting_in(store: Store) -> list[ChangeProposal]:
    """Return all that waits in a store, oldest first."""
    if not (await store.sizes([WAITING]))[0]:
        return []
    ids = [id_ for id_, _ in await store.page(WAITING, MOST_WAITING + MOST_CONTACTS, None)]
    records = await store.get(PROPOSALS, ids) if ids else []
    return list(readable_of(PROPOSALS, ids, records, ChangeProposal).values())


def audited(proposal: ChangeProposal, step: ProposalStep, at: Instant, by: Credential) -> Append:
    """Return the audit's entry of a step: the subject is the proposal's id and the step."""
    digest = digest_of_contents(encode(proposal))
    return append_audit(AuditEntry(at, "proposal", f"{proposal.id}/{step}", digest, str(by)))
