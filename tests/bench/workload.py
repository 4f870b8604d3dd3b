"""The work that benchmarks do: synthetic events, and rules of which a given share of them matches.

Here: events as desks send them, and rule sets of any size. Not here: measuring. Everything is synthetic; nothing of it
says anything about any region. The rules are those of the measurement of durable-rules: `kind == K and severity >= n`
over 40 kinds, half of them with a further test, spread over the windows that the starter rules use most.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from engine.core.judging.condition import Condition, Count, Distinct, Value
from engine.core.judging.event import Event
from engine.core.judging.filter import AllOf, Limit, Test
from engine.core.judging.instant import DAY, HOUR, SECOND, Instant, format_instant
from engine.core.judging.rule import Clear, Rule

KINDS = 40
LINES = 500
"""Events in one request."""
REGENCIES = tuple(f"73.{number:02}" for number in range(1, 16))
CONDITIONS: tuple[Condition, ...] = (
    Count(at_least=1_000_000, within=DAY),
    Count(at_least=1_000_000, within=HOUR),
    Distinct(of=("incident",), limit=Limit("at_least", 1_000_000), within=6 * HOUR),
    Value(field="metrics.turnout_pct", limit=Limit("above", 1_000)),
)
"""They judge every match and open nothing: what is measured is judging, not alerts."""


def rules(number: int, *, groups: int = 545) -> list[Rule]:
    """Return so many rules; `groups` is how many groups each may have: one a desk, or one an incident."""
    per = ("source.desk",) if groups <= 1_000 else ("incident",)
    return [
        Rule(
            id=f"ukur-{place:04}",
            title="Pengukuran (sintetis)",
            short_title="Pengukuran",
            owner="-",
            why="-",
            guide="-",
            watch=AllOf(_tests(place)),
            per=per,
            condition=CONDITIONS[place // KINDS % len(CONDITIONS)],
            clear=Clear("quiet", quiet_for=DAY),
            version=f"{place:012x}",
        )
        for place in range(number)
    ]


def _tests(place: int) -> tuple[Test, ...]:
    """Return what a rule tests: the first of each kind holds for whatever is to match, the others for a part of it."""
    row = place // KINDS
    tests = [Test("kind", "equals", f"bench.k{place % KINDS}"), Test("severity", "at_least", 2 + row % 3)]
    if row % 2:
        tests.append(Test("region", "lies_in", REGENCIES[row % 3 :: 3]))
    return tuple(tests)


def events(
    number: int, matching: float, *, at: Instant, rules: int, groups: int = 545, first: int = 0
) -> Iterator[dict[str, object]]:
    """Yield documents as desks send them, `matching` (0 to 1) of which satisfy a rule; one every 10 ms until `at`."""
    every = round(1 / matching) if matching else 0
    kinds = min(rules, KINDS) or 1
    for place in range(first, first + number):
        hit = bool(every) and place % every == 0
        turn = place // every if every else place
        yield {
            "id": f"bench-{place}",
            "kind": f"bench.k{turn // 3 % kinds}" if rules and (hit or place % 2) else "turnout.reading",
            "severity": 2 + turn % 3 if hit else 1,
            "region": REGENCIES[place % len(REGENCIES)],
            "occurred_at": format_instant(
                at - 60 * SECOND + (place - first) * 10 % (50 * SECOND), "Asia/Jakarta"
            ),
            "source": {"desk": f"synthetic-{place * 7919 % 545}", "channel": "desk"},
            "incident": f"peristiwa-{place * 7919 % groups}",
            "summary": "Kejadian sintetis untuk pengukuran",
            "metrics": {"turnout_pct": place % 100},
        }


def bodies(documents: Iterator[dict[str, object]]) -> list[bytes]:
    """Return the documents as bodies of requests, NDJSON of `LINES` each."""
    lines = [msgspec.json.encode(document) for document in documents]
    return [b"\n".join(lines[start : start + LINES]) for start in range(0, len(lines), LINES)]


__all__: Sequence[str] = ("CONDITIONS", "LINES", "Event", "bodies", "events", "rules")
