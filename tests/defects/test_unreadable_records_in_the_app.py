"""The whole app with one record that cannot be read, of each table in turn: everything else goes on."""

from contextlib import AsyncExitStack

import httpx
import pytest

from engine.app import open_siaga
from engine.core.alerting.command import Answer
from engine.core.alerting.silence import Match
from engine.core.judging.instant import HOUR, MINUTE
from engine.escalation.internal_alerts import OWN
from engine.escalation.notes import digest_of, with_note
from engine.intake.outage_monitor import OutageMonitor
from engine.people.sessions import Sessions
from engine.records.alert_repository import ALERTS, NOTIFICATIONS
from engine.web.app import build
from tests.acceptance.web.conftest import START
from tests.acceptance.web.test_inbound import Desk, desk
from tests.credentials import OPERATOR
from tests.defects.test_unreadable_records import BAD, corrupt, mend

__all__ = ["desk"]

TABLES = (
    "accounts",
    "alerts",
    "codes",
    "directory",
    "families",
    "groups",
    "intake",
    "notes",
    "notifications",
    "own_alerts",
    "points",
    "put_off_groups",
    "quarantine",
    "rules",
    "sessions",
    "silences",
    "tokens",
    "users",
    "verifications",
)
MADE_UP = {"put_off_groups": "real|kekerasan-luka|94.02", "points": "real|kekerasan-luka|94.02#1"}
"""Records that this story has no cause to write; an unreadable one lies there all the same."""
PAGES = (
    "/console",
    "/console/quarantine",
    "/console/silences",
    "/console/outgoing",
    "/console/rules",
)
LISTS = ("/v1/alerts", "/v1/quarantine", "/v1/silences", "/v1/phone-list", "/v1/rules", "/v1/summary")


async def story(desk: Desk) -> None:
    """An alert in 94.02 that somebody answers with a note; a text, a correction, a report in quarantine, a session."""
    siaga = desk.siaga
    await OutageMonitor(siaga.store, siaga.clock, siaga.metrics).beat()
    alert_id = await desk.open_alert()
    asked = next(n for n in await desk.sms("first") if not n.informing)
    await desk.text(await desk.number(asked), "dibaca")
    digest = digest_of(alert_id, asked.person, "Sudah.")
    said = Answer(person=asked.person, says="seen", via="link", note_digest=digest)
    await siaga.desk.answer(alert_id, said, with_note(alert_id, digest, "Sudah."), by=OPERATOR)
    headers = await desk.bearer("submit", "operate", "verify")
    for report in (
        desk.event(id="K1", corrects="E1"),
        desk.event(id="Q1", occurred_at="2024-11-27T11:00:00"),
    ):
        sent = await desk.client.post("/v1/events", json=report, headers=headers)
        assert sent.status_code == 202, sent.text
    await siaga.silences.make(
        Match(region=("73.15",)), since=START, until=START + MINUTE, reason="uji", by=OPERATOR
    )
    await desk.user("lama", "read")
    user = await siaga.users.get("lama")
    await Sessions(siaga.store, siaga.clock, siaga.users, idle=HOUR, longest=HOUR).begin(user)
    contact = (await siaga.books.directory()).contact(asked.contact)
    await siaga.verifications.ask(contact, siaga.clock.now())
    await desk.siaga.advance(siaga.clock.now() + MINUTE)


async def restarted(desk: Desk, stack: AsyncExitStack) -> Desk:
    """Start the service anew on the same store: nothing of the record is in memory any more."""
    siaga = await open_siaga(desk.siaga.settings, stack, store=desk.siaga.store)
    transport = httpx.ASGITransport(build(siaga), raise_app_exceptions=False)
    client = httpx.AsyncClient(transport=transport, base_url="http://siaga.test")
    await stack.enter_async_context(client)
    return Desk(siaga, desk.app, client, desk._key)


async def first_record(desk: Desk, table: str) -> str:
    """Return the record that is made unreadable: of the newest directory, of the alert, else the first one."""
    ids = sorted(await desk.siaga.store.scan(table))
    if table == "directory":
        return f"v{(await desk.siaga.books.directory()).version}"
    if table == "alerts":
        return next(a.id for a in await desk.siaga.desk.alerts() if a.region == "94.02" and a.unresolved)
    if table == "rules":
        return "progress"
    return next((id_ for id_ in ids if "94.02" in id_), ids[0])


async def everything_else_goes_on(desk: Desk) -> None:
    """A new clash in another regency opens an alert that is told and can be taken; lists and pages answer."""
    now = desk.siaga.clock.now()
    report = desk.event(
        id="E7", region="73.15", incident="lain", source={"desk": "73.15", "channel": "polri"}
    )
    sent = await desk.client.post("/v1/events", json=report, headers=await desk.bearer("submit"))
    assert (sent.status_code, sent.json()["accepted"]) == (202, 1), sent.text
    await desk.siaga.advance(now + 2 * MINUTE)
    (alert,) = [
        a
        for a in await desk.siaga.desk.alerts()
        if a.region == "73.15" and not a.rule.id.startswith("siaga.")
    ]
    links = await desk.links(alert.id)
    assert links, "nobody was told"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    taken = await desk.client.post(links[0][1], content="says=taken", headers=form)
    assert taken.status_code == 200
    assert (await desk.siaga.desk.case(alert.id)).alert.status == "acknowledged"
    await desk.siaga.advance(now + 60 * MINUTE)
    reader = await desk.bearer()
    for path in LISTS:
        assert (await desk.client.get(path, headers=reader)).status_code == 200, path
    await desk.sign_in("read", "operate", "policy")
    for path in PAGES:
        shown = await desk.client.get(path)
        assert shown.status_code == 200, path
    assert (await desk.client.get("/healthz")).status_code == 200


