"""Dates, numbers and lengths of time as people read them, always with their zone.

Here: one zone and one language at a time, by Babel. Not here: parsing (`core.judging.instant`) and whose zone it is
(that of the alert's region, `texts.localizer`). Instants and lengths are milliseconds. A clock time is written only
where it is known.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache

from babel.dates import format_date, format_datetime, get_day_names
from babel.numbers import format_decimal
from babel.units import format_unit

from engine.core.judging.calendar import DAYS
from engine.core.judging.instant import DAY, HOUR, MINUTE, SECOND, Instant, Millis, local
from engine.core.judging.judgement import Precision
from engine.texts.catalogue import Texts

_LOCALES = {"id": "id", "en": "en_GB"}
_UNITS = (("day", DAY), ("hour", HOUR), ("minute", MINUTE), ("second", SECOND))


def full_moment(instant: Instant, zone: str, texts: Texts, precision: Precision = "exact") -> str:
    """Write `Rabu, 27 November 2024 pukul 10.15 WIB`, `... sekitar pukul ...`, or `... (jam belum diketahui)`."""
    moment = local(instant, zone)
    day = _day(moment.date(), _locale(texts))
    if precision == "day":
        return texts("moment.day", date=day)
    form = "moment" if precision == "exact" else "moment.approx"
    return texts(form, date=day, clock=_clock(moment, texts), zone=zone)


def wall_time(moment: datetime, texts: Texts) -> str:
    """Write `27 November 2024 pukul 11.00`: the local time of no place in particular."""
    day = format_datetime(moment, "d MMMM y", locale=_locale(texts))
    return texts("moment", date=day, clock=_clock(moment, texts), zone="").strip()


def hours(hours_: str, texts: Texts) -> tuple[str, str]:
    """Write both ends of hours of the day (`06:00-22:00 local`): `06.00` and `22.00`."""
    opens, closes = (bound.replace(":", texts["clock.separator"]) for bound in (hours_[:5], hours_[6:11]))
    return opens, closes


def days(days_: str, texts: Texts) -> tuple[str, str]:
    """Write the first and the last day of days of the week (`mon..fri`): `Senin` and `Jumat`."""
    first, _, last = days_.partition("..")
    names = get_day_names("wide", locale=_locale(texts))
    return names[DAYS.index(first)], names[DAYS.index(last or first)]


def short_moment(instant: Instant, zone: str, texts: Texts, precision: Precision = "exact") -> str:
    """Write `27/11 pkl 12.40 WIT`, or `27/11` of a day; no year, since some gateways block long numbers."""
    return _brief(f"{local(instant, zone):%d/%m}", instant, zone, texts, precision)


def listed_moment(
    instant: Instant, now: Instant, zone: str, texts: Texts, precision: Precision = "exact"
) -> str:
    """Write `27/11 pkl 12.40 WIT` or `27/11 (jam belum diketahui)`, with the year where it is not that of `now`."""
    moment = local(instant, zone)
    day = f"{moment:%d/%m}" if moment.year == local(now, zone).year else f"{moment:%d/%m/%Y}"
    return (
        texts("moment.day", date=day) if precision == "day" else _brief(day, instant, zone, texts, precision)
    )


def _brief(day: str, instant: Instant, zone: str, texts: Texts, precision: Precision) -> str:
    if precision == "day":
        return day
    form = "moment.short" if precision == "exact" else "moment.short.approx"
    return texts(form, day=day, clock=clock(instant, zone, texts), zone=zone)


def near_moment(instant: Instant, now: Instant, zone: str, texts: Texts) -> str:
    """Write `pukul 10.45 WITA` where the instant is on the same local day as `now`, else the full moment."""
    if local(instant, zone).date() != local(now, zone).date():
        return full_moment(instant, zone, texts)
    return texts("moment.today", clock=clock(instant, zone, texts), zone=zone)


def clock(instant: Instant, zone: str, texts: Texts) -> str:
    """Write `10.15` (English `10:15`), without the zone, which the caller sets beside it."""
    return _clock(local(instant, zone), texts)


def _clock(moment: datetime, texts: Texts) -> str:
    return f"{moment.hour:02}{texts['clock.separator']}{moment.minute:02}"


def number(figure: float, texts: Texts) -> str:
    """Write `12.696` or `68,16` (English `12,696` and `68.16`), at most two decimals."""
    return _decimal(figure, _locale(texts))


def duration(length: Millis, texts: Texts) -> str:
    """Write a length of time in words: `30 menit`, `7 hari`, `1 jam 30 menit`."""
    words: list[str] = []
    rest = max(length, 0)
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count or (unit == "second" and not words):
            words.append(_units(count, unit, _locale(texts)))
    return " ".join(words)


def _locale(texts: Texts) -> str:
    return _LOCALES[texts.language]


# Babel takes far longer over one figure or day than all the rest of a sentence, and a message says the same ones often.


@lru_cache(maxsize=1_024)
def _decimal(figure: float, locale: str) -> str:
    return format_decimal(figure, format="#,##0.##", locale=locale)


@lru_cache(maxsize=256)
def _day(day: date, locale: str) -> str:
    return format_date(day, "EEEE, d MMMM y", locale=locale)


@lru_cache(maxsize=1_024)
def _units(count: int, unit: str, locale: str) -> str:
    return format_unit(count, f"duration-{unit}", locale=locale)
