"""Case files: one alert with everything that happened to it, signed, to be read where no Siaga is.

Here: what a file holds, its signature, and the proof of both. Not here: the audit of an installation
(`records.audit_log`) and printing (`cli.case`). A file holds ids, numbers and digests only: no address, no text of a
message, no free text.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from engine.core.alerting.alert import Alert, HistoryEntry, Notification, Rendered
from engine.core.alerting.invariants import broken_link
from engine.core.judging.instant import Instant
from engine.errors import SiagaError

FORMAT = "siaga-case-1"
_DIGEST = "blake2b:"
CaseFileFault = Literal["not_a_case_file", "bad_signature", "other_key", "history_changed"]


class CaseFileError(SiagaError):
    """A file is no case file, or not what was signed; `fault` says which."""

    def __init__(self, fault: CaseFileFault, text: str) -> None:
        super().__init__(text)
        self.fault = fault


class CaseContents(msgspec.Struct, frozen=True, kw_only=True):
    """What is signed. `mark` is the newest of the installation's audit at `exported_at` (milliseconds UTC).

    `credentials` says of each credential that the history names whose it is, in words, by language. Words name offices,
    tokens and users by id; labels of tokens are free text and stay in the installation. Files of before have none.
    """

    format: str
    namespace: str
    exported_at: Instant
    mark: str
    alert: Alert
    notifications: tuple[Notification, ...]
    history: tuple[HistoryEntry, ...]
    credentials: Mapping[str, Mapping[str, str]] = {}


class _Signed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    case: msgspec.Raw
    key: str
    signature: str


def write(
    namespace: str,
    alert: Alert,
    notifications: Sequence[Notification],
    history: Sequence[HistoryEntry],
    *,
    credentials: Mapping[str, Mapping[str, str]] = {},
    mark: str,
    at: Instant,
    seed: bytes,
) -> bytes:
    """Return the signed file of a case; `seed` is the 32-byte secret of the installation's signing key."""
    contents = CaseContents(
        format=FORMAT,
        namespace=namespace,
        exported_at=at,
        mark=mark,
        alert=alert,
        notifications=tuple(map(without_text, notifications)),
        history=tuple(history),
        credentials=credentials,
    )
    signing = Ed25519PrivateKey.from_private_bytes(seed[:32])
    case = msgspec.json.encode(contents, order="sorted")
    signed = _Signed(
        case=msgspec.Raw(case), key=public_key(seed), signature=base64.b64encode(signing.sign(case)).decode()
    )
    return msgspec.json.encode(signed) + b"\n"


def read(file: bytes, key: str = "") -> CaseContents:
    """Return what a file holds once it is proved; raise `CaseFileError` where it is not what was signed.

    `key` is the public key that it must be signed by; without it the one in the file is taken, which proves only that
    nothing was changed since whoever has that key signed it.
    """
    try:
        signed = msgspec.json.decode(file, type=_Signed)
        case, signature = bytes(signed.case), base64.b64decode(signed.signature, validate=True)
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signed.key))
    except (msgspec.DecodeError, binascii.Error, ValueError) as error:
        raise CaseFileError("not_a_case_file", f"this is no case file: {error}") from None
    if key and key.strip().lower() != signed.key:
        raise CaseFileError("other_key", f"the file is signed by another key: {signed.key}")
    try:
        public.verify(signature, case)
    except InvalidSignature:
        raise CaseFileError("bad_signature", "the file is not what was signed") from None
    try:
        contents = msgspec.json.decode(case, type=CaseContents)
    except msgspec.DecodeError as error:
        raise CaseFileError("not_a_case_file", f"this is no case file: {error}") from None
    broken = broken_link(contents.history, contents.alert.head)
    if broken is not None:
        raise CaseFileError("history_changed", f"entry {broken} of the history is not what the chain says")
    return contents


def public_key(seed: bytes) -> str:
    """Return the public half of a signing key, in hexadecimal."""
    public = Ed25519PrivateKey.from_private_bytes(seed[:32]).public_key()
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def without_text(notification: Notification) -> Notification:
    """Return a notification whose message is only its digest: words and address stay in the installation.

    One whose words are gone already stays as it is.
    """
    rendered = notification.rendered
    if rendered is None or (not rendered.to and (not rendered.text or rendered.text.startswith(_DIGEST))):
        return notification
    digest = blake2b(msgspec.json.encode(rendered), digest_size=16).hexdigest()
    return msgspec.structs.replace(notification, rendered=Rendered(to="", text=f"{_DIGEST}{digest}"))
