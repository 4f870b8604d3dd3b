"""Killed before any write, mail or answer of a gateway: what was not done is done by the next life. All cases.

One file for each side, so that the two run at the same time (`-n 2 --dist loadfile`).
"""

import pytest

from tests.crash.acts import ACTS
from tests.crash.cases import faults_of_all
from tests.crash.world import World

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(1_800), pytest.mark.long]


@pytest.mark.parametrize("act", range(len(ACTS)), ids=[act.__name__ for act in ACTS])
async def test_every_kill_before_changes_nothing(world: World, act: int) -> None:
    """Each crossing of the act."""
    found = await faults_of_all(world, act, "before")
    assert not found, "\n".join(found)
