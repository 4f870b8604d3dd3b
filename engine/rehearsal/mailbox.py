"""The outbox as the synthetic officials read it: new messages, their alert, their link.

Here: reading `.eml` files that the outbox notifier wrote. Not here: writing them (`notifiers.outbox`) or what an
official makes of a message (`rehearsal.officials`). Text messages are not read: every synthetic official has an e-mail.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import msgspec

_LINK = re.compile(r"https?://\S+/a/[a-z2-7]+")


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """What an official holds in hand: which notification of which alert, and the link (None: it asks nothing)."""

    notification: str
    alert: str
    link: str | None


class Mailbox:
    """Remembers which files of an outbox were read."""

    def __init__(self, outbox: Path) -> None:
        self._outbox = outbox
        self._read: set[str] = set()

    def new_letters(self) -> Iterator[Letter]:
        """Yield the e-mails written since the last call, by file name."""
        names = {path.name for path in self._outbox.glob("*.eml")} - self._read
        self._read |= names
        for name in sorted(names):
            message = message_from_bytes((self._outbox / name).read_bytes(), policy=policy.default)
            if not isinstance(message, EmailMessage):
                raise TypeError(f"{name} is no e-mail")
            part = message.get_body(("plain",))
            found = _LINK.search(part.get_content()) if part else None
            yield Letter(
                notification=_inner(message["Message-ID"]),
                alert=_inner(message["References"]),
                link=found.group() if found else None,
            )


def _inner(reference: str) -> str:
    """Return the id of `<id@host>`, and of `<id.seal@host>` as a sealed message names itself."""
    return str(reference).strip().lstrip("<").partition("@")[0].partition(".")[0]
