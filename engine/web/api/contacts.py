"""Contacts over the API: add one, take one away, bring back the code that was sent to it.

Here: from the request to the directory and back, and its scope. Not here: the code (`answers.verification`) and the
message that carries it (`answers.test_messages`). An answer never holds an address.
"""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from engine.answers.verification import TooManyCodesError
from engine.app import Siaga
from engine.core.alerting.credential import Credential
from engine.core.alerting.directory import Contact
from engine.core.alerting.escalation import last_of_holder
from engine.core.alerting.policy import Channel
from engine.core.judging.instant import SECOND, format_instant
from engine.core.judging.region import NATION
from engine.documents.address import address
from engine.people.directory_service import NobodyLeftError
from engine.people.proposal_records import ChangeProposal, ContactChange, TooManyProposalsError
from engine.people.tokens import Scope
from engine.web.auth import cover, needs, siaga_of
from engine.web.problem import Problem, busy, not_found, responses

router = APIRouter(tags=["directory"])
TOO_MANY_CODES = "too_many_codes"
PATH = "/v1/contacts/{person}/{channel}/{number}"


class NewContact(BaseModel):
    """An address of a person of the directory."""

    model_config = ConfigDict(extra="forbid")

    person: str = Field(description="Id of the person", min_length=1, max_length=100)
    channel: Channel
    value: str = Field(
        description="Number with `+`, mailbox or https address", min_length=1, max_length=2_000
    )


