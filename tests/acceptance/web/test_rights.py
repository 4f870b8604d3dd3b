"""Every endpoint, every right, inside and outside of the token's region: 401, 403, or done."""

from itertools import product

import pytest

from engine.people.tokens import RIGHTS
from tests.credentials import OPERATOR

ADVANCE = {"advance_to": "2024-11-27T12:00:00+09:00"}
ANSWER = {"says": "seen"}
PROXY = {"says": "seen", "via": "proxy", "person": "sekda-7315"}
SILENCE = {
    "match": {"region": ["94.02"]},
    "until": "2024-11-28T12:00:00+09:00",
    "reason": "uji",
}
RELOAD = {"dry_run": True}
EARLIER = {"rule_set": "0000000000000000"}
APPROVE = {"compared_with": "other"}
ENDPOINTS = {
    # method, path, body, the right it needs, and what a token for another region gets
    "submit": ("POST", "/v1/events", "event", "submit", 422),
    "alerts": ("GET", "/v1/alerts?region=94.02", None, "read", 403),
    "alert": ("GET", "/v1/alerts/{alert}", None, "read", 403),
    "history": ("GET", "/v1/alerts/{alert}/history", None, "read", 403),
    "answer": ("POST", "/v1/alerts/{alert}/answers", ANSWER, "answer", 403),
    "proxy": ("POST", "/v1/alerts/{alert}/answers", PROXY, "operate", 403),
    "escalate": ("POST", "/v1/alerts/{alert}/escalate", None, "operate", 403),
    "reopen": ("POST", "/v1/alerts/{alert}/reopen", {"reason": "uji"}, "operate", 403),
    "silences": ("GET", "/v1/silences", None, "operate", 200),
    "silence": ("POST", "/v1/silences", SILENCE, "operate", 403),
    "end_silence": ("DELETE", "/v1/silences/{silence}", None, "operate", 403),
    "comment": ("POST", "/v1/alerts/{alert}/comments", {"note": "x"}, "operate", 403),
    "phone_list": ("GET", "/v1/phone-list", None, "operate", 200),
    "call": ("POST", "/v1/alerts/{alert}/calls", "call", "operate", 403),
    "contact": ("POST", "/v1/contacts", "contact", "operate", 403),
    "code": ("POST", "/v1/contacts/{contact}/code", None, "operate", 403),
    "verify": ("POST", "/v1/contacts/{contact}/verification", {"code": "A2AA"}, "operate", 403),
    "stop": ("POST", "/v1/contacts/{contact}/stop", None, "operate", 403),
    "no_contact": ("DELETE", "/v1/contacts/{contact}", None, "operate", 403),
    "quarantine": ("GET", "/v1/quarantine", None, "operate", 200),
    "resubmit": ("POST", "/v1/quarantine/{record}/resubmit", {"mended": True}, "operate", 404),
    "versions": ("GET", "/v1/quarantine/{record}/versions", None, "operate", 404),
    "drop": ("DELETE", "/v1/quarantine/{record}", None, "verify", 404),
    "rules": ("GET", "/v1/rules", None, "read", 200),
    "rule_history": ("GET", "/v1/rules/history", None, "read", 200),
    "proposals": ("GET", "/v1/proposals", None, "policy", 200),
    "proposals_operate": ("GET", "/v1/proposals", None, "operate", 200),
    "earlier": ("POST", "/v1/proposals", EARLIER, "policy", 403),
    "proposal": ("GET", "/v1/proposals/{proposal}", None, "policy", 404),
    "proposal_operate": ("GET", "/v1/proposals/{proposal}", None, "operate", 404),
    "approve": ("POST", "/v1/proposals/{proposal}/approve", APPROVE, "policy", 404),
    "approve_operate": ("POST", "/v1/proposals/{proposal}/approve", APPROVE, "operate", 404),
    "reject": ("POST", "/v1/proposals/{proposal}/reject", {}, "policy", 404),
    "reject_operate": ("POST", "/v1/proposals/{proposal}/reject", {}, "operate", 404),
    "reload": ("POST", "/v1/reload", RELOAD, "policy", 403),
    "summary": ("GET", "/v1/summary", None, "read", 403),
    "own_token": ("GET", "/v1/token", None, "submit", 200),
    "clock": ("GET", "/v1/clock", None, "read", 200),
    "advance": ("POST", "/v1/clock", ADVANCE, "operate", 403),
    "inbound": ("POST", "/v1/inbound/sms", {"from": "+628999999999", "text": "ok"}, "inbound", 403),
    "bounce": ("POST", "/v1/inbound/bounce", {"no": "mail"}, "inbound", 403),
}
AT_NATION = {"summary", "reload", "earlier", "advance", "inbound", "bounce"}
OF_RULES = {"proposal", "approve", "reject"}
"""What is of a proposal of rules: who does not cover the nation, or lacks the right `policy`, does not see it."""
DONE = {
    "submit": 202,
    "contact": 201,
    "verify": 422,
    "silence": 201,
    "inbound": 204,
    "bounce": 204,
    "proxy": 409,
    "reopen": 409,
    "drop": 404,  # the record was sent again before
    "earlier": 404,
    "approve": 409,
    "reject": 422,
}
NOBODYS = {("answer", "operate"): 422, ("answer", "answer"): 409}
"""A token bound to nobody has no answer of its own; a person who was not told has none either."""
EITHER = {
    ("proposals", "operate"): 200,
    ("proposals_operate", "policy"): 200,
    **{(name, "operate"): 404 for name in OF_RULES},
    **{(f"{name}_operate", "operate"): 404 for name in OF_RULES},
    **{(f"{name}_operate", "policy"): DONE.get(name, 200) for name in OF_RULES},
}
"""Two rights lead to the inbox; a proposal of rules is seen with one of them alone."""


