"""Sessions of the pages: from a sign-in until a sign-out, a long pause, or the end of a shift.

Here: beginning, finding and ending them. Not here: who a user is (`service.users`), the cookie
(`web.console.current_user`). The cookie holds 256 random bits; the store has their digest, so that nobody who reads the
store can sign in with it. The token against forged requests follows from the cookie and is kept nowhere.
"""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256
from typing import NamedTuple

import msgspec

from engine.clock import Clock
from engine.core.alerting.credential import Credential
from engine.core.judging.instant import MINUTE, Instant, Millis
from engine.service.audit import AuditEntry, append_audit
from engine.service.readable import readable_or
from engine.service.users import User, Users
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
                puts=(Put(SESSIONS, digest(cookie), encode(session), 0),),
                drops=tuple(Drop(SESSIONS, id_) for id_ in over),
                plans=(
                    Plan(SESSIONS, digest(cookie), now + self.longest),
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
        record = (await self._store.get(SESSIONS, [digest(cookie)]))[0]
        if record is None:
            return None
        session, now = readable_or(SESSIONS, digest(cookie), record, Session, None), self._clock.now()
        if session is None or now >= min(session.began_at + self.longest, session.seen_at + self._idle):
            return None
        user = await self._users.readable(session.user)
        if user is None or user.disabled_at is not None or user.password_at != session.password_at:
            return None
        if now - session.seen_at >= SEEN_EVERY:
            # Whoever comes second need not try again; a session that was ended meanwhile stays ended.
            seen = msgspec.structs.replace(session, seen_at=now)
            put = Put(SESSIONS, digest(cookie), encode(seen), record.version)
            await self._store.write(Write(name="use_session", puts=(put,)))
        return SignedIn(user, form_token(cookie))

    async def end(self, cookie: str) -> None:
        """End a session; there need not be one."""
        id_ = digest(cookie)
        write = Write(name="end_session", drops=(Drop(SESSIONS, id_),), plans=(Plan(SESSIONS, id_, None),))
        await self._store.write(write)


def digest(cookie: str) -> str:
    """Return the name under which a session is kept."""
    return sha256(cookie.encode("utf-8", "surrogatepass")).hexdigest()


def form_token(cookie: str) -> str:
    """Return the token of the forms of a session."""
    return hmac.digest(cookie.encode("utf-8", "surrogatepass"), b"siaga form", "sha256").hex()
