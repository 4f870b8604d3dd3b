"""Siaga's own alerts in the store: asked for with the write that gave cause, opened by whoever turns next.

Here: the schedule of requests, and opening the alert of one. Not here: which there are
(`core.alerting.internal_alerts`), and the parts that ask. A request is a plan of the write that gave cause, so neither
is lost without the other; the same request asked for again while its alert is unresolved opens no second one.
"""

from __future__ import annotations

import structlog

from engine.clock import Clock
from engine.core.alerting.command import Open
from engine.core.alerting.credential import INTERNAL_ALERTS
from engine.core.alerting.decide import open_alert
from engine.core.alerting.ids import alert_id
from engine.core.alerting.internal_alerts import POLICIES, InternalAlertRequest, request_of, rule_of
from engine.core.judging.group_key import GroupKey
from engine.core.judging.instant import MINUTE, Instant
from engine.core.judging.judgement import Opened
from engine.errors import StoreUnavailableError
from engine.metrics import Metrics
from engine.records.alert_repository import ALERTS, WriteBuilder, alerts_of, load
from engine.records.runtime_config import RuntimeConfig
from engine.records.tolerant_read import readable_or
from engine.store.codec import encode
from engine.store.port import Committed, Expect, Plan, Put, Record, Store, Write

OWN = "own_alerts"
"""Schedule of requests; also the table of the newest alert of each matter and region: its ordinal and its id."""
BATCH = 50
PUT_OFF = 5 * MINUTE
"""When a request that could not be opened is tried again, in milliseconds."""

log = structlog.get_logger(__name__)


def ask(request: InternalAlertRequest, at: Instant) -> Plan:
    """Return the plan by which an own alert is asked for, for the write that gives cause."""
    return Plan(OWN, request.member, at)


class InternalAlerts:
    """Opens what was asked for."""

    def __init__(self, store: Store, clock: Clock, books: RuntimeConfig, metrics: Metrics) -> None:
        self._store = store
        self._clock = clock
        self._books = books
        self._metrics = metrics

    async def turn(self) -> int:
        """Open the alerts that were asked for; return how many requests there were."""
        due = await self._store.due(OWN, self._clock.now(), BATCH)
        for member, at in due:
            try:
                await self._open(member, at)
            except StoreUnavailableError:
                raise
            except (
                Exception
            ):  # one that cannot be opened leaves the others; there is nobody else to ask for help
                log.exception("put_off", loop="own_alerts", item=member)
                self._metrics.trouble.dead_letter("item")
                self._metrics.loop_failed("own_alerts")
                put_off = Plan(OWN, member, self._clock.now() + PUT_OFF, at)
                await self._store.write(Write(name="put_off", plans=(put_off,)))
        return len(due)

    async def _newest(
        self, request: InternalAlertRequest, key: str, record: Record | None
    ) -> tuple[int, str]:
        """Return ordinal and id of the newest alert of a matter and region; an unreadable record is made anew."""
        if record is None:
            return 0, ""
        known = readable_or(OWN, key, record, tuple[int, str], None)
        if known is not None:
            return known
        group = GroupKey("real", rule_of(request.matter).id, request.region)
        ordinal = max(await alerts_of(self._store, self._books.namespace, group), default=0)
        id_ = alert_id(self._books.namespace, group.space, group.rule, group.group, ordinal)
        return ordinal, id_ if ordinal else ""

    async def _open(self, member: str, at: Instant) -> None:
        """Open the alert of a request that stands at an instant; one that was made again meanwhile stays."""
        request, done = request_of(member), Plan(OWN, member, None, at)
        if request is None:
            await self._store.write(Write(name="own_alert", plans=(done,)))
            return
        key = f"{request.matter}|{request.region}"
        record = (await self._store.get(OWN, [key]))[0]
        ordinal, newest = await self._newest(request, key, record)
        # An alert that cannot be read reaches nobody any more, so the next one opens.
        known = (await load(self._store, [newest], unreadable={})).get(newest) if newest else None
        if known is not None and known.alert.unresolved:
            still = Expect(ALERTS, newest, known.version)
            await self._store.write(Write(name="own_alert", plans=(done,), expects=(still,)))
            return
        rule, now = rule_of(request.matter), self._clock.now()
        policy = self._books.rule_set.policies.get(rule.escalate, POLICIES[rule.escalate])
        command = Open(
            rule=rule,
            policy=policy,
            space="real",
            group=request.region,
            region=request.region,
            ordinal=ordinal + 1,
            opened=Opened(ordinal=ordinal + 1, happened_at=now, evidence=(), level=request.level),
        )
        decision = open_alert(command, await self._books.surroundings(), now, by=INTERNAL_ALERTS)
        changes = WriteBuilder()
        changes.add([decision], None)
        changes.plans.append(done)
        if known is not None:  # nobody reopens it meanwhile
            changes.expects.append(Expect(ALERTS, newest, known.version))
        mine = Put(OWN, key, encode((ordinal + 1, decision.alert.id)), record.version if record else 0)
        outcome = await self._store.write(changes.write("own_alert", puts=[mine]))
        self._metrics.commit("own_alert", "committed" if isinstance(outcome, Committed) else "conflict")
        if isinstance(outcome, Committed):
            self._metrics.decided(decision)
            log.warning("own_alert", rule=rule.id, region=request.region, alert=decision.alert.id)
