"""Two people: no name that somebody types stands for a second person, in the API, the console, or the command line."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.core.alerting.credential import Credential
from engine.records.rule_sets import LookAlikeError, fetch_rule_set, pack_rule_set
from tests.acceptance.web.conftest import PASSWORD, ROOT

RULES = ("netralitas.yaml", "netralitas.test.yaml", "kekerasan.yaml")


@pytest.fixture
def settings(settings, tmp_path: Path):
    """An installation with rules of its own that a test may change."""
    rules = tmp_path / "rules"
    rules.mkdir()
    for name in RULES:
        shutil.copy(ROOT / "rules" / name, rules / name)
    return settings.model_copy(update={"paths": settings.paths.model_copy(update={"rules": rules})})


def change(api) -> None:
    file = api.siaga.settings.paths.rules / "netralitas.yaml"
    file.write_text(file.read_text().replace("at_least: 3, within: 7d", "at_least: 2, within: 7d"))


async def test_one_token_that_types_two_names_puts_no_rules_in_force(api):
    """Law: docs/specification/trust.md#credentials."""
    before = (await api.siaga.books.follow()).rule_set
    change(api)
    body = {"author": "siti", "approved_by": "budi"}
    sent = await api.client.post("/v1/reload", json=body, headers=await api.bearer("policy"))
    await api.advance(5)
    assert (await api.siaga.books.follow()).rule_set == before
    assert sent.status_code == 422


async def test_one_user_who_types_the_name_of_an_author_puts_no_rules_in_force(api):
    await api.sign_in("read", "policy")
    before = (await api.siaga.books.follow()).rule_set
    change(api)
    shown = (await api.client.get("/console/change")).text
    rule_set = re.search(r'name="rule_set" value="(\w+)"', shown).group(1)
    await api.send("/console/change", "/console/change", rule_set=rule_set, author="orang-lain")
    await api.advance(5)
    assert (await api.siaga.books.follow()).rule_set == before


async def test_two_credentials_of_one_person_are_not_two_people(api):
    """Two tokens that are bound to one person, and a user of the same person.

    Law: docs/specification/trust.md#one-person.
    """
    before = (await api.siaga.books.follow()).rule_set
    change(api)
    one, other = [await api.bearer("policy", person="sekda-7315") for _ in range(2)]
    made = (await api.client.post("/v1/reload", json={}, headers=one)).json()
    path = f"/v1/proposals/{made['proposal']}/approve"
    body = {"compared_with": before}
    assert (await api.client.post(path, json=body, headers=other)).status_code == 409
    await api.user("sekda-7315", "read", "policy")
    await api.client.post("/console/sign-in", data={"user": "sekda-7315", "password": PASSWORD})
    page = f"/console/proposals/{made['proposal']}"
    assert (await api.send(page, f"{page}/approve", compared_with=before)).status_code == 422
    await api.advance(5)
    assert (await api.siaga.books.follow()).rule_set == before


async def test_whoever_lacks_the_right_approves_nothing(api):
    before = (await api.siaga.books.follow()).rule_set
    id_ = await api.propose()
    for headers in (await api.bearer("operate", "read"), await api.bearer("policy", region="73")):
        path = f"/v1/proposals/{id_}/approve"
        answer = await api.client.post(path, json={"compared_with": before}, headers=headers)
        assert answer.status_code in (403, 404)
    await api.advance(5)
    assert (await api.siaga.books.follow()).rule_set == before


def test_the_command_line_takes_no_name_for_a_person(tmp_path: Path):
    """An installation whose first start is over: one account types an author and an approver."""
    shutil.copytree(ROOT / "rules", tmp_path / "rules")
    (tmp_path / "config").mkdir()
    names = ("policies.yaml", "calendar.yaml", "directory.csv", "regions.csv", "kinds.yaml", "desks.yaml")
    for name in (*names, "expected.yaml"):
        shutil.copy(ROOT / "config" / name, tmp_path / "config" / name)
    shutil.copytree(ROOT / "config/tables", tmp_path / "config/tables")
    config = tmp_path / "config/siaga.yaml"
    config.write_text(f"paths: {{templates: '{ROOT}/templates'}}\n")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SIAGA_")}

    def siaga(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "engine.cli", *words, "--config", str(config)]
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    typed = siaga("reload", "--author", "siti", "--approved-by", "budi")
    assert typed.returncode == 2
    assert "No such option" in typed.stderr


async def test_nobody_makes_a_silence_in_the_name_of_another(api):
    body = {
        "match": {"region": ["94.02"]},
        "until": "2024-11-27T18:00:00+09:00",
        "reason": "uji",
        "author": "wamendagri",
    }
    await api.client.post("/v1/silences", json=body, headers=await api.bearer("operate"))
    assert [one.author for one in await api.siaga.silences.list() if "wamendagri" in one.author] == []


@pytest.mark.parametrize(
    ("match", "more"),
    [
        ({"region": ["94.02"]}, {"include_awas": True}),
        ({"region": ["94"]}, {}),
        ({"rule": ["kekerasan-bentrok"]}, {}),
    ],
    ids=["awas", "a province", "the nation"],
)
async def test_one_operator_silences_neither_awas_nor_a_province_alone(api, match, more):
    """Law: docs/specification/trust.md#wide-silences."""
    body = {"match": match, "until": "2024-11-27T18:00:00+09:00", "reason": "uji"} | more
    headers = await api.bearer("operate", "read")
    sent = await api.client.post("/v1/silences", json=body, headers=headers)
    if sent.status_code == 422:  # where a body had to name an author
        sent = await api.client.post("/v1/silences", json=body | {"author": "piket"}, headers=headers)
    assert sent.status_code < 300, sent.text
    assert await api.siaga.silences.list() == ()


