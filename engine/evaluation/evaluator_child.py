"""The evaluator as a process of its own, and what is said over its pipe.

Here: the messages between parent and child, and the child's side. Not here: judging (`evaluation.evaluator`), and the
starting and restarting of the child (`evaluation.evaluator_process`).

The child holds the matchers, because durable-rules may crash or leak; the parent survives that. It reads no files but
those of the archive: regions come over the pipe, and rules and policies from the store, so that no two processes ever
disagree. A message is its length in four bytes, big end first, and msgpack. The child ends when its pipe does.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec
import structlog

from engine.clock import ManualClock
from engine.core.alerting.gateway_route import Route
from engine.core.judging.instant import Instant
from engine.core.judging.region import Region, RegionTable
from engine.core.judging.rule import Rule
from engine.errors import SiagaError, StoreUnavailableError
from engine.evaluation.evaluator import Evaluator
from engine.matching.checked import MOST_REGISTERED, Disagreement, MatcherChoice, choose, open_shards
from engine.metrics import Metrics
from engine.records.rule_sets import RuleSet
from engine.records.runtime_config import RuntimeConfig
from engine.runtime import logging
from engine.runtime.event_loop import loop_factory
from engine.store.archive.events import Archive
from engine.store.archive.history import EventHistory
from engine.store.redis.store import RedisStore

LENGTH_BYTES = 4
SOME_OBJECTS = 2_000
"""Fewer objects wait for the next turn: to look through them takes longer than to make them."""
FEW_OBJECTS = 20_000
"""A turn that made no more is looked through for cycles, which takes about a millisecond."""
LONGEST = 64 * 1024 * 1024
"""A message longer than this is a broken pipe, not a message."""

log = structlog.get_logger("siaga.evaluator")

OWN_PROCESS = {"process": "evaluator"}
"""The label of samples about the evaluator's process, which the service shows beside its own."""
Sample = tuple[str, tuple[tuple[str, str], ...], float]
"""A metric's sample: name, labels, value."""


class LogAs(msgspec.Struct, frozen=True):
    """How the child logs: level and format of the parent's settings."""

    level: str
    format: str


class Begin(msgspec.Struct, frozen=True, kw_only=True, tag="begin"):
    """First message to the child: the store, who it is, and the regions.

    `archive` is the folder of the archive, None where there is none. `now` is the parent's: there is one clock.
    """

    where: str
    namespace: str
    holder: str
    accept_weaker_durability: bool
    wait_replicas: int
    archive: str | None
    log: LogAs
    now: Instant
    regions: tuple[Region, ...]
    routes: tuple[Route, ...] = ()

    def __repr__(self) -> str:
        return f"Begin(namespace={self.namespace!r}, holder={self.holder!r})"  # `where` may hold a password


class TakeTurn(msgspec.Struct, frozen=True, tag="turn"):
    """Do one turn at the instant `now` of the parent's clock.

    `again`: a child died on this turn before. The native matcher alone serves then, since the other one may be why.
    """

    now: Instant
    again: bool = False


class TakeLead(msgspec.Struct, frozen=True, tag="lead"):
    """Take or renew the lease."""


class StandDown(msgspec.Struct, frozen=True, tag="stand_down"):
    """Give the lease back."""


class TellMetrics(msgspec.Struct, frozen=True, tag="metrics"):
    """Tell all samples."""


EvaluatorOrder = Begin | TakeTurn | TakeLead | StandDown | TellMetrics


class TurnDone(msgspec.Struct, frozen=True, tag="done"):
    """An order was carried out; `number` is what the turn found, or 1 if the child leads; `more`: it left something."""

    number: int = 0
    more: bool = True


class TurnFailed(msgspec.Struct, frozen=True, tag="failed"):
    """An order could not be carried out. `store_away`: the store does not answer, the same may work later."""

    text: str
    store_away: bool


class ToldMetrics(msgspec.Struct, frozen=True, tag="told"):
    """The child's samples."""

    samples: tuple[Sample, ...]


EvaluatorReply = TurnDone | TurnFailed | ToldMetrics


