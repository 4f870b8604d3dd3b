"""Users of the pages: who may sign in, with which rights and for which region.

Here: adding, listing, disabling them, changing and checking passwords. Not here: the sessions that a sign-in begins
(`people.sessions`), how often somebody may try (`people.sessions`), and machines (`people.tokens`).

A user is an office or a shift, never a person's name: the id stands in histories. Where the user is a person of the
directory it is bound to them, or has that person's id, so that an answer in their own name is theirs. Of a password
only argon2id's digest is kept; it costs memory and a tenth of a second, so that a stolen store does not give passwords
away.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import argon2
import msgspec

from engine.clock import Clock
from engine.core.alerting.credential import Credential
from engine.core.judging.instant import Instant
from engine.core.judging.region import NATION
from engine.errors import SiagaError, UnreadableRecordError
from engine.people.tokens import RIGHTS, Right, Scope
from engine.records.audit_log import AuditEntry, append_audit, digest_of_contents
from engine.records.tolerant_read import readable, report_unreadable
from engine.store.codec import decode_record, encode
from engine.store.port import Committed, Put, Store, Write
from engine.store.write_names import WriteName

TABLE = "users"
ID = re.compile(r"[a-z][a-z0-9._-]{1,39}")
SHORTEST, LONGEST = 12, 200
"""Characters of a password. Length is all that is asked: rules on digits and signs make passwords worse."""
AT_ONCE = 1
"""Passwords checked at the same time for strangers, and as many again for known browsers and for what operators set.
Each takes 64 MiB while it is checked."""
WAITING, WAITING_FROM_ONE = 16, 4
"""Checks for strangers that may wait at once, in all and from one address; the next is told to come back."""
HASHER = argon2.PasswordHasher(memory_cost=65_536, time_cost=3, parallelism=4)


class UserFault(SiagaError):
    """A user cannot be made or changed so."""


class ManySignInsError(SiagaError):
    """Too many passwords wait to be checked; the same try may come again after `retry_seconds`."""

    retry_seconds = 5


class User(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A user as it is kept. `password_at` is the instant at which the password was set: older sessions have ended.

    With a `person` of the directory the user is theirs alone.
    On forms and sheets they report for `desks`, their own first; none: the desk of their region.
    """

    id: str
    rights: tuple[Right, ...]
    region: str
    password: str
    password_at: Instant
    created_at: Instant
    disabled_at: Instant | None = None
    person: str = ""
    desks: tuple[str, ...] = ()

    @property
    def scope(self) -> Scope:
        """Return what the user may; in the place of a token's id stands the user's."""
        return Scope(
            rights=frozenset(self.rights),
            region=self.region,
            token_id=self.id,
            kind="user",
            person=self.person,
            desks=self.desks,
        )


