"""An operator makes his own mailbox an official's: the official's other contacts hear at once, and may object."""

import re
from pathlib import Path

import pytest

from engine.core.judging.instant import HOUR
from engine.records.audit_log import entries
from tests.acceptance.web.conftest import START

MINE = "operator-sendiri@contoh.example"
DAY_MINUTES = 24 * 60


async def official(api):
    """Return the Sekda of Kab. Puncak Jaya, who has a phone and a mailbox."""
    directory = await api.siaga.books.directory()
    return directory.person(directory.holder("94.02", "sekda", api.siaga.clock.now()))


def sent_to(api, address: str) -> list[str]:
    """Return the messages that went out to an address, the oldest first."""
    folder = api.siaga.settings.paths.var / "outbox"
    files = sorted(folder.iterdir() if folder.is_dir() else (), key=lambda one: one.stat().st_mtime_ns)
    return [text for text in map(Path.read_text, files) if address in text]


async def add_mine(api, headers) -> str:
    """Add the operator's mailbox to the official and bring the code that came to it; return the contact's id."""
    who = await official(api)
    body = {"person": who.id, "channel": "email", "value": MINE}
    made = await api.client.post("/v1/contacts", json=body, headers=headers)
    assert made.status_code == 201, made.text
    contact = made.json()["id"]
    words = sent_to(api, MINE)[-1].split("\n\n", 1)[1]
    code = (re.search(r"\b[0-9]{6}\b", words) or re.search(r"\b[A-Z][0-9][A-Z]{2}\b", words))[0]
    path = f"/v1/contacts/{contact}/verification"
    assert (await api.client.post(path, json={"code": code}, headers=headers)).status_code == 200
    return contact


async def counts(api, contact: str) -> bool:
    found = (await api.siaga.books.directory()).contact(contact)
    return found is not None and found.verified


def link_in(api, address: str) -> str:
    """Return the path of the link in the newest message to an address that has one."""
    found = [
        m[0]
        for m in (re.search(r"/a/[a-z2-7]+", text.replace("=\n", "")) for text in sent_to(api, address))
        if m
    ]
    assert found, "no notice with a link"
    return found[-1]


async def test_the_officials_old_contacts_hear_at_once_and_an_objection_voids_it(api):
    who, headers = await official(api), await api.bearer("operate")
    contact = await add_mine(api, headers)
    await api.advance(1)
    for old in who.reachable:
        assert sent_to(api, old.value), f"{old.channel}: nobody told the official"
    mailbox = next(one.value for one in who.reachable if one.channel == "email")
    told = sent_to(api, mailbox)[-1]
    assert MINE not in told
    link = link_in(api, mailbox)
    read = await api.client.get(link)
    assert read.status_code == 200
    assert await api.siaga.proposals.waiting(), "reading the page changed something"
    assert (await api.client.post(f"{link}/objection")).status_code == 200
    await api.advance(DAY_MINUTES + 60)
    assert not await counts(api, contact)
    assert (await api.siaga.books.directory()).contact(contact) is None
    by = [
        entry.by
        for entry in [one async for one in entries(api.siaga.store)]
        if entry.subject.endswith("/objected")
    ]
    assert [one.partition(":")[0] for one in by] == ["link"]
    assert "siaga.contact-objection" in {one.rule.id for one in await api.siaga.desk.alerts()}


async def test_the_operator_who_waits_gets_it_only_if_nobody_objects_for_a_day(api):
    contact = await add_mine(api, await api.bearer("operate"))
    await api.siaga.advance(START + 24 * HOUR - 1)
    assert not await counts(api, contact)
    await api.siaga.advance(START + 24 * HOUR + HOUR)
    assert await counts(api, contact)
    done = [one async for one in entries(api.siaga.store) if one.subject.endswith("/unopposed")]
    assert [one.by for one in done] == ["service:proposals"]


async def test_an_operator_who_removes_the_old_contact_first_silences_nobody(api):
    who, headers = await official(api), await api.bearer("operate")
    phone = next(one for one in who.reachable if one.channel == "sms")
    assert (await api.client.delete(f"/v1/contacts/{phone.id}", headers=headers)).status_code == 200
    contact = await add_mine(api, headers)
    await api.advance(1)
    sent = sent_to(api, phone.value)
    assert any("dihapus oleh token" in text for text in sent)
    addition = next(text for text in sent if "didaftarkan untuk Anda oleh token" in text)
    link = re.search(r"/a/[a-z2-7]+", addition)[0]
    assert (await api.client.post(f"{link}/objection")).status_code == 200
    assert (await api.siaga.books.directory()).contact(contact) is None
    await api.siaga.advance(START + 30 * HOUR)
    assert not await counts(api, contact)


async def test_the_removed_contact_comes_back_by_its_own_objection(api):
    who, headers = await official(api), await api.bearer("operate")
    phone = next(one for one in who.reachable if one.channel == "sms")
    await api.client.delete(f"/v1/contacts/{phone.id}", headers=headers)
    assert (await api.siaga.books.directory()).contact(phone.id) is None
    await api.advance(1)
    assert (await api.client.post(f"{link_in(api, phone.value)}/objection")).status_code == 200
    assert (await api.siaga.books.directory()).contact(phone.id) == phone


@pytest.mark.parametrize("act", ["removed", "stopped"])
async def test_taking_away_is_final_after_a_day(api, act):
    who, headers = await official(api), await api.bearer("operate")
    phone = next(one for one in who.reachable if one.channel == "sms")
    path = f"/v1/contacts/{phone.id}"
    await (
        api.client.delete(path, headers=headers)
        if act == "removed"
        else api.client.post(f"{path}/stop", headers=headers)
    )
    await api.advance(1)
    link = link_in(api, phone.value)
    await api.siaga.advance(START + 25 * HOUR)
    assert (await api.client.post(f"{link}/objection")).status_code == 409
    assert not await counts(api, phone.id)
