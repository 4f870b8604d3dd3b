"""An SMS gateway of the tests: HTTP in the running loop, which keeps what it takes and misbehaves as it is told.

Maintained code under the contract suite, not a model of any particular provider. It takes both shapes of the shipped
descriptions: the query of Kannel's `sendsms`, and a JSON message.
"""

import asyncio
import contextlib
import json
import ssl
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

HANG, CLOSE = "hang", "close"
"""Answers that are none: the gateway never speaks, or drops the connection."""


class Request:
    """One request as it came in."""

    def __init__(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        self.method, self.headers, self.body = method, headers, body
        self.path = urlsplit(target).path
        self.query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}

    @property
    def message(self) -> dict[str, str]:
        """Address, text and id, whichever shape they came in."""
        if self.method == "GET":
            fields = self.query
            id_ = parse_qs(urlsplit(fields.get("dlr-url", "")).query).get("id", [""])[0]
            return {"to": fields["to"], "text": fields["text"], "id": id_}
        fields = json.loads(self.body)
        return {"to": fields["to"], "text": fields["text"], "id": fields["client_ref"]}


class Aggregator:
    """Keeps requests; `answers` are given first, each (status, headers, body) or HANG or CLOSE; then it accepts."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[Request] = []
        self.answers: list = []
        self.connections = 0
        self._tasks: set[asyncio.Task] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def open(self, tls: ssl.SSLContext | None = None):
        """Listen on a port of its own until the block ends."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, server.wait_closed(), return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._tasks.add(asyncio.current_task())
        # Cancelled when the block ends; a task that stayed cancelled would raise in the streams of Python 3.11.
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._exchange(reader, writer):
                pass
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        request = Request(method, target, headers, body)
        answer = self.answers.pop(0) if self.answers else self._accept(request)
        if answer == HANG:
            await asyncio.get_running_loop().create_future()
        if answer == CLOSE:
            return False
        status, more, content = answer
        lines = [f"HTTP/1.1 {status} x", f"content-length: {len(content)}"]
        lines += [f"{name}: {value}" for name, value in more.items()]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + content)
        await writer.drain()
        return True

    def _accept(self, request: Request):
        self.requests.append(request)
        if request.path.endswith("/balance"):
            return 200, {}, b'{"balance": 1250.5, "currency": "IDR"}'
        if request.method == "GET":
            return 202, {}, b"0: Accepted for delivery"
        answer = {"status": "queued", "message_id": f"m{len(self.requests)}"}
        return 200, {"content-type": "application/json"}, json.dumps(answer).encode()
