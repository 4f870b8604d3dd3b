"""Readers of times: durations, instants, days, hours of the day.

Here: what forms of docs/specification/rules.md#values a file may use for a time. Not here: other values
(`documents.fields`). Instants are milliseconds UTC, durations milliseconds.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from zoneinfo import ZoneInfoNotFoundError

from engine.core.judging.calendar import DAYS
from engine.core.judging.instant import (
    DAY,
    ZONES,
    Instant,
    Millis,
    format_duration,
    from_datetime,
    parse_duration,
    parse_instant,
    zone,
)
from engine.documents.fields import CLOCK, LIKE_NUMBER, Take, scalar, text
from engine.documents.finding import Findings
from engine.documents.yaml_tree import Node, ScalarNode
from engine.errors import ParseError

LONGEST: Millis = 5 * 366 * DAY
"""No window or wait is longer than five years."""
YEARS = ("1970", "2200")
"""Instants and days lie between these years, the first included."""
_HOURS = re.compile(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d local", re.ASCII)
_SPOKEN = re.compile(r"(\d{1,6}) *([A-Za-z]+)", re.ASCII)
_UNITS = {
    word: (number, unit)
    for words, number, unit in (
        ("detik second seconds sec s", 1, "s"),
        ("menit minute minutes min mnt m", 1, "m"),
        ("jam hour hours h", 1, "h"),
        ("hari day days d", 1, "d"),
        ("minggu pekan week weeks w", 7, "d"),
        ("bulan month months", 30, "d"),
    )
    for word in words.split()
}
"""How people write a unit, and what it is in the language."""
_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_LOCAL = re.compile(r"(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}(?::\d{2})?) +([A-Za-z_/+-]+\d?)", re.ASCII)
_BARE = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2})?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def duration(minimum: Millis = 0) -> Take[Millis]:
    """Return a reader of durations such as `30m` of at least `minimum` milliseconds."""

    def read(node: Node, findings: Findings) -> Millis:
        found = scalar(node, findings)
        try:
            length = parse_duration(found.text) if len(found.text) <= 40 else LONGEST + 1
        except ParseError:
            if (spoken := _SPOKEN.fullmatch(found.text)) and (unit := _UNITS.get(spoken[2].lower())):
                instead = f"{int(spoken[1]) * unit[0]}{unit[1]}"
                raise findings.unusable(
                    "duration_in_words", found.mark, text=found.text, instead=instead
                ) from None
            code = "duration_without_unit" if LIKE_NUMBER.fullmatch(found.text) else "not_a_duration"
            raise findings.unusable(code, found.mark, text=found.text) from None
        if length > LONGEST:
            raise findings.unusable("duration_too_long", found.mark, text=found.text)
        if length < minimum:
            raise findings.unusable(
                "duration_too_short", found.mark, text=found.text, minimum=format_duration(minimum)
            )
        return length

    return read


def instant(node: Node, findings: Findings) -> Instant:
    """Take an instant: RFC 3339 with offset, or local time with the name of a zone."""
    found = scalar(node, findings)
    local_time = _LOCAL.fullmatch(found.text)
    try:
        if not YEARS[0] <= found.text <= YEARS[1]:
            raise ParseError("too far away for arithmetic with offsets")  # noqa: TRY301
        if not local_time:
            return parse_instant(found.text)[0]
        day, clock, zone_name = local_time.groups()
        if zone_name == "local":
            raise findings.unusable("local_has_no_zone", found.mark, text=found.text)
        return from_datetime(datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=zone(zone_name)))
    except (ParseError, ValueError, ZoneInfoNotFoundError, OSError):
        raise findings.unusable(
            "not_an_instant", found.mark, text=found.text, zones=", ".join(ZONES)
        ) from None


def local_or_instant(node: Node, findings: Findings) -> datetime | Instant:
    """Take an instant, or a local time of any region (`2024-11-27 00:00 local`) as a datetime without zone."""
    found = scalar(node, findings)
    local_time = _LOCAL.fullmatch(found.text)
    if local_time is None or local_time[3] != "local":
        return instant(node, findings)
    instant(ScalarNode(f"{local_time[1]} {local_time[2]} UTC", plain=found.plain, mark=found.mark), findings)
    return datetime.fromisoformat(f"{local_time[1]}T{local_time[2]}")


def local_instant(zone_name: str) -> Take[Instant]:
    """Return a reader of instants that are local to a zone (`2024-11-27 06:00`) unless they name another."""

    def read(node: Node, findings: Findings) -> Instant:
        found = scalar(node, findings)
        bare = re.fullmatch(_BARE, found.text)
        if bare is None:
            return instant(node, findings)
        return instant(ScalarNode(f"{bare[0]} {zone_name}", plain=found.plain, mark=found.mark), findings)

    return read


def day(node: Node, findings: Findings) -> date:
    """Take a calendar day such as `2024-11-26`."""
    found = scalar(node, findings)
    try:
        if _DAY.fullmatch(found.text) and YEARS[0] <= found.text <= YEARS[1]:
            return date.fromisoformat(found.text)
    except ValueError:
        pass
    raise findings.unusable("not_a_day", found.mark, text=found.text)


def clock_time(node: Node, findings: Findings) -> str:
    """Take a quoted time of day such as `"06:00"`."""
    found = scalar(node, findings)
    if found.plain and CLOCK.fullmatch(found.text):
        raise findings.unusable("unquoted_time", found.mark, text=found.text)
    if not _TIME_OF_DAY.fullmatch(found.text):
        raise findings.unusable("not_a_time", found.mark, text=found.text)
    return found.text


def hours(node: Node, findings: Findings) -> str:
    """Take hours of the day such as `22:00-05:00 local` (start included, end not; may pass midnight)."""
    found = text(node, findings)
    if not _HOURS.fullmatch(found) or found[:5] == found[6:11]:
        raise findings.unusable("not_hours", node.mark, text=found)
    return found


def days(node: Node, findings: Findings) -> str:
    """Take days of the week: one such as `sat`, or a span such as `mon..fri`."""
    found = text(node, findings)
    first, _, last = found.partition("..")
    if first not in DAYS or (".." in found and last not in DAYS):
        raise findings.unusable("not_days", node.mark, text=found)
    return found
