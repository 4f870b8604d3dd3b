"""How the log is written: one line an event on standard error, as JSON or for people, without personal data.

Here: format, level, and the last net that catches addresses, numbers and tokens. Not here: what is logged. A log line
names ids, counts and reasons; whatever slips in that looks like an e-mail address, a phone number or a token is masked,
and no text can begin a line of its own. An exception is written as its type and the places it came through: its own
text may hold what a person wrote, so only errors of Siaga and of the system, which say what to do, are quoted.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, Protocol

import structlog

from engine.errors import SiagaError, places

MASK = "[disamarkan]"
_PRIVATE = re.compile(
    r"siaga_[0-9a-z]+_[\w-]{20,}"  # tokens of the API
    r"|/a/[a-z2-7]{12,}"  # answer links
    r"|[^\s@<>\"']{1,80}@[^\s@<>\"']{1,80}\.[^\s@<>\"']{1,80}"  # e-mail addresses; bounds keep the search short
    r"|(?<![\w.:-])(?:\+62|62|0)[ -]?8[\d -]{7,14}\d"  # phone numbers
    r"|(?<![\w.:-])\d{16}(?:\d\d)?(?![\w])"  # of identity cards (NIK) and of civil servants (NIP)
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
LONGEST = 2_000
"""Characters of a text; what comes behind is left out."""
CAUSES = 8
"""So many exceptions of a chain or group are written."""


class LogSettings(Protocol):
    """What is to be known: the section `log` of the settings, or what a child process was told of it."""

    @property
    def level(self) -> str: ...  # noqa: D102
    @property
    def format(self) -> str: ...  # noqa: D102


Processor = Callable[[Any, str, MutableMapping[str, Any]], Mapping[str, Any] | str | bytes]


def without_personal_data(
    _logger: Any, _method: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Mask what looks like an address, a number or a token in every text of a line, however deep.

    Control characters are written as escapes.
    """
    return {name: _masked(value) for name, value in line.items()}


def set_up(settings: LogSettings, *, terminal: bool | None = None) -> None:
    """Set the log of this process up once; lines of libraries go the same way.

    `terminal` says whether standard error is looked at by a person; None finds out.
    """
    for_people = settings.format == "console" or (
        settings.format == "auto" and (sys.stderr.isatty() if terminal is None else terminal)
    )
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if for_people:
        last += [
            _traces,
            without_personal_data,
            _for_people,
            structlog.dev.ConsoleRenderer(colors=True, pad_event_to=24),
        ]
    else:
        last += [
            _traces,
            without_personal_data,
            structlog.processors.JSONRenderer(),
        ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last))
    # What nobody reads of a record need not be found out for each: who called, in which thread, process and task.
    logging._srcfile = None  # noqa: SLF001 -- as Python's own documentation says
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("asyncio", "httpx", "httpcore", "markdown_it", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def quoted(error: BaseException) -> str:
    """Return the text of an error that may be told: of Siaga's own and of the system's, empty for all others."""
    return str(error) if isinstance(error, SiagaError | OSError) else ""


def _traces(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put what was raised into the line: each exception by its type, its text where it may be told, and its places."""
    found = line.pop("exc_info", None)
    if found is True:
        found = sys.exc_info()
    error = found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        line["exception"] = [
            {"type": type(one).__name__, "text": quoted(one), "at": places(one)}
            for one, _ in zip(_raised(error), range(CAUSES), strict=False)
        ]
    return line


def _raised(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception, those of its group, and what caused it."""
    yield error
    for inner in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        yield from _raised(inner)
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _raised(before)


def _for_people(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Write exceptions as lines below the line."""
    if raised := line.get("exception"):
        line["exception"] = "\n".join(
            row
            for one in raised
            for row in (f"{one['type']}: {one['text']}".removesuffix(": "), *(f"  {at}" for at in one["at"]))
        )
    return line


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        value = value if len(value) <= LONGEST else f"{value[:LONGEST]}..."
        plain = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", value)
        return _PRIVATE.sub(MASK, plain)
    if isinstance(value, Mapping):
        return {name: _masked(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(inner) for inner in value]
    return value
