"""Rounds: what is asked meanwhile goes together, and one that raises is no burden to the others."""

import asyncio

import pytest

from engine.runtime.batcher import AT_MOST, Batcher


class Work:
    """Work that takes until it is let go; it keeps what each round was asked."""

    def __init__(self) -> None:
        self.rounds: list[list[int]] = []
        self.go = asyncio.Event()
        self.began = asyncio.Event()
        self.raises: Exception | None = None

    async def __call__(self, questions):
        self.rounds.append(list(questions))
        self.began.set()
        await self.go.wait()
        if self.raises is not None:
            raise self.raises
        return [ValueError(number) if number < 0 else number * 10 for number in questions]


async def test_who_asks_alone_waits_for_nobody_and_what_comes_meanwhile_goes_together():
    work = Work()
    rounds = Batcher(work)
    first = asyncio.create_task(rounds.ask(1))
    await work.began.wait()
    others = [asyncio.create_task(rounds.ask(number)) for number in (2, 3, 4)]
    work.go.set()
    assert await asyncio.gather(first, *others) == [10, 20, 30, 40]
    assert work.rounds == [[1], [2, 3, 4]]


async def test_what_was_raised_for_one_is_told_to_it_alone():
    work = Work()
    work.go.set()
    rounds = Batcher(work)
    found = await asyncio.gather(*(rounds.ask(number) for number in (1, -2, 3)), return_exceptions=True)
    assert (found[0], str(found[1]), found[2]) == (10, "-2", 30)
    assert len(work.rounds) == 1


async def test_a_round_that_raises_is_told_to_all_of_it_and_the_next_goes_on():
    work = Work()
    work.go.set()
    work.raises = OSError("away")
    rounds = Batcher(work)
    found = await asyncio.gather(rounds.ask(1), rounds.ask(2), return_exceptions=True)
    assert list(map(str, found)) == ["away", "away"]
    work.raises = None
    assert await rounds.ask(3) == 30


async def test_a_round_holds_only_so_many():
    work = Work()
    work.go.set()
    rounds = Batcher(work)
    await asyncio.gather(*(rounds.ask(number) for number in range(AT_MOST + 1)))
    assert list(map(len, work.rounds)) == [AT_MOST, 1]


async def test_who_gave_up_before_a_round_began_is_not_asked_for():
    work = Work()
    rounds = Batcher(work)
    first = asyncio.create_task(rounds.ask(1))
    await work.began.wait()
    second, third = asyncio.create_task(rounds.ask(2)), asyncio.create_task(rounds.ask(3))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    work.go.set()
    assert await asyncio.gather(first, third) == [10, 30]
    assert work.rounds == [[1], [3]]


async def test_who_gives_up_during_a_round_is_no_burden_to_it():
    work = Work()
    rounds = Batcher(work)
    first, second = asyncio.create_task(rounds.ask(1)), asyncio.create_task(rounds.ask(2))
    await work.began.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    work.go.set()
    assert await second == 20
