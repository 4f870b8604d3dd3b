"""Killed at any write, any mail and any answer of a gateway, the service ends as the undisturbed one.

`docs/reliability.md` tells how many cases there are. A write that the scenario does not do fails the first test: give
it its occasion in `acts`.
"""

import random
from collections import Counter
from collections.abc import Iterator
from itertools import product
from typing import get_args

import pytest

from engine.store.names import ServiceWrite, StreamWrite
from tests.crash.acts import ACTS, keys, working
from tests.crash.story import differences
from tests.crash.world import ANSWER, DATA, KILLED, Death, Left, World

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

POINTS = {*get_args(ServiceWrite), *get_args(StreamWrite), DATA, ANSWER}
SIDES = ("before", "after")
SAMPLE = 5
SENT = ("not sent", "sent too often", "lives ended")
PROBE = ("probe", "claim", "receipt", "breaker", ANSWER)
"""What happens while a message finds out whether a gateway works again."""


def deaths(left: Left) -> Iterator[Death]:
    """Return every crossing of an act; of the lease, which is renewed at every turn, the first."""
    for (point, side), times in sorted(left.crossed.items()):
        for time in range(1, (1 if point == "lease" else times) + 1):
            yield Death(point, side, time)


def faults(world: World, act: int, left: Left, kills: int = 1) -> list[str]:
    """Return what a run has not in common with the undisturbed one."""
    calm, found = world.undisturbed[act], []
    if left.ends != [*[KILLED] * kills, 0]:
        found.append(f"lives ended with {left.ends}")
    more, fewer = left.messages - calm.messages, calm.messages - left.messages
    if fewer:
        found.append(f"{SENT[0]}: {list(fewer)}")
    if sum(more.values()) > kills or not set(more) <= left.in_flight & set(calm.messages):
        found.append(f"{SENT[1]}, or otherwise: {list(more)}")
    return found + differences(calm.story, left.story)


async def outcome(world: World, act: int, death: Death) -> list[str]:
    left = await world.run(act, death)
    found = faults(world, act, left)
    if death.point == "probe" or (ACTS[act] is working and death.point in PROBE and death.time == 1):
        # A probe that dies counts as one that failed: its message waits longer. What is promised holds.
        found = [fault for fault in found if fault.startswith(SENT)] + unaccounted(left)
    return [f"{ACTS[act].__name__}, killed {death}: {fault[:2000]}" for fault in found]


def unaccounted(left: Left) -> list[str]:
    """Return the messages that are neither due nor over."""
    due = {name.removeprefix("due outbox ") for name in left.story if name.startswith("due outbox ")}
    return [
        name
        for name, message in left.story.items()
        if name.startswith("notifications ")
        and message.get("state", "pending") in ("pending", "sending")
        and message["id"] not in due
        and not message.get("held")
    ]


async def test_every_named_write_has_its_occasion(world: World) -> None:
    """The list in `store.names` is that of the crash points, and each of them is crossed on both sides."""
    crossed = {point for left in world.undisturbed for point in left.crossed}
    assert crossed == set(product(POINTS, SIDES))
    assert all(left.ends == [0] for left in world.undisturbed)


async def test_clean_restarts_change_nothing(world: World) -> None:
    """One life for all acts behind the keys, which are random and stand in the audit, ends as one for each act."""
    after = ACTS.index(keys) + 1
    left = await world.run(after, end=len(ACTS))
    assert left.ends == [0]
    assert differences(world.undisturbed[-1].story, left.story) == []
    assert left.messages == sum((calm.messages for calm in world.undisturbed[after:]), start=Counter())


async def test_a_sample_of_kills_changes_nothing(world: World) -> None:
    """Other points at each run; the seed in the head of the run brings them back."""
    cases = [(act, death) for act, left in enumerate(world.undisturbed) for death in deaths(left)]
    found = []
    for act, death in random.sample(cases, SAMPLE):
        found += await outcome(world, act, death)
    assert found == []


@pytest.mark.parametrize(
    ("act", "death"),
    [
        ("clash", Death("attempted", "before")),
        ("clash", Death(DATA, "after")),
        ("clash", Death(ANSWER, "after")),
        ("summary", Death("settle_digest", "before")),
    ],
    ids=str,
)
async def test_two_kills_at_the_worst_moment_repeat_twice(world: World, act: str, death: Death) -> None:
    """The same point again, in the life that goes on: at most one repeat for each kill."""
    number = [one.__name__ for one in ACTS].index(act)
    left = await world.run(number, death, death)
    assert faults(world, number, left, kills=2) == []


@pytest.mark.long
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("act", range(len(ACTS)), ids=[act.__name__ for act in ACTS])
async def test_every_kill_changes_nothing(world: World, act: int) -> None:
    """Each crossing of the act, before and after."""
    found = []
    for death in deaths(world.undisturbed[act]):
        found += await outcome(world, act, death)
    assert found == []
