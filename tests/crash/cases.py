"""The cases of the matrix: where a life is killed, and what must be the same in spite of it.

Here: the list of deaths of an act and the comparison of a run with the undisturbed one. Not here: how a run is made
(`world`) and which cases run when (`test_matrix`, and all of them in `test_killed_before` and `test_killed_after`).
"""

from collections.abc import Iterator

from tests.crash.acts import ACTS, failing, working
from tests.crash.story import differences, whenever
from tests.crash.world import ANSWER, KILLED, Death, Left, World

OUTAGE = (failing, working)
"""Acts in which a gateway is out of order."""
FINDING_OUT = ("attempted", "claim", "receipt", "breaker", ANSWER)
"""What happens while messages find out whether a gateway works. A kill there takes what was found out with it: the
next message to ask, or the same one, waits or goes at another instant than in the undisturbed run."""


def deaths(left: Left) -> Iterator[Death]:
    """Return every crossing of an act.

    Of the lease, which is renewed as real time passes, the first; and so of ids of events that are forgotten, for each
    part of them is forgotten for itself.
    """
    for (point, side), times in sorted(left.crossed.items()):
        for time in range(1, (1 if point in ("lease", "forget_identities") else times) + 1):
            yield Death(point, side, time)


async def faults_of_all(world: World, act: int, side: str) -> list[str]:
    """Return what was not as it must be, over all deaths of an act on one side."""
    found = []
    for death in deaths(world.undisturbed[act]):
        if death.side == side:
            found += await outcome(world, act, death)
    return found


async def outcome(world: World, act: int, death: Death) -> list[str]:
    """Return what is not as it must be after one death."""
    left = await world.run(act, death)
    found = faults(world, act, left, exact=not (ACTS[act] in OUTAGE and death.point in FINDING_OUT))
    return [f"{ACTS[act].__name__}, killed {death}: {fault[:2000]}" for fault in found]


def faults(world: World, act: int, left: Left, kills: int = 1, *, exact: bool = True) -> list[str]:
    """Return what a run has not in common with the undisturbed one; if not `exact`, but for instants and attempts."""
    calm, found = world.undisturbed[act], []
    if left.ends != [*[KILLED] * kills, 0]:
        found.append(f"lives ended with {left.ends}")
    more, fewer = left.messages - calm.messages, calm.messages - left.messages
    if fewer:
        found.append(f"not sent: {list(fewer)}")
    if sum(more.values()) > kills or not set(more) <= left.in_flight & set(calm.messages):
        found.append(f"sent too often, or otherwise: {list(more)}")
    if exact:
        return found + differences(calm.story, left.story)
    return found + differences(whenever(calm.story), whenever(left.story))
