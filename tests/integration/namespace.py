"""A private network for real servers: a loopback of its own, on which every port is free and from which nothing leaves.

Here: entering the namespace, starting a server's programs in it and waiting for what they do. Not here: any one server
(a module each). Only the thread that enters is moved, with the programs it starts from then on: tests and their event
loop run in that thread. What was connected before stays connected, and unix sockets are reached from everywhere.
"""

import ctypes
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET
_SET_FLAGS, _UP = 0x8914, 0x1  # SIOCSIFFLAGS, IFF_UP
_LOOK_AGAIN = 0.02
_PATIENCE = 60.0
_libc = ctypes.CDLL(None, use_errno=True)


def needs(*programs: str) -> None:
    """Skip the test, saying why, where it may not make a network or a program of a server is missing."""
    if os.geteuid() != 0:
        pytest.skip("only root may make a private network for real servers")
    if missing := [program for program in programs if shutil.which(program) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}; as root on Debian `./run test` installs them")


@contextmanager
def private_network() -> Iterator[None]:
    """Move this thread into a network with nothing but a loopback, and back again at the end."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if _libc.unshare(_NEW_NETWORK) != 0:
            pytest.skip(f"this machine lets nobody make a network: {os.strerror(ctypes.get_errno())}")
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
                fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP))
            yield
        finally:
            if _libc.setns(home, _NEW_NETWORK) != 0:
                raise OSError(ctypes.get_errno(), "cannot leave the private network")
    finally:
        os.close(home)


@contextmanager
def program(
    command: Sequence[str | Path], *, log: Path, port: int | None = None, **options
) -> Iterator[subprocess.Popen]:
    """Run a program that stays in the foreground; what it writes goes to `log`. With `port`: wait until it listens.

    It is ended by SIGTERM, with all that it started; one that ends before it listens fails the test with its log.
    """
    with log.open("ab") as written:
        running = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **options,
        )
    try:
        if port is not None:
            until(lambda: listens(port) or running.poll() is not None)
            assert running.poll() is None, f"{command[0]} ended:\n{log.read_text(errors='replace')}"
        yield running
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGTERM)
        try:
            running.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def listens(port: int) -> bool:
    """Say whether something accepts connections on a port of the loopback."""
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def until(condition: Callable[[], object]) -> object:
    """Look until what another process does has come about, and return it; fail where it does not come."""
    pause = threading.Event()
    for _ in range(int(_PATIENCE / _LOOK_AGAIN)):
        if found := condition():
            return found
        pause.wait(_LOOK_AGAIN)
    pytest.fail("what was waited for did not come about")
