"""Every finding the loader can make: one small file for each, with the exact place of the finding."""

from pathlib import Path

import pytest

from engine.core.judging.region import Region, RegionTable
from engine.documents.check import inspect
from engine.documents.directory import load_directory
from engine.documents.finding import CODES, Finding
from engine.documents.policies import load_policies
from engine.documents.reference_data import ReferenceData
from engine.documents.reference_tables import load_table
from engine.documents.rules.rules import read_rules
from engine.settings import Paths


def _region(code: str, parent: str, level: str) -> Region:
    names = {"name": code, "short_name": code, "zone": "WITA", "timezone": "Asia/Makassar"}
    return Region(code=code, parent=parent, level=level, **names)


REGIONS = RegionTable(
    [_region("00", "", "nation"), _region("73", "00", "province"), _region("73.15", "73", "regency")]
)
KNOWN = ReferenceData(
    kinds=frozenset({"neutrality.asn", "conflict.clash"}),
    regions=REGIONS,
    policies=frozenset({"netralitas"}),
    roster=("73.15", "73.16"),
    tables={"regions": {"dpt": {"73.15": 1000}}, "acuan": {"lalu": {"73.15": 76.1, "73.16": 80}}},
)

RULE = {
    "id": "satu",
    "title": "Satu",
    "short_title": "Satu",
    "owner": "Biro",
    "why": "SKB 2/2022",
    "guide": "sop/satu.md",
    "level": "siaga",
    "watch": "{kind: neutrality.asn}",
    "alert_when": "every_event",
    "escalate": "netralitas",
}
OTHER = """  - id: dua
    title: Dua
    short_title: Dua
    owner: Biro
    why: SKB 2/2022
    guide: sop/dua.md
    level: siaga
    escalate: netralitas
    watch: {kind: neutrality.asn}
"""
POLICY = {"id": "satu", "steps": "[{to: [sekda], wait: 30m}]"}


def rule(head: str = "", **keys: str | None) -> str:
    """Return a file with one rule: `head` lines, then RULE with these keys replaced (None: left out)."""
    lines = [f"{key}: {value}" for key, value in {**RULE, **keys}.items() if value is not None]
    return f"version: 1\n{head}rules:\n  - " + "\n    ".join(lines) + "\n"


def policy(head: str = "", **keys: str) -> str:
    lines = [f"{key}: {value}" for key, value in {**POLICY, **keys}.items()]
    return f"version: 1\n{head}policies:\n  - " + "\n    ".join(lines) + "\n"


def person(contact: str) -> str:
    return f"version: 1\npeople:\n  - id: a\n    contacts: [{contact}]\n"


def steps(written: str) -> str:
    return f"{{sequence: {{steps: [{written}]}}}}"


def compare(relation: str, reference: str = "previous_window") -> str:
    return (
        f"{{compare: {{figure: count, within: 1h, with: {reference}, {relation},"
        " only_if: {now: {above: 1}}}}"
    )


TWICE = "rises_to: 2x"
COUNT = "{count: {at_least: 3, within: 7d}}"
VALUE = "{value: {field: metrics.tps, above: 5}}"
PHONE = '{channel: sms, value: "+628110000001"}'
HEADER = "region,role,person,status,language,sms,email,deputy\n"

