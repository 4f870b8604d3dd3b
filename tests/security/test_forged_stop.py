"""STOP from forged numbers: whoever knows the numbers of all officials must not be able to silence an awas."""

from engine.core.alerting.alert import NOTICES
from engine.escalation.internal_alerts import OWN
from tests.acceptance.web.test_inbound import desk, first_sms

__all__ = ["desk"]
FORGED = 14


async def numbers(desk) -> list[str]:
    """Return the numbers of everybody in the directory."""
    people = (await desk.siaga.books.directory()).contents.people
    return sorted({c.value for person in people for c in person.contacts if c.channel == "sms"})


async def test_after_fourteen_forged_stops_an_awas_still_goes_out_by_sms(desk):
    forged = (await numbers(desk))[:FORGED]
    assert len(forged) == FORGED
    for number in forged:
        assert await desk.text(number, "STOP") == 204
    await desk.open_alert()
    told = [n for n in await desk.sms() if n.kind in NOTICES and n.level == 4]
    assert {await desk.number(n) for n in told} & set(forged)
    contents = (await desk.siaga.books.directory()).contents
    assert all(c.verified and not c.stopped for person in contents.people for c in person.contacts)


async def test_a_stop_without_code_calls_the_desk_and_changes_nothing(desk):
    (number, *_) = await numbers(desk)
    before = (await desk.siaga.books.directory()).version
    await desk.text(number, "BERHENTI")
    assert (await desk.siaga.books.directory()).version == before
    assert "Posko akan menelepon" in (await desk.replies())[0]
    (alert,) = [alert for alert in await desk.siaga.desk.alerts() if alert.rule.id == "siaga.contact"]
    assert alert.status == "open"
    assert await desk.siaga.store.planned(OWN) == {}


async def test_a_stop_with_its_code_keeps_awas_until_an_operator_confirms(desk):
    """Law: docs/specification/trust.md#stop."""
    _, asked, number, code = await first_sms(desk)
    await desk.text(number, f"STOP {code}")
    contact = (await desk.siaga.books.directory()).contact(asked.contact)
    assert [contact.serves(level) for level in (2, 3, 4)] == [False, False, True]
    assert "AWAS tetap" in (await desk.replies())[-1]
    answer = await desk.client.post(f"/v1/contacts/{contact.id}/stop", headers=await desk.bearer("operate"))
    assert answer.status_code == 200, answer.text
    contact = (await desk.siaga.books.directory()).contact(asked.contact)
    assert not contact.serves(4)
