"""The outbox: writes each message to a file, for demonstrations, exercises and machines without gateways.

Here: the names and form of the files. Not here: the real gateways. `<instant>-<notification>-<channel>.eml` is the very
e-mail that would travel, `.sms` a few readable lines. The same message makes the same file, however often it is sent.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path

import msgspec

from notifiers.base import DeliveryError, Message, Receipt
from notifiers.mime import mime_bytes

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


class OutboxSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one outbox: its name, the channel it serves, and the folder, which is made where it is missing."""

    name: str = "outbox"
    channel: str
    directory: str


class Outbox:
    """Writes the messages of one channel to files in a folder."""

    def __init__(self, settings: OutboxSettings) -> None:
        self.name = settings.name
        self.channel = settings.channel
        self._directory = Path(settings.directory)

    async def send(self, message: Message) -> Receipt:
        """Write the message; the receipt's reference is the name of its file."""
        try:
            name = file_name(message)
            content = mime_bytes(message) if message.channel == "email" else _readable(message)
        except (ValueError, TypeError):
            raise DeliveryError("content_refused", transient=False, detail="text or date") from None
        try:
            await asyncio.to_thread(_write, self._directory / name, content)
        except OSError as error:
            raise DeliveryError(
                "server_error", transient=True, detail=error.strerror or "cannot write"
            ) from error
        return Receipt(gateway=self.name, reference=name)

    async def probe(self) -> None:
        """Find out whether a file could be written."""
        place = self._directory
        while not place.exists():
            place = place.parent
        if not place.is_dir() or not os.access(place, os.W_OK):
            raise DeliveryError("server_error", transient=True, detail="cannot write")

    async def close(self) -> None:
        """Nothing is kept open."""


def file_name(message: Message) -> str:
    """Return the file's name: the instant of the message in UTC, its id and channel; files sort by time."""
    stamp = (
        f"{parsedate_to_datetime(message.date).astimezone(UTC):%Y%m%dT%H%M%SZ}" if message.date else "undated"
    )
    ending = "eml" if message.channel == "email" else "sms"
    return f"{stamp}-{_UNSAFE.sub('_', message.id)[:100]}-{_UNSAFE.sub('_', message.channel)[:20]}.{ending}"


def _readable(message: Message) -> bytes:
    return f"To: {message.to}\nDate: {message.date}\n\n{message.text}\n".encode()


def _write(path: Path, content: bytes) -> None:
    """Write beside the place and rename, so that nobody ever reads half a message, not even after a kill."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".part", delete=False) as part:
        try:
            part.write(content)
            part.close()
            os.replace(part.name, path)  # noqa: PTH105 -- of a temporary name, on one file system
        except OSError:
            os.unlink(part.name)  # noqa: PTH108
            raise