RULES: list[tuple[str, str, tuple[int, int]]] = [
    # a file as a whole
    ("file_empty", "# nothing\n", (1, 1)),
    ("control_character", "version: 1\nnama: é\x01\n", (2, 8)),
    ("not_yaml", 'version: 1\ntitle: "a\nb: "c"\n', (3, 5)),
    ("bracket_open", "version: 1\nrules: [a\n", (2, 8)),
    ("colon_without_space", rule(per="regency").replace("per: ", "per:"), (13, 8)),
    ("comparison_sign", rule(alert_when="{count: {>= 3, within: 7d}}"), (11, 26)),
    ("curly_quotes", rule(title="\u201cSatu\u201d"), (4, 12)),
    ("decimal_comma", rule(watch="{confidence: {at_least: 0,5}}"), (10, 38)),
    ("colon_in_text", rule(title="Uji: satu"), (4, 15)),
    ("tab", "version: 1\nrules:\n\t- id: satu\n", (3, 1)),
    ("tag", rule(title="!!str Satu"), (4, 12)),
    ("second_document", rule() + "---\n" + rule(), (13, 1)),
    ("too_deep", "a: " + "[" * 60, (1, 53)),
    ("alias_unknown", rule(title="*judul"), (4, 12)),
    ("alias_of_itself", "version: 1\nrules: &r [*r]\n", (2, 12)),
    ("key_not_text", rule(watch="{[kind]: neutrality.asn}"), (10, 13)),
    ("duplicate_key", rule(title="Satu\n    title: Dua"), (5, 5)),
    # keys and lists
    ("unknown_key", rule(owner="Biro\n    pemilik: Biro"), (7, 5)),
    ("required", rule(owner=None), (3, 5)),
    ("active_empty", rule(active="{}"), (13, 13)),
    ("unknown_rule", rule(like="dua"), (13, 11)),
    (
        "rules_watch",
        rule() + OTHER + "    alert_when: {rules: {open: [satu], at_least: 2}}\n",
        (21, 12),
    ),
    (
        "rule_lacks_key",
        rule()
        + OTHER.replace("    watch: {kind: neutrality.asn}\n", "    per: incident\n")
        + "    alert_when: {rules: {open: [satu], at_least: 2}}\n",
        (21, 10),
    ),
    ("rule_ring", rule(hide_while="[satu]"), (13, 17)),
    ("like_cycle", rule(like="satu"), (13, 11)),
    ("not_a_map", rule(effective="2024"), (13, 16)),
    ("not_a_list", "version: 1\nrules: {}\n", (2, 8)),
    ("not_a_single_value", rule(title="[Satu]"), (4, 12)),
    ("empty", rule(title="~"), (4, 12)),
    ("list_length", rule(per="[]"), (13, 10)),
    ("list_empty", rule(watch="{kind: []}"), (10, 19)),
    ("not_a_choice", rule(watch="{stage: kampanje}"), (10, 20)),
    # single values
    ("text_too_long", rule(why="x" * 2_001), (7, 10)),
    ("short_title_too_long", rule(short_title="x" * 39 + "€"), (5, 18)),
    ("not_gsm7", rule(short_title="Satu – dua"), (5, 18)),
    ("not_an_id", rule(id="Aturan Satu"), (3, 9)),
    ("not_a_number", rule(alert_when="{count: {at_least: tiga, within: 7d}}"), (11, 36)),
    ("number_out_of_bounds", rule().replace("version: 1", "version: 2"), (1, 10)),
    ("not_whole", rule(alert_when="{count: {at_least: 2.5, within: 7d}}"), (11, 36)),
    ("not_a_boolean", rule(watch="{incident: {exists: yes}}"), (10, 32)),
    ("ambiguous_word", rule(watch="{incident: no}"), (10, 23)),
    ("ambiguous_number", rule(watch="{incident: 007}"), (10, 23)),
    ("text_without_quotes", rule(watch="{incident: 12}"), (10, 23)),
    ("unquoted_region", rule(watch="{region: 73.15}"), (10, 21)),
    ("unquoted_time", rule(watch="{incident: 10:00}"), (10, 23)),
    ("not_an_instant", rule(effective="{from: besok}"), (13, 23)),
    ("local_has_no_zone", rule(effective='{from: "2024-11-27 07:00 local"}'), (13, 23)),
    (
        "until_before_from",
        rule(effective="{from: 2024-11-27 07:00 WIB, until: 2024-11-27 07:00 WITA}"),
        (13, 52),
    ),
    ("duration_without_unit", rule(late_horizon="72"), (13, 19)),
    ("not_a_duration", rule(late_horizon="tiga hari"), (13, 19)),
    ("duration_in_words", rule(late_horizon="72 jam"), (13, 19)),
    ("duration_too_long", rule(late_horizon="9999d"), (13, 19)),
    ("duration_too_short", rule(late_horizon="0s"), (13, 19)),
    ("not_a_level", rule(level="normal"), (9, 12)),
    ("level_by_number", rule(level="3"), (9, 12)),
    ("not_a_region", rule(watch='{region: "731"}'), (10, 21)),
    ("list_without_brackets", rule(per="regency, incident"), (13, 10)),
    ("unknown_region", rule(watch='{region: "73.16"}'), (10, 21)),
    ("unknown_region_prefix", rule(watch='{region: "74.*"}'), (10, 21)),
    # rules
    ("not_a_kind", rule(watch="{kind: Netralitas ASN}"), (10, 19)),
    ("unknown_kind", rule(watch="{kind: [neutrality.*, conflict.death]}"), (10, 34)),
    ("unknown_field", rule(watch="{metrics.dead_people: 1}"), (10, 13)),
    ("severity_by_number", rule(watch="{severity: siaga}"), (10, 23)),
    ("condition_missing", rule(alert_when="{at_least: 3, within: 7d}"), (11, 17)),
    ("level_row", rule(level="{waspada: always, awas: 20}"), (9, 36)),
    ("unknown_group_key", rule(per="kabupaten"), (13, 10)),
    ("unknown_list", rule(watch="{incident: {in_list: kanal}}"), (10, 33)),
    ("unknown_filter", rule(watch="{where: dari_resmi}"), (10, 20)),
    ("unknown_policy", rule(escalate="netral"), (12, 15)),
    ("unknown_condition", rule(alert_when="{hitung: {}}"), (11, 18)),
    ("unknown_operator", rule(watch="{metrics.tps: {atleast: 3}}"), (10, 27)),
    ("filter_not_a_map", rule(watch="neutrality.asn"), (10, 12)),
    (
        "filter_cycle",
        rule("filters: {a: {where: b}, b: {unless: {where: a}}}\n", watch="{where: a}"),
        (2, 46),
    ),
    ("filter_too_large", rule(watch="{any: [" + "{severity: 2}, " * 500 + "]}"), (10, 12)),
    ("name_taken", "version: 1\nlists: &l {a: [x]}\n", (2, 12)),
    ("id_taken", rule() + rule().split("rules:\n")[1], (13, 9)),
    ("reserved_id", rule(id="siaga.uji"), (3, 9)),
    ("not_in_defaults", rule("defaults: {title: Satu}\n"), (2, 12)),
    ("not_re2", rule(watch="{incident: {matches: '(?=a)'}}"), (10, 33)),
    ("limit_on_text", rule(watch="{incident: {at_least: 3}}"), (10, 34)),
    ("field_not_a_number", rule(alert_when="{count: {at_least: 3, within: 7d, weight: incident}}"), (11, 59)),
    ("limit_never_met", rule(watch="{severity: {above: 4}}"), (10, 31)),
    ("limit_always_met", rule(alert_when="{count: {at_least: 0, within: 7d}}"), (11, 36)),
    ("limit_missing", rule(alert_when="{distinct: {of: incident, within: 7d}}"), (11, 28)),
    ("one_limit", rule(alert_when="{value: {field: metrics.tps, above: 1, below: 9}}"), (11, 25)),
    (
        "spread_not_below",
        rule(alert_when="{spread: {over: regency, at_least: 3, within: 7d}}"),
        (11, 17),
    ),
    (
        "part_is_whole",
        rule(
            alert_when="{share: {part: metrics.tps, whole: metrics.tps, above: 2%, within: 1h, "
            "only_if: {now: {at_least: 5}}}}"
        ),
        (11, 52),
    ),
    ("not_times", rule(alert_when=compare("rises_to: 3")), (11, 88)),
    ("not_points", rule(alert_when=compare("falls_by: 10%")), (11, 88)),
    ("wrong_way", rule(alert_when=compare("rises_to: 0.5x")), (11, 88)),
    ("one_reference", rule(alert_when=compare(TWICE, "{}")), (11, 61)),
    ("older_than_before", rule(alert_when=compare(TWICE, "{before: 2h, not_older_than: 2h}")), (11, 90)),
    (
        "days_overlap",
        rule(alert_when=compare(TWICE, "{same_hour_of_days: 2}").replace("1h", "25h")),
        (11, 51),
    ),
    ("not_above_zero", rule(alert_when=compare(f"{TWICE}, if_no_baseline: 0")), (11, 108)),
    ("unknown_table", rule(alert_when=compare(TWICE, "{baseline: lalu}")), (11, 72)),
    ("unknown_column", rule(alert_when=compare(TWICE, "{baseline: acuan.kini}")), (11, 72)),
    ("step_form", rule(alert_when=steps("{but_not: {severity: 2}, watch: {severity: 2}}")), (11, 37)),
    ("step_missing", rule(alert_when=steps("{but_not: {severity: 2}, within: 1h}")), (11, 36)),
    ("step_name_taken", rule(alert_when=steps("{watch: {}, name: a}, {watch: {}, name: a}")), (11, 59)),
    (
        "step_never_filled",
        rule(alert_when=steps("{watch: {}}, {but_not: {}, within: 1h}, {watch: {}, within: 1h}")),
        (11, 77),
    ),
    ("step_per", rule(alert_when=steps("{watch: {}, per: {incident: details_ref}}")), (11, 17)),
    ("one_condition", rule(alert_when="{every_event: {}, count: {}}"), (11, 17)),
    ("condition_needs_keys", rule(alert_when="count"), (11, 17)),
    ("one_clear", rule(alert_when=COUNT, clear_when="{quiet_for: 1d, below: 2}"), (13, 17)),
    ("clear_needs_keep_open", rule(clear_when="no_longer_true"), (13, 17)),
    ("clear_on_wrong_side", rule(alert_when=COUNT, clear_when="{at_most: 3}"), (13, 17)),
    ("hold_for_on_event", rule(alert_when=COUNT, hold_for="1h"), (13, 15)),
    ("needs_figure", rule(level="{waspada: always, siaga: {at_least: 5}}"), (9, 12)),
    ("level_always", rule(alert_when=COUNT, level="{waspada: {at_least: 4}, siaga: always}"), (9, 12)),
    ("tell_again_form", rule(tell_again="[{every: 4h}, {every: 5h}]"), (13, 31)),
    ("growing_to_less", rule(tell_again="{from: 12h, growing_to: 1h}"), (13, 41)),
    # advice
    ("unused_list", rule("lists: {a: [x]}\n"), (2, 9)),
    ("unused_filter", rule("filters: {a: {severity: 2}}\n"), (2, 11)),
    ("step_within_alone", rule(alert_when=steps("{watch: {}, within: 1h}")), (11, 37)),
    ("keep_open_in_vain", rule(keep_open_for="1h"), (13, 20)),
    (
        "percent_without_floor",
        rule(alert_when="{share: {part: metrics.tps, whole: metrics.dpt, above: 2%, within: 1h}}"),
        (11, 17),
    ),
    (
        "windows_differ",
        rule(alert_when=compare(TWICE, "{before: 1h, not_older_than: 3h}")),
        (11, 61),
    ),
    (
        "column_incomplete",
        rule(
            alert_when="{share: {part: metrics.tps, whole: directory.dpt, above: 2%, only_if: {now: {above: 1}}}}"
        ),
        (11, 17),
    ),
    (
        "level_hides_lower",
        rule(alert_when=COUNT, level="{waspada: always, siaga: {at_least: 2}}"),
        (9, 12),
    ),
]
POLICIES: list[tuple[str, str, tuple[int, int]]] = [
    ("not_a_time", policy(digest="{levels: [waspada], at: [pagi]}"), (5, 38)),
    ("not_hours", policy(quiet='{levels: [waspada], hours: "22-05"}'), (5, 39)),
    ("not_days", policy(steps="[{to: [sekda], wait: 30m, when: {days: senin}}]"), (4, 51)),
    ("target_form", policy(inform="[{role: sekda, person: a}]"), (5, 14)),
    ("from_step_too_high", policy(repeat="{times: 1, from_step: 2}"), (5, 13)),
    ("remind_after_expiry", policy(acknowledge="{expires: 1h, remind: 1h}"), (5, 40)),
    ("unknown_stage", policy(steps="[{to: [sekda], wait: 30m, when: {stage: hari_g}}]"), (4, 52)),
    ("need_too_many", policy(steps="[{to: [sekda], wait: 30m, need: 2}]"), (4, 44)),
]
DIRECTORIES: list[tuple[str, str, str, tuple[int, int]]] = [
    ("not_a_day", "d.yaml", person(PHONE) + "    away: [{from: 26 November}]\n", (5, 19)),
    ("unknown_person", "d.yaml", person(PHONE) + "deputies: [{of: a, deputy: b}]\n", (5, 28)),
    ("duplicate_person", "d.yaml", person(PHONE) + person(PHONE).split("people:\n")[1], (5, 9)),
    ("not_a_phone", "d.yaml", person("{channel: sms, value: 0811}"), (4, 38)),
    ("not_an_email", "d.yaml", person("{channel: email, value: sekda@pinrang}"), (4, 40)),
    ("not_a_webhook", "d.yaml", person('{channel: webhook, value: "http://a.example"}'), (4, 42)),
    ("no_contact", "d.yaml", "version: 1\npeople: [{id: a}]\n", (2, 15)),
    (
        "overlapping_assignments",
        "d.csv",
        HEADER + "73,sekda,a,plh,id,+628110000001,,\n73,sekda,b,pj,id,+628110000002,,\n",
        (3, 10),
    ),
    (
        "overlapping_duties",
        "d.yaml",
        person(PHONE) + "roster: [" + '{position: {region: "73", role: posko}, person: a}, ' * 2 + "]\n",
        (5, 110),
    ),
    ("csv_columns", "d.csv", "region,role,person,status,language,sms,email\n", (1, 1)),
    ("csv_row", "d.csv", HEADER + "73,sekda,a\n", (2, 1)),
]
TABLES: list[tuple[str, str, tuple[int, int]]] = [
    ("csv_columns", "code,dpt\n73,1\n", (1, 1)),
    ("csv_row", "region,dpt\n73,1,2\n", (2, 1)),
    ("not_a_region", "region,dpt\nDaerah,1\n", (2, 1)),
    ("unknown_region", "# catatan\n\nregion,dpt\n73.99,1\n", (4, 1)),
    ("not_a_number", "region,dpt,tps\n73,35.925.960,\n", (2, 4)),
    ("not_a_number", "region,dpt,source\n73,76%,a\n", (2, 4)),
    ("region_twice", "region,dpt\n73,1\n73,1\n", (3, 1)),
    ("file_empty", "# nihil\n", (1, 1)),
]
OTHERS = {
    *("except_condition", "except_expired", "except_for", "except_key"),
    "not_available",
    "alias_bomb",
    "config_unusable",
    *("deadline_seen", "expected_per", "nobody_expected", "seen_too_short", "unknown_roster"),
    "file_too_large",
    "file_unknown",
    "file_unreadable",
    "guide_absent",
    "no_rule_files",
    "silence_hasty",
    "unmatched",
    "not_utf8",
    "too_many_findings",
    "untested",
    *(
        "not_a_rate",
        "not_a_variable",
        "not_an_address",
        "secret_in_file",
        "timeout_too_long",
        "two_bodies",
        "unknown_placeholder",
    ),
}
"""Codes with a test of their own: `test_whole_files`, `test_gateways`, `test_experience`."""


