"""Silence, deadlines and hours: the service and a backtest of the same synthetic reports open the same alerts."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any

from engine.app import Siaga, open_siaga
from engine.core.alerting.alert import Alert
from engine.core.judging.instant import DAY, HOUR, MINUTE, format_instant, parse_instant
from engine.people.tokens import Scope
from engine.settings import load
from engine.simulation.backtest import Backtest
from engine.simulation.replay import Recording
from engine.store.memory import MemoryStore

CONFIG = Path(__file__).parents[2] / "config" / "siaga.yaml"
START, _ = parse_instant("2024-11-26T00:00:00+08:00")
RULES = """
version: 1
defaults: {owner: Uji, why: Uji sintetis., guide: sop/daerah-diam.md, per: regency, escalate: logistik}
rules:
  - id: diam
    title: Diam
    short_title: Diam
    level: {waspada: always, siaga: {at_least: 6h}}
    watch: {kind: desk.heartbeat}
    alert_when: {silence: {for: 3h, expected_from: regions}}
  - id: diam-siang
    title: Diam siang
    short_title: Diam siang
    level: waspada
    watch: {kind: desk.heartbeat}
    alert_when: {silence: {for: 3h, below: 2, expected_from: {seen: 1d}}}
    active: {hours: "06:00-22:00 local"}
  - id: tenggat
    title: Tenggat
    short_title: Tenggat
    level: siaga
    watch: {kind: desk.heartbeat}
    alert_when: {deadline: {by: "2024-11-26 09:00 local", expected_from: {region: ["73.15", "73.17", "81"]}}}
"""
DESKS = 'version: 1\ndesks: [{region: "73.15"}, {region: "73.16"}, {region: "81", from: "2024-11-26 12:00 local"}]\n'


def reports(file: Path) -> None:
    """Synthetic reports of three regencies over two days, some of them late."""
    chance, lines = Random(4), []
    for number in range(60):
        region = chance.choice(["73.15", "73.16", "81.71"])
        at = START + chance.randrange(2 * DAY // MINUTE) * MINUTE
        received = at + chance.choice([0, 0, 0, 20 * MINUTE, 5 * HOUR])
        lines.append(
            (
                received,
                {
                    "id": f"sintetis-{number}",
                    "kind": "desk.heartbeat",
                    "severity": 1,
                    "region": region,
                    "occurred_at": format_instant(at, "Asia/Makassar"),
                    "received_at": format_instant(received, "Asia/Makassar"),
                    "source": {"desk": region, "channel": "desk"},
                },
            )
        )
    file.write_text("".join(json.dumps(line) + "\n" for _, line in sorted(lines, key=lambda pair: pair[0])))


async def told(siaga: Siaga, a: Alert) -> tuple[Any, ...]:
    """What an alert says, re-dated as its history says last: a closed alert is re-dated there only."""
    dated = [e.details["happened_at"] for e in await siaga.desk.history(a.id) if e.name == "redated"]
    happened_at = [a.happened_at, *dated][-1]
    return a.rule.id, a.group, a.ordinal, happened_at, a.detected_at, a.level, a.resolved_reason


async def test_live_equals_backtest_of_what_does_not_come(tmp_path: Path):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/diam.yaml").write_text(RULES)
    (tmp_path / "desks.yaml").write_text(DESKS)
    reports(tmp_path / "reports.jsonl")
    settings = load(
        CONFIG,
        overrides=[
            f"paths.var={tmp_path / 'var'}",
            f"paths.rules={tmp_path / 'rules'}",
            f"paths.desks={tmp_path / 'desks.yaml'}",
            "clock.mode=lock_step",
            f"clock.start={format_instant(START)}",
            f"gateways.outbox.directory={tmp_path / 'out'}",
        ],
    )
    until = START + 3 * DAY
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(settings, stack, store=MemoryStore())
        scope = Scope(desks=("*",), rights=frozenset(("submit",)), region="00", token_id="live")
        recording = Recording(tmp_path / "reports.jsonl").part()
        for line in (tmp_path / "reports.jsonl").read_bytes().splitlines():
            at, _ = parse_instant(json.loads(line)["received_at"])
            await siaga.advance(at)
            await siaga.intake.submit(line, "application/json", scope)
            await siaga.advance(at)
        await siaga.advance(until)
        live = sorted([await told(siaga, alert) for alert in await siaga.desk.alerts()])
    run = Backtest(settings, recording, since=START, until=until)
    ledger = await run.run(run.rule_set())
    assert live == sorted(
        (c.rule, c.group, c.ordinal, c.happened_at, c.detected_at, c.level, c.reason or "")
        for c in ledger.courses
    )
    assert {rule for rule, *_ in live} == {"diam", "diam-siang", "tenggat"}
    assert len(live) > 20  # several of each, opened and closed
