"""The page of one alert, and every form on it: what it does, who may, and what is refused."""

import re

import pytest

from engine.records.audit_log import entries
from tests.acceptance.web.conftest import PASSWORD
from tests.acceptance.web.test_phone_list import unreachable_alert
from tests.credentials import OPERATOR

FORMS = ("answer", "take", "resolve", "escalate", "silence", "comment", "call")


def text_of(answer) -> str:
    return re.sub(r"\s+", " ", answer.text)


class Page:
    """The page of one alert, on which an operator is signed in."""

    def __init__(self, api, alert: str) -> None:
        self.api = api
        self.alert = alert
        self.path = f"/console/alerts/{alert}"

    async def text(self) -> str:
        answer = await self.api.client.get(self.path)
        assert answer.status_code == 200, answer.text
        return text_of(answer)

    async def send(self, form: str, **fields: str):
        return await self.api.send(self.path, f"{self.path}/{form}", **fields)

    async def done(self, form: str, **fields: str) -> str:
        """Send a form that must do its work, and return the page after it."""
        answer = await self.send(form, **fields)
        assert answer.status_code == 303, answer.text
        return text_of(await self.api.client.get(answer.headers["location"]))

    async def told(self) -> list[str]:
        """Return those who were told so that they act."""
        case = await self.api.siaga.desk.case(self.alert)
        return [n.person for n in case.notifications.values() if n.state == "sent" and not n.informing]

    async def status(self) -> str:
        return (await self.api.siaga.desk.case(self.alert)).alert.status


@pytest.fixture
async def page(api) -> Page:
    alert = await api.open_alert()
    await api.sign_in("read", "operate", region="94")
    return Page(api, alert)


async def test_it_tells_the_alert_from_event_to_answer(page):
    text = await page.text()
    assert "Kab. Puncak Jaya" in text
    assert "Peringatan dibuka, tingkat AWAS" in text
    assert re.search(r"Tahap 1 dari \d dimulai", text)
    assert '<span class="state fair">Terkirim</span>' in text
    assert "data-until=" in text
    assert "94 luka" in text
    assert not re.search(r"Yohanes|0812|\+62811|@\d{4}\.example", text)


async def test_who_may_only_read_sees_no_form_and_may_send_none(api):
    alert = await api.open_alert()
    await api.sign_in("read")
    path = f"/console/alerts/{alert}"
    shown = await api.client.get(path)
    assert (shown.status_code, shown.text.count("<form")) == (200, 1)  # the one to sign out
    for form in FORMS:
        assert (await api.send(path, f"{path}/{form}")).status_code == 403, form


async def test_another_region_is_refused_and_an_unknown_alert_is_not_found(api):
    alert = await api.open_alert()
    await api.sign_in("read", "operate", region="73")
    path = f"/console/alerts/{alert}"
    assert (await api.client.get(path)).status_code == 403
    for form in FORMS:
        assert (await api.send("/console", f"{path}/{form}")).status_code == 403, form
    assert (await api.client.get("/console/alerts/aaaaaaaaaaaaaaaa")).status_code == 404
    assert (await api.siaga.desk.case(alert)).alert.status == "open"


async def test_no_form_does_anything_without_the_token_of_the_session(page):
    before = await page.api.siaga.desk.history(page.alert)
    for form in FORMS:
        refused = await page.api.client.post(f"{page.path}/{form}", data={"form_token": "0" * 64})
        assert refused.status_code == 403, form
    assert await page.api.siaga.desk.history(page.alert) == before


async def test_an_answer_by_phone_is_the_officials_and_keeps_who_entered_it(page):
    person = (await page.told())[0]
    text = await page.done("answer", person=person, says="taken", note="Menuju lokasi")
    assert "Tercatat sebagai diterima." in text
    assert "(dicatat oleh pengguna piket-uji)" in text
    assert "<blockquote>Menuju lokasi</blockquote>" in text
    alert = (await page.api.siaga.desk.case(page.alert)).alert
    assert (alert.status, alert.takings[0].person, alert.takings[0].operator) == (
        "acknowledged",
        person,
        "piket-uji",
    )
    seen = [e.by async for e in entries(page.api.siaga.store) if e.subject == f"notes/{page.alert}"]
    assert set(seen) == {"user:piket-uji"}


async def test_passing_on_by_phone_goes_to_an_office(page):
    person = (await page.told())[0]
    role = re.search(r'<select id="to".*?<option value="(\w+)">', await page.text()).group(1)
    assert "Tercatat sebagai diteruskan." in await page.done(
        "answer", person=person, says="delegated", to=role
    )
    (delegation,) = (await page.api.siaga.desk.case(page.alert)).alert.delegations
    assert delegation.giver == person
    refused = await page.send("answer", person=person, says="delegated")
    assert (refused.status_code, "Pilih jabatan" in refused.text) == (409, True)


async def test_the_user_takes_it_and_resolves_it_in_their_own_name(page):
    assert "Tercatat sebagai diterima." in await page.done("take")
    assert await page.status() == "acknowledged"
    text = await page.done("resolve", note="Selesai di lapangan", confirm="yes")
    assert "Dinyatakan selesai oleh pengguna piket-uji" in text
    assert "Peringatan ini sudah selesai." in text
    assert await page.status() == "resolved"
    again = await page.send("take")
    assert (again.status_code, "Tidak dicatat. Peringatan ini sudah selesai." in again.text) == (409, True)