@pytest.mark.parametrize("table", TABLES)
async def test_one_unreadable_record_stops_nothing_else(desk: Desk, table: str):
    """Law: docs/specification/trust.md#unreadable-records."""
    await story(desk)
    if table == "rules":
        await desk.siaga.store.write(bad(table, "progress"))
    elif table in MADE_UP:
        await desk.siaga.store.write(bad(table, MADE_UP[table]))
    else:
        await corrupt(desk.siaga.store, table, await first_record(desk, table))
    async with AsyncExitStack() as stack:
        await everything_else_goes_on(await restarted(desk, stack))


def bad(table: str, id_: str):
    from engine.store.port import Put, Write

    return Write(name="t", puts=(Put(table, id_, BAD),))


async def test_of_an_alert_with_an_unreadable_message_the_others_are_sent_and_it_escalates(desk: Desk):
    alert_id = await desk.open_alert()
    case = await desk.siaga.desk.case(alert_id)
    lost = next(n.id for n in case.notifications.values() if n.state == "sent" and not n.informing)
    await corrupt(desk.siaga.store, NOTIFICATIONS, lost)
    before = len(case.alert.runs)
    await desk.siaga.advance(desk.siaga.clock.now() + 60 * MINUTE)
    after = await desk.siaga.desk.case(alert_id)
    assert len(after.alert.runs) > before
    assert lost not in after.notifications


async def test_an_unreadable_alert_goes_on_when_it_can_be_read_again(desk: Desk):
    alert_id = await desk.open_alert()
    steps = len((await desk.siaga.desk.case(alert_id)).alert.runs)
    before = await corrupt(desk.siaga.store, ALERTS, alert_id)
    await desk.siaga.advance(desk.siaga.clock.now() + 60 * MINUTE)
    assert "siaga.unreadable" in {a.rule.id for a in await desk.siaga.desk.alerts()}
    await mend(desk.siaga.store, ALERTS, alert_id, before)
    await desk.siaga.advance(desk.siaga.clock.now() + 6 * MINUTE)
    assert len((await desk.siaga.desk.case(alert_id)).alert.runs) > steps


async def test_what_depends_on_the_record_says_so_and_is_named(desk: Desk):
    alert_id = await desk.open_alert()
    (link, *_) = await desk.links(alert_id)
    await corrupt(desk.siaga.store, ALERTS, alert_id)
    answer = await desk.client.get(f"/v1/alerts/{alert_id}", headers=await desk.bearer("read"))
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (500, "record_unreadable")
    assert (await desk.client.get(link[1])).status_code == 503


async def test_an_unreadable_token_user_or_session_lets_nobody_in(desk: Desk):
    made = await desk.siaga.tokens.create(["read"], by=OPERATOR)
    await corrupt(desk.siaga.store, "tokens", made.token.id)
    headers = {"Authorization": f"Bearer {made.text}"}
    assert (await desk.client.get("/v1/alerts", headers=headers)).status_code == 401
    await desk.sign_in()
    (session,) = await desk.siaga.store.scan("sessions")
    await corrupt(desk.siaga.store, "sessions", session)
    assert (await desk.client.get("/console")).status_code == 303
    await corrupt(desk.siaga.store, "users", "piket-uji")
    fields = {"user": "piket-uji", "password": "tiga ekor kambing biru"}
    refused = await desk.client.post("/console/sign-in", data=fields)
    assert refused.status_code in (401, 403, 422, 200), refused.status_code
    assert (await desk.client.get("/console")).status_code == 303


async def test_the_record_audit_counts_them_by_table_and_asks_for_one_alert(desk: Desk):
    from engine.operations.unreadable_records import RecordAudit

    await story(desk)
    siaga = desk.siaga
    await corrupt(siaga.store, "users", "lama")
    audit = RecordAudit(siaga.store, siaga.clock, siaga.metrics)
    await audit.turn()
    assert audit.found == {"users/lama"}
    registry = siaga.metrics.registry
    shown = {
        table: registry.get_sample_value("siaga_records_unreadable", {"table": table})
        for table in ("users", "alerts")
    }
    assert shown == {"users": 1, "alerts": 0}
    assert "unreadable|00|3" in await siaga.store.planned(OWN)


async def test_an_unreadable_alert_is_not_accounted_for(desk: Desk):
    from engine.operations.auditor import Auditor
    from engine.operations.heartbeat import Heartbeat

    alert_id = await desk.open_alert()
    siaga = desk.siaga
    await corrupt(siaga.store, ALERTS, alert_id)
    auditor = Auditor(
        siaga.store, siaga.clock, siaga.books, siaga.metrics, Heartbeat(None, siaga.clock, siaga.metrics)
    )
    await auditor.turn()
    siaga.clock.set(siaga.clock.now() + MINUTE)
    await auditor.turn()
    assert siaga.metrics.registry.get_sample_value("siaga_alerts_unaccounted") == 1
    beaten = siaga.metrics.registry.get_sample_value("siaga_heartbeat_timestamp_seconds")
    assert beaten < siaga.clock.now() / 1_000
