"""The one error root of Siaga and its few children.

Here: errors that cross a module border, each with a docstring that is its default message.
Not here: refusals of a decision (those are values with a named reason, see `core.alerting.decide`) and findings in
files (`documents.finding`).
"""

from __future__ import annotations

import traceback

PLACES = 12
"""So many of the last places that an error came through are told."""


class SiagaError(Exception):
    """Something went wrong in Siaga."""

    def __init__(self, message: str | None = None) -> None:
        """Keep `message`, or say what the docstring of the class says."""
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])


class ConfigurationError(SiagaError):
    """The configuration cannot be used; the message names the file or setting and the remedy."""


class StoreError(SiagaError):
    """The store cannot be reached or holds something unreadable."""


class StoreUnavailableError(StoreError):
    """The store does not answer now; the same request may work later."""


class UnreadableRecordError(StoreError):
    """A stored record cannot be read."""

    def __init__(self, table: str, id_: str, reason: str) -> None:
        """Name the record by table and id; `reason` says what is wrong with its bytes, never what they hold."""
        super().__init__(f"record {id_} of table {table} cannot be read: {reason}")
        self.table = table
        self.id = id_
        self.reason = reason

    @property
    def record(self) -> str:
        """The record as commands name it: `table/id`."""
        return f"{self.table}/{self.id}"


class WeakDurabilityError(StoreError):
    """The server does not promise to keep what it accepts, and no setting allows that."""


class FencedError(StoreError):
    """Another evaluator took over: this one's lease or cursor is no longer valid."""


class ParseError(SiagaError, ValueError):
    """A text is not of the form it should have."""


class MatcherFault(SiagaError):
    """The durable matcher answered with an error."""


def places(error: BaseException) -> list[str]:
    """Return where an error came through, last place last, without its text, which may hold what a person sent."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames[-PLACES:]]
