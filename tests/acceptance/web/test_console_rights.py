"""Every route of the pages and every right, in and out of region; no route of the app is open by mistake.

The routes are those that the app has, so a new one is in these tables from its first day on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import NamedTuple

import httpx
import pytest
from starlette.routing import BaseRoute, Route

from engine.people.sessions import form_token
from engine.people.tokens import RIGHTS
from engine.records.audit_log import AUDIT
from engine.web.app import build
from engine.web.console import routes as routers
from engine.web.console.current_user import Visitor
from engine.web.console.page_renderer import POLICY

PUBLIC = {
    ("GET", "/"),
    ("GET", "/console/sign-in"),
    ("POST", "/console/sign-in"),
    ("GET", "/console/language/{language}"),
    ("GET", "/console/static/{digest}/{name}"),
}
"""Pages for whoever comes."""
OPEN = {
    "/v1/address",
    "/a/{token}",
    "/a/{token}/objection",
    "/healthz",
    "/readyz",
    "/metrics",
    "/docs",
    "/openapi.json",
}
"""What needs no token either: links, which are one, and what machines ask."""
CALLED = {"/v1/gateways/{gateway}/reports", "/v1/gateways/{gateway}/inbound"}
"""Proved by the gateway's own secret (`tests/unit/answers/test_callbacks.py`)."""
SECRET = "Bentrok antarpendukung"
"""Words that stand in the report of 94.02 alone."""
STREAMS = {"/console/stream"}
"""Answers that do not end."""


class Page(NamedTuple):
    """A route of the pages: `rights` are those of which it needs one, none where any user will do."""

    method: str
    path: str
    rights: tuple[str, ...]
    public: bool


def pages() -> list[Page]:
    found = []
    for module in routers.MODULES:
        for route in module.router.routes:
            visitors = [d.call for d in route.dependant.dependencies if isinstance(d.call, Visitor)]
            rights = visitors[0].rights if visitors else ()
            found += [Page(method, route.path, rights, not visitors) for method in sorted(route.methods)]
    return found


PAGES = pages()
GUARDED = [page for page in PAGES if not page.public and page.path not in STREAMS]


class Desk:
    """An alert, a record in quarantine and a silence of 94.02, and how to ask for a page."""

    def __init__(self, api, fields: dict[str, str]) -> None:
        self.api, self.fields = api, fields
        self.client = httpx.AsyncClient(transport=api.client._transport, base_url="http://siaga.test")

    def path(self, page: Page) -> str:
        return re.sub(r"\{(\w+)(:path)?\}", lambda found: self.fields[found[1]], page.path)

    async def session(self, name: str, *rights: str, region: str = "00") -> str:
        """Return the cookie of a new user of that name."""
        await self.api.user(name, *rights, region=region)
        user = await self.api.siaga.users.get(name)
        return await self.api.siaga.sessions.begin(user)

    async def ask(self, page: Page, cookie: str = "", token: str | None = None, **headers: str):
        self.client.cookies.clear()
        if cookie:
            headers["Cookie"] = f"siaga={cookie}"
        sent = form_token(cookie) if token is None else token
        form = {"form_token": sent} if page.method == "POST" else None
        return await self.client.request(page.method, self.path(page), data=form, headers=headers)


@pytest.fixture
async def desk(api) -> Desk:
    alert = await api.open_alert()
    wrong = api.event(id="E9", occurred_at="2024-11-27T12:00:00")
    kept = await api.client.post("/v1/events", json=wrong, headers=await api.bearer("submit"))
    silence = {
        "match": {"region": ["94.02"]},
        "until": "2024-11-28T12:00:00+09:00",
        "reason": "rahasia-silence",
    }
    made = await api.client.post("/v1/silences", json=silence, headers=await api.bearer("operate"))
    return Desk(
        api,
        {
            "alert_id": alert,
            "record_id": kept.json()["quarantined"][0]["id"],
            "silence_id": made.json()["id"],
            "code": "94.02",
            "kind": "conflict.clash",
            "rule_id": "netralitas-berulang",
            "rule_set": (await api.siaga.books.follow()).rule_set,
            "proposal_id": await api.propose(),
            "rest": "tidak-ada",
        },
    )


def leaves(routes: list[BaseRoute]) -> Iterator[Route]:
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is None:
            yield route
        else:
            yield from leaves(inner.routes)


def test_every_route_of_the_app_is_guarded_or_known_to_be_open(api):
    app = build(api.siaga)
    paths = app.openapi()["paths"]
    mine = {(page.method, page.path) for page in PAGES}
    for route in leaves(app.routes):
        for method in (route.methods or set()) - {"HEAD", "OPTIONS"}:
            operation = paths.get(route.path, {}).get(method.lower(), {})
            open_ = route.path in OPEN | CALLED or (method, route.path) in mine
            assert operation.get("security") or open_, f"{method} {route.path} asks nobody who they are"
    assert {(page.method, page.path) for page in PAGES if page.public} == PUBLIC


