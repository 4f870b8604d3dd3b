"""The scenario of 2024: every fact is an event of the schema, and nothing in it is invented."""

import json
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from engine.core.judging.region import RegionTable
from engine.demo.scenario import CORRECTS, READINGS, event_id, load_facts, make_scenario, write_scenario
from engine.documents.kinds import load_kinds
from engine.documents.regions import load_regions
from engine.errors import ParseError

FACTS = load_facts(Path("config/demo/pilkada-2024-facts.csv"))
COMMITTED = Path("config/demo/pilkada-2024.jsonl")
OFFSETS = {"WIB": timedelta(hours=7), "WITA": timedelta(hours=8), "WIT": timedelta(hours=9)}
FIELDS = {
    "id",
    "kind",
    "severity",
    "region",
    "occurred_at",
    "received_at",
    "time_precision",
    "stage",
    "source",
    "verification",
    "corrects",
    "incident",
    "subject",
    "metrics",
    "summary",
    "details_ref",
}
METRICS = {
    "dead",
    "injured",
    "displaced",
    "tps",
    "voters",
    "turnout_pct",
    "turnout_basis",
    "baseline_pct",
    "dpt",
    "pct_done",
    "amount_rp",
    "count",
}
SAID_OTHERWISE = {
    ("2024-07-14-00-budget.nphd", "amount_rp"): "Rp22,11 triliun",
    ("2024-09-02-11.71-attack.candidate", "dead"): "tanpa korban",
    ("2024-09-02-11.71-attack.candidate", "injured"): "tanpa korban",
    ("2024-11-26-33.16-logistics.damaged", "count"): "26 kotak suara basah dan 4 tidak tersegel",
    ("2024-11-27-12.71-voting.postponed", "tps"): "56 TPS susulan + 5 lanjutan",
    ("2024-11-27-12.07-voting.postponed", "tps"): "30 TPS susulan + 1 lanjutan",
    ("2024-11-27-12-disaster.flood", "tps"): "110 TPS susulan dan 6 TPS lanjutan",
    ("2024-11-28-31-count.progress", "turnout_basis"): "suara sah 4.357.512 / DPT",
    ("2024-11-28-34.01-turnout.low", "turnout_basis"): "dihitung dari suara sah",
}
"""Figures that do not stand in the fact as a number, and the words that state them."""


@pytest.fixture(scope="module")
def regions() -> RegionTable:
    return load_regions(Path("config/regions.csv"))


@pytest.fixture(scope="module")
def events(regions: RegionTable) -> dict[str, dict]:
    return {event["id"]: event for event in make_scenario(FACTS, regions)}


def fact(**changes: str) -> dict[str, str]:
    return {
        "date": "2024-11-27",
        "time": "",
        "region_code": "73.15",
        "kind": "conflict.clash",
        "severity": "3",
        "fact": "Bentrok",
        "source": "https://a.example/1 | https://b.example/2",
    } | changes


def test_the_committed_scenario_is_what_the_facts_make(regions: RegionTable, tmp_path: Path) -> None:
    write_scenario(make_scenario(FACTS, regions), tmp_path / "made.jsonl")
    assert COMMITTED.read_bytes() == (tmp_path / "made.jsonl").read_bytes()


def test_the_order_of_the_facts_does_not_matter(regions: RegionTable) -> None:
    assert make_scenario(reversed(FACTS), regions) == make_scenario(FACTS, regions)


def test_every_fact_is_one_event_with_its_text_and_first_source(events: dict[str, dict]) -> None:
    assert len(events) == len(FACTS) == 115
    for row in FACTS:
        event = events[event_id(row)]
        assert event["summary"] == row["fact"]
        assert row["source"].startswith(event["details_ref"])
        assert event["details_ref"].startswith("https://")
        assert (event["kind"], str(event["severity"])) == (row["kind"], row["severity"])


def test_events_are_of_the_schema(events: dict[str, dict]) -> None:
    kinds = load_kinds(Path("config/kinds.yaml"))
    for event in events.values():
        assert set(event) <= FIELDS
        assert event["kind"] in kinds
        assert event["severity"] in {1, 2, 3, 4}
        desk = "11" if event["kind"] == "correction" else event["region"]
        assert event["source"] == {"desk": desk, "channel": event["source"]["channel"]}
        assert event["source"]["channel"] in {"desk", "hotline", "bawaslu", "kpu", "polri", "media", "system"}
        assert event["verification"] in {"unverified", "verified", "refuted"}
        assert event["time_precision"] in {"exact", "approx", "day"}
        assert event.get("stage", "pungut") in {
            "pencalonan",
            "kampanye",
            "masa_tenang",
            "pungut",
            "hitung",
            "rekap",
            "sengketa",
        }
        assert set(event.get("metrics", {})) <= METRICS
        assert len(event["summary"]) <= 280


