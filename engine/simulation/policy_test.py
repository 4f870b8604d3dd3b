"""Running one policy test: acts in at their instants, messages and states out.

Specification: docs/specification/tests.md#policy-tests.

Here: the run itself. Not here: the form of the file (`documents.test_files.policy_tests`), the service that runs
(`simulation.simulator`), doing single acts (`simulation.run_steps`) and holding what came against what was awaited
(`simulation.expectations`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from engine.app import collecting_gateways
from engine.core.alerting.gateway_route import Route
from engine.core.alerting.policy import Channel
from engine.core.judging.instant import Instant
from engine.core.judging.rule import Rule
from engine.delivery.gateways import gateway_of
from engine.delivery.send_budgets import budgets_of
from engine.documents.gateways import RouteProfile
from engine.documents.test_files.occurrence import Occurrence
from engine.documents.test_files.policy_tests import PolicyTest
from engine.documents.test_files.steps import Reloading, TestStep
from engine.errors import ConfigurationError
from engine.metrics import Metrics
from engine.simulation.coverage import reached_names, touched
from engine.simulation.expectations import PolicyExpectations
from engine.simulation.recorder import Recorder, happenings
from engine.simulation.result import Phrase, ResultRow, TestResult, phrase, written_offset
from engine.simulation.run_steps import StepRunner, by_id
from engine.simulation.simulator import Outgoing, Simulator, TestInstallation

ALWAYS = ("sms", "email")
"""Channels that have a gateway in every test."""


async def run_policy_test(
    test: PolicyTest, file: str, premises: TestInstallation, metrics: Metrics
) -> TestResult:
    """Run one policy test."""
    scene = test.scene
    if scene.unusable:
        found = tuple(phrase("finding", what=finding) for finding in scene.unusable)
        return TestResult(file=file, name=test.name, failures=found)
    try:
        settings = premises.overridden(scene.settings)
    except ConfigurationError as error:
        return TestResult(file=file, name=test.name, failures=(phrase("finding", what=str(error)),))
    renderer = premises.renderer(scene.regions, settings)
    channels = tuple(dict.fromkeys((*ALWAYS, *scene.gateways)))
    notifiers = collecting_gateways(channels)
    gateways = tuple(
        gateway_of(
            Route(gateway=channel, channel=cast("Channel", channel)),
            scene.gateways.get(channel, RouteProfile()),
        )
        for channel in channels
    )
    policies = by_id(scene.policies)
    rig = Simulator(
        rules=scene.rules,
        policies=policies,
        start=min([test.start, *(test.start + act.at for act in test.timeline)]),
        regions=scene.regions,
        metrics=metrics,
        outgoing=Outgoing(
            renderer, premises.responses(scene.regions), notifiers, gateways, budgets_of(settings.budgets)
        ),
        watched_since=test.start,
        calendar=premises.calendar,
    )
    await rig.replace_directory(scene.directory)
    witness = Recorder(rig)
    play = _Play(test, rig, witness, StepRunner(rig, witness, notifiers, policies))
    await play.run()
    rules = _rules_of(test)
    attendance = PolicyExpectations(witness, rules, test.start)
    unknown = sorted({line.rule for line in test.expect if line.rule and line.rule not in rules})
    listed = ", ".join(sorted(rules))
    attendance.failures += [phrase("unknown_rule", rule=rule, rules=listed) for rule in unknown]
    attendance.failures += play.failures
    attendance.hold(test.expect, test.nothing_else)
    events = [act.deed.event_from(test.start) for act in test.timeline if isinstance(act.deed, Occurrence)]
    happened = await happenings(rig.desk, {(event.desk, event.id): event.occurred_at for event in events})
    return TestResult(
        file=file,
        name=test.name,
        start=test.start,
        zone=test.zone,
        failures=tuple(attendance.failures),
        rows=tuple(sorted((*play.rows, *attendance.rows), key=lambda row: (row.at, row.act is None))),
        touched=touched(scene.rules, events, happened),
        reached=frozenset(reached_names(witness.histories.values(), witness.turns_of_messages())),
    )


def _rules_of(test: PolicyTest) -> dict[str, Rule]:
    """Return all rules that were in force at some time, by id."""
    rules = {rule.id: rule for rule in test.scene.rules}
    for act in test.timeline:
        if isinstance(act.deed, Reloading):
            rules |= {rule.id: rule for rule in act.deed.rules or ()}
    return rules


class _Play:
    """Goes through the timeline: at each instant the acts in their order, then what falls due."""

    def __init__(self, test: PolicyTest, rig: Simulator, witness: Recorder, deeds: StepRunner) -> None:
        self._test, self._rig, self._witness, self._deeds = test, rig, witness, deeds
        self.failures: list[Phrase] = []
        self.rows: list[ResultRow] = []

    async def run(self) -> None:
        """Play the test up to `run_until`, included."""
        test = self._test
        by_instant: dict[int, list[TestStep]] = {}
        for act in test.timeline:
            if act.at <= test.run_until:
                by_instant.setdefault(act.at, []).append(act)
        for at in sorted({*by_instant, test.run_until}):
            await self._reach(test.start + at)
            await self._do(at, by_instant.get(at, []))
            await self._rig.settle()
            await self._witness.look()

    async def _reach(self, instant: Instant) -> None:
        """Let everything before an instant happen, looking after each instant at which something does."""
        while (due := await self._rig.next_due()) is not None and due < instant:
            await self._rig.reach(due)
            await self._rig.settle()
            await self._witness.look()
        await self._rig.reach(instant)

    async def _do(self, at: int, acts: Sequence[TestStep]) -> None:
        events = [act for act in acts if isinstance(act.deed, Occurrence)]
        waiting = False
        for act in acts:
            if isinstance(act.deed, Occurrence):
                self.rows.append(ResultRow(at=at, act=phrase("act", what=_written(act))))
                if act is events[0]:  # all events of one instant are one request
                    found = [
                        e.deed.event_from(self._test.start) for e in events if isinstance(e.deed, Occurrence)
                    ]
                    await self._rig.receive(found, self._test.start + at)
                    waiting = True
                continue
            if waiting:
                await self._rig.judge()
                await self._witness.look()
                waiting = False
            self.rows.append(ResultRow(at=at, act=phrase("act", what=_written(act))))
            if (why := await self._deeds.do(act.deed)) is not None:
                self.failures.append(phrase("act_failed", at=written_offset(at), what=why))
            await self._witness.look()


def _written(act: TestStep) -> str:
    """Write an act as people read it, in one line."""
    if isinstance(act.deed, Occurrence):
        event = act.deed.event
        return f"{act.name} {event.kind} {event.region} ({event.severity}) {event.id}"
    told = [
        str(getattr(act.deed, key))
        for key in ("who", "person", "name", "says", "via", "state", "channel")
        if getattr(act.deed, key, None)
    ]
    return " ".join((act.name, *told))
