"""Replay: a recorded file of events, driven through a running service instant by instant.

`ServiceClient` sends the requests. It repeats each one while the service is away.
"""

from __future__ import annotations

import asyncio
import heapq
from array import array
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import httpx
import msgspec

from engine.clock import monotonic
from engine.core.judging.instant import DAY, Instant, format_instant, parse_instant
from engine.errors import ConfigurationError, ParseError, SiagaError
from engine.simulation.feed import FeedLine, FeedRequest
from engine.simulation.respondents import CLOSED_BECAUSE, Mailbox, ReceivedMessage, planned_reaction

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
"""Seconds between two tries while the service is away: the first, doubling up to the longest."""
REQUEST_SECONDS = 600.0
"""An advance may settle months of due instants."""


class ServiceGoneError(SiagaError):
    """The service did not come back in time."""


class RefusedError(SiagaError):
    """The service refused a request that a replay needs."""


class ServiceClient:
    """Speaks to one service; every request is repeated while the service is away, up to `patience` seconds."""

    def __init__(
        self, url: str, token: str, *, patience: float = 60.0, waiting: Callable[[], None] = lambda: None
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=REQUEST_SECONDS
        )
        self._patience = patience
        self._waiting = waiting

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def clock(self) -> tuple[Instant, Instant | None]:
        """Return what instant it is for the service, and when something falls due next."""
        return _clock(await self._get("/v1/clock"))

    async def advance(self, until: Instant) -> tuple[Instant, Instant | None]:
        """Settle everything up to `until`; return the clock as `clock` does."""
        return _clock(await self._post("/v1/clock", json={"advance_to": format_instant(until)}))

    async def submit(self, event: bytes) -> dict[str, Any]:
        """Send one event; return the counts. Raises `RefusedError` where it was rejected."""
        response = await self._request(
            "POST", "/v1/events", content=event, headers={"Content-Type": "application/json"}
        )
        if response.status_code not in (202, 422):
            raise _refused(response)
        counts: dict[str, Any] = response.json()
        return counts

    async def alert(self, alert_id: str) -> dict[str, Any]:
        """Return an alert with its notifications."""
        found: dict[str, Any] = await self._get(f"/v1/alerts/{alert_id}")
        return found

    async def summary(self) -> dict[str, Any]:
        """Return the counts of the installation."""
        counts: dict[str, Any] = await self._get("/v1/summary")
        return counts

    async def answer(self, link: str, says: str) -> int:
        """Press a button of an answer page; return the status code (200, or 404 once the link is old).

        A closing is confirmed with its reason at once, as the second form of the page asks it.
        """
        data = {"says": says}
        if says == "resolved":
            data |= {"confirm": "yes", "reason": CLOSED_BECAUSE}
        response = await self._request("POST", link, data=data, headers={"Authorization": ""})
        return response.status_code

    async def _get(self, path: str) -> Any:
        response = await self._request("GET", path)
        if response.status_code != 200:
            raise _refused(response)
        return response.json()

    async def _post(self, path: str, **parts: Any) -> Any:
        response = await self._request("POST", path, **parts)
        if response.status_code != 200:
            raise _refused(response)
        return response.json()

    async def _request(self, method: str, url: str, **parts: Any) -> httpx.Response:
        """Repeat a request until the service answers it; all that a replay asks may be asked twice."""
        pause, ends = FIRST_PAUSE, monotonic() + self._patience
        while True:
            try:
                response = await self._http.request(method, url, **parts)
                if response.status_code != 503:
                    return response
                why = "503"
            except httpx.TransportError as error:
                why = type(error).__name__
            if monotonic() > ends:
                raise ServiceGoneError(f"the service has been away for {self._patience:.0f} s ({why})")
            self._waiting()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


def _clock(state: Any) -> tuple[Instant, Instant | None]:
    due = state["next_due"]
    return parse_instant(state["now"])[0], parse_instant(due)[0] if due else None


def _refused(response: httpx.Response) -> RefusedError:
    path = response.request.url.path.split("/a/")[0]
    return RefusedError(f"{response.request.method} {path}: {response.status_code} {response.text[:300]}")


