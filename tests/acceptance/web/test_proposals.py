"""Proposals over the API: proposing, approving by another person, rejecting, withdrawing, lapsing, going back."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from engine.core.alerting.credential import Credential
from engine.core.judging.instant import HOUR
from engine.operations.retention import Retention
from engine.people.proposal_records import LAPSES_AFTER, MOST_OF_ONE, WAITING, TooManyProposalsError
from engine.records.audit_log import entries as audited
from engine.settings_sections import RetentionSection
from tests.acceptance.web.conftest import START


async def approve(api, id_: str, headers: dict[str, str], **changes: object):
    proposal = (await api.client.get(f"/v1/proposals/{id_}", headers=headers)).json()
    body = {"compared_with": proposal["compared_with"]} | changes
    return await api.client.post(f"/v1/proposals/{id_}/approve", json=body, headers=headers)


async def test_a_proposal_shows_words_and_sentences_before_and_after_and_who_is_told(api):
    id_ = await api.propose()
    found = (await api.client.get(f"/v1/proposals/{id_}", headers=await api.bearer("policy"))).json()
    (change,) = found["changes"]
    assert (found["state"], found["by"], change["kind"]) == ("waiting", "os:operator", "removed")
    assert change["sentence_after"] == {}
    assert set(change["sentence_before"]) == {"id", "en"}
    assert {line["mark"] for line in change["words"]} == {"old"}
    assert change["told_more"] == []
    assert change["told_less"]


async def test_another_person_approves_and_the_audit_names_both(api):
    id_ = await api.propose()
    gone = (await api.client.get(f"/v1/proposals/{id_}", headers=await api.bearer("policy"))).json()
    headers = await api.bearer("policy", "read", person="siti")
    done = await approve(api, id_, headers)
    assert (done.status_code, done.json()["state"]) == (200, "approved")
    await api.advance(5)
    history = (await api.client.get("/v1/rules/history", headers=headers)).json()
    newest, first = history["rule_sets"]
    assert (newest["rule_set"], newest["author"]) == (gone["rule_set"], "os:operator")
    assert newest["approved_by"] == done.json()["decided_by"]
    assert (first["author"], first["kept"]) == ("", True)
    back = await api.client.post("/v1/proposals", json={"rule_set": first["rule_set"]}, headers=headers)
    assert (back.status_code, back.json()["outcome"]) == (201, "proposed")


async def test_a_repeat_proposes_nothing_further_and_a_decision_is_made_once(api):
    id_ = await api.propose()
    assert await api.propose() == id_
    headers = await api.bearer("policy", person="siti")
    assert (await approve(api, id_, headers)).status_code == 200
    late = await approve(api, id_, headers)
    assert (late.status_code, late.json()["type"]) == (409, "urn:siaga:problem:not_waiting")


async def test_what_came_into_force_meanwhile_asks_anew(api):
    """Two proposals of the same base: once the one is in force, the other is compared again before it follows."""
    headers = await api.bearer("policy", person="siti")
    one = await api.propose()
    two = await api.propose(policies={})
    assert (await approve(api, one, headers)).status_code == 200
    await api.advance(5)
    before = (await api.siaga.books.follow()).rule_set
    anew = await approve(api, two, headers)
    assert (anew.status_code, anew.json()["type"]) == (409, "urn:siaga:problem:asked_anew")
    assert anew.json()["compared_with"] == before
    assert (await api.siaga.books.follow()).rule_set == before
    stale = await approve(api, two, headers, compared_with="0000000000000000")
    assert stale.json()["type"] == "urn:siaga:problem:asked_anew"
    assert (await approve(api, two, headers)).status_code == 200
    steps = [e.subject.partition("/")[2] async for e in audited(api.siaga.store) if e.what == "proposal"]
    assert steps == ["proposed", "proposed", "approved", "compared", "approved"]


async def test_of_two_who_decide_at_once_one_does(api):
    id_ = await api.propose()
    people = [await api.bearer("policy", person=person) for person in ("siti", "budi", "tono")]
    answers = await asyncio.gather(*(approve(api, id_, headers) for headers in people))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]


async def test_ones_own_is_withdrawn_without_a_reason(api):
    headers = await api.bearer("policy", person="siti")
    id_ = await api.propose(Credential("user", "siti"))
    done = await api.client.post(f"/v1/proposals/{id_}/reject", json={}, headers=headers)
    assert (done.status_code, done.json()["state"]) == (200, "withdrawn")
    waiting = (await api.client.get("/v1/proposals", headers=headers)).json()
    decided = (await api.client.get("/v1/proposals?state=decided", headers=headers)).json()
    assert (waiting["proposals"], [one["id"] for one in decided["proposals"]]) == ([], [id_])


async def test_nobody_decided_for_72_hours(api):
    """Law: docs/specification/trust.md#proposals."""
    id_ = await api.propose()
    await api.siaga.advance(START + LAPSES_AFTER - HOUR)
    assert (await api.siaga.proposals.get(id_)).state == "waiting"
    await api.siaga.advance(START + LAPSES_AFTER)
    lapsed = await api.siaga.proposals.get(id_)
    assert (lapsed.state, str(lapsed.decided_by)) == ("lapsed", "service:proposals")
    late = await approve(api, id_, await api.bearer("policy", person="siti"))
    assert late.status_code == 409
    assert await api.siaga.store.sizes([WAITING]) == [0]


async def test_more_people_than_allowed_need_a_yes_with_the_number(api):
    """A new rule that an event of a minute ago opens is told at once."""
    alert = await api.siaga.desk.case(await api.open_alert())
    await api.siaga.books.follow()
    rule_set = api.siaga.books.rule_set
    twin = msgspec.structs.replace(rule_set.rules[alert.alert.rule.id], id="kembar", version="kembar")
    after = msgspec.structs.replace(rule_set, rules=rule_set.rules | {"kembar": twin})
    made = await api.siaga.proposals.propose_rules(after, Credential("os", "operator"))
    told = made.looked.preview.told
    assert told > 0
    api.siaga.approval._max_told = told - 1
    headers = await api.bearer("policy", person="siti")
    many = await approve(api, made.proposal.id, headers)
    assert (many.status_code, many.json()["type"], many.json()["told"]) == (
        409,
        "urn:siaga:problem:too_many_told",
        told,
    )
    assert (await approve(api, made.proposal.id, headers, yes=told)).status_code == 200


async def test_one_person_cannot_fill_the_inbox(api):
    rule_set = api.siaga.books.rule_set
    for number in range(MOST_OF_ONE):
        left = dict(list(rule_set.rules.items())[number + 1 :])
        await api.siaga.proposals.propose_rules(
            type(rule_set)(left, rule_set.policies), Credential("os", "a")
        )
    with pytest.raises(TooManyProposalsError):
        await api.propose(Credential("os", "a"))
    assert await api.propose(Credential("os", "b"))


async def test_what_was_decided_long_ago_leaves_and_what_waits_keeps_its_rule_set(api):
    waits = await api.propose()
    ends = await api.propose(Credential("user", "siti"))
    await api.siaga.proposals.reject(ends, Credential("user", "siti"), "")
    clock = api.siaga.clock
    retention = Retention(api.siaga.store, clock, RetentionSection())
    for days in (0, 1, 2):
        await api.siaga.advance(START + days * 24 * HOUR)
        await retention.turn()
    kept = await api.siaga.proposals.get(waits)
    assert await api.siaga.proposals.rule_sets_of(kept) is not None
    await api.siaga.advance(START + 402 * 24 * HOUR)
    await retention.turn()
    assert await api.siaga.proposals.get(ends) is None
