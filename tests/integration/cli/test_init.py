"""`siaga init`: the starter is fit as it is, says what comes next, and overwrites nothing."""

import json
import os
import tempfile
from pathlib import Path

import pytest

from engine import cli
from engine.documents.gateways import load_gateways
from engine.settings import load

ROOT = Path(__file__).parents[3]


@pytest.fixture
def home():
    # A short path: a socket's may have 107 bytes, and pytest's own folders are deep.
    with tempfile.TemporaryDirectory(prefix="siaga-test-") as folder:
        yield Path(folder)


@pytest.fixture
def siaga(capsys, monkeypatch):
    for variable in [name for name in os.environ if name.startswith("SIAGA_")]:
        monkeypatch.delenv(variable)

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            cli.main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return ended.value.code, printed.out, printed.err

    return run


def test_the_starter_passes_check_test_and_doctor(siaga, home, monkeypatch):
    """Without a change, from any folder, by the variable that it says to set (docs/specification/trust.md#starter)."""
    code, made, said = siaga("init", home / "uji")
    assert code == 0
    assert all(Path(line).is_file() for line in made.splitlines())
    config = home / "uji/config/siaga.yaml"
    assert f"export SIAGA_CONFIG={config}" in said
    monkeypatch.setenv("SIAGA_CONFIG", str(config))
    monkeypatch.chdir(home)
    code, checked, _ = siaga("check", "--lang", "en")
    assert (code, checked) == (0, "Valid: 1 rules, 1 policies, 2 people; 0 warnings.\n")
    code, tested, _ = siaga("test", "--format", "json")
    results = json.loads(tested)
    assert code == 0
    assert (results["passed"], results["failed"]) == (3, 0)
    code, looked, _ = siaga("doctor", "--set", "http.port=0", "--format", "json")
    assert code == 0
    assert {v["area"] for v in json.loads(looked) if v["state"] == "warning"} >= {
        "base_url",
        "gateway outbox-email",
    }


def test_what_is_given_stands_where_it_belongs(siaga, home):
    assert (
        siaga(
            "init",
            home / "uji",
            "--smtp",
            "surat.desk.id:2525",
            "--smtp-user",
            "siaga",
            "--to",
            "saya@desk.id",
        )[0]
        == 0
    )
    settings = load(home / "uji/config/siaga.yaml")
    smtp = settings.gateways.smtp
    assert (smtp.host, smtp.port, smtp.user, settings.messages.sender) == (
        "surat.desk.id",
        2525,
        "siaga",
        "Siaga <saya@desk.id>",
    )
    assert settings.paths.directory.read_text().count('"saya@desk.id"') == 2
    assert settings.paths.directory.stat().st_mode & 0o077 == 0
    assert load_gateways(settings.paths.gateways).expect() == ()


def test_nothing_is_overwritten(siaga, home):
    (home / "punya-saya").write_text("penting")
    code, _, said = siaga("init", home)
    assert (code, "is not empty" in said) == (cli.WRONG, True)
    assert [path.name for path in home.iterdir()] == ["punya-saya"]
    assert siaga("init", home / "punya-saya")[0] == cli.WRONG
    assert (home / "punya-saya").read_text() == "penting"


@pytest.mark.parametrize(
    "wrong", [("--smtp", "a b"), ("--smtp", "a:99999"), ("--smtp-user", 'x"y'), ("--to", "bukan-surel")]
)
def test_what_cannot_be_is_refused_before_anything_is_written(siaga, home, wrong):
    code, _, said = siaga("init", home / "uji", *wrong)
    assert (code, said.count("\n")) == (cli.WRONG, 1)
    assert not (home / "uji").exists()
