"""The page behind the link of a notice that a contact changes: reading changes nothing, one button objects."""

import httpx
import pytest

from engine.core.alerting.alert import Notification
from engine.core.judging.instant import HOUR
from engine.records.alert_repository import NOTIFICATIONS
from engine.store.codec import decode
from tests.acceptance.web.conftest import START

NEW = "baru@contoh.example"


async def official(api):
    directory = await api.siaga.books.directory()
    return directory.person(directory.holder("94.02", "sekda", api.siaga.clock.now()))


async def link_of_notice(api, channel: str = "email") -> str:
    """Add a mailbox to an official, let the notices go out, and return the path of the link of one of them."""
    body = {"person": (await official(api)).id, "channel": "email", "value": NEW}
    made = await api.client.post("/v1/contacts", json=body, headers=await api.bearer("operate"))
    assert made.json()["counts_at"] == "2024-11-28T03:00:00+00:00"
    await api.advance(1)
    records = (await api.siaga.store.scan(NOTIFICATIONS)).values()
    sent = [one for one in (decode(r.value, Notification) for r in records) if one.kind == "contact_change"]
    assert {one.state for one in sent} == {"sent"}
    return f"/a/{api.siaga.answer_token(next(one for one in sent if one.channel == channel))}"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_reading_changes_nothing(api, method: str):
    link = await link_of_notice(api)
    before = await api.siaga.proposals.waiting()
    assert (await api.client.request(method, link)).status_code == 200
    assert (await api.client.request(method, f"{link}/objection")).status_code == 405
    assert await api.siaga.proposals.waiting() == before


async def test_it_says_in_both_languages_what_changes_and_names_nobody(api):
    who, link = await official(api), await link_of_notice(api)
    page = await api.client.get(link)
    assert page.text.index("Saya keberatan") < page.text.index("I object")
    assert "alamat surel" in page.text
    assert "28/11 10.00 WIB" in page.text
    for private in (NEW, who.id, *(one.value for one in who.contacts)):
        assert private not in page.text
    assert page.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text


async def test_one_tap_objects_and_a_second_says_the_same(api):
    link = await link_of_notice(api)
    for _ in range(2):
        answer = await api.client.post(f"{link}/objection", data={"objects": "yes"})
        assert answer.status_code == 200
        assert "Keberatan tercatat" in answer.text
        assert "<button" not in answer.text
    (decided,) = (await api.siaga.proposals.page(lambda _one: True, 10, decided=True)).proposals
    assert (decided.state, decided.decided_by.kind) == ("objected", "link")


async def test_after_the_change_counts_the_page_says_that_it_is_too_late(api):
    link = await link_of_notice(api)
    (waiting,) = await api.siaga.proposals.waiting()
    contact = (await api.siaga.books.directory()).contact(waiting.subject.contact.contact)
    await api.siaga.proposals.contacts.code_came_back(contact, waiting.by, waiting.by)
    await api.siaga.advance(START + 25 * HOUR)
    assert (await api.siaga.books.directory()).contact(contact.id).verified
    late = await api.client.post(f"{link}/objection")
    assert late.status_code == 409
    assert "sudah diputuskan" in late.text


async def test_a_link_serves_one_purpose(api):
    """That of an alert objects to nothing, that of a notice answers nothing, and neither is a hint."""
    link = await link_of_notice(api)
    alert = await api.open_alert()
    answer = (await api.links(alert))[0][1]
    assert (await api.client.post(f"{answer}/objection")).status_code == 404
    assert (await api.client.post(link, data={"says": "taken"})).status_code == 404
    assert len(await api.siaga.proposals.waiting()) == 1


async def test_a_link_that_leads_somewhere_opens_though_others_were_tried(api):
    link = await link_of_notice(api)
    tried = {(await api.client.post(f"/a/{'b' * 26}/objection")).status_code for _ in range(101)}
    assert tried == {404, 429}
    assert (await api.client.get(link)).status_code == 200
    assert (await api.client.post(f"{link}/objection")).status_code == 200


async def test_the_inbox_says_when_it_counts(api):
    await link_of_notice(api)
    headers = await api.bearer("operate")
    (listed,) = (await api.client.get("/v1/proposals", headers=headers)).json()["proposals"]
    assert listed["contact_change"] == {
        "act": "count",
        "coded": False,
        "counts_at": "2024-11-28T03:00:00+00:00",
        "notified": 2,
    }
    approve = f"/v1/proposals/{listed['id']}/approve"
    refused = await api.client.post(
        approve, json={"compared_with": ""}, headers=await api.bearer("operate", person="orang-lain")
    )
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "no_code")
    await api.sign_in("operate")
    for path in ("/console/proposals", f"/console/proposals/{listed['id']}"):
        page: httpx.Response = await api.client.get(path)
        assert "28 November 2024 pukul 10.00 WIB" in page.text
