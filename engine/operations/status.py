"""How an installation stands at this moment, and whether it is a good one to restart it.

Here: reading what is due, under way, behind and open, and the closed list of reasons to wait. Not here: whether its
configuration is fit (`operations.doctor`), and printing (`cli.status`).

A restart loses nothing at any moment; what it costs is time: what falls due meanwhile is done afterwards, and a message
that was being handed over goes out once more with the same bytes. The reasons say where that cost falls on somebody.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from engine.core.alerting.alert import Alert, Notification
from engine.core.judging.instant import SECOND, Instant, Millis
from engine.core.judging.rule import level_name
from engine.escalation.internal_alerts import OWN
from engine.evaluation.poll import WINDOWS
from engine.records.alert_repository import (
    ALERTS,
    CLOSINGS,
    COVERS,
    NOTIFICATIONS,
    OUTBOX,
    REVEALS,
    unresolved,
)
from engine.records.rule_sets import RULES, ActivationProgress
from engine.records.tolerant_read import readable_of, readable_or
from engine.store.port import PIECE, Place, Store
from engine.store.redis.server import ServerStatus

DUE = {
    "steps": ALERTS,
    "messages": OUTBOX,
    "windows": WINDOWS,
    "silences": COVERS,
    "reveals": REVEALS,
    "closings": CLOSINGS,
    "own_alerts": OWN,
}
"""What falls due, by the schedule that says so."""
MOST_READ = 5_000
"""Entries of the backlog that are counted at most."""
BEHIND: Millis = 10 * SECOND
"""An entry that waits longer than this is a backlog, not the batch under way."""

NotNowReason = Literal["awas_open", "in_flight", "due_soon", "backlog", "rebuild", "replicas", "writes_fail"]


class OpenCounts(msgspec.Struct, frozen=True, kw_only=True):
    """An unresolved alert of level awas in real space: whether somebody has taken it, and its next due instant."""

    id: str
    rule: str
    region: str
    taken: bool
    next_at: Instant | None


class BacklogStatus(msgspec.Struct, frozen=True):
    """Entries that wait to be judged, at least so many, and how long the oldest has waited in milliseconds."""

    entries: int
    waits: Millis


class InstallationStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What is so at `at`; `due` counts what falls due up to `until`, and `next_due` is the earliest of all.

    `in_flight` are messages that are being handed over, `rebuild` the share of one under way. `wait` are the reasons
    not to restart now. `awas_more` awas alerts are not among `awas`.
    """

    at: Instant
    until: Instant
    due: dict[str, int]
    next_due: Instant | None
    in_flight: int
    backlog: BacklogStatus
    unresolved: dict[str, int]
    awas: tuple[OpenCounts, ...]
    rebuild: float | None
    server: ServerStatus
    wait: tuple[NotNowReason, ...]
    awas_more: int = 0

    @property
    def safe(self) -> bool:
        """Whether nothing speaks against restarting now."""
        return not self.wait


async def look(
    store: Store,
    server: ServerStatus,
    now: Instant,
    within: Millis,
    *,
    wait_replicas: int = 0,
    most_awas: int = 0,
) -> InstallationStatus:
    """Read how an installation stands; what falls due `within` milliseconds from now counts as due soon.

    At most `most_awas` awas alerts are named (0: all), those first that nobody has taken.
    """
    alerts = await unresolved(store)
    until = now + within
    due = {name: await store.count_due(schedule, until) for name, schedule in DUE.items()}
    instants = [await store.next_due(schedule) for schedule in DUE.values()]
    standing = InstallationStatus(
        at=now,
        until=until,
        due=due,
        next_due=min((one for one in instants if one is not None), default=None),
        in_flight=await _in_flight(store),
        backlog=await _backlog(store, now),
        unresolved=_by_level(alerts),
        awas=_awas(alerts),
        rebuild=await _rebuild(store),
        server=server,
        wait=(),
    )
    named = standing.awas[:most_awas] if most_awas else standing.awas
    return msgspec.structs.replace(
        standing,
        wait=_reasons(standing, wait_replicas),
        awas=named,
        awas_more=len(standing.awas) - len(named),
    )


def _reasons(standing: InstallationStatus, wait_replicas: int) -> tuple[NotNowReason, ...]:
    """Return why to wait, the gravest first."""
    server = standing.server
    found: list[tuple[NotNowReason, bool]] = [
        ("writes_fail", bool(server.writes_fail)),
        ("replicas", len(server.replicas) < max(wait_replicas, server.needs_replicas)),
        ("awas_open", any(not alert.taken for alert in standing.awas)),
        ("in_flight", standing.in_flight > 0),
        ("due_soon", standing.due["steps"] > 0 or standing.due["messages"] > 0),
        ("backlog", standing.backlog.waits > BEHIND),
        ("rebuild", standing.rebuild is not None),
    ]
    return tuple(reason for reason, holds in found if holds)


async def _backlog(store: Store, now: Instant) -> BacklogStatus:
    entries = await store.read(await store.cursor(), MOST_READ)
    return BacklogStatus(len(entries), max(0, now - entries[0].received_at) if entries else 0)


async def _in_flight(store: Store) -> int:
    """Return how many messages are being handed over: each stands in the outbox until that is recorded."""
    number, after = 0, None
    while True:
        members = await store.page(OUTBOX, PIECE, after)
        ids = [member for member, _ in members]
        records = await store.get(NOTIFICATIONS, ids) if ids else []
        read = readable_of(NOTIFICATIONS, ids, records, Notification)
        number += sum(one.state == "sending" for one in read.values())
        if len(members) < PIECE:
            return number
        after = Place(members[-1][1], members[-1][0])


def _by_level(alerts: Iterable[Alert]) -> dict[str, int]:
    levels = [level_name(alert.level) for alert in alerts if alert.space == "real"]
    return {level: levels.count(level) for level in sorted(set(levels))}


def _awas(alerts: Iterable[Alert]) -> tuple[OpenCounts, ...]:
    return tuple(
        OpenCounts(
            id=alert.id,
            rule=alert.rule.id,
            region=alert.region,
            taken=alert.status == "acknowledged",
            next_at=alert.wake_at,
        )
        for alert in sorted(alerts, key=_untaken_first)
        if alert.space == "real" and level_name(alert.level) == "awas"
    )


def _untaken_first(alert: Alert) -> tuple[bool, Instant, str]:
    return alert.status == "acknowledged", alert.wake_at or 0, alert.id


async def _rebuild(store: Store) -> float | None:
    record = (await store.get(RULES, ["progress"]))[0]
    progress = readable_or(RULES, "progress", record, ActivationProgress, None)
    return progress.share if progress else None
