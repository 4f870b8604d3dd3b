"""An installation whose service is a process of its own, replayed as `siaga demo` does it, and disturbed on the way."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.simulation.replay import Replay, ReplayProgress, ServiceClient, read_events

ROOT = Path(__file__).resolve().parents[3]
SCENARIO = ROOT / "config/demo/pilkada-2024.jsonl"
SEED = 2024


class Installation:
    """One installation under a temporary folder, with its service as a process."""

    def __init__(self, folder: Path, *overrides: str) -> None:
        self.outbox = folder / "outbox"
        self.port = _free_port()
        self.log = folder / "service.log"
        settings = [
            "namespace=demo",
            f"paths.var={folder}",
            f"gateways.outbox.directory={self.outbox}",
            f"http.port={self.port}",
            "clock.mode=lock_step",
            *overrides,
        ]
        self._options = [part for setting in settings for part in ("--set", setting)]
        self._options += ["--config", str(ROOT / "config/siaga.yaml")]
        self._tokens: dict[tuple[str, ...], str] = {}
        self._service: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "engine.cli", *words]

    def make_token(self) -> str:
        """Return the token of a replay."""
        return self.token_of("submit", "operate", "read")

    def token_of(self, *rights: str) -> str:
        """Return a token with exactly these rights, made at the first call."""
        if rights not in self._tokens:
            options = [f"--right={right}" for right in rights]
            words = self.command("token", "create", *options, "--desk=*", *self._options)
            done = subprocess.run(words, cwd=ROOT, capture_output=True, check=True, text=True)
            self._tokens[rights] = next(word for word in done.stdout.split() if word.startswith("siaga_"))
        return self._tokens[rights]

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._service = subprocess.Popen(
                self.command("run", *self._options),
                cwd=ROOT,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )

    @property
    def pid(self) -> int:
        assert self._service is not None
        return self._service.pid

    def kill(self) -> None:
        """End the service as a power cut would, its evaluator with it."""
        assert self._service is not None
        for child in children(self.pid):
            os.kill(child, signal.SIGKILL)
        self._service.kill()
        self._service.wait()

    def stop(self) -> None:
        if self._service is not None and self._service.poll() is None:
            self._service.terminate()
            self._service.wait(timeout=30)

    def replay(
        self, disturb: Callable[[ReplayProgress], None] = lambda _progress: None
    ) -> tuple[ReplayProgress, dict[str, Any]]:
        """Run the scenario through the service; return the replay's counts and the summary."""

        async def run() -> tuple[ReplayProgress, dict[str, Any]]:
            async with ServiceClient(self.url, self.make_token()) as client:
                replay = Replay(client, read_events(SCENARIO), outbox=self.outbox, seed=SEED, shown=disturb)
                return await replay.run(), await client.summary()

        return asyncio.run(run())


def children(pid: int) -> list[int]:
    """Return the direct children of a process that are evaluators (not the server, which outlives its starter)."""
    listed = [
        c for task in Path(f"/proc/{pid}/task").iterdir() for c in (task / "children").read_text().split()
    ]
    return [int(c) for c in listed if b"evaluator_child" in Path(f"/proc/{c}/cmdline").read_bytes()]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