def found(findings: tuple[Finding, ...] | list[Finding]) -> list[tuple[str, tuple[int, int]]]:
    return [(finding.code, (finding.line, finding.column)) for finding in findings]


def test_every_code_has_a_test():
    tested = {case[0] for case in (*RULES, *POLICIES, *DIRECTORIES, *TABLES)} | OTHERS
    assert tested == set(CODES)


def test_the_rule_that_the_cases_change_is_valid():
    assert read_rules([("r.yaml", rule().encode())], KNOWN).findings == ()


@pytest.mark.parametrize(("code", "text", "place"), RULES, ids=[case[0] for case in RULES])
def test_a_mistake_in_a_rule_file(code: str, text: str, place: tuple[int, int]):
    files = [("r.yaml", text.encode())]
    if code == "name_taken":
        files.insert(0, ("q.yaml", b"version: 1\nlists: {a: [x]}\n"))
    advice = {"unused_list", "unused_filter"} - {code}
    findings = [finding for finding in read_rules(files, KNOWN).findings if finding.code not in advice]
    assert found(findings) == [(code, place)]


@pytest.mark.parametrize(("code", "text", "place"), POLICIES, ids=[case[0] for case in POLICIES])
def test_a_mistake_in_a_policy(code: str, text: str, place: tuple[int, int], tmp_path: Path):
    (tmp_path / "p.yaml").write_text(text)
    findings = load_policies(tmp_path / "p.yaml", REGIONS, {"hari_h"}).findings
    assert found(f for f in findings if f.code == code or f.code != "not_available") == [(code, place)]


@pytest.mark.parametrize(
    ("code", "name", "text", "place"), DIRECTORIES, ids=[case[0] for case in DIRECTORIES]
)
def test_a_mistake_in_a_directory(code: str, name: str, text: str, place: tuple[int, int], tmp_path: Path):
    (tmp_path / name).write_text(text)
    findings = load_directory(tmp_path / name, REGIONS).findings
    assert found(findings) == [(code, place)]
    assert [finding.source_line for finding in findings] == [""], "a directory is never quoted"


@pytest.mark.parametrize(("code", "text", "place"), TABLES)
def test_a_mistake_in_a_table(code: str, text: str, place: tuple[int, int], tmp_path: Path):
    """The place is right, the value is empty, and `siaga check` finds it too."""
    table = tmp_path / "acuan.csv"
    table.write_text(text)
    loaded = load_table(table, REGIONS)
    assert [one for one in found(loaded.findings) if one[0] == code] == [(code, place)]
    assert (loaded.valid, loaded.value) == (False, {})
    if code not in ("csv_columns", "file_empty"):
        assert (code, place) in found(inspect([table], Paths()).findings)
