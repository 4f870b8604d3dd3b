"""Reports of backtests, and the difference between two backtests of the same events."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.core.judging.instant import Instant, format_duration, format_instant, local
from engine.core.judging.region import RegionTable
from engine.core.judging.rule import LEVEL_NAMES, level_name
from engine.simulation.backtest import AlertCourse, Delay, Ledger, RecordedMessage
from engine.simulation.result import PhraseLanguage


class CourseChange(msgspec.Struct):
    """How many messages a recipient gets more and fewer, and how many earlier and later."""

    more: int = 0
    fewer: int = 0
    earlier: int = 0
    later: int = 0

    def __bool__(self) -> bool:
        return bool(self.more or self.fewer or self.earlier or self.later)


class CoursePair(msgspec.Struct, frozen=True):
    """One alert in the run before and in the run after."""

    before: AlertCourse
    after: AlertCourse

    @property
    def redated(self) -> bool:
        """Whether it happened at another instant."""
        return self.before.happened_at != self.after.happened_at

    @property
    def level_changed(self) -> bool:
        """Whether it reached another level."""
        return self.before.level != self.after.level


class BacktestDifference(msgspec.Struct, frozen=True, kw_only=True):
    """What changes from the run before to the run after. `recipients` are by (role, region)."""

    gone: tuple[AlertCourse, ...]
    new: tuple[AlertCourse, ...]
    redated: tuple[CoursePair, ...]
    level_changed: tuple[CoursePair, ...]
    recipients: dict[tuple[str, str], CourseChange]
    messages: int
    parts: int


def backtest_difference(before: Ledger, after: Ledger) -> BacktestDifference:
    """Return what changes for whom; `messages` and `parts` are how many more (negative: fewer) in all."""
    pairs, gone, new = _paired(before.courses, after.courses)
    told_before, told_after = before.told_of(), after.told_of()
    recipients: defaultdict[tuple[str, str], CourseChange] = defaultdict(CourseChange)
    for pair in pairs:
        _compare(told_before.get(pair.before.id, ()), told_after.get(pair.after.id, ()), recipients)
    for course in gone:
        _compare(told_before.get(course.id, ()), (), recipients)
    for course in new:
        _compare((), told_after.get(course.id, ()), recipients)
    return BacktestDifference(
        gone=tuple(gone),
        new=tuple(new),
        redated=tuple(pair for pair in pairs if pair.redated),
        level_changed=tuple(pair for pair in pairs if pair.level_changed),
        recipients={key: change for key, change in sorted(recipients.items()) if change},
        messages=len(after.told) - len(before.told),
        parts=sum(one.parts for one in after.told) - sum(one.parts for one in before.told),
    )


# --- alerts -----------------------------------------------------------------------------------------------------------


def _paired(
    before: Iterable[AlertCourse], after: Iterable[AlertCourse]
) -> tuple[list[CoursePair], list[AlertCourse], list[AlertCourse]]:
    """Return the pairs, what is only before, and what is only after; each by the instant it happened."""
    groups: defaultdict[tuple[str, str], tuple[list[AlertCourse], list[AlertCourse]]] = defaultdict(
        lambda: ([], [])
    )
    for side, courses in enumerate((before, after)):
        for course in courses:
            groups[course.rule, course.group][side].append(course)
    pairs: list[CoursePair] = []
    gone: list[AlertCourse] = []
    new: list[AlertCourse] = []
    for olds, news in groups.values():
        same = {course.happened_at: course for course in olds}
        pairs += [CoursePair(same[c.happened_at], c) for c in news if c.happened_at in same]
        shared = same.keys() & {course.happened_at for course in news}
        left = [course for course in sorted(olds, key=_order) if course.happened_at not in shared]
        for course in sorted(news, key=_order):
            if course.happened_at in shared:
                continue
            old = next((one for one in left if _overlap(one, course)), None)
            if old is None:
                new.append(course)
            else:
                left.remove(old)
                pairs.append(CoursePair(old, course))
        gone += left
    return (
        sorted(pairs, key=lambda pair: _order(pair.after)),
        sorted(gone, key=_order),
        sorted(new, key=_order),
    )


def _order(course: AlertCourse) -> tuple[Instant, str, str, int]:
    return course.happened_at, course.rule, course.group, course.ordinal


def _overlap(one: AlertCourse, other: AlertCourse) -> bool:
    """Say whether both were unresolved at some instant."""
    ends = [course.closed_at for course in (one, other) if course.closed_at is not None]
    starts = max(one.detected_at, other.detected_at)
    return not ends or starts <= min(ends)


# --- messages ---------------------------------------------------------------------------------------------------------


def _compare(
    before: Sequence[RecordedMessage],
    after: Sequence[RecordedMessage],
    recipients: defaultdict[tuple[str, str], CourseChange],
) -> None:
    """Count what changes in the messages of one alert: the n-th of a kind and step to a person against the n-th."""
    old, new = _numbered(before), _numbered(after)
    for key, one in old.items():
        other = new.get(key)
        change = recipients[one.role, one.office]
        if other is None:
            change.fewer += 1
        elif other.sent_at != one.sent_at:
            earlier = other.sent_at < one.sent_at
            change.earlier += earlier
            change.later += not earlier
    for key, one in new.items():
        if key not in old:
            recipients[one.role, one.office].more += 1


def _numbered(told: Iterable[RecordedMessage]) -> dict[tuple[object, ...], RecordedMessage]:
    return dict(_numbers(sorted(told, key=lambda one: one.sent_at)))


def _numbers(told: Iterable[RecordedMessage]) -> Iterator[tuple[tuple[object, ...], RecordedMessage]]:
    seen: Counter[tuple[object, ...]] = Counter()
    for one in told:
        key = (one.person, one.role, one.office, one.channel, one.kind, one.step)
        seen[key] += 1
        yield (*key, seen[key]), one


ZONE = "Asia/Jakarta"
BUSIEST = 20
"""So many recipients are shown to people; JSON has them all."""
WORDS = {
    "synthetic": (
        "Kejadian SINTETIS: tidak satu pun pernah terjadi",
        "SYNTHETIC events: none of them ever happened",
    ),
    "span": ("{since} - {until} WIB, {rules} aturan", "{since} - {until} WIB, {rules} rules"),
    "received": (
        "Kejadian: {accepted} diterima, {duplicate} ulangan, {quarantined} dikarantina, {rejected} ditolak",
        "Events: {accepted} accepted, {duplicate} repeats, {quarantined} in quarantine, {rejected} refused",
    ),
    "kept": ("  baris {line}: {field} {reason}", "  line {line}: {field} {reason}"),
    "alerts": ("Peringatan", "Alerts"),
    "rule": ("aturan", "rule"),
    "opened": ("dibuka", "opened"),
    "closed": ("ditutup", "closed"),
    "hidden": ("tersembunyi", "hidden"),
    "undone": ("dibatalkan", "undone"),
    "sum": ("jumlah", "in all"),
    "messages": ("Pesan yang akan terkirim", "Messages that would have gone out"),
    "role": ("peran", "role"),
    "region": ("wilayah", "region"),
    "parts": ("bagian SMS", "SMS parts"),
    "person": ("(ditunjuk langsung)", "(named by the policy)"),
    "rest": (
        "... dan {number} penerima lagi (--format json)",
        "... and {number} more recipients (--format json)",
    ),
    "worst": (
        "Terlama sampai ke orang: {length} ({rule} [{group}])",
        "Longest time to a person: {length} ({rule} [{group}])",
    ),
    "unheard": ("Tidak sampai ke siapa pun: {number} peringatan", "Reached nobody: {number} alerts"),
    "against": (
        "Yang berubah bila aturan diganti dengan {folder}",
        "What changes with the rules of {folder}",
    ),
    "same": ("Tidak ada yang berubah.", "Nothing changes."),
    "changes": ("Pesan bagi tiap penerima", "Messages for each recipient"),
    "total": (
        "Jumlah pesan {messages:+d}, bagian SMS {parts:+d}",
        "Messages {messages:+d}, SMS parts {parts:+d}",
    ),
    "new": ("  + baru: {rule} [{group}] {level}, {at} WIB", "  + new: {rule} [{group}] {level}, {at} WIB"),
    "gone": (
        "  - tidak ada lagi: {rule} [{group}] {level}, {at} WIB",
        "  - gone: {rule} [{group}] {level}, {at} WIB",
    ),
    "redated": (
        "  ~ waktunya bergeser: {rule} [{group}] {at} WIB, semula {before}",
        "  ~ at another time: {rule} [{group}] {at} WIB, before {before}",
    ),
    "level": (
        "  ^ tingkatnya berubah: {rule} [{group}] {level}, semula {before}",
        "  ^ another level: {rule} [{group}] {level}, before {before}",
    ),
    "more": ("bertambah", "more"),
    "fewer": ("berkurang", "fewer"),
    "earlier": ("lebih dini", "earlier"),
    "later": ("lebih lambat", "later"),
}


# --- for people -------------------------------------------------------------------------------------------------------


class Printer:
    """Prints ledgers and differences in one language."""

    def __init__(self, console: Console, language: PhraseLanguage, regions: RegionTable) -> None:
        self._console, self._regions = console, regions
        self._column = 0 if language == "id" else 1

    def _say(self, code: str, **words: object) -> str:
        return WORDS[code][self._column].format(**words)

    def _print(self, code: str, **words: object) -> None:
        self._console.print(Text(self._say(code, **words)), soft_wrap=True)

    def ledger(self, ledger: Ledger, *, synthetic: bool = False) -> None:
        """Print what a run came to; whether its events are synthetic is said first."""
        received = ledger.received
        if synthetic:
            self._print("synthetic")
        self._print("span", since=_when(ledger.since), until=_when(ledger.until), rules=ledger.rules)
        self._print(
            "received",
            accepted=received.accepted,
            duplicate=received.duplicate,
            quarantined=received.quarantined,
            rejected=received.rejected,
        )
        for kept in received.kept:
            self._print("kept", line=kept.line, field=kept.field, reason=kept.reason)
        self._alerts(ledger.courses)
        self._messages(ledger)
        if delays := ledger.delays():
            worst = delays[0]
            length = format_duration(worst.length)
            self._print("worst", length=length, rule=worst.course.rule, group=worst.course.group)
        if unheard := ledger.unheard():
            self._print("unheard", number=len(unheard))

    def _alerts(self, courses: Iterable[AlertCourse]) -> None:
        columns = ("opened", *LEVEL_NAMES[1:], "hidden", "closed", "undone")
        heads = [name if name in LEVEL_NAMES else self._say(name) for name in columns]
        table = self._table(self._say("alerts"), (self._say("rule"),), heads)
        counts = alerts_by_rule(courses)
        for rule, found in (*counts.items(), (self._say("sum"), sum(counts.values(), Counter[str]()))):
            table.add_row(rule, *(_number(found[name]) for name in columns))
        self._console.print(table)

    def _messages(self, ledger: Ledger) -> None:
        channels = sorted({one.channel for one in ledger.told})
        heads = (*channels, self._say("parts"))
        table = self._table(self._say("messages"), (self._say("role"), self._say("region")), heads)
        found = ledger.by_recipient()
        order = sorted(found, key=lambda key: (-sum(found[key][c] for c in channels), key))
        for key in order[:BUSIEST]:
            table.add_row(
                *self._recipient(key), *(_number(found[key][name]) for name in (*channels, "parts"))
            )
        total = sum(found.values(), Counter[str]())
        table.add_row(self._say("sum"), "", *(_number(total[name]) for name in (*channels, "parts")))
        self._console.print(table)
        if len(order) > BUSIEST:
            self._print("rest", number=len(order) - BUSIEST)

    def difference(self, found: BacktestDifference, folder: str) -> None:
        """Print what changes."""
        self._print("against", folder=folder)
        for code, courses in (("new", found.new), ("gone", found.gone)):
            for course in courses:
                level, at = level_name(course.level), _when(course.happened_at)
                self._print(code, rule=course.rule, group=self._place(course), level=level, at=at)
        for pair in found.redated:
            after, at = pair.after, _when(pair.after.happened_at)
            before = _when(pair.before.happened_at)
            self._print("redated", rule=after.rule, group=self._place(after), at=at, before=before)
        for pair in found.level_changed:
            after, level = pair.after, level_name(pair.after.level)
            before = level_name(pair.before.level)
            self._print("level", rule=after.rule, group=self._place(after), level=level, before=before)
        if found.recipients:
            names = ("more", "fewer", "earlier", "later")
            heads = [self._say(name) for name in names]
            table = self._table(self._say("changes"), (self._say("role"), self._say("region")), heads)
            for key, change in found.recipients.items():
                table.add_row(*self._recipient(key), *(_number(getattr(change, name)) for name in names))
            self._console.print(table)
        elif not (found.new or found.gone or found.redated or found.level_changed):
            self._print("same")
        self._print("total", messages=found.messages, parts=found.parts)

    def _place(self, course: AlertCourse) -> str:
        """Return the group, with the name of the region where it is one."""
        region = self._regions.get(course.group)
        return f"{course.group} {region.short_name}" if region else course.group

    def _recipient(self, key: tuple[str, str]) -> tuple[str, str]:
        role, office = key
        region = self._regions.get(office)
        return role or self._say("person"), f"{office} {region.short_name}" if region else office

    def _table(self, title: str, names: Sequence[str], numbers: Sequence[str]) -> Table:
        table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 1))
        for name in names:
            table.add_column(name)
        for name in numbers:
            table.add_column(name, justify="right", no_wrap=True)
        return table


def _number(number: int) -> str:
    return str(number) if number else "-"


def _when(instant: Instant) -> str:
    return f"{local(instant, ZONE):%Y-%m-%d %H.%M}"


def alerts_by_rule(courses: Iterable[AlertCourse]) -> dict[str, Counter[str]]:
    """Return by rule how many alerts opened, reached which level as their highest, were hidden, closed and undone."""
    found: dict[str, Counter[str]] = {}
    for course in sorted(courses, key=lambda course: course.rule):
        counts = found.setdefault(course.rule, Counter())
        counts.update(("opened", level_name(course.level)))
        counts["hidden"] += course.hidden
        counts["closed"] += course.closed_at is not None
        counts["undone"] += course.undone
    return found


# --- for machines -----------------------------------------------------------------------------------------------------


def as_json(
    ledger: Ledger, against: Ledger | None = None, found: BacktestDifference | None = None
) -> dict[str, object]:
    """Return a run, and the other one with the difference where there is one, as one JSON object."""
    shown: dict[str, object] = {"run": _ledger(ledger)}
    if against is not None and found is not None:
        shown |= {"against": _ledger(against), "difference": _difference(found)}
    return shown


def _ledger(ledger: Ledger) -> dict[str, object]:
    delays = ledger.delays()
    return {
        "since": format_instant(ledger.since),
        "until": format_instant(ledger.until),
        "rules": ledger.rules,
        "events": msgspec.to_builtins(ledger.received),
        "alerts": {rule: dict(counts) for rule, counts in alerts_by_rule(ledger.courses).items()},
        "messages": list(_recipients(ledger)),
        "worst_time_to_person": _delay(delays[0]) if delays else None,
        "reached_nobody": len(ledger.unheard()),
    }


def _recipients(ledger: Ledger) -> Iterator[dict[str, object]]:
    for (role, region), counts in sorted(ledger.by_recipient().items()):
        channels = {name: number for name, number in sorted(counts.items()) if name != "parts"}
        yield {"role": role, "region": region, "channels": channels, "sms_parts": counts["parts"]}


def _delay(delay: Delay) -> dict[str, object]:
    return {"rule": delay.course.rule, "group": delay.course.group, "milliseconds": delay.length}


def _difference(found: BacktestDifference) -> dict[str, object]:
    return {
        "only_after": [_course(course) for course in found.new],
        "only_before": [_course(course) for course in found.gone],
        "redated": [_pair(pair) for pair in found.redated],
        "level_changed": [_pair(pair) for pair in found.level_changed],
        "recipients": [
            {"role": role, "region": region, **msgspec.structs.asdict(change)}
            for (role, region), change in found.recipients.items()
        ],
        "messages": found.messages,
        "sms_parts": found.parts,
    }


def _course(course: AlertCourse) -> dict[str, object]:
    return {
        "rule": course.rule,
        "group": course.group,
        "level": level_name(course.level),
        "happened_at": format_instant(course.happened_at),
    }


def _pair(pair: CoursePair) -> dict[str, object]:
    return {"before": _course(pair.before), "after": _course(pair.after)}
