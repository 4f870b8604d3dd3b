"""The directory as it comes out of YAML and CSV: people, offices, dates local to a region, and the checks."""

from pathlib import Path

import pytest

from engine.core.alerting.directory import Assignment, Contact, Contents, Deputy, Duty, HolderSpan, Person
from engine.core.judging.instant import MINUTE, parse_instant
from engine.documents.directory import inline_directory, load_directory
from engine.documents.finding import Findings
from engine.documents.loaded import Loaded
from engine.documents.regions import load_regions
from engine.documents.yaml_tree import compose

REGIONS = load_regions(Path("config/regions.csv"))
HEADER = "region,role,person,status,language,sms,email,deputy"
EXAMPLE = """version: 1
people:
  - id: sekda-7315
    language: en
    contacts:
      - {channel: sms, value: "+62 811-0000-001", priority: 1, quiet_hours: "22:00-05:00 local", delay: 5m}
      - {channel: email, value: sekda@Pinrang.Example}
      - {channel: sms, value: "+628110000002", verified: false}
    away: [{from: "2024-11-26", until: "2024-11-28"}]
  - {id: asisten-7315, contacts: [{channel: webhook, value: "https://pinrang.example/hook"}]}
assignments:
  - position: {region: "73.15", role: sekda}
    person: sekda-7315
    status: pj
    valid_from: "2024-01-01"
    valid_to: "2024-12-31"
deputies: [{of: sekda-7315, deputy: asisten-7315, from: "2024-11-26"}]
roster:
  - {position: {region: "91", role: posko}, person: asisten-7315, from: "2024-11-27 06:00", until: "2024-11-27 14:00"}
"""


def at(text: str) -> int:
    return parse_instant(text)[0]


def load(folder: Path, text: str, name: str = "directory.yaml") -> Loaded[Contents]:
    (folder / name).write_text(text)
    return load_directory(folder / name, REGIONS)


def test_the_yaml_form(tmp_path: Path):
    """Days begin and end at midnight of the position's region: 73.15 is WITA, 91 is WIT; last days are included."""
    loaded = load(tmp_path, EXAMPLE)
    assert loaded.findings == ()
    assert loaded.value == Contents(
        people=(
            Person(
                id="sekda-7315",
                language="en",
                contacts=(
                    Contact(
                        id="sekda-7315/sms/1",
                        channel="sms",
                        value="+628110000001",
                        priority=1,
                        quiet_hours="22:00-05:00 local",
                        delay=5 * MINUTE,
                    ),
                    Contact(
                        id="sekda-7315/email/1", channel="email", value="sekda@pinrang.example", priority=2
                    ),
                    Contact(
                        id="sekda-7315/sms/2",
                        channel="sms",
                        value="+628110000002",
                        priority=3,
                        verified=False,
                    ),
                ),
                away=(HolderSpan(at("2024-11-26T00:00:00+08:00"), at("2024-11-29T00:00:00+08:00")),),
            ),
            Person(
                id="asisten-7315",
                contacts=(
                    Contact(
                        id="asisten-7315/webhook/1", channel="webhook", value="https://pinrang.example/hook"
                    ),
                ),
            ),
        ),
        assignments=(
            Assignment(
                region="73.15",
                role="sekda",
                person="sekda-7315",
                status="pj",
                valid=HolderSpan(at("2024-01-01T00:00:00+08:00"), at("2025-01-01T00:00:00+08:00")),
            ),
        ),
        deputies=(
            Deputy(
                of="sekda-7315",
                deputy="asisten-7315",
                valid=HolderSpan(at("2024-11-26T00:00:00+08:00"), None),
            ),
        ),
        roster=(
            Duty(
                region="91",
                role="posko",
                person="asisten-7315",
                valid=HolderSpan(at("2024-11-27T06:00:00+09:00"), at("2024-11-27T14:00:00+09:00")),
            ),
        ),
    )


