"""Work beside the service: a child process with bounds on memory, processor time and time, that never outlives its use.

The parent writes one order as a line and keeps the pipe open; the child answers in lines, the last of them a
`WorkerResult` or an `Unable`. A child whose parent is gone reads the end of its input and ends. Each owner has one
worker at a time: a new order takes the place of the one before, whose process is killed first. A process that fails
says so by type and place, never by the text of what was raised, and nothing it writes to standard error reaches the
log.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from engine.errors import SiagaError, places

LOWEST = 19
"""Priority of a worker, as `nice` counts."""
LONGEST_LINE = 64 << 20
"""Bytes of a line that a worker writes."""
MOST = 2
"""Workers of one process at once, whoever asked."""
MOST_WAITING = 16
"""Orders of one process that wait for a place at once."""


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker may take: bytes of address space, seconds of processor time, seconds in all, open files."""

    memory: int = 2 << 30
    cpu_seconds: int = 600
    seconds: float = 600.0
    descriptors: int = 256


class WorkerOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is told, as one line; `work` is the order itself, as JSON."""

    bounds: Bounds
    work: msgspec.Raw


class WorkShare(msgspec.Struct, frozen=True, tag="share"):
    """Which share of the work is done, 0 to 1."""

    done: float


class WorkerResult(msgspec.Struct, frozen=True, tag="result"):
    """What the work came to, as JSON; the last line."""

    value: msgspec.Raw


class Unable(msgspec.Struct, frozen=True, tag="unable"):
    """The work raised something: its type, and where; the last line."""

    error: str
    at: list[str] = []


class WorkerFailedError(SiagaError):
    """A worker ended without a result: it raised, took too much or too long, or was killed."""


class WorkerReplacedError(WorkerFailedError):
    """Another order of the same owner took the place of this one."""


class WorkersBusyError(SiagaError):
    """As many workers as may run at once are under way for others."""


class Job:
    """One order under way."""

    def __init__(self, module: str, work: Any, bounds: Bounds) -> None:
        """Begin at once: `python -m module` does the work."""
        self.done = 0.0
        """Which share of the work is done, 0 to 1."""
        self.pid: int | None = None
        """The process, once it runs."""
        self.task = asyncio.create_task(self._run(module, work, bounds), name=f"worker {module}")
        """Is done when its process is gone."""

    @property
    def over(self) -> bool:
        """Whether its process is gone."""
        return self.task.done()

    async def result(self) -> bytes:
        """Return what the work came to, as JSON; raises `WorkerFailedError`."""
        try:
            return await asyncio.shield(self.task)
        except asyncio.CancelledError:
            if self.task.cancelled():
                raise WorkerReplacedError("another order took its place") from None
            raise

    async def end(self) -> None:
        """End it, wherever it is, and wait until its process is gone."""
        self.task.cancel()
        await asyncio.wait([self.task])
        if not self.task.cancelled():
            self.task.exception()  # whoever waits for it is told

    async def _run(self, module: str, work: Any, bounds: Bounds) -> bytes:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=LONGEST_LINE,
        )
        self.pid = process.pid
        try:
            async with asyncio.timeout(bounds.seconds):
                return await self._exchange(process, work, bounds)
        except TimeoutError:
            raise WorkerFailedError(f"it took longer than {bounds.seconds:.0f} s") from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
            await process.wait()

    async def _exchange(self, process: asyncio.subprocess.Process, work: Any, bounds: Bounds) -> bytes:
        if process.stdin is None or process.stdout is None:
            raise AssertionError("the process was started without its pipes")
        order = WorkerOrder(bounds=bounds, work=msgspec.Raw(msgspec.json.encode(work)))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # its end is told below
            process.stdin.write(msgspec.json.encode(order) + b"\n")
            await process.stdin.drain()
        try:
            async for line in process.stdout:
                said = msgspec.json.decode(line, type=WorkShare | WorkerResult | Unable)
                if isinstance(said, WorkShare):
                    self.done = said.done
                elif isinstance(said, WorkerResult):
                    return bytes(said.value)
                else:
                    raise WorkerFailedError(f"{said.error} at {'; '.join(said.at)}")
        except (msgspec.DecodeError, ValueError):
            raise WorkerFailedError("it said what no worker says") from None
        raise WorkerFailedError(f"its process ended with {await process.wait()}")


class Workers:
    """The jobs of this process: one of each owner, and so many in all."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._jobs: dict[str, Job] = {}
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def begin(
        self, owner: str, module: str, work: Any, bounds: Bounds, *, patience: float = 0.0
    ) -> Job:
        """Begin a job in place of the owner's job before; wait up to `patience` seconds for a place, first come first.

        Raises `WorkersBusyError` where no place gets free, and leaves the owner's job before as it is.
        """
        if self._waiting >= MOST_WAITING:
            raise WorkersBusyError("too many wait for a worker")
        self._waiting += 1
        try:
            async with asyncio.timeout(patience or None), self._turn:
                # Of two orders of one owner at once the second ends the first.
                await self._place(owner, wait=patience > 0)
                job = self._jobs[owner] = Job(module, work, bounds)
                return job
        except TimeoutError:
            raise WorkersBusyError("no place became free in time") from None
        finally:
            self._waiting -= 1

    async def _place(self, owner: str, *, wait: bool) -> None:
        """End the owner's job before, or find a place beside the jobs of others."""
        while True:
            self._jobs = {name: job for name, job in self._jobs.items() if name == owner or not job.over}
            before = self._jobs.get(owner)
            if len(self._jobs) - (before is not None) < self._most:
                if before is not None:
                    await before.end()
                return
            if not wait:
                raise WorkersBusyError("as many questions as may run at once are under way")
            others = [job for name, job in self._jobs.items() if name != owner]
            await asyncio.wait([job.task for job in others], return_when=asyncio.FIRST_COMPLETED)

    async def close(self) -> None:
        """End what is under way."""
        for job in list(self._jobs.values()):
            await job.end()


# --- in the process itself --------------------------------------------------------------------------------------------


def serve(work: Callable[[bytes, Callable[[float], None]], Awaitable[Any]]) -> None:
    """Do one order of standard input: the main function of a module that is a worker."""
    os.nice(LOWEST)
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=WorkerOrder)
    _bound(resource.RLIMIT_AS, order.bounds.memory)
    _bound(resource.RLIMIT_CPU, order.bounds.cpu_seconds)
    _bound(resource.RLIMIT_NOFILE, order.bounds.descriptors)
    _bound(resource.RLIMIT_CORE, 0)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    told = 0.0

    def share(done: float) -> None:
        nonlocal told
        if done - told >= 0.01:
            told = done
            _say(WorkShare(done))

    async def run() -> Any:
        return await work(bytes(order.work), share)

    try:
        _say(WorkerResult(msgspec.Raw(msgspec.json.encode(asyncio.run(run())))))
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent is told
        _say(Unable(type(error).__name__, places(error)))


def _bound(kind: int, most: int) -> None:
    """Bound this process for good; a narrower bound that it was started with stays."""
    _, hard = resource.getrlimit(kind)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))


def _end_with_parent() -> None:
    """End the process when its input ends: its parent is gone, or wants nothing more."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(1)


def _say(said: WorkShare | WorkerResult | Unable) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
    sys.stdout.buffer.flush()
