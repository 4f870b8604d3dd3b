"""Limits: what is too large, too much, too deep or too often is refused by its own status, and the rest is taken."""

import json

import pytest

from engine.web.answer_page import MISSES

HOSTILE_DEPTH = 3_000


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


async def post(api, content: bytes, media_type: str = "application/json", **headers: str):
    headers |= {"Content-Type": media_type} | await api.bearer("submit")
    return await api.client.post("/v1/events", content=content, headers=headers)


def body(api, **changes: object) -> bytes:
    return json.dumps(api.event(**changes)).encode()


async def test_a_body_over_its_limit_is_a_413(api):
    """Also where no length was declared, and where a smaller one was."""
    large = body(api, summary="x" * 100_001)

    async def chunks():
        yield large[:50_000]
        yield large[50_000:]

    assert (await post(api, large)).status_code == 413
    headers = await api.bearer("submit")
    assert (await api.client.post("/v1/events", content=chunks(), headers=headers)).status_code == 413


@pytest.mark.parametrize(
    "path", ["/v1/reload", "/v1/silences", "/v1/clock", "/v1/inbound/sms", "/v1/inbound/bounce", "/a/abc"]
)
async def test_every_other_body_has_its_limit_too(api, path: str):
    form = {"Content-Type": "application/x-www-form-urlencoded"} if path.startswith("/a/") else {}
    answer = await api.client.post(path, content=b"x" * 2_000_000, headers=form | await api.bearer())
    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"


async def test_too_many_events_are_a_422_that_says_so(api):
    many = json.dumps([api.event(id=f"E{n}") for n in range(51)]).encode()
    answer = await post(api, many)
    assert answer.status_code == 422
    assert {line["reason"] for line in answer.json()["rejected"]} == {"too_many"}


@pytest.mark.parametrize("content", [b"{" * HOSTILE_DEPTH, b'{"a":' * HOSTILE_DEPTH, b"[" * HOSTILE_DEPTH])
async def test_what_is_nested_without_an_end_is_a_422(api, content: bytes):
    assert (await post(api, content)).status_code == 422


@pytest.mark.parametrize("around", ["[{}]", '{{"id":"E1","a":{}}}'])
async def test_what_is_nested_beyond_reason_is_kept_aside_and_can_be_looked_at_and_sent_again(
    api, around: str
):
    content = around.format(nested(HOSTILE_DEPTH // 4).decode()).encode()
    answer = await post(api, content)
    assert answer.status_code in (202, 422)
    headers = await api.bearer("operate")
    listed = await api.client.get("/v1/quarantine", headers=headers)
    assert listed.status_code == 200
    for record in (line["id"] for line in answer.json().get("quarantined", ())):
        for json_ in ({}, {"mended": True}):
            again = await api.client.post(f"/v1/quarantine/{record}/resubmit", json=json_, headers=headers)
            assert again.status_code in (200, 409, 422)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"metrics": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": 1}}}}}}}}}}, "too_deep"),
        ({f"kolom{n}": n for n in range(500)}, "too_many_fields"),
        ({"summary": "x" * 20_000}, "too_long"),
        ({"metrics": {"injured": 1e300}}, "out_of_range"),
    ],
)
async def test_a_field_beyond_its_bounds_puts_the_event_in_quarantine(api, changes: dict, reason: str):
    answer = await post(api, body(api, **changes))
    assert answer.status_code == 202
    assert [line["reason"] for line in answer.json()["quarantined"]] == [reason]


async def test_one_event_over_its_limit_is_rejected_and_the_others_are_taken(api):
    lines = b"\n".join([body(api, id="E1"), body(api, id="E2", note="x" * 66_000), body(api, id="E3")])
    answer = await post(api, lines, "application/x-ndjson")
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 2
    assert [(line["index"], line["reason"]) for line in answer.json()["rejected"]] == [(1, "too_large")]


@pytest.fixture
def few(settings):
    """Settings by which a token may ask three times a minute, and two events may wait."""
    return settings.model_copy(
        update={
            "http": settings.http.model_copy(update={"max_requests_per_minute": 3}),
            "intake": settings.intake.model_copy(update={"max_waiting": 2}),
        }
    )


class WithNarrowLimits:
    """With narrow limits."""

    @pytest.fixture
    def settings(self, few):
        return few

    async def test_a_token_that_asks_too_often_is_a_429_and_others_go_on(self, api):
        headers, other = await api.bearer("read"), await api.bearer("read")
        answers = [await api.client.get("/v1/rules", headers=headers) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 20
        assert answers[-1].json()["type"] == "urn:siaga:problem:too_many_requests"
        assert (await api.client.get("/v1/rules", headers=other)).status_code == 200
        metrics = (await api.client.get("/metrics")).text
        assert 'siaga_requests_refused_total{reason="rate"} 1.0' in metrics


async def test_while_too_much_waits_events_are_a_503_and_answers_are_taken(api):
    alert = await api.open_alert()
    api.siaga.intake._pressure._most_waiting = 2
    api.siaga.intake._pressure._looked_at = float("-inf")
    await api.client.post(
        "/v1/events", json=[api.event(id=f"W{n}") for n in range(3)], headers=await api.bearer("submit")
    )
    api.siaga.intake._pressure._looked_at = float("-inf")
    refused = await post(api, body(api, id="X"))
    assert refused.status_code == 503
    assert refused.json()["type"] == "urn:siaga:problem:backlog"
    assert int(refused.headers["retry-after"]) >= 1
    _, path = (await api.links(alert))[0]
    assert (await api.client.post(path, data={"says": "taken"})).status_code == 200
    await api.advance(minutes=2)
    api.siaga.intake._pressure._looked_at = float("-inf")
    assert (await post(api, body(api, id="X"))).status_code == 202
    assert "siaga.pressure" in {one.rule.id for one in await api.siaga.desk.alerts()}


async def test_who_guesses_links_is_held_off_and_links_that_lead_somewhere_open(api):
    """Behind one address of a mobile network are many people: a guesser there shuts none of them out."""
    alert = await api.open_alert()
    _, path = (await api.links(alert))[0]
    for number in range(MISSES):
        assert (await api.client.get(f"/a/{'b' * 12}{number}")).status_code == 404
    held = await api.client.get("/a/bbbbbbbbbbbb")
    assert held.status_code == 429
    assert int(held.headers["retry-after"]) >= 1
    assert (await api.client.get(path)).status_code == 200
    assert (await api.client.post(path, data={"says": "taken"})).status_code == 200
    metrics = (await api.client.get("/metrics")).text
    assert 'siaga_requests_refused_total{reason="link_misses"} 1.0' in metrics