class Users:
    """The users of an installation."""

    def __init__(self, store: Store, clock: Clock, hasher: argon2.PasswordHasher = HASHER) -> None:
        """Keep users in `store`; another `hasher` is for tests, which need no dear one."""
        self._store = store
        self._clock = clock
        self._hasher = hasher
        self._nobody = nobody(hasher)
        self._strangers = asyncio.Semaphore(AT_ONCE)
        self._reserve = asyncio.Semaphore(AT_ONCE)
        self._waiting: Counter[str] = Counter()

    async def add(
        self,
        id_: str,
        password: str,
        rights: Iterable[Right],
        region: str = NATION,
        *,
        person: str = "",
        desks: Iterable[str] = (),
        by: Credential,
    ) -> User:
        """Add a user, for a `person` of the directory where one is named; they report for `desks`, else their region's.

        Raises `UserFault` where the id is taken or not of its form, or the password is too short.
        """
        if not ID.fullmatch(id_):
            raise UserFault(f"{id_}: a user is 2 to 40 of a-z, 0-9 and . _ - and begins with a letter")
        now = self._clock.now()
        user = User(
            id=id_,
            rights=tuple(right for right in RIGHTS if right in set(rights)),
            region=region,
            password=await self._hashed(id_, password),
            password_at=now,
            created_at=now,
            person=person,
            desks=tuple(dict.fromkeys(desks)),
        )
        if not await self._put("add_user", user, expected=0, now=now, by=by):
            raise UserFault(f"there is a user {id_} already; `siaga user list` shows all")
        return user

    async def list(self) -> list[User]:
        """Return all users, the disabled too, by id."""
        records = await self._store.scan(TABLE)
        return sorted(readable(TABLE, records, User).values(), key=lambda user: user.id)

    async def get(self, id_: str) -> User | None:
        """Return a user, the disabled too."""
        record = (await self._store.get(TABLE, [id_]))[0]
        return decode_record(TABLE, id_, record.value, User) if record else None

    async def readable(self, id_: str) -> User | None:
        """Return a user as `get` does; a record that cannot be read lets nobody in."""
        try:
            return await self.get(id_)
        except UnreadableRecordError as error:
            report_unreadable(error)
            return None

    async def set_password(self, id_: str, password: str, *, by: Credential) -> User | None:
        """Give a user another password and end their sessions; None where there is no such user."""
        hashed = await self._hashed(id_, password)
        return await self._change("set_password", id_, by, password=hashed, password_at=self._clock.now())

    async def disable(self, id_: str, *, by: Credential) -> User | None:
        """Let a user in no more and end their sessions; None where there is no such user."""
        return await self._change("disable_user", id_, by, disabled_at=self._clock.now())

    async def check(self, id_: str, password: str, *, address: str = "", known: bool = False) -> User | None:
        """Return the user whose password this is. It takes as long where there is no such user.

        The tries of strangers wait for each other; those of a `known` browser have a turn of their own. Raises
        `ManySignInsError` where too many wait, from `address` or in all.
        """
        async with self._turn(address, known=known):
            user = await self.readable(id_) if ID.fullmatch(id_) else None
            valid = user is not None and user.disabled_at is None
            right = await asyncio.to_thread(
                self._verified, user.password if user is not None and valid else self._nobody, password
            )
        return user if valid and right else None

    @asynccontextmanager
    async def _turn(self, address: str, *, known: bool) -> AsyncIterator[None]:
        if known:
            async with self._reserve:
                yield
            return
        if self._waiting.total() >= WAITING or self._waiting[address] >= WAITING_FROM_ONE:
            raise ManySignInsError
        self._waiting[address] += 1
        try:
            async with self._strangers:
                yield
        finally:
            self._waiting[address] -= 1
            self._waiting += Counter()  # drops what is zero

    def _verified(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except argon2.exceptions.VerificationError:
            return False

    async def _hashed(self, id_: str, password: str) -> str:
        if not SHORTEST <= len(password) <= LONGEST:
            raise UserFault(f"a password has {SHORTEST} to {LONGEST} characters; a few words make a good one")
        if id_ in password.lower():
            raise UserFault("a password must not hold the user's id")
        async with self._reserve:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def _change(self, name: WriteName, id_: str, by: Credential, **changes: object) -> User | None:
        while (record := (await self._store.get(TABLE, [id_]))[0]) is not None:
            user = msgspec.structs.replace(decode_record(TABLE, id_, record.value, User), **changes)
            if await self._put(name, user, expected=record.version, now=self._clock.now(), by=by):
                return user
        return None

    async def _put(self, name: WriteName, user: User, *, expected: int, now: Instant, by: Credential) -> bool:
        done = AuditEntry(now, "user", user.id, digest_of_contents(encode(user)), str(by))
        write = Write(
            name=name, puts=(Put(TABLE, user.id, encode(user), expected),), appends=(append_audit(done),)
        )
        return isinstance(await self._store.write(write), Committed)


def nobody(hasher: argon2.PasswordHasher) -> str:
    """Return what is checked where there is no such user, so that it takes as long as any other."""
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${cost}${'A' * 22}${'A' * 43}"
