"""Verification: a contact that was added counts only once the code that was sent there came back.

Here: the record of what was asked, the code, and what came back. Not here: sending it (`answers.test_messages`), who
may add a contact (`web.api.contacts`, `cli.contact`). The code follows from the installation's key and is kept nowhere;
a key that was replaced still counts for what was asked before.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from hashlib import sha256
from typing import Literal

import msgspec

from engine.core.alerting.credential import Credential
from engine.core.alerting.directory import Contact, marked
from engine.core.judging.instant import DAY, HOUR, Instant, Millis, format_duration
from engine.delivery.reply_codes import recent_misses
from engine.errors import SiagaError
from engine.people.directory_service import DirectoryService
from engine.records.runtime_config import RuntimeConfig
from engine.records.tolerant_read import readable_or
from engine.rule_sets.proposals import Proposals
from engine.runtime.keys import Keys
from engine.store.codec import encode
from engine.store.port import Committed, Put, Store, Write

VERIFICATIONS = "verifications"
"""Table of what contacts were asked, by their ids."""
VALID: Millis = DAY
"""A code counts so long."""
TRIES = 5
"""A code that was answered wrongly so often counts no more."""
CODE_REQUESTS, ALL_REQUESTS = "code_requests", "all"
"""Table of who asked for codes within the hour, and its one record."""
WITHIN: Millis = HOUR
"""Requests of so long are counted together."""
PER_CONTACT, PER_CREDENTIAL, OVERALL = 3, 50, 200
"""So many codes are sent within the hour to a contact, for a credential, and at all."""

Confirmed = Literal["verified", "waits"]
"""What a right code makes of a contact: it counts, or it waits for another person's approval."""
VerificationOutcome = Literal["verified", "waits", "wrong_code", "not_asked", "too_many_tries"]
"""`waits`: the code is right, and the contact counts once another person approved it.
`not_asked`: no code is out for the contact, it is too old, it was tried too often, or the address is another now.
`too_many_tries`: the tries of this hour over all contacts are used up; nothing was looked at."""
DIGITS = 6
"""Digits of a code."""


