"""Siaga's own alerts: what of its own work needs somebody reaches the posko or ops, once, and escalates like others."""

from engine.core.alerting.internal_alerts import InternalAlertRequest
from engine.escalation.internal_alerts import OWN, ask
from engine.records.statistics import take
from engine.store.port import Plan, Write


async def own(api) -> list:
    """Return Siaga's own alerts, oldest first."""
    return [alert for alert in reversed(await api.siaga.desk.alerts()) if alert.rule.id.startswith("siaga.")]


async def quarantine(api, severity: int, number: int = 1) -> None:
    """Send a report that cannot be taken in: it has no offset of time."""
    report = api.event(id=f"Q{number}", severity=severity, occurred_at="2024-11-27T11:00:00")
    sent = await api.client.post("/v1/events", json=report, headers=await api.bearer("submit"))
    assert len(sent.json()["quarantined"]) == 1, sent.text


async def test_a_grave_report_in_quarantine_is_told_to_the_posko_at_once(api):
    """Law: docs/specification/rules.md#quarantine."""
    await quarantine(api, severity=4)
    await api.advance(minutes=1)
    (alert,) = await own(api)
    assert (alert.rule.id, alert.region, alert.level) == ("siaga.quarantine", "94.02", 4)
    case = await api.siaga.desk.case(alert.id)
    told = [n for n in case.notifications.values() if n.state == "sent"]
    assert {(n.role, n.office) for n in told} == {("posko", "94.02")}
    text = next(n.rendered.text for n in told if n.channel == "sms")
    assert text.startswith("AWAS")
    assert "blm diverifikasi" not in text
    letter = next(n.rendered.text for n in told if n.channel == "email")
    assert "tentang Siaga sendiri" in letter or "about Siaga itself" in letter
    page = await api.client.get(f"/a/{api.siaga.answer_token(told[0])}")
    assert page.status_code == 200


async def test_the_same_matter_opens_no_second_alert_until_it_is_settled(api):
    """Law: docs/specification/escalation.md#siagas-own-alerts."""
    await quarantine(api, severity=3)
    await quarantine(api, severity=3, number=2)
    await api.advance(minutes=1)
    await quarantine(api, severity=3, number=3)
    await api.advance(minutes=2)
    (alert,) = await own(api)
    answer = {"says": "resolved"}
    headers = await api.bearer("operate", "answer", person="ops")
    path = f"/v1/alerts/{alert.id}/answers"
    settled = await api.client.post(path, json=answer, headers=headers)
    assert settled.status_code == 200, settled.text
    await quarantine(api, severity=3, number=4)
    await api.advance(minutes=3)
    assert [one.ordinal for one in await own(api)] == [1, 2]


async def test_a_report_that_can_wait_in_quarantine_opens_none(api):
    await quarantine(api, severity=2)
    await api.advance(minutes=1)
    assert await own(api) == []


async def test_what_no_version_knows_is_taken_off_the_plan(api):
    now = api.siaga.clock.now()
    await api.siaga.store.write(
        Write(name="t", plans=(Plan(OWN, "unheard_of|00|3", now), ask(InternalAlertRequest("gap"), now)))
    )
    await api.advance(minutes=1)
    assert [alert.rule.id for alert in await own(api)] == ["siaga.gap"]
    assert await api.siaga.store.planned(OWN) == {}
    census = await take(api.siaga.store)
    assert (census.lost_alerts, census.lost_notifications) == (set(), set())


async def test_in_an_exercise_a_grave_report_in_quarantine_alarms_nobody(api):
    report = api.event(id="L1", severity=4, occurred_at="2024-11-27T11:00:00", exercise=True)
    sent = await api.client.post("/v1/events", json=report, headers=await api.bearer("submit"))
    assert len(sent.json()["quarantined"]) == 1
    await api.advance(minutes=1)
    assert await own(api) == []
