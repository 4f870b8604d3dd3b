"""The scenario of the demo: events made from the public facts of 2024, and what a person read out of each fact."""

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

FactFigure = int | float | str


class FactReading(msgspec.Struct, frozen=True, kw_only=True):
    """One fact, read by a person.

    `channel` is who told it (docs/specification/rules.md#event-document), `stage` replaces the stage of the day,
    `incident` groups facts that clearly belong together, `role` is the office the fact names as subject, `decided` says
    that the body whose matter it is has decided (Bawaslu's finding, KPU's order to vote later or again, the Court).
    """

    channel: str = "media"
    stage: str = ""
    incident: str = ""
    role: str = ""
    decided: bool = False
    metrics: dict[str, FactFigure] = {}


CORRECTS = {"2024-09-03-11.71-correction": "2024-09-02-11.71-attack.candidate"}
"""The correction names the report it corrects, as the schema asks. It comes from the parent desk: a report of severity
4 is not taken back by its own. What follows for the alert is the engine's to say (docs/specification/rules.md#undo)."""

READINGS: dict[str, FactReading] = {
    # before the stages
    "2024-01-23-32-desk.readiness": FactReading(channel="desk"),
    "2024-03-29-00-neutrality.official": FactReading(channel="desk"),
    "2024-06-01-95.08-conflict.death": FactReading(incident="nduga-noken", metrics={"dead": 1}),
    "2024-07-02-95.08-conflict.death": FactReading(incident="nduga-noken", metrics={"dead": 3}),
    "2024-07-14-00-budget.nphd": FactReading(channel="desk", metrics={"amount_rp": 22_110_000_000_000}),
    "2024-08-26-00-policy.risk_index": FactReading(channel="bawaslu"),
    "2024-08-26-53-policy.risk_index": FactReading(channel="bawaslu", metrics={"count": 19}),
    "2024-08-26-64-policy.risk_index": FactReading(channel="bawaslu", metrics={"count": 18}),
    "2024-08-26-35-policy.risk_index": FactReading(channel="bawaslu", metrics={"count": 17}),
    "2024-08-26-73-policy.risk_index": FactReading(channel="bawaslu", metrics={"count": 16}),
    "2024-08-26-72-policy.risk_index": FactReading(channel="bawaslu", metrics={"count": 16}),
    # pencalonan
    "2024-09-02-11.71-attack.candidate": FactReading(
        incident="ledakan-banda-aceh", metrics={"dead": 0, "injured": 0}
    ),
    "2024-09-03-11.71-correction": FactReading(incident="ledakan-banda-aceh"),
    "2024-09-04-73-neutrality.asn": FactReading(channel="bawaslu", role="asn", metrics={"count": 98}),
    "2024-09-04-73.15-neutrality.asn": FactReading(channel="bawaslu", role="asn", metrics={"count": 28}),
    "2024-09-04-73.24-neutrality.asn": FactReading(channel="bawaslu", role="asn", metrics={"count": 18}),
    "2024-09-04-73.10-neutrality.asn": FactReading(channel="bawaslu", role="asn", metrics={"count": 16}),
    "2024-09-04-73.73-neutrality.asn": FactReading(channel="bawaslu", role="asn", metrics={"count": 10}),
    "2024-09-17-00-neutrality.asn": FactReading(channel="bawaslu", role="asn", metrics={"count": 400}),
    # kampanye
    "2024-10-01-74.03-conflict.unrest": FactReading(channel="desk"),
    "2024-10-04-33.18-neutrality.asn": FactReading(channel="bawaslu", role="kepala_opd"),
    "2024-10-12-82.08-accident.major": FactReading(metrics={"dead": 6}),
    "2024-10-17-33.74-neutrality.village": FactReading(channel="bawaslu", role="kades"),
    "2024-10-17-51.07-neutrality.asn": FactReading(channel="bawaslu", role="camat", decided=True),
    "2024-10-22-00-desk.readiness": FactReading(channel="desk"),
    "2024-10-23-33.74-neutrality.village": FactReading(channel="bawaslu", role="kades"),
    "2024-10-23-35.14-neutrality.village": FactReading(channel="bawaslu", role="kades", decided=True),
    "2024-10-25-12.10-neutrality.asn": FactReading(role="camat"),
    "2024-10-28-00-neutrality.village": FactReading(channel="bawaslu", role="kades", metrics={"count": 195}),
    "2024-11-04-53.06-disaster.volcano": FactReading(incident="erupsi-lewotobi"),
    "2024-11-11-18.08-logistics.shortage": FactReading(channel="kpu", metrics={"count": 2400}),
    "2024-11-12-53.07-disaster.volcano": FactReading(incident="erupsi-lewotobi"),
    "2024-11-13-53.06-disaster.volcano": FactReading(
        channel="kpu", incident="erupsi-lewotobi", metrics={"tps": 37, "voters": 13_000}
    ),
    "2024-11-16-12.03-neutrality.asn": FactReading(channel="bawaslu", role="camat"),
    "2024-11-17-35.27-conflict.death": FactReading(channel="polri"),
    "2024-11-18-52.72-conflict.unrest": FactReading(incident="kampanye-kota-bima"),
    "2024-11-18-00-desk.complaint": FactReading(channel="hotline", metrics={"count": 296}),
    "2024-11-18-53-desk.complaint": FactReading(channel="hotline", metrics={"count": 106}),
    "2024-11-18-34-desk.complaint": FactReading(channel="hotline", metrics={"count": 60}),
    "2024-11-18-32-desk.complaint": FactReading(channel="hotline", metrics={"count": 34}),
    "2024-11-18-76-desk.complaint": FactReading(channel="hotline", metrics={"count": 16}),
    "2024-11-18-81-desk.complaint": FactReading(channel="hotline", metrics={"count": 13}),
    "2024-11-20-00-desk.complaint": FactReading(channel="hotline", metrics={"count": 318}),
    "2024-11-20-00-infra.outage": FactReading(channel="bawaslu"),
    "2024-11-21-52.72-conflict.death": FactReading(incident="kampanye-kota-bima", metrics={"injured": 2}),
    # masa tenang
    "2024-11-24-53.06-disaster.volcano": FactReading(incident="erupsi-lewotobi"),
    "2024-11-24-95.06-logistics.late": FactReading(metrics={"tps": 301}),
    "2024-11-25-53.06-desk.readiness": FactReading(
        channel="desk", incident="erupsi-lewotobi", metrics={"tps": 22}
    ),
    "2024-11-25-81.08-voting.anomaly": FactReading(channel="kpu", role="kpps"),
    "2024-11-26-33.16-logistics.damaged": FactReading(channel="bawaslu", metrics={"count": 26 + 4}),
    "2024-11-26-52.06-money.politics": FactReading(channel="bawaslu", metrics={"count": 8}),
    "2024-11-26-17.02-money.politics": FactReading(channel="bawaslu", metrics={"count": 4}),
    # polling day
    "2024-11-27-00-voting.late_open": FactReading(channel="bawaslu", metrics={"tps": 5438}),
    "2024-11-27-94.02-attack.logistics": FactReading(incident="konflik-puncak-jaya"),
    "2024-11-27-94.02-conflict.clash": FactReading(incident="konflik-puncak-jaya", metrics={"injured": 94}),
    "2024-11-27-15.72-attack.logistics": FactReading(stage="hitung", metrics={"tps": 5}),
    "2024-11-27-00-money.politics": FactReading(channel="bawaslu", metrics={"count": 130}),
    "2024-11-27-12.71-voting.postponed": FactReading(
        channel="kpu", incident="banjir-sumut", decided=True, metrics={"tps": 56 + 5}
    ),
    "2024-11-27-12.07-voting.postponed": FactReading(
        channel="kpu", incident="banjir-sumut", decided=True, metrics={"tps": 30 + 1}
    ),
    "2024-11-27-12.75-voting.postponed": FactReading(
        channel="kpu", incident="banjir-sumut", decided=True, metrics={"tps": 20}
    ),
    "2024-11-27-12.09-voting.postponed": FactReading(channel="kpu", decided=True, metrics={"tps": 2}),
    "2024-11-27-12.04-logistics.damaged": FactReading(channel="kpu", decided=True, metrics={"tps": 2}),
    "2024-11-27-95.05-conflict.clash": FactReading(stage="rekap", role="pj"),
    "2024-11-27-00-logistics.shortage": FactReading(channel="bawaslu", metrics={"tps": 12_696}),
    "2024-11-27-00-logistics.swapped": FactReading(channel="bawaslu", metrics={"tps": 1073}),
    "2024-11-27-00-count.anomaly": FactReading(channel="bawaslu", stage="hitung"),
    "2024-11-27-00-intimidation.organizer": FactReading(channel="bawaslu", metrics={"tps": 87}),
    "2024-11-27-94.01-intimidation.organizer": FactReading(role="calon"),
    "2024-11-27-15.07-voting.anomaly": FactReading(channel="kpu", decided=True),
    "2024-11-27-12-disaster.flood": FactReading(
        channel="kpu", incident="banjir-sumut", metrics={"tps": 110 + 6}
    ),
    "2024-11-27-32.71-disaster.flood": FactReading(channel="bawaslu"),
    "2024-11-27-95.03-voting.postponed": FactReading(channel="kpu", decided=True, metrics={"tps": 35}),
    "2024-11-27-81.01-logistics.shortage": FactReading(channel="kpu", decided=True, metrics={"tps": 1}),
    # counting and recapitulation
    "2024-11-28-31-count.progress": FactReading(
        channel="kpu",
        stage="hitung",
        metrics={
            "tps": 14_832,
            "pct_done": 99.92,
            "turnout_pct": 53.05,
            "turnout_basis": "valid",
            "dpt": 8_214_007,
        },
    ),
    # The eight who were flown out are among the injured of the day before: no figure of their own.
    "2024-11-28-94.02-conflict.clash": FactReading(incident="konflik-puncak-jaya"),
    "2024-11-28-34.01-turnout.low": FactReading(
        channel="kpu", metrics={"turnout_pct": 73.89, "turnout_basis": "valid", "baseline_pct": 79.2}
    ),
    "2024-11-28-00-staff.casualty": FactReading(metrics={"dead": 7}),
    "2024-11-28-35-count.progress": FactReading(channel="kpu", stage="hitung", metrics={"tps": 60_404}),
    "2024-11-29-00-voting.rerun": FactReading(
        channel="kpu", stage="pungut", decided=True, metrics={"tps": 287, "voters": 132_286}
    ),
    "2024-11-29-00-count.progress": FactReading(channel="kpu", metrics={"pct_done": 97.85}),
    "2024-11-29-00-turnout.low": FactReading(channel="kpu", metrics={"turnout_pct": 68.16}),
    "2024-11-29-12-turnout.low": FactReading(channel="kpu", metrics={"turnout_pct": 55.6}),
    "2024-11-29-31-turnout.low": FactReading(channel="kpu", metrics={"turnout_pct": 57.6}),
    "2024-11-29-73.04-voting.anomaly": FactReading(role="kpps", incident="rekapitulasi-kelara"),
    "2024-12-01-73.04-conflict.unrest": FactReading(incident="rekapitulasi-kelara"),
    "2024-12-02-00-voting.rerun": FactReading(
        channel="kpu", stage="pungut", decided=True, metrics={"tps": 456}
    ),
    "2024-12-03-32.76-turnout.low": FactReading(channel="kpu", metrics={"turnout_pct": 62}),
    "2024-12-03-00-neutrality.asn": FactReading(channel="bawaslu", role="asn", metrics={"count": 433}),
    "2024-12-04-00-neutrality.village": FactReading(channel="bawaslu", role="kades", metrics={"count": 147}),
    "2024-12-04-36-neutrality.village": FactReading(channel="bawaslu", role="kades", metrics={"count": 20}),
    "2024-12-04-74-neutrality.village": FactReading(channel="bawaslu", role="kades", metrics={"count": 16}),
    "2024-12-04-18-neutrality.village": FactReading(channel="bawaslu", role="kades", metrics={"count": 12}),
    "2024-12-04-35-neutrality.village": FactReading(channel="bawaslu", role="kades", metrics={"count": 12}),
    "2024-12-04-32-neutrality.village": FactReading(channel="bawaslu", role="kades", metrics={"count": 10}),
    "2024-12-04-33.23-turnout.reading": FactReading(
        channel="kpu", metrics={"turnout_pct": 84.8, "baseline_pct": 85}
    ),
    "2024-12-04-31.75-turnout.low": FactReading(channel="kpu", metrics={"turnout_pct": 60.04}),
    "2024-12-05-31.71-turnout.low": FactReading(channel="kpu", metrics={"turnout_pct": 55.98}),
    "2024-12-05-19.01-turnout.low": FactReading(channel="kpu", metrics={"turnout_pct": 52.15}),
    "2024-12-13-00-turnout.reading": FactReading(channel="kpu", metrics={"turnout_pct": 71}),
    # disputes
    "2025-02-03-00-staff.casualty": FactReading(metrics={"dead": 183}),
    "2025-02-24-00-result.dispute": FactReading(decided=True, metrics={"count": 24}),
    "2025-03-03-94.02-conflict.death": FactReading(incident="konflik-puncak-jaya", metrics={"dead": 1}),
    "2025-04-04-94.02-conflict.death": FactReading(
        incident="konflik-puncak-jaya", metrics={"dead": 12, "injured": 658}
    ),
}


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
    """Return one event a fact, by the schema, in the order of events: instant, desk, id.

    Specification: docs/specification/rules.md#event-document.
    """
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
    reading = READINGS.get(identity, FactReading())
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
