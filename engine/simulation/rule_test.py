"""Running one rule test: events in at their instants, in several orders of arrival; openings and closings out.

Specification: docs/specification/rules.md#arrival-order, docs/specification/tests.md#rule-tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, permutations
from random import Random

import msgspec

from engine.core.alerting.policy import Policy
from engine.core.judging.event import Event
from engine.core.judging.group_state import GroupState
from engine.core.judging.instant import Instant, Millis
from engine.core.judging.region import RegionTable
from engine.core.judging.rule import Rule
from engine.documents.test_files.rule_tests import Check, ReloadStep, Restart, RuleTest
from engine.metrics import Metrics
from engine.simulation.coverage import touched
from engine.simulation.expectations import RuleExpectations
from engine.simulation.recorder import (
    Around,
    Happening,
    RecordedState,
    group_states,
    groups_at,
    happenings,
    open_now,
)
from engine.simulation.result import Phrase, TestResult, phrase, written_offset
from engine.simulation.simulator import Simulator

ALL_UP_TO = 5
"""Up to so many events all orders are run ..."""
RANDOM_ORDERS = 200
"""... else so many random ones, the same at every run."""

ArrivalOrder = tuple[tuple[Event, Instant], ...]
"""Events with the instants at which they are received, in this order."""


def arrival_orders(events: Sequence[Event], horizon: Millis) -> Iterator[ArrivalOrder]:
    """Yield the orders in which these events may come in; the first is the order in which they occurred."""
    occurred = sorted(events, key=lambda event: event.key)
    if len(occurred) <= ALL_UP_TO:
        for permutation in permutations(occurred):
            order = _received(permutation)
            if all(received - event.occurred_at <= horizon for event, received in order):
                yield order
        return
    yield _received(occurred)
    seeded = Random(len(occurred))  # noqa: S311 -- no secret, only repeatable
    span = occurred[-1].occurred_at - occurred[0].occurred_at
    latest = max(0, min(horizon - len(occurred), 2 * span + len(occurred)))
    for _ in range(RANDOM_ORDERS - 1):
        late = [(event.occurred_at + seeded.randint(0, latest), seeded.random(), event) for event in occurred]
        yield _received([event for _, _, event in sorted(late, key=lambda item: item[:2])])


def _received(order: Sequence[Event]) -> ArrivalOrder:
    """Let events come in one after the other in this order, each as early as it can."""
    now: Instant = min((event.occurred_at for event in order), default=1) - 1
    received = []
    for event in order:
        now = max(now + 1, event.occurred_at)
        received.append((event, now))
    return tuple(received)


DIFFERENCES_SHOWN = 3
"""So many orders of arrival that open otherwise are shown."""

ObservedOpening = tuple[Instant, str, str]
"""When, which rule, which group."""


class _Silent(Mapping[str, Policy]):
    """Policies of whatever name, none of which tells anybody."""

    def __getitem__(self, name: str) -> Policy:
        return Policy(id=name, steps=(), on_exhausted=())

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


SILENT: Mapping[str, Policy] = _Silent()
NOWHERE = RegionTable(())


class _Run(msgspec.Struct, frozen=True):
    """What came of a run: happenings, how the groups stood at each `check`, and groups and circumstances at the end.

    `open` says of rule and group whether an alert is open, at each instant of a `check` and at the end.
    """

    happened: list[Happening]
    stood: list[list[RecordedState]]
    open: dict[Instant, dict[tuple[str, str], bool]]
    states: dict[tuple[str, str], GroupState]
    around: Around


async def run_rule_test(test: RuleTest, file: str, metrics: Metrics) -> TestResult:
    """Run one rule test."""
    if test.unusable:
        found = tuple(phrase("finding", what=finding) for finding in test.unusable)
        return TestResult(file=file, name=test.name, failures=found)
    rules = {rule.id: rule for rule in (*test.rules, *_reloaded(test))}
    named = {line.rule for line in test.expect} | {line.rule for line in test.check}
    if unknown := sorted(rule for rule in named if rule and rule not in rules):
        listed = ", ".join(sorted(rules))
        strange = tuple(phrase("unknown_rule", rule=rule, rules=listed) for rule in unknown)
        return TestResult(file=file, name=test.name, failures=strange)
    if len(rules) != 1 and any(line.rule is None for line in test.check):
        unnamed = phrase("unnamed_rule", rules=", ".join(sorted(rules)) or phrase("none"))
        return TestResult(file=file, name=test.name, failures=(unnamed,))
    events = [occurrence.event_from(test.start) for occurrence in test.events]
    received = [test.start + occurrence.arrives for occurrence in test.events]
    arrivals = tuple(sorted(zip(events, received, strict=True), key=lambda pair: pair[1]))
    run = await _run(test, rules, arrivals, test.start + test.run_until, metrics)
    comparison = RuleExpectations(rules, test.start, run.states, run.around)
    comparison.hold(test.expect, run.happened, nothing_else=test.nothing_else)
    for line, stood in zip(_checks(test), run.stood, strict=True):
        comparison.check(line, _rule_of(line, rules), stood)
    comparison.agrees(run.happened, run.open)
    failures = [*comparison.failures]
    if test.any_arrival_order:
        failures += await _other_orders(test, rules, events, metrics)
    return TestResult(
        file=file,
        name=test.name,
        start=test.start,
        zone=test.zone,
        failures=tuple(failures),
        rows=tuple(sorted(comparison.rows, key=lambda row: row.at)),
        touched=touched(test.rules, events, run.happened),
    )


def _reloaded(test: RuleTest) -> Iterator[Rule]:
    for change in test.changes:
        if isinstance(change, ReloadStep):
            yield from change.rules


def _checks(test: RuleTest) -> list[Check]:
    return sorted(test.check, key=lambda line: line.at)


def _rule_of(line: Check, rules: Mapping[str, Rule]) -> Rule:
    return rules[line.rule] if line.rule else next(iter(rules.values()))


async def _run(
    test: RuleTest, rules: Mapping[str, Rule], arrivals: ArrivalOrder, until: Instant, metrics: Metrics
) -> _Run:
    """Let events come in, the service restart and reload, and look where the test looks; up to `until`, included."""
    start = min([test.start, *(received for _, received in arrivals)])
    rig = Simulator(
        rules=test.rules,
        policies=SILENT,
        start=start,
        regions=NOWHERE,
        metrics=metrics,
        watched_since=test.start,
    )
    changes = [(test.start + change.at, change) for change in test.changes]
    checks = _checks(test)
    requests = {
        at: [event for event, _ in request] for at, request in groupby(arrivals, key=lambda pair: pair[1])
    }
    looks = {test.start + line.at for line in checks}
    instants = {at for at in (*requests, *(at for at, _ in changes), until) if at <= until} | looks
    stood: list[list[RecordedState]] = []
    opened: dict[Instant, dict[tuple[str, str], bool]] = {}
    for instant in sorted(instants):
        await rig.reach(instant)
        if instant in requests:
            await rig.receive(requests.pop(instant), instant)
        for _, change in (pair for pair in changes if pair[0] == instant):
            await _change(rig, change, requests)
        await rig.settle()
        if instant in looks or instant == until:
            opened[instant] = dict.fromkeys(await open_now(rig.desk), True)
        for line in (line for line in checks if test.start + line.at == instant):
            rule = _rule_of(line, rules)
            stood.append(await groups_at(rig.store, rig.desk, rule, line.group, instant, rig.around))
            opened[instant] |= {(rule.id, one.group): one.open for one in stood[-1]}
    occurred = {(event.desk, event.id): event.occurred_at for event, _ in arrivals}
    happened = await happenings(rig.desk, occurred)
    return _Run(happened, stood, opened, await group_states(rig.store), rig.around)


async def _change(rig: Simulator, change: Restart | ReloadStep, requests: dict[Instant, list[Event]]) -> None:
    if isinstance(change, ReloadStep):
        await rig.reload(change.rules, SILENT)
        return
    back = rig.clock.now() + change.down_for
    await rig.restart(
        change.down_for, [(request, requests.pop(request)) for request in sorted(requests) if request <= back]
    )


# --- every order of arrival -------------------------------------------------------------------------------------------


async def _other_orders(
    test: RuleTest, rules: Mapping[str, Rule], events: Sequence[Event], metrics: Metrics
) -> list[Phrase]:
    """Run the same events in other orders; the openings that were not undone must be the same in all."""
    horizon: Millis = min((rule.late_horizon for rule in rules.values()), default=0)
    bare = msgspec.structs.replace(test, check=())
    first: frozenset[ObservedOpening] | None = None
    failures: list[Phrase] = []
    latest = max((event.occurred_at for event in events), default=test.start) + len(events)
    until = max(test.start + test.run_until, latest)
    for order in arrival_orders(events, horizon):
        run = await _run(bare, rules, order, until, metrics)
        held = RuleExpectations(rules, test.start, run.states, run.around)
        held.agrees(run.happened, run.open)
        failures += held.failures[: DIFFERENCES_SHOWN - len(failures)]
        opened = frozenset(
            (one.at, one.rule, one.group)
            for one in run.happened
            if one.state in ("opens", "hidden") and not one.undone
        )
        if first is None:
            first = opened
        elif opened != first and len(failures) < DIFFERENCES_SHOWN:
            failures.append(
                phrase(
                    "order",
                    order=", ".join(event.id for event, _ in order),
                    got=_written(opened, test.start),
                    expected=_written(first, test.start),
                )
            )
    return failures


def _written(openings: frozenset[ObservedOpening], start: Instant) -> str | Phrase:
    said = [f"{rule} [{group}] {written_offset(at - start)}" for at, rule, group in sorted(openings)]
    return ", ".join(said) or phrase("none")
