"""The cases of the matrix: where a life is killed, and what must be the same in spite of it.

Here: the list of deaths of an act and the comparison of a run with the undisturbed one. Not here: how a run is made
(`world`) and which cases run when (`test_matrix`, and all of them in `test_killed_before` and `test_killed_after`).
"""

from collections.abc import Iterator

from tests.crash.acts import ACTS, working
from tests.crash.story import differences
from tests.crash.world import ANSWER, KILLED, Death, Left, World

SENT = ("not sent", "sent too often", "lives ended")
PROBE = ("probe", "claim", "receipt", "breaker", ANSWER)
"""What happens while a message finds out whether a gateway works again."""


def deaths(left: Left) -> Iterator[Death]:
    """Return every crossing of an act; of the lease, which is renewed at every turn, the first."""
    for (point, side), times in sorted(left.crossed.items()):
        for time in range(1, (1 if point == "lease" else times) + 1):
            yield Death(point, side, time)


async def faults_of_all(world: World, act: int, side: str) -> list[str]:
    """Return what was not as it must be, over all deaths of an act on one side."""
    found = []
    for death in deaths(world.undisturbed[act]):
        if death.side == side:
            found += await outcome(world, act, death)
    return found


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
    """Return what is not as it must be after one death."""
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
