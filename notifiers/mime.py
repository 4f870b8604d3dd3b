"""A message as the bytes of an e-mail; equal messages give equal bytes.

Here: headers and the two parts. Not here: sending (`email`, `outbox`) and what the message says. Deterministic, because
a repeated message must be byte-identical (docs/specification/trust.md#messages-go-at-least-once): Message-ID and Date
are given, the boundary comes from the id.
"""

from __future__ import annotations

import hashlib
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP

from notifiers.base import DeliveryError, Message


def mime(message: Message) -> EmailMessage:
    """Return the e-mail of a message: plain text, and HTML beside it where there is any."""
    mail = EmailMessage(policy=SMTP)
    mail.set_content(message.text, cte="quoted-printable")
    if message.html:
        mail.add_alternative(message.html, subtype="html", cte="quoted-printable")
        mail.set_boundary(f"=_siaga_{hashlib.sha256(message.id.encode()).hexdigest()[:32]}")
    headers = {  # after the content, which takes Content-* headers for its own
        **message.headers,
        "To": message.to,
        "Subject": message.subject,
        "Date": message.date,
        "Message-ID": message.reference,
    }
    for name, value in headers.items():
        if value:
            mail[name] = value
    return mail


def mime_bytes(message: Message) -> bytes:
    """Return the e-mail as it travels, with CRLF line ends and 7-bit only.

    Raises `DeliveryError` for a header that cannot be written, such as one with a line break.
    """
    try:
        return mime(message).as_bytes(policy=SMTP)
    except (ValueError, MessageError) as error:
        raise DeliveryError("content_refused", transient=False, detail="header") from error
