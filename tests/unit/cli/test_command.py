"""The command `siaga`: it teaches, says errors in one line, and its exit code tells which kind."""

from pathlib import Path

import pytest
import typer.main

from engine import cli
from engine.errors import ConfigurationError, StoreUnavailableError

ROOT = Path(__file__).parents[3]


@pytest.fixture
def siaga(capsys):
    """Run a command; return exit code, standard output and standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        printed = capsys.readouterr()
        return ended.value.code, printed.out, printed.err

    return run


@pytest.fixture
def installation(tmp_path, monkeypatch) -> Path:
    """Give a settings file of its own, and an environment without settings."""
    import os

    for variable in [name for name in os.environ if name.startswith("SIAGA_")]:
        monkeypatch.delenv(variable)
    file = tmp_path / "config" / "siaga.yaml"
    file.parent.mkdir()
    file.write_text("http: {port: 8100}\nredis: {url: 'redis://siaga:geheim@db.example'}\n")
    return file


def commands(command=None, path=()):
    """Yield every command with the words that call it."""
    command = command or typer.main.get_command(cli.app)
    if hasattr(command, "commands"):
        for name, below in command.commands.items():
            yield from commands(below, (*path, name))
    else:
        yield path, command


@pytest.mark.parametrize("path", [path for path, _ in commands()], ids=" ".join)
def test_every_command_teaches_itself_by_an_example(siaga, path):
    code, text, _ = siaga(*path, "--help")
    assert code == 0
    assert f"siaga {' '.join(path)}" in " ".join(text.split())
    assert "Example" in text


def test_alone_it_shows_what_there_is(siaga):
    code, text, said = siaga()
    assert code == cli.WRONG
    for name in ("run", "replay", "config", "token", "directory", "quarantine"):
        assert f" {name} " in text
    assert said == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nonsense",), "siaga: No such command 'nonsense'.\n"),
        (("run", "--nonsense"), "siaga: No such option: --nonsense"),
        (("token", "create"), "siaga: Missing option '--right'.\n"),
        (
            ("token", "create", "--right", "fly"),
            "siaga: Invalid value for --right: fly is none of submit, verify, operate, answer, policy, read, inbound\n",
        ),
        (("replay",), "siaga: Missing "),
        (
            ("replay", "f", "--token", "t", "--speed", "0"),
            "siaga: --speed 0: give a number above 0, or max\n",
        ),
        (
            ("replay", "f", "--token", "t", "--speed", "soon"),
            "siaga: --speed soon: give a number above 0, or max\n",
        ),
    ],
)
def test_wrong_use_is_one_line_and_code_2(siaga, arguments, said):
    code, text, error = siaga(*arguments)
    assert (code, text) == (cli.WRONG, "")
    assert error.startswith(said)
    assert error.count("\n") == 1


def test_a_wrong_setting_names_its_place(siaga, installation):
    installation.write_text("http:\n  prot: 1\n")
    code, _, error = siaga("config", "show", "--config", str(installation))
    assert code == cli.WRONG
    assert error == f"siaga: {installation}:2: http.prot is not a setting; did you mean http.port?\n"


def test_a_region_that_is_not_there_is_refused_before_the_store_is_opened(siaga, installation):
    regions = ROOT / "config" / "regions.csv"
    code, _, error = siaga(
        *("token", "create", "--right", "submit", "--region", "7315"),
        *("--config", str(installation), "--set", f"paths.regions={regions}"),
    )
    assert code == cli.WRONG
    assert error == f"siaga: --region 7315: not in {regions}; write it as 73 or 73.15\n"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ConfigurationError("config/siaga.yaml:3: no"), cli.WRONG, "siaga: config/siaga.yaml:3: no\n"),
        (
            StoreUnavailableError("the server does not answer"),
            cli.FAILED,
            "siaga: the server does not answer\n",
        ),
        (OSError("disk full"), cli.FAILED, "siaga: disk full\n"),
        (KeyError("x"), cli.FAILED, "siaga: unexpected KeyError; `siaga --debug ...` shows where\n"),
        (KeyboardInterrupt(), cli.INTERRUPTED, ""),
    ],
)
def test_an_error_is_one_line_without_trace(siaga, error, code, said):
    def fail():
        """Fail. Example: siaga fail"""
        raise error

    command = cli.app.command("fail")(fail)
    try:
        assert siaga("fail") == (code, "", said)
        if isinstance(error, Exception):
            with pytest.raises(type(error)):
                cli.main(["--debug", "fail"])
    finally:
        cli.app.registered_commands[:] = [
            known for known in cli.app.registered_commands if known.callback is not command
        ]


def test_config_show_tells_each_value_and_its_origin_and_no_secret(siaga, installation, monkeypatch):
    monkeypatch.setenv("SIAGA_LOG__LEVEL", "debug")
    code, text, _ = siaga("config", "show", "--config", str(installation), "--set", "namespace=uji")
    lines = {line.split(" = ")[0].strip(): line.split(" = ")[1] for line in text.splitlines()}
    assert code == 0
    assert lines["http.port"] == f"8100  # {installation}:1"
    assert lines["http.host"] == "127.0.0.1  # default"
    assert lines["log.level"] == "debug  # SIAGA_LOG__LEVEL"
    assert lines["namespace"] == "uji  # --set namespace"
    assert lines["redis.url"] == f"redis://siaga:**********@db.example  # {installation}:2"
    assert "geheim" not in text + siaga("config", "show", "--json", "--config", str(installation))[1]