class CodeBody(BaseModel):
    """What came back."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(description="As the message said it", min_length=4, max_length=12)


class ContactShape(BaseModel):
    """A contact without its address."""

    id: str = Field(description="Person, channel and number", examples=["sekda-7315/sms/2"])
    verified: bool = Field(description="Only verified contacts get messages of alerts")
    asked: str = Field(
        description="`sent`, why no gateway took the message with the code, `too_many_codes` (ask again later), or "
        "empty: none was sent"
    )
    proposal: str = Field(
        "", description="Id of the proposal that waits for another person; empty: none does"
    )
    waits_for: list[str] = Field([], description="Users of other people who may approve it")
    counts_at: str | None = Field(
        None,
        description="It counts then at the earliest, once its code came back, unless another contact of the person "
        "objects; null: by approval alone. RFC 3339 in UTC",
    )
    final_at: str | None = Field(
        None, description="Until then an objection takes the removal or the stop back; null: there is none"
    )


@router.post("/v1/contacts", status_code=201, responses=responses(401, 403, 404, 409, 413, 422, 503))
async def add_contact(request: Request, body: NewContact, scope: Scope = needs("operate")) -> ContactShape:
    """Add a contact, last in order, send a code there, and notify the person's other contacts.

    It counts once the code came back and none of the others objected until `counts_at`, or another person approved.
    """
    siaga = siaga_of(request)
    await _cover(request, body.person, scope)
    value = address(body.channel, body.value)
    if value is None:
        raise Problem(422, "invalid_contact", f"value is no address of the channel {body.channel}.")
    try:
        made = await siaga.proposals.contacts.add(body.person, body.channel, value, scope.credential)
    except TooManyProposalsError as error:
        raise Problem(409, "too_many_proposals", str(error)) from error
    try:
        return await _asked(request, made, scope.credential)
    except TooManyCodesError:
        return await _waiting(siaga, made, TOO_MANY_CODES)


@router.post(f"{PATH}/code", responses=responses(401, 403, 404, 429, 503))
async def ask_contact(
    request: Request, person: str, channel: Channel, number: int, scope: Scope = needs("operate")
) -> ContactShape:
    """Send a new code to a contact; the one before counts no more.

    Three an hour to a contact, 50 an hour for a token or user, 200 an hour at all; beyond that the one before counts.
    """
    contact = await _contact(request, f"{person}/{channel}/{number}", scope)
    try:
        return await _asked(request, contact, scope.credential)
    except TooManyCodesError as error:
        says = "Too many codes were asked for within the hour; the code that was sent last still counts."
        raise busy(TOO_MANY_CODES, says, error.wait / SECOND, status=429) from error


@router.post(f"{PATH}/verification", responses=responses(401, 403, 404, 409, 413, 422, 429, 503))
async def verify_contact(
    request: Request,
    person: str,
    channel: Channel,
    number: int,
    body: CodeBody,
    scope: Scope = needs("operate"),
) -> ContactShape:
    """Bring back the code that the person read out; the contact counts at `counts_at`, or by another's approval.

    Neither who added the contact nor who brings the code may approve; `proposal` is what waits.
    """
    siaga = siaga_of(request)
    contact = await _contact(request, f"{person}/{channel}/{number}", scope)
    code = body.code.upper().replace(" ", "")
    try:
        outcome = await siaga.verifications.hear(contact, code, siaga.clock.now(), scope.credential)
    except TooManyProposalsError as error:
        raise Problem(409, "too_many_proposals", str(error)) from error
    if outcome == "wrong_code":
        raise Problem(422, "wrong_code", "That is not the code that was sent to this contact.")
    if outcome == "too_many_tries":
        raise Problem(429, "too_many_tries", "Too many wrong codes came within the hour; try again later.")
    if outcome == "not_asked":
        raise Problem(409, "not_asked", "No code counts for this contact; send a new one.")
    if outcome == "waits":
        return await _waiting(siaga, contact)
    return ContactShape(id=contact.id, verified=True, asked="")


@router.post(f"{PATH}/stop", responses=responses(401, 403, 404, 409, 503))
async def stop_contact(
    request: Request, person: str, channel: Channel, number: int, scope: Scope = needs("operate")
) -> ContactShape:
    """Confirm that a contact gets no more messages, awas included: its owner said so to the duty desk.

    STOP by SMS does less: without a code it asks for a call, with a code awas still goes there. Refused where an
    unresolved alert would have nobody left whom it could tell. All contacts of the person are notified, this one too,
    and an objection until `final_at` takes it back.
    """
    contact = await _contact(request, f"{person}/{channel}/{number}", scope)
    return await _taken_away(siaga_of(request), contact, "stopped", scope.credential)


@router.delete(PATH, responses=responses(401, 403, 404, 409, 503))
async def remove_contact(
    request: Request, person: str, channel: Channel, number: int, scope: Scope = needs("operate")
) -> ContactShape:
    """Take a contact away. Refused where an unresolved alert would have nobody left whom it could tell.

    The last working contact of an office holder goes once another person approved it; `proposal` is what waits. All
    contacts of the person are notified, this one too, and an objection until `final_at` brings it back.
    """
    siaga = siaga_of(request)
    contact = await _contact(request, f"{person}/{channel}/{number}", scope)
    if last_of_holder(await siaga.books.directory(), contact, siaga.clock.now()):
        try:
            await siaga.proposals.contacts.propose_removal(contact, scope.credential)
        except TooManyProposalsError as error:
            raise Problem(409, "too_many_proposals", str(error)) from error
        return await _waiting(siaga, contact)
    return await _taken_away(siaga, contact, "removed", scope.credential)


async def _taken_away(
    siaga: Siaga, contact: Contact, act: Literal["removed", "stopped"], by: Credential
) -> ContactShape:
    """Remove or stop a contact at once."""
    try:
        await siaga.proposals.contacts.take_away(contact, act, by)
    except NobodyLeftError as error:
        raise Problem(409, "nobody_left", str(error)) from error
    except TooManyProposalsError as error:
        raise Problem(409, "too_many_proposals", str(error)) from error
    _, change = await _newest(siaga, contact)
    done = change is not None and change.is_done
    until = None if change is None or not done or change.counts_at is None else change.counts_at
    return ContactShape(
        id=contact.id,
        verified=False,
        asked="",
        final_at=None if until is None else format_instant(until),
    )


async def _newest(siaga: Siaga, contact: Contact) -> tuple[ChangeProposal | None, ContactChange | None]:
    """Return the newest change of a contact that waits, and its proposal."""
    mine = [
        (one, change)
        for one in await siaga.proposals.waiting()
        if (change := one.subject.contact) is not None and change.contact == contact.id
    ]
    return mine[-1] if mine else (None, None)


async def _waiting(siaga: Siaga, contact: Contact, asked: str = "") -> ContactShape:
    """Return a contact with the newest proposal that waits for it."""
    proposal, change = await _newest(siaga, contact)
    counts_at = change.counts_at if change is not None else None
    return ContactShape(
        id=contact.id,
        verified=contact.verified,
        asked=asked,
        proposal=proposal.id if proposal else "",
        waits_for=await siaga.proposals.approvers(proposal) if proposal else [],
        counts_at=None if counts_at is None else format_instant(counts_at),
    )


async def _asked(request: Request, contact: Contact, by: Credential) -> ContactShape:
    outcome = await siaga_of(request).trials.send(contact.id, verify=True, by=by)
    if outcome is None:
        raise not_found("contact")
    asked = outcome.outcome if outcome.outcome == "sent" else outcome.reason
    return await _waiting(siaga_of(request), contact, asked)


async def _contact(request: Request, contact_id: str, scope: Scope) -> Contact:
    """Return a contact of a person in the token's subtree."""
    await _cover(request, contact_id.partition("/")[0], scope)
    contact = (await siaga_of(request).books.directory()).contact(contact_id)
    if contact is None:
        raise not_found("contact")
    return contact


async def _cover(request: Request, person_id: str, scope: Scope) -> None:
    """Refuse where a person is unknown, or holds no office in the token's subtree; who holds none is the nation's."""
    siaga = siaga_of(request)
    directory = await siaga.books.directory()
    if directory.person(person_id) is None:
        raise not_found("person")
    offices = [region for region, _ in directory.positions(person_id, siaga.clock.now())] or [NATION]
    if not any(scope.covers(region) for region in offices):
        cover(scope, offices[0], "operate")