class PendingCode(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a contact was asked: the how manieth time, when, at which address (a digest of it), and how many misses.

    `text` is the id of the SMS that brought the code back, if one did. `by` is the credential that first asked this
    address: who added it. `sent`: when codes were asked for within the hour before the newest, that one last.
    """

    turn: int
    at: Instant
    address: str
    missed: int = 0
    done: bool = False
    text: str = ""
    by: Credential | None = None
    sent: tuple[Instant, ...] = ()


class CodeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A code that was asked for: by which credential, and when."""

    by: str
    at: Instant


class TooManyCodesError(SiagaError):
    """Codes are asked for too often; nothing was changed, and the code before still counts."""

    def __init__(self, until: Instant, now: Instant) -> None:
        """`until`: a code may be asked for again then."""
        self.wait = until - now
        super().__init__(
            f"too many codes were asked for within the hour; again in {format_duration(self.wait)}. "
            "The code that was sent last still counts"
        )


class Verifications:
    """Asks contacts, and hears what comes back."""

    def __init__(
        self, store: Store, books: RuntimeConfig, keys: Keys, proposals: Proposals | None = None
    ) -> None:
        """With `proposals` a contact whose code came back waits for another person; without, it counts at once."""
        self._proposals = proposals
        self._store = store
        self._books = books
        self._keys = keys

    async def ask(self, contact: Contact, at: Instant, by: Credential | None = None) -> str:
        """Return a new code for a contact, which alone counts from now on, to be sent there and nowhere else.

        Raises `TooManyCodesError` where the contact, the credential or the installation reached its bound.
        """
        while True:
            before, version = await self._read(contact.id)
            sent = tuple(one for one in (before.sent if before else ()) if one > at - WITHIN)
            requests, requests_version = await self._requests(at)
            _within_bounds(sent, requests, str(by or ""), at)
            key = self._keys.current
            address = _digest(key, contact)
            known = before is not None and before.address in {
                _digest(k, contact) for k in self._keys.accepted
            }
            first = before.by if before is not None and known and before.by is not None else by
            turn = before.turn + 1 if before else 1
            asked = PendingCode(turn=turn, at=at, address=address, by=first, sent=(*sent, at))
            counted = (*requests, CodeRequest(by=str(by or ""), at=at))
            more = Put(CODE_REQUESTS, ALL_REQUESTS, encode(counted), requests_version)
            if await self._keep(contact.id, asked, version, more):
                return _code(key, contact, asked)

    async def hear(
        self, contact: Contact, code: str, at: Instant, by: Credential, text: str = ""
    ) -> VerificationOutcome:
        """Verify the contact where this is the code that was sent there; `by` is the credential that brought it.

        `text` is the id of the SMS in which it came.
        """
        while True:
            asked, version = await self._read(contact.id)
            out = self._out(asked, contact, at)
            if asked is None or out is None:
                return "not_asked"
            everybody = await recent_misses(self._store, "contacts", at)
            if everybody.spent:
                return "too_many_tries"
            right = _same(out, code)
            if right and self._proposals is not None:
                if await self._proposals.contacts.code_came_back(contact, asked.by or by, by) is None:
                    return "not_asked"
            elif right:
                await DirectoryService(self._store, self._books).amend(
                    lambda contents: marked(contents, {contact.id}, verified=True), at, by
                )
            missed = asked.missed + (not right)
            tried = msgspec.structs.replace(asked, missed=missed, done=right, text=text)
            more = () if right else (everybody.another(at).put(),)
            if await self._keep(contact.id, tried, version, *more):
                waits = self._proposals is not None
                return "wrong_code" if not right else "waits" if waits else "verified"

    async def expects(self, contact: Contact, code: str, at: Instant) -> bool:
        """Say whether a code is the one that is out for a contact; asking counts as no try."""
        asked, _ = await self._read(contact.id)
        out = self._out(asked, contact, at)
        return out is not None and _same(out, code)

    async def confirmed_by(self, contact: Contact, text: str) -> Confirmed | None:
        """Say what a text (its id) made of the contact, None for nothing: it is answered so when it comes again."""
        asked, _ = await self._read(contact.id)
        if asked is None or not asked.done or not text or asked.text != text:
            return None
        return "verified" if contact.verified else "waits" if self._proposals is not None else None

    def _out(self, asked: PendingCode | None, contact: Contact, at: Instant) -> str | None:
        """Return the code that is out for a contact, made with the key with which it was asked; None where none is."""
        if asked is None or asked.done or asked.missed >= TRIES or at >= asked.at + VALID:
            return None
        keys = (key for key in self._keys.accepted if asked.address == _digest(key, contact))
        return next((_code(key, contact, asked) for key in keys), None)

    async def _requests(self, at: Instant) -> tuple[tuple[CodeRequest, ...], int]:
        """Return the requests of the last hour, the oldest first, and the version of their record."""
        record = (await self._store.get(CODE_REQUESTS, [ALL_REQUESTS]))[0]
        found = readable_or(CODE_REQUESTS, ALL_REQUESTS, record, tuple[CodeRequest, ...], ())
        return tuple(one for one in found if one.at > at - WITHIN), record.version if record else 0

    async def _read(self, contact_id: str) -> tuple[PendingCode | None, int]:
        record = (await self._store.get(VERIFICATIONS, [contact_id]))[0]
        asked = readable_or(VERIFICATIONS, contact_id, record, PendingCode, None)
        return asked, record.version if record else 0

    async def _keep(self, contact_id: str, asked: PendingCode, version: int, *more: Put) -> bool:
        puts = (Put(VERIFICATIONS, contact_id, encode(asked), version), *more)
        return isinstance(await self._store.write(Write(name="verification", puts=puts)), Committed)


def _within_bounds(sent: Sequence[Instant], requests: Sequence[CodeRequest], by: str, now: Instant) -> None:
    """Raise where a bound of the hour is reached."""
    bounds = (
        (PER_CONTACT, sent),
        (PER_CREDENTIAL, [one.at for one in requests if one.by == by]),
        (OVERALL, [one.at for one in requests]),
    )
    ends = [at[-most] + WITHIN for most, at in bounds if len(at) >= most]
    if ends:
        raise TooManyCodesError(max(ends), now)


def _same(out: str, code: str) -> bool:
    return hmac.compare_digest(out.encode(), code.encode("utf-8", "replace"))


def _code(key: bytes, contact: Contact, asked: PendingCode) -> str:
    secret = hmac.new(key, f"verify\0{contact.id}\0{asked.turn}".encode(), sha256).hexdigest()
    return f"{int(secret, 16) % 10**DIGITS:0{DIGITS}d}"


def _digest(key: bytes, contact: Contact) -> str:
    return hmac.new(key, f"address\0{contact.value}".encode(), sha256).hexdigest()[:32]
