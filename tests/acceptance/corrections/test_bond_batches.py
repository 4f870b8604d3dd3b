"""Rules on rules hear of each request by itself, whatever batch it is judged in: how busy Siaga is means nothing.

Law: docs/specification/rules.md#batches.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.core.judging.event import Event
from engine.core.judging.instant import MINUTE
from engine.store.memory import MemoryStore
from tests.acceptance.corrections.bench import START, Bench
from tests.acceptance.corrections.sentences import Document, load

COUNTED: Document = {
    "id": "r0-count",
    "per": "regency",
    "watch": {"kind": "a.a"},
    "alert_when": {"count": {"at_least": 2, "within": "20m"}},
    "escalate": "p",
    "wait_for_late": "0s",
}
EACH: Document = {
    "id": "r0-each",
    "per": "regency",
    "watch": {"kind": "a.end"},
    "alert_when": "every_event",
    "escalate": "p",
    "wait_for_late": "0s",
}
OVER_IT: Document = {
    "id": "r1-rules",
    "per": "province",
    "alert_when": {"rules": {"open": ["r0-count", "r0-each"], "at_least": 1}},
    "level": {"waspada": "always", "awas": {"at_least": 2}},
    "escalate": "p",
    "wait_for_late": "0s",
}
OVER_THAT: Document = {
    "id": "r2-rules",
    "per": "nation",
    "alert_when": {"rules": {"open": ["r1-rules"], "at_least": 1}},
    "escalate": "p",
    "wait_for_late": "0s",
}
SHORT: Document = {
    **COUNTED,
    "alert_when": {"aggregate": {"function": "sum", "of": "metrics.n", "at_least": 2, "within": "3m"}},
}


def event(number: int, desk: str, minute: int, *, kind: str = "a.a", **fields: object) -> Event:
    return Event(
        desk=desk,
        id=f"e{number}",
        kind=kind,
        region=desk,
        severity=2,
        occurred_at=START + minute * MINUTE,
        fields={"metrics.n": 1, **fields},
        by_verifier=True,
    )


def refuted(number: int, named: int, desk: str, minute: int) -> Event:
    return event(number, desk, minute, corrects=f"e{named}", verification="refuted")


COUNTED_FOR_A_WHILE = [
    event(1, "73.16", 1),
    event(2, "73.16", 2),
    event(3, "73.15", 3),
    event(4, "73.15", 4),
    refuted(5, 4, "73.15", 5),
]
"""Two alerts are open, and then one of them rests on nothing: awas was reached and told."""
OPENED_FOR_A_WHILE = [
    event(1, "73.15", 1),
    event(2, "73.15", 2),
    refuted(3, 2, "73.15", 3),
    event(4, "73.16", 4),
    event(5, "73.16", 5),
]
"""The only alert is taken back before another one opens: the first alert about it is undone, the next is another."""
MOVED = [
    event(1, "73.16", 2),
    event(2, "73.16", 3),
    event(3, "73.15", 8),
    event(4, "73.15", 9),
    event(5, "73.15", 6, kind="a.end"),
    event(6, "73.15", 4),
    event(7, "73.15", 5),
]
"""Of two members the later one turns out to have opened before the other."""
OVER_BETWEEN = [event(1, "73.15", 1), event(2, "73.15", 2), event(3, "73.16", 12), event(4, "73.16", 12)]
"""An alert falls due and ends between two requests, with `SHORT`."""


def cuts(left: int) -> Iterator[tuple[int, ...]]:
    """Yield every way to cut so many requests into batches."""
    if not left:
        yield ()
    for size in range(1, left + 1):
        yield from ((size, *rest) for rest in cuts(left - size))


@pytest.mark.parametrize(
    ("first", "events"),
    [
        (COUNTED, COUNTED_FOR_A_WHILE),
        (COUNTED, OPENED_FOR_A_WHILE),
        (COUNTED, MOVED),
        (SHORT, OVER_BETWEEN),
    ],
    ids=["counted_for_a_while", "opened_for_a_while", "moved", "over_between"],
)
async def test_every_cut_into_batches_tells_the_same(first, events):
    """Levels, figures, members in their order, and reasons, of alerts on alerts and of alerts on those."""
    rules = load([first, EACH, OVER_IT, OVER_THAT])
    stories = {}
    for sizes in cuts(len(events)):
        bench = Bench(MemoryStore(), rules)
        await bench.play([[one] for one in events], sizes)
        stories[sizes] = await bench.story()
    alone = stories[(1,) * len(events)]
    assert {story[0] for story in alone} >= {"r0-count", "r1-rules", "r2-rules"}
    assert {sizes: story for sizes, story in stories.items() if story != alone} == {}


@pytest.mark.parametrize(
    "events",
    [COUNTED_FOR_A_WHILE, OPENED_FOR_A_WHILE, MOVED],
    ids=["counted_for_a_while", "opened_for_a_while", "moved"],
)
async def test_requests_of_one_instant_are_told_apart_in_every_cut(events):
    """Where many desks report, several requests are received within one millisecond."""
    rules = load([COUNTED, EACH, OVER_IT, OVER_THAT])
    stories = {}
    for sizes in cuts(len(events)):
        bench, left = Bench(MemoryStore(), rules), iter(events)
        for size in sizes:
            for _ in range(size):
                await bench.receive([next(left)], START + 10 * MINUTE)
            await bench.judge()
        await bench.wait()
        stories[sizes] = await bench.story()
    alone = stories[(1,) * len(events)]
    assert {story[0] for story in alone} >= {"r0-count", "r1-rules", "r2-rules"}
    assert {sizes: story for sizes, story in stories.items() if story != alone} == {}
