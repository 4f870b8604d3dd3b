"""A native crash of the matcher takes a child with it and nothing else: the batch is judged by the native matcher."""

import os
import shutil
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from engine.app import open_siaga
from engine.core.alerting.internal_alerts import InternalAlertRequest
from engine.core.judging.instant import format_instant, parse_instant
from engine.escalation.internal_alerts import OWN
from engine.matching.checked import open_shards
from engine.people.tokens import Scope
from engine.settings import Settings

ROOT = Path(__file__).parents[3]
START, _ = parse_instant("2024-11-27T12:00:00+09:00")
ALL = Scope(desks=("*",), rights=frozenset({"submit"}), region="00", token_id="t")


def event(id_: str, kind: str) -> bytes:
    return (
        f'{{"id": "{id_}", "kind": "{kind}", "severity": 4, "region": "94.02", '
        '"occurred_at": "2024-11-27T12:00:00+09:00", "source": {"desk": "94.02", "channel": "polri"}, '
        '"metrics": {"injured": 94, "dead": 2}}'
    ).encode()


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server")
@pytest.mark.skipif(open_shards()[0] is None, reason="durable-rules is not built")
async def test_a_crash_of_the_matcher_is_survived_counted_and_told(grounds, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(Path(__file__).parent / "crashing"), str(ROOT))))
    server = grounds.server()
    socket = await server.start()
    settings = Settings.model_validate(
        {
            "clock": {"mode": "lock_step", "start": format_instant(START)},
            "redis": {"url": f"unix://{socket}"},
            "paths": {"var": str(grounds.root / "var")},
        },
        context={"home": ROOT},
    )
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(settings, stack)
        await siaga.intake.submit(event("e1", "conflict.clash"), "application/json", ALL)
        await siaga.intake.submit(event("e2", "conflict.death"), "application/json", ALL)
        await siaga.advance(START)
        alerts = await siaga.desk.alerts()
        joined = {one.id for alert in alerts for one in alert.evidence}
        assert {"e1", "e2"} <= joined
        assert "siaga.dead_letter" in {alert.rule.id for alert in alerts}
        metrics = (await siaga.exposition()).decode()
        assert 'siaga_dead_letters_total{of="batch"} 1.0' in metrics
        await siaga.intake.submit(event("e3", "conflict.death"), "application/json", ALL)
        await siaga.advance(START + 60_000)
        assert await siaga.store.cursor() == await siaga.store.last_position()
        assert InternalAlertRequest("dead_letter").member not in await siaga.store.planned(OWN)
