"""What families cost the store, and where following them ends."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from engine.core.judging.event import Event
from engine.evaluation.poll import ENTRIES
from engine.intake.event_families import FAMILIES, MOST_ACTS
from engine.store.memory import MemoryStore
from engine.store.port import Entry, Record
from tests.acceptance.corrections.bench import START, Bench


class Counting(MemoryStore):
    """A store that notes what is asked of it about families, and may have lost its stream."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []
        self.sought: list[int] = []
        self.lost = False

    async def get(self, table: str, ids: Sequence[str]) -> list[Record | None]:
        if table == FAMILIES and ids:
            self.asked.append(len(ids))
        return await super().get(table, ids)

    async def entries(self, positions: Sequence[str]) -> list[Entry | None]:
        if positions:
            self.sought.append(len(positions))
        return [None] * len(positions) if self.lost else await super().entries(positions)


@pytest.fixture
def store() -> Counting:
    return Counting()


@pytest.fixture
def bench(store: Counting) -> Bench:
    return Bench(store)


def report(id_: str, names: str = "", *, refuted: bool = False, at: int = 0) -> Event:
    """An event that opens an alert of its own, or an act that does not."""
    fields = {"metrics.n": 0, "incident": id_}
    fields |= {"corrects": names} if names else {}
    fields |= {"verification": "refuted"} if refuted else {}
    return Event(
        desk="73.15",
        id=id_,
        kind="a.a",
        region="73.15",
        severity=2,
        occurred_at=START + at,
        fields=fields,
    )


async def counting(bench: Bench) -> set[str]:
    """Return the ids of the events that count: each opens an alert of a rule of the bench."""
    return {key.split("|")[-1] for key, _ in await bench.openings() if "|each|" in key}


async def test_a_batch_asks_once_for_all_its_events(bench: Bench, store: Counting) -> None:
    """However many requests it holds; and the stream is not read again for events that nobody names."""
    for number in range(ENTRIES):
        await bench.receive([report(f"e{number}-{one}") for one in range(3)], START + number)
    await bench.judge()
    assert (store.asked, store.sought) == ([ENTRIES * 3], [])


async def test_what_is_taken_out_and_given_back_is_sought_once_a_batch(bench: Bench, store: Counting) -> None:
    await bench.receive([report("x"), report("y")], START)
    await bench.judge()
    await bench.receive([report("c", "x", at=1), report("d", "y", at=1)], START + 1)
    await bench.judge()
    assert await counting(bench) == {"c", "d"}
    await bench.receive([report("r", "c", refuted=True, at=2)], START + 2)
    await bench.judge()
    assert await counting(bench) == {"x", "d"}
    assert store.sought == [1, 2]


@pytest.mark.parametrize("together", [1, 7, 50])
@pytest.mark.parametrize("chain", [True, False])
async def test_a_family_is_followed_up_to_a_limit(bench: Bench, together: int, chain: bool) -> None:
    """A further act changes nothing, is counted as refused, and its event counts; batches make no difference.

    Who corrects such an act begins a family of its own.

    Law: docs/specification/rules.md#correction-bounds.
    """
    acts = range(1, MOST_ACTS + 6)
    reports = [report("e0"), *(report(f"e{n}", f"e{n - 1}" if chain else "e0", at=n) for n in acts)]
    for start in range(0, len(reports), together):
        for one in reports[start : start + together]:
            await bench.receive([one], START + 1_000)
        await bench.judge()
    beyond = range(MOST_ACTS + 1, MOST_ACTS + 6)
    left = {MOST_ACTS, beyond[-1]} if chain else {MOST_ACTS, *beyond}
    assert await counting(bench) == {f"e{number}" for number in left}
    refused = bench.metrics.registry.get_sample_value(
        "siaga_corrections_refused_total", {"reason": "too_many"}
    )
    assert refused == (1 if chain else len(beyond))


async def test_what_the_stream_does_not_hold_any_more_stays_as_it_is(bench: Bench, store: Counting) -> None:
    """An act on an event from before the horizon is no error, and changes nothing."""
    await bench.receive([report("x")], START)
    await bench.judge()
    store.lost = True
    await bench.receive([report("c", "x", at=1)], START + 1)
    await bench.judge()
    assert await counting(bench) == {"x", "c"}


async def test_an_evaluator_that_takes_over_knows_the_families(bench: Bench, store: Counting) -> None:
    """Everything is in the store: a new evaluator gives back what the old one took out."""
    await bench.receive([report("x")], START)
    await bench.receive([report("c", "x", at=1)], START + 1)
    await bench.judge()
    await bench.evaluator.stand_down()
    successor = Bench(store)
    await successor.receive([report("r", "c", refuted=True, at=2)], START + 2)
    await successor.judge()
    assert await counting(successor) == {"x"}
