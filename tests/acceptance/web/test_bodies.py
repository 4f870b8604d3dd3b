"""Bodies of many connections together, over real sockets."""

import asyncio

import httpx
from uvicorn.server import ServerState

from engine.web.connections import BoundedConfig, BoundedProtocol, ConnectionLimits

MEBIBYTE = 2**20


async def test_bodies_that_are_not_complete_are_bounded_together():
    """Forty halves of a body where ten have room: the oldest are closed, and a whole one is answered meanwhile."""
    refused: list[str] = []
    connections = ConnectionLimits(100, refused.append, most_discarded=MEBIBYTE, most_held=MEBIBYTE)
    config = BoundedConfig(echo, connections, ws="none", lifespan="off", log_config=None)
    config.load()
    loop = asyncio.get_running_loop()
    state = ServerState()
    server = await loop.create_server(
        lambda: BoundedProtocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    head = b"POST / HTTP/1.1\r\nHost: siaga.test\r\nContent-Length: 200000\r\n\r\n"
    slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(40)]
    closed = [asyncio.create_task(reader.read()) for reader, _ in slow]
    for _, writer in slow:
        writer.write(head + b"x" * 100_000)
        await writer.drain()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        for _ in range(3):
            answer = await client.post("/", content=b"y" * 200_000)
            assert (answer.status_code, answer.content) == (200, b"200000")
    await asyncio.wait(closed[:28], timeout=20)
    assert sum(task.done() for task in closed) >= 28
    assert set(refused) == {"connections"}
    for task in closed:
        task.cancel()
    await asyncio.gather(*closed, return_exceptions=True)
    for _, writer in slow:
        writer.close()
    server.close()
    await server.wait_closed()


async def echo(scope, receive, send) -> None:
    """Answer with the length of the body."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message["body"]), message["more_body"]
    body = str(size).encode()
    length = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": body})
