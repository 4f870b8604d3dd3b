"""What a backtest over many events holds in memory: of the events themselves no more than of the last day."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.core.alerting.alert import Notification
from engine.core.judging.instant import DAY, MINUTE
from engine.documents.kinds import load_kinds
from engine.documents.regions import load_regions
from engine.records.alert_repository import LINKS, NOTIFICATIONS
from engine.settings import load
from engine.simulation.backtest import IN_MEMORY, TIDIED, Backtest, _Run
from engine.simulation.feed import RATE, TOGETHER, Synthetic
from engine.store.codec import decode

HOME = Path(__file__).parents[2]


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_events_and_messages_leave_memory_behind_the_clock(tmp_path):
    """Over five days of events: entries, records of families, links, and messages of alerts long resolved."""
    settings = load(HOME / "config/siaga.yaml")
    kinds = tuple(load_kinds(settings.paths.kinds))
    feed = Synthetic(5 * DAY // RATE, load_regions(settings.paths.regions), kinds)
    test = Backtest(settings, feed, answers=5 * MINUTE)
    most = {"entries": 0}

    def look(_progress) -> None:
        most["entries"] = max(most["entries"], len(run._rig.store._entries))

    run = _Run(test, test.rule_set(), look, tmp_path)
    ledger = await run.run()
    assert ledger.received.accepted == feed.total
    requests = (IN_MEMORY + TIDIED * RATE) // TOGETHER
    assert 0 < most["entries"] <= requests + 2
    assert await run._rig.store.scan(LINKS) == {}
    records = (await run._rig.store.scan(NOTIFICATIONS)).values()
    let_go = set(run._bygone._courses)
    assert let_go & {one.alert for one in ledger.told}
    assert not let_go & {decode(record.value, Notification).alert for record in records}
