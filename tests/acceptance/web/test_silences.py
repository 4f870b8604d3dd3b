"""Silences over HTTP: made, seen by the alerts they concern, listed and ended, within the token's region."""

import asyncio

import pytest

from engine.core.judging.instant import format_instant, parse_instant

MINE = {"region": ["94.02"]}


def body(**changes):
    """A silence of two hours in Kab. Puncak Jaya, awas included."""
    return {
        "match": MINE,
        "until": "2024-11-27T14:00:00+09:00",
        "reason": "Gladi posko",
        "include_awas": True,
    } | changes


async def post(api, region="94", **changes):
    headers = await api.bearer("operate", region=region)
    return await api.client.post("/v1/silences", json=body(**changes), headers=headers)


async def silenced(api, region="94", **changes):
    """Make a silence that another person approves; return it."""
    made = await post(api, region, **changes)
    assert made.status_code == 202, made.text
    approver = await api.bearer("operate", region=region, person="sekda-73")
    path = f"/v1/proposals/{made.json()['proposal']}/approve"
    done = await api.client.post(path, json={"compared_with": ""}, headers=approver)
    assert done.status_code == 200, done.text
    listed = (await api.client.get("/v1/silences", headers=approver)).json()["silences"]
    return listed[-1]


async def test_nobody_is_told_under_a_silence_and_its_end_tells_them(api):
    """The alert opens, silenced; ended by hand it starts its first step."""
    silence = await silenced(api)
    assert (silence["from"], silence["until"]) == ("2024-11-27T03:00:00+00:00", "2024-11-27T05:00:00+00:00")
    alert_id = await api.open_alert()
    case = await api.siaga.desk.case(alert_id)
    assert (case.alert.silenced, case.notifications) == (silence["id"], {})
    headers = await api.bearer("operate", region="94")
    ended = await api.client.delete(f"/v1/silences/{silence['id']}", headers=headers)
    assert (ended.status_code, ended.json()["until"]) == (200, "2024-11-27T03:01:00+00:00")
    assert ended.json()["ended_by"].startswith("token:")
    assert silence["author"].startswith("token:")
    case = await api.siaga.desk.case(alert_id)
    assert (case.alert.silenced, {n.kind for n in case.notifications.values()}) == ("", {"first"})


async def test_a_silence_ends_by_itself(api):
    """At its instant, not a moment later."""
    await silenced(api)
    alert_id = await api.open_alert()
    await api.advance(119)
    assert (await api.siaga.desk.case(alert_id)).notifications == {}
    await api.advance(120)
    states = {n.state for n in (await api.siaga.desk.case(alert_id)).notifications.values()}
    assert states == {"sent"}


async def test_the_list_shows_what_lies_in_the_region_of_the_token(api):
    """A silence without region is the nation's."""
    assert (await post(api, include_awas=False)).status_code == 201
    await silenced(api, region="00", match={"rule": ["kekerasan-*"]})
    shown = {}
    for region in ("94", "73", "00"):
        headers = await api.bearer("operate", region=region)
        listed = (await api.client.get("/v1/silences", headers=headers)).json()["silences"]
        shown[region] = [s["match"]["region"] or s["match"]["rule"] for s in listed]
    assert shown == {"94": [["94.02"]], "73": [], "00": [["94.02"], ["kekerasan-*"]]}


@pytest.mark.parametrize(
    "match", [{"region": ["73"]}, {"region": ["94.02", "73.15"]}, {"region": ["9*"]}, {"level": ["siaga"]}]
)
async def test_a_token_silences_only_its_own_region(api, match):
    """Not another, not more than it has."""
    assert (await post(api, match=match)).status_code == 403
    assert await api.siaga.silences.list() == ()


async def test_a_token_ends_only_what_lies_in_its_region(api):
    """And an unknown silence is a 404."""
    made = (await silenced(api))["id"]
    other = await api.bearer("operate", region="73")
    statuses = [
        (await api.client.delete(f"/v1/silences/{id_}", headers=other)).status_code for id_ in (made, "x")
    ]
    assert statuses == [403, 404]


@pytest.mark.parametrize(
    "changes",
    [
        {"match": {}},
        {"match": {"desk": ["94"]}},
        {"until": "2024-11-27T11:00:00+09:00"},
        {"until": "2024-12-04T12:00:00.001+09:00"},
        {"until": "besok"},
        {"from": "2024-11-27T15:00:00+09:00"},
        {"reason": ""},
        {"author": "orang-lain"},
    ],
)
async def test_a_silence_that_makes_no_sense_is_refused(api, changes):
    """Every silence has an end within a week, a reason and an author."""
    refused = await post(api, region="00", **changes)
    assert (refused.status_code, await api.siaga.silences.list()) == (422, ())


async def test_one_of_a_province_waits_and_says_for_whom(api):
    """The answer says that nothing is silent yet; from the approval on it holds, with both credentials."""
    await api.user("piket-dua", "operate")
    await api.user("piket-jauh", "operate", region="73")
    wanted = body(match={"region": ["94"]}, include_awas=False)
    operator = await api.bearer("operate", "read")
    made = await api.client.post("/v1/silences", json=wanted, headers=operator)
    assert (made.status_code, made.json()["why"], made.json()["waits_for"]) == (
        202,
        "covers_province",
        ["piket-dua"],
    )
    again = await api.client.post("/v1/silences", json=wanted, headers=operator)
    assert again.json()["proposal"] == made.json()["proposal"]
    path = f"/v1/proposals/{made.json()['proposal']}"
    alone = await api.client.post(f"{path}/approve", json={"compared_with": ""}, headers=operator)
    assert (alone.status_code, alone.json()["type"]) == (409, "urn:siaga:problem:one_person")
    for region in ("73", "94.02"):
        far = await api.bearer("operate", region=region)
        assert (await api.client.get(path, headers=far)).status_code == 404
    await api.advance(10)
    other = await api.bearer("operate", region="94", person="sekda-94")
    shown = (await api.client.get(path, headers=other)).json()
    assert (shown["subject"], shown["silence"]["match"]["region"]) == ("silence", ["94"])
    done = await api.client.post(f"{path}/approve", json={"compared_with": ""}, headers=other)
    assert (done.status_code, done.json()["state"]) == (200, "approved")
    (silence,) = (await api.client.get("/v1/silences", headers=operator)).json()["silences"]
    assert silence["from"] == format_instant(api.siaga.clock.now())
    assert (silence["author"], silence["approved_by"]) == (shown["by"], done.json()["decided_by"])


async def test_of_two_who_approve_a_silence_at_once_one_makes_it(api):
    wanted = body(match={"region": ["94"]}, include_awas=False)
    made = await api.client.post("/v1/silences", json=wanted, headers=await api.bearer("operate"))
    path = f"/v1/proposals/{made.json()['proposal']}/approve"
    people = [await api.bearer("operate", person=f"petugas-{number}") for number in range(3)]
    answers = await asyncio.gather(
        *(api.client.post(path, json={"compared_with": ""}, headers=headers) for headers in people)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    assert len(await api.siaga.silences.list()) == 1


async def test_a_silence_that_waits_lapses_at_its_own_end(api):
    made = await api.client.post(
        "/v1/silences",
        json=body(match={"region": ["94"]}, include_awas=False),
        headers=await api.bearer("operate"),
    )
    until, _ = parse_instant(body()["until"])
    assert made.json()["lapses_at"] == format_instant(until)
    await api.siaga.advance(until)
    assert (await api.siaga.proposals.get(made.json()["proposal"])).state == "lapsed"
