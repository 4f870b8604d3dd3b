"""The lists of alerts, and how often the alerts of a rule proved right.

A list changes in the same write as the alert. A request reads one page of one list and no table.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from itertools import product
from typing import Literal, NamedTuple, get_args

import msgspec
import structlog

from engine.core.alerting.alert import Alert, AlertStatus, Notification
from engine.core.alerting.phone_list import may_need_call
from engine.core.judging.instant import Instant
from engine.core.judging.region import NATION, cut, lies_in
from engine.core.judging.rule import level_name
from engine.records.tolerant_read import readable_of, readable_or
from engine.store.codec import encode
from engine.store.port import Conflict, Expect, Place, Plan, Put, Record, Store, Write
from engine.store.validation import LATEST
from engine.texts.console.alert_rows import awaited
from engine.texts.event_list import is_absence

NO_VIOLATION = "refuted"
"""Why an alert closed where what was reported is no violation ("bukan pelanggaran"): whoever may has refuted it."""


AlertOutcome = Literal["open", "no_violation", "taken_back", "other"]
"""How an alert ended, as far as precision is concerned; `open`: it has not."""
OUTCOMES: tuple[AlertOutcome, ...] = ("open", "no_violation", "taken_back", "other")


def outcome_of(alert: Alert) -> AlertOutcome | None:
    """Return how an alert ended; None where it does not count: an exercise, or only recorded."""
    if alert.exercise or alert.hidden:
        return None
    if alert.unresolved:
        return "open"
    if alert.resolved_reason == NO_VIOLATION:
        return "no_violation"
    return "taken_back" if alert.resolved_reason in ("late_report", "corrected") else "other"


class RulePrecision(msgspec.Struct, frozen=True, kw_only=True):
    """The alerts of a rule that people were told of: how many there are, how many of them are over, and how they ended.

    `no_violation` ended as "bukan pelanggaran"; `taken_back` were no longer true by a late report or a correction.
    """

    rule: str
    alerts: int = 0
    resolved: int = 0
    no_violation: int = 0
    taken_back: int = 0

    @property
    def share(self) -> float | None:
        """Which share of those that are over ended as no violation, 0 to 1; None where none is over."""
        return self.no_violation / self.resolved if self.resolved else None


class Precisions:
    """Counts alerts by rule, however many there are; exercises and what was only recorded do not count."""

    def __init__(self) -> None:
        self._counts: defaultdict[str, Counter[AlertOutcome]] = defaultdict(Counter)

    def add(self, alerts: Iterable[Alert]) -> None:
        """Count further alerts."""
        for alert in alerts:
            outcome = outcome_of(alert)
            if outcome is not None:
                self._counts[alert.rule.id][outcome] += 1

    def by_rule(self) -> list[RulePrecision]:
        """Return the precision of every rule that made alerts."""
        return [rule_precision(rule, self._counts[rule]) for rule in sorted(self._counts)]


def rule_precision(rule: str, counts: Mapping[AlertOutcome, int]) -> RulePrecision:
    """Return the precision of a rule with so many alerts of each outcome."""
    total = sum(counts.values())
    return RulePrecision(
        rule=rule,
        alerts=total,
        resolved=total - counts.get("open", 0),
        no_violation=counts.get("no_violation", 0),
        taken_back=counts.get("taken_back", 0),
    )


def precision_of(alerts: Iterable[Alert]) -> list[RulePrecision]:
    """Return the precision of every rule that made some alerts."""
    found = Precisions()
    found.add(alerts)
    return found.by_rule()


TABLE, NOTIFICATIONS = "alerts", "notifications"
"""The tables of `alert_repository`, which keeps these lists."""
LAYOUT = "layout"
"""Table of what was built once in a store that is older than it, by name."""
NAME = "alert_lists"
VERSION = 1
"""Of the lists as `lists_of` says; a store without the mark of it gets what is missing at its start."""
PIECE = 100
"""So many alerts are read and decoded at once, in a few milliseconds."""
EXAMINED = 300
"""At most so many alerts are examined for one page; a page that finds fewer than were asked for is short."""
LEVELS = (4, 3, 2)
"""The levels of alerts, the gravest first."""
_STEP = 2**50
"""Beyond every instant: what is sorted by another number first has so many instants for each."""

log = structlog.get_logger(__name__)


def listed(region: str, status: AlertStatus | None = None) -> str:
    """Return the list of the alerts of a region, or of those with a status there, by the instant of detection."""
    return f"listed:{region}" if status is None else f"listed:{region}|{status}"


def of_rule(rule: str, region: str) -> str:
    """Return the list of the alerts of a rule in a region, by the instant of detection."""
    return f"listed:{region}|rule|{rule}"


def ended(rule: str, region: str, outcome: AlertOutcome) -> str:
    """Return the list of the alerts of a rule in a region by how they ended, as `rule_precision` counts them."""
    return f"ended:{region}|{outcome}|{rule}"


def to_call(region: str) -> str:
    """Return the list of the unresolved alerts of a region of which a notice may have been in vain, as `urgency` sorts.

    Whoever reads it looks again: it holds each alert with somebody to call, and some without.
    """
    return f"to_call:{region}"


def pressing(region: str, level: int, *, waits: bool, exercise: bool = False) -> str:
    """Return the list of the unresolved alerts of a region and level that nothing hides, by what comes next soonest.

    `waits`: of those that nobody has taken.
    """
    return f"pressing:{region}|{level}|{'open' if waits else 'taken'}|{'exercise' if exercise else 'real'}"


def silent(region: str) -> str:
    """Return the list of the unresolved alerts of a region about reports that stayed away, by level and detection."""
    return f"silent:{region}"


def indexed(region: str) -> str:
    """Return the region whose lists hold all of a region: the region itself, or the regency that it lies in."""
    return cut(region, "regency") or region


def lists_of(alert: Alert) -> dict[str, Instant]:
    """Return the lists that an alert stands in, each with the instant that sorts it there."""
    found: dict[str, Instant] = {}
    outcome = outcome_of(alert)
    shown = alert.unresolved and not alert.hidden
    for region in _regions(alert.region):
        for name in (listed(region), listed(region, alert.status), of_rule(alert.rule.id, region)):
            found[name] = alert.detected_at
        if outcome is not None:
            found[ended(alert.rule.id, region, outcome)] = alert.detected_at
        if shown:
            waits = alert.status == "open"
            due = awaited(alert).at
            name = pressing(region, alert.level, waits=waits, exercise=alert.exercise)
            found[name] = LATEST if due is None else max(0, min(due, LATEST))
            if is_absence(alert) and not alert.exercise:
                found[silent(region)] = urgency(alert.level, alert.detected_at)
    return found


def any_list(region: str, rule: str) -> Iterator[str]:
    """Yield every list in which an alert of a rule and region may stand: for an alert that cannot be read."""
    statuses: tuple[AlertStatus, ...] = get_args(AlertStatus)
    outcomes: tuple[AlertOutcome, ...] = get_args(AlertOutcome)
    for own in _regions(region):
        yield from (listed(own), *(listed(own, status) for status in statuses), of_rule(rule, own))
        yield from (ended(rule, own, outcome) for outcome in outcomes)
        yield from (to_call(own), silent(own))
        for level, waits, exercise in product(LEVELS, (True, False), (True, False)):
            yield pressing(own, level, waits=waits, exercise=exercise)


def relisted(before: Alert | None, after: Alert | None) -> list[Plan]:
    """Return what changes in the lists when an alert is written, or leaves the store (`after` is None)."""
    one = after or before
    if one is None:
        return []
    was = lists_of(before) if before is not None else {}
    now = lists_of(after) if after is not None else {}
    gone = [Plan(name, one.id, None) for name in was if name not in now]
    return gone + [Plan(name, one.id, at) for name, at in now.items() if was.get(name) != at]


class ListedNotification(NamedTuple):
    """An alert with its notifications."""

    alert: Alert
    notifications: Iterable[Notification]


def recalled(before: ListedNotification | None, after: ListedNotification | None) -> list[Plan]:
    """Return what changes in the lists of whom to call when an alert is written with its notifications, or leaves."""
    one = after or before
    if one is None:
        return []
    was, now = _call_place(before), _call_place(after)
    if was == now:
        return []
    return [Plan(to_call(region), one.alert.id, now) for region in _regions(one.alert.region)]


def _call_place(told: ListedNotification | None) -> Instant | None:
    if told is None or not may_need_call(told.alert, told.notifications):
        return None
    return urgency(told.alert.level, told.alert.detected_at)


def urgency(level: int, at: Instant) -> Instant:
    """Return what sorts by level, the gravest first, and then by an instant."""
    return (LEVELS[0] - min(level, LEVELS[0])) * _STEP + min(at, _STEP - 1)


class WantedList(msgspec.Struct, frozen=True, kw_only=True):
    """Which alerts a page is of; what is empty asks for nothing."""

    region: str = NATION
    status: AlertStatus | None = None
    level: str = ""
    rule: str = ""

    @property
    def list(self) -> str:
        """The list that is read for it: the shortest that holds all that is wanted."""
        region = indexed(self.region)
        return of_rule(self.rule, region) if self.rule else listed(region, self.status)

    @property
    def exact(self) -> bool:
        """Whether the list holds nothing else."""
        by_both = bool(self.rule) and self.status is not None
        return not self.level and not by_both and indexed(self.region) == self.region

    def holds(self, alert: Alert) -> bool:
        """Say whether an alert is wanted."""
        return (
            lies_in(alert.region, self.region)
            and self.status in (None, alert.status)
            and self.level in ("", level_name(alert.level))
            and self.rule in ("", alert.rule.id)
        )


class AlertsPage(NamedTuple):
    """Some alerts, newest first, and the place behind which the next page begins; None at the end."""

    alerts: list[Alert]
    after: Place | None


async def page_of(store: Store, wanted: WantedList, limit: int, after: Place | None = None) -> AlertsPage:
    """Return a page of the wanted alerts, newest first.

    At most `EXAMINED` alerts (or `limit`, if more) are examined: a page may be short, or empty, and have a next one.
    """
    found: list[Alert] = []
    examined, most = 0, max(EXAMINED, limit + 1)
    while True:
        step = min(PIECE, most - examined, limit + 1 - len(found) if wanted.exact else PIECE)
        members = await store.page(wanted.list, step, after, latest_first=True)
        alerts = await _read(store, [member for member, _ in members])
        for member, at in members:
            alert = alerts.get(member)
            if alert is not None and wanted.holds(alert):
                if len(found) == limit:
                    return AlertsPage(found, after)
                found.append(alert)
            after = Place(at, member)
        examined += len(members)
        if len(members) < step:
            return AlertsPage(found, None)
        if examined >= most:
            return AlertsPage(found, after)


async def newest_of(store: Store, wanted: WantedList) -> AsyncIterator[Alert]:
    """Yield all wanted alerts, newest first, in pieces: for what goes on beside the answers to requests."""
    after: Place | None = None
    while True:
        page = await page_of(store, wanted, PIECE, after)
        for alert in page.alerts:
            yield alert
        if page.after is None:
            return
        after = page.after
        await asyncio.sleep(0)


async def most_pressing(store: Store, region: str, limit: int) -> list[Alert]:
    """Return the unresolved alerts of a region that nothing hides, the most pressing first, at most so many.

    They are sorted by level, then what nobody has, then by what comes next soonest. Of a region without lists those
    are found that are among the `EXAMINED` most pressing of its regency.
    """
    found: list[str] = []
    of = indexed(region)
    most = limit if of == region else EXAMINED
    for level in LEVELS:
        for waits in (True, False):
            if len(found) < most:
                found += await _soonest(store, of, level, most - len(found), waits=waits)
    alerts = await _read(store, found)
    shown = [alerts[id_] for id_ in found if id_ in alerts and alerts[id_].unresolved]
    return [alert for alert in shown if lies_in(alert.region, region)][:limit]


async def _soonest(store: Store, region: str, level: int, limit: int, *, waits: bool) -> list[str]:
    pages = [
        await store.page(pressing(region, level, waits=waits, exercise=exercise), limit)
        for exercise in (False, True)
    ]
    order = sorted((at, member) for page in pages for member, at in page)
    return [member for _, member in order[:limit]]


class Counts(NamedTuple):
    """How many unresolved alerts a region has that really happened and that nothing hides, by level and by `waits`."""

    waiting: Mapping[int, int]
    taken: Mapping[int, int]

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(self.waiting.values()) + sum(self.taken.values())

    @property
    def highest(self) -> int:
        """The highest level among them; 0 where there are none."""
        return max((level for level in LEVELS if self.at(level)), default=0)

    def at(self, level: int) -> int:
        """Return how many of a level there are."""
        return self.waiting[level] + self.taken[level]

    def without(self, others: Iterable[Counts]) -> Counts:
        """Return what is left when others are taken off."""
        rest = list(others)
        return Counts(
            {level: max(0, n - sum(one.waiting[level] for one in rest)) for level, n in self.waiting.items()},
            {level: max(0, n - sum(one.taken[level] for one in rest)) for level, n in self.taken.items()},
        )


async def counts_of(store: Store, regions: Iterable[str]) -> dict[str, Counts]:
    """Return the counts of regions that have lists."""
    wanted = list(dict.fromkeys(regions))
    names = [
        pressing(region, level, waits=waits)
        for region in wanted
        for waits in (True, False)
        for level in LEVELS
    ]
    sizes = iter(await store.sizes(names))
    return {
        region: Counts(*({level: next(sizes) for level in LEVELS} for _ in range(2))) for region in wanted
    }


async def counts_in(store: Store, region: str) -> Counts:
    """Return the counts of any region; of one without lists by the `EXAMINED` most pressing alerts of its regency."""
    if indexed(region) == region:
        return (await counts_of(store, [region]))[region]
    alerts = [alert for alert in await most_pressing(store, region, EXAMINED) if not alert.exercise]
    both = (
        Counter(alert.level for alert in alerts if (alert.status == "open") == waits)
        for waits in (True, False)
    )
    return Counts(*({level: counted[level] for level in LEVELS} for counted in both))


async def open_by_rule(store: Store, region: str, rules: Iterable[str]) -> dict[str, int]:
    """Return how many unresolved alerts of each rule a region has, by its lists or as `counts_in` says."""
    wanted = list(rules)
    if indexed(region) != region:
        counted = Counter(alert.rule.id for alert in await most_pressing(store, region, EXAMINED))
        return {rule: counted[rule] for rule in wanted}
    sizes = await store.sizes([ended(rule, region, "open") for rule in wanted])
    return dict(zip(wanted, sizes, strict=True))


async def precision_in(store: Store, region: str, rule: str) -> RulePrecision:
    """Return the precision of a rule in a region; in one without lists by its newest alerts."""
    if indexed(region) != region:
        newest = await page_of(store, WantedList(region=region, rule=rule), EXAMINED)
        return next(iter(precision_of(newest.alerts)), RulePrecision(rule=rule))
    sizes = await store.sizes([ended(rule, region, outcome) for outcome in OUTCOMES])
    return rule_precision(rule, dict(zip(OUTCOMES, sizes, strict=True)))


async def silent_in(store: Store, region: str, limit: int) -> list[Alert]:
    """Return unresolved alerts of a region about reports that stayed away, the gravest first, then the oldest."""
    of = indexed(region)
    most = limit if of == region else EXAMINED
    ids = [member for member, _ in await store.page(silent(of), most)]
    alerts = await _read(store, ids)
    found = [alerts[id_] for id_ in ids if id_ in alerts and lies_in(alerts[id_].region, region)]
    return [alert for alert in found if alert.unresolved][:limit]


async def callable_in(
    store: Store, region: str, limit: int, after: Place | None = None
) -> tuple[list[str], Place | None]:
    """Return ids of alerts of a region (or its regency) that may have somebody to call, the gravest first.

    With them comes the place behind which there are more; None at the end.
    """
    page = await store.page(to_call(indexed(region)), limit + 1, after)
    more = len(page) > limit
    ids = [member for member, _ in page[:limit]]
    return ids, Place(page[limit - 1][1], page[limit - 1][0]) if more else None


async def build(store: Store) -> int:
    """Build the lists of a store that is older than they are; return of how many alerts.

    It goes through the alerts in pieces. A start that was interrupted goes on where it was: an alert whose lists are
    right is not written again.
    """
    (marker,) = await store.get(LAYOUT, [NAME])
    if readable_or(LAYOUT, NAME, marker, int, 0) == VERSION:
        return 0
    built = 0
    async for piece in store.walk(TABLE):
        built += await _build(store, piece)
        if piece and built:
            log.info("alert_lists_growing", alerts=built)
    put = Put(LAYOUT, NAME, encode(VERSION), marker.version if marker is not None else 0)
    await store.write(Write(name="index_alerts", puts=(put,)))
    if built:
        log.info("alert_lists_built", alerts=built)
    return built


async def _build(store: Store, piece: Mapping[str, Record]) -> int:
    """List some alerts; those that change meanwhile are read again."""
    records = dict(piece)
    while True:
        there = await store.planned_at(listed(NATION), list(records))
        missing = [id_ for id_, at in zip(records, there, strict=True) if at is None]
        if not missing:
            return 0
        plans, expects = [], []
        for id_ in missing:
            expects.append(Expect(TABLE, id_, records[id_].version))
            alert = _alert(id_, records[id_])
            if alert is not None:
                found = await store.get(NOTIFICATIONS, alert.notifications) if alert.notifications else []
                told = readable_of(NOTIFICATIONS, alert.notifications, found, Notification).values()
                plans += relisted(None, alert) + recalled(None, ListedNotification(alert, told))
        outcome = await store.write(Write(name="index_alerts", plans=tuple(plans), expects=tuple(expects)))
        if not isinstance(outcome, Conflict):
            return len(missing)
        again = await store.get(TABLE, missing)
        records = {id_: record for id_, record in zip(missing, again, strict=True) if record is not None}


def _regions(code: str) -> Iterator[str]:
    """Yield the regions that a code lies in and that have lists, the nation first."""
    yield NATION
    for level in ("province", "regency"):
        region = cut(code, level)
        if region is not None:
            yield region


async def _read(store: Store, ids: list[str]) -> dict[str, Alert]:
    """Return alerts by id; whatever else waits has its turn after each piece."""
    found: dict[str, Alert] = {}
    for first in range(0, len(ids), PIECE):
        few = ids[first : first + PIECE]
        for id_, record in zip(few, await store.get(TABLE, few), strict=True):
            alert = None if record is None else _alert(id_, record)
            if alert is not None:
                found[id_] = alert
        await asyncio.sleep(0)
    return found


def _alert(id_: str, record: Record) -> Alert | None:
    """Return an alert; None where its record cannot be read, which must not keep all others off the lists."""
    return readable_or(TABLE, id_, record, Alert, None)
