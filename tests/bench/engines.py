"""Other engines on the same work: ansible-rulebook with drools-jpy on 100 rules, bytewax on counts in windows.

Here: Siaga's figure and the peer's in the same run. ansible-rulebook is timed from its first event to its last, its
start left out; it stores nothing, Siaga commits with fsync always. bytewax and judging compute in memory, in CPU time.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from tests.bench import evaluation, judging
from tests.bench.figure import Figure, Scale
from tests.bench.peers import BYTEWAX, RULEBOOK, Peers, Terms

RULES = 100


async def measure(terms: Terms) -> AsyncIterator[Figure]:
    """Yield a figure against each."""
    scale, peers, step = terms
    with tempfile.TemporaryDirectory(prefix="siaga-bench-") as folder:
        async for figure in _against(scale, peers, step, Path(folder)):
            yield figure


async def _against(
    scale: Scale, peers: Peers, step: Callable[[str], None], folder: Path
) -> AsyncIterator[Figure]:
    step("ansible-rulebook")
    events = scale.of(5_000, 1_000)
    peer = peers.run(
        RULEBOOK, "peer_rulebook.py", str(scale.runs), str(events), str(RULES), str(folder / "rulebook")
    )
    step(f"evaluation, {RULES} rules")
    work = evaluation.Work(RULES, 0.01, scale.of(60_000, 12_000))
    found = [await evaluation.run(work, work.events) for _ in range(scale.runs)]
    yield Figure(
        what=f"{RULES} rules, next to no event matches, evaluation to commit",
        unit="events/s",
        runs=tuple(rate for rate, _ in found),
        cpu=min(used for _, used in found),
        peer="ansible-rulebook with drools-jpy",
        peer_runs=tuple(json.loads(peer.out)) if not peer.why else (),
        target_ratio=10.0,
        note=peer.why,
    )
    step("bytewax")
    events = scale.of(100_000, 20_000)
    peer = peers.run(BYTEWAX, "peer_bytewax.py", str(scale.runs), str(events), str(judging.GROUPS))
    step("judging: count")
    yield Figure(
        what=f"pure judging, count, {judging.GROUPS} groups (any order, bytewax: tumbling windows, in order)",
        unit="events/s of CPU",
        runs=tuple(judging.rate(judging.CONDITIONS["count"], events) for _ in range(scale.runs)),
        peer="bytewax",
        peer_runs=tuple(json.loads(peer.out)) if not peer.why else (),
        note=peer.why,
    )
