"""The mistakes that a newcomer makes first: where they are found, and what people are told to write instead."""

from pathlib import Path

import pytest

from engine.documents.kinds import load_kinds
from engine.documents.reference_data import ReferenceData
from engine.documents.regions import load_regions
from engine.documents.rules.rules import read_rules

KNOWN = ReferenceData(
    kinds=frozenset(load_kinds(Path("config/kinds.yaml"))),
    regions=load_regions(Path("config/regions.csv")),
    policies=frozenset({"bencana"}),
)
RULE = """version: 1
rules:
  - id: banjir
    title: Banjir
    short_title: Banjir
    owner: BPBD
    why: Alasan
    guide: sop/bencana.md
    watch: {kind: disaster.flood}
    per: regency
    alert_when: {count: {at_least: 3, within: 24h}}
    level: siaga
    escalate: bencana
"""


@pytest.mark.parametrize(
    ("written", "instead", "place", "told"),
    [
        (
            "per: regency",
            "per: kabupaten",
            "10:10",
            ("mungkin maksud Anda `regency`?", "did you mean `regency`?"),
        ),
        ("per: regency", "per:regency", "10:8", ("tulis `kunci: nilai`", "write `key: value`")),
        ("per: regency", "per:\u00a0regency", "10:8", ("tulis `kunci: nilai`", "write `key: value`")),
        ("within: 24h", "within: 7 hari", "11:47", ("tulis `7d`", "write `7d`")),
        ("within: 24h", "within: 1jam", "11:47", ("tulis `1h`", "write `1h`")),
        ("within: 24h", "within: 2 minggu", "11:47", ("tulis `14d`", "write `14d`")),
        ("level: siaga", "level: merah", "12:12", ("mungkin maksud Anda `awas`?", "did you mean `awas`?")),
        ("level: siaga", "level: SIAGA", "12:12", ("mungkin maksud Anda `siaga`?", "did you mean `siaga`?")),
        ("disaster.flood", "disaster.banjir", "9:19", ("mungkin maksud Anda `disaster.flood`?",)),
        (
            "flood}",
            "flood, region: Pinrang}",
            "9:43",
            ("mungkin maksud Anda `73.15`?", "did you mean `73.15`?"),
        ),
        (
            "flood}",
            'flood, region: "7315"}',
            "9:43",
            ("mungkin maksud Anda `73.15`?", "did you mean `73.15`?"),
        ),
        ("flood}", "flood, severity: siaga}", "9:45", ("tulis `3` untuk siaga", "write `3` for siaga")),
        (
            "flood}",
            "flood, not: {region: '73'}}",
            "9:35",
            ("mungkin maksud Anda `unless`?", "did you mean `unless`?"),
        ),
        ("flood}", "flood, luka: {at_least: 3}}", "9:35", ("mungkin maksud Anda `metrics.injured`?",)),
        ("flood}", "flood, where: resmi}", "9:42", ("belum ada satu pun; buat dulu, atau hapus",)),
        (
            "{count: {at_least: 3, within: 24h}}",
            "count >= 3 within 24h",
            "11:17",
            ("mungkin maksud Anda `count`?", "did you mean `count`?"),
        ),
        ("24h}}", "24h}", "11:17", ("tambahkan `}` di akhir", "add `}` at the end")),
        (
            "level: siaga",
            "tell_again: 4h\n    level: siaga",
            "12:17",
            ("tulis `every: 4h` atau `{from: 1h, growing_to: 12h}`",),
        ),
    ],
)
def test_what_a_newcomer_is_told(written: str, instead: str, place: str, told: tuple[str, ...]) -> None:
    """One finding, at the slip itself, with the words to write, in Indonesian and in English."""
    assert RULE.count(written) == 1
    (finding,) = read_rules([("r.yaml", RULE.replace(written, instead).encode())], KNOWN).findings
    assert f"{finding.line}:{finding.column}" == place
    assert tuple(finding.text(lang).suggestion for lang in ("id", "en"))[: len(told)] == told


def test_a_word_of_the_language_in_the_wrong_place_is_not_taken_for_its_opposite() -> None:
    """`at_most` is no slip for `at_least`: the words that can stand there are listed instead."""
    text = RULE.replace("at_least", "at_most").encode()
    findings = read_rules([("r.yaml", text)], KNOWN).findings
    assert [finding.text("en").suggestion for finding in findings if finding.code == "unknown_key"] == [
        "choose one of: at_least, weight, within"
    ]
