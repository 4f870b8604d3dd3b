"""Changes of contacts of people: who is notified, when one counts, and what an objection undoes.

Specification: docs/specification/trust.md#new-contacts.

The person's other contacts get a notice in the write that makes the change. A new contact counts once its code came
back and nobody objected in time, or a second person approved. A contact that was removed or stopped stays so unless
somebody objects; until then it gets the notices of further changes too, so that removing it silences nobody.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from contextlib import suppress
from hashlib import sha256
from typing import Literal, NamedTuple

import msgspec
import structlog

from engine.clock import Clock
from engine.core.alerting.alert import WENT_OUT, Notification, Rendered
from engine.core.alerting.credential import Credential
from engine.core.alerting.directory import (
    Contact,
    Contents,
    Directory,
    Person,
    added,
    marked,
    removed,
    restored,
)
from engine.core.alerting.ids import notification_id
from engine.core.alerting.internal_alerts import InternalAlertRequest
from engine.core.alerting.policy import Channel
from engine.core.judging.instant import DAY, HOUR, Instant, Millis
from engine.core.judging.region import NATION, cut
from engine.errors import SiagaError
from engine.escalation.internal_alerts import ask
from engine.people.directory_service import DirectoryService, NobodyLeftError
from engine.people.proposal_records import (
    LAPSES_AFTER,
    LAPSING,
    ChangeProposal,
    ContactAct,
    ContactChange,
    Decided,
    DecidedMeanwhileError,
    End,
    FoundProposal,
    ProposalRecords,
    Subject,
)
from engine.records.additional_writes import AdditionalWrites, SettledPart
from engine.records.alert_repository import NOTIFICATIONS, OUTBOX
from engine.records.runtime_config import DIRECTORY, RuntimeConfig
from engine.records.tolerant_read import readable_of
from engine.runtime.keys import Keys
from engine.store.codec import encode
from engine.store.port import Committed, Expect, Plan, Put, Store, Write
from engine.texts.objection import code_of

LOOK_AGAIN: Millis = HOUR
"""A change whose notices still wait to be sent is looked at again after this."""
_LABEL = b"siaga: digest of a contact\0"

Objected = Literal["objected", "again", "over"]
"""What became of an objection. `again`: somebody objected before. `over`: the change was decided, or it counts."""

log = structlog.get_logger(__name__)


class _ContactChangedError(SiagaError):
    """The contact went, or has another address, since the change was proposed."""


class NoticeRecipient(NamedTuple):
    """A contact that gets a notice; `counts`: it is in the directory and verified, so that its silence counts."""

    person: Person
    contact: Contact
    counts: bool


class ContactChanges:
    """Makes changes of contacts, and lets them count or be undone."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        books: RuntimeConfig,
        records: ProposalRecords,
        keys: Keys,
        objection: Millis = DAY,
    ) -> None:
        """`objection`: so long others may object to a change, in milliseconds."""
        self._store = store
        self._clock = clock
        self._books = books
        self._records = records
        self._keys = keys
        self._objection = objection
        self._registry = DirectoryService(store, books)

    # --- changing -----------------------------------------------------------------------------------------------------

    async def add(self, person_id: str, channel: Channel, value: str, by: Credential) -> Contact:
        """Add a contact, which does not count yet, and notify the person's others of it.

        Raises `TooManyProposalsError`.
        """
        made: list[Contact] = []

        def change(contents: Contents) -> Contents:
            changed, contact = added(contents, person_id, channel, value)
            made[:] = [contact]
            return changed

        async def settled() -> AdditionalWrites:
            draft = ContactChange(contact=made[0].id, act="count", digest=self._digest(made[0]), added=True)
            return await self._begun(made[0], draft, by)

        await self._registry.amend(change, self._clock.now(), by, settled)
        return made[0]

    async def take_away(self, contact: Contact, act: Literal["removed", "stopped"], by: Credential) -> None:
        """Remove or stop a contact at once, and notify all contacts of the person, this one too, where it counted.

        One that went meanwhile is left as it is. Raises `NobodyLeftError` and `TooManyProposalsError`.
        """

        def change(contents: Contents) -> Contents:
            if _of(contents, contact.id) is None:
                raise _ContactChangedError(contact.id)
            if act == "removed":
                return removed(contents, contact.id)
            return marked(contents, {contact.id}, verified=False)

        async def settled() -> AdditionalWrites:
            directory = await self._books.directory()
            before = directory.contact(contact.id)
            if before is None or not before.verified:
                return AdditionalWrites()
            draft = ContactChange(
                contact=before.id, act=act, digest=self._digest(before), version=directory.version
            )
            return await self._begun(before, draft, by)

        with suppress(_ContactChangedError):
            await self._registry.amend(change, self._clock.now(), by, settled)

    async def bring_in(self, contents: Contents, by: Credential) -> int:
        """Put a whole directory in force; return its version. Each address that goes is notified as a removed one.

        Raises `NobodyLeftError`, and `TooManyProposalsError` where more addresses go than changes may wait.
        """

        async def settled() -> AdditionalWrites:
            directory = await self._books.directory()
            going = addresses_going(directory.contents, contents)
            drafts = [self._going(one, contents, directory.version) for one in going]
            fresh = [
                (contact, draft)
                for contact, draft in zip(going, drafts, strict=True)
                if (await self._records.same(_draft(draft, by), _subject(draft)))[1] is None
            ]
            await self._records.make_room_for([_draft(draft, by) for _, draft in fresh])
            begun = [await self._begun(contact, draft, by) for contact, draft in fresh]
            return AdditionalWrites(
                puts=tuple(put for one in begun for put in one.puts),
                plans=tuple(plan for one in begun for plan in one.plans),
                appends=tuple(append for one in begun for append in one.appends),
            )

        return await self._registry.amend(lambda _before: contents, self._clock.now(), by, settled)

    def _going(self, contact: Contact, contents: Contents, version: int) -> ContactChange:
        after = _of(contents, contact.id)
        return ContactChange(
            contact=contact.id,
            act="removed",
            digest=self._digest(contact),
            version=version,
            successor="" if after is None or after.value == contact.value else self._digest(after),
        )

    async def propose_removal(self, contact: Contact, by: Credential) -> ChangeProposal | None:
        """Let the removal of the last contact of an office holder wait for another person; the contact is notified.

        None where the contact went, or has another address, since.
        """
        return await self._propose(contact, "remove", by)

    async def code_came_back(
        self, contact: Contact, added_by: Credential, brought_by: Credential
    ) -> ChangeProposal | None:
        """Note that the code of a contact came back: it counts once nobody objected in time, or by approval.

        Where nothing waits for the contact the change begins now, with its notices. None where the contact went since.
        """
        while True:
            found = await self._waits_for_code(contact)
            if found is None:
                return await self._propose(contact, "count", added_by, brought_by)
            change = found.proposal.subject.contact
            if change is None or change.coded:
                return found.proposal
            coded = Subject(contact=msgspec.structs.replace(change, coded=True))
            anew = msgspec.structs.replace(found.proposal, subject=coded, brought_by=brought_by)
            if await self._records.change(found, anew, "coded", brought_by):
                return anew

    async def _waits_for_code(self, contact: Contact) -> FoundProposal | None:
        """Return the change that waits for a contact to count; None where there is none."""
        for one in await self._records.waiting():
            change = one.subject.contact
            if change is not None and change.act == "count" and self._is_of(contact, change):
                found = await self._records.find(one.id)
                if found is not None and found.proposal.state == "waiting":
                    return found
        return None

    async def _propose(
        self, contact: Contact, act: ContactAct, by: Credential, brought_by: Credential | None = None
    ) -> ChangeProposal | None:
        draft = ContactChange(
            contact=contact.id, act=act, digest=self._digest(contact), coded=brought_by is not None
        )
        while True:
            id_, found = await self._records.same(_draft(draft, by), _subject(draft))
            if found is not None:
                return found.proposal
            directory = await self._books.directory()
            current = directory.contact(contact.id)
            if current is None or not self._is_of(current, draft):
                return None
            begun = await self._begun(contact, draft, by, brought_by)
            write = Write(
                name="propose",
                puts=begun.puts,
                plans=begun.plans,
                appends=begun.appends,
                expects=(Expect(DIRECTORY, "current", directory.version),),
            )
            if isinstance(await self._store.write(write), Committed):
                made = await self._records.find(id_)
                if made is not None:
                    return made.proposal

    async def _begun(
        self, contact: Contact, draft: ContactChange, by: Credential, brought_by: Credential | None = None
    ) -> AdditionalWrites:
        """Return what a write holds that begins a change: the proposal, its place, its due instant, and its notices.

        Nothing where the same change waits already: its notices went out, and its objection still undoes it.
        """
        directory, now = await self._books.directory(), self._clock.now()
        empty = _draft(draft, by)
        id_, found = await self._records.same(empty, _subject(draft))
        if found is not None:
            return AdditionalWrites()
        await self._records.make_room(empty)
        held = directory.positions(draft.person, now)
        regions = tuple(dict.fromkeys(region for region, _ in held)) or (NATION,)
        recipients = await self._recipients(directory, contact, draft)
        notices = [_notice(id_, one, regions[0], now) for one in recipients]
        others = draft.is_done or any(one.counts for one in recipients)
        counts_at = now + self._objection if others and draft.act != "remove" else None
        change = msgspec.structs.replace(draft, counts_at=counts_at, notices=tuple(one.id for one in notices))
        made = msgspec.structs.replace(
            empty,
            id=id_,
            subject=Subject(contact=change),
            brought_by=brought_by,
            at=now,
            lapses_at=max(now + LAPSES_AFTER, (counts_at or now) + DAY),
            regions=regions,
        )
        begun = self._records.begun(made)
        return AdditionalWrites(
            puts=(*begun.puts, *(Put(NOTIFICATIONS, one.id, encode(one), 0) for one in notices)),
            plans=(*begun.plans, *(Plan(OUTBOX, one.id, now) for one in notices)),
            appends=begun.appends,
        )

    async def _recipients(
        self, directory: Directory, changed: Contact, draft: ContactChange
    ) -> list[NoticeRecipient]:
        """Return who is notified: verified contacts, and those that were removed or stopped and may still object."""
        person = directory.person(draft.person)
        if person is None:
            return []
        found = [NoticeRecipient(person, one, True) for one in person.contacts if one.verified]
        found += [NoticeRecipient(person, one, False) for one in await self._gone(draft.person)]
        if draft.act == "count":
            found = [
                one for one in found if one.contact.id != changed.id and one.contact.value != changed.value
            ]
        known: dict[str, NoticeRecipient] = {}
        for one in found:
            known.setdefault(one.contact.value, one)
        return list(known.values())

    async def _gone(self, person_id: str) -> list[Contact]:
        """Return the contacts of a person that were removed or stopped and whose objection would still count."""
        changes = [one.subject.contact for one in await self._records.waiting()]
        mine = [one for one in changes if one is not None and one.is_done and one.person == person_id]
        return [found for one in mine if (found := await self._before(one)) is not None]

    async def _before(self, change: ContactChange) -> Contact | None:
        """Return a contact that was removed or stopped as it was before; None where that is not kept."""
        directory = await self._books.directory_of(change.version)
        return directory.contact(change.contact) if directory is not None else None

    # --- deciding -----------------------------------------------------------------------------------------------------

    async def approve(self, found: FoundProposal, change: ContactChange, by: Credential) -> Decided:
        """Let a contact count, let it go, or let what was done be final, since a second person approved."""
        if change.is_done:
            ended = await self._records.settle(found, "approved", by)
            return await self._now(found, ended)
        if change.act == "count" and not change.coded:
            return Decided("no_code", found.proposal)
        try:
            done = await self._carry_out(found, change, "approved", by)
        except _ContactChangedError:
            over = await self._records.settle(found, "lapsed", by, "contact_changed")
            return Decided("over", over.proposal if over else found.proposal)
        except NobodyLeftError:
            return Decided("nobody_left", found.proposal)
        return await self._now(found, done)

    async def _now(self, found: FoundProposal, ended: FoundProposal | None) -> Decided:
        """Return that a proposal was approved, or, where somebody was quicker, how it is now."""
        if ended is not None:
            return Decided("approved", ended.proposal)
        now = await self._records.find(found.proposal.id)
        return Decided("not_waiting", now.proposal if now else found.proposal)

    async def object(self, proposal_id: str, by: Credential) -> Objected:
        """Undo a change that a contact of the person objects to; `by` is the link or phone that was notified of it.

        Siaga's own alert asks the posko to look.
        """
        while (found := await self._records.find(proposal_id)) is not None:
            change = found.proposal.subject.contact
            if found.proposal.state == "objected":
                return "again"
            if found.proposal.state != "waiting" or change is None:
                return "over"
            region = cut(found.proposal.regions[0], "regency") or found.proposal.regions[0]
            call = ask(InternalAlertRequest("contact-objection", region), self._clock.now())
            if await self.undo(found, change, "objected", by, "", call) is not None:
                log.warning("contact_change_objected", proposal=proposal_id, contact=change.contact)
                return "objected"
        return "over"

    async def undo(
        self, found: FoundProposal, change: ContactChange, end: End, by: Credential, reason: str, *plans: Plan
    ) -> FoundProposal | None:
        """End a change as if it had not been made; None where somebody else decided meanwhile."""
        before = await self._before(change) if change.is_done else None

        def undone(contents: Contents) -> Contents:
            if change.is_done:
                return (
                    contents
                    if before is None
                    else restored(self._without_successor(contents, change), before)
                )
            contact = _of(contents, change.contact)
            if change.added and contact is not None and not contact.verified and self._is_of(contact, change):
                return removed(contents, change.contact)
            return contents

        current = (await self._books.directory()).contents
        if undone(current) == current:
            return await self._records.settle(found, end, by, reason, *plans)

        def amended(contents: Contents) -> Contents:
            changed = undone(contents)
            if changed == contents:
                raise DecidedMeanwhileError  # it is looked at again, and there is nothing left to undo
            return changed

        settled, done = self._records.when_ended(found, end, by, reason, *plans)
        return await self._amended(found, amended, settled, done, by)

    def _without_successor(self, contents: Contents, change: ContactChange) -> Contents:
        """Return the directory without the contact that took the place of a removed one."""
        now = _of(contents, change.contact)
        if not change.successor or now is None:
            return contents
        same = any(hmac.compare_digest(_digest(key, now), change.successor) for key in self._keys.accepted)
        return removed(contents, change.contact) if same else contents

    async def fall_due(self, found: FoundProposal, change: ContactChange) -> None:
        """Let a change count that nobody objected to; one that was told late counts later, others lapse.

        A turn that a process repeats finds the proposal decided, or due at another instant.
        """
        proposal, now = found.proposal, self._clock.now()
        if change.is_done:
            await self._records.settle(found, "unopposed", LAPSING)
        elif change.counts_at is None or not change.coded or now >= proposal.lapses_at:
            await self._records.settle(found, "lapsed", LAPSING)
        else:
            told_at = await self._told_at(change)
            if told_at is None:
                await self._not_told(found, change, None, "not_told")
            elif told_at + self._objection > now:
                await self._not_told(found, change, told_at + self._objection, "postponed")
            else:
                try:
                    await self._carry_out(found, change, "unopposed", LAPSING)
                except _ContactChangedError:
                    await self._records.settle(found, "lapsed", LAPSING, "contact_changed")

    async def _not_told(
        self,
        found: FoundProposal,
        change: ContactChange,
        at: Instant | None,
        step: Literal["not_told", "postponed"],
    ) -> None:
        """Let a change wait on: until a later instant, or (None) for approval alone."""
        anew = msgspec.structs.replace(
            found.proposal, subject=Subject(contact=msgspec.structs.replace(change, counts_at=at))
        )
        await self._records.change(found, anew, step, LAPSING)

    async def _told_at(self, change: ContactChange) -> Instant | None:
        """Return when the first notice of a change went out; now where one may still go; None where none went."""
        records = await self._store.get(NOTIFICATIONS, change.notices)
        notices = readable_of(NOTIFICATIONS, change.notices, records, Notification).values()
        sent = [one.sent_at for one in notices if one.state in WENT_OUT and one.sent_at is not None]
        if sent:
            return min(sent)
        waits = any(not one.final for one in notices)
        return self._clock.now() - self._objection + LOOK_AGAIN if waits else None

    async def _carry_out(
        self,
        found: FoundProposal,
        change: ContactChange,
        end: Literal["approved", "unopposed"],
        by: Credential,
    ) -> FoundProposal | None:
        """Let a contact count, or go, in one write with the end of its proposal; None where somebody was quicker."""

        def carried_out(contents: Contents) -> Contents:
            contact = _of(contents, change.contact)
            if contact is None or not self._is_of(contact, change):
                raise _ContactChangedError(change.contact)
            if change.act == "remove":
                return removed(contents, change.contact)
            return marked(contents, {change.contact}, verified=True)

        settled, done = self._records.when_ended(found, end, by)
        return await self._amended(found, carried_out, settled, done, by)

    async def _amended(
        self,
        found: FoundProposal,
        change: Callable[[Contents], Contents],
        settled: SettledPart,
        done: list[ChangeProposal],
        by: Credential,
    ) -> FoundProposal | None:
        try:
            await self._registry.amend(change, self._clock.now(), by, settled)
        except DecidedMeanwhileError:
            return None
        return FoundProposal(done[0], found.version + 1)

    # --- who objects by SMS -------------------------------------------------------------------------------------------

    async def notices_to(self, number: str) -> list[Notification]:
        """Return the notices of waiting changes that went to a phone, the newest first."""
        ids = [
            id_
            for one in await self._records.waiting()
            if one.subject.contact is not None
            for id_ in one.subject.contact.notices
        ]
        records = await self._store.get(NOTIFICATIONS, ids) if ids else []
        found = readable_of(NOTIFICATIONS, ids, records, Notification).values()
        mine = (
            one
            for one in found
            if one.channel == "sms" and one.rendered is not None and one.rendered.to == number
        )
        return sorted(mine, key=lambda one: (-one.planned_at, one.id))

    def meant(self, notices: Iterable[Notification], code: str) -> Notification | None:
        """Return the notice whose code this is."""
        return next(
            (
                one
                for one in notices
                for key in self._keys.accepted
                if hmac.compare_digest(code_of(key, one.id).encode(), code.encode("utf-8", "replace"))
            ),
            None,
        )

    # --- digests ------------------------------------------------------------------------------------------------------

    def _digest(self, contact: Contact) -> str:
        return _digest(self._keys.current, contact)

    def _is_of(self, contact: Contact, change: ContactChange) -> bool:
        """Say whether a contact is the one that a change is of, its address the same."""
        return contact.id == change.contact and any(
            hmac.compare_digest(_digest(key, contact), change.digest) for key in self._keys.accepted
        )


