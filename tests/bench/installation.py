"""An installation to measure: rules and people of its own, `siaga run` as a process, and who receives its webhooks.

Here: its files, its process and the client's side of HTTP, all on loopback. Not here: what is sent and measured.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter, sleep

import msgspec

from tests.bench.machine import cpu_seconds

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30.0
POLICIES = """version: 1
policies:
  - {id: ukur, steps: [{to: [{role: posko_nasional, at: nation}], wait: 1d}]}
"""
EVERY_INCIDENT = """version: 1
defaults: {owner: Pengukuran, level: waspada, guide: sop/kekerasan.md, escalate: ukur}
rules:
  - id: ukur-kejadian
    title: Kejadian sintetis untuk pengukuran
    short_title: Pengukuran
    why: Untuk pengukuran saja; semua kejadiannya sintetis.
    watch: {kind: conflict.clash}
    per: incident
    alert_when: every_event
"""
"""Every incident opens an alert of its own, and each alert tells one contact at once."""
SHARED = {"regions": "config/regions.csv", "kinds": "config/kinds.yaml", "templates": "templates"}
TEST = """rules: [ukur.yaml]
tests:
  - name: setiap kejadian membuka peringatan
    start: "2024-11-27 12:00 WITA"
    events: [{at: +0m, kind: conflict.clash, severity: 2, region: "73.15", incident: satu}]
    run_until: +1h
    expect: [{at: +0m, rule: ukur-kejadian, group: {incident: satu}, state: opens}]
"""


UNBOUNDED = (
    "intake.events_per_minute=1000000000",
    "intake.bytes_per_minute=1000000000000",
    "intake.awas_per_ten_minutes=1000000000",
)
"""A benchmark sends by one token as much as the service takes."""


class Installation:
    """One installation in a folder; with a receiver its alerts go to that by webhook."""

    def __init__(
        self,
        home: Path,
        *,
        rules: str | None = EVERY_INCIDENT,
        receiver: int = 0,
        overrides: Sequence[str] = (),
    ) -> None:
        """Write its files. `rules` None: the rules, people and settings that ship."""
        self.home = home
        self.log = home / "service.log"
        home.mkdir(parents=True, exist_ok=True)
        config = ROOT / "config/siaga.yaml" if rules is None else self._own(rules, receiver)
        self._options = [word for one in (*UNBOUNDED, *overrides) for word in ("--set", one)]
        self._options += [
            "--config",
            str(config),
            "--set",
            f"paths.var={home / 'var'}",
            "--set",
            "http.port=0",
        ]
        self._options += ["--set", "log.format=json"]
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.token = ""

    def _own(self, rules: str, receiver: int) -> Path:
        """Write configuration, rules and people; return the file of the settings."""
        config, home = self.home / "config", self.home
        for folder in (config, home / "rules", home / "sop"):
            folder.mkdir(exist_ok=True)
        (home / "sop" / "kekerasan.md").write_bytes((ROOT / "docs/sop/kekerasan.md").read_bytes())
        (home / "rules" / "ukur.yaml").write_text(rules, encoding="utf-8")
        (home / "rules" / "ukur.test.yaml").write_text(TEST, encoding="utf-8")
        (config / "policies.yaml").write_text(POLICIES, encoding="utf-8")
        (config / "gateways.yaml").write_text(
            "version: 1\ngateways: [{id: kait, channel: webhook, password_env: SIAGA_BENCH_KEY, "
            f"private_addresses: true, ca_file: '{home}/cert.pem'}}]\n",
            encoding="utf-8",
        )
        (config / "directory.yaml").write_text(_directory(receiver), encoding="utf-8")
        shared = {name: ROOT / place for name, place in SHARED.items()}
        paths = ", ".join(f"{name}: '{place}'" for name, place in shared.items())
        file = config / "siaga.yaml"
        file.write_text(f"paths: {{{paths}, directory: config/directory.yaml}}\n", encoding="utf-8")
        return file

    def siaga(self, *words: str) -> str:
        """Run a command upon it and return what it printed."""
        command = [sys.executable, "-m", "engine.cli", *words, *self._options]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"siaga {' '.join(words[:2])}: {done.stderr or done.stdout}")
        return done.stdout

    def start(self) -> None:
        """Make a token at the first start, start the service, and wait until it answers."""
        if not self.token:
            rights = [word for right in ("submit", "read", "operate") for word in ("--right", right)]
            made = self.siaga("token", "create", *rights, "--desk=*")
            self.token = next(word for word in made.split() if word.startswith("siaga_"))
        begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "engine.cli", "run", *self._options],
                cwd=ROOT,
                env={**os.environ, "SIAGA_BENCH_KEY": "kunci-ukur"},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        until = perf_counter() + START_SECONDS
        while perf_counter() < until and self._process.poll() is None:
            for line in self.log.read_bytes()[begin:].splitlines():
                if b'"listening"' in line:
                    self.port = int(msgspec.json.decode(line)["address"].rpartition(":")[2])
                    return
            sleep(0.02)
        self.stop()
        raise RuntimeError(f"the service did not start:\n{self.log.read_text()[-2_000:]}")

    @property
    def pids(self) -> dict[str, int]:
        """The processes of it: service, evaluator and server."""
        assert self._process is not None
        found = {"service": self._process.pid}
        for task in Path(f"/proc/{self._process.pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                if b"evaluator_child" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found["evaluator"] = int(child)
        server = self.home / "var/redis/server.pid"
        if server.exists():
            found["server"] = int(server.read_text())
        return found

    def cpu(self) -> dict[str, float]:
        """Return the CPU seconds of each of its processes so far."""
        return {name: cpu_seconds(pid) for name, pid in self.pids.items()}

    def stop(self) -> None:
        """End the service and its server."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def kill(self) -> None:
        """End service and evaluator as a power cut would; the server goes on."""
        assert self._process is not None
        for name, pid in self.pids.items():
            if name != "server":
                os.kill(pid, 9)
        self._process.wait()


