"""The postbox: takes in mails that came back, from a maildir or one by one, and reports what they say.

Here: whether a bounce is believed, what it counts as, and what becomes of its file. Not here: how it is read
(`service.bounce`) and what a report leads to (`service.reports`). A mail is believed where it returns a name that
carries our seal; anything else changes nothing, whoever wrote it.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Literal, get_args

import structlog

from engine.metrics import Metrics
from engine.service.bounce import READ_BYTES, Bounce, read_bounce
from engine.service.key import Keys
from engine.service.reports import Outcome, Reports
from engine.service.setback import Setbacks
from engine.texts.answer_link import unseal

Result = Literal["failed", "delivered", "delayed", "settled", "stranger", "no_bounce"]
"""What a mail was: of a message that was `settled` before, of none that carries our seal (`stranger`), or no bounce."""
RESULTS: tuple[str, ...] = get_args(Result)
MOST_AT_ONCE = 100

log = structlog.get_logger(__name__)


class Postbox:
    """Takes bounces."""

    def __init__(
        self,
        reports: Reports,
        metrics: Metrics,
        keys: Keys,
        maildir: Path | None = None,
        *,
        setbacks: Setbacks,
    ) -> None:
        """`maildir` is the folder that the mail server delivers bounces to, if there is one."""
        self._setbacks = setbacks
        self._reports = reports
        self._metrics = metrics
        self._keys = keys
        self._maildir = maildir

    async def take(self, content: bytes) -> Result:
        """Take one mail in and say what it was."""
        result = await self._take(read_bounce(content))
        self._metrics.bounce(result)
        return result

    async def _take(self, bounce: Bounce | None) -> Result:
        if bounce is None:
            return "no_bounce"
        ours = next((found for name in bounce.names if (found := unseal(self._keys.accepted, name))), None)
        if ours is None:
            return "stranger"
        log.info("bounce", notification=ours, action=bounce.action, status=bounce.status)
        if bounce.action == "delayed":
            return "delayed"  # the server tries on; the escalation does not wait for it
        outcome: Outcome = bounce.action
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
