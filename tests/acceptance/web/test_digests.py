"""The page of a digest: several matters behind one link, each answered by itself."""

import re

from engine.core.alerting.alert import Notification
from engine.core.judging.instant import HOUR, MINUTE, format_instant
from engine.records.alert_repository import NOTIFICATIONS
from engine.store.codec import decode
from tests.acceptance.web.conftest import START

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SEVERAL_HOURS_AGO = format_instant(START - 5 * HOUR)


async def digests(api) -> list[Notification]:
    """Return the digests that went out, by e-mail first."""
    found = [decode(r.value, Notification) for r in (await api.siaga.store.scan(NOTIFICATIONS)).values()]
    sent = [n for n in found if n.kind == "digest" and n.state == "sent"]
    return sorted(sent, key=lambda n: (n.channel, n.person))


async def late_alerts(api) -> None:
    """Report two matters long after they happened: people are told of both in the evening's digest."""
    for number, kind in enumerate(("staff.casualty", "count.anomaly"), start=1):
        report = api.event(
            id=f"S{number}",
            kind=kind,
            severity=3,
            incident=f"hal-{number}",
            region="94.02",
            occurred_at=SEVERAL_HOURS_AGO,
            metrics={"dead": 1},
            source={"desk": "94", "channel": "desk"},
        )
        sent = await api.client.post("/v1/events", json=report, headers=await api.bearer("submit"))
        assert sent.json()["accepted"] == 1, sent.text
    await api.advance(minutes=7 * 60)


async def test_a_link_of_a_digest_leads_to_its_matters_and_each_is_answered_by_itself(api):
    await late_alerts(api)
    letter = (await digests(api))[0]
    page = await api.client.get(f"/a/{api.siaga.answer_token(letter)}")
    assert page.status_code == 200
    assert "RINGKASAN" in page.text or "DIGEST" in page.text
    assert "<script" not in page.text
    paths = list(dict.fromkeys(re.findall(r'href="(/a/[a-z2-7]+)"', page.text)))
    assert len(paths) == len(letter.items) == 2
    answered = await api.client.post(paths[0], content="says=taken", headers=FORM)
    assert answered.status_code == 200
    case = await api.siaga.desk.case(letter.items[0].alert)
    assert (case.alert.status, case.alert.acknowledged_by) == ("acknowledged", letter.person)
    again = await api.client.get(f"/a/{api.siaga.answer_token(letter)}")
    assert again.text != page.text


async def test_reading_it_changes_nothing_and_a_post_to_it_answers_nothing(api):
    await late_alerts(api)
    letter = (await digests(api))[0]
    link = f"/a/{api.siaga.answer_token(letter)}"
    before = await api.siaga.desk.alerts()
    assert (await api.client.head(link)).status_code == 200
    assert (await api.client.post(link, content="says=taken", headers=FORM)).status_code == 404
    assert await api.siaga.desk.alerts() == before


async def test_every_digest_is_settled_with_its_items(api):
    await late_alerts(api)
    sent = await digests(api)
    assert {digest.planned_at for digest in sent} == {START + 6 * HOUR}  # 18.00 WIT
    for digest in sent:
        for item in digest.items:
            case = await api.siaga.desk.case(item.alert)
            told = case.notifications[item.notification]
            assert (told.state, told.digest, told.sent_at) == ("sent", digest.id, digest.sent_at)
    assert await api.siaga.store.due("outbox", api.siaga.clock.now() + MINUTE, 10) == []
    summary = await api.siaga.desk.summary()
    assert (summary.unaccounted.alerts, summary.unaccounted.notifications) == (0, 0)
