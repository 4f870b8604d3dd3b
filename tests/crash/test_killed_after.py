"""Killed after any write, mail or answer of a gateway, before whoever did it knew: it is not done twice. All cases.

The other side is `test_killed_before`.
"""

import pytest

from tests.crash.acts import ACTS
from tests.crash.cases import faults_of_all
from tests.crash.world import World

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(1_800), pytest.mark.long]


@pytest.mark.parametrize("act", range(len(ACTS)), ids=[act.__name__ for act in ACTS])
async def test_every_kill_after_changes_nothing(world: World, act: int) -> None:
    """Each crossing of the act."""
    found = await faults_of_all(world, act, "after")
    assert not found, "\n".join(found)
