"""Ids that leave the process, each derived from its cause, never random (docs/specification/trust.md#derived-ids).

Here: how ids and digests are made. Not here: tokens of links, which need the key (`texts.answer_link_token`).
"""

from __future__ import annotations

import base64
from hashlib import blake2b

ALERT_BYTES = 10
"""80 bits: 16 characters; with a million alerts the chance of two equal ids is below 1e-12."""


def derive(*parts: str, size: int = ALERT_BYTES) -> str:
    """Return a lower-case base32 id over the parts; equal parts give equal ids, and no two lists run together."""
    digest = blake2b(digest_size=size)
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return base64.b32encode(digest.digest()).decode().rstrip("=").lower()


def alert_id(namespace: str, space: str, rule: str, group: str, ordinal: int) -> str:
    """Return the id of the `ordinal`-th alert (from 1) of a rule and group in a space."""
    return derive("alert", namespace, space, rule, group, str(ordinal))


def notification_id(cause: str, person: str, contact: str, kind: str) -> str:
    """Return the id of a notification from the history entry or inbound text that caused it."""
    return derive("notification", cause, person, contact, kind)
