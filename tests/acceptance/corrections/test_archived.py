"""Corrections of events that the stream has forgotten: the archive still knows them."""

from __future__ import annotations

import pytest

from engine.core.judging.event import Event
from engine.core.judging.instant import DAY
from engine.operations.event_archiver import EventArchiver
from engine.store.archive.events import Archive
from engine.store.memory import MemoryStore
from engine.store.port import START as FIRST
from tests.acceptance.corrections.bench import START, Bench


def report(id_: str, *, names: str = "", at: int = 0) -> Event:
    """A report that opens an alert of its own, or the refutation of one."""
    fields = {"metrics.n": 0, "incident": id_}
    fields |= {"corrects": names, "verification": "refuted"} if names else {}
    return Event(
        desk="73.15",
        id=id_,
        kind="a.a",
        region="73.15",
        severity=2,
        occurred_at=START + at,
        fields=fields,
    )


@pytest.mark.parametrize(("archived", "closed"), [(True, "refuted"), (False, "")])
async def test_a_refutation_long_after_finds_its_event_in_the_archive(tmp_path, archived, closed):
    """The alert on an event that has left the stream is undone, as it is when the stream still has it."""
    archive = Archive(tmp_path, "uji")
    bench = Bench(MemoryStore(), archive=archive if archived else None)
    await bench.play([[report("old")]])
    assert [alert.resolved_reason for alert in await bench.alerts() if alert.rule.id == "each"] == [""]
    archivist = EventArchiver(bench.store, bench.clock, bench.metrics, archive, lambda: 4 * DAY)
    while await archivist.turn():
        pass
    archivist.release()
    assert await bench.store.read(FIRST, 10) == []
    await bench.play([[report("not so", names="old", at=30 * DAY)]])
    assert [alert.resolved_reason for alert in await bench.alerts() if alert.rule.id == "each"] == [closed]
