"""`siaga policy show` and `siaga directory check` on an installation with the directory that is shipped."""

import json
from pathlib import Path

import pytest

from engine import cli

ROOT = Path(__file__).parents[3]
NIGHT = "2024-11-25 02:50 WITA"


@pytest.fixture
def options(tmp_path, capsys) -> list[str]:
    options = ["--config", str(ROOT / "config/siaga.yaml"), "--set", f"paths.var={tmp_path}"]
    with pytest.raises(SystemExit) as ended:
        cli.main(["directory", "import", *options])
    assert ended.value.code == 0
    capsys.readouterr()
    return options


def siaga(capsys, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main(list(arguments))
    printed = capsys.readouterr()
    return ended.value.code, printed.out, printed.err


def test_a_policy_is_shown_as_it_would_run(options, capsys):
    show = ("policy", "show", "netralitas", "--region", "73.15", "--at", NIGHT, *options)
    code, printed, _ = siaga(capsys, *show)
    assert code == 0
    lines = [line.strip() for line in printed.splitlines()]
    assert lines[0].startswith(
        "Kebijakan netralitas, 73.15 Kab. Pinrang, tingkat siaga, mulai 2024-11-25 02.50 WITA"
    )
    assert lines[2:4] == [
        "02.50  +0s      putaran 1, tahap 1: diminta bertindak",
        "sekda-7315 (sekda 73.15): sms + email",
    ]
    assert lines[-2:] == [
        "06.20  +3h30m   semua tahap habis; yang diberi tahu",
        "posko_nasional-00 (posko_nasional 00): sms + email",
    ]
    _, english, _ = siaga(capsys, *show, "--lang", "en", "--subject-role", "sekda")
    assert "passed over: sekda 73.15 sekda-7315 (conflict_of_interest)" in english
    assert "sekda-7315 (sekda" not in english
    _, document, _ = siaga(capsys, *show, "--json")
    assert json.loads(document)["history"][0]["name"] == "opened"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nope", "--region", "73.15"), "no policy is called nope"),
        (("netralitas", "--region", "99.15"), "there is no such region"),
        (("netralitas", "--region", "73.15", "--at", "besok"), "--at besok: write RFC 3339"),
    ],
)
def test_what_does_not_exist_is_named(options, capsys, arguments, said):
    code, _, error = siaga(capsys, "policy", "show", *arguments, *options)
    assert code == 2
    assert said in error


def test_a_directory_that_reaches_everybody_is_well(options, capsys):
    code, printed, _ = siaga(capsys, "directory", "check", "--region", "73.15", "--at", NIGHT, *options)
    assert code == 0
    assert "diberi tahu" in printed
    assert "TIDAK SEORANG PUN" not in printed


def test_a_directory_without_anybody_to_turn_to_ends_with_1(options, capsys, tmp_path):
    lonely = tmp_path / "lonely.yaml"
    lonely.write_text(
        "version: 1\npeople:\n"
        "  - {id: wali-7472, contacts: [{channel: sms, value: '+628110000001'}]}\n"
        "assignments:\n  - {position: {region: '74.72', role: camat}, person: wali-7472, valid_to: '2024-11-25'}\n"
    )
    check = (
        "directory",
        "check",
        str(lonely),
        "--region",
        "74.72",
        "--at",
        NIGHT,
        "--rule",
        "netralitas-berulang",
    )
    code, printed, _ = siaga(capsys, *check, *options)
    assert code == 1
    assert "netralitas-berulang  74.72" in printed
    assert "TIDAK SEORANG PUN" in printed
    assert "camat  74.72 Kota Bau Bau  2024-11-26 00.00-seterusnya WITA  kosong" in printed
    code, document, _ = siaga(capsys, *check, "--json", *options)
    assert json.loads(document)["hours"]["nobody"] == 24