async def test_escalating_starts_the_next_step(page):
    assert "Tahap berikutnya sudah dimulai." in await page.done("escalate")
    assert (await page.api.siaga.desk.case(page.alert)).alert.current.step == 2


async def test_a_silence_keeps_this_rule_quiet_in_this_region(page):
    """One that covers awas does not hold before another person approved it, which the next page says."""
    text = await page.done("silence", hours="2", reason="Latihan gabungan", include_awas="yes")
    assert "Bisukan belum berlaku." in text
    assert await page.api.siaga.silences.list() == ()
    (waiting,) = await page.api.siaga.proposals.waiting()
    await page.api.siaga.proposals.approve(waiting.id, OPERATOR, "")
    (silence,) = await page.api.siaga.silences.list()
    assert (silence.match.region, silence.include_awas, silence.author) == (
        ("94.02",),
        True,
        "user:piket-uji",
    )
    assert (await page.api.siaga.desk.case(page.alert)).alert.silenced == silence.id
    shown = text_of(await page.api.client.get(f"/console/alerts/{page.alert}"))
    assert "Dibisukan: tidak ada yang diberi tahu" in shown


async def test_a_silence_below_awas_holds_at_once(page):
    text = await page.done("silence", hours="2", reason="Latihan gabungan")
    assert "Bisukan berlaku sekarang." in text
    (silence,) = await page.api.siaga.silences.list()
    assert (silence.match.region, silence.author, silence.until - silence.since) == (
        ("94.02",),
        "user:piket-uji",
        7_200_000,
    )


async def test_a_comment_is_kept_and_tells_nobody(page):
    text = await page.done("comment", note="<b>Sudah dihubungi</b>")
    assert "<blockquote>&lt;b&gt;Sudah dihubungi&lt;/b&gt;</blockquote>" in text
    assert await page.status() == "open"


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        ("answer", {}),
        ("answer", {"person": "sekda-9402", "says": "dance"}),
        ("silence", {"hours": "2", "reason": " "}),
        ("silence", {"hours": "9999", "reason": "x"}),
        ("comment", {"note": "  "}),
        ("call", {"person": "nobody", "reached": "yes"}),
        ("call", {"reached": "yes"}),
    ],
)
async def test_a_form_that_is_not_complete_changes_nothing(page, form, fields):
    before = await page.api.siaga.desk.history(page.alert)
    refused = await page.send(form, **fields)
    assert (refused.status_code, "Isian belum lengkap" in refused.text) == (409, True)
    assert await page.api.siaga.desk.history(page.alert) == before
    assert await page.api.siaga.silences.list() == ()


async def test_somebody_who_was_not_told_cannot_answer(page):
    refused = await page.send("answer", person="sekda-7315", says="taken")
    assert (refused.status_code, "tidak diberi tahu tentang peringatan ini" in refused.text) == (409, True)


async def test_whom_no_message_reaches_is_called_and_answers_with_one_tap(api):
    page = Page(api, await unreachable_alert(api))
    await api.sign_in("read", "operate", region="94")
    text = await page.text()
    people = re.findall(r'name="person" value="([\w-]+)"', text)
    assert "Telepon sekarang" in text
    assert re.search(r'href="tel:\+62\d+"', text)
    seen = [e.by async for e in entries(api.siaga.store) if e.subject == f"phone_list/{page.alert}"]
    assert seen == ["user:piket-uji"]
    assert "tidak tersambung" in await page.done("call", person=people[0], reached="no")
    text = await page.done("answer", person=people[0], says="taken", called="yes")
    assert "ditelepon dan tersambung" in text
    assert people[0] not in re.findall(r'name="person" value="([\w-]+)"', text)
    assert (await api.siaga.desk.case(page.alert)).alert.takings[0].person == people[0]


async def test_the_phone_list_has_all_of_the_region_and_comes_back_to_itself(api):
    alert = await unreachable_alert(api)
    await api.sign_in("read", "operate", region="94")
    listed = text_of(await api.client.get("/console/phone"))
    people = re.findall(r'name="person" value="([\w-]+)"', listed)
    assert f'href="/console/alerts/{alert}"' in listed
    assert "Yth. Bupati Puncak Jaya" in listed
    assert re.search(r'href="tel:\+62\d+"', listed)
    sent = await api.send(
        "/console/phone", f"/console/alerts/{alert}/answer", person=people[0], says="declined", back="phone"
    )
    assert (sent.status_code, sent.headers["location"]) == (303, "/console/phone?said=declined")
    after = text_of(await api.client.get(sent.headers["location"]))
    assert people[0] not in re.findall(r'name="person" value="([\w-]+)"', after)
    seen = [e.subject async for e in entries(api.siaga.store) if e.what == "seen"]
    assert set(seen) == {"phone_list/94"}


async def test_the_phone_list_of_another_region_is_empty_and_readers_have_none(api):
    await unreachable_alert(api)
    await api.sign_in("operate", region="73")
    listed = text_of(await api.client.get("/console/phone"))
    assert "Tidak ada yang perlu ditelepon sekarang." in listed
    await api.user("pembaca", "read")
    await api.client.post("/console/sign-in", data={"user": "pembaca", "password": PASSWORD})
    assert (await api.client.get("/console/phone")).status_code == 403
    assert "/console/phone" not in text_of(await api.client.get("/console"))
