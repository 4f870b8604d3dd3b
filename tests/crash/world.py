"""The world around the lives: servers that outlive them, who starts them anew, and what is left at the end.

Here: the store's server, the mail server and the SMS gateway, which kill the life that speaks to them where a case asks
for it; a process for each life, forked from one that has all modules loaded already. Not here: what a life does
(`life`), and what must be the same at the end (`story`).
"""

import asyncio
import hashlib
import json
import multiprocessing
import os
import shutil
import signal
from collections import Counter
from collections.abc import Hashable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple, Self

from engine.clock import ManualClock
from engine.people.tokens import RIGHTS, Tokens
from engine.store.redis.client import RedisClient
from engine.store.redis.embedded import EmbeddedServer
from engine.store.redis.store import RedisStore
from tests.contract.notifiers.aggregator import Aggregator, Request
from tests.contract.notifiers.mailbox import Mailbox
from tests.crash import story
from tests.crash.acts import ACTS, delivered
from tests.crash.installation import START, installation
from tests.crash.life import Death, Plan, live
from tests.credentials import OPERATOR

DATA, ANSWER = "smtp DATA", "gateway answer"
"""The points at the servers of messages: before and after they take one."""
_QUEUED = b'{"status": "queued", "message_id": "%s"}'
KILLED = -signal.SIGKILL
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.crash.life"])


class Watch:
    """Counts what comes to the servers, and kills the life of a case."""

    def __init__(self) -> None:
        self.pid = 0
        self.taken: list[Hashable] = []
        self.death: Death | None = None
        self.crossed: Counter[tuple[str, str]] = Counter()

    def cross(self, point: str, side: str) -> bool:
        """Note that a point is crossed; return whether whoever speaks to the server was killed for it."""
        self.crossed[point, side] += 1
        if self.death != (point, side, self.crossed[point, side]):
            return False
        os.kill(self.pid, signal.SIGKILL)
        return True


class Mails(Mailbox):
    """The mail server. The reference of a mail follows from it, so that a repeat changes nothing but its number."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 -- aiosmtpd's name
        if self._watch.cross(DATA, "before"):
            return "451 4.3.0 Try again"
        self._watch.taken.append((envelope.rcpt_tos[0], envelope.original_content))
        self._watch.cross(DATA, "after")
        return f"250 2.0.0 Ok: queued as {hashlib.sha256(envelope.original_content).hexdigest()[:8]}"


class Phones(Aggregator):
    """The SMS gateway. It fails while it is told to."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch
        self.fails = False

    def _accept(self, request: Request):
        if request.path.startswith("/control/"):
            self.fails = request.path.endswith("fail")
            return 204, {}, b""
        if self._watch.cross(ANSWER, "before"):
            return 503, {}, b""
        if self.fails:
            return 503, {}, b""
        self._watch.taken.append(tuple(sorted(request.message.items())))
        self._watch.cross(ANSWER, "after")
        reference = hashlib.sha256(request.message["id"].encode()).hexdigest()[:12]
        return 200, {"content-type": "application/json"}, _QUEUED % reference.encode()


class Left(NamedTuple):
    """What is left when a stretch of the scenario is over: the store's story, the messages, how the lives ended.

    `in_flight` are the messages taken last before a kill.
    """

    story: story.Story
    messages: Counter[Hashable]
    in_flight: set[Hashable]
    ends: list[int]
    crossed: Counter[tuple[str, str]]


class Checkpoint(NamedTuple):
    """Where an act begins: a copy of the store and of the installation's files, and whether the gateway fails."""

    store: story.Copy
    files: Path
    fails: bool