class Recording:
    """The events of a file, each at its `received_at`, else at its `occurred_at`; equal ones as they stand there."""

    def __init__(self, file: Path) -> None:
        """Read the instants of all lines; raise `ConfigurationError` naming the line of the first mistake."""
        self.file = file
        self._at, self._offset, self._number = array("q"), array("q"), array("q")
        with _opened(file) as lines:
            self._index(lines)
        self._order = array("q", sorted(range(len(self._at)), key=self._at.__getitem__))

    def _index(self, lines: BinaryIO) -> None:
        stamps, offset = msgspec.json.Decoder(_Stamps), 0
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    found = stamps.decode(line)
                    at = parse_instant(found.received_at or found.occurred_at or "")[0]
                except (msgspec.DecodeError, ParseError, UnicodeDecodeError) as error:
                    raise ConfigurationError(f"{self.file}:{number}: {error}") from None
                self._at.append(at)
                self._offset.append(offset)
                self._number.append(number)
            offset += len(line)

    def __len__(self) -> int:
        return len(self._at)

    def part(self, since: Instant | None = None, until: Instant | None = None) -> RecordingPart:
        """Return what was received in [since, until); raise `ConfigurationError` where that is nothing."""
        first = 0 if since is None else bisect_left(self._order, since, key=self._at.__getitem__)
        end = len(self) if until is None else bisect_left(self._order, until, key=self._at.__getitem__)
        if first >= end:
            raise ConfigurationError(f"{self.file}: no event was received in this span")
        return RecordingPart(self, range(first, end))

    def received_at(self, place: int) -> Instant:
        """Return when the event at a place in the order of receipt was received."""
        return self._at[self._order[place]]

    def requests(self, places: range, most: int) -> Iterator[FeedRequest]:
        """Yield the events at these places by the instant of receipt, at most so many in one request."""
        with _opened(self.file) as file:
            lines: list[FeedLine] = []
            for place in places:
                index = self._order[place]
                if lines and (len(lines) == most or self.received_at(place - 1) != self._at[index]):
                    yield FeedRequest(self.received_at(place - 1), tuple(lines))
                    lines = []
                file.seek(self._offset[index])
                lines.append(FeedLine(self._number[index], file.readline().strip()))
            if lines:
                yield FeedRequest(self.received_at(places[-1]), tuple(lines))


class RecordingPart:
    """A feed of the events at some places of a recording."""

    def __init__(self, recording: Recording, places: range) -> None:
        self._recording = recording
        self._places = places
        self.total = len(places)
        self.first = recording.received_at(places[0])
        self.last = recording.received_at(places[-1])

    async def requests(self, most: int) -> AsyncIterator[FeedRequest]:
        """Yield them in the order of receipt, at most so many in one request."""
        for request in self._recording.requests(self._places, most):
            yield request


class _Stamps(msgspec.Struct):
    """All that the order needs of an event; the door reads the rest."""

    received_at: str | None = None
    occurred_at: str | None = None


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read ({error.strerror})") from None


AFTERWARDS = 3 * DAY
"""After the last event the clock runs on for this long, so that what is open finds its end."""


class RecordedEvent(msgspec.Struct, frozen=True):
    """One line of the file: when it is sent, and the event as it is sent."""

    at: Instant
    event: bytes


class ReplayProgress(msgspec.Struct):
    """Where a replay stands: events sent of all, the instant, what came of the events, answers given."""

    total: int
    sent: int = 0
    now: Instant = 0
    accepted: int = 0
    duplicate: int = 0
    quarantined: int = 0
    rejected: int = 0
    answers: int = 0


def read_events(file: Path) -> list[RecordedEvent]:
    """Read a JSON-lines file of events, each with `received_at` (or `occurred_at`), in the order they were received.

    Raises `ConfigurationError` naming the line of the first mistake.
    """
    recorded = []
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read ({error.strerror})") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            event: dict[str, Any] = msgspec.json.decode(line, type=dict)
            stamp = event.pop("received_at", None) or event.get("occurred_at") or ""
            recorded.append(RecordedEvent(parse_instant(str(stamp))[0], msgspec.json.encode(event)))
        except (msgspec.DecodeError, ParseError) as error:
            raise ConfigurationError(f"{file}:{number}: {error}") from None
    return sorted(recorded, key=lambda one: one.at)


