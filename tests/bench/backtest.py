"""The backtest: synthetic events through the whole chain on the memory store, as `siaga backtest` runs them.

Here: the command with the shipped rules, its start included. Not here: the command (`cli.policy_staff.backtest`).
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from time import perf_counter

from tests.bench.figure import Figure
from tests.bench.installation import ROOT
from tests.bench.peers import Terms, ran


async def measure(terms: Terms) -> AsyncIterator[Figure]:
    """Yield events/s of a backtest."""
    scale, _, step = terms
    events, rates = scale.of(50_000, 10_000), []
    for run in range(1 if scale.quick else 2):
        step(f"backtest, run {run + 1}")
        with tempfile.TemporaryDirectory(prefix="siaga-bench-") as folder:
            began = perf_counter()
            rates.append(_seconds(events, Path(folder), began))
    yield Figure(
        what="backtest of synthetic events, shipped rules, memory store", unit="events/s", runs=tuple(rates)
    )


def _seconds(events: int, var: Path, began: float) -> float:
    import sys

    command = [sys.executable, "-m", "engine.cli", "backtest", "--synthetic", str(events)]
    command += ["--config", str(ROOT / "config/siaga.yaml"), "--set", f"paths.var={var}"]
    done = ran("siaga backtest", command, PYTHONPATH=str(ROOT))
    if done.why:
        raise RuntimeError(done.why)
    return events / (perf_counter() - began)
