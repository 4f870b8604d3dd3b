"""Kept connections: what of HTTP/1.1 they understand, and what they do not let happen to them."""

import asyncio
from contextlib import asynccontextmanager

import httptools
import pytest
import uvloop

from notifiers.connections import LONGEST_ANSWER, Connections, NotConnectedError, target_of

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLOSE = b""


class Server:
    """Gives the bytes it was told for each request, and counts connections and requests."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.requests: list[bytes] = []
        self.connections = 0
        self.open = 0
        self.most_open = 0
        self.none_open = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self.none_open.clear()
        self.most_open = max(self.most_open, self.open)
        try:
            while request := await self._request(reader):
                self.requests.append(request)
                answer = self.answers.pop(0) if self.answers else OK
                writer.write(answer)
                await writer.drain()
                if not answer or answer.endswith(CLOSING):
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            self.open -= 1
            writer.close()
            if not self.open:
                self.none_open.set()

    async def _request(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
        return head + await reader.readexactly(length)


CLOSING = b"(the connection closes here)"


@asynccontextmanager
async def opened(at_most: int = 5, tls=None, **more):
    told = Server()
    server = await asyncio.start_server(told.serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        connections = Connections(at_most, **more)
        address = f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield told, connections, target_of(f"{address}/kait?a=1")
        connections.close()


async def test_a_request_goes_whole_and_its_connection_is_kept():
    async with opened() as (server, connections, target):
        for _ in range(3):
            answer = await connections.exchange("POST", target, {"x-uji": "1"}, b"isi")
            assert (answer.status, answer.body) == (200, b"ok")
        assert server.connections == 1
    lines = f"POST /kait?a=1 HTTP/1.1\r\nhost: {target.authority}\r\nx-uji: 1\r\ncontent-length: 3\r\n\r\nisi"
    assert server.requests == [lines.encode()] * 3


@pytest.mark.parametrize("loop", [None, uvloop.Loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("secure", [False, True])
def test_it_is_so_in_either_loop_with_tls_and_without(loop, secure: bool, certificate):
    async def twice() -> int:
        tls = certificate.context if secure else None
        async with opened(tls=tls, ca_file=certificate.file) as (server, connections, target):
            for _ in range(2):
                assert (await connections.exchange("POST", target, {}, b"isi")).body == b"ok"
            return server.connections

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(twice()) == 1


@pytest.mark.parametrize(
    ("answer", "body", "kept"),
    [
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nba\r\n2\r\nik\r\n0\r\n\r\n",
            b"baik",
            True,
        ),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
        (b"HTTP/1.1 103 Early Hints\r\nX-A: 1\r\n\r\n" + OK, b"ok", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", b"ok", False),
        (b"HTTP/1.0 200 OK\r\n\r\nsampai tutup" + CLOSING, b"sampai tutup" + CLOSING, False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\nterpotong" + CLOSING, b"terpotong" + CLOSING, False),
        (OK + OK, b"ok", False),
    ],
)
async def test_every_way_to_end_an_answer_is_understood(answer: bytes, body: bytes, kept: bool):
    """What is cut short, or has another answer behind it, is no reason to repeat the request; its connection goes."""
    async with opened() as (server, connections, target):
        server.answers = [answer]
        found = await connections.exchange("POST", target, {}, b"isi")
        assert (found.status // 100, found.body) == (2, body)
        assert "x-a" not in found.headers
        await connections.exchange("POST", target, {}, b"isi")
        assert server.connections == (1 if kept else 2)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (CLOSE, ConnectionResetError),
        (b"SSH-2.0-OpenSSH\r\n" + CLOSING, httptools.HttpParserError),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 2 * LONGEST_ANSWER, ConnectionAbortedError),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok",
            httptools.HttpParserError,
        ),
    ],
)
async def test_what_is_no_answer_is_an_error_and_the_connection_goes(answer: bytes, error: type[Exception]):
    async with opened() as (server, connections, target):
        server.answers = [answer]
        with pytest.raises(error):
            await connections.exchange("POST", target, {}, b"isi")
        assert len(server.requests) == 1
        assert (await connections.exchange("POST", target, {}, b"isi")).status == 200
        assert server.connections == 2


async def test_of_an_endless_answer_the_beginning_is_enough():
    async with opened() as (server, connections, target):
        server.answers = [b"HTTP/1.1 202 Accepted\r\nContent-Length: 9999999\r\n\r\n" + b"a" * 300_000]
        found = await connections.exchange("POST", target, {}, b"isi")
        assert found.status == 202
        assert len(found.body) < 300_000


async def test_who_gives_up_waiting_leaves_no_connection():
    async with opened() as (server, connections, target):
        server.answers = [b"HTTP/1.1 200 OK\r\n"]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await connections.exchange("POST", target, {}, b"isi")
        await server.none_open.wait()


async def test_a_connection_that_ended_while_nobody_used_it_is_not_used():
    async with opened() as (server, connections, target):
        server.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 28\r\n\r\n" + CLOSING]
        await connections.exchange("POST", target, {}, b"isi")
        while connections.kept(target):  # noqa: ASYNC110 -- until this side has noticed
            await asyncio.sleep(0)
        assert (await connections.exchange("POST", target, {}, b"isi")).status == 200
        assert (server.connections, len(server.requests)) == (2, 2)


async def test_no_more_connections_are_open_than_there_may_be():
    """Also where some are kept to a system that nothing goes to now."""
    async with opened(at_most=2) as (here, connections, target), opened() as (there, _, other):
        await asyncio.gather(*(connections.exchange("POST", target, {}, b"isi") for _ in range(20)))
        assert (here.most_open, len(here.requests)) == (2, 20)
        await asyncio.gather(*(connections.exchange("POST", other, {}, b"isi") for _ in range(20)))
        assert (there.most_open, len(there.requests)) == (2, 20)
        await here.none_open.wait()
        connections.close()


async def test_whoever_may_not_be_connected_to_is_not():
    """All addresses of a name are looked at, and what the look raises comes out as it is."""
    seen = []

    def look(addresses):
        seen.extend(addresses)
        raise PermissionError("bukan ke sana")

    async with opened(allow=look) as (server, connections, target):
        with pytest.raises(OSError, match="PermissionError"):
            await connections.exchange("POST", target, {}, b"isi")
        assert (seen, server.connections) == (["127.0.0.1"], 0)


async def test_nobody_there_is_told_apart_from_a_connection_that_broke():
    async with opened() as (_, _, target):
        pass
    with pytest.raises(NotConnectedError):
        await Connections(1).exchange("POST", target, {}, b"isi")


@pytest.mark.parametrize("header", [{"x": "a\r\nx-jahat: 1"}, {"x\r\ny": "a"}, {"x": "a\nb"}])
async def test_a_header_with_a_line_break_is_refused(header: dict[str, str]):
    async with opened() as (server, connections, target):
        with pytest.raises(ValueError, match="cannot be written"):
            await connections.exchange("POST", target, header, b"isi")
        assert server.connections == 0


@pytest.mark.parametrize(
    ("address", "authority", "path"),
    [
        ("https://kait.example", "kait.example", "/"),
        ("https://kait.example:443/a?b=c#d", "kait.example", "/a?b=c"),
        ("http://kait.example:8080/a", "kait.example:8080", "/a"),
        ("https://[2001:db8::1]:8443/", "[2001:db8::1]:8443", "/"),
    ],
)
def test_where_an_address_leads(address: str, authority: str, path: str):
    target = target_of(address)
    assert (target.authority, target.path) == (authority, path)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ftp://a/",
        "https://",
        "https:///a",
        "https://a b/",
        "https://a\r\nb/",
        "https://ä/",
        "https://a:99999/",
        "https://u:p@a.example/",
    ],
)
def test_what_is_no_address_of_the_web_is_refused(address: str):
    with pytest.raises(ValueError, match=r".+"):
        target_of(address)


async def test_an_address_that_cannot_be_reached_is_passed_over(monkeypatch):
    """A name may have several; all are asked about before the first is tried."""
    asked = []
    async with opened(allow=asked.append) as (server, connections, target):
        loop = asyncio.get_running_loop()

        async def named(host: str, port: int, **_: object) -> list[tuple]:
            return [(None, None, None, "", (address, port)) for address in ("127.0.0.2", "127.0.0.1")]

        monkeypatch.setattr(loop, "getaddrinfo", named)
        answer = await connections.exchange("POST", target, {}, b"isi")
        assert (answer.status, server.connections) == (200, 1)
    assert asked == [["127.0.0.2", "127.0.0.1"]]