async def test_who_is_not_signed_in_gets_no_page_and_does_nothing(desk):
    """A cookie that is no session's, too."""
    for page in (*GUARDED, *(page for page in PAGES if page.path in STREAMS)):
        for cookie in ("", "A" * 43):
            answer = await desk.ask(page, cookie)
            assert answer.status_code == 303, page
            assert answer.headers["location"].startswith("/console/sign-in"), page


@pytest.mark.parametrize("right", RIGHTS)
async def test_each_right_opens_its_own_pages_only(desk, right: str):
    cookie = await desk.session("piket-satu", right)
    found = {
        page: (await desk.ask(page, cookie)).status_code for page in GUARDED if "sign-out" not in page.path
    }
    refused = {page for page, status in found.items() if status == 403}
    assert refused == {page for page in found if page.rights and right not in page.rights}
    assert [page for page, status in found.items() if status in (401, 500)] == []


async def test_a_form_must_come_from_a_page_of_its_own_session(desk):
    """Whatever right the user has; nothing is done by any other."""
    cookie = await desk.session("piket-satu", *RIGHTS)
    other = await desk.session("piket-dua", *RIGHTS)
    store = desk.api.siaga.store
    before = await store.counters(), await store.mark(AUDIT)
    tokens = ("", "x", form_token(other), form_token(cookie)[:-1], "\u20ac" * 64)
    origins = (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://jahat.example"},
    )
    for page in (page for page in GUARDED if page.method == "POST"):
        for token in tokens:
            assert (await desk.ask(page, cookie, token)).status_code == 403, (page, token)
        for headers in origins:
            assert (await desk.ask(page, cookie, **headers)).status_code == 403, (page, headers)
    assert (await store.counters(), await store.mark(AUDIT)) == before


async def test_another_site_signs_nobody_in(desk):
    sign_in = next(page for page in PAGES if (page.method, page.path) == ("POST", "/console/sign-in"))
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://jahat.example"}):
        assert (await desk.ask(sign_in, **headers)).status_code == 403
    for headers in ({"Origin": "http://siaga.test"}, {"Origin": "null"}, {}):
        assert "user" in (await desk.ask(sign_in, **headers)).text


@pytest.mark.parametrize("region", ["73", "94.01", "94.02.01"])
async def test_a_user_of_another_region_sees_and_does_nothing_of_this_one(desk, region: str):
    cookie = await desk.session("piket-jauh", *RIGHTS, region=region)
    hidden = {desk.fields[name] for name in ("alert_id", "record_id", "silence_id")} | {
        SECRET,
        "rahasia-silence",
    }
    before = await desk.api.siaga.desk.history(desk.fields["alert_id"])
    for page in GUARDED:
        if "sign-out" in page.path:
            continue
        answer = await desk.ask(page, cookie)
        named = [name for name in ("alert_id", "record_id", "silence_id") if f"{{{name}}}" in page.path]
        assert answer.status_code in ((403, 404) if named else (200, 303, 403, 404, 409, 422)), page
        asked = {desk.fields[name] for name in named}
        assert {word for word in hidden - asked if word in answer.text} == set(), page
    assert await desk.api.siaga.desk.history(desk.fields["alert_id"]) == before


class Inline(HTMLParser):
    """What of a page would run or style it from within, or load from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "script" and "src" not in given:
            self.found.append("script")
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.found.append(f"{tag} {name}")
            if name in ("src", "href", "action", "formaction") and re.match(
                r"\s*(?:javascript|data|https?|//)", value or "", re.IGNORECASE
            ):
                self.found.append(f"{tag} {name}={value}")


async def test_every_page_has_the_policy_and_nothing_inline(desk):
    cookie = await desk.session("piket-satu", *RIGHTS)
    looked = 0
    for page in PAGES:
        if page.method != "GET" or page.path in STREAMS or "static" in page.path or "language" in page.path:
            continue
        answer = await desk.ask(page, cookie)
        assert answer.headers["x-content-type-options"] == "nosniff", page
        assert answer.headers["referrer-policy"] == "no-referrer", page
        assert answer.headers["x-frame-options"] == "DENY", page
        assert "no-store" in answer.headers["cache-control"], page
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        looked += 1
        assert answer.headers["content-security-policy"] == POLICY, page
        inline = Inline()
        inline.feed(answer.text)
        assert inline.found == [], page
    assert looked > 15
    assert "unsafe" not in POLICY
