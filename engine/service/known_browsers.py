"""Known browsers: a signed cookie by which a browser shows that a user signed in there before.

The cookie lets nobody in. It only separates that user's tries in that browser from the tries of strangers, so that
guessing from elsewhere shuts no user out. It holds a random id and, for each of the users who signed in there last, a
day and an HMAC, but no user's name. The key is the installation's; the store keeps nothing.
"""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import urlsafe_b64encode

from engine.core.judging.instant import DAY, Instant
from engine.service.key import Keys

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
