"""Who must report: desks, named lists, filters over the table of regions, and mistakes in rules that wait for them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from engine.core.judging.condition import Deadline, ExpectedMember, SilenceCondition
from engine.core.judging.instant import Instant, from_datetime, zone
from engine.core.judging.region import RegionTable
from engine.core.judging.rule import Rule
from engine.documents.desks import DeskEntry, activation, load_desks, load_expected
from engine.documents.reference_data import ReferenceData
from engine.documents.regions import load_regions
from engine.documents.rules.rules import read_rules
from engine.store.codec import decode, encode
from tests.unit.documents.test_every_code import KNOWN as NAMES
from tests.unit.documents.test_every_code import found, rule

ROOT = Path(__file__).parents[3]
REGIONS = load_regions(ROOT / "config/regions.csv")
KNOWN = msgspec.structs.replace(NAMES, expected={"pelapor": (ExpectedMember("73.15"),), "kosong": ()})
HERE = msgspec.structs.replace(NAMES, regions=REGIONS, roster=None, desks=(DeskEntry(region="73"),))


def at(text: str, zone_name: str) -> Instant:
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=zone(zone_name)))


def silent(
    expected_from: str, per: str = "regency", known: ReferenceData = HERE
) -> tuple[ExpectedMember, ...]:
    """The members of a rule of silence."""
    text = rule(alert_when=f"{{silence: {{for: 2h, expected_from: {expected_from}}}}}", per=per)
    (one,) = read_rules([("r.yaml", text.encode())], known).expect()
    assert isinstance(one.condition, SilenceCondition)
    return one.condition.expected.members


@pytest.mark.parametrize(
    ("code", "keys", "place"),
    [
        ("unknown_roster", {"alert_when": "{silence: {for: 2h, expected_from: pelapr}}"}, (11, 52)),
        ("nobody_expected", {"alert_when": "{silence: {for: 2h, expected_from: kosong}}"}, (11, 17)),
        ("seen_too_short", {"alert_when": "{silence: {for: 2h, expected_from: {seen: 2h}}}"}, (11, 52)),
        ("duration_too_short", {"alert_when": "{silence: {for: 0s, expected_from: pelapor}}"}, (11, 33)),
        ("unknown_field", {"alert_when": "{silence: {for: 2h, expected_from: {zona: WITA}}}"}, (11, 53)),
        (
            "deadline_seen",
            {"alert_when": '{deadline: {by: "2024-11-27 18:00 local", expected_from: {seen: 7d}}}'},
            (11, 74),
        ),
        (
            "expected_per",
            {
                "alert_when": "{silence: {for: 2h, expected_from: regions}}",
                "per": "[regency, incident]",
            },
            (13, 10),
        ),
        (
            "limit_never_met",
            {
                "alert_when": "{silence: {for: 9h, expected_from: pelapor}}",
                "active": "{hours: 22:00-06:00 local}",
            },
            (13, 13),
        ),
        (
            "clear_on_wrong_side",
            {"alert_when": "{silence: {for: 2h, expected_from: pelapor}}", "clear_when": "{at_most: 3h}"},
            (13, 17),
        ),
        (
            "level_hides_lower",
            {
                "alert_when": "{silence: {for: 2h, expected_from: pelapor}}",
                "level": "{siaga: always, awas: {at_least: 2h}}",
            },
            (9, 12),
        ),
    ],
)
def test_a_mistake_about_what_does_not_come(code: str, keys: dict[str, str], place: tuple[int, int]):
    findings = read_rules([("r.yaml", rule(**keys).encode())], KNOWN).findings
    assert found(findings) == [(code, place)]


def test_a_misspelt_list_is_guessed():
    text = rule(alert_when="{silence: {for: 2h, expected_from: pelapr}}")
    (finding,) = read_rules([("r.yaml", text.encode())], KNOWN).findings
    assert "pelapor" in finding.text("id").suggestion


def test_regions_are_those_that_hold_an_election_under_an_activated_desk():
    """Law: docs/specification/rules.md#rosters."""
    members = silent("regions")
    assert len(members) == sum(r.code.startswith("73.") and r.election_local for r in REGIONS) == 24
    assert ExpectedMember("73.15") in members
    assert [member.group for member in silent("regions", per="province")] == ["73"]


