"""Tokens of machines: who may use the API, with which rights and for which region.

Here: making, listing, revoking and checking them. Not here: reading a header off a request and answering 401 or 403
(`web.auth`), and the tokens in links, which are derived (`texts.answer_link_token`).

A token reads `siaga_<id>_<secret>`. The id is for lists and logs; the secret has 256 random bits, so one SHA-256 of it
is kept: nobody can guess such a secret, and the slow salted hash that a password needs would only slow each request.
Ids and secrets are random and not derived (docs/specification/trust.md#derived-ids), because a credential must not
follow from anything.
"""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Literal, NamedTuple, get_args

import msgspec

from engine.clock import Clock, monotonic
from engine.core.alerting.credential import Credential
from engine.core.judging.instant import DAY, Instant, Millis
from engine.core.judging.region import NATION, lies_in
from engine.errors import SiagaError
from engine.records.audit_log import AuditEntry, append_audit, digest_of_contents
from engine.records.tolerant_read import readable, readable_of, readable_or
from engine.store.codec import decode_record, encode
from engine.store.port import Append, Committed, Put, Store, Write

Right = Literal["submit", "verify", "operate", "answer", "policy", "read", "inbound"]
RIGHTS: tuple[Right, ...] = get_args(Right)
TABLE = "tokens"
ANY_DESK = "*"
"""In the place of desk names: every desk in the region of the token, and every desk whose name is no region code."""
CACHE_SECONDS = 3.0
"""A checked token is believed this long without asking the store, so a revocation counts everywhere after this time."""
CACHE_SIZE = 1_024


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What a credential may: its rights, in this region and what lies in it.

    `token_id` is the id of the token, or of the user or the account of the machine where `kind` says so. `person` is
    the person of the directory to whom the credential is bound; empty where it is bound to nobody. A rate of 0 is the
    default of the settings.
    `desks` are the names of the desks it speaks for, its own first; none: the desk of its region.
    """

    rights: frozenset[Right]
    region: str
    token_id: str
    events_per_minute: int = 0
    bytes_per_minute: int = 0
    awas_per_ten_minutes: int = 0
    kind: Literal["token", "user", "os", "service"] = "token"
    person: str = ""
    desks: tuple[str, ...] = ()

    @property
    def desk(self) -> str:
        """The desk that reports where an event names none."""
        return next((desk for desk in self.desks if desk != ANY_DESK), self.region)

    def speaks_for(self, desk: str) -> bool:
        """Say whether an event may name this desk as its source."""
        desks = self.desks
        return desk in desks or ANY_DESK in desks or (not desks and desk == self.region)

    @property
    def credential(self) -> Credential:
        """The credential that history and audit name."""
        return Credential(self.kind, self.token_id, self.person)

    @property
    def actor(self) -> str:
        """The name under which history enters its acts: a person, a user, or the token itself."""
        return self.person or (self.token_id if self.kind == "user" else str(self.credential))

    def covers(self, code: str) -> bool:
        """Say whether a region code lies in the token's region."""
        return lies_in(code, self.region)


