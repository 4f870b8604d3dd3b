"""The app behind a real socket."""

import asyncio
import json

import httpx
import pytest

from engine.errors import ConfigurationError
from engine.settings import Settings
from engine.web.server import listen, serving


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The same settings at any free port."""
    return settings.model_copy(update={"http": settings.http.model_copy(update={"port": 0})})


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


async def closed(port: int) -> None:
    """Return once nobody listens at the port any more."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            return
        except ConnectionResetError:
            continue  # it was still in the queue of those to be accepted
        writer.close()


async def test_the_server_listens_and_lets_go(api):
    headers = await api.bearer("submit")
    async with serving(api.siaga) as address, httpx.AsyncClient(base_url=address) as client:
        answer = await client.post("/v1/events", json=api.event(), headers=headers)
        assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
        assert "server" not in answer.headers
    listen("127.0.0.1", port_of(address)).close()


async def test_a_large_body_is_not_read_to_its_end(api):
    """The connection ends with the 413, so that nobody can keep it busy."""
    headers = await api.bearer("submit")
    async with serving(api.siaga) as address, httpx.AsyncClient(base_url=address) as client:
        answer = await client.post("/v1/events", content=b" " * 200_000, headers=headers)
    assert (answer.status_code, answer.headers["connection"]) == (413, "close")


async def test_a_request_under_way_is_answered_before_the_end(api):
    """A sender who began hears back: the server stops listening first, and ends behind its last answer."""
    headers = await api.bearer("submit") | {"Content-Type": "application/json"}
    body = json.dumps(api.event()).encode()
    under_way = asyncio.Event()

    async def halves(port: int):
        yield body[:10]
        under_way.set()
        await closed(port)
        yield body[10:]

    async with httpx.AsyncClient() as client:
        async with serving(api.siaga) as address:
            slow = client.post(f"{address}/v1/events", content=halves(port_of(address)), headers=headers)
            sent = asyncio.create_task(slow)
            await under_way.wait()
        answer = await sent
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)


async def test_a_taken_port_is_said_in_one_line():
    taken = listen("127.0.0.1", 0)
    with taken, pytest.raises(ConfigurationError, match=r"http\.port: cannot listen on 127\.0\.0\.1"):
        listen("127.0.0.1", taken.getsockname()[1])
