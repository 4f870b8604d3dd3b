"""Peers: the programs that Siaga is held against, each in an environment of its own under `var/bench`.

Here: making those environments by pip, and running scripts in them. Not here: what is compared. Every peer is optional:
one that cannot be had is left out, and the table says why. Nothing of them is ever imported here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from tests.bench.figure import Scale

HERE = Path(__file__).parent
INSTALL_SECONDS = 300.0
RUN_SECONDS = 300.0


class Peer(msgspec.Struct, frozen=True):
    """What pip installs, and the Pythons that it works with, best first."""

    name: str
    packages: tuple[str, ...]
    pythons: tuple[str, ...]
    needs: tuple[str, ...] = ()
    """Programs that the machine must have."""


ELASTALERT = Peer("elastalert2", ("elastalert2==2.31.0", "pytz"), ("python3.13", "python3.12"))
RULEBOOK = Peer(
    "ansible-rulebook",
    ("ansible-rulebook==1.3.2", "drools-jpy==0.4.1", "ansible-core==2.19.14"),
    ("python3.11", "python3.12"),
    ("java",),
)
BYTEWAX = Peer("bytewax", ("bytewax==0.21.1",), ("python3.11", "python3.12"))


class Ran(msgspec.Struct, frozen=True):
    """What a peer printed; or why it could not be run."""

    out: str = ""
    why: str = ""


class Peers:
    """The environments of peers below one folder."""

    def __init__(self, folder: Path, *, wanted: bool = True) -> None:
        """Name the folder. With `wanted` false no peer is asked, and every figure says so."""
        self._folder = folder
        self.wanted = wanted

    def run(self, peer: Peer, script: str, *arguments: str) -> Ran:
        """Run a script of this folder in the peer's environment, which is made first where it is missing."""
        if not self.wanted:
            return Ran(why=f"{peer.name}: not asked for (--no-peers)")
        python = self._python(peer)
        if not python.exists():
            return Ran(why=python.name)
        return ran(peer.name, [str(python), str(HERE / script), *arguments])

    def folder(self, peer: Peer) -> Path | None:
        """Return the environment of a peer; None where it cannot be had."""
        python = self._python(peer) if self.wanted else Path("not asked for")
        return python.parents[1] if python.exists() else None

    def why_not(self, peer: Peer) -> str:
        """Say why a peer cannot be had."""
        return f"{peer.name}: not asked for (--no-peers)" if not self.wanted else self._python(peer).name

    def _python(self, peer: Peer) -> Path:
        """Return the peer's Python; a path that does not exist, whose name is the reason, where it cannot be had."""
        home = self._folder / peer.name
        python, stamp = home / "bin" / "python", home / "stamp"
        if stamp.exists() and stamp.read_text() == repr(peer.packages):
            return python
        if missing := [program for program in peer.needs if shutil.which(program) is None]:
            return Path(f"{peer.name} is not available: no {missing[0]} here")
        tried: list[str] = []
        for one in filter(None, map(shutil.which, _pythons(peer.pythons))):
            made = ran(peer.name, [one, "-m", "venv", "--clear", str(home)], INSTALL_SECONDS)
            if not made.why:
                pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
                made = ran(peer.name, [*pip, *peer.packages], INSTALL_SECONDS)
            if not made.why:
                stamp.write_text(repr(peer.packages))
                return python
            tried.append(made.why)
        why = tried[0] if tried else f"{peer.name} is not available: it wants {' or '.join(peer.pythons)}"
        return Path(why.replace("/", "|"))


class Terms(NamedTuple):
    """What every benchmark is given: how much, the peers, and whom to tell what is being measured."""

    scale: Scale
    peers: Peers
    step: Callable[[str], None]


def _pythons(names: Iterable[str]) -> Iterable[str]:
    """Yield the names with Debian's own before others of the same version."""
    for name in names:
        yield f"/usr/bin/{name}"
        yield name


def ran(name: str, command: list[str], seconds: float = RUN_SECONDS, **environment: str) -> Ran:
    """Run a command; what it printed, or why it failed in one line."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            env={**os.environ, "PYTHONPATH": "", "PYTHONWARNINGS": "ignore", **environment},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Ran(why=f"{name} is not available: {error}"[:200])
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()[-1]
        return Ran(why=f"{name} is not available: {last}"[:200])
    return Ran(out=done.stdout)
