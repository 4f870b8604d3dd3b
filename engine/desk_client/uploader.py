"""The uploader: delivers the batches of a spool to the service, and asks the service for the desks of its token.

Only a 202 (or a 422 that names every event) takes a batch out of the spool. In every other case it stays. Sending again
is always safe: the events have ids of their own. The token stands in one header and nowhere else.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec

from engine.desk_client.spool import RefusedEvent, Spool
from engine.errors import SiagaError

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
"""Seconds between two tries while the service is away: the first, doubling up to the longest, with jitter."""
REQUEST_SECONDS = 30.0
MEDIA_TYPE = "application/x-ndjson"


class AwayError(SiagaError):
    """The service did not take the events in time; they are kept."""


class UnwelcomeError(SiagaError):
    """The service refuses whatever comes with this address or token; the events are kept."""


class UploadLine(msgspec.Struct, frozen=True, kw_only=True):
    """What the service says of one event that it did not take in: `index` is its place in the batch."""

    index: int
    reason: str
    field: str = ""
    id: str = ""
    mended: dict[str, str] = {}


class ServerAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the events of one request."""

    accepted: int = 0
    duplicate: int = 0
    quarantined: tuple[UploadLine, ...] = ()
    rejected: tuple[UploadLine, ...] = ()


class UploadedLine(msgspec.Struct, frozen=True, kw_only=True):
    """A batch that the service has answered for. `events` are its lines, `kept` where those refused lie."""

    batch: Path
    events: tuple[bytes, ...]
    answer: ServerAnswer
    kept: Path | None = None


class Uploader:
    """Speaks to one service for up to `patience` seconds; `sleep` and `monotonic` are the passing of time."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        patience: float,
        sleep: Callable[[float], None],
        monotonic: Callable[[], float],
        ca_file: Path | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        verify: Any = str(ca_file) if ca_file else True
        self._http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}", "Content-Type": MEDIA_TYPE},
            timeout=REQUEST_SECONDS,
            follow_redirects=False,  # a redirect would carry the token elsewhere
            verify=verify,
            transport=transport,
        )
        self._sleep = sleep
        self._monotonic = monotonic
        self._ends = monotonic() + patience

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def deliver(self, spool: Spool) -> Iterator[UploadedLine]:
        """Send what waits, the oldest first, and yield each batch when it is settled.

        Raises `AwayError` and `UnwelcomeError`, after which the rest waits for the next time.
        """
        while waiting := spool.waiting():
            batch = waiting[0]
            events = tuple(line for line in batch.read_bytes().split(b"\n") if line.strip())
            answer = self._send(events) if events else ServerAnswer()
            if answer is None and len(events) > 1:
                spool.split(batch, events)
                continue
            answer = answer or ServerAnswer(rejected=(UploadLine(index=0, reason="too_large"),))
            refused = [
                RefusedEvent(
                    reason=line.reason,
                    field=line.field,
                    event=events[line.index].decode("utf-8", "replace"),
                )
                for line in answer.rejected
            ]
            kept = spool.settle(batch, refused)
            yield UploadedLine(batch=batch, events=events, answer=answer, kept=kept)

    def _send(self, events: tuple[bytes, ...]) -> ServerAnswer | None:
        """Send one batch until it is answered; None where it is too large in one piece."""
        pause = FIRST_PAUSE
        while True:
            wait = pause * random.uniform(0.5, 1.0)  # noqa: S311 -- so that desks do not come in step
            try:
                response = self._http.post("/v1/events", content=b"\n".join(events))
            except httpx.TransportError as error:
                why = type(error).__name__
            else:
                if response.status_code not in (408, 425, 429) and response.status_code < 500:
                    return _answer(response, len(events))
                why = str(response.status_code)
                asked = response.headers.get("retry-after", "")
                wait = max(wait, min(float(asked), LONGEST_PAUSE)) if asked.isdigit() else wait
            if self._monotonic() + wait > self._ends:
                raise AwayError(f"the service does not take events now ({why})")
            self._sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE)


def _answer(response: httpx.Response, events: int) -> ServerAnswer | None:
    status = response.status_code
    if status == 413:
        return None
    if status in (401, 403):
        raise UnwelcomeError(
            f"the service refuses this token ({status}): it must be valid and have the right submit"
        )
    if status not in (202, 422):
        raise UnwelcomeError(f"{response.request.url}: {status} is no answer of a Siaga; check the address")
    try:
        answer = msgspec.json.decode(response.content, type=ServerAnswer)
    except msgspec.DecodeError:
        raise UnwelcomeError(
            f"{response.request.url}: this is no answer of a Siaga; check the address"
        ) from None
    if any(line.reason == "too_many" for line in answer.rejected):
        return None
    lines = (*answer.quarantined, *answer.rejected)
    told = answer.accepted + answer.duplicate + len(lines)
    if told != events or any(not 0 <= line.index < events for line in lines):
        raise UnwelcomeError(f"the service answered for {told} events of {events}; nothing was taken off")
    return answer


PATH = "/v1/token"
QUESTION_SECONDS = 10.0
ANY_DESK = "*"


class OwnDesks(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of the service: the token's region, its own desk, and the names that its events may have."""

    region: str
    desk: str
    desks: tuple[str, ...]

    @property
    def is_bound(self) -> bool:
        """Say whether it reports for named desks alone; else each row reports for its region."""
        return ANY_DESK not in self.desks


def fetch_own_desks(
    url: str,
    token: str,
    *,
    ca_file: Path | None = None,
    transport: httpx.BaseTransport | None = None,
) -> OwnDesks | None:
    """Return the desks of a token; None where the service is away, refuses the token, or is too old to say."""
    verify: Any = str(ca_file) if ca_file else True
    headers = {"Authorization": f"Bearer {token}"}
    try:
        with httpx.Client(
            base_url=url,
            headers=headers,
            timeout=QUESTION_SECONDS,
            follow_redirects=False,  # a redirect would carry the token elsewhere
            verify=verify,
            transport=transport,
        ) as client:
            answer = client.get(PATH)
        return (
            msgspec.json.decode(answer.content, type=OwnDesks)
            if answer.status_code == httpx.codes.OK
            else None
        )
    except (httpx.HTTPError, msgspec.DecodeError):
        return None
