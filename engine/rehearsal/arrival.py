"""Orders of arrival: in which other ways the same events could have come in (rule-language.md 3.3).

Here: the orders that `any_arrival_order` runs, with the instants of receipt. Not here: what must be equal in all of
them (`rehearsal.rule_test`). Every event is received at or after it occurred, each alone, and within the horizon inside
which the order of arrival may change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from random import Random

from engine.core.judging.event import Event
from engine.core.judging.instant import Instant, Millis

ALL_UP_TO = 5
"""Up to so many events all orders are run ..."""
RANDOM_ORDERS = 200
"""... else so many random ones, the same at every run."""

Order = tuple[tuple[Event, Instant], ...]
"""Events with the instants at which they are received, in this order."""


def orders(events: Sequence[Event], horizon: Millis) -> Iterator[Order]:
    """Yield the orders in which these events may come in; the first is the order in which they occurred."""
    occurred = sorted(events, key=lambda event: event.key)
    if len(occurred) <= ALL_UP_TO:
        for permutation in permutations(occurred):
            order = _received(permutation)
            if all(received - event.occurred_at <= horizon for event, received in order):
                yield order
        return
    yield _received(occurred)
    seeded = Random(len(occurred))  # noqa: S311 -- no secret, only repeatable
    span = occurred[-1].occurred_at - occurred[0].occurred_at
    latest = max(0, min(horizon - len(occurred), 2 * span + len(occurred)))
    for _ in range(RANDOM_ORDERS - 1):
        late = [(event.occurred_at + seeded.randint(0, latest), seeded.random(), event) for event in occurred]
        yield _received([event for _, _, event in sorted(late, key=lambda item: item[:2])])


def _received(order: Sequence[Event]) -> Order:
    """Let events come in one after the other in this order, each as early as it can."""
    now: Instant = min((event.occurred_at for event in order), default=1) - 1
    received = []
    for event in order:
        now = max(now + 1, event.occurred_at)
        received.append((event, now))
    return tuple(received)
