"""A primary, two replicas and three Sentinels on free loopback ports: what a production of several machines runs.

Here: starting and killing them. Not here: what Siaga does meanwhile (`test_failover`).
"""

import shutil
import signal
import socket
import subprocess
import time
from contextlib import closing
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

SERVICE = "siaga"
DOWN_AFTER_MS = 500
_SERVER = """\
port {port}
bind 127.0.0.1
dir {folder}
appendonly yes
appendfsync always
save ""
maxmemory-policy noeviction
min-replicas-to-write 1
min-replicas-max-lag 2
repl-ping-replica-period 1
repl-diskless-sync-delay 0
{more}
"""
_SENTINEL = """\
port {port}
bind 127.0.0.1
dir {folder}
sentinel monitor {service} 127.0.0.1 {primary} 2
sentinel down-after-milliseconds {service} {down}
sentinel failover-timeout {service} 5000
sentinel parallel-syncs {service} 2
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Watched:
    """The six processes. `servers` maps a port to the process that listens there; the first is the first primary."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._program = shutil.which("redis-server")
        self.servers: dict[int, subprocess.Popen[bytes]] = {}
        self.sentinels: dict[int, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Start all of them and let them find each other."""
        primary = free_port()
        self.start_server(primary)
        for _ in range(2):
            self.start_server(free_port(), f"replicaof 127.0.0.1 {primary}")
        for _ in range(3):
            port = free_port()
            text = _SENTINEL.format(
                port=port,
                folder=self._place(port),
                service=SERVICE,
                primary=primary,
                down=DOWN_AFTER_MS,
            )
            self.sentinels[port] = self._run(port, text, "--sentinel")
        self.settle()

    def settle(self) -> None:
        """Return when every Sentinel knows the others and both replicas, and these follow the primary."""
        self._until(lambda: all(self._knows_all(port) for port in self.sentinels))
        self._until(lambda: self._ask(self.primary(), "INFO", "replication")["connected_slaves"] == 2)

    def succeed(self, port: int) -> None:
        """Return when most Sentinels name another primary than this one: the first that does may be ahead of them."""
        self._until(lambda: self.primary() != port)

    @property
    def url(self) -> str:
        """The address by which Siaga finds the primary."""
        return f"redis+sentinel://{','.join(f'127.0.0.1:{port}' for port in self.sentinels)}/{SERVICE}"

    def primary(self) -> int:
        """Return the port of the primary that most Sentinels name."""
        named = [
            int(self._ask(port, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)[1]) for port in self.sentinels
        ]
        return max(named, key=named.count)

    def signal(self, port: int, number: int) -> None:
        """Kill, stop or continue a server or a Sentinel."""
        process = (self.servers | self.sentinels)[port]
        process.send_signal(number)
        if number == signal.SIGKILL:
            process.wait()

    def start_server(self, port: int, more: str = "") -> None:
        """Start a server, also one that ran before: it goes on with what it has, as Sentinel then tells it."""
        text = _SERVER.format(port=port, folder=self._place(port), more=more)
        self.servers[port] = self._run(port, text)

    def stop(self) -> None:
        for process in (*self.sentinels.values(), *self.servers.values()):
            process.kill()
            process.wait()

    def _place(self, port: int) -> Path:
        folder = self._folder / str(port)
        folder.mkdir(exist_ok=True)
        return folder

    def _run(self, port: int, text: str, *words: str) -> subprocess.Popen[bytes]:
        file = self._place(port) / "server.conf"
        file.write_text(text, encoding="utf-8")
        with (self._place(port) / "server.log").open("ab") as log:
            process = subprocess.Popen([str(self._program), str(file), *words], stdout=log, stderr=log)
        self._until(lambda: self._ask(port, "PING"))
        return process

    def _knows_all(self, port: int) -> bool:
        state = self._ask(port, "SENTINEL", "MASTER", SERVICE)
        return (int(state["num-slaves"]), int(state["num-other-sentinels"])) == (2, 2)

    def _ask(self, port: int, *words: str):
        with closing(Redis(port=port, decode_responses=True, socket_timeout=2)) as client:
            return client.execute_command(*words)

    @staticmethod
    def _until(true) -> None:
        """Wait for a process of another program: it tells by nothing but its answers."""
        ends = time.monotonic() + 60
        while True:
            try:
                if true():
                    return
            except RedisError:
                pass
            if time.monotonic() > ends:
                raise TimeoutError("the servers of the test do not come up")
            time.sleep(0.02)
