"""`siaga rules`: what each rule does, its version and its place, for people and for machines."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from engine.documents.calendar import load_calendar
from engine.documents.reference_data import ANYTHING
from engine.documents.rules.rules import load_rules

ROOT = Path(__file__).parents[3]
KNOWN = msgspec.structs.replace(ANYTHING, calendar=load_calendar(ROOT / "config/calendar.yaml").expect())
RULES = {rule.id: rule for rule in load_rules(ROOT / "rules", KNOWN).expect()}


def rules(*words: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "engine.cli", "rules", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("lang", "begins"), [("id", "Bila dalam 7 hari ada "), ("en", "If within 7 days there ")]
)
def test_a_rule_shows_its_sentence_version_place_and_keys(lang: str, begins: str):
    code, printed, _ = rules("show", "netralitas-berulang", "--lang", lang)
    rule = RULES["netralitas-berulang"]
    assert code == 0
    assert printed.startswith(begins)
    assert rule.version in printed.splitlines()[2]
    assert printed.splitlines()[2].endswith("rules/netralitas.yaml:" + rule.source.rpartition(":")[2])
    assert (
        "10 hari" in printed.splitlines()[3] or "10 days" in printed.splitlines()[3]
    )  # 7 days and the late ones
    assert "\nowner: Biro Tata Pemerintahan\n" in printed  # of `defaults`
    assert "\nlate_horizon: 3d\n" in printed  # of the language


def test_a_rule_for_machines_has_both_languages():
    code, printed, _ = rules("show", "netralitas-pejabat", "--format", "json")
    shown = json.loads(printed)
    assert code == 0
    assert shown["version"] == RULES["netralitas-pejabat"].version
    assert shown["rule"]["watch"]["subject.role"] == ["pj", "pjs", "sekda", "camat", "kepala_opd"]
    assert set(shown["sentence"]) == {"id", "en"}
    assert shown["remembers"] == {"milliseconds": 3 * 86_400_000, "more_while_open": 1_000}


def test_the_list_has_every_rule():
    code, printed, _ = rules("list", "--format", "json")
    assert code == 0
    assert {rule["id"] for rule in json.loads(printed)} == RULES.keys()
    code, printed, _ = rules("list")
    assert [line.split()[0] for line in printed.splitlines()[::2]] == list(RULES)


def test_an_unknown_rule_is_wrong_usage_and_names_the_others():
    code, printed, error = rules("show", "tidak-ada")
    assert (code, printed) == (2, "")
    assert "netralitas-berulang" in error
