"""A file with ten mistakes prints ten findings, in both languages, each with its place, line, caret and suggestion.

The expected prints lie beside the file in `golden/`; read them as a policy officer would before accepting a change.

Law: docs/specification/rules.md#findings.
"""

from pathlib import Path

import pytest

from engine.core.judging.calendar import Calendar, Stage
from engine.documents.finding import CODES, Finding, Language, text_of
from engine.documents.reference_data import ReferenceData
from engine.documents.rules.rules import read_rules

GOLDEN = Path(__file__).parent / "golden"
KNOWN = ReferenceData(
    kinds=frozenset({"neutrality.asn", "neutrality.village", "conflict.unrest"}),
    policies=frozenset({"netralitas", "kekerasan"}),
    calendar=Calendar([Stage(id=id_, since=0, until=1) for id_ in ("kampanye", "hari_h")]),
)


def findings() -> tuple[Finding, ...]:
    text = (GOLDEN / "ten-mistakes.yaml").read_bytes()
    return read_rules([("rules/ten-mistakes.yaml", text)], KNOWN).findings


@pytest.mark.parametrize("language", ["id", "en"])
def test_ten_mistakes_print_ten_findings(language: Language):
    printed = "\n".join(finding.format(language) for finding in findings()) + "\n"
    assert printed == (GOLDEN / f"ten-mistakes.{language}.txt").read_text()


def test_all_ten_are_different():
    assert len({finding.code for finding in findings()}) == len(findings()) == 10


def test_the_json_form_holds_the_same_in_both_languages():
    first = findings()[0]
    assert first.as_json() == {
        "file": "rules/ten-mistakes.yaml",
        "line": 4,
        "column": 16,
        "code": "unknown_field",
        "severity": "error",
        "message": {
            "id": "kejadian tidak punya kolom `source.chanel`",
            "en": "events have no field `source.chanel`",
        },
        "suggestion": {"id": "mungkin maksud Anda `source.channel`?", "en": "did you mean `source.channel`?"},
        "source": "  dari_resmi: {source.chanel: [bawaslu, polri, kpu]}",
    }


def test_every_text_says_what_is_wrong_and_what_to_write_in_both_languages():
    texts = [text_of(code, language) for code in CODES for language in ("id", "en")]
    assert [text for text in texts if not text.message or not text.suggestion] == []
    assert [code for code in CODES if text_of(code, "id") == text_of(code, "en")] == []


def test_a_very_long_line_is_cut_around_the_caret():
    text = b"version: 1\nrules: [" + b"{}, " * 200 + b"{satu: 1}]\n"
    last = read_rules([("r.yaml", text)], KNOWN).findings[-1]
    assert last.code == "unknown_key"
    assert len(last.source_line) <= 110
    assert last.source_line[last.caret :].startswith("satu")
