"""Sheets that people upload, read in a process of their own: whatever a file holds, the service goes on.

A worker that takes more than its bounds or fails is told to the person as a file that is too complex.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import structlog

from engine.core.judging.instant import Instant
from engine.documents.finding import Language
from engine.documents.kinds import load_kinds
from engine.documents.regions import load_regions
from engine.documents.sheets.sheet import LARGEST_BYTES, NotASheet, too_large
from engine.intake.form_input import Given, Givens
from engine.people.tokens import Scope
from engine.runtime import logging as logs
from engine.runtime.worker import Bounds, WorkerFailedError, WorkerReplacedError, Workers, serve
from engine.settings import Log, Settings

BOUNDS = Bounds(memory=3 << 28, cpu_seconds=30, seconds=60.0, descriptors=64)
"""What reading one sheet may take."""
PATIENCE = 60.0
"""Seconds for which a sheet waits while as many as may are being read."""
LARGEST_RESULT = 32 << 20
"""Bytes of what a worker says of a sheet."""

log = structlog.get_logger(__name__)


class SheetOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What the worker is told: the settings (their secrets masked), the file, for whom it is read, and the instant."""

    settings: dict[str, Any]
    data: bytes
    scope: Scope
    now: Instant
    language: Language


class SheetFound(msgspec.Struct, frozen=True, kw_only=True):
    """What the worker found: what is given in the sheet, or why it is none, as `NotASheet` says it."""

    given: Given | None = None
    reason: str = ""
    facts: Mapping[str, str] = {}


class SheetReader:
    """Reads sheets beside the service: one of each user, and so many at once."""

    def __init__(self, workers: Workers, settings: Settings, bounds: Bounds = BOUNDS) -> None:
        self._workers = workers
        self._settings = settings
        self._bounds = bounds

    async def read(self, data: bytes, scope: Scope, now: Instant, language: Language) -> Given:
        """Read a sheet, which takes the place of one of the same credential that is still being read.

        Raises `NotASheet`, `WorkersBusyError` and, for the sheet whose place was taken, `WorkerReplacedError`.
        """
        if len(data) > LARGEST_BYTES:
            raise too_large()
        settings = self._settings.model_dump(mode="json")
        wanted = SheetOrder(settings=settings, data=data, scope=scope, now=now, language=language)
        job = await self._workers.begin(
            f"sheet/{scope.credential}", __name__, wanted, self._bounds, patience=PATIENCE
        )
        try:
            found = msgspec.json.decode(await job.result(), type=SheetFound)
        except WorkerReplacedError:
            raise
        except (WorkerFailedError, msgspec.DecodeError) as error:
            log.warning("sheet_unreadable", credential=str(scope.credential), error=str(error))
            raise NotASheet("file_too_complex") from None
        if found.given is None:
            raise NotASheet(found.reason, **found.facts)
        return found.given

    async def close(self) -> None:
        """End what is being read."""
        await self._workers.close()


async def _answer(work: bytes, _share: Callable[[float], None]) -> msgspec.Raw:
    wanted = msgspec.json.decode(work, type=SheetOrder)
    settings = Settings.model_validate(wanted.settings)
    givens = Givens(load_regions(settings.paths.regions), load_kinds(settings.paths.kinds), settings.intake)
    scope = wanted.scope
    try:
        given = givens.sheet(
            wanted.data, desk=scope.desk, scope=scope, now=wanted.now, language=wanted.language
        )
        found = SheetFound(given=given)
    except NotASheet as wrong:
        found = SheetFound(reason=wrong.reason, facts=wrong.facts)
    said = msgspec.json.encode(found)
    if len(said) > LARGEST_RESULT:
        said = msgspec.json.encode(SheetFound(reason="file_too_complex"))
    return msgspec.Raw(said)


def main() -> None:
    """Read the sheet of standard input."""
    logs.set_up(Log(level="error"))
    logging.captureWarnings(capture=True)
    serve(_answer)


if __name__ == "__main__":
    main()
