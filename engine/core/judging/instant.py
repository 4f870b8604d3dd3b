"""Instants, durations and local time, as values.

Here: parsing, formatting and arithmetic. Not here: reading a clock (`engine.clock`) and words for people (`texts`).
`Instant` is milliseconds since 1970 UTC, `Millis` a length in milliseconds. Formats:
docs/specification/rules.md#values.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from engine.errors import ParseError

Instant = int
Millis = int

SECOND: Millis = 1_000
MINUTE: Millis = 60_000
HOUR: Millis = 3_600_000
DAY: Millis = 86_400_000

ZONES = {"WIB": "Asia/Jakarta", "WITA": "Asia/Makassar", "WIT": "Asia/Jayapura", "UTC": "UTC"}
"""Zone abbreviations that people write, and their IANA names."""

_UNITS = {"ms": 1, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_DURATION = re.compile(r"(?:(\d+)(ms|s|m|h|d|w))+", re.ASCII)
_DURATION_PART = re.compile(r"(\d+)(ms|s|m|h|d|w)", re.ASCII)
_SECONDS = {f"{second:02}": second * 1_000 for second in range(60)}
_FRACTIONS = {f".{millisecond:03}": millisecond for millisecond in range(1_000)}
_OFFSET_BEGINS = frozenset("+-Zz")
_RFC3339 = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """Return the zone of an IANA name or of WIB, WITA, WIT, UTC."""
    return ZoneInfo(ZONES.get(name, name))


def parse_duration(text: str) -> Millis:
    """Read a Prometheus-style duration such as `500ms`, `90m`, `7d`, `1h30m`, `0s`, in milliseconds."""
    if not _DURATION.fullmatch(text):
        raise ParseError(f"{text!r} is not a duration such as 30m, 12h, 7d or 1h30m")
    return sum(int(number) * _UNITS[unit] for number, unit in _DURATION_PART.findall(text))


def format_duration(length: Millis) -> str:
    """Write a duration in its shortest form; the inverse of `parse_duration`."""
    if length == 0:
        return "0s"
    parts, rest = [], length
    for unit in ("d", "h", "m", "s", "ms"):
        number, rest = divmod(rest, _UNITS[unit])
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts)


def from_datetime(moment: datetime) -> Instant:
    """Turn an aware datetime into an instant, exact to the millisecond (finer parts are cut)."""
    if moment.tzinfo is None:
        raise ParseError("an instant needs a zone or an offset")
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def local(instant: Instant, zone_name: str) -> datetime:
    """Return the local datetime of an instant in a zone."""
    return (_EPOCH + timedelta(milliseconds=instant)).astimezone(zone(zone_name))


def local_midnight(day: date, zone_name: str) -> Instant:
    """Return the instant at which `day` begins in a zone."""
    return from_datetime(datetime(day.year, day.month, day.day, tzinfo=zone(zone_name)))


def next_local(clocks: Sequence[str], zone_name: str, now: Instant) -> Instant:
    """Return the first instant from `now` on at which the clocks of a zone show one of these times (`HH:MM`)."""
    return min(at for at in _shown(clocks, zone_name, now, (0, 1)) if at >= now)


def last_local(clocks: Sequence[str], zone_name: str, now: Instant) -> Instant:
    """Return the last instant up to `now` at which the clocks of a zone showed one of these times (`HH:MM`)."""
    return max(at for at in _shown(clocks, zone_name, now, (-1, 0)) if at <= now)


def _shown(clocks: Sequence[str], zone_name: str, now: Instant, days: Sequence[int]) -> list[Instant]:
    today = local(now, zone_name).date()
    return [
        from_datetime(
            datetime.combine(today + timedelta(days=day), time.fromisoformat(clock), tzinfo=zone(zone_name))
        )
        for day in days
        for clock in clocks
    ]


def parse_instant(text: str) -> tuple[Instant, timedelta]:
    """Read an RFC 3339 instant with offset; return it and the offset it was written with."""
    seconds, fraction = _SECONDS.get(text[17:19]), _FRACTIONS.get(text[19:23])
    offset = text[19:] if fraction is None else text[23:]
    if seconds is not None and offset[:1] in _OFFSET_BEGINS:
        minute = _minute(text[:17], offset)
        if minute is not None:
            return minute[0] + seconds + (fraction or 0), minute[1]
    return _parsed(text)


@lru_cache(maxsize=4_096)
def _minute(until_seconds: str, offset: str) -> tuple[Instant, timedelta] | None:
    """Read the beginning of a minute: what comes in together was mostly observed within few of them."""
    try:
        return _parsed(f"{until_seconds}00{offset}")
    except ParseError:
        return None


def _parsed(text: str) -> tuple[Instant, timedelta]:
    matched = _RFC3339.fullmatch(text)
    if not matched:
        raise ParseError(f"{text!r} is not an instant such as 2024-11-27T07:00:00+07:00")
    day, clock, fraction, offset = matched.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if offset in 'Zz' else offset}")
    except ValueError as error:
        raise ParseError(f"{text!r} is not an instant: {error}") from None
    milliseconds = int((fraction or ".0")[1:4].ljust(3, "0"))
    return from_datetime(moment) + milliseconds, moment.utcoffset() or timedelta()


def format_instant(instant: Instant, zone_name: str = "UTC") -> str:
    """Write an instant as RFC 3339 in a zone, with milliseconds only where there are any."""
    moment = local(instant, zone_name)
    return moment.isoformat(timespec="milliseconds" if instant % 1000 else "seconds")
