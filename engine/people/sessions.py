"""Sessions of signed-in users, browsers known from an earlier sign-in, and limits on password attempts."""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import NamedTuple

import msgspec

from engine.clock import Clock
from engine.core.alerting.credential import Credential
from engine.core.judging.instant import DAY, MINUTE, Instant, Millis
from engine.people.users import User, Users
from engine.records.audit_log import AuditEntry, append_audit
from engine.records.tolerant_read import readable_or
from engine.runtime.keys import Keys
from engine.runtime.rate_limit import RateLimit, RateLimiter
from engine.store.codec import encode
from engine.store.port import Drop, Plan, Put, Store, Write

SESSIONS = "sessions"
"""Table of sessions by digest of the cookie; also the schedule of their latest ends, by which old ones are removed."""
REMOVED_AT_ONCE = 100
SEEN_EVERY: Millis = MINUTE
"""Use is noted this often, no more: a session may end by a pause so much too early."""
COOKIE_LENGTH = 43


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A session as it is kept. `password_at` is that of the user's password at the sign-in."""

    user: str
    password_at: Instant
    began_at: Instant
    seen_at: Instant


class SignedIn(NamedTuple):
    """Who is signed in, and the token that every form of theirs must send back."""

    user: User
    form_token: str


class Sessions:
    """The sessions of an installation. `idle` and `longest` are in milliseconds."""

    def __init__(self, store: Store, clock: Clock, users: Users, *, idle: Millis, longest: Millis) -> None:
        self._store = store
        self._clock = clock
        self._users = users
        self._idle = idle
        self.longest = longest

    async def begin(self, user: User) -> str:
        """Begin a session and return its cookie; what is long over is removed on this occasion."""
        now = self._clock.now()
        cookie = secrets.token_urlsafe(32)
        session = Session(user=user.id, password_at=user.password_at, began_at=now, seen_at=now)
        over = [id_ for id_, _ in await self._store.due(SESSIONS, now, REMOVED_AT_ONCE)]
        await self._store.write(
            Write(
                name="begin_session",
                puts=(Put(SESSIONS, session_name(cookie), encode(session), 0),),
                drops=tuple(Drop(SESSIONS, id_) for id_ in over),
                plans=(
                    Plan(SESSIONS, session_name(cookie), now + self.longest),
                    *(Plan(SESSIONS, id_, None) for id_ in over),
                ),
                appends=(
                    append_audit(AuditEntry(now, "sign_in", user.id, by=str(Credential("user", user.id)))),
                ),
            )
        )
        return cookie

    async def find(self, cookie: str) -> SignedIn | None:
        """Return who is signed in with this cookie; None where nobody is, or is any more."""
        if len(cookie) != COOKIE_LENGTH:
            return None
        record = (await self._store.get(SESSIONS, [session_name(cookie)]))[0]
        if record is None:
            return None
        session, now = readable_or(SESSIONS, session_name(cookie), record, Session, None), self._clock.now()
        if session is None or now >= min(session.began_at + self.longest, session.seen_at + self._idle):
            return None
        user = await self._users.readable(session.user)
        if user is None or user.disabled_at is not None or user.password_at != session.password_at:
            return None
        if now - session.seen_at >= SEEN_EVERY:
            # Whoever comes second need not try again; a session that was ended meanwhile stays ended.
            seen = msgspec.structs.replace(session, seen_at=now)
            put = Put(SESSIONS, session_name(cookie), encode(seen), record.version)
            await self._store.write(Write(name="use_session", puts=(put,)))
        return SignedIn(user, form_token(cookie))

    async def end(self, cookie: str) -> None:
        """End a session; there need not be one."""
        id_ = session_name(cookie)
        write = Write(name="end_session", drops=(Drop(SESSIONS, id_),), plans=(Plan(SESSIONS, id_, None),))
        await self._store.write(write)


def session_name(cookie: str) -> str:
    """Return the name under which a session is kept."""
    return sha256(cookie.encode("utf-8", "surrogatepass")).hexdigest()


