"""Seals: the name under which an e-mail travels, which only this installation can have written.

Here: making and breaking them. Not here: how a mail that came back is read (`service.bounce`). Ids of notifications are
derived from what others may know, so a bounce that merely names one proves nothing. The sealed name goes out as
envelope id and in the Message-ID, to the one mailbox that the message is for: who returns it had the message.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Collection

SEAL_CHARACTERS = 16
"""80 bits."""


def seal(key: bytes, notification_id: str) -> str:
    """Return `<id>.<seal>`, of letters, digits and a dot."""
    return f"{notification_id}.{_seal(key, notification_id)}"


def unseal(keys: Collection[bytes], name: str) -> str | None:
    """Return the notification's id where one of our keys made the seal on its name; capitals do not count."""
    notification_id, _, mark = name.strip().lower().rpartition(".")
    whole = [hmac.compare_digest(mark.encode(), _seal(key, notification_id).encode()) for key in keys]
    return notification_id if any(whole) else None


def _seal(key: bytes, notification_id: str) -> str:
    digest = hmac.digest(key, b"seal\0" + notification_id.encode("utf-8", "surrogatepass"), "sha256")
    return base64.b32encode(digest).decode().lower()[:SEAL_CHARACTERS]