def name(endpoint: str) -> str:
    """Return the name of an endpoint that stands in the table once for each of its rights."""
    return endpoint.removesuffix("_operate")


@pytest.fixture
async def ask(api):
    """Ask an endpoint with a header; there is one alert in 94.02 and one mendable record in quarantine."""
    alert_id = await api.open_alert()
    wrong = api.event(id="E9", occurred_at="2024-11-27T12:00:00")
    made = await api.client.post("/v1/silences", json=SILENCE, headers=await api.bearer("operate"))
    silence = made.json()["id"]
    kept = await api.client.post("/v1/events", json=wrong, headers=await api.bearer("submit"))
    record = kept.json()["quarantined"][0]["id"]
    person = (await api.siaga.books.directory()).holder("94.02", "sekda", api.siaga.clock.now())
    proposal = await api.propose()
    contact = {"person": person, "channel": "sms", "value": "+628119990001"}

    async def asked(endpoint: str, headers: dict[str, str]) -> int:
        method, path, body, _, _ = ENDPOINTS[endpoint]
        path = path.format(
            alert=alert_id, record=record, silence=silence, proposal=proposal, contact=f"{person}/sms/1"
        )
        bodies = {
            "event": api.event(id="E10"),
            "contact": contact,
            "call": {"person": person, "reached": True},
        }
        json = bodies[body] if type(body) is str else body
        answer = await api.client.request(method, path, json=json, headers=headers)
        if answer.status_code in (401, 403):
            assert answer.headers["www-authenticate"].startswith('Bearer realm="siaga"')
            assert answer.headers["content-type"] == "application/problem+json"
        return answer.status_code

    return asked


async def test_each_right_opens_its_own_endpoints_only(api, ask):
    """The whole table in one installation: a token of exactly one right, for the nation."""
    expected = {
        (endpoint, right): DONE.get(endpoint, 200) if right == needed else 403
        for (endpoint, (_, _, _, needed, _)), right in product(ENDPOINTS.items(), RIGHTS)
    }
    expected |= NOBODYS | EITHER
    # refusals first: what is done (such as a resubmission) can be done only once
    order = sorted(expected, key=lambda pair: expected[pair] != 403)
    headers = {right: await api.bearer(right, person="sekda-7315" * (right == "answer")) for right in RIGHTS}
    assert {pair: await ask(pair[0], headers[pair[1]]) for pair in order} == expected


@pytest.mark.parametrize("region", ["94.02", "94", "00"])
async def test_a_token_for_the_region_or_above_may(api, ask, region: str):
    headers = await api.bearer(region=region, person="sekda-7315", desks=["*"])
    expected = {
        endpoint: 403 if endpoint in AT_NATION and region != "00" else DONE.get(name(endpoint), 200)
        for endpoint in ENDPOINTS
    }
    if region != "00":
        expected |= {endpoint: 404 for endpoint in ENDPOINTS if name(endpoint) in OF_RULES}
    assert {endpoint: await ask(endpoint, headers) for endpoint in ENDPOINTS} == expected


@pytest.mark.parametrize("region", ["94.02.01", "94.01", "73", "9"])
async def test_a_token_for_another_region_or_below_may_not(api, ask, region: str):
    """All rights, wrong place: events are rejected one by one, records are not there, the rest is a 403."""
    headers = await api.bearer(region=region)
    expected = {endpoint: outside for endpoint, (_, _, _, _, outside) in ENDPOINTS.items()}
    assert {endpoint: await ask(endpoint, headers) for endpoint in ENDPOINTS} == expected


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer siaga_0000000000_secret"},
        {"Authorization": "Basic c2lhZ2E6c2lhZ2E="},
        {"Authorization": "Bearer \xff"},
    ],
)
async def test_without_a_valid_token_every_endpoint_is_a_401(ask, header: dict[str, str]):
    headers = {name: value.encode("latin-1") for name, value in header.items()}
    assert {endpoint: await ask(endpoint, headers) for endpoint in ENDPOINTS} == dict.fromkeys(ENDPOINTS, 401)


async def test_a_token_with_another_secret_is_a_401(api, ask):
    header = (await api.bearer())["Authorization"]
    assert await ask("alerts", {"Authorization": header[:-4] + "AAAA"}) == 401


async def test_a_revoked_token_is_a_401(api, ask):
    created = await api.siaga.tokens.create(RIGHTS, desks=("*",), by=OPERATOR)
    await api.siaga.tokens.revoke(created.token.id, by=OPERATOR)
    assert await ask("alerts", {"Authorization": f"Bearer {created.text}"}) == 401


async def test_the_table_has_every_route_that_needs_a_token(api):
    """A new route cannot be forgotten here."""
    openapi = (await api.client.get("/openapi.json")).json()
    guarded = {
        (method.upper(), path, right)
        for path, item in openapi["paths"].items()
        for method, operation in item.items()
        for needed in operation.get("security", [])
        for right in needed["token"]
    }
    names = {
        "alert_id": "alert",
        "record_id": "record",
        "silence_id": "silence",
        "proposal_id": "proposal",
        "person}/{channel}/{number": "contact",
    }
    tabled = {(method, path.partition("?")[0], right) for method, path, _, right, _ in ENDPOINTS.values()}
    for old, new in names.items():
        guarded = {(m, p.replace(f"{{{old}}}", f"{{{new}}}"), r) for m, p, r in guarded}
    assert guarded == tabled
