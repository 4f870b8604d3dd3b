"""Signing in: the session's cookie, who gets in, what forms must bring, and what others see."""

import re

import httpx
import pytest

from engine.core.judging.instant import HOUR, MINUTE
from engine.people.sessions import BOTH, KNOWN
from engine.web.app import build
from tests.acceptance.web.conftest import PASSWORD

SIGN_IN = {"user": "piket-pagi", "password": PASSWORD, "next": "/console"}


@pytest.fixture(autouse=True)
async def user(api):
    await api.user("piket-pagi", "read", region="73")


async def sign_in(api, **changes: str) -> httpx.Response:
    return await api.client.post("/console/sign-in", data=SIGN_IN | changes)


def form_token(page: httpx.Response) -> str:
    return re.search(r'name="form_token" value="(\w{64})"', page.text).group(1)


async def test_who_is_not_signed_in_is_sent_to_the_sign_in_and_back(api):
    sent = await api.client.get("/console")
    assert (sent.status_code, sent.headers["location"]) == (303, "/console/sign-in?next=%2Fconsole")
    page = await api.client.get(sent.headers["location"])
    assert 'name="next" value="/console"' in page.text
    assert (await sign_in(api)).headers["location"] == "/console"
    assert (await api.client.get("/console")).status_code == 200


async def test_the_cookie_is_for_this_site_alone(api):
    cookie, browser = (await sign_in(api)).headers.get_list("set-cookie")
    assert re.fullmatch(r"siaga=[\w-]{43}; HttpOnly; Path=/; SameSite=strict", cookie)
    assert re.fullmatch(
        r"siaga-browser=[\w.-]{20,60}; HttpOnly; Max-Age=34560000; Path=/; SameSite=strict", browser
    )


async def test_over_https_no_other_host_can_set_the_cookie(api):
    """`__Host-` binds a cookie to this host, its root and https; the service learns of https by its address."""
    transport = httpx.ASGITransport(build(api.siaga))
    async with httpx.AsyncClient(transport=transport, base_url="https://siaga.test") as client:
        signed_in = await client.post("/console/sign-in", data=SIGN_IN)
        cookie, browser = signed_in.headers.get_list("set-cookie")
        assert re.fullmatch(r"__Host-siaga=[\w-]{43}; HttpOnly; Path=/; SameSite=strict; Secure", cookie)
        assert re.fullmatch(r"__Host-siaga-browser=[\w.-]+; HttpOnly; .*; SameSite=strict; Secure", browser)
        assert (await client.get("/console")).status_code == 200


async def test_a_wrong_password_and_an_unknown_user_read_the_same(api):
    wrong = await sign_in(api, password="bukan yang benar")
    unknown = await sign_in(api, user="piket-siang", password="bukan yang benar")
    assert wrong.status_code == unknown.status_code == 403
    assert wrong.text == unknown.text.replace("piket-siang", "piket-pagi")
    assert "set-cookie" not in wrong.headers


async def test_guesses_are_few(api):
    """The right password too waits then, so that nobody learns it was right."""
    for _ in range(BOTH):
        assert (await sign_in(api, password="bukan yang benar")).status_code == 403
    late = await sign_in(api)
    assert (late.status_code, late.headers["retry-after"]) == (429, "180")
    assert "3 menit" in late.text
    api.siaga.clock.set(api.siaga.clock.now() + 3 * MINUTE)
    assert (await sign_in(api)).status_code == 303


async def test_a_known_browser_has_few_tries_too(api):
    assert (await sign_in(api)).status_code == 303
    for _ in range(KNOWN):
        assert (await sign_in(api, password="bukan yang benar")).status_code == 403
    assert (await sign_in(api)).status_code == 429
    api.client.cookies.clear()
    assert (await sign_in(api)).status_code == 303


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "console", ""]
)
async def test_the_way_back_stays_on_this_site(api, elsewhere):
    assert (await sign_in(api, next=elsewhere)).headers["location"] == "/console"
    switched = await api.client.get("/console/language/en", params={"next": elsewhere})
    assert switched.headers["location"] == "/console"


async def test_a_session_ends_by_a_pause(api):
    await sign_in(api)
    api.siaga.clock.set(api.siaga.clock.now() + HOUR)
    assert (await api.client.get("/console")).status_code == 303


async def test_signing_out(api):
    await sign_in(api)
    cookie = api.client.cookies["siaga"]
    token = form_token(await api.client.get("/console"))
    out = await api.client.post("/console/sign-out", data={"form_token": token})
    assert (out.status_code, out.headers["location"]) == (303, "/console/sign-in")
    api.client.cookies.set("siaga", cookie, domain="siaga.test")
    assert (await api.client.get("/console")).status_code == 303


async def test_a_sign_in_ends_the_session_before_it(api):
    await sign_in(api)
    before = api.client.cookies["siaga"]
    await sign_in(api)
    assert await api.siaga.sessions.find(before) is None


async def test_a_form_that_no_page_of_the_session_made_is_refused(api):
    await sign_in(api)
    token = form_token(await api.client.get("/console"))
    for data in ({}, {"form_token": "0" * 64}, {"form_token": token[:-1]}):
        refused = await api.client.post("/console/sign-out", data=data)
        assert (refused.status_code, "tidak berlaku" in refused.text) == (403, True)
    foreign = await api.client.post(
        "/console/sign-out", data={"form_token": token}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert foreign.status_code == 403
    assert (await api.client.get("/console")).status_code == 200


async def test_another_site_cannot_sign_anybody_in(api):
    headers = {"Sec-Fetch-Site": "cross-site"}
    foreign = await api.client.post("/console/sign-in", data=SIGN_IN, headers=headers)
    assert (foreign.status_code, "set-cookie" in foreign.headers) == (403, False)


async def test_who_lacks_the_right_reads_so(api):
    await api.user("penulis", "inbound")
    await sign_in(api, user="penulis")
    refused = await api.client.get("/console")
    assert (refused.status_code, "bukan wewenang Anda" in refused.text) == (403, True)
    assert "<nav" not in refused.text


async def test_a_page_loads_nothing_from_elsewhere_and_runs_no_script_inside_it(api):
    await sign_in(api)
    page = await api.client.get("/console")
    policy = page.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "no-store"
    assert re.search(r"<script(?! src=\"/console/static/)|<style| style=|\bon\w+=", page.text) is None


async def test_style_and_script_may_be_kept_for_good(api):
    page = await api.client.get("/console/sign-in")
    paths = re.findall(r'(?:href|src)="(/console/static/\w{16}/[\w.]+)"', page.text)
    assert len(paths) == 3
    for path in paths:
        answer = await api.client.get(path)
        assert (answer.status_code, "immutable" in answer.headers["cache-control"]) == (200, True)
    assert (await api.client.get("/console/static/0000000000000000/console.css")).status_code == 404


async def test_the_language_is_chosen_in_the_browser(api):
    assert '<html lang="id"' in (await api.client.get("/console/sign-in")).text
    await api.client.get("/console/language/en")
    page = await api.client.get("/console/sign-in")
    assert '<html lang="en"' in page.text
    assert "User name" in page.text


async def test_the_root_leads_to_the_console(api):
    assert (await api.client.get("/")).headers["location"] == "/console"
