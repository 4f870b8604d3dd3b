"""The auditor compares the instants of schedules with the records, and the lists with what is open and hidden."""

import msgspec
import pytest
import structlog

from engine.core.alerting.alert import Alert
from engine.core.alerting.silence import Match
from engine.core.judging.instant import HOUR, MINUTE
from engine.escalation.silences import Silences
from engine.operations.auditor import Auditor
from engine.operations.heartbeat import Heartbeat
from engine.records.alert_repository import (
    ALERTS,
    COVERS,
    NOTIFICATIONS,
    OUTBOX,
    UNRESOLVED,
    hidden_by,
    standing_of,
)
from engine.store.codec import decode, encode
from engine.store.memory import MemoryStore
from engine.store.port import Plan, Put, Write
from tests.credentials import OPERATOR
from tests.unit.support.switchboard import Switchboard


class Audited(Switchboard):
    """A desk and its auditor, which takes two passes."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        super().__init__(store=store)
        heartbeat = Heartbeat("", self.clock, self.metrics)
        self.auditor = Auditor(self.store, self.clock, self.books, self.metrics, heartbeat)
        self.silences = Silences(self.store, self.clock, self.books, self.desk)

    async def audit(self) -> tuple[float, float, set[tuple[str, str]]]:
        """Return what is unaccounted for by the gauges, and what the log named: records and schedules."""
        with structlog.testing.capture_logs() as logs:
            await self.auditor.turn()
            await self.auditor.turn()
        value = self.metrics.registry.get_sample_value
        alerts, notifications = (
            value(f"siaga_{what}_unaccounted") or 0 for what in ("alerts", "notifications")
        )
        named = {(one["id"], one["schedule"]) for one in logs if one["event"] == "schedule_differs"}
        return alerts, notifications, named

    async def plan(self, schedule: str, member: str, at: int | None) -> None:
        await self.store.write(Write(name="plan", plans=(Plan(schedule, member, at),)))


@pytest.mark.parametrize("off", [HOUR * 12, -MINUTE, None])
async def test_a_timer_at_another_instant_than_its_record_counts(off: int | None):
    """An awas that is due in half an hour and planned in twelve was accounted for, since it was planned."""
    desk = Audited()
    alert = await desk.open()
    assert await desk.audit() == (0, 0, set())
    wake = (await desk.alert(alert)).wake_at
    await desk.plan(ALERTS, alert, None if off is None else wake + off)
    assert await desk.audit() == (1, 0, {(alert, ALERTS)})
    await desk.plan(ALERTS, alert, wake)
    await desk.audit()
    assert await desk.audit() == (0, 0, set())


async def test_the_look_at_a_silence_and_the_list_of_what_is_open_count_too():
    desk = Audited()
    alert = await desk.open()
    now = desk.clock.now()
    await desk.silences.make(
        Match(region=("73.15",)), since=now + HOUR, until=now + 2 * HOUR, reason="uji", by=OPERATOR
    )
    found = await desk.alert(alert)
    member, standing = f"{found.region}|{alert}", standing_of("real", "uji")
    assert await desk.audit() == (0, 0, set())
    await desk.plan(COVERS, alert, None)
    await desk.plan(UNRESOLVED, alert, None)
    await desk.plan(standing, member, None)
    assert await desk.audit() == (1, 0, {(alert, COVERS), (alert, UNRESOLVED), (alert, standing)})


async def test_what_is_hidden_stands_in_the_list_of_what_hides_it():
    desk = Audited()
    alert = await desk.open()
    record = (await desk.store.get(ALERTS, [alert]))[0]
    hidden = msgspec.structs.replace(decode(record.value, Alert), hidden="payung", hide_while=("payung",))
    await desk.store.write(Write(name="t", puts=(Put(ALERTS, alert, encode(hidden)),)))
    assert await desk.audit() == (1, 0, {(alert, hidden_by("real", "payung"))})


@pytest.mark.parametrize("off", [HOUR, None])
async def test_a_message_at_another_instant_of_the_outbox_counts(off: int | None):
    desk = Audited()
    alert = await desk.open()
    (message,) = (await desk.desk.case(alert)).notifications.values()
    await desk.plan(OUTBOX, message.id, None if off is None else message.due_at + off)
    assert await desk.audit() == (0, 1, {(message.id, OUTBOX)})


async def test_a_message_that_is_settled_stands_in_the_outbox_no_more():
    desk = Audited()
    alert = await desk.open()
    await desk.send()
    (message,) = (await desk.desk.case(alert)).notifications.values()
    assert message.state == "sent"
    await desk.plan(OUTBOX, message.id, desk.clock.now())
    assert await desk.audit() == (0, 1, {(message.id, OUTBOX)})


async def test_what_was_put_off_is_accounted_for():
    """Five minutes at most behind now, of what has fallen due: the trouble itself was told to ops."""
    desk = Audited()
    alert = await desk.open()
    (message,) = (await desk.desk.case(alert)).notifications.values()
    await desk.plan(OUTBOX, message.id, desk.clock.now() + 5 * MINUTE)
    assert await desk.audit() == (0, 0, set())
    await desk.plan(OUTBOX, message.id, desk.clock.now() + 5 * MINUTE + 1)
    assert await desk.audit() == (0, 1, {(message.id, OUTBOX)})


class Busy(MemoryStore):
    """A store in which an alert changes each time that its timer is read."""

    def __init__(self) -> None:
        super().__init__()
        self.desk: Audited | None = None

    async def planned_at(self, schedule: str, members):
        if self.desk is not None and schedule == ALERTS:
            for id_, record in (await self.scan(ALERTS)).items():
                later = msgspec.structs.replace(
                    decode(record.value, Alert), wake_at=record.version * MINUTE + self.desk.clock.now()
                )
                plan = Plan(ALERTS, id_, later.wake_at)
                await self.write(Write(name="t", puts=(Put(ALERTS, id_, encode(later)),), plans=(plan,)))
        return await super().planned_at(schedule, members)


async def test_what_changes_between_two_questions_of_a_pass_is_no_difference():
    """The record was read before it changed and the schedule after: only versions that agree are compared."""
    store = Busy()
    desk = Audited(store)
    await desk.open()
    store.desk = desk
    assert await desk.audit() == (0, 0, set())
    assert (await store.scan(NOTIFICATIONS)) != {}
