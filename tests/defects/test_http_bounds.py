"""What one connection may cost: request heads, slow senders, and the number of connections are bounded.

All over real sockets of the loopback; what is sent is bounded, and the tests wait for outcomes only.
"""

import asyncio
import json
import os
import re
import resource
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from engine.clock import WallClock
from engine.core.judging.instant import MINUTE, format_instant
from engine.settings import Settings
from engine.web.server import serving
from tests.integration.namespace import program, until

ROOT = Path(__file__).parents[2]
MEBIBYTE = 2**20
FLOOD = 64 * MEBIBYTE
BUFFERS = 16 * MEBIBYTE
"""More than the kernel keeps of a connection between the two ends."""
PIECE = b"x" * 65_536
HEAD = b"GET /readyz HTTP/1.1\r\nHost: siaga.test\r\n"
CHUNKED = b"POST /v1/events HTTP/1.1\r\nHost: siaga.test\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """At most 20 connections, at any free port."""
    http = settings.http.model_copy(update={"port": 0, "max_connections": 20})
    return settings.model_copy(update={"http": http})


@pytest.fixture
async def port(api) -> AsyncIterator[int]:
    """The port of a server that lasts as long as the test."""
    async with serving(api.siaga) as address:
        yield int(address.rpartition(":")[2])


async def flood(port: int, begin: bytes, piece: bytes) -> tuple[int, bytes]:
    """Send a beginning and then pieces without an end; return how many bytes were taken, and what came back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sent, answer = 0, b""
    try:
        writer.write(begin)
        while sent < FLOOD:
            writer.write(piece)
            await writer.drain()
            sent += len(piece)
        async with asyncio.timeout(30):
            answer = await reader.read()
    except ConnectionError:
        pass
    except TimeoutError:
        answer = b"(nothing, and not closed)"
    writer.close()
    return sent, answer


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (HEAD + b"X: ", PIECE),
        (HEAD, b"X: y\r\n" * 10_000),
        (b"GET /" + b"x", PIECE),
        (CHUNKED + b"1;", PIECE),
        (CHUNKED + b"1\r\nx\r\n0\r\nX: ", PIECE),
        (CHUNKED + b"1\r\nx\r\n0\r\n", b"X: y\r\n" * 10_000),
    ],
    ids=["field", "fields", "request_line", "chunk_extension", "trailer", "trailers"],
)
async def test_what_has_no_end_is_not_read_on(port: int, begin: bytes, piece: bytes):
    """150 MiB of header fields on one connection took 1.7 GiB."""
    sent, _ = await flood(port, begin, piece)
    assert sent < BUFFERS


async def test_a_body_that_nobody_wants_any_more_is_not_read_on(port: int):
    """It was answered 401 long before; a body within the limit is read, so that its sender sees the answer."""
    sent, _ = await flood(port, CHUNKED, b"10000\r\n" + PIECE + b"\r\n")
    assert sent < BUFFERS


@pytest.mark.parametrize(("size", "status"), [(31_000, 200), (33_000, 431)])
async def test_a_head_may_have_32_kib(port: int, size: int, status: int):
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        answer = await client.get("/readyz", headers={"X": "y" * size})
    assert answer.status_code == status
    if status == 431:
        assert answer.headers["connection"] == "close"
        assert answer.json()["type"] == "urn:siaga:problem:head_too_large"


async def test_requests_without_an_end_on_one_connection_are_bounded(port: int):
    """Each that waits behind the first costs some kilobytes: 3,000 in one piece are not kept."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write((HEAD + b"\r\n") * 2_999 + HEAD + b"Connection: close\r\n\r\n")
    async with asyncio.timeout(60):
        try:
            answers = (await reader.read()).count(b"HTTP/1.1 200")
        except ConnectionError:
            answers = 0
    assert answers < 3_000
    writer.close()


async def test_a_head_that_trickles_is_given_up(port: int):
    """It sends a byte now and then, so that it is never silent (docs/specification/trust.md#connections)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HEAD + b"X: ")
    closed = asyncio.create_task(reader.read())
    for _ in range(40):
        done, _ = await asyncio.wait({closed}, timeout=0.5)
        if done:
            break
        writer.write(b"x")
    else:
        closed.cancel()
        pytest.fail("after 20 s of one head the connection still stood")
    writer.close()


async def test_slow_ones_keep_no_quick_one_out(port: int):
    """Three times as many connections as there are places, each with half a head: every probe is answered."""
    slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(60)]
    for _, writer in slow:
        writer.write(HEAD)
    statuses = []
    for _ in range(20):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            statuses.append((await client.get("/readyz")).status_code)
    assert statuses == [200] * 20
    still_open = [reader for reader, _ in slow if not reader.at_eof() and reader.exception() is None]
    assert len(still_open) <= 20
    for _, writer in slow:
        writer.close()


class Served:
    """A real `siaga run` that may open few files."""

    def __init__(self, url: str, token: str, outbox: Path) -> None:
        self.url, self.token, self.outbox = url, token, outbox

    def report(self) -> dict:
        """Return an event that opens an alert."""
        return {
            "id": "uji",
            "kind": "conflict.death",
            "severity": 4,
            "region": "73.15",
            "occurred_at": format_instant(WallClock().now() - MINUTE, "Asia/Makassar"),
            "source": {"desk": "73.15", "channel": "desk"},
            "metrics": {"dead": 1},
        }


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """Run the service with 256 descriptors."""
    given = {"paths.var": tmp_path / "var", "http.port": 0, "log.format": "json"}
    options = [part for name, value in given.items() for part in ("--set", f"{name}={value}")]
    command = [sys.executable, "-m", "engine.cli"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    made = subprocess.run(
        [*command, "token", "create", "--right", "submit", "--desk=*", *options],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    log = tmp_path / "siaga.log"
    few = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))}
    with program([*command, "run", *options], log=log, cwd=ROOT, env=environment, **few) as service:
        found = until(
            lambda: re.search(r'"address":\s*"(http[^"]+)"', log.read_text()) or service.poll() is not None
        )
        assert service.poll() is None, log.read_text()
        yield Served(found.group(1), made.stdout.strip(), tmp_path / "var/outbox")


def test_descriptors_are_left_for_store_and_messages(served: Served):
    """400 slow connections where 256 files may be open: an event is taken, and its messages go out."""
    place = httpx.URL(served.url)
    with ExitStack() as stack:
        for _ in range(400):
            slow = stack.enter_context(socket.create_connection((place.host, place.port), timeout=20))
            slow.sendall(HEAD)
        headers = {"Authorization": f"Bearer {served.token}"}
        sent = httpx.post(
            f"{served.url}/v1/events", content=json.dumps(served.report()), headers=headers, timeout=20
        )
        assert sent.status_code == 202
        until(lambda: served.outbox.is_dir() and any(served.outbox.rglob("*.eml")))
