"""Links to the answer page: tokens and their fingerprints, and the signed name under which a mail travels.

Specification: docs/specification/escalation.md#links.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Collection
from functools import lru_cache

SEAL_CHARACTERS = 16
"""80 bits."""


def signed_name(key: bytes, notification_id: str) -> str:
    """Return `<id>.<seal>`, of letters, digits and a dot."""
    return f"{notification_id}.{_seal(key, notification_id)}"


def id_of_signed_name(keys: Collection[bytes], name: str) -> str | None:
    """Return the notification's id where one of our keys made the seal on its name; capitals do not count."""
    notification_id, _, mark = name.strip().lower().rpartition(".")
    whole = [hmac.compare_digest(mark.encode(), _seal(key, notification_id).encode()) for key in keys]
    return notification_id if any(whole) else None


def _seal(key: bytes, notification_id: str) -> str:
    digest = hmac.digest(key, b"seal\0" + notification_id.encode("utf-8", "surrogatepass"), "sha256")
    return base64.b32encode(digest).decode().lower()[:SEAL_CHARACTERS]


PLACEHOLDER = "{{token}}"
"""Stands in stored messages where the token goes."""
SMS_BITS = 60
EMAIL_BITS = 128
KEYED = "k."
"""What the fingerprints begin with; those of before are plain SHA-256."""
FINGERPRINT_BYTES = 20
_LABEL = b"siaga: fingerprint of a link\0"
_MISREAD = str.maketrans({"0": "o", "1": "l", "8": "b"})
"""Base32 has none of these digits: who types a link by hand means the letter."""


@lru_cache(maxsize=512)
def token_for(key: bytes, notification_id: str, channel: str) -> str:
    """Return the token of a notification: 12 characters of base32 for an SMS, 26 for any other channel.

    It is asked for with the claim and right after that with the attempt.
    """
    digest = hmac.digest(key, notification_id.encode(), "sha256")
    return base64.b32encode(digest).decode().lower()[: token_length(channel)]


def token_length(channel: str) -> int:
    """Return the number of characters of a channel's tokens (5 bits each)."""
    return -(-(SMS_BITS if channel == "sms" else EMAIL_BITS) // 5)


def as_written(typed: str) -> str:
    """Return the token that somebody typed as we write it."""
    return typed.strip().lower().translate(_MISREAD)


def token_fingerprint(key: bytes, token: str) -> str:
    """Return what the store keeps of a token: enough for a holder of the key to find it again.

    It is an HMAC under the key, which the store does not hold. Whoever reads the store cannot tell a guess that hits
    from one that misses, however many tokens they try (docs/specification/trust.md#link-fingerprints).
    """
    digest = hmac.digest(key, _LABEL + as_written(token).encode(), "sha256")
    return KEYED + base64.b32encode(digest[:FINGERPRINT_BYTES]).decode().lower().rstrip("=")


def unkeyed_fingerprint(token: str) -> str:
    """Return what stores of before keep of a token: a digest without a key, which can be searched."""
    return hashlib.sha256(as_written(token).encode()).hexdigest()


def link(base_url: str, token: str = PLACEHOLDER) -> str:
    """Return the address of the answer page of a token."""
    return f"{base_url.rstrip('/')}/a/{token}"


def with_token(text: str, token: str) -> str:
    """Return a stored text with its token."""
    return text.replace(PLACEHOLDER, token)
