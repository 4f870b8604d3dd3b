"""An evaluator that slept while another led: what it had judged is refused, counted, and changes nothing.

It is stopped (SIGSTOP) right before its commit, as a machine that is paused, and goes on when the other is done.
"""

import asyncio
import os
import signal
from multiprocessing.connection import Connection

import pytest

from engine.errors import FencedError
from tests.crash.acts import ACTS, clash
from tests.crash.life import Plan, begun
from tests.crash.story import differences
from tests.crash.world import PROCESSES, World

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]


def sleep_before_the_commit(plan: Plan, told: Connection) -> None:
    asyncio.run(_sleep(plan, told))


async def _sleep(plan: Plan, told: Connection) -> None:
    def crash_point(name: str, side: str) -> None:
        if (name, side) == ("evaluate", "before"):
            told.send("judged")
            os.kill(os.getpid(), signal.SIGSTOP)

    async with begun(plan, crash_point) as scene:
        try:
            await ACTS[plan.first](scene)
        except FencedError as error:
            fenced = scene.siaga.metrics.registry.get_sample_value(
                "siaga_fenced_total", {"write": "evaluate"}
            )
            told.send((str(error), fenced))


async def heard(connection: Connection) -> object:
    """Return what a process tells."""
    return await asyncio.to_thread(connection.recv)


async def test_the_commit_of_a_leader_that_slept_is_refused(world: World) -> None:
    """The lease runs out by itself, another process judges the same events, and the sleeper wakes to a refusal."""
    act = ACTS.index(clash)
    await world.begin_at(act)
    here, there = PROCESSES.Pipe()
    sleeper = PROCESSES.Process(target=sleep_before_the_commit, args=(world.plan(act, act + 1), there))
    sleeper.start()
    assert await heard(here) == "judged"
    left = await world.go(act, act + 1)
    assert left.ends == [0]
    os.kill(sleeper.pid, signal.SIGCONT)
    said, fenced = await heard(here)
    assert ("fenced off" in said, fenced) == (True, 1.0)
    await asyncio.to_thread(sleeper.join)
    assert differences(world.undisturbed[act].story, await world.story()) == []
    assert left.messages == world.undisturbed[act].messages
