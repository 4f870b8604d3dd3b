"""Closing what many rely on: it asks twice, can be taken back for 15 minutes, and an operator reopens at any time."""

import re
from urllib.parse import urlencode

import pytest

from engine.core.alerting.alert import NOTICES, Notification
from engine.core.alerting.answer import TAKE_BACK_FOR
from engine.core.alerting.command import Answer
from engine.records.alert_repository import NOTIFICATIONS
from engine.store.codec import decode
from engine.texts.answer_link_token import token_for
from tests.credentials import OPERATOR
from tests.unit.support.switchboard import Switchboard

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def told(api, alert_id: str) -> list[Notification]:
    """Return the notices of the alert that ask somebody to act, one for each person."""
    case = await api.siaga.desk.case(alert_id)
    found = {n.person: n for n in case.notifications.values() if n.kind in NOTICES and not n.informing}
    return list(found.values())


async def press(api, notification: Notification, says: str, **more: str):
    path = f"/a/{token_for(api._key, notification.id, notification.channel)}"
    return await api.client.post(path, content=urlencode({"says": says} | more), headers=FORM)


async def alert_of(api, alert_id: str):
    return (await api.siaga.desk.case(alert_id)).alert


async def test_an_awas_is_closed_on_the_page_by_a_second_form_with_a_reason(api):
    alert_id = await api.open_alert()
    first, *_ = await told(api, alert_id)
    asked = await press(api, first, "resolved")
    assert (await alert_of(api, alert_id)).status == "open"
    assert asked.status_code == 409
    assert "Apakah benar sudah selesai?" in asked.text
    assert re.search(r'<textarea id="reason" name="reason"[^>]* required>', asked.text)
    without = await press(api, first, "resolved", confirm="yes")
    assert (without.status_code, (await alert_of(api, alert_id)).status) == (409, "open")
    done = await press(api, first, "resolved", confirm="yes", reason="Padam, dicek di tempat")
    assert (done.status_code, (await alert_of(api, alert_id)).status) == (200, "resolved")
    assert 'value="reopened"' in done.text


@pytest.mark.parametrize(("late", "opens"), [(0, True), (1, False)])
async def test_on_the_page_it_is_taken_back_up_to_the_millisecond(api, late, opens):
    """Law: docs/specification/trust.md#taking-back."""
    alert_id = await api.open_alert()
    first, *_ = await told(api, alert_id)
    await press(api, first, "resolved", confirm="yes", reason="selesai")
    closed_at = (await alert_of(api, alert_id)).resolved_at
    api.siaga.clock.set(closed_at + TAKE_BACK_FOR + late)
    page = await api.client.get(f"/a/{token_for(api._key, first.id, first.channel)}")
    assert ('value="reopened"' in page.text) is opens
    answer = await press(api, first, "reopened")
    assert answer.status_code == (200 if opens else 409)
    assert ((await alert_of(api, alert_id)).status == "open") is opens


async def test_over_the_api_a_closing_needs_confirm_and_reason(api):
    alert_id = await api.open_alert()
    first, *_ = await told(api, alert_id)
    headers = await api.bearer("answer", person=first.person)
    path = f"/v1/alerts/{alert_id}/answers"
    asked = await api.client.post(path, json={"says": "resolved"}, headers=headers)
    assert (asked.status_code, asked.json()["refusal"]) == (409, "confirmation_needed")
    body = {"says": "resolved", "confirm": True}
    asked = await api.client.post(path, json=body, headers=headers)
    assert (asked.status_code, asked.json()["refusal"]) == (409, "confirmation_needed")
    done = await api.client.post(path, json=body | {"reason": "padam"}, headers=headers)
    assert (done.status_code, done.json()["alert"]["status"]) == (200, "resolved")
    back = await api.client.post(path, json={"says": "reopened"}, headers=headers)
    assert (back.status_code, back.json()["outcome"]) == (200, "reopened")
    again = await api.client.post(path, json={"says": "reopened"}, headers=headers)
    assert (again.status_code, again.json()["repeated"]) == (200, True)


async def test_an_operator_reopens_at_any_time_and_all_who_were_told_hear_it(api):
    alert_id = await api.open_alert()
    first, *_ = await told(api, alert_id)
    await press(api, first, "resolved", confirm="yes", reason="selesai")
    await api.advance(60 * 24)
    headers = await api.bearer("operate")
    path = f"/v1/alerts/{alert_id}/reopen"
    assert (await api.client.post(path, json={}, headers=headers)).status_code == 422
    done = await api.client.post(path, json={"reason": "masih terjadi"}, headers=headers)
    assert (done.status_code, done.json()["id"], done.json()["status"]) == (200, alert_id, "open")
    await api.advance(60 * 24 + 1)
    records = (await api.siaga.store.scan(NOTIFICATIONS)).values()
    reopened = {n.person for n in (decode(r.value, Notification) for r in records) if n.kind == "reopened"}
    assert first.person in reopened
    history = await api.siaga.desk.history(alert_id)
    (entry,) = [entry for entry in history if entry.name == "reopened"]
    assert entry.by.startswith("token:")
    refused = await api.client.post(path, json={"reason": "masih terjadi"}, headers=headers)
    assert refused.status_code in (200, 409)
    assert len([e for e in await api.siaga.desk.history(alert_id) if e.name == "reopened"]) == 1


async def test_once_another_alert_of_the_group_exists_the_old_one_stays_closed():
    board = Switchboard()
    first = await board.open(1)
    answer = Answer(person="sekda-7315", says="resolved", via="console", is_operator=True)
    await board.desk.answer(first, answer, by=OPERATOR)
    again = Answer(person="petugas", says="reopened", via="console", is_operator=True)
    second = await board.open(2)
    one, other = await board.alert(first), await board.alert(second)
    assert (one.rule.id, one.group, one.ordinal + 1) == (other.rule.id, other.group, other.ordinal)
    done = await board.desk.answer(first, again, by=OPERATOR)
    assert (done.refusal, done.alert.status) == ("has_successor", "resolved")