async def test_an_operator_cannot_make_his_own_mailbox_an_officials(api):
    """He adds it, brings the code that came to it, and approves with a second token that is his as well."""
    who = (await api.siaga.books.directory()).holder("94.02", "sekda", api.siaga.clock.now())
    headers = await api.bearer("operate")
    body = {"person": who, "channel": "sms", "value": "+628119990001"}
    contact = (await api.client.post("/v1/contacts", json=body, headers=headers)).json()["id"]
    files = (api.siaga.settings.paths.var / "outbox").iterdir()
    text = next(file.read_text() for file in files if "+628119990001" in file.read_text())
    code = re.search(r"\b[0-9]{6}\b", text) or re.search(r"\b[A-Z0-9]{4}\b(?=\D*$)", text)
    brought = await api.client.post(
        f"/v1/contacts/{contact}/verification", json={"code": code[0]}, headers=headers
    )
    assert brought.status_code == 200, brought.text
    assert not (await api.siaga.books.directory()).contact(contact).verified


async def decided(api, id_: str, headers: dict[str, str], compared_with: str):
    path = f"/v1/proposals/{id_}/approve"
    return await api.client.post(path, json={"compared_with": compared_with}, headers=headers)


async def test_a_token_of_nobody_is_no_second_person(api):
    """She has a user and was handed a token as well: nothing says that it is hers."""
    before = (await api.siaga.books.follow()).rule_set
    id_ = await api.propose(by=Credential("user", "siti"))
    answer = await decided(api, id_, await api.bearer("policy"), before)
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (409, "nobodys")
    await api.advance(5)
    assert (await api.siaga.books.follow()).rule_set == before
    assert (await decided(api, id_, await api.bearer("policy", person="budi"), before)).status_code == 200


@pytest.mark.parametrize("other", ["token", "user", "os"])
async def test_an_account_of_the_machine_is_the_user_of_the_same_name(api, other):
    """She proposes on the machine and approves in the console, or the other way."""
    before = (await api.siaga.books.follow()).rule_set
    proposer = Credential("user", "siti") if other == "os" else Credential("os", "siti")
    approver = {
        "token": Credential("token", "4be1a2c3d4", "siti"),
        "user": Credential("user", "siti"),
        "os": Credential("os", "siti"),
    }[other]
    id_ = await api.propose(by=proposer)
    assert (await api.siaga.proposals.approve(id_, approver, before)).result == "one_person"


async def test_what_another_rejected_is_approved_by_who_proposed_it_no_more_than_before(api):
    """Budi rejects; Siti proposes it again, by each of her credentials, and approves by each other one."""
    before = (await api.siaga.books.follow()).rule_set
    siti = [Credential("user", "siti"), Credential("token", "4be1a2c3d4", "siti"), Credential("os", "siti")]
    first = await api.propose(by=siti[0])
    await api.siaga.proposals.reject(first, Credential("user", "budi"), "belum perlu")
    for proposer in siti:
        again = await api.propose(by=proposer)
        for approver in siti:
            assert (await api.siaga.proposals.approve(again, approver, before)).result == "one_person"
    assert (await api.siaga.proposals.get(first)).state == "rejected"


async def test_rules_that_pass_for_those_somebody_looked_at_are_not_proposed(api):
    """A version has 48 bits: who writes rules finds two texts with the same one, and so the id of the rule set.

    Law: docs/specification/trust.md#what-is-approved.
    """
    books, proposals = api.siaga.books, api.siaga.proposals
    before = (await books.follow()).rule_set
    id_ = await api.propose(by=Credential("user", "siti"))
    looked = await fetch_rule_set(api.siaga.store, (await proposals.get(id_)).subject.rule_set)
    rule = next(iter(looked.rules.values()))
    other = replace(rule, why="Kata-kata lain dengan versi yang sama")
    alike = replace(looked, rules=dict(looked.rules) | {rule.id: other})
    assert alike.id == looked.id
    with contextlib.suppress(LookAlikeError):
        await proposals.propose_rules(alike, Credential("token", "4be1a2c3d4", "siti"))
    done = await proposals.approve(id_, Credential("user", "budi"), before)
    assert done.result == "approved"
    await api.advance(5)
    await books.follow()
    assert books.rule_set.rules[rule.id].why == rule.why


async def test_nor_a_rule_that_passes_for_the_one_in_force(api):
    """The page of the proposal would show the innocent part alone."""
    books, proposals = api.siaga.books, api.siaga.proposals
    await books.follow()
    first, second, *_ = books.rule_set.rules.values()
    rules = dict(books.rule_set.rules) | {first.id: replace(first, why="Lain")}
    rules.pop(second.id)
    with pytest.raises(LookAlikeError, match=first.id):
        await proposals.propose_rules(replace(books.rule_set, rules=rules), Credential("user", "siti"))
    assert await proposals.waiting() == []


async def test_what_is_approved_is_in_force_word_for_word(api):
    """Files that were changed after the look change nothing of what waits."""
    books = api.siaga.books
    before = (await books.follow()).rule_set
    change(api)
    made = (await api.client.post("/v1/reload", json={}, headers=await api.bearer("policy"))).json()
    shown = pack_rule_set(await fetch_rule_set(api.siaga.store, made["rule_set"]))
    file = api.siaga.settings.paths.rules / "netralitas.yaml"
    file.write_text(file.read_text().replace("at_least: 2, within: 7d", "at_least: 9, within: 7d"))
    headers = await api.bearer("policy", person="budi")
    assert (await decided(api, made["proposal"], headers, before)).status_code == 200
    for minute in range(5, 60, 5):
        await api.advance(minute)
    assert (await books.follow()).rule_set == made["rule_set"]
    assert pack_rule_set(books.rule_set) == shown
