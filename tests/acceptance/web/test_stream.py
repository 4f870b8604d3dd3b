"""The stream of ticks: for who is signed in, a tick for what happens, and an end with the server."""

import asyncio
from contextlib import AsyncExitStack

import httpx
import pytest

from engine.settings import Settings
from engine.web.console.stream import STREAMS
from engine.web.server import serving
from tests.acceptance.web.conftest import PASSWORD
from tests.credentials import OPERATOR


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The same settings at any free port."""
    return settings.model_copy(update={"http": settings.http.model_copy(update={"port": 0})})


async def test_a_tick_comes_for_what_happens_and_the_stream_ends_with_the_server(api):
    """The end is a clean one: a stream that the server had to cut would be an error for the client."""
    await api.user("piket", "read")
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def listen(client: httpx.AsyncClient) -> None:
        async with client.stream("GET", "/console/stream") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            async for line in answer.aiter_lines():
                if line:
                    await heard.put(line)

    async with httpx.AsyncClient(timeout=60) as client:
        async with serving(api.siaga) as address:
            client.base_url = httpx.URL(address)
            await client.post("/console/sign-in", data={"user": "piket", "password": PASSWORD})
            listening = asyncio.create_task(listen(client))
            assert await heard.get() == "retry: 2000"
            telling = asyncio.create_task(heard.get())
            while (
                not telling.done()
            ):  # what happens before the first look is none; something happens until it is told
                await api.siaga.tokens.create(["read"], by=OPERATOR)
                await api.siaga.store.wait((), 0.2)
            assert telling.result() == "event: tick"
        await listening


async def test_one_user_follows_from_so_many_pages_and_others_still_do(api):
    """Each stream holds a connection for minutes; one that ended makes room."""
    for name in ("piket", "lain"):
        await api.user(name, "read")
    many = httpx.Limits(max_connections=None)
    async with serving(api.siaga) as address, AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(httpx.AsyncClient(base_url=address, timeout=60, limits=many))
            for _ in range(2)
        ]
        for client, name in zip(clients, ("piket", "lain"), strict=True):
            await client.post("/console/sign-in", data={"user": name, "password": PASSWORD})
        one, other = clients
        async with AsyncExitStack() as first:
            await opened(first, one)
            for _ in range(STREAMS - 1):
                await opened(stack, one)
            refused = await one.get("/console/stream")
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
            assert await opened(stack, other) == 200
        while await opened(stack, one) != 200:  # the server learns of the end a little later
            continue


async def opened(stack: AsyncExitStack, client: httpx.AsyncClient) -> int:
    """Open a stream until the stack ends, and read its first line; return its status."""
    answer = await stack.enter_async_context(client.stream("GET", "/console/stream"))
    if answer.status_code == 200:
        lines = answer.aiter_lines()
        await anext(lines)
        stack.push_async_callback(lines.aclose)  # without it the stream would end with this function
    return answer.status_code


async def test_who_is_not_signed_in_hears_nothing(api):
    answer = await api.client.get("/console/stream")
    assert (answer.status_code, answer.headers["location"][:16]) == (303, "/console/sign-in")
    await api.sign_in("submit")
    assert (await api.client.get("/console/stream")).status_code == 403
