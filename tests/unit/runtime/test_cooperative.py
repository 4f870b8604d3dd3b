"""Pieces: long work gives way to everything else, several take turns, and the order of the items stays."""

import asyncio
import itertools

import pytest

from engine.runtime.cooperative import FEW, PIECE_SECONDS, Pieces


class Work:
    """Work that takes a whole piece for each item, and notes what was done in which order."""

    def __init__(self):
        self.now = 0.0
        self.done = []

    def __call__(self, item):
        self.now += PIECE_SECONDS
        self.done.append(item)
        return item, "made"

    def pieces(self):
        return Pieces(monotonic=lambda: self.now)


async def test_each_item_is_worked_on_once_in_order():
    work = Work()
    assert await work.pieces().each(work, range(100)) == [(item, "made") for item in range(100)]
    assert work.done == list(range(100))
    assert await work.pieces().each(work, []) == []


async def test_something_else_has_its_turn_after_each_piece():
    work = Work()
    seen = []

    async def other():
        while len(seen) < 10:
            seen.append(len(work.done))
            await asyncio.sleep(0)

    await asyncio.gather(work.pieces().each(work, range(100)), other())
    assert all(after - before <= 1 for before, after in itertools.pairwise(seen))
    assert seen[-1] < 100


async def test_several_with_long_work_take_turns_and_few_items_wait_for_nobody():
    work = Work()
    pieces = work.pieces()
    tasks = [
        asyncio.create_task(pieces.each(work, [f"{name}{place}" for place in range(number)]))
        for name, number in (("a", 100), ("b", 20), ("c", FEW))
    ]
    await asyncio.gather(*tasks)
    assert [item for item in work.done if item[0] == "b"] == [f"b{place}" for place in range(20)]
    assert work.done.index("b19") < work.done.index("a30")
    assert work.done.index("c0") <= 2


async def test_what_the_work_raises_ends_it_and_lets_the_others_go_on():
    work = Work()
    pieces = work.pieces()
    failing = asyncio.create_task(pieces.each(lambda item: 1 // (item - 30), range(100)))
    other = asyncio.create_task(pieces.each(work, range(100)))
    with pytest.raises(ZeroDivisionError):
        await failing
    assert len(await other) == 100