class Token(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A token as it is kept: everything but the secret. `used_on` is days since 1970 UTC.

    From `ends_at` on it is valid no more: another one stands in its place (`successor`), or it was made so. A rate of 0
    is the default of the settings.
    A token with a `person` is that person's alone and answers as them. `desks` are the desks it speaks for; None: it is
    older than this bound and speaks for any, until it is rotated. Its events received from `disowned_since` on are
    refuted.
    """

    id: str
    label: str
    rights: tuple[Right, ...]
    region: str
    digest: bytes
    created_at: Instant
    used_on: int | None = None
    revoked_at: Instant | None = None
    ends_at: Instant | None = None
    successor: str = ""
    events_per_minute: int = 0
    bytes_per_minute: int = 0
    awas_per_ten_minutes: int = 0
    person: str = ""
    desks: tuple[str, ...] | None = None
    disowned_since: Instant | None = None

    def ended(self, now: Instant) -> bool:
        """Say whether it is valid no more."""
        return self.revoked_at is not None or (self.ends_at is not None and now >= self.ends_at)


class Created(NamedTuple):
    """A new token and its text, which is shown once and kept nowhere."""

    token: Token
    text: str

    def __repr__(self) -> str:
        return f"Created(token={self.token!r})"


class _Checked(NamedTuple):
    scope: Scope
    until: float


class Tokens:
    """The tokens of an installation."""

    def __init__(self, store: Store, clock: Clock, monotonic: Callable[[], float] = monotonic) -> None:
        """Keep tokens in `store`; `monotonic` counts the seconds of the cache and nothing else."""
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._cache: OrderedDict[bytes, _Checked] = OrderedDict()

    async def create(
        self,
        rights: Iterable[Right],
        region: str = NATION,
        label: str = "",
        *,
        events_per_minute: int = 0,
        bytes_per_minute: int = 0,
        awas_per_ten_minutes: int = 0,
        person: str = "",
        desks: Iterable[str] = (),
        by: Credential,
    ) -> Created:
        """Make a token, for a `person` of the directory where one is named; its text stands only in the answer.

        `by` is the credential that the audit names. A rate of 0 is the default of the settings. It speaks for `desks`
        (`ANY_DESK`: for any), else for the desk of its region.
        """
        token_id, secret = secrets.token_hex(5), secrets.token_urlsafe(32)
        token = Token(
            id=token_id,
            label=label,
            rights=tuple(right for right in RIGHTS if right in set(rights)),
            region=region,
            digest=_digest(secret),
            created_at=self._clock.now(),
            events_per_minute=events_per_minute,
            bytes_per_minute=bytes_per_minute,
            awas_per_ten_minutes=awas_per_ten_minutes,
            person=person,
            desks=tuple(dict.fromkeys(desks)) or (region,),
        )
        outcome = await self._store.write(
            Write(
                name="create_token",
                puts=(Put(TABLE, token_id, encode(token), expected=0),),
                appends=(_audited(token, token.created_at, by),),
            )
        )
        if not isinstance(outcome, Committed):
            raise SiagaError(f"a token {token_id} is already there; try again")
        return Created(token, f"siaga_{token_id}_{secret}")

    async def rotate(
        self, token_id: str, overlap: Millis, *, desks: Iterable[str] = (), by: Credential
    ) -> Created | None:
        """Make a token with the same rights, region and label; both are valid for `overlap` milliseconds more.

        None where there is no such token, or it has ended. One that is rotated already keeps its end. The new one
        speaks for `desks`, else for those of the old one, else for the desk of its region.
        """
        while (record := (await self._store.get(TABLE, [token_id]))[0]) is not None:
            old, now = decode_record(TABLE, token_id, record.value, Token), self._clock.now()
            if old.ended(now):
                return None
            new_id, secret = secrets.token_hex(5), secrets.token_urlsafe(32)
            new = Token(
                id=new_id,
                label=old.label,
                rights=old.rights,
                region=old.region,
                digest=_digest(secret),
                created_at=now,
                events_per_minute=old.events_per_minute,
                bytes_per_minute=old.bytes_per_minute,
                awas_per_ten_minutes=old.awas_per_ten_minutes,
                person=old.person,
                desks=tuple(dict.fromkeys(desks)) or old.desks or (old.region,),
            )
            ends_at = now + overlap if old.ends_at is None else old.ends_at
            old = msgspec.structs.replace(old, ends_at=ends_at, successor=new_id)
            write = Write(
                name="rotate_token",
                puts=(
                    Put(TABLE, token_id, encode(old), expected=record.version),
                    Put(TABLE, new_id, encode(new), expected=0),
                ),
                appends=(_audited(old, now, by), _audited(new, now, by)),
            )
            if isinstance(await self._store.write(write), Committed):
                return Created(new, f"siaga_{new_id}_{secret}")
        return None

    async def list(self) -> list[Token]:
        """Return all tokens, the revoked too, oldest first."""
        records = await self._store.scan(TABLE)
        tokens = readable(TABLE, records, Token).values()
        return sorted(tokens, key=lambda token: (token.created_at, token.id))

    async def labels(self, ids: Sequence[str]) -> dict[str, str]:
        """Return the labels of those tokens that have one, by id."""
        records = await self._store.get(TABLE, list(ids)) if ids else []
        found = readable_of(TABLE, ids, records, Token)
        return {id_: token.label for id_, token in found.items() if token.label}

    async def revoke(self, token_id: str, *, by: Credential) -> Token | None:
        """End a token; None where there is no such token. Revoking again changes nothing."""
        while (record := (await self._store.get(TABLE, [token_id]))[0]) is not None:
            token = decode_record(TABLE, token_id, record.value, Token)
            if token.revoked_at is not None:
                return token
            revoked = msgspec.structs.replace(token, revoked_at=self._clock.now())
            put = Put(TABLE, token_id, encode(revoked), expected=record.version)
            done = _audited(revoked, revoked.revoked_at or 0, by)
            write = Write(name="revoke_token", puts=(put,), appends=(done,))
            if isinstance(await self._store.write(write), Committed):
                self._cache.clear()
                return revoked
        return None

    async def check(self, header: str) -> Scope | None:
        """Return the scope of an `Authorization` header, or None where it is of no valid token."""
        scheme, _, text = header.partition(" ")
        if scheme.lower() != "bearer":
            return None
        text = text.strip()
        key = _digest(text)
        now = self._monotonic()
        checked = self._cache.get(key)
        if checked is not None and now < checked.until:
            return checked.scope
        scope = await self._looked_up(text)
        if scope is None:
            self._cache.pop(key, None)
            return None
        self._cache[key] = _Checked(scope, now + CACHE_SECONDS)
        self._cache.move_to_end(key)
        if len(self._cache) > CACHE_SIZE:
            self._cache.popitem(last=False)
        return scope

    async def _looked_up(self, text: str) -> Scope | None:
        prefix, _, rest = text.partition("_")
        token_id, _, secret = rest.partition("_")
        if prefix != "siaga" or not (token_id.isascii() and token_id.isalnum()) or len(token_id) > 32:
            return None
        record = (await self._store.get(TABLE, [token_id]))[0]
        token = readable_or(TABLE, token_id, record, Token, None)
        if record is None or token is None:
            return None
        right = hmac.compare_digest(token.digest, _digest(secret))
        if not right or token.ended(self._clock.now()):
            return None
        await self._used(token, record.version)
        return Scope(
            rights=frozenset(token.rights),
            region=token.region,
            token_id=token_id,
            events_per_minute=token.events_per_minute,
            bytes_per_minute=token.bytes_per_minute,
            awas_per_ten_minutes=token.awas_per_ten_minutes,
            person=token.person,
            desks=(ANY_DESK,) if token.desks is None else token.desks,
        )

    async def _used(self, token: Token, version: int) -> None:
        """Note the day of use, once a day; whoever comes second need not try again."""
        today = self._clock.now() // DAY
        if token.used_on != today:
            used = msgspec.structs.replace(token, used_on=today)
            put = Put(TABLE, token.id, encode(used), expected=version)
            await self._store.write(Write(name="use_token", puts=(put,)))


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def _audited(token: Token, at: Instant, by: Credential) -> Append:
    """Return the audit's entry of a token that was made or ended: its rights and region by their digest."""
    return append_audit(AuditEntry(at, "token", token.id, digest_of_contents(encode(token)), str(by)))