def form_token(cookie: str) -> str:
    """Return the token of the forms of a session."""
    return hmac.digest(cookie.encode("utf-8", "surrogatepass"), b"siaga form", "sha256").hex()


DAYS = 400
"""A browser stays known so long after its last sign-in of the user; browsers keep no cookie longer."""
USERS = 8
"""Users for whom one browser is known: those who signed in last."""
_COOKIE = re.compile(r"([\w-]{22})((?:\.\d{1,6}-[\w-]{22}){1,8})")


class KnownBrowsers:
    """Makes the cookies and recognises them."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def id_of(self, cookie: str, user: str, now: Instant) -> str:
        """Return the id of a browser in which `user` signed in before; empty: there is no valid cookie of it."""
        id_, entries = _parts(cookie)
        return id_ if any(self._valid(id_, entry, user, now) for entry in entries) else ""

    def remember(self, cookie: str, user: str, now: Instant) -> str:
        """Return the cookie that the browser gets after `user` signed in; `cookie` is what it sent, if any."""
        id_, entries = _parts(cookie)
        id_ = id_ or secrets.token_urlsafe(16)
        others = [entry for entry in entries if not self._valid(id_, entry, user, now)]
        today = now // DAY
        entry = f"{today}-{_mac(self._keys.current, id_, today, user)}"
        return ".".join((id_, *others[-(USERS - 1) :], entry))

    def _valid(self, id_: str, entry: str, user: str, now: Instant) -> bool:
        day, _, mac = entry.partition("-")
        if not 0 <= now // DAY - int(day) <= DAYS:
            return False
        return any(hmac.compare_digest(mac, _mac(key, id_, int(day), user)) for key in self._keys.accepted)


def _parts(cookie: str) -> tuple[str, list[str]]:
    found = _COOKIE.fullmatch(cookie)
    return (found[1], found[2][1:].split(".")) if found else ("", [])


def _mac(key: bytes, id_: str, day: int, user: str) -> str:
    text = f"siaga browser\0{id_}\0{day}\0{user}".encode()
    return urlsafe_b64encode(hmac.digest(key, text, "sha256")[:16]).rstrip(b"=").decode()


WITHIN_SECONDS = 900.0
BOTH, ADDRESS, NAME = 5, 30, 60
"""Tries at once of one name from one address, from one address, of one name; as many again within `WITHIN_SECONDS`."""
KNOWN = 10
"""Tries at once of one name in a browser in which this name signed in before."""

Bucket = tuple[str, RateLimit]


class SignInLimits:
    """The tries that one process saw."""

    def __init__(self) -> None:
        self._tries = RateLimiter()

    def take(self, name: str, address: str, browser: str, now: float) -> float:
        """Count a try and return 0; where it is one too many, count nothing and return the seconds until it is not.

        `browser` is the id of a browser in which this name signed in before; empty: it is none.
        """
        buckets = _buckets(name, address, browser)
        wait = max(self._tries.wait(key, limit, now) for key, limit in buckets)
        if wait == 0:
            for key, limit in buckets:
                self._tries.take(key, limit, now)
        return wait

    def give_back(self, name: str, address: str, browser: str) -> None:
        """Give the last try back: it was not checked."""
        for key, _ in _buckets(name, address, browser):
            self._tries.give_back(key)

    def forgive(self, name: str, address: str, browser: str) -> None:
        """Give the last try back, which was right; earlier ones of this name from here do not count any more."""
        narrow, *others = _buckets(name, address, browser)
        self._tries.forget(narrow[0])
        for key, _ in others:
            self._tries.give_back(key)


def _buckets(name: str, address: str, browser: str) -> tuple[Bucket, ...]:
    """Return the buckets of a try, the narrowest first."""
    if browser:
        return ((f"browser\0{name}\0{browser}", RateLimit.per(WITHIN_SECONDS, KNOWN)),)
    return (
        (f"both\0{name}\0{address}", RateLimit.per(WITHIN_SECONDS, BOTH)),
        (f"address\0{address}", RateLimit.per(WITHIN_SECONDS, ADDRESS)),
        (f"name\0{name}", RateLimit.per(WITHIN_SECONDS, NAME)),
    )