def test_times_carry_the_offset_of_their_region(events: dict[str, dict], regions: RegionTable) -> None:
    for event in events.values():
        offset = datetime.fromisoformat(event["occurred_at"]).utcoffset()
        assert offset == OFFSETS[regions.get(event["region"]).zone]
        assert event["received_at"] == event["occurred_at"]


def test_events_stand_in_the_order_of_their_instants(events: dict[str, dict]) -> None:
    instants = [datetime.fromisoformat(event["occurred_at"]) for event in events.values()]
    assert instants == sorted(instants)


@pytest.mark.parametrize(
    ("time", "occurred_at", "precision"),
    [
        ("", "2024-11-27T12:00:00+08:00", "day"),
        ("12:40 WITA", "2024-11-27T12:40:00+08:00", "exact"),
        ("~18:00 WITA", "2024-11-27T18:00:00+08:00", "approx"),
        ("07:00 local", "2024-11-27T07:00:00+08:00", "exact"),
        ("23:30 WIT", "2024-11-27T22:30:00+08:00", "exact"),
    ],
)
def test_a_time_is_read_with_its_precision(
    regions: RegionTable, time: str, occurred_at: str, precision: str
) -> None:
    (event,) = make_scenario([fact(time=time)], regions)
    assert (event["occurred_at"], event["time_precision"]) == (occurred_at, precision)


def test_seven_local_of_the_nation_is_wib(regions: RegionTable) -> None:
    (event,) = make_scenario([fact(time="07:00 local", region_code="00")], regions)
    assert event["occurred_at"] == "2024-11-27T07:00:00+07:00"


@pytest.mark.parametrize("broken", [{"time": "7 pagi"}, {"region_code": "99.99"}])
def test_what_cannot_be_read_is_refused(regions: RegionTable, broken: dict[str, str]) -> None:
    with pytest.raises(ParseError):
        make_scenario([fact(**broken)], regions)


@pytest.mark.parametrize(
    ("day", "stage"),
    [
        ("2024-08-26", None),
        ("2024-08-27", "pencalonan"),
        ("2024-09-24", "pencalonan"),
        ("2024-11-23", "kampanye"),
        ("2024-11-24", "masa_tenang"),
        ("2024-11-27", "pungut"),
        ("2024-11-28", "rekap"),
        ("2025-04-04", "sengketa"),
    ],
)
def test_the_stage_is_that_of_the_local_day(regions: RegionTable, day: str, stage: str | None) -> None:
    (event,) = make_scenario([fact(date=day)], regions)
    assert event.get("stage") == stage


def test_every_reading_is_of_a_fact() -> None:
    ids = {event_id(row) for row in FACTS}
    assert set(READINGS) <= ids
    assert set(CORRECTS) | set(CORRECTS.values()) <= ids


@pytest.mark.parametrize("identity", [key for key, reading in READINGS.items() if reading.metrics])
def test_every_figure_is_stated_by_its_fact(identity: str) -> None:
    (text,) = (row["fact"] for row in FACTS if event_id(row) == identity)
    numbers = {number.rstrip(".,") for number in re.findall(r"\d[\d.,]*", text)}
    for name, figure in READINGS[identity].metrics.items():
        said = SAID_OTHERWISE.get((identity, name))
        if said:
            assert said in text
        else:
            written = {str(figure), f"{figure:,}".replace(",", "."), f"{figure:.2f}".replace(".", ",")}
            written.add(str(figure).replace(".", ","))
            assert written & numbers, (name, figure, text)


def test_one_incident_is_one_place_or_one_disaster(events: dict[str, dict]) -> None:
    provinces: dict[str, set[str]] = {}
    for event in events.values():
        if "incident" in event:
            provinces.setdefault(event["incident"], set()).add(event["region"][:2])
    assert len(provinces) == 7
    assert {incident for incident, found in provinces.items() if len(found) > 1} == set()


def test_the_correction_names_the_report_it_corrects(events: dict[str, dict]) -> None:
    correction = events["2024-09-03-11.71-correction"]
    corrected = events[correction["corrects"]]
    assert corrected["kind"] == "attack.candidate"
    assert (corrected["source"]["desk"], correction["source"]["desk"]) == ("11.71", "11")
    assert [event["id"] for event in events.values() if "corrects" in event] == [correction["id"]]


def test_lines_are_json_and_ascii() -> None:
    lines = COMMITTED.read_text(encoding="ascii").splitlines()
    assert len([json.loads(line) for line in lines]) == 115