class Pipe:
    """One end of the pipe between parent and child."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, message: EvaluatorOrder | EvaluatorReply) -> None:
        """Send one message."""
        body = msgspec.msgpack.encode(message)
        self._writer.write(len(body).to_bytes(LENGTH_BYTES, "big") + body)
        await self._writer.drain()

    async def order(self) -> EvaluatorOrder:
        """Wait for an order. Raises `asyncio.IncompleteReadError` when the pipe ends."""
        order: EvaluatorOrder = msgspec.msgpack.decode(await self._body(), type=EvaluatorOrder)
        return order

    async def reply(self) -> EvaluatorReply:
        """Wait for a reply. Raises `asyncio.IncompleteReadError` when the pipe ends."""
        reply: EvaluatorReply = msgspec.msgpack.decode(await self._body(), type=EvaluatorReply)
        return reply

    async def _body(self) -> bytes:
        length = int.from_bytes(await self._reader.readexactly(LENGTH_BYTES), "big")
        if length > LONGEST:
            raise SiagaError(f"a message of {length} bytes came over the evaluator's pipe")
        return await self._reader.readexactly(length)


class Child:
    """Carries out orders, one after the other."""

    def __init__(self, begin: Begin) -> None:
        self._clock = ManualClock(begin.now)
        self._metrics = Metrics()
        self._store = RedisStore(
            begin.where,
            begin.namespace,
            accept_weaker_durability=begin.accept_weaker_durability,
            wait_replicas=begin.wait_replicas,
        )
        books = RuntimeConfig(
            self._store,
            namespace=begin.namespace,
            regions=RegionTable(begin.regions),
            kinds={},
            rule_set=RuleSet({}, {}),
            routes=begin.routes,
        )
        self._shards, self._why_none = open_shards()
        archive = None if begin.archive is None else Archive(Path(begin.archive), begin.namespace)
        self._evaluator = Evaluator(
            self._store,
            self._clock,
            books,
            self._metrics,
            self._choose,
            holder=begin.holder,
            history=EventHistory(self._store, archive),
            forgets=True,
        )

    @property
    def worn_out(self) -> bool:
        """Whether durable-rules holds so much memory for good that a new process should take over."""
        return self._shards is not None and self._shards.registered > MOST_REGISTERED

    def _choose(self, rules: Sequence[Rule]) -> MatcherChoice:
        """Make the matchers of a rule set; shards that this process has already cost nothing."""
        self._metrics.know_rules(rule.id for rule in rules)
        choice = choose(rules, self._shards, self._disagree, why=self._why_none)
        log.info("matcher", rules=len(rules), serves=choice.serves, why=choice.why)
        return choice

    def _disagree(self, found: Disagreement) -> None:
        self._metrics.matcher_disagreements.inc()
        log.error(
            "matchers_disagree",
            desk=found.desk,
            event_id=found.event,
            missed=found.missed,
            added=found.added,
            fault=found.fault,
        )

    async def carry_out(self, order: EvaluatorOrder) -> EvaluatorReply:
        """Carry out one order; what fails is told, and the child lives on."""
        try:
            match order:
                case TakeTurn(now=now, again=again):
                    self._clock.set(now)
                    number = await self._evaluator.turn(again=again)
                    tidy()
                    return TurnDone(number, self._evaluator.more)
                case TakeLead():
                    return TurnDone(int(await self._evaluator.lead()))
                case StandDown():
                    await self._evaluator.stand_down()
                    return TurnDone()
                case TellMetrics():
                    return ToldMetrics(tuple(samples(self._metrics)))
                case Begin():
                    return TurnFailed("the child has begun already", store_away=False)
        except StoreUnavailableError as error:
            return TurnFailed(str(error), store_away=True)
        except Exception as error:
            log.exception("turn_failed", loop="evaluator")
            return TurnFailed(f"{type(error).__name__}: {logging.quoted(error)}", store_away=False)

    async def close(self) -> None:
        """Let go of the store."""
        await self._store.close()


def tidy() -> None:
    """Collect the cycles of some turns, where they made few objects; what is left is never looked through again.

    Hundreds of thousands of groups stay and are in no cycle. To look through them whenever so many more were made, as
    Python does by itself, took nearly half of the time of judging, in pauses that every message then waits for.
    """
    made = gc.get_count()[0]
    if made < SOME_OBJECTS:
        return
    if made < FEW_OBJECTS:
        gc.collect(0)
    gc.freeze()


def samples(metrics: Metrics) -> list[Sample]:
    """Return all samples of a process; those about the process itself carry its name, those of the build are left out.

    The parent has the same build. A sum of two start times or memories would be nobody's.
    """
    return [
        (
            sample.name,
            tuple(
                sorted((sample.labels | (OWN_PROCESS if family.name.startswith("process_") else {})).items())
            ),
            sample.value,
        )
        for family in metrics.registry.collect()
        for sample in family.samples
        if family.name != "siaga_build"
    ]


async def _live(replies: BinaryIO) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LONGEST)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, replies)
    pipe = Pipe(reader, asyncio.StreamWriter(transport, protocol, None, loop))
    begin = await pipe.order()
    if not isinstance(begin, Begin):
        raise SiagaError("the evaluator's first order must be begin")
    logging.set_up(begin.log)
    child = Child(begin)
    try:
        while not child.worn_out:
            await pipe.send(await child.carry_out(await pipe.order()))
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # the parent is gone or has closed the pipe: the child's work ends
    finally:
        await child.close()


def main() -> None:
    """Run the child until its pipe ends. Ctrl-C at a terminal is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()  # see `tidy`
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(
        sys.stderr.fileno(), sys.stdout.fileno()
    )  # whatever prints, nothing but replies goes down the pipe
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_live(replies))


if __name__ == "__main__":
    main()