def _directory(receiver: int) -> str:
    if not receiver:
        return "version: 1\npeople: []\nassignments: []\n"
    contact = f'{{channel: webhook, value: "https://127.0.0.1:{receiver}/siaga"}}'
    return (
        f"version: 1\npeople:\n  - {{id: penerima, contacts: [{contact}]}}\nassignments:\n"
        '  - {position: {region: "00", role: posko_nasional}, person: penerima}\n'
    )


class Client:
    """One kept connection that posts bodies; a request after the other."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._token = port, token

    async def open(self) -> Client:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def post(
        self, body: bytes, path: str = "/v1/events", media_type: str = "application/x-ndjson"
    ) -> bytes:
        """Post a body; return that of the answer, which must be 200 or 202."""
        head = (
            f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {self._token}\r\n"
            f"content-type: {media_type}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        return await self._answer()

    async def get(self, path: str) -> bytes:
        """Get a path; return the body."""
        head = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {self._token}\r\n\r\n"
        self._writer.write(head.encode())
        return await self._answer()

    async def _answer(self) -> bytes:
        head = await self._reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        answer = await self._reader.readexactly(length)
        if status not in (200, 202):
            raise RuntimeError(f"answered {status}: {answer[:300]!r}")
        return answer

    async def close(self) -> None:
        """Let go of the connection."""
        self._writer.close()


class Receiver(asyncio.Protocol):
    """One connection of whoever posts to us: each body is told, with the instant at which it was whole."""

    def __init__(self, told: Callable[[bytes, float], None]) -> None:
        self._told = told
        self._kept = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take bytes; answer each request that is whole."""
        self._kept += data
        while b"\r\n\r\n" in self._kept:
            head, _, rest = self._kept.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            if len(rest) < length:
                return
            body, self._kept = rest[:length], rest[length:]
            self._told(body, perf_counter())
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")  # type: ignore[attr-defined]


@asynccontextmanager
async def receiving(
    told: Callable[[bytes, float], None], context: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Receive posts on a free port of loopback, which is given, while the context lasts."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Receiver(told), "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
