"""The census: everything of alerting that the store holds, counted once.

Here: reading all alerts and notifications with their schedules, the balances and the summary of an installation. Not
here: acting on what is found (`operations.auditor`) and what counts as accounted for (`core.alerting.invariants`).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from engine.core.alerting.alert import Alert, Notification
from engine.core.alerting.invariants import unaccounted_alerts, unaccounted_notifications
from engine.core.judging.rule import level_name
from engine.records.alert_repository import ALERTS, NOTIFICATIONS, OUTBOX
from engine.records.tolerant_read import readable
from engine.store.port import Store

ARCHIVED = "archived."
"""Begins the names of the counters of what left for the archive of cases."""
T = TypeVar("T")


class Census(msgspec.Struct, frozen=True, kw_only=True):
    """All alerts and notifications, and the ids that have a due instant in their schedule."""

    alerts: tuple[Alert, ...]
    notifications: tuple[Notification, ...]
    timers: frozenset[str]
    outbox: frozenset[str]
    unreadable_alerts: frozenset[str] = frozenset()
    unreadable_notifications: frozenset[str] = frozenset()

    @property
    def lost_alerts(self) -> set[str]:
        """Ids of alerts that are not accounted for, those that cannot be read among them.

        Specification: docs/specification/trust.md#every-alert-is-accounted-for.
        """
        return unaccounted_alerts(self.alerts, self.timers, self.notifications) | self.unreadable_alerts

    @property
    def lost_notifications(self) -> set[str]:
        """Ids of notifications that are not accounted for, those that cannot be read among them.

        Specification: docs/specification/trust.md#every-alert-is-accounted-for.
        """
        return unaccounted_notifications(self.notifications, self.outbox) | self.unreadable_notifications


async def take(store: Store) -> Census:
    """Read the census. It is not one instant of the store: judge an id only when two in a row agree on it."""
    known, lost = await _decoded(store, ALERTS, Alert)
    sent, lost_sent = await _decoded(store, NOTIFICATIONS, Notification)
    return Census(
        alerts=tuple(known),
        notifications=tuple(sent),
        unreadable_alerts=lost,
        unreadable_notifications=lost_sent,
        timers=frozenset(await store.planned(ALERTS)),
        outbox=frozenset(await store.planned(OUTBOX)),
    )


async def _decoded(store: Store, table: str, type_: type[T]) -> tuple[list[T], frozenset[str]]:
    """Return the records that can be read, by their ids, and the ids of the others.

    They are read in pieces: neither the server nor whatever else waits here waits for a whole table.
    """
    found: dict[str, T] = {}
    lost: set[str] = set()
    async for piece in store.walk(table):
        read = readable(table, piece, type_)
        found |= read
        lost |= piece.keys() - read.keys()
        await asyncio.sleep(0)
    return [found[id_] for id_ in sorted(found)], frozenset(lost)


class AlertCounts(msgspec.Struct, frozen=True):
    """Alerts ever opened, those in the archive too, by their last level and by rule."""

    opened: int
    by_level: Mapping[str, int]
    by_rule: Mapping[str, int]


class Unaccounted(msgspec.Struct, frozen=True):
    """The two balances; both are 0 in an installation that keeps its promise."""

    alerts: int
    notifications: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What an installation has done so far, all of it from the store.

    `notifications` counts by channel and state; `escalations` counts started steps by their number.
    """

    events: int
    rejected: int
    duplicates: int
    quarantined: int
    matches: int
    alerts: AlertCounts
    notifications: Mapping[str, Mapping[str, int]]
    answers: int
    escalations: Mapping[str, int]
    unaccounted: Unaccounted


def archived_counts(alerts: Iterable[Alert], notifications: Iterable[Notification]) -> Counter[str]:
    """Return what the store's counters gain in the write by which alerts and messages leave for the archive.

    So a summary counts what ever was, though the store holds only what is recent.
    """
    counts = Counter[str]()
    for alert in alerts:
        counts[f"{ARCHIVED}level.{level_name(alert.level)}"] += 1
        counts[f"{ARCHIVED}rule.{alert.rule.id}"] += 1
    for notification in notifications:
        counts[f"{ARCHIVED}message.{notification.channel}.{notification.state}"] += 1
    return counts


def _archived(counters: Mapping[str, int], kind: str) -> Counter[str]:
    """Return the counts of one kind of what left for the archive, by the rest of their names."""
    prefix = f"{ARCHIVED}{kind}."
    return Counter({name.removeprefix(prefix): n for name, n in counters.items() if name.startswith(prefix)})


def summarise(census: Census, counters: Mapping[str, int]) -> Summary:
    """Count a census and the store's counters into a summary; maps are sorted so that equal runs print equal."""
    by_channel: dict[str, Counter[str]] = {}
    for notification in census.notifications:
        by_channel.setdefault(notification.channel, Counter())[notification.state] += 1
    for name, number in _archived(counters, "message").items():
        channel, _, state = name.partition(".")
        by_channel.setdefault(channel, Counter())[state] += number
    by_level = _archived(counters, "level")
    opened = len(census.alerts) + by_level.total()
    by_level.update(level_name(alert.level) for alert in census.alerts)
    by_rule = _archived(counters, "rule")
    by_rule.update(alert.rule.id for alert in census.alerts)
    steps = {name.removeprefix("step."): n for name, n in counters.items() if name.startswith("step.")}
    return Summary(
        events=counters.get("events_accepted", 0),
        rejected=counters.get("events_rejected", 0),
        duplicates=counters.get("events_duplicate", 0),
        quarantined=counters.get("events_quarantined", 0),
        matches=counters.get("matches", 0),
        alerts=AlertCounts(
            opened,
            _sorted(by_level),
            _sorted(by_rule),
        ),
        notifications={channel: _sorted(states) for channel, states in sorted(by_channel.items())},
        answers=counters.get("history.answered", 0) + counters.get("history.also_taken", 0),
        escalations=_sorted(steps),
        unaccounted=Unaccounted(len(census.lost_alerts), len(census.lost_notifications)),
    )


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items()))
