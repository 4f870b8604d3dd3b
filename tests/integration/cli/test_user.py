"""`siaga user`: the password comes from standard input and is shown nowhere."""

import io

import pytest

from engine import cli

PASSWORD = "tiga ekor kambing biru"


@pytest.fixture
def installation(tmp_path) -> list[str]:
    return ["--set", f"paths.var={tmp_path}"]


@pytest.fixture
def fails(capsys):
    """Run a command that must not work, and return what it said."""

    def run(*arguments: str) -> str:
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        assert ended.value.code != 0
        return capsys.readouterr().err

    return run


@pytest.fixture
def typed(monkeypatch):
    """Let a command read a line from standard input."""

    def type_(line: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(line + "\n"))

    return type_


def test_adding_listing_changing_and_disabling(installation, said, typed):
    typed(PASSWORD)
    added = said(
        "user", "add", "piket-pagi", "--right", "read", "--right", "operate", "--region", "73", *installation
    )
    listed = said("user", "list", *installation)
    typed("empat gajah di pelabuhan")
    changed = said("user", "password", "piket-pagi", *installation)
    said("user", "disable", "piket-pagi", *installation)
    ended = said("user", "list", *installation)
    assert "piket-pagi" in listed
    assert "operate read" in listed
    assert (listed.count("WIB"), ended.count("WIB")) == (2, 3)
    for text in (added, listed, changed, ended):
        assert not {PASSWORD, "gajah", "argon2"} & set(text.split())
        assert "argon2" not in text


def test_what_is_wrong_is_named(installation, fails, typed):
    typed("pendek")
    assert "12 to 200" in fails("user", "add", "piket-pagi", "--right", "read", *installation)
    typed(PASSWORD)
    assert "no user" in fails("user", "password", "piket-pagi", *installation)
    assert "73.99" in fails(
        "user", "add", "piket-pagi", "--right", "read", "--region", "73.99", *installation
    )
    assert "fly is none of" in fails("user", "add", "piket-pagi", "--right", "fly", *installation)
