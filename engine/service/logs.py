"""How the log is written: one line an event on standard error, as JSON or for people, without personal data.

Here: format, level, and the last net that catches addresses, numbers and tokens. Not here: what is logged. A log line
names ids, counts and reasons; whatever slips in that looks like an e-mail address, a phone number or a token is masked.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Protocol

import structlog

MASK = "[disamarkan]"
_PRIVATE = re.compile(
    r"siaga_[0-9a-z]+_[\w-]{20,}"  # tokens of the API
    r"|/a/[a-z2-7]{12,}"  # answer links
    r"|[^\s@<>\"']+@[^\s@<>\"']+\.[^\s@<>\"']+"  # e-mail addresses
    r"|(?<![\w.:-])(?:\+62|62|0)[ -]?8[\d -]{7,14}\d"  # phone numbers
)

_TRACES = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)  # locals hold what people wrote
)


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
    """Mask what looks like an address, a number or a token in every text of a line, however deep."""
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
            _plain_traces,
            without_personal_data,
            structlog.dev.ConsoleRenderer(colors=True, pad_event_to=24),
        ]
    else:
        last += [
            _TRACES,
            without_personal_data,
            structlog.processors.JSONRenderer(),
        ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("asyncio", "httpx", "httpcore", "uvicorn.access"):
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


def _plain_traces(logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put a trace into the line as text, so that the net sees it too."""
    return structlog.processors.format_exc_info(logger, method, line)


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return _PRIVATE.sub(MASK, value)
    if isinstance(value, Mapping):
        return {name: _masked(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(inner) for inner in value]
    return value
