"""Pure judging against the rule classes of ElastAlert 2: count, distinct, spike and silence over 514 groups.

Here: the same readings for both, in batches of 500, in CPU time, for both compute and wait for nothing. Not here: the
peer's own script (`peer_elastalert`). Ours take whole events and can take them in any order; the peer's are given in
order. Neither stores anything; the peer's Elasticsearch and its minute between queries are left out.
"""

from __future__ import annotations

import gc
import json
from collections.abc import AsyncIterator, Iterator
from time import thread_time

from engine.core.judging.condition import (
    Compare,
    Condition,
    Count,
    Distinct,
    ExpectedMember,
    ExpectedReporters,
    PreviousWindow,
    SilenceCondition,
)
from engine.core.judging.event import Event
from engine.core.judging.filter import Limit
from engine.core.judging.group_state import Circumstances
from engine.core.judging.instant import HOUR, Instant
from engine.core.judging.rule import Clear, Rule
from engine.core.judging.rule_dependency import kind_of
from engine.core.judging.window import can_be_undone
from engine.documents.rules.rules import WAIT_FOR_LATE
from tests.bench.figure import Figure
from tests.bench.peers import ELASTALERT, Terms

GROUPS = 514
BATCH = 500
BEGIN: Instant = 1_732_665_600_000
CONDITIONS: dict[str, Condition] = {
    "count": Count(at_least=1_000_000, within=HOUR),
    "distinct": Distinct(of=("incident",), limit=Limit("at_least", 1_000_000), within=HOUR),
    "spike": Compare(
        figure="count", reference=PreviousWindow(), relation="rises_to", number=100_000, within=HOUR
    ),
    "silence": SilenceCondition(length=HOUR, expected=ExpectedReporters()),
}
"""None of them opens anything here, as none of the peer's matches."""


async def measure(terms: Terms) -> AsyncIterator[Figure]:
    """Yield a figure for each condition, with the peer's beside it: turn by turn, for the machine is never the same."""
    scale, peers, step = terms
    events = scale.of(20_000, 5_000)
    ours: dict[str, list[float]] = {name: [] for name in CONDITIONS}
    theirs: dict[str, list[float]] = {name: [] for name in CONDITIONS}
    why = ""
    for _ in range(scale.runs):
        step("ElastAlert 2")
        peer = peers.run(ELASTALERT, "peer_elastalert.py", "1", str(events), str(GROUPS))
        why = peer.why
        for name, rates in (json.loads(peer.out) if not why else {}).items():
            theirs[name] += rates
        for name, condition in CONDITIONS.items():
            step(f"judging: {name}")
            ours[name].append(rate(condition, events))
    for name, runs in ours.items():
        yield Figure(
            what=f"pure judging, {name}, {GROUPS} groups, batches of {BATCH}",
            unit="events/s of CPU",
            runs=tuple(runs),
            peer="ElastAlert 2",
            peer_runs=tuple(theirs[name]),
            target_ratio=1.0,
            note=why,
        )


def rate(condition: Condition, events: int) -> float:
    """Return events/s of CPU time that judging them takes."""
    rule = Rule(
        id="ukur",
        title="Pengukuran (sintetis)",
        short_title="Pengukuran",
        owner="-",
        why="-",
        guide="-",
        condition=condition,
        per=("region",),
        wait_for_late=WAIT_FOR_LATE if can_be_undone(condition) else 0,
        clear=Clear("quiet", quiet_for=HOUR)
        if not isinstance(condition, SilenceCondition)
        else Clear("no_longer_true"),
    )
    batches = [list(_readings(first, min(first + BATCH, events))) for first in range(0, events, BATCH)]
    groups = {}
    gc.collect()
    gc.disable()
    began = thread_time()
    for batch in batches:
        shares: dict[str, list[Event]] = {}
        for event in batch:
            shares.setdefault(event.region, []).append(event)
        for region, arrivals in shares.items():
            group = groups.get(region)
            if group is None:
                around = Circumstances(
                    since=BEGIN,
                    member=ExpectedMember(region, 0) if isinstance(condition, SilenceCondition) else None,
                )
                group = groups[region] = kind_of(rule)(rule, around=around)
            group.apply(arrivals, received_at=batch[-1].received_at)
    took = thread_time() - began
    gc.enable()
    return events / took


def _readings(first: int, last: int) -> Iterator[Event]:
    received_at = BEGIN + 200 * last
    for place in range(first, last):
        yield Event(
            desk="synthetic",
            id=f"bench-{place}",
            kind="turnout.reading",
            region=f"r{place * 7919 % GROUPS}",
            severity=1,
            occurred_at=BEGIN + 200 * place,
            received_at=received_at,
            fields={"incident": f"i{place % 50}", "source.channel": "desk"},
        )