class World:
    """The servers, once a session, and one installation on them that is put back to where a case begins."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._home = folder / "home"
        self._notes = self._home / "notes"
        self._watch = Watch()
        self._stack = AsyncExitStack()
        self.mails = Mails(self._watch)
        self.phones = Phones(self._watch)
        self.checkpoints: list[Checkpoint] = []
        self.undisturbed: list[Left] = []

    async def __aenter__(self) -> Self:
        server = EmbeddedServer(self._folder / "redis")
        self._where = await server.start()
        self._stack.push_async_callback(server.stop)
        self._link = RedisClient(self._where, timeout=30, wait_replicas=0)
        self._stack.push_async_callback(self._link.aclose)
        await self._stack.enter_async_context(self.mails.open())
        await self._stack.enter_async_context(self.phones.open())
        await self._prepare()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _prepare(self) -> None:
        self._settings = installation(self._home, smtp=self.mails.port, sms=self.phones.port)
        self._base = self.base = f"{{siaga:{self._settings.namespace}}}"
        store = RedisStore(self._where, self._settings.namespace)
        await store.open()
        self._token = (
            await Tokens(store, ManualClock(START)).create(
                RIGHTS, person="sekda-7315", desks=("*",), by=OPERATOR
            )
        ).text
        await store.close()

    async def go_through(self) -> None:
        """Let every act be done by a life of its own, undisturbed; each leaves a point to begin from."""
        for act in range(len(ACTS)):
            if ACTS[act] is delivered:  # as if an older version had left the store
                await self._link.command("HDEL", f"{self._base}:counters", "events_evaluated")
            files = self._folder / f"act-{act}"
            shutil.copytree(self._home, files)
            self.checkpoints.append(
                Checkpoint(await story.copy(self._link, self._base), files, self.phones.fails)
            )
            self.undisturbed.append(await self.go(act, act + 1))

    async def begin_at(self, act: int) -> None:
        """Put store and files back to where an act begins."""
        checkpoint = self.checkpoints[act]
        await story.restore(self._link, self._base, checkpoint.store)
        self.phones.fails = checkpoint.fails
        shutil.rmtree(self._home)
        shutil.copytree(checkpoint.files, self._home)

    async def run(self, act: int, *deaths: Death, end: int | None = None) -> Left:
        """Do an act (up to `end`, excluded), while each death ends a life and the next goes on where it came."""
        await self.begin_at(act)
        return await self.go(act, act + 1 if end is None else end, *deaths)

    async def go(self, first: int, end: int, *deaths: Death) -> Left:
        """Do some acts from where the store stands."""
        self._watch.taken, in_flight, ends = [], set(), []
        crossed: Counter[tuple[str, str]] = Counter()
        self._notes.unlink(missing_ok=True)
        for death in (*deaths, None):
            self._watch.crossed, self._watch.death = Counter(), death
            plan = self.plan(first, end, death)
            ends.append(await self._live(plan))
            if death is not None:
                in_flight.update(self._watch.taken[-1:])
                # The lease of a killed evaluator ends by itself within seconds; nobody need wait for that here.
                await self._link.command("DEL", f"{self._base}:lease")
            told = [json.loads(line) for line in self._notes.read_bytes().splitlines()]
            first = min(told[-1]["act"] + 1, end - 1) if told else first
            if told:
                crossed = Counter({(name, side): n for name, side, n in told[-1]["crossed"]})
        left = await self.story()
        taken = Counter(self._watch.taken)
        return Left(left, taken, in_flight, ends, crossed | self._watch.crossed)

    def plan(self, first: int, end: int, death: Death | None = None) -> Plan:
        """Return what a life is given that goes through these acts."""
        return Plan(
            settings=self._settings.model_dump_json(),
            where=self._where,
            notes=str(self._notes),
            first=first,
            end=end,
            token=self._token,
            phones=self.phones.url,
            death=death,
        )

    async def copied(self) -> story.Copy:
        """Return all that is in the store now."""
        return await story.copy(self._link, self._base)

    async def story(self) -> story.Story:
        """Return what is in the store now."""
        return await story.read(self._link, self._base)

    async def _live(self, plan: Plan) -> int | None:
        process = PROCESSES.Process(target=live, args=(plan,))
        process.start()
        self._watch.pid = process.pid or 0
        loop = asyncio.get_running_loop()
        ended = loop.create_future()
        loop.add_reader(process.sentinel, lambda: ended.done() or ended.set_result(None))
        await ended
        loop.remove_reader(process.sentinel)
        process.join()
        return process.exitcode
