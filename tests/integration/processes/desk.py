"""A desk whose roles run in processes of their own around one server, as on several machines.

Here: starting `siaga run` with some roles, reading what its log says, ending it hard. Not here: the files of the
installation (`tests.crash.installation`).
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import httpx

from engine.settings import Settings
from tests.crash.installation import ENVIRONMENT, ROOT


class Service:
    """One process of `siaga run`, with its evaluator if it has one."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._lines = asyncio.create_task(self._read())
        self._said: list[dict[str, Any]] = []
        self._more = asyncio.Condition()
        self.url = ""

    async def _read(self) -> None:
        assert self._process.stderr is not None
        while line := await self._process.stderr.readline():
            async with self._more:
                self._said.append(json.loads(line) if line.startswith(b"{") else {"event": line.decode()})
                self._more.notify_all()

    async def says(self, event: str) -> dict[str, Any]:
        """Return the line of the log with this event once it is there."""
        async with self._more, asyncio.timeout(60):
            while True:
                for line in self._said:
                    if line["event"] == event:
                        return line
                await self._more.wait()

    @property
    def pids(self) -> list[int]:
        """The process and the evaluator that it started; not the server, which may outlive it."""
        own = self._process.pid
        tasks = Path(f"/proc/{own}/task").iterdir()
        children = [int(c) for task in tasks for c in (task / "children").read_text().split()]
        return [own, *(c for c in children if b"evaluator_child" in Path(f"/proc/{c}/cmdline").read_bytes())]

    @staticmethod
    def signal(pid: int, number: int) -> None:
        """Stop or continue one of them."""
        os.kill(pid, number)

    async def kill(self) -> None:
        """End it as a power cut would."""
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)
        await self._ended()

    async def stop(self) -> None:
        """End it as an operator would."""
        if self._process.returncode is None:
            self._process.terminate()
        await self._ended()

    async def _ended(self) -> None:
        async with asyncio.timeout(60):
            await self._process.wait()
            await self._lines

    async def metric(self, name: str) -> float:
        """Return the sum of a metric's samples."""
        async with httpx.AsyncClient(base_url=self.url) as client:
            text = (await client.get("/metrics")).text
        return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))


class Desk:
    """The processes of one installation."""

    def __init__(self, settings: Settings, url: str, *overrides: str) -> None:
        """`url` is the server's; further overrides are settings as on the command line."""
        paths = {name: getattr(settings.paths, name) for name in ("var", "rules", "policies", "directory")}
        words = [
            f"namespace={settings.namespace}",
            *(f"paths.{name}={path}" for name, path in paths.items()),
            f"paths.expected={settings.paths.expected}",
            f"paths.gateways={settings.paths.gateways}",
            "gateways.smtp.host=127.0.0.1",
            f"gateways.smtp.port={settings.gateways.smtp.port}",
            "gateways.smtp.tls=none",
            "http.port=0",
            "log.format=json",
            "archive.enabled=false",
            *([f"redis.url={url}"] if url else []),
            *overrides,
        ]
        self._options = [part for word in words for part in ("--set", word)]
        self._options += ["--config", str(ROOT / "config/siaga.yaml")]
        self._services: list[Service] = []

    async def start(self, *roles: str) -> Service:
        """Start a process with these roles (none: all), and return it once it listens."""
        apart = ("--roles", ",".join(roles)) if roles else ()
        service = Service(
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "engine.cli", "run", *apart, *self._options),
                cwd=ROOT,
                env=os.environ | ENVIRONMENT,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
        )
        self._services.append(service)
        service.url = (await service.says("listening"))["address"]
        return service

    async def token(self) -> str:
        """Make a token with every right that a desk needs."""
        rights = [word for right in ("submit", "read", "operate") for word in ("--right", right)]
        made = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "engine.cli", "token", "create", *rights, "--desk=*", *self._options),
            cwd=ROOT,
            env=os.environ | ENVIRONMENT,
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await made.communicate()
        return next(word for word in out.decode().split() if word.startswith("siaga_"))

    async def stop(self) -> None:
        for service in self._services:
            await service.stop()
