"""One cell of a sheet as people fill it in: dates, times and numbers the Indonesian way and the others.

Here: reading single values. Not here: rows (`documents.sheets.event_sheet`). Each reader takes a cell and returns its
value, or raises `Unreadable` with the code of what is wrong (`event_columns.yaml`).
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from engine.core.judging.instant import ZONES
from engine.documents.sheets.sheet import Cell

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "januari january jan",
            "februari february feb pebruari",
            "maret march mar",
            "april apr",
            "mei may",
            "juni june jun",
            "juli july jul",
            "agustus august agu agt aug",
            "september sep sept",
            "oktober october okt oct",
            "november nov nop nopember",
            "desember december des dec",
        ),
        start=1,
    )
    for name in names.split()
}
_DAY_FIRST = re.compile(r"(\d{1,2})[/.\- ](\d{1,2})[/.\- ](\d{4})", re.ASCII)
_YEAR_FIRST = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})", re.ASCII)
_NAMED = re.compile(r"(\d{1,2})[ -]([a-z]+)[ -](\d{4})", re.ASCII)
_TIME = re.compile(r"(?:pukul |pkl\.? )?(\d{1,2})[.:](\d{2})(?:[.:](\d{2}))? ?(wib|wita|wit)?", re.ASCII)
_MOMENT = re.compile(r"(.*?\d{4}|\d{4}-\d{1,2}-\d{1,2})[ t]+(.*)", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,15}(?:[.,]\d{1,9})?", re.ASCII)
_GROUPED = re.compile(r"-?\d{1,3}(?:\.\d{3})+(?:,\d{1,9})?|-?\d{1,3}(?:,\d{3})+(?:\.\d{1,9})?", re.ASCII)


_ANY_DAY = date(2000, 1, 1)


class ClockTime(NamedTuple):
    """A time of day, and the zone where one was written (WIB, WITA, WIT)."""

    time: time
    zone: str = ""


class Unreadable(ValueError):
    """The cell is not what its column asks for; holds the code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def text_of(cell: Cell) -> str:
    """Return a cell as its spreadsheet shows it, as far as that matters: whole numbers without a point."""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return cell.isoformat() if isinstance(cell, date | time) else str(cell)


def code_text(cell: Cell) -> str:
    """Return a region code or number of a report; a spreadsheet takes `73.10` for a number and shows 73.1."""
    if isinstance(cell, float) and not cell.is_integer() and 0 < cell < 100 and round(cell, 2) == cell:
        return f"{cell:05.2f}"
    return text_of(cell)


def day_of(cell: Cell) -> tuple[date, ClockTime | None]:
    """Read a date, with the time of day where it stands in the same cell."""
    if isinstance(cell, datetime):
        moment = _to_the_second(cell)
        return moment.date(), ClockTime(moment.time()) if moment.time() != time() else None
    if isinstance(cell, date):
        return cell, None
    if not isinstance(cell, str):
        raise Unreadable("not_a_date")
    said = " ".join(cell.casefold().replace(",", " ").split())
    said = said.partition(" ")[2] if said[:1].isalpha() else said  # the day of the week says nothing new
    both = _MOMENT.fullmatch(said)
    day, rest = both.groups() if both else (said, "")
    return _day(day), clock_time_of(rest) if rest else None


def _day(said: str) -> date:
    try:
        if found := _DAY_FIRST.fullmatch(said):
            return date(int(found[3]), int(found[2]), int(found[1]))
        if found := _YEAR_FIRST.fullmatch(said):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if (found := _NAMED.fullmatch(said)) and found[2] in _MONTHS:
            return date(int(found[3]), _MONTHS[found[2]], int(found[1]))
    except ValueError:
        pass
    raise Unreadable("not_a_date")


def clock_time_of(cell: Cell) -> ClockTime:
    """Read a time of day: `08.10`, `08:10`, `pukul 08.10 WITA`, or what a spreadsheet keeps of it."""
    if isinstance(cell, datetime | time):
        moment = cell if isinstance(cell, datetime) else datetime.combine(_ANY_DAY, cell)
        return ClockTime(_to_the_second(moment).time())
    seconds = cell.total_seconds() if isinstance(cell, timedelta) else None
    if isinstance(cell, float) and 0 <= cell < 1:
        seconds = round(cell * 86_400)
    if seconds is not None and 0 <= seconds < 86_400:
        whole = min(round(seconds), 86_399)
        return ClockTime(time(whole // 3600, whole // 60 % 60, whole % 60))
    found = _TIME.fullmatch(" ".join(cell.casefold().split())) if isinstance(cell, str) else None
    if found is not None:
        zone = (found[4] or "").upper()
        if zone in ("", *ZONES) and int(found[1]) < 24 and int(found[2]) < 60 and int(found[3] or 0) < 60:
            return ClockTime(time(int(found[1]), int(found[2]), int(found[3] or 0)), zone)
    raise Unreadable("not_a_time")


def _to_the_second(moment: datetime) -> datetime:
    """Round to the second: spreadsheets keep times as fractions of a day, in which 08.10 is 08.09.59,999."""
    if moment.microsecond >= 500_000 and moment.year < 9999:
        moment += timedelta(seconds=1)
    return moment.replace(microsecond=0, tzinfo=None)


def number_of(cell: Cell) -> int | float:
    """Read a number: `12`, `12.696`, `68,16`, `68.16`; what could be thousands or decimals is refused."""
    if isinstance(cell, bool) or not isinstance(cell, int | float | str):
        raise Unreadable("not_a_number")
    if isinstance(cell, str):
        said = cell.replace(" ", "").removesuffix("%").removeprefix("Rp")
        return _written(said)
    if cell != cell or cell in (float("inf"), float("-inf")):  # noqa: PLR0124 -- the one number unlike itself
        raise Unreadable("not_a_number")
    return int(cell) if float(cell).is_integer() else cell


def _written(said: str) -> int | float:
    if _NUMBER.fullmatch(said):
        whole, sign, decimals = said.partition("," if "," in said else ".")
        if not sign:
            return int(whole)
        if len(decimals) == 3 and 1 <= len(whole.lstrip("-")) <= 3 and whole.lstrip("-")[0] != "0":
            if sign == ",":
                raise Unreadable("number_ambiguous")
            return int(whole + decimals)
        return float(f"{whole}.{decimals}")
    if _GROUPED.fullmatch(said):
        thousands, decimal = (".", ",") if said.find(".") < said.find(",") or "," not in said else (",", ".")
        plain = said.replace(thousands, "").replace(decimal, ".")
        return float(plain) if "." in plain else int(plain)
    raise Unreadable("not_a_number")


def whole_of(cell: Cell) -> int:
    """Read a whole number."""
    found = number_of(cell)
    if isinstance(found, float):
        raise Unreadable("not_whole")
    return found
