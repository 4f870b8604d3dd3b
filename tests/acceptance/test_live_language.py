"""Live equals backtest for the whole language: all 17 conditions at once over random reports through the real door."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from engine.app import Siaga, open_siaga
from engine.core.alerting.alert import Alert
from engine.core.judging.instant import DAY, HOUR, MINUTE, format_instant, parse_instant
from engine.people.tokens import Scope
from engine.settings import Settings, load
from engine.simulation.backtest import AlertCourse, Backtest
from engine.simulation.replay import Recording
from engine.store.memory import MemoryStore
from tests.acceptance.corrections.sentences import ROSTER, TABLES, Document, Vocabulary, rule_sets

pytestmark = pytest.mark.timeout(1_800)  # 100 examples with `--all`, beside other work

CONFIG = Path(__file__).parents[2] / "config" / "siaga.yaml"
START, _ = parse_instant("2024-11-27T06:00:00+08:00")
VOCABULARY = Vocabulary(kind="conflict.clash", end="followup.police", number="metrics.injured", start=START)
TEXTS = {"owner": "Uji", "why": "Uji sintetis.", "guide": "sop/kekerasan.md", "level": "siaga"}
TITLES = {"title": "Uji", "short_title": "Uji"}
POLICY = {"id": "p", "steps": [{"to": [{"role": "posko_nasional", "at": "nation"}], "wait": "30m"}]}
SCOPE = Scope(desks=("*",), rights=frozenset(("submit",)), region="00", token_id="live")
JUST_AFTER = 7
"""Milliseconds by which every receipt misses the whole minutes at which things fall due.

At one instant the clock may reach what is due before the request, or after: both are right, and may differ in what was
told and taken back.
"""
Told = tuple[Any, ...]
"""What is compared of an alert."""


def installation(folder: Path, found: list[Document], reports: list[tuple[int, Document]]) -> Settings:
    """Lay out the files of an installation with these rules, and the reports beside them."""
    tables = folder / "tables"
    (folder / "rules").mkdir()
    tables.mkdir()
    columns = ("tps", "acuan")
    rows = [
        ",".join([code, *(str(row[column]) for column in columns)]) for code, row in TABLES["regions"].items()
    ]
    files = {
        "rules/uji.yaml": {"version": 1, "defaults": TEXTS, "rules": [TITLES | one for one in found]},
        "policies.yaml": {"version": 1, "policies": [POLICY]},
        "desks.yaml": {"version": 1, "desks": [{"region": code} for code in ROSTER["regions"]]},
        "expected.yaml": {"version": 1, "expected": {"wajib": ROSTER["wajib"]}},
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    (tables / "regions.csv").write_text(
        "\n".join([",".join(("region", *columns)), *rows, ""]), encoding="utf-8"
    )
    (folder / "directory.csv").write_text("region,role,person,status,language,sms,email,deputy\n")
    (folder / "reports.jsonl").write_text("".join(json.dumps(report) + "\n" for _, report in reports))
    names = ("rules", "policies.yaml", "desks.yaml", "expected.yaml", "tables", "directory.csv")
    return load(
        CONFIG,
        overrides=[
            f"paths.var={folder / 'var'}",
            *(f"paths.{name.removesuffix('.yaml').removesuffix('.csv')}={folder / name}" for name in names),
            "clock.mode=lock_step",
            f"clock.start={format_instant(START)}",
            f"gateways.outbox.directory={folder / 'out'}",
        ],
    )


def reports(chance: Random) -> Iterator[tuple[int, Document]]:
    """Reports of three desks within the hour, some late, some that refute or correct an earlier one."""
    found = []
    for number in range(40):
        desk = chance.choice(["73.15", "73.15", "73.16", "73"])
        at = START + chance.randrange(45) * MINUTE
        received = at + chance.choice([0, 0, 0, MINUTE, 7 * MINUTE, HOUR]) + JUST_AFTER
        report: Document = {
            "id": f"sintetis-{number}",
            "kind": chance.choice([VOCABULARY.kind, VOCABULARY.kind, VOCABULARY.end]),
            "severity": chance.randrange(1, 5),
            "region": chance.choice(["73.15", "73.16"]) if desk == "73" else desk,
            "occurred_at": format_instant(at, "Asia/Makassar"),
            "received_at": format_instant(received, "Asia/Makassar"),
            "source": {"desk": desk, "channel": "desk"},
            "incident": chance.choice("ABC"),
            "metrics": {"injured": chance.randrange(5)},
        }
        if number and chance.random() < 0.15:
            report["corrects"] = f"sintetis-{chance.randrange(number)}"
            report["verification"] = chance.choice(["refuted", "verified"])
        found.append((received, report))
    return iter(sorted(found, key=lambda pair: pair[0]))


async def live(setup: Settings, feed: list[tuple[int, Document]]) -> list[Told]:
    """Let the reports come through the door of a running service; what its alerts say in the end."""
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(setup, stack, store=MemoryStore())
        for at, together in groupby(feed, key=lambda pair: pair[0]):
            await siaga.advance(at)
            lines = [json.dumps(report).encode() for _, report in together]
            result = await siaga.intake.submit(b"\n".join(lines), "application/x-ndjson", SCOPE)
            assert result.accepted == len(lines), result
            await siaga.advance(at)
        await siaga.advance(START + DAY)
        return sorted([await told(siaga, alert) for alert in await siaga.desk.alerts()])


async def told(siaga: Siaga, a: Alert) -> Told:
    """What an alert says, re-dated as its history says last: a closed alert is re-dated there only."""
    dated = [e.details["happened_at"] for e in await siaga.desk.history(a.id) if e.name == "redated"]
    happened_at = [a.happened_at, *dated][-1]
    return a.rule.id, a.group, a.ordinal, happened_at, a.detected_at, a.level, a.resolved_reason


def course(c: AlertCourse) -> Told:
    """The same of an alert of a backtest."""
    return c.rule, c.group, c.ordinal, c.happened_at, c.detected_at, c.level, c.reason or ""


@settings(
    max_examples=settings().max_examples // 20,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a smaller example is not worth the minutes
)
@given(found=rule_sets(VOCABULARY), seed=st.integers(0, 2**32))
def test_live_equals_backtest(found: list[Document], seed: int):
    """Every alert of every rule: when it happened and was detected, its level, and why it closed."""

    async def run(folder: Path) -> None:
        feed = list(reports(Random(seed)))
        setup = installation(folder, found, feed)
        lived = await live(setup, feed)
        test = Backtest(setup, Recording(folder / "reports.jsonl").part(), since=START, until=START + DAY)
        ledger = await test.run(test.rule_set())
        assert lived == sorted(course(one) for one in ledger.courses)
        assert lived

    with tempfile.TemporaryDirectory(prefix="siaga-test-") as folder:
        asyncio.run(run(Path(folder)))
