"""What the shipped rules make of the facts of 2024: a new opening here is one that somebody has looked at."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from engine.settings import load
from engine.simulation.backtest import Backtest
from engine.simulation.replay import Recording

HOME = Path(__file__).parents[2]

OPENINGS = {
    "bencana-tps": {"12", "53.06"},
    "kekerasan-banyak-luka": {"94.02"},
    "kekerasan-korban-jiwa": {"35.27", "52.72", "94.02", "95.08"},
    "kekerasan-pecah-kembali": {"94.02|konflik-puncak-jaya", "95.08|nduga-noken"},
    "kekerasan-serangan": {"11.71", "15.72", "94.02"},
    "kericuhan-berulang": {"52.72", "94.02"},
    "netralitas-rekap": {"73.10", "73.15", "73.24", "73.73"},
    "netralitas-pejabat": {"12.03", "12.10", "33.18", "51.07"},
    "netralitas-pidana": {"33.74"},
    "netralitas-provinsi": {"73"},
    "partisipasi-akhir-turun": {"34.01"},
    "pemungutan-tertunda": {"12.07", "12.71", "12.75", "95.03"},
    "politik-uang-berulang": {"17.02", "52.06"},
    "rekapitulasi-terganggu": {"73.04", "74.03", "81.05", "82.71", "94.07", "95.05"},
}
"""Where each rule opens on the facts, if nobody answers."""


async def test_the_rules_open_where_they_should() -> None:
    """Each rule opens for these groups and no other; the facts are all events."""
    run = Backtest(
        load(HOME / "config/siaga.yaml"), Recording(HOME / "config/demo/pilkada-2024.jsonl").part()
    )
    ledger = await run.run(run.rule_set())
    opened: defaultdict[str, set[str]] = defaultdict(set)
    for course in ledger.courses:
        opened[course.rule].add(course.group)
    assert (ledger.received.accepted, ledger.received.whole) == (115, True)
    assert opened == OPENINGS
