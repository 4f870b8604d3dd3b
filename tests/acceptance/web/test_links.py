"""The answer page: reading changes nothing, a POST answers, and every dead link looks the same."""

import httpx
import pytest

from engine.answers.links import Links
from engine.app import Siaga
from engine.errors import StoreUnavailableError
from engine.runtime.keys import Keys, secret_keys
from engine.web.app import build


class Away:
    """An installation whose links lead to a store that does not answer."""

    def __init__(self, whole: Siaga) -> None:
        self.whole = whole

    def __getattr__(self, name: str):
        return getattr(self.whole, name)

    @property
    def links(self) -> Links:
        return Links(self, self.whole.clock, Keys(b""), self.whole.books)

    async def get(self, *_arguments: object) -> None:
        raise StoreUnavailableError


SURE = {"confirm": "yes", "reason": "Padam, dicek di tempat"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def recipient(api) -> tuple[str, str, str]:
    """Open an alert; return its id, and a person and link of its first step."""
    alert_id = await api.open_alert()
    links = await api.links(alert_id)
    alert = (await api.siaga.desk.case(alert_id)).alert
    person, link = next((p, link) for p, link in links if p in alert.current.recipients)
    return alert_id, person, link


async def everything(api, alert_id: str) -> tuple:
    """Return all that an answer could change."""
    case = await api.siaga.desk.case(alert_id)
    return case, await api.siaga.desk.history(alert_id), await api.siaga.store.counters()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_reading_every_link_changes_nothing(api, method: str):
    """Mail scanners and previews open every link (docs/specification/escalation.md#links).

    Law: docs/specification/trust.md#only-people-acknowledge.
    """
    alert_id = await api.open_alert()
    before = await everything(api, alert_id)
    links = await api.links(alert_id)
    assert len(links) > 10
    statuses = {(await api.client.request(method, link)).status_code for _, link in links}
    assert statuses == {200}
    assert await everything(api, alert_id) == before
    assert f"siaga_link_prefetch_total {len(links)}.0" in (await api.client.get("/metrics")).text


async def test_a_head_answers_like_a_get_without_the_page(api):
    _, _, link = await recipient(api)
    got, headed = await api.client.get(link), await api.client.head(link)
    assert headed.content == b""
    assert headed.headers == got.headers


async def test_the_page_is_private_and_loads_nothing(api):
    _, _, link = await recipient(api)
    page = await api.client.get(link)
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["x-robots-tag"] == "noindex, nofollow"
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "script" not in policy
    assert "<script" not in page.text
    assert len(page.content) < 30_000


async def test_the_page_names_no_person(api):
    """Neither an id, nor the names that stood in the summary of the event."""
    _, person, link = await recipient(api)
    page = (await api.client.get(link)).text
    assert [word for word in (person, "Tabuni", "0812", "+62") if word in page] == []


@pytest.mark.parametrize(
    ("says", "status"), [("taken", "acknowledged"), ("seen", "open"), ("resolved", "resolved")]
)
async def test_a_post_answers_and_the_same_again_is_polite(api, says: str, status: str):
    """Law: docs/specification/escalation.md#answers-by-page."""
    alert_id, person, link = await recipient(api)
    form = {"says": says} | (SURE if says == "resolved" else {})
    first = await api.client.post(link, data=form)
    assert (first.status_code, (await api.siaga.desk.case(alert_id)).alert.status) == (200, status)
    assert "Tercatat" in first.text
    after = await everything(api, alert_id)
    assert person in {entry.person for entry in after[1] if entry.name == "answered"}
    second = await api.client.post(link, data=form)
    assert second.status_code == 200
    assert "sudah tercatat sebelumnya" in second.text
    assert await everything(api, alert_id) == after


async def test_an_answer_that_comes_too_late_is_said_to_be(api):
    alert_id, _, link = await recipient(api)
    other = next(path for _, path in await api.links(alert_id) if path != link)
    await api.client.post(link, data={"says": "resolved"} | SURE)
    late = await api.client.post(other, data={"says": "taken"})
    assert late.status_code == 409
    assert "sudah selesai" in late.text


async def test_every_dead_link_looks_the_same(api):
    """Unknown, cut, too long, expired: one page, no hint, for GET and POST alike."""
    alert_id, _, link = await recipient(api)
    dead = [link[:-1], link + "a", "/a/" + "a" * 12, "/a/" + "a" * 200, "/a/%00", "/a/%F0%9F%97%B3"]
    pages = {(await api.client.get(path)).text for path in dead}
    pages |= {(await api.client.post(path, data={"says": "taken"})).text for path in dead}
    assert len(pages) == 1
    assert {(await api.client.get(path)).status_code for path in dead} == {404}
    assert (await api.siaga.desk.case(alert_id)).alert.status == "open"
    await api.client.post(link, data={"says": "resolved"} | SURE)
    await api.advance(minutes=24 * 60 - 1)
    assert (await api.client.get(link)).status_code == 200
    await api.advance(minutes=24 * 60 + 2)
    expired = await api.client.get(link)
    assert (expired.status_code, {expired.text}) == (404, pages)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_another_method_is_a_405(api, method: str):
    _, _, link = await recipient(api)
    answer = await api.client.request(method, link)
    assert answer.status_code == 405
    assert link not in answer.text


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ("says=escalate", FORM, 422),
        ("says=taken&says=resolved", FORM, 422),
        ("", FORM, 422),
        ("&".join(["says=taken"] * 50), FORM, 422),
        ('{"says": "taken"}', {"Content-Type": "application/json"}, 415),
        ("says=taken&x=" + "x" * 4_096, FORM, 413),
    ],
)
async def test_a_form_that_no_button_sends_is_refused(api, body: str, headers: dict[str, str], status: int):
    alert_id, _, link = await recipient(api)
    before = await everything(api, alert_id)
    answer = await api.client.post(link, content=body, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert await everything(api, alert_id) == before


async def test_a_slash_too_many_is_not_redirected(api):
    """A redirect would repeat the token in a header that proxies log."""
    _, _, link = await recipient(api)
    answer = await api.client.get(link + "/")
    assert (answer.status_code, "location" in answer.headers) == (404, False)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_while_the_store_is_away_a_person_gets_a_page(api, method: str):
    """Not problem JSON: it says to come back, and machines hear when."""
    _, _, link = await recipient(api)
    before = (await api.client.get(link)).headers["content-security-policy"]
    transport = httpx.ASGITransport(build(Away(api.siaga)))
    async with httpx.AsyncClient(transport=transport, base_url="http://siaga.test") as client:
        page = await client.request(method, link, content="says=taken", headers=FORM)
    assert (page.status_code, int(page.headers["retry-after"]) > 0) == (503, True)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"] == before
    if method != "HEAD":
        assert "sedang tidak dapat dibuka" in page.text


async def test_a_person_passes_the_matter_on_to_an_office_of_the_page(api):
    """Chosen by its role; the delegate gets a link of their own and takes it."""
    alert_id, _, link = await recipient(api)
    page = (await api.client.get(link)).text
    assert '<option value="bpbd">' in page
    passed = await api.client.post(link, data={"says": "delegated", "to": "bpbd"})
    assert (passed.status_code, "diteruskan" in passed.text) == (200, True)
    await api.advance(minutes=2)
    delegate = next(
        n.person
        for n in (await api.siaga.desk.case(alert_id)).notifications.values()
        if n.kind == "delegated"
    )
    theirs = next(path for person, path in await api.links(alert_id) if person == delegate)
    await api.client.post(theirs, data={"says": "taken"})
    assert (await api.siaga.desk.case(alert_id)).alert.acknowledged_by == delegate


@pytest.mark.parametrize("to", ["", "nobody", "wamendagri"])
async def test_passing_on_to_what_the_page_does_not_offer_is_refused(api, to: str):
    """Nothing chosen, no such office, or one of another region."""
    alert_id, _, link = await recipient(api)
    refused = await api.client.post(link, data={"says": "delegated", "to": to})
    assert (refused.status_code, "Mohon pilih jabatan" in refused.text) == (409, True)
    assert (await api.siaga.desk.case(alert_id)).alert.delegations == ()


async def test_a_wrong_tap_is_taken_back(api):
    """Batal: open again, and the next step starts now."""
    alert_id, _, link = await recipient(api)
    taken = await api.client.post(link, data={"says": "taken"})
    assert "Batal" in taken.text
    back = await api.client.post(link, data={"says": "declined"})
    alert = (await api.siaga.desk.case(alert_id)).alert
    assert (back.status_code, alert.status, alert.current.step) == (200, "open", 2)


async def test_the_link_of_the_first_message_renews_nothing(api):
    """The same POST twice changes nothing, however much later; a reminder's link would."""
    alert_id, _, link = await recipient(api)
    await api.client.post(link, data={"says": "taken"})
    before = (await api.siaga.desk.case(alert_id)).alert.expires_at
    await api.advance(minutes=30)
    again = await api.client.post(link, data={"says": "taken"})
    assert "sudah tercatat sebelumnya" in again.text
    assert (await api.siaga.desk.case(alert_id)).alert.expires_at == before


@pytest.mark.parametrize(("keys", "status"), [("new, old", 200), ("new", 404)])
async def test_a_link_counts_as_long_as_its_key_is_accepted(api, keys: str, status: int):
    """A key that was replaced still counts behind the new one; what one made that was taken away is dead."""
    _, _, link = await recipient(api)
    new, old = b"n" * 32, secret_keys(api.siaga.settings.key_file, {}).current
    accepted = Keys(new, (old,) if "old" in keys else ())
    api.siaga.links = Links(api.siaga.store, api.siaga.clock, accepted, api.siaga.books)
    assert (await api.client.get(link)).status_code == status