class Replay:
    """One run of a file through a service."""

    def __init__(
        self,
        client: ServiceClient,
        events: Sequence[RecordedEvent],
        *,
        outbox: Path | None = None,
        seed: int = 1,
        speed: float | None = None,
        shown: Callable[[ReplayProgress], None] = lambda _progress: None,
    ) -> None:
        """Name the outbox whose messages synthetic officials answer (None: nobody does), and the speed.

        `speed` is how many times faster than real time it goes at most; None is as fast as it can.
        """
        self._client = client
        self._events = events
        self._mailbox = Mailbox(outbox) if outbox else None
        self._seed = seed
        self._speed = speed
        self._shown = shown
        self._answers: list[tuple[Instant, int, str, str]] = []
        self._planned: set[tuple[str, str, str, str]] = set()
        self._began: Instant = 0
        self.progress = ReplayProgress(total=len(events))

    async def run(self) -> ReplayProgress:
        """Drive the service through all events and on until `AFTERWARDS` has passed."""
        if not self._events:
            return self.progress
        now, due = await self._client.clock()
        self._began = now
        for recorded in self._events:
            now, due = await self._until(recorded.at, now, due)
            await self._send(recorded)
            now, due = await self._advance(max(now, recorded.at), now)
        await self._until(self._events[-1].at + AFTERWARDS, now, due)
        return self.progress

    async def _until(
        self, target: Instant, now: Instant, due: Instant | None
    ) -> tuple[Instant, Instant | None]:
        """Advance to the target, stopping wherever something falls due or an official answers."""
        while True:
            answer = self._answers[0][0] if self._answers else None
            stop = min(instant for instant in (target, due, answer) if instant is not None)
            now, due = await self._advance(max(stop, now), now)
            if stop == answer:
                await self._answer()
                now, due = await self._advance(now, now)
            elif stop >= target:
                return now, due

    async def _advance(self, until: Instant, now: Instant) -> tuple[Instant, Instant | None]:
        if self._speed and until > now:
            await asyncio.sleep((until - now) / 1000 / self._speed)
        now, due = await self._client.advance(until)
        self.progress.now = now
        if self._mailbox:
            for letter in self._mailbox.new_letters():
                await self._read(letter)
        self._shown(self.progress)
        return now, due

    async def _send(self, recorded: RecordedEvent) -> None:
        counts = await self._client.submit(recorded.event)
        self.progress.sent += 1
        for name in ("accepted", "duplicate", "quarantined", "rejected"):
            found = counts.get(name, 0)
            number = found if isinstance(found, int) else len(found)
            setattr(self.progress, name, getattr(self.progress, name) + number)

    async def _read(self, letter: ReceivedMessage) -> None:
        """Let the official who holds this letter decide when to answer what."""
        if letter.link is None:
            return
        alert = await self._client.alert(letter.alert)
        notification = next(n for n in alert["notifications"] if n["id"] == letter.notification)
        if notification["informing"]:
            return
        sent_at = parse_instant(notification["sent_at"])[0]
        planned = planned_reaction(
            self._seed, letter.alert, notification["person"], notification["kind"], sent_at
        )
        for answer in planned.answers if planned else ():
            act = (letter.alert, notification["person"], notification["kind"], answer.says)
            # A replay over again finds old letters; what was to be answered before it began is not answered twice.
            if act not in self._planned and answer.at > self._began:
                self._planned.add(act)
                heapq.heappush(self._answers, (answer.at, len(self._planned), letter.link, answer.says))

    async def _answer(self) -> None:
        _, _, link, says = heapq.heappop(self._answers)
        status = await self._client.answer(link, says)
        if status not in (200, 404, 409):
            raise RefusedError(f"an answer page said {status}")
        self.progress.answers += 1
