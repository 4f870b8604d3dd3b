"""Bounced mail: reading a returned message, and taking returned messages from a maildir or one by one."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

import msgspec
import structlog

from engine.delivery.delivery_reports import DeliveryOutcome, DeliveryReports
from engine.escalation.item_retry import ItemRetry
from engine.metrics import Metrics
from engine.runtime.keys import Keys
from engine.texts.answer_link_token import id_of_signed_name

READ_BYTES = 262_144
"""Of a longer mail only so much is read; a report stands at the beginning."""
LONGEST_FIELD = 1_000
MOST_NAMES = 20
"""Messages that one mail may be about; ours go to one recipient each, so one is the rule."""

Action = Literal["failed", "delayed", "delivered"]
_ACTIONS: tuple[Action, ...] = ("failed", "delayed", "delivered")
_FIELD = re.compile(r"^([!-9;-~]{1,80}):[ \t]*(.*)$")
_MESSAGE_ID = re.compile(r"<([^<>@\s]{1,200})@[^<>@\s]{1,200}>")
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_BOUNDARY = re.compile(r'boundary="?([^";\r\n]{1,200})"?', re.IGNORECASE)
_POSTMASTERS = re.compile(r"mailer-daemon|postmaster|mail delivery (?:sub)?system", re.IGNORECASE)
_PERMANENT = re.compile(r"(?<![\d.])5\.\d{1,3}\.\d{1,3}(?![\d.])")


class Bounce(msgspec.Struct, frozen=True, kw_only=True):
    """What a mail says of another one.

    `names` are what may name the other: its envelope id first, then the local parts of the Message-IDs returned.
    `status` is the enhanced status code, such as 5.1.1, empty where there is none.
    """

    action: Action
    names: tuple[str, ...]
    status: str = ""


def read_bounce(content: bytes) -> Bounce | None:
    """Return what a mail says of another, None where it is no bounce."""
    text = content[:READ_BYTES].decode("latin-1")
    head, body = _parted(text.replace("\r\n", "\n").replace("\r", "\n"))
    fields = _fields(head)
    if _type_of(fields) == "multipart/report":
        return _report(fields, body)
    return _in_its_own_words(fields, body)


def _report(fields: dict[str, str], body: str) -> Bounce | None:
    """Read a report by its parts: what became of each recipient, and the mail, or its head, that is returned."""
    boundary = _BOUNDARY.search(fields.get("content-type", ""))
    if boundary is None:
        return None
    action: Action | None = None
    status = ""
    names: list[str] = []
    returned: list[str] = []
    for part in _parts(body, boundary.group(1)):
        head, content = _parted(part)
        match _type_of(_fields(head)):
            case "message/delivery-status" | "message/global-delivery-status":
                action, status, names = _outcome(content)
            case "message/rfc822" | "text/rfc822-headers" | "message/global" | "message/global-headers":
                returned = _message_ids(_fields(_parted(content)[0]).get("message-id", ""))
            case _:
                pass
    if action is None:
        return None
    return Bounce(action=action, names=tuple([*names, *returned][:MOST_NAMES]), status=status)


def _outcome(content: str) -> tuple[Action | None, str, list[str]]:
    """Return the worst of what became of the recipients, its status, and the envelope id."""
    actions: dict[Action, str] = {}
    names: list[str] = []
    for paragraph in content.split("\n\n")[: MOST_NAMES + 1]:
        fields = _fields(paragraph)
        if "original-envelope-id" in fields and not names:
            names.append(fields["original-envelope-id"])
        word = fields.get("action", "").partition(";")[0].strip().lower()
        status = _STATUS.search(fields.get("status", ""))
        for known in _ACTIONS:
            if word == known:
                actions.setdefault(known, status.group(1) if status else "")
    for action in _ACTIONS:
        if action in actions:
            return action, actions[action], names
    return None, "", names


def _in_its_own_words(fields: dict[str, str], body: str) -> Bounce | None:
    """Read what servers write that know no standard: only a final refusal, by somebody who speaks for a server."""
    refused = _PERMANENT.search(body)
    if refused is None or not _POSTMASTERS.search(fields.get("from", "")):
        return None
    quoted = "\n".join(re.findall(r"^[ \t>]{0,20}message-id:.{1,400}$", body, re.IGNORECASE | re.MULTILINE))
    names = _message_ids(f"{fields.get('in-reply-to', '')} {fields.get('references', '')} {quoted}")
    return Bounce(action="failed", names=tuple(names), status=refused.group())


def _message_ids(text: str) -> list[str]:
    return list(dict.fromkeys(_MESSAGE_ID.findall(text)))[:MOST_NAMES]


def _parted(text: str) -> tuple[str, str]:
    """Part a head from its body; a head may be missing."""
    if text.startswith("\n"):
        return "", text[1:]
    head, _, body = text.partition("\n\n")
    return head, body


def _parts(body: str, boundary: str) -> Iterator[str]:
    """Yield the parts of a multipart, of this level alone."""
    mark = f"--{boundary}"
    part: list[str] | None = None
    for line in body.split("\n"):
        if line.startswith(mark):
            if part is not None:
                yield "\n".join(part)
            if line.startswith(f"{mark}--"):
                return
            part = []
        elif part is not None:
            part.append(line)
    if part is not None:
        yield "\n".join(part)


def _fields(head: str) -> dict[str, str]:
    """Return the fields of a head by their names in small letters; the first of a name counts, lines are unfolded."""
    fields: dict[str, str] = {}
    name = ""
    for line in head.split("\n"):
        if line[:1] in (" ", "\t"):
            if name and len(fields[name]) < LONGEST_FIELD:
                fields[name] += f" {line.strip()}"
            continue
        field = _FIELD.match(line)
        name = field.group(1).lower() if field else ""
        if field and name in fields:
            name = ""
        elif field:
            fields[name] = field.group(2).strip()[:LONGEST_FIELD]
    return fields


def _type_of(fields: dict[str, str]) -> str:
    return fields.get("content-type", "").partition(";")[0].strip().lower()


BounceResult = Literal["failed", "delivered", "delayed", "settled", "stranger", "no_bounce"]
"""What a mail was: of a message that was `settled` before, of none that carries our seal (`stranger`), or no bounce."""
RESULTS: tuple[str, ...] = get_args(BounceResult)
MOST_AT_ONCE = 100

log = structlog.get_logger(__name__)


class BounceMailbox:
    """Takes bounces."""

    def __init__(
        self,
        reports: DeliveryReports,
        metrics: Metrics,
        keys: Keys,
        maildir: Path | None = None,
        *,
        setbacks: ItemRetry,
    ) -> None:
        """`maildir` is the folder that the mail server delivers bounces to, if there is one."""
        self._setbacks = setbacks
        self._reports = reports
        self._metrics = metrics
        self._keys = keys
        self._maildir = maildir

    async def take(self, content: bytes) -> BounceResult:
        """Take one mail in and say what it was."""
        result = await self._take(read_bounce(content))
        self._metrics.bounce(result)
        return result

    async def _take(self, bounce: Bounce | None) -> BounceResult:
        if bounce is None:
            return "no_bounce"
        ours = next(
            (found for name in bounce.names if (found := id_of_signed_name(self._keys.accepted, name))), None
        )
        if ours is None:
            return "stranger"
        log.info("bounce", notification=ours, action=bounce.action, status=bounce.status)
        if bounce.action == "delayed":
            return "delayed"  # the server tries on; the escalation does not wait for it
        outcome: DeliveryOutcome = bounce.action
        taken = await self._reports.take(
            ours, outcome, reason="bounced" if outcome == "failed" else "", gateway=""
        )
        match taken:
            case "recorded":
                return bounce.action
            case "settled":
                return "settled"
            case "unknown" | "doubted":
                return "stranger"

    async def turn(self) -> int:
        """Take in what lies new in the maildir; return how many mails that were.

        What named a message of ours is deleted: the history has what it said, and it may quote the message. Anything
        else is left for a person to read, in `cur`. After a crash a mail is taken again, which changes nothing.
        """
        if self._maildir is None:
            return 0
        new = await asyncio.to_thread(_new, self._maildir)
        for file in new:
            if not await self._setbacks.spare_others(file.name, self._file(file)):
                with contextlib.suppress(FileNotFoundError):
                    await asyncio.to_thread(_put_away, file, keep=True)
        return len(new)

    async def _file(self, file: Path) -> None:
        with contextlib.suppress(FileNotFoundError):  # another reader of the same maildir was quicker
            result = await self.take(await asyncio.to_thread(_beginning, file))
            await asyncio.to_thread(_put_away, file, keep=result in ("stranger", "no_bounce"))


def _new(maildir: Path) -> list[Path]:
    """Return the oldest files that were delivered and not looked at; names begin with the time of delivery."""
    try:
        return sorted(path for path in (maildir / "new").iterdir() if path.is_file())[:MOST_AT_ONCE]
    except FileNotFoundError:
        return []  # mail servers make a maildir with the first mail


def _beginning(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(READ_BYTES)


def _put_away(file: Path, *, keep: bool) -> None:
    if keep:
        seen = file.parent.parent / "cur"
        seen.mkdir(exist_ok=True)
        file.rename(seen / f"{file.name}:2,")
    else:
        file.unlink()
