"""The private network itself: a test that thinks it is alone must be."""

import asyncio
import socket
import sys

import pytest

from tests.integration.namespace import listens, needs, private_network, program, until


def interfaces() -> set[str]:
    return {name for _, name in socket.if_nameindex()}


def test_inside_there_is_a_loopback_and_nothing_else():
    """And outside everything is as it was."""
    needs()
    before = interfaces()
    with private_network():
        assert interfaces() == {"lo"}
        with socket.socket() as inside:
            inside.bind(("127.0.0.1", 25))
            inside.listen()
            assert listens(25)
            with socket.socket() as stranger, pytest.raises(OSError, match="unreachable"):
                stranger.connect(("192.0.2.1", 25))
    assert interfaces() == before


def test_the_thread_comes_back_after_a_failure():
    """No later test runs in a network that it did not ask for."""
    needs()
    before = interfaces()
    with pytest.raises(ZeroDivisionError), private_network():
        raise ZeroDivisionError
    assert interfaces() == before


async def test_the_event_loop_reaches_a_program_of_the_network(own_network, tmp_path):
    """Its own port, whatever uses that port outside; it is gone at the end."""
    serve = [sys.executable, "-m", "http.server", "8080", "--bind", "127.0.0.1", "--directory", tmp_path]
    with program(serve, log=tmp_path / "log", port=8080):
        _, writer = await asyncio.open_connection("127.0.0.1", 8080)
        writer.close()
        await writer.wait_closed()
    until(lambda: not listens(8080))


def test_a_program_that_ends_at_once_fails_with_what_it_said(tmp_path):
    """Nobody waits a minute for a server whose configuration is wrong."""
    complain = [sys.executable, "-c", "raise SystemExit('salah setelan')"]
    with (
        pytest.raises(AssertionError, match="salah setelan"),
        program(complain, log=tmp_path / "log", port=1),
    ):
        pass
