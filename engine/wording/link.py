"""Links to the answer page: their tokens, the token's fingerprint, and its placeholder in stored messages.

Here: pure functions; the key is passed in as bytes. Not here: keeping the key, storing fingerprints, validity.
A token is derived from the notification, so nothing secret is stored and a repeated message is identical
(escalation.md 8.1).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from functools import lru_cache

PLACEHOLDER = "{{token}}"
"""Stands in stored messages where the token goes."""
SMS_BITS = 60
EMAIL_BITS = 128
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


def fingerprint(token: str) -> str:
    """Return what the store keeps of a token: enough to find it again, nothing to make it from."""
    return hashlib.sha256(as_written(token).encode()).hexdigest()


def link(base_url: str, token: str = PLACEHOLDER) -> str:
    """Return the address of the answer page of a token."""
    return f"{base_url.rstrip('/')}/a/{token}"


def fill(text: str, token: str) -> str:
    """Return a stored text with its token."""
    return text.replace(PLACEHOLDER, token)
