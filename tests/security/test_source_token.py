"""Three incidents that one token invents: a rule that counts who reported counts tokens, not what bodies say."""

import json

import pytest

from engine.core.judging.instant import format_instant
from engine.intake.event_families import events_of
from engine.settings import Settings
from engine.store.port import START as FIRST
from tests.acceptance.web.conftest import ROOT, START

RULE = """
version: 1
defaults: {owner: Uji, guide: sop/kekerasan.md, escalate: kekerasan}
rules:
  - id: tiga-sumber
    title: Tiga sumber melaporkan kericuhan
    short_title: Tiga sumber
    level: waspada
    why: Uji
    watch: {kind: conflict.unrest}
    per: regency
    alert_when: {distinct: {of: %s, at_least: 3, within: 1h}}
"""
UNREST = {"kind": "conflict.unrest", "severity": 2, "metrics": {}}


@pytest.fixture
def counted():
    """The field whose values the rule counts."""
    return "source.token"


@pytest.fixture
def settings(tmp_path, directory, counted):
    """The installation of these tests with one rule, which counts who reported."""
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "uji.yaml").write_text(RULE % counted)
    return Settings.model_validate(
        {
            "clock": {"mode": "lock_step", "start": format_instant(START)},
            "paths": {"var": str(tmp_path), "directory": str(directory), "rules": str(rules)},
        },
        context={"home": ROOT},
    )


async def send(api, headers, number, **source):
    """Send one of several incidents, whose body says this of its source."""
    event = api.event(
        id=f"K{number}",
        incident=f"kasus-{number}",
        occurred_at=format_instant(max(START, api.siaga.clock.now()), "Asia/Jayapura"),
        source={"desk": "94.02"} | source,
        **UNREST,
    )
    answer = await api.client.post("/v1/events", content=json.dumps(event), headers=headers)
    await api.siaga.advance(max(START, api.siaga.clock.now()))
    return answer.json()


@pytest.mark.parametrize("counted", ["source.desk"])
async def test_three_desks_that_one_token_invents_open_nothing(api):
    """At a2f7b6b one token met the rule alone: it wrote three names of desks.

    Law: docs/specification/trust.md#source-token.
    """
    headers = await api.bearer("submit", region="94.02")
    for number in range(3):
        await send(api, headers, number, desk=f"desk-{number}")
    assert await api.siaga.desk.alerts() == []


@pytest.mark.parametrize("counted", ["source.desk"])
async def test_what_a_body_says_of_its_token_is_no_field_of_the_event(api):
    """At a2f7b6b the body's word stood in the event, for rules to count."""
    headers = await api.bearer("submit", region="94.02")
    assert (await send(api, headers, 1, token="token:dikarang"))["accepted"] == 1
    (kept,) = [entry for entry in await api.siaga.store.read(FIRST, 10) if entry.type == "events"]
    (event,) = events_of(kept)
    assert event.value("source.token") != "token:dikarang"
    assert event.fields.get("source.token") is None


async def test_three_incidents_of_one_token_open_nothing_whatever_their_bodies_say(api):
    headers = await api.bearer("submit", region="94.02")
    for number in range(3):
        taken = await send(api, headers, number, token=f"token:dikarang{number}")
        assert taken["accepted"] == 1
    assert await api.siaga.desk.alerts() == []


async def test_a_body_says_it_with_a_dot_no_more_than_nested(api):
    headers = await api.bearer("submit", region="94.02")
    for number in range(3):
        event = api.event(
            id=f"K{number}", **{"source.token": f"x{number}"}, **UNREST, source={"desk": "94.02"}
        )
        answer = await api.client.post("/v1/events", json=event, headers=headers)
        assert answer.json()["accepted"] == 1
    await api.siaga.advance(START)
    assert await api.siaga.desk.alerts() == []


async def test_three_tokens_open_it_and_the_evidence_names_them(api):
    for number in range(3):
        await send(api, await api.bearer("submit", region="94.02"), number)
    (alert,) = await api.siaga.desk.alerts()
    tokens = {f"token:{token.id}" for token in await api.siaga.tokens.list()}
    assert {evidence.token for evidence in alert.evidence} == tokens
    shown = await api.client.get(f"/v1/alerts/{alert.id}", headers=await api.bearer("read"))
    assert {evidence["token"] for evidence in shown.json()["evidence"]} == tokens


async def test_an_event_that_comes_again_with_what_we_noted_of_it_is_a_repeat(api):
    """An export names the token; whoever sends it back changes nothing, with whatever token."""
    headers = await api.bearer("submit", region="94.02")
    assert (await send(api, headers, 1))["accepted"] == 1
    again = await send(api, await api.bearer("submit", region="94.02"), 1, token="token:4be1a2c3d4")
    assert (again["accepted"], again["duplicate"]) == (0, 1)
