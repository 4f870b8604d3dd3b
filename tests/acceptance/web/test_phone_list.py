"""The phone list: whom no message can reach, with number and words, and the history of calls."""

from engine.records.audit_log import entries
from notifiers.collecting import Collecting, CollectingSettings
from tests.acceptance.web.conftest import START


async def unreachable_alert(api) -> str:
    """Open an alert whose messages no gateway takes; return its id."""
    notifiers = api.siaga.dispatcher._notifiers
    for gateway, notifier in list(notifiers.items()):
        notifiers[gateway] = Collecting(CollectingSettings(name=gateway, channel=notifier.channel))
        notifiers[gateway].become("refuses")
    alert_id = await api.open_alert()
    await api.siaga.advance(START + 5 * 60_000)
    return alert_id


async def test_nobody_stands_on_it_while_messages_arrive(api):
    await api.open_alert()
    listed = await api.client.get("/v1/phone-list", headers=await api.bearer("operate"))
    assert (listed.status_code, listed.json()) == (200, {"callees": [], "next_cursor": None})
    assert [e async for e in entries(api.siaga.store) if e.what == "seen"] == []


async def test_whom_no_message_reaches_stands_on_it_with_number_and_words(api):
    """Law: docs/specification/escalation.md#phone-list."""
    alert_id = await unreachable_alert(api)
    listed = await api.client.get("/v1/phone-list", headers=await api.bearer("operate", region="94.02"))
    callees = listed.json()["callees"]
    assert listed.headers["cache-control"] == "no-store"
    assert {one["alert"] for one in callees} == {alert_id}
    people = [one["person"] for one in callees]
    assert len(set(people)) == len(people) > 3
    acting = [one["informing"] for one in callees]
    assert acting == sorted(acting)
    first = callees[0]
    assert first["storm"] is False
    assert first["numbers"][0].startswith("+62")
    assert "AWAS" in first["say"]
    assert "{" not in first["say"]
    (seen,) = [e async for e in entries(api.siaga.store) if e.what == "seen"]
    assert seen.subject == "phone_list/94.02"
    assert (
        await api.client.get("/v1/phone-list?region=73", headers=await api.bearer("operate", region="94"))
    ).status_code == 403


async def test_a_call_is_history_and_an_answer_by_phone_takes_the_person_off_the_list(api):
    alert_id = await unreachable_alert(api)
    headers = await api.bearer("operate")
    callee = (await api.client.get("/v1/phone-list", headers=headers)).json()["callees"][0]
    call = {"person": callee["person"], "reached": True}
    assert (
        await api.client.post(f"/v1/alerts/{alert_id}/calls", json=call, headers=headers)
    ).status_code == 200
    entry = (await api.siaga.desk.history(alert_id))[-1]
    assert (entry.name, entry.reason, entry.person) == ("called", "reached", callee["person"])
    answer = {"person": callee["person"], "says": "taken", "via": "proxy"}
    await api.client.post(f"/v1/alerts/{alert_id}/answers", json=answer, headers=headers)
    people = [
        one["person"] for one in (await api.client.get("/v1/phone-list", headers=headers)).json()["callees"]
    ]
    assert callee["person"] not in people
    assert (await api.siaga.desk.case(alert_id)).alert.current is not None
