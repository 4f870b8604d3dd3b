"""Rules on rules through the service: the same openings in every order of arrival, at once or not, in every store.

The reference is the memory store with events that come in as they occur; the other run gets them late, in any order,
several in one request, with the evaluator turning only now and then and starting anew in between.
"""

import asyncio
from hashlib import blake2b

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.clock import ManualClock
from engine.core.alerting.command import Answer
from engine.core.judging.event import Event
from engine.core.judging.instant import DAY, HOUR, MINUTE
from engine.core.judging.region import RegionTable
from engine.documents.finding import Findings
from engine.documents.rules.rules import inline_rules
from engine.documents.yaml_tree import compose
from engine.escalation.alert_commands import AlertCommands
from engine.escalation.timers import AlertTimers
from engine.evaluation.evaluator import Evaluator
from engine.evaluation.poll import WINDOWS
from engine.intake.event_schema import identity_of
from engine.matching.checked import native_alone
from engine.metrics import Metrics
from engine.records.alert_repository import ALERTS, CLOSINGS, COVERS, REVEALS
from engine.records.rule_sets import RuleSet
from engine.records.runtime_config import RuntimeConfig
from engine.runtime.lock_step import LockStep
from engine.simulation.rule_test import SILENT
from engine.store.memory import MemoryStore
from engine.store.port import Arrival
from tests.credentials import OPERATOR

START = 1_732_492_800_000
LATEST = START + 12 * HOUR
RULES = {
    rule.id: rule
    for rule in inline_rules(
        compose(
            b"""
inline_rules:
  - {id: bentrok, watch: {kind: a}, per: [regency, incident], alert_when: every_event, clear_when: {quiet_for: 20m}}
  - {id: banjir, watch: {kind: b}, per: regency, alert_when: {value: {field: x, at_least: 2}}, wait_for_late: 5m}
  - {id: ramai, watch: {kind: a}, per: regency, alert_when: {count: {at_least: 2, within: 10m}},
     clear_when: no_longer_true}
  - {id: simpul, per: province, alert_when: {rules: {open: [bentrok, banjir], at_least: 2}}, keep_open_for: 3m}
  - {id: luas, per: nation, alert_when: {rules: {open: [bentrok, ramai], at_least: 2, over: regency, within: 15m}},
     hold_for: 2m}
  - {id: puncak, per: nation, alert_when: {rules: {open: [simpul, luas], at_least: 2}}, clear_when: {below: 1}}
  - id: berkecuali
    watch: {kind: a}
    per: regency
    alert_when: {count: {at_least: 2, within: 30m}}
    clear_when: no_longer_true
    except:
      - {for: {region: "74"}, set: {alert_when.count.at_least: 3, alert_when.count.within: 1h}, reason: Uji}
      - {for: {x: {at_least: 3}}, set: {level: awas}, reason: Uji}
  - {id: tersembunyi, watch: {kind: b}, alert_when: every_event, hide_while: [simpul, banjir]}
""",
            "rules",
            Findings(),
        )
    ).expect()
}