def _digest(key: bytes, contact: Contact) -> str:
    """Return what a proposal keeps of a contact: whether it counts already is no part of it.

    It is an HMAC under the key, which the store does not hold: there are so few numbers that a plain digest could be
    guessed back.
    """
    value = encode(msgspec.structs.replace(contact, verified=False, stopped=False))
    return hmac.new(key, _LABEL + value, sha256).hexdigest()[:32]


def _draft(change: ContactChange, by: Credential) -> ChangeProposal:
    return ChangeProposal(id="", subject=Subject(contact=change), by=by, at=0, lapses_at=0)


def _subject(change: ContactChange) -> bytes:
    """Return by what the same change is known again."""
    return encode((change.contact, change.act, change.digest))


def addresses_going(before: Contents, after: Contents) -> list[Contact]:
    """Return the contacts that counted and whose address their person, who stays, has no more as one that counts."""
    counting = {person.id: {c.value for c in person.contacts if c.verified} for person in after.people}
    return [
        contact
        for person in before.people
        if person.id in counting
        for contact in person.contacts
        if contact.verified and contact.value not in counting[person.id]
    ]


def _of(contents: Contents, contact_id: str) -> Contact | None:
    return next((c for person in contents.people for c in person.contacts if c.id == contact_id), None)


def _notice(proposal_id: str, to: NoticeRecipient, region: str, now: Instant) -> Notification:
    """Return the message that tells a contact of a change, worded when it is sent.

    It keeps its address: the contact may have been removed by then.
    """
    return Notification(
        id=notification_id(proposal_id, to.person.id, to.contact.id, "contact_change"),
        alert="",
        kind="contact_change",
        person=to.person.id,
        contact=to.contact.id,
        channel=to.contact.channel,
        cause=proposal_id,
        planned_at=now,
        due_at=now,
        level=1,
        region=region,
        language=to.person.language,
        informing=True,
        rendered=Rendered(to=to.contact.value, text=""),
    )
