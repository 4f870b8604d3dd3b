"""The evaluator as a child process, seen from its parent: start, requests, restart after a crash, and its metrics."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from engine.clock import Clock
from engine.errors import SiagaError, StoreUnavailableError
from engine.evaluation.evaluator_child import (
    LONGEST,
    Begin,
    EvaluatorOrder,
    EvaluatorReply,
    Pipe,
    Sample,
    StandDown,
    TakeLead,
    TakeTurn,
    TellMetrics,
    ToldMetrics,
    TurnDone,
    TurnFailed,
)

ANSWER_SECONDS = 120.0
"""A turn that takes longer than this hangs: the child is killed and started again."""
METRICS_SECONDS = 1.0
"""How long a scrape waits for a child that is busy; then it shows what was told last."""
STOP_SECONDS = 5.0
COUNTED = ("_total", "_bucket", "_sum", "_count")
"""Endings of samples that only grow: what a child counted stays counted when it is gone. A gauge goes with it."""
RESTARTS = 3
"""Children in a row that may die on the same turn."""

log = structlog.get_logger(__name__)


class EvaluatorDiedError(SiagaError):
    """The evaluator process ended in the middle of an order."""


class EvaluatorProcess:
    """An evaluator in a process of its own, asked like one in this process."""

    def __init__(self, begin: Callable[[], Begin], clock: Clock) -> None:
        """Tell how a child begins; it is asked at every start, so that a new child has the books of that moment."""
        self._begin = begin
        self._clock = clock
        self._process: asyncio.subprocess.Process | None = None
        self._pipe: Pipe | None = None
        self._one_at_a_time = asyncio.Lock()
        self._told: tuple[Sample, ...] = ()
        self._before: dict[tuple[str, tuple[tuple[str, str], ...]], float] = defaultdict(float)
        self._exchanges: set[asyncio.Task[EvaluatorReply]] = set()
        self.restarts = 0
        self.more = True
        """Whether the last turn left something to do."""

    @property
    def pid(self) -> int | None:
        """The process id of the living child."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def lead(self) -> bool:
        """Take or renew the lease; return whether this evaluator is the active one."""
        return await self._ask_again(TakeLead()) > 0

    async def turn(self) -> int:
        """Judge and commit one batch; return how much it had."""
        return await self._ask_again(TakeTurn(self._clock.now()))

    async def _ask_again(self, order: EvaluatorOrder) -> int:
        """Give an order; a child that dies meanwhile is started again and given it again.

        Its commit either happened, then the cursor has moved on, or did not. Raises `EvaluatorDiedError` when
        `RESTARTS` children in a row died.
        """
        for _ in range(RESTARTS):
            try:
                reply = await self._ask(order)
                self.more = not isinstance(reply, TurnDone) or reply.more
                return self._number(reply)
            except EvaluatorDiedError:
                log.warning("evaluator_died", restarts=self.restarts)
                if isinstance(order, TakeTurn):
                    order = TakeTurn(order.now, again=True)
        raise EvaluatorDiedError

    async def stand_down(self) -> None:
        """Give the lease back and end the child."""
        if self._process is None or self._process.returncode is not None:
            return
        with contextlib.suppress(TimeoutError, SiagaError):
            async with asyncio.timeout(STOP_SECONDS):
                await self._ask(StandDown())
                if self._process.stdin is not None:
                    self._process.stdin.close()
                await self._process.wait()
        await self._kill()

    async def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    async def samples(self) -> tuple[Sample, ...]:
        """Return what this and all earlier children counted; what was told last where the child is busy or starting."""
        with contextlib.suppress(TimeoutError, SiagaError):
            async with asyncio.timeout(METRICS_SECONDS):
                reply = await self._ask(TellMetrics())
                if isinstance(reply, ToldMetrics):
                    self._told = reply.samples
        total = self._before.copy()
        for name, labels, value in self._told:
            total[name, labels] += value
        return tuple((name, labels, value) for (name, labels), value in total.items())

    @staticmethod
    def _number(reply: EvaluatorReply) -> int:
        return reply.number if isinstance(reply, TurnDone) else 0

    async def _ask(self, order: EvaluatorOrder) -> EvaluatorReply:
        """Send an order and wait for its reply. Who gives up waiting leaves the exchange to end by itself."""
        exchange = asyncio.create_task(self._exchange(order))
        self._exchanges.add(exchange)
        exchange.add_done_callback(self._exchanges.discard)
        reply = await asyncio.shield(exchange)
        if isinstance(reply, TurnFailed):
            raise StoreUnavailableError(reply.text) if reply.store_away else SiagaError(reply.text)
        return reply

    async def _exchange(self, order: EvaluatorOrder) -> EvaluatorReply:
        async with self._one_at_a_time:
            pipe = await self._living()
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await pipe.send(order)
                    return await pipe.reply()
            except (asyncio.IncompleteReadError, ConnectionError, TimeoutError) as error:
                await self._kill()  # an order without its reply leaves the pipe unusable
                raise EvaluatorDiedError from error

    async def _living(self) -> Pipe:
        if self._process is not None and self._process.returncode is None and self._pipe is not None:
            return self._pipe
        if self._process is not None:
            await self._process.wait()
            self.restarts += 1
            log.warning("evaluator_restarted", restarts=self.restarts, ended_with=self._process.returncode)
            for name, labels, value in self._told:
                if name.endswith(COUNTED):
                    self._before[name, labels] += value
            self._told = ()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "engine.evaluation.evaluator_child",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LONGEST,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError("the evaluator was started without its pipes")
        self._pipe = Pipe(self._process.stdout, self._process.stdin)
        await self._pipe.send(self._begin())
        return self._pipe


class _Sum(Collector):
    """The families of a registry with further samples added: equal ones summed, others put to their family.

    Every counter, histogram and gauge of Siaga is moved in one process only and stands at 0 in the other, so a sum is
    right for all of them. Samples about the evaluator's process itself (`process_...`) have a label of their own.
    """

    def __init__(self, registry: CollectorRegistry, further: Iterable[Sample]) -> None:
        self._registry = registry
        self._further = {(name, labels): value for name, labels, value in further}

    def collect(self) -> Iterator[Metric]:
        left = dict(self._further)
        for family in self._registry.collect():
            whole = Metric(family.name, family.documentation, family.type)
            for sample in family.samples:
                key = (sample.name, tuple(sorted(sample.labels.items())))
                whole.add_sample(sample.name, sample.labels, sample.value + left.pop(key, 0.0))
            own = {family.name, *(family.name + suffix for suffix in ("_total", "_bucket", "_sum", "_count"))}
            for key in [key for key in left if key[0] in own]:
                whole.add_sample(key[0], dict(key[1]), left.pop(key))
            yield whole


def scrape_text(registry: CollectorRegistry, further: Iterable[Sample]) -> bytes:
    """Return the text that Prometheus scrapes."""
    return generate_latest(_Sum(registry, further))
