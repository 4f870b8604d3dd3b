"""SMS both ways through the whole app: the code goes out, a text comes in, the answer counts, one reply goes back."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import msgspec
import pytest

from engine.app import open_siaga
from engine.core.alerting.alert import Notification
from engine.delivery.reply_codes import CODES
from engine.records.alert_repository import NOTIFICATIONS
from engine.runtime.keys import secret_keys
from engine.settings import Settings
from engine.store.codec import decode
from engine.store.memory import MemoryStore
from engine.texts.reply_code import valid
from engine.web.app import build
from tests.acceptance.web.conftest import Api

PATH = "/v1/inbound/sms"


class Desk(Api):
    """The app on a two-way route, and what phones get and send."""

    async def sms(self, kind: str | None = None) -> list[Notification]:
        """Return the SMS that went out, oldest first."""
        records = (await self.siaga.store.scan(NOTIFICATIONS)).values()
        found = [decode(record.value, Notification) for record in records]
        sent = [n for n in found if n.channel == "sms" and n.state == "sent" and kind in (None, n.kind)]
        return sorted(sent, key=lambda n: (n.sent_at, n.id))

    async def number(self, notification: Notification) -> str:
        """Return the number of a contact."""
        return (await self.siaga.books.directory()).contact(notification.contact).value

    async def text(self, sender: str, text: str, **more: str) -> int:
        """Let the gateway bring a text, let the reply go out; return the status."""
        body = {"from": sender, "text": text} | more
        answer = await self.client.post(PATH, json=body, headers=await self.bearer("inbound"))
        assert answer.content == b""
        await self.siaga.advance(self.siaga.clock.now() + 60_000)
        return answer.status_code

    async def replies(self) -> list[str]:
        """Return the texts of all replies that went out, oldest first."""
        return [n.rendered.text for n in await self.sms("reply")]

    async def status(self, alert_id: str) -> str:
        return (await self.siaga.desk.case(alert_id)).alert.status


@pytest.fixture
async def desk(settings: Settings) -> AsyncIterator[Desk]:
    two_way = settings.gateways.model_copy(
        update={"sms": settings.gateways.sms.model_copy(update={"two_way": True})}
    )
    settings = settings.model_copy(update={"gateways": two_way})
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(settings, stack, store=MemoryStore())
        app = build(siaga)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url="http://siaga.test")
        await stack.enter_async_context(client)
        yield Desk(siaga, app, client, secret_keys(settings.key_file, os.environ).current)


async def first_sms(desk: Desk) -> tuple[str, Notification, str, str]:
    """Open an alert; return its id, the first SMS that asks to act, its number and its code."""
    alert_id = await desk.open_alert()
    asked = next(n for n in await desk.sms("first") if not n.informing)
    return alert_id, asked, await desk.number(asked), asked.rendered.text.split()[-1]


async def test_an_sms_of_a_two_way_route_shows_the_code_and_no_link(desk: Desk):
    alert_id, asked, number, code = await first_sms(desk)
    assert valid(code)
    assert asked.rendered.text.endswith(f"TERIMA {code}")
    assert "/a/" not in asked.rendered.text
    line, unresolved = await desk.siaga.inbound._phones.read(  # what the store keeps of that phone
        number, desk.siaga.clock.now()
    )
    assert [(told.code, told.alerts) for told in line.line.codes] == [(code, (alert_id,))]
    assert unresolved == {alert_id}


async def test_a_text_with_the_code_takes_the_alert_and_one_reply_says_so(desk: Desk):
    alert_id, asked, number, code = await first_sms(desk)
    assert await desk.text(number, f"  Terima, {code.lower()}! ") == 204
    case = await desk.siaga.desk.case(alert_id)
    assert case.alert.status == "acknowledged"
    assert [(t.person, t.via, t.grade) for t in case.alert.takings] == [(asked.person, "sms", 2)]
    (reply,) = await desk.sms("reply")
    assert (reply.person, reply.contact, reply.alert) == (asked.person, asked.contact, alert_id)
    assert reply.rendered.text.startswith(f"Tercatat {code}: Anda menangani")


@pytest.mark.parametrize("written", [str, lambda number: number[1:], lambda number: "0" + number[3:]])
async def test_a_number_is_known_however_the_gateway_writes_it(desk: Desk, written):
    alert_id, _, number, code = await first_sms(desk)
    await desk.text(written(number), f"TERIMA {code}")
    assert await desk.status(alert_id) == "acknowledged"


async def test_without_a_code_the_only_open_alert_is_meant_and_then_its_code_is_old(desk: Desk):
    alert_id, _, number, code = await first_sms(desk)
    await desk.text(number, "baca")
    await desk.text(number, f"terima {code}")
    await desk.text(number, f"selesai {code} ya")
    assert await desk.status(alert_id) == "resolved"
    await desk.text(number, f"terima {code}")
    await desk.text(number, "terima")
    said = await desk.replies()
    assert said[0].startswith(f"Tercatat {code}: sudah dibaca")
    assert said[2].startswith(f"Tercatat {code}: SELESAI")
    assert said[3].startswith("Kode lama")
    assert said[4].startswith("Tidak ada peringatan terbuka")


async def test_the_code_of_another_phone_touches_nothing(desk: Desk):
    alert_id, asked, _, code = await first_sms(desk)
    other = next(n for n in await desk.sms() if n.person != asked.person)
    assert await desk.number(other) != await desk.number(asked)
    before = (await desk.siaga.desk.case(alert_id)).alert
    await desk.text(await desk.number(other), f"TERIMA {code}")
    assert (await desk.siaga.desk.case(alert_id)).alert == before
    assert (await desk.replies())[0].startswith("Kode tidak dikenal")


async def test_an_unknown_phone_gets_no_reply_and_leaves_only_a_count(desk: Desk):
    alert_id, _, _, code = await first_sms(desk)
    for sender in ("+628999999999", "Siaga", "", "88"):
        assert await desk.text(sender, f"TERIMA {code}") == 204
    assert await desk.replies() == []
    assert await desk.status(alert_id) == "open"
    assert b'siaga_inbound_texts_total{result="unknown_phone"} 4.0' in await desk.siaga.exposition()


async def test_the_same_text_brought_twice_is_one_text(desk: Desk):
    alert_id, _, number, code = await first_sms(desk)
    steps = len((await desk.siaga.desk.case(alert_id)).alert.runs)
    for _ in range(2):
        await desk.text(number, f"naik {code}", id="gw-1")
    assert len((await desk.siaga.desk.case(alert_id)).alert.runs) == steps + 1
    assert len(await desk.replies()) == 1


async def test_without_an_id_the_same_words_are_one_text_until_something_was_sent(desk: Desk):
    _, _, number, code = await first_sms(desk)
    inbound = desk.siaga.inbound
    assert await inbound.hear(number, f"baca {code}") == "recorded"
    assert await inbound.hear(number, f"baca {code}") == "duplicate"
    await desk.siaga.advance(desk.siaga.clock.now() + 60_000)
    assert await inbound.hear(number, f"baca {code}") == "refused"  # said before: nothing to record
    await desk.siaga.advance(desk.siaga.clock.now() + 60_000)
    assert [text.partition(" K")[0].partition(f" {code}")[0] for text in await desk.replies()] == [
        "Tercatat",
        "Sudah tercatat sebelumnya",
    ]


async def test_five_replies_that_recorded_nothing_are_the_last(desk: Desk):
    _, _, number, code = await first_sms(desk)
    for attempt in range(8):
        await desk.text(number, f"apa {attempt}")
    assert len(await desk.replies()) == 5
    await desk.text(number, f"baca {code}")
    await desk.text(number, "apa lagi")
    assert len(await desk.replies()) == 7


async def test_stop_with_its_code_keeps_the_contact_for_awas_alone_and_is_confirmed(desk: Desk):
    _, asked, number, code = await first_sms(desk)
    await desk.text(number, f"STOP {code}")
    directory = await desk.siaga.books.directory()
    assert directory.contact(asked.contact).stopped
    others = [c for c in directory.person(asked.person).contacts if c.id != asked.contact]
    assert not any(contact.stopped for contact in others)
    assert (await desk.replies())[0].startswith("Tercatat: telepon ini tidak lagi menerima")


async def test_delegating_by_sms_names_an_office_of_the_region(desk: Desk):
    alert_id, asked, number, code = await first_sms(desk)
    await desk.text(number, f"teruskan satpolpp {code}")
    case = await desk.siaga.desk.case(alert_id)
    (delegated,) = {n.person for n in case.notifications.values() if n.kind == "delegated"}
    assert delegated != asked.person
    assert (await desk.replies())[0].startswith(f"Tercatat {code}: diteruskan")
    await desk.text(number, f"teruskan juru_masak {code}")
    assert (await desk.replies())[1].startswith(f"Tidak diteruskan {code}")


async def test_a_form_is_taken_as_well(desk: Desk):
    alert_id, _, number, code = await first_sms(desk)
    answer = await desk.client.post(
        PATH, data={"from": number, "text": f"ya {code}", "smsc": "x"}, headers=await desk.bearer("inbound")
    )
    assert answer.status_code == 204
    assert await desk.status(alert_id) == "acknowledged"


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"{", "application/json", 422),
        (b'{"from": "+62811"}', "application/json", 422),
        (b'{"from": 1, "text": "x"}', "application/json", 422),
        (b"text=x", "application/x-www-form-urlencoded", 422),
        (b"text=%FF&from=%FF", "application/x-www-form-urlencoded", 422),
        (b"<x/>", "text/xml", 415),
        (b"x" * 20_000, "application/json", 413),
    ],
)
async def test_what_is_no_text_is_refused(desk: Desk, body: bytes, media_type: str, status: int):
    headers = {"content-type": media_type} | await desk.bearer("inbound")
    answer = await desk.client.post(PATH, content=body, headers=headers)
    assert answer.status_code == status
    assert "62811" not in answer.text


async def test_no_number_stands_in_any_table_of_texts_and_replies(desk: Desk):
    _, _, number, code = await first_sms(desk)
    await desk.text(number, f"terima {code}")
    lines = await desk.siaga.store.scan(CODES)
    replies = await desk.sms("reply")
    kept = [*lines, *(record.value.decode("latin-1") for record in lines.values())]
    kept += [msgspec.json.encode(reply).decode() for reply in replies]
    assert kept
    assert not [text for text in kept if number.lstrip("+") in text or number[3:] in text]
