"""The units of systemd: valid, closed, and their commands are commands of Siaga."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import typer.main

ROOT = Path(__file__).parents[2]
UNITS = sorted(p for p in (ROOT / "config/systemd").iterdir() if p.suffix != ".sh")
COMMAND = ROOT / "config/systemd/siaga.sh"
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]


@pytest.fixture
def units(tmp_path) -> Path:
    """The units as they would stand on a machine where Siaga lies here."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("not installed: systemd-analyze (Debian's systemd)")
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace("/opt/siaga", str(ROOT)))
    return tmp_path


def test_systemd_understands_them(units):
    """Every key is one that it knows, every program is there, every timer has its service."""
    done = subprocess.run(
        ["systemd-analyze", "verify", *sorted(units.iterdir())], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("service", [unit.name for unit in SERVICES])
def test_each_service_is_closed(units, service):
    """By systemd's own judgement: below 2.0, which it calls OK (an ordinary service has 9)."""
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", units / service],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Overall exposure level" in done.stdout


@pytest.mark.parametrize("service", SERVICES, ids=lambda unit: unit.name)
def test_each_command_is_one_of_siaga(service):
    from engine.cli import app

    commands = typer.main.get_command(app).commands
    called = re.findall(r"^ExecStart=.* -m engine\.cli (\S+)(.*)$", service.read_text(), re.MULTILINE)
    assert called
    for name, rest in called:
        options = {option for parameter in commands[name].params for option in parameter.opts}
        assert {word for word in rest.split() if word.startswith("--")} <= options


def test_their_settings_are_settings():
    """A variable SIAGA_A__B in a unit overrides a setting that exists."""
    from engine.settings import names

    known = {f"SIAGA_{name.upper().replace('.', '__')}" for name in names()}
    set_ = {word for unit in UNITS for word in re.findall(r"\bSIAGA_\w+__\w+", unit.read_text())}
    assert set_
    assert set_ <= known


def test_the_command_becomes_the_user_of_the_service(tmp_path):
    """As root it runs as that user with the variables of the service, whatever they hold; here as nobody."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can become another user (by setpriv)")
    (tmp_path / "siaga").mkdir()
    secret = 'a b"c$(touch gagal)'
    (tmp_path / "siaga/secrets.env").write_text(f"# rahasia\n\nSIAGA_NAMESPACE=uji\nSIAGA_X={secret}")
    text = COMMAND.read_text()
    for name, value in (
        ("USER_OF_SERVICE=siaga", "USER_OF_SERVICE=nobody"),
        ('--regid "$USER_OF_SERVICE"', "--regid nogroup"),
        ("/etc/siaga", str(tmp_path / "siaga")),
        ("/opt/siaga/.venv/bin/python -m engine.cli", "/usr/bin/env"),
    ):
        assert name in text
        text = text.replace(name, value)
    own = tmp_path / "command"
    own.write_text(text)
    words = ["sh", "-c", 'id -un; printf "%s\\n" "$SIAGA_NAMESPACE" "$SIAGA_X" "$SIAGA_PATHS__VAR"']
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SIAGA_")}
    done = subprocess.run(
        ["sh", own, *words], cwd=tmp_path, env=clean, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["nobody", "uji", secret, "/var/lib/siaga"]
    assert not (tmp_path / "gagal").exists()