def test_without_desks_nobody_is_expected():
    assert silent("regions", known=msgspec.structs.replace(HERE, desks=())) == ()


def test_a_filter_asks_the_table_of_regions():
    assert {m.group for m in silent('{zone: WIT, noken: true, any: [{region: ["95", "96"]}]}')} <= {
        region.code for region in REGIONS if region.noken and region.code[:2] in ("95", "96")
    }  # fmt: skip
    names = {
        member.group
        for member in silent('{name: {matches: "^Kota "}, region: "73", unless: {code: "73.71"}}')
    }
    assert names == {"73.72", "73.73"}
    assert [m.group for m in silent('{code: ["73*"]}', per="province")] == ["73"]


def test_the_narrowest_desk_holds_and_its_times_are_local():
    opening = datetime.fromisoformat("2024-11-24")
    desks = (
        DeskEntry(region="00", since=opening),
        DeskEntry(region="73.15", until=opening),
        DeskEntry(region="73", since=7),
    )
    assert activation(desks, "81.71", REGIONS) == (at("2024-11-24", "WIT"), None)
    assert activation(desks, "73.15", REGIONS) == (None, at("2024-11-24", "WITA"))
    assert activation(desks, "73.16", REGIONS) == (7, None)
    assert activation(desks[1:], "81.71", REGIONS) is None
    assert activation(desks, "81.71", None) == (at("2024-11-24", "WIT"), None)


def test_the_shipped_files_are_read():
    assert load_desks(ROOT / "config/desks.yaml", REGIONS).expect() == ()
    lists = load_expected(ROOT / "config/expected.yaml", REGIONS).expect()
    assert [member.group for member in lists["contoh_tiga_desk"]] == ["73.15", "73.16", "73.17"]


def test_members_of_a_list_have_their_own_times(tmp_path: Path):
    file = tmp_path / "expected.yaml"
    file.write_text('version: 1\nexpected: {a: [desk-1, {group: "73.15", from: "2024-11-27 06:00 local"}]}\n')
    lists = load_expected(file, REGIONS).expect()
    assert lists == {"a": (ExpectedMember("desk-1"), ExpectedMember("73.15", at("2024-11-27 06:00", "WITA")))}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('desks: [{region: "73"}, {region: "73"}]', "region_twice"),
        ('desks: [{region: "73.99"}]', "unknown_region"),
        ("desks: [{region: 73.15}]", "unquoted_region"),
        (
            'desks: [{region: "73", from: "2024-11-28 00:00 local", until: "2024-11-27 00:00 local"}]',
            "until_before_from",
        ),
    ],
)
def test_a_mistake_in_the_desks(text: str, code: str, tmp_path: Path):
    file = tmp_path / "desks.yaml"
    file.write_text(f"version: 1\n{text}\n")
    assert code in [finding.code for finding in load_desks(file, REGIONS).findings]


def test_a_deadline_keeps_its_local_hour():
    text = rule(alert_when='{deadline: {by: "2024-11-27 18:00 local", expected_from: pelapor}}')
    (one,) = read_rules([("r.yaml", text.encode())], KNOWN).expect()
    assert isinstance(one.condition, Deadline)
    assert one.condition.by == datetime.fromisoformat("2024-11-27T18:00")


def test_a_table_of_no_regions_knows_zones_all_the_same():
    assert RegionTable(()).timezone("81.71") == "Asia/Jayapura"
    assert all(RegionTable(()).timezone(region.code) == region.timezone for region in REGIONS)


def test_rules_with_local_bounds_and_members_are_kept_by_the_store():
    """What a file says is what the evaluator reads from the store, naive datetimes too."""
    text = rule(
        alert_when='{deadline: {by: "2024-11-27 18:00 local", expected_from: regions}}',
        per="regency",
        active='{from: "2024-11-24 00:00 local", days: mon..fri}',
    )
    (one,) = read_rules([("r.yaml", text.encode())], HERE).expect()
    assert decode(encode(one), Rule) == one
