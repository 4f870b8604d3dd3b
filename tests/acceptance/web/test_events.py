"""Events over HTTP: what is kept, what is not, and how that is said."""

import json

import pytest

EVENTS = "/v1/events"
JSON = {"Content-Type": "application/json"}


async def test_one_event_is_kept(api):
    answer = await api.client.post(EVENTS, json=api.event(), headers=await api.bearer("submit"))
    assert (answer.status_code, answer.json()) == (
        202,
        {"accepted": 1, "duplicate": 0, "quarantined": [], "rejected": []},
    )


async def test_a_repeat_is_a_duplicate(api):
    headers = await api.bearer("submit")
    await api.client.post(EVENTS, json=api.event(), headers=headers)
    answer = await api.client.post(EVENTS, json=api.event(), headers=headers)
    assert (answer.status_code, answer.json()["accepted"], answer.json()["duplicate"]) == (202, 0, 1)


@pytest.mark.parametrize("media_type", ["application/x-ndjson", "application/x-ndjson; charset=utf-8"])
async def test_lines_are_judged_one_by_one(api, media_type: str):
    lines = [
        json.dumps(api.event()),
        "not json",
        json.dumps(api.event(id="E2", region="94.99")),
        json.dumps(api.event(id="E3", region="73.15", source={"desk": "73.15"})),
    ]
    headers = await api.bearer("submit", region="94", desks=["*"]) | {"Content-Type": media_type}
    answer = await api.client.post(EVENTS, content="\n".join(lines), headers=headers)
    told = answer.json()
    assert (answer.status_code, told["accepted"], told["duplicate"]) == (202, 1, 0)
    assert [(line["index"], line["reason"]) for line in told["quarantined"]] == [(2, "region_unknown")]
    assert [(line["index"], line["reason"]) for line in told["rejected"]] == [
        (1, "not_json"),
        (3, "out_of_scope"),
    ]


async def test_an_array_is_one_request(api):
    events = [api.event(), api.event(id="E2")]
    answer = await api.client.post(EVENTS, json=events, headers=await api.bearer("submit"))
    assert (answer.status_code, answer.json()["accepted"]) == (202, 2)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "not_json"),
        ("{", "not_json"),
        ('{"id": "E1", "region": "73.15"}', "out_of_scope"),
        ("[" + ",".join(["{}"] * 51) + "]", "too_many"),
    ],
)
async def test_a_request_of_which_nothing_is_kept_is_a_422(api, body: str, reason: str):
    headers = await api.bearer("submit", region="94", desks=["*"]) | JSON
    answer = await api.client.post(EVENTS, content=body, headers=headers)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:siaga:problem:all_rejected"
    assert [line["reason"] for line in answer.json()["rejected"]] == [reason]


async def test_a_body_over_the_limit_is_a_413_and_nothing_is_kept(api):
    lines = "\n".join(json.dumps(api.event(id=f"E{n}")) for n in range(500))
    assert len(lines) > api.siaga.settings.http.max_body_bytes
    headers = await api.bearer("submit") | {"Content-Type": "application/x-ndjson"}
    answer = await api.client.post(EVENTS, content=lines, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:siaga:problem:too_large")
    assert await api.siaga.store.counters() == {}


async def test_a_body_without_a_length_is_counted_as_it_comes(api):
    async def chunks():
        for _ in range(200):
            yield b" " * 1_000

    answer = await api.client.post(EVENTS, content=chunks(), headers=await api.bearer("submit") | JSON)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "header",
    [{"Content-Type": "text/csv"}, {"Content-Type": "application/json", "Content-Encoding": "gzip"}],
)
async def test_other_media_types_are_a_415(api, header: dict[str, str]):
    headers = await api.bearer("submit") | header
    answer = await api.client.post(EVENTS, content=json.dumps(api.event()), headers=headers)
    assert answer.status_code == 415


async def test_only_post_takes_events_in(api):
    answer = await api.client.get(EVENTS, headers=await api.bearer())
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["type"] == "urn:siaga:problem:method_not_allowed"


async def test_an_event_of_an_exercise_is_taken_in_and_tells_its_officials_that_it_is_one(api):
    report = api.event(exercise=True)
    sent = await api.client.post("/v1/events", json=report, headers=await api.bearer("submit"))
    assert sent.json()["accepted"] == 1
    await api.advance(minutes=1)
    (alert,) = await api.siaga.desk.alerts()
    assert alert.space == "exercise"
    case = await api.siaga.desk.case(alert.id)
    texts = [n.rendered.text for n in case.notifications.values() if n.rendered is not None]
    assert texts
    assert all(text.startswith("LATIHAN ") for text in texts)
    assert "siaga_alerts_open" in (scraped := (await api.siaga.exposition()).decode())
    assert not [
        line
        for line in scraped.splitlines()
        if line.startswith("siaga_alerts_open") and line.endswith(" 1.0")
    ]
