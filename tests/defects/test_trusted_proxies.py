"""Strangers shut nobody out: behind a proxy each person counts alone, and only misses are throttled.

Requests come over real sockets. A proxy is played by a client that connects from 127.0.0.2, another loopback address.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from engine.people.users import Users
from engine.settings import Settings
from engine.web.server import serving
from tests.acceptance.web.conftest import CHEAP, PASSWORD, Api

PROXY = "127.0.0.2"
SIGN_IN = {"user": "piket-pagi", "password": PASSWORD}
MISSES = 100


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Behind a proxy on 127.0.0.2, at any free port."""
    http = settings.http.model_copy(update={"port": 0, "trusted_proxies": (PROXY,)})
    return settings.model_copy(update={"http": http})


@asynccontextmanager
async def connected(address: str, source: str) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.AsyncHTTPTransport(local_address=source)
    async with httpx.AsyncClient(transport=transport, base_url=address, timeout=60) as client:
        yield client


async def a_user(api: Api) -> None:
    """Add a user whose password, like that of nobody, is cheap to check."""
    await api.user("piket-pagi", "read")
    api.siaga.users = Users(api.siaga.store, api.siaga.clock, CHEAP)


def of(person: str) -> dict[str, str]:
    """Return what the proxy says of whom a request comes from."""
    return {"X-Forwarded-For": person}


async def a_link(api: Api) -> str:
    return (await api.links(await api.open_alert()))[0][1]


async def test_bad_links_of_one_person_shut_no_other_out_behind_the_proxy(api):
    link = await a_link(api)
    async with serving(api.siaga) as address, connected(address, PROXY) as proxy:
        for number in range(MISSES):
            await proxy.get(f"/a/{'b' * 12}{number}", headers=of("198.51.100.7"))
        guesser = await proxy.get("/a/bbbbbbbbbbbb", headers=of("198.51.100.7"))
        other = await proxy.get("/a/bbbbbbbbbbbb", headers=of("192.0.2.1"))
        assert (guesser.status_code, other.status_code) == (429, 404)
        assert (await proxy.get(link, headers=of("192.0.2.1"))).status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_link_that_leads_somewhere_opens_from_the_address_of_a_guesser_too(api, method: str):
    """Behind one address of a mobile network are thousands of people (docs/specification/trust.md#misses)."""
    link = await a_link(api)
    async with serving(api.siaga) as address, connected(address, PROXY) as proxy:
        for number in range(MISSES + 1):
            missed = await proxy.get(f"/a/{'b' * 12}{number}", headers=of("198.51.100.7"))
        assert missed.status_code == 429
        opened = await proxy.request(method, link, data={"says": "taken"}, headers=of("198.51.100.7"))
        assert opened.status_code == 200


async def test_who_is_no_proxy_cannot_choose_an_address(api):
    """Not even this machine's own loopback, where the setting does not name it."""
    async with serving(api.siaga) as address, connected(address, "127.0.0.3") as stranger:
        seen = [
            (await stranger.get(f"/a/{'b' * 12}{number}", headers=of(f"192.0.2.{number % 250}"))).status_code
            for number in range(MISSES + 1)
        ]
    assert seen == [404] * MISSES + [429]


async def test_all_of_a_subscriber_of_ipv6_counts_as_one_address(api):
    async with serving(api.siaga) as address, connected(address, PROXY) as proxy:
        one = [
            (await proxy.get(f"/a/{'b' * 12}{n}", headers=of(f"2001:db8:0:1::{n:x}"))).status_code
            for n in range(MISSES + 1)
        ]
        neighbour = await proxy.get("/a/bbbbbbbbbbbb", headers=of("2001:db8:0:2::1"))
    assert (one[-1], neighbour.status_code) == (429, 404)


async def test_wrong_passwords_of_one_person_do_not_shut_the_console_behind_the_proxy(api):
    await a_user(api)
    async with serving(api.siaga) as address, connected(address, PROXY) as proxy:
        for number in range(31):
            wrong = {"user": f"piket-{number}", "password": "bukan"}
            await proxy.post("/console/sign-in", data=wrong, headers=of("198.51.100.7"))
        signed_in = await proxy.post("/console/sign-in", data=SIGN_IN, headers=of("192.0.2.1"))
    assert signed_in.status_code == 303


async def test_tries_of_strangers_do_not_shut_a_known_browser_out(api):
    """Neither those of its own address, nor those of many addresses for the name of its user."""
    await a_user(api)
    wrong = {"user": "piket-pagi", "password": "bukan"}
    async with serving(api.siaga) as address, connected(address, PROXY) as known:
        here = of("192.0.2.1")
        assert (await known.post("/console/sign-in", data=SIGN_IN, headers=here)).status_code == 303
        async with connected(address, PROXY) as strangers:
            for number in range(31):
                await strangers.post("/console/sign-in", data=wrong | {"user": f"p{number}"}, headers=here)
            for number in range(61):
                await strangers.post("/console/sign-in", data=wrong, headers=of(f"198.51.100.{number}"))
            late = await strangers.post("/console/sign-in", data=SIGN_IN, headers=of("203.0.113.1"))
            assert late.status_code == 429
        assert (await known.post("/console/sign-in", data=SIGN_IN, headers=here)).status_code == 303


async def test_parallel_tries_of_strangers_keep_no_known_browser_waiting(api):
    """200 at once: the known browser is answered while strangers wait, and most of these are sent away."""
    await api.user("piket-pagi", "read")
    order: list[str] = []

    async def attempt(client: httpx.AsyncClient, who: str, **headers: str) -> int:
        user = SIGN_IN if who == "known" else {"user": who, "password": "bukan"}
        answer = await client.post("/console/sign-in", data=user, headers=headers)
        order.append(who)
        return answer.status_code

    async with serving(api.siaga) as address, connected(address, PROXY) as known:
        assert await attempt(known, "known", **of("192.0.2.1")) == 303
        order.clear()
        limits = httpx.Limits(max_connections=None)
        transport = httpx.AsyncHTTPTransport(local_address=PROXY, limits=limits)
        async with httpx.AsyncClient(transport=transport, base_url=address, timeout=60) as strangers:
            waiting = [
                asyncio.create_task(attempt(strangers, f"s{n}", **of(f"198.51.{n}.1"))) for n in range(200)
            ]
            while not order:  # until the first of them is answered, all are under way
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            assert await attempt(known, "known", **of("192.0.2.1")) == 303
            answers = await asyncio.gather(*waiting)
    assert order.index("known") < len(order) - 1
    assert answers.count(503) > 100
