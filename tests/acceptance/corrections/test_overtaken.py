"""People who are quicker than a commit: what they did counts, and only what depends on it is judged again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import pytest

from engine.core.alerting.alert import Alert
from engine.core.judging.event import Event
from engine.core.judging.group_evaluation import Group
from engine.core.judging.instant import MINUTE, Instant
from engine.core.judging.judgement import Judgement
from engine.records.alert_repository import ALERTS
from engine.store.codec import decode, encode
from engine.store.memory import MemoryStore
from engine.store.port import Put, Write, WriteOutcome
from tests.acceptance.corrections.bench import START, Bench


class Slow(MemoryStore):
    """A store that lets somebody else write before the next commit of the evaluator."""

    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def write(self, write: Write) -> WriteOutcome:
        if write.name == "evaluate" and (hook := self.meanwhile) is not None:
            self.meanwhile = None
            await hook()
        return await super().write(write)


def event(number: int, region: str) -> Event:
    at = START + number * MINUTE
    return Event(
        desk="73",
        id=f"e{number}{region}",
        kind="a.a",
        region=region,
        severity=2,
        occurred_at=at,
        received_at=at,
        fields={"metrics.n": 3},
    )


@pytest.fixture
def applied(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each rule's groups were given something."""
    found, apply = Counter[str](), Group.apply

    def counting(
        self: Group, arrivals: Sequence[Event], *, received_at: Instant, **rest: object
    ) -> tuple[Judgement, ...]:
        found[self.rule.id] += 1
        return apply(self, arrivals, received_at=received_at, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Group, "apply", counting)
    return found


async def changed(bench: Bench, **over: object) -> Alert:
    """Let somebody change the alert of the regency 73.15 that the rule `much` opened."""
    records = (await bench.store.scan(ALERTS)).items()
    id_, record = next(
        (id_, record)
        for id_, record in records
        if (alert := decode(record.value, Alert)).rule.id == "much" and alert.group == "73.15"
    )
    alert = msgspec.structs.replace(decode(record.value, Alert), **over)
    await bench.store.write(Write(name="act", puts=(Put(ALERTS, id_, encode(alert), record.version),)))
    return alert


async def opened(store: MemoryStore) -> Bench:
    """A bench on which `much` has an alert open in two regencies."""
    bench = Bench(store)
    await bench.receive([event(0, "73.15"), event(0, "73.16")], START)
    await bench.wait(START + 10 * MINUTE)
    return bench


async def receive(bench: Bench) -> None:
    at = START + 11 * MINUTE
    await bench.receive([event(11, "73.15"), event(11, "73.16")], at)
    await bench.judge()


async def test_what_changes_no_judgement_is_only_decided_again(applied: Counter[str]) -> None:
    """An answer of the same instant is kept, and no group is given its events twice."""
    store = Slow()
    bench = await opened(store)
    applied.clear()

    async def answer() -> None:
        await changed(bench, acknowledged_at=START + 11 * MINUTE)

    store.meanwhile = answer
    await receive(bench)
    assert applied["much"] == applied["pair"] == 2
    mine = next(one for one in await bench.alerts() if one.rule.id == "much" and one.group == "73.15")
    assert (mine.acknowledged_at, mine.evidence_count) == (START + 11 * MINUTE, 2)


async def test_a_group_whose_alert_was_closed_is_judged_again(applied: Counter[str]) -> None:
    """It alone; what comes of it is what would have come had the closing been there before."""
    closing = {"status": "resolved", "resolved_reason": "by_hand", "resolved_at": START + 11 * MINUTE}
    before = await opened(MemoryStore())
    await changed(before, **closing)
    await receive(before)
    store = Slow()
    bench = await opened(store)
    applied.clear()

    async def close() -> None:
        await changed(bench, **closing)

    store.meanwhile = close
    await receive(bench)
    assert applied["much"] == 3
    assert applied["pair"] == 2
    assert await bench.alerts() == await before.alerts()
    assert await bench.openings() == await before.openings()
    await bench.wait()
    await before.wait()
    assert await bench.alerts() == await before.alerts()