class Service:
    """The loops that judge and escalate, on any store."""

    def __init__(self, store, at=START):
        self.store, self.clock, self._metrics = store, ManualClock(at), Metrics()
        rule_set = RuleSet(RULES, SILENT)
        self.books = RuntimeConfig(store, namespace="n", regions=RegionTable(()), kinds={}, rule_set=rule_set)
        self.desk = AlertCommands(store, self.clock, self.books, self._metrics)
        self.begin()

    def begin(self):
        """Make the loops anew: whatever they remembered is gone."""
        self.evaluator = Evaluator(
            self.store, self.clock, self.books, self._metrics, native_alone, holder="one", watched_since=START
        )
        escalator = AlertTimers(self.store, self.clock, self.desk, self._metrics)
        turns = (escalator.lift, self.evaluator.turn, escalator.turn)
        self._lock_step = LockStep(self.store, self.clock, turns, self._next_due)

    async def _next_due(self):
        schedules = (REVEALS, COVERS, CLOSINGS, WINDOWS, ALERTS)
        due = [at for schedule in schedules if (at := await self.store.next_due(schedule)) is not None]
        return min(due, default=None)

    async def receive(self, events, at):
        arrivals = []
        for event in events:
            value = msgspec.json.encode(event)
            digest = blake2b(value, digest_size=8).digest()
            arrivals.append(Arrival(identity=identity_of(event.desk, event.id), content=digest, value=value))
        await self.store.append(arrivals, at, at // DAY)

    async def advance(self, until):
        await self._lock_step.advance(until)

    async def openings(self):
        """Return rule, group and instant of the alerts that were not undone."""
        undone = ("late_report", "refuted", "corrected")
        found = set()
        for alert in await self.desk.alerts():
            history = await self.desk.history(alert.id)
            if not any(
                e.name == "corrected" or (e.name == "resolved" and e.reason in undone) for e in history
            ):
                at = [int(e.details["happened_at"]) for e in history if e.name == "redated"]
                found.add((alert.rule.id, alert.group, (at or [alert.happened_at])[-1] - START))
        return found

    async def unresolved(self):
        return {(alert.rule.id, alert.group) for alert in await self.desk.alerts() if alert.unresolved}


@st.composite
def happenings(draw):
    """Some events of an hour, of which some are refuted later."""
    found = []
    for number in range(draw(st.integers(1, 9))):
        at = START + draw(st.integers(0, 60)) * MINUTE
        fields = {"incident": draw(st.sampled_from("AB")), "x": draw(st.integers(1, 3))}
        region = draw(st.sampled_from(["73.15", "73.16", "74.01"]))
        kind = draw(st.sampled_from("ab"))
        event = Event(
            desk="d", id=f"e{number}", kind=kind, region=region, severity=2, occurred_at=at, fields=fields
        )
        found.append(event)
        if draw(st.integers(0, 5)) == 0:
            fields = {**fields, "corrects": event.id, "verification": "refuted"}
            found.append(
                msgspec.structs.replace(event, id=f"r{number}", occurred_at=at + MINUTE, fields=fields)
            )
    return found


async def as_they_occur(events):
    service = Service(MemoryStore())
    for at in sorted({event.occurred_at for event in events}):
        await service.advance(at - 1)
        service.clock.set(at)
        await service.receive([event for event in events if event.occurred_at == at], at)
        await service.advance(at)
    await service.advance(LATEST)
    return await service.openings(), await service.unresolved()


async def in_disorder(namespace, requests):
    async with namespace.store() as store:
        service = Service(store)
        for delay, events, pause in requests:
            at = max([service.clock.now(), *(event.occurred_at for event in events)]) + delay * MINUTE
            service.clock.set(at)
            await service.receive(events, at)
            if pause == "turn":
                await service.advance(at)
            elif pause == "restart":
                await service.evaluator.stand_down()
                service.begin()
        await service.advance(LATEST)
        return await service.openings(), await service.unresolved()


@settings(max_examples=max(100, settings().max_examples // 4))  # each runs the loops over two stores
@given(happenings(), st.data())
def test_the_openings_are_the_same_in_every_order_and_every_store(namespaces, events, data):
    order = data.draw(st.permutations(events))
    requests = []
    while order:
        size = data.draw(st.integers(1, len(order)))
        delay, pause = data.draw(st.integers(0, 20)), data.draw(st.sampled_from(["turn", "none", "restart"]))
        requests.append((delay, order[:size], pause))
        order = order[size:]
    expected = asyncio.run(as_they_occur(events))
    assert asyncio.run(in_disorder(namespaces(), requests)) == expected


def test_an_alert_that_opens_and_ends_with_one_request_counts_once(namespaces):
    """It opened 20 minutes before the request came in, which is when it ends, and when the other one opens."""
    events = [report(24, "a", "73.15", x=1), report(44, "a", "73.16", x=1)]
    expected = asyncio.run(as_they_occur(events))
    assert expected == ({("bentrok", "73.15|A", 24 * MINUTE), ("bentrok", "73.16|A", 44 * MINUTE)}, set())
    assert asyncio.run(in_disorder(namespaces(), [(0, events, "turn")])) == expected


def report(minute, kind, region, incident="A", x=3):
    at = START + minute * MINUTE
    fields = {"incident": incident, "x": x}
    id_ = f"{kind}{minute}{region}{incident}"
    return Event(desk="d", id=id_, kind=kind, region=region, severity=2, occurred_at=at, fields=fields)


CLOSE = Answer(person="op", says="resolved", via="console", is_operator=True)


@pytest.mark.parametrize("restart", [False, True])
async def test_a_closing_by_hand_ends_what_counted_it_though_nothing_arrives(store, restart):
    """Judging learns of it from the store, also where it was not running when it happened."""
    service = Service(store)
    await service.receive([report(0, "b", "73.15"), report(0, "b", "73.16")], START)
    await service.advance(START + 15 * MINUTE)
    (simpul,) = [a for a in await service.desk.alerts() if a.rule.id == "simpul"]
    assert simpul.unresolved
    (banjir,) = [a for a in await service.desk.alerts() if (a.rule.id, a.group) == ("banjir", "73.15")]
    await service.desk.answer(banjir.id, CLOSE, by=OPERATOR)
    if restart:
        await service.evaluator.stand_down()
        service.begin()
    await service.advance(START + HOUR)
    (simpul,) = [a for a in await service.desk.alerts() if a.rule.id == "simpul"]
    ended = next(e for e in await service.desk.history(simpul.id) if e.name == "resolved")
    assert (ended.reason, ended.details["ended_at"]) == ("no_longer_true", START + 18 * MINUTE)
    assert await store.planned(CLOSINGS) == {}


async def test_what_was_hidden_is_shown_when_the_other_is_closed_though_nobody_saw_it_close(store):
    """The closing is in the store; whoever comes next lets the hidden ones look."""
    service = Service(store)
    await service.receive([report(0, "b", "73.15")], START)
    await service.advance(START + MINUTE)
    alerts = {alert.rule.id: alert for alert in await service.desk.alerts()}
    hidden = alerts["tersembunyi"]
    assert hidden.hidden == "banjir"
    await service.desk.answer(alerts["banjir"].id, CLOSE, by=OPERATOR)
    assert len(await store.planned(REVEALS)) == 1
    service.begin()
    await service.advance(START + 2 * MINUTE)
    shown = await service.desk.case(hidden.id)
    assert (shown.alert.hidden, await store.planned(REVEALS)) == ("", {})
    assert "shown" in {entry.name for entry in await service.desk.history(hidden.id)}


class Crossed:
    """A store in which something else is written right before the evaluator's commit of a hidden alert."""

    def __init__(self, store):
        self._store, self.deed = store, None

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def write(self, write):
        hides = any(plan.schedule.startswith("hidden:") for plan in write.plans)
        if write.name == "evaluate" and hides and self.deed is not None:
            deed, self.deed = self.deed, None
            await deed
        return await self._store.write(write)


async def test_a_closing_that_crosses_an_opening_leaves_nobody_hidden(store):
    """The look at what closed comes before the hidden one is in the store; its own look comes after both."""
    crossed = Crossed(store)
    service = Service(crossed)
    await service.receive([report(0, "a", "73.15"), report(0, "a", "73.15", incident="B")], START)
    await service.advance(START + 12 * MINUTE)
    (simpul,) = [alert for alert in await service.desk.alerts() if alert.rule.id == "simpul"]

    async def close():
        await service.desk.answer(simpul.id, CLOSE, by=OPERATOR)
        await AlertTimers(store, service.clock, service.desk, Metrics()).lift()
        assert await store.planned(REVEALS) == {}

    crossed.deed = close()
    at = START + 13 * MINUTE
    service.clock.set(at)
    await service.receive([report(13, "b", "73.16", x=1)], at)
    assert await service.evaluator.turn() > 0
    (hidden,) = [alert for alert in await service.desk.alerts() if alert.rule.id == "tersembunyi"]
    assert (hidden.hidden, crossed.deed) == ("simpul", None)
    await service.advance(at)
    shown = await service.desk.case(hidden.id)
    assert (shown.alert.hidden, await store.planned("hidden:real|simpul")) == ("", {})
