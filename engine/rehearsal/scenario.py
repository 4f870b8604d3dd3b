"""The scenario of the demo: events made from the public facts of a past election.

Here: how a line of a facts file becomes an event as a desk would send it; always the same, and nothing invented. Not
here: what a person read out of single facts (`rehearsal.pilkada_2024`) or sending the events (`rehearsal.replay`).

A facts file is a CSV of `date` (local), `time` (`12:40 WIT`, `~18:00 WIB`, `07:00 local` or empty), `region_code`,
`kind`, `severity` (1-4), `fact` and `source` (addresses separated by ` | `; the first becomes `details_ref`).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import msgspec

from engine.core.judging.instant import Instant, format_instant, from_datetime, zone
from engine.core.judging.region import Region, RegionTable
from engine.errors import ParseError
from engine.rehearsal.pilkada_2024 import CORRECTS, READINGS, Reading

NOON = time(12)
"""A fact without a clock time is said to occur at noon of its region, with `time_precision: day`."""

STAGES = (
    (date(2024, 8, 27), "pencalonan"),
    (date(2024, 9, 25), "kampanye"),
    (date(2024, 11, 24), "masa_tenang"),
    (date(2024, 11, 27), "pungut"),
    (date(2024, 11, 28), "rekap"),
    (date(2024, 12, 17), "sengketa"),
)
"""First day of each stage (local dates, PKPU 2/2024); the preparation before the first has no name in the schema."""

_TIME = re.compile(r"(?P<approx>~?)(?P<clock>\d{2}:\d{2}) (?P<zone>WIB|WITA|WIT|local)", re.ASCII)
_ENCODER = msgspec.json.Encoder()


def load_facts(path: Path) -> list[dict[str, str]]:
    """Read a facts file, one mapping a line."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def make_scenario(facts: Iterable[Mapping[str, str]], regions: RegionTable) -> list[dict[str, Any]]:
    """Return one event a fact, by the schema of domain.md 7.1, in the order of events: instant, desk, id."""
    return [event for _, event in sorted((_event(fact, regions) for fact in facts), key=_order)]


def write_scenario(events: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Write events as NDJSON, one a line."""
    path.write_bytes(b"".join(_ENCODER.encode(event) + b"\n" for event in events))


def event_id(fact: Mapping[str, str]) -> str:
    """Return the id of the event made from a fact; day, region and kind tell the facts apart."""
    return f"{fact['date']}-{fact['region_code']}-{fact['kind']}"


def _event(fact: Mapping[str, str], regions: RegionTable) -> tuple[Instant, dict[str, Any]]:
    region = regions.get(fact["region_code"])
    if region is None:
        raise ParseError(f"region {fact['region_code']!r} of the fact {event_id(fact)} is not in the table")
    identity = event_id(fact)
    reading = READINGS.get(identity, Reading())
    moment, precision = _moment(fact, region)
    instant = from_datetime(moment)
    occurred_at = format_instant(instant, region.timezone)
    event = {
        "id": identity,
        "kind": fact["kind"],
        "severity": int(fact["severity"]),
        "region": region.code,
        "occurred_at": occurred_at,
        "received_at": occurred_at,
        "time_precision": precision,
        "stage": reading.stage or _stage(moment.date()),
        "source": {
            "desk": region.parent if identity in CORRECTS else region.code,
            "channel": reading.channel,
        },
        "verification": "verified" if reading.decided else "unverified",
        "corrects": CORRECTS.get(identity),
        "incident": reading.incident,
        "subject": {"role": reading.role} if reading.role else None,
        "metrics": reading.metrics,
        "summary": fact["fact"],
        "details_ref": fact["source"].split(" | ")[0],
    }
    return instant, {key: value for key, value in event.items() if value not in (None, "", {})}


def _order(dated: tuple[Instant, dict[str, Any]]) -> tuple[Instant, str, str]:
    instant, event = dated
    return instant, event["source"]["desk"], event["id"]


def _moment(fact: Mapping[str, str], region: Region) -> tuple[datetime, str]:
    """Return when a fact occurred, in a zone, and how exactly that is known (`exact`, `approx` or `day`)."""
    day = date.fromisoformat(fact["date"])
    if not fact["time"]:
        return datetime.combine(day, NOON, zone(region.timezone)), "day"
    found = _TIME.fullmatch(fact["time"])
    if found is None:
        raise ParseError(f"{fact['time']!r} is not a time such as 12:40 WIT, ~18:00 WIB or 07:00 local")
    # "local" of the nation is WIB, its zone in the table.
    zone_name = region.timezone if found["zone"] == "local" else found["zone"]
    clock = time.fromisoformat(found["clock"])
    return datetime.combine(day, clock, zone(zone_name)), "approx" if found["approx"] else "exact"


def _stage(day: date) -> str:
    """Return the stage of a local day, empty before the first."""
    return next((stage for first, stage in reversed(STAGES) if first <= day), "")
