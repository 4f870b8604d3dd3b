"""Two writers of one record, stopped at every named write and resumed in both orders: nothing is lost, nothing twice.

`docs/reliability.md` tells how many runs there are. The runs of `./run test` are other ones each time; the seed in the
head of a run brings them back.
"""

import asyncio
import random
from itertools import islice

import pytest

from tests.interleaving.matrix import crossings, faults, pairs, runs
from tests.interleaving.scenes import SCENES

SAMPLE = 5
"""So many runs of each scene in `./run test`."""
PARTS = 4
"""The pairs of a scene are divided so, that several processes can share them."""


@pytest.mark.parametrize("scene", range(len(SCENES)), ids=[scene.name for scene in SCENES])
def test_a_sample_of_interleavings(scene: int) -> None:
    every = list(pairs(scene))
    found = []
    for pair in random.choices(every, k=SAMPLE):
        found += asyncio.run(faults(random.choice(list(runs(scene, pair)))))
    assert found == []


@pytest.mark.parametrize("scene", range(len(SCENES)), ids=[scene.name for scene in SCENES])
def test_most_writers_have_something_to_write(scene: int) -> None:
    """A scene in which nobody writes would prove nothing."""
    writing = [crossings(scene, place, 1) > 0 for place in range(len(SCENES[scene].writers))]
    assert sum(writing) * 3 >= len(writing) * 2


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("scene", range(len(SCENES)), ids=[scene.name for scene in SCENES])
def test_all_interleavings(scene: int, part: int) -> None:
    found = []
    for pair in islice(pairs(scene), part, None, PARTS):
        for run in runs(scene, pair):
            found += asyncio.run(faults(run))
    assert found == []