def test_the_csv_form(tmp_path: Path):
    """One line is one office held by one person; an empty cell says nothing."""
    text = f"""# a comment
{HEADER},valid_from,valid_to
73.15,sekda,s,pj,en,+628110000001,s@pinrang.example,a,2024-11-24,
73.15,asisten_pem,a,definitif,id,,a@pinrang.example,,,2024-11-30
73.15,tapem,a,plh,id,,a@pinrang.example,,,
"""
    loaded = load(tmp_path, text, "directory.csv")
    assert loaded.findings == ()
    assert loaded.value == Contents(
        people=(
            Person(
                id="s",
                language="en",
                contacts=(
                    Contact(id="s/sms/1", channel="sms", value="+628110000001", priority=1),
                    Contact(id="s/email/1", channel="email", value="s@pinrang.example", priority=2),
                ),
            ),
            Person(
                id="a",
                contacts=(Contact(id="a/email/1", channel="email", value="a@pinrang.example", priority=2),),
            ),
        ),
        assignments=(
            Assignment(
                region="73.15",
                role="sekda",
                person="s",
                status="pj",
                valid=HolderSpan(at("2024-11-24T00:00:00+08:00"), None),
            ),
            Assignment(
                region="73.15",
                role="asisten_pem",
                person="a",
                valid=HolderSpan(None, at("2024-12-01T00:00:00+08:00")),
            ),
            Assignment(region="73.15", role="tapem", person="a", status="plh"),
        ),
        deputies=(Deputy(of="s", deputy="a"),),
    )


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        (["99,sekda,a,definitif,id,+628110000001,,"], [("unknown_region", 2, 1)]),
        (["73,sekda,a,tetap,id,+628110000001,,"], [("not_a_choice", 2, 12)]),
        (["73,sekda,a,pj,su,+628110000001,,"], [("not_a_choice", 2, 15)]),
        (
            ["73,sekda,a,pj,id,0811,a@b,"],
            [("not_a_phone", 2, 18), ("not_an_email", 2, 23), ("no_contact", 2, 10)],
        ),
        (["73,sekda,a,pj,id,+628110000001,,b"], [("unknown_person", 2, 33)]),
        (
            ["73,sekda,a,pj,id,+628110000001,,", "73,tapem,a,pj,id,+628110000002,,"],
            [("duplicate_person", 3, 10)],
        ),
        (['73,sekda,"a,pj,id,+628110000001,,'], [("csv_row", 2, 1)]),
        ([",sekda,a,pj,id,+628110000001,,"], [("required", 2, 1)]),
    ],
)
def test_mistakes_in_csv(rows: list[str], found: list[tuple[str, int, int]], tmp_path: Path):
    loaded = load(tmp_path, "\n".join([HEADER, *rows]) + "\n", "directory.csv")
    assert sorted((f.code, f.line, f.column) for f in loaded.findings) == sorted(found)


def test_unknown_columns_are_not_passed_over(tmp_path: Path):
    findings = load(tmp_path, f"{HEADER},emial\n", "directory.csv").findings
    assert [(f.code, f.text("en").suggestion) for f in findings] == [("unknown_key", "did you mean `email`?")]


@pytest.mark.parametrize(
    ("first", "second", "warned"),
    [
        ("2024-01-01,2024-11-23", "2024-11-24,", False),
        ("2024-01-01,2024-11-24", "2024-11-24,", True),
        (",", ",", True),
    ],
)
def test_two_holders_of_one_office_at_a_time(first: str, second: str, warned: bool, tmp_path: Path):
    """Advice only: the specification says who counts. The last day of the one belongs to it still.

    Specification: docs/specification/escalation.md#holders.
    """
    rows = [
        f"{HEADER},valid_from,valid_to",
        f"73.15,kepala_daerah,a,pjs,id,+628110000001,,,{first}",
        f"73.15,kepala_daerah,b,definitif,id,+628110000002,,,{second}",
    ]
    loaded = load(tmp_path, "\n".join(rows) + "\n", "directory.csv")
    assert [f.code for f in loaded.findings] == ["overlapping_assignments"] * warned
    assert len(loaded.expect().people) == 2


def test_a_mailbox_or_number_never_stands_in_a_finding(tmp_path: Path):
    rows = [
        HEADER,
        "73,sekda,a,pj,id,+62899,rahasia@contoh,",
        "73,sekda,b,pj,id,+628110000001,b@contoh.example,",
    ]
    for finding in load(tmp_path, "\n".join(rows) + "\n", "directory.csv").findings:
        printed = finding.format("id") + finding.format("en") + str(finding.as_json())
        assert not any(secret in printed for secret in ("+62899", "rahasia", "contoh"))


@pytest.mark.parametrize("value", ["a@b.example", "a.b+c@x-y.go.id", "A@B.Example"])
def test_good_mailboxes(value: str, tmp_path: Path):
    assert load(tmp_path, f"{HEADER}\n73,sekda,a,pj,id,,{value},\n", "directory.csv").valid


@pytest.mark.parametrize(
    "value", ["a@b", "@b.example", "a@@b.example", ".a@b.example", "a@-b.example", "a b@c.id"]
)
def test_bad_mailboxes(value: str, tmp_path: Path):
    assert not load(tmp_path, f"{HEADER}\n73,sekda,a,pj,id,,{value},\n", "directory.csv").valid


def test_an_inline_directory_needs_no_version():
    findings = Findings()
    node = compose(EXAMPLE.replace("version: 1\n", "regions: []\n").encode(), "x.policy-test.yaml", findings)
    assert node is not None
    assert len(inline_directory(node, findings, REGIONS).people) == 2
    assert list(findings) == []


def test_the_shipped_directory_is_clean():
    loaded = load_directory(Path("config/directory.csv"), REGIONS)
    assert [finding.format("en") for finding in loaded.findings] == []
    assert len(loaded.value.assignments) > 4_000
