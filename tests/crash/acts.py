"""What people, desks and gateways do in the scenario, one act after the other, and how far time moves with it.

Here: the acts. Whoever heard no answer does the same again, as a client would, after a look at what is there already
where a repeat would count twice. So an act that was cut short by a kill is simply done again. Not here: a life around
the acts (`life`).
"""

import contextlib
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
from argon2 import PasswordHasher

from engine.answers.verification import Verifications
from engine.app import Siaga
from engine.clock import ManualClock
from engine.core.alerting.alert import Alert, Notification
from engine.core.alerting.credential import Credential
from engine.core.alerting.directory import Contact
from engine.core.alerting.silence import Match, SilenceWish
from engine.core.judging.instant import DAY, HOUR, MINUTE, Instant, format_instant
from engine.documents.directory import load_directory
from engine.escalation.drills import Drills
from engine.evaluation.groups import GROUPS
from engine.intake.backpressure import BusyError, Pressure
from engine.intake.disowning import Disowning
from engine.intake.outage_monitor import OutageMonitor
from engine.intake.submission import Intake
from engine.intake.token_rates import TokenRates, TooMuchAtOnceError
from engine.operations.case_archiver import CaseArchiver
from engine.operations.event_archiver import EventArchiver
from engine.operations.personal_data import PersonalData
from engine.operations.retention import Retention
from engine.operations.unreadable_records import rebuild_group, remove_record
from engine.people.proposal_records import ChangeProposal
from engine.people.sessions import SEEN_EVERY, Sessions
from engine.people.tokens import Scope, Tokens
from engine.people.users import Users
from engine.records.alert_repository import ALERTS, NOTIFICATIONS
from engine.records.backup_record import BackupRecord, enter_backup
from engine.records.case_archive import CaseArchive
from engine.records.quarantine import QUARANTINE
from engine.records.quarantine_acts import SETTLED, SettledRecord
from engine.records.rule_sets import RELOADS, InForce, RuleSet
from engine.records.rule_sets import RULES as RULES_TABLE
from engine.records.tolerant_read import UNREADABLE, readable_entries
from engine.runtime.keys import Keys
from engine.settings import Settings
from engine.settings_sections import RetentionSection
from engine.store.archive.events import Archive
from engine.store.archive.history import EventHistory
from engine.store.codec import decode
from engine.store.port import Drop, Plan, Put, Write
from engine.texts.reply_code import DIGITS, written
from tests.crash.installation import DIRECTORY, ENVIRONMENT, RULES, SECRET, START
from tests.credentials import DUTY_DESK, OPERATOR

PHONE = "+628110000001"
"""Of the secretary of 73.15."""
NATION = Scope(rights=frozenset(("operate",)), region="00", token_id="t", desks=("*",))


def moment(minutes: float) -> Instant:
    """Return the instant so many minutes after the start."""
    return START + round(minutes * MINUTE)


def happened(id_: str, kind: str, region: str, minutes: float = 0, **changes: Any) -> dict[str, Any]:
    """Return the report of something that happened so many minutes after the start."""
    return {
        "id": id_,
        "kind": kind,
        "severity": 3,
        "region": region,
        "incident": id_,
        "occurred_at": format_instant(moment(minutes)),
        "source": {"desk": region, "channel": "desk"},
    } | changes


class Scene:
    """The service as the acts see it: over HTTP, and where a command of the CLI opens the store, by its parts."""

    def __init__(self, siaga: Siaga, client: httpx.AsyncClient, settings: Settings, phones: str) -> None:
        """`phones` is the address of the SMS gateway."""
        self.phones = phones
        self.siaga = siaga
        self.client = client
        self.settings = settings
        self.folder = Path(settings.paths.policies).parent

    async def post(self, path: str, *statuses: int, **body: Any) -> Any:
        """Ask for something; anything but these statuses is a failure of the test."""
        answer = await self.client.post(path, json=body)
        assert answer.status_code in statuses, (path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    async def settle(self, minutes: float) -> None:
        """Let time be so many minutes after the start, with everything done that falls due until then.

        Acts with alerts of several regions have instants of their own: of what is due at one instant, who goes first
        depends on the life.
        """
        await self.siaga.advance(moment(minutes))

    async def report(self, ids: str, kind: str, region: str, minutes: float = 0, **changes: Any) -> int:
        """Let a desk report in one request what happened; return the status of the answer."""
        events = [happened(id_, kind, region, minutes, **changes) for id_ in ids.split()]
        return (await self.client.post("/v1/events", json=events)).status_code

    async def alert(self, rule: str, incident: str = "") -> Alert:
        """Return the newest alert of a rule (and an incident)."""
        alerts = await self.siaga.desk.alerts()
        return next(a for a in alerts if a.rule.id == rule and a.group.endswith(incident))

    async def told(self, alert: Alert, channel: str = "sms") -> Notification:
        """Return the first message on an alert that went out by a channel."""
        case = await self.siaga.desk.case(alert.id)
        assert case is not None
        sent = [n for n in case.notifications.values() if n.channel == channel and n.reference]
        return min(sent, key=lambda n: (n.planned_at, n.id))

    async def history(self, alert: Alert, name: str) -> bool:
        """Say whether something stands in an alert's history."""
        return any(entry.name == name for entry in await self.siaga.desk.history(alert.id))

    async def decided(self) -> list[ChangeProposal]:
        """Return the proposals that were decided."""
        return (await self.siaga.proposals.page(lambda _one: True, 50, decided=True)).proposals

    def before(self, minutes: float) -> bool:
        """Say whether fewer minutes than these have passed: else what leads there was done before a kill."""
        return self.siaga.clock.now() < moment(minutes)

    async def text(self, id_: str, words: str) -> None:
        """Let an SMS of the regency's secretary come in; a gateway that heard no answer brings it again."""
        await self.post("/v1/inbound/sms", 204, **{"from": PHONE, "text": words, "id": id_})

    async def settled(self) -> list[SettledRecord]:
        """Return what left the quarantine."""
        return readable_entries(SETTLED, await self.siaga.store.log(SETTLED), SettledRecord)

    async def gateway(self, **report: str) -> None:
        """Let the SMS gateway report on a message, signed."""
        content = json.dumps({"reports": [report]}).encode()
        stamp = str(self.siaga.clock.now() // 1_000)
        mark = hmac.new(SECRET.encode(), stamp.encode() + b"." + content, hashlib.sha256).hexdigest()
        headers = {"x-timestamp": stamp, "x-signature": mark, "content-type": "application/json"}
        answer = await self.client.post("/v1/gateways/acuan/reports", content=content, headers=headers)
        assert answer.status_code == 204, answer.text

    async def refuse(self, *, messages: bool) -> None:
        """Let the SMS gateway fail from now on, or work again."""
        async with httpx.AsyncClient(base_url=self.phones) as client:
            await client.post(f"/control/{'fail' if messages else 'work'}")


async def begin(scene: Scene) -> None:
    """The intake lives; whoever must report is planned for."""
    await OutageMonitor(scene.siaga.store, scene.siaga.clock, scene.siaga.metrics).beat()
    await scene.settle(0)


async def keys(scene: Scene) -> None:
    """A token is made, used and ended; a user is added, signs in and out, gets another password and is disabled."""
    made = await scene.siaga.tokens.create(["submit"], desks=("*",), by=OPERATOR)
    fresh = Tokens(scene.siaga.store, scene.siaga.clock)
    assert await fresh.check(f"Bearer {made.text}") is not None
    await fresh.rotate(made.token.id, 0, by=OPERATOR)
    await fresh.revoke(made.token.id, by=OPERATOR)
    disowning = Disowning(scene.siaga.store, EventHistory(scene.siaga.store), scene.siaga.clock)
    await disowning.carry_out(made.token.id, scene.siaga.clock.now(), by=OPERATOR)
    clock = ManualClock(scene.siaga.clock.now())
    users = Users(scene.siaga.store, clock, PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    if await users.get("petugas") is None:
        await users.add("petugas", "sandi yang panjang", ["read"], by=OPERATOR)
    user = await users.get("petugas")
    assert user is not None
    sessions = Sessions(scene.siaga.store, clock, users, idle=HOUR, longest=HOUR)
    cookie = await sessions.begin(user)
    clock.set(clock.now() + SEEN_EVERY)
    await sessions.find(cookie)
    await sessions.end(cookie)
    await users.set_password("petugas", "sandi lain yang panjang", by=OPERATOR)
    await users.disable("petugas", by=OPERATOR)


class Jumped(ManualClock):
    """A wall clock that went ahead by an hour and is not believed."""

    jump_ms = HOUR


async def troubles(scene: Scene) -> None:
    """The clock jumps, more events wait than are to, a token brings too many awas: somebody is told of each."""
    await OutageMonitor(scene.siaga.store, Jumped(scene.siaga.clock.now()), scene.siaga.metrics).beat()
    await scene.settle(0)
    full = Pressure(scene.siaga.store, scene.siaga.clock, scene.siaga.metrics, most_waiting=0)
    with contextlib.suppress(BusyError):
        await full.check()
    await scene.settle(0)
    siaga, bound = scene.siaga, scene.settings.intake.model_copy(update={"awas_per_ten_minutes": 1})
    rates = TokenRates(bound, siaga.metrics)
    books = siaga.books
    door = Intake(
        siaga.store, siaga.clock, books.regions, books.kinds, scene.settings, siaga.metrics, rates=rates
    )
    scope = Scope(rights=frozenset({"submit"}), region="00", token_id="banjir", desks=("*",))
    events = [happened(id_, "conflict.clash", "73.15", severity=4) for id_ in ("T1", "T2")]
    with contextlib.suppress(TooMuchAtOnceError):
        await door.submit(json.dumps(events).encode(), "application/json", scope)
    await scene.settle(0)


async def contact(scene: Scene) -> None:
    """A contact is asked for the code that was sent to it, and brings it."""
    directory = await scene.siaga.books.directory()
    found = directory.contact("nasional/email/1")
    assert found is not None
    if directory.version > 1:
        return
    codes = Verifications(scene.siaga.store, scene.siaga.books, Keys(b"kunci"))
    code = await codes.ask(found, scene.siaga.clock.now())
    assert await codes.hear(found, code, scene.siaga.clock.now(), by=OPERATOR) == "verified"


async def clash(scene: Scene) -> None:
    """A clash is reported: SMS and e-mail go out."""
    assert await scene.report("B1", "conflict.clash", "73.15") == 202
    await scene.settle(1)


async def unreadable(scene: Scene) -> None:
    """A grave report that is no event is kept aside: Siaga tells the posko by an alert of its own."""
    assert await scene.report("K1", "conflict.clash", "73.15", severity=4, occurred_at="kemarin") == 202
    await scene.settle(2)


async def mended(scene: Scene) -> None:
    """Somebody mends it and sends it again."""
    event = happened("K1", "conflict.clash", "73.16", severity=4)
    for record in await scene.siaga.store.scan(QUARANTINE):
        await scene.post(f"/v1/quarantine/{record}/resubmit", 200, event=event)
    await scene.settle(3)


async def delivered(scene: Scene) -> None:
    """The gateway reports that the SMS arrived."""
    notification = await scene.told(await scene.alert("bentrok", "B1"))
    await scene.gateway(message_id=notification.reference, status="delivered")


async def remarks(scene: Scene) -> None:
    """An operator remarks something and calls somebody."""
    alert = await scene.alert("bentrok", "B1")
    if not await scene.history(alert, "commented"):
        await scene.post(f"/v1/alerts/{alert.id}/comments", 200, note="Sudah ditelepon.")
    if not await scene.history(alert, "called"):
        await scene.post(f"/v1/alerts/{alert.id}/calls", 200, person="sekda-7315", reached=True)


async def texts(scene: Scene) -> None:
    """A phone sends what nobody understands, and then takes the alert; each gets a reply."""
    alert = await scene.alert("bentrok", "B1")
    code = (await scene.told(alert)).rendered.text.split()[-1]
    await scene.post("/v1/inbound/sms", 204, **{"from": "+628110000001", "text": "apa ini", "id": "t1"})
    await scene.settle(4)
    await scene.post(
        "/v1/inbound/sms", 204, **{"from": "+628110000001", "text": f"TERIMA {code}", "id": "t2"}
    )
    await scene.settle(5)
    records = (await scene.siaga.store.scan(NOTIFICATIONS)).values()
    replies = [n for n in (decode(r.value, Notification) for r in records) if n.kind == "reply"]
    for reply in sorted(replies, key=lambda n: n.id):
        await scene.gateway(message_id=reply.reference, status="delivered")


async def umbrella(scene: Scene) -> None:
    """A flood hides what is reported below it, until it is over."""
    assert await scene.report("P1", "disaster.flood", "73.15", 5) == 202
    await scene.settle(6)
    assert await scene.report("T1", "staff.casualty", "73.15", 6) == 202
    await scene.settle(7)
    flood = await scene.alert("payung")
    await scene.post(f"/v1/alerts/{flood.id}/answers", 200, says="resolved", confirm=True, reason="surut")
    # A text without a code goes through the newest codes of the phone; that of the flood leaves them.
    await scene.post("/v1/inbound/sms", 204, **{"from": "+628110000001", "text": "apa lagi", "id": "t3"})
    await scene.settle(8)


async def step(scene: Scene) -> None:
    """An operator escalates by hand."""
    alert = await scene.alert("terlindung")
    if not await scene.history(alert, "escalated_by_hand"):
        await scene.post(f"/v1/alerts/{alert.id}/escalate", 200)
    await scene.settle(10)


async def silence(scene: Scene) -> None:
    """A region is silenced and heard again."""
    found = (await scene.client.get("/v1/silences")).json()["silences"]
    if not found:
        until = format_instant(START + 3 * HOUR)
        match = {"region": ["73.16"]}
        await scene.post("/v1/silences", 201, match=match, until=until, reason="uji")
    await scene.settle(12)
    (kept,) = (await scene.client.get("/v1/silences")).json()["silences"]
    ended = await scene.client.delete(f"/v1/silences/{kept['id']}")
    assert ended.status_code == 200
    await scene.settle(13)


async def failing(scene: Scene) -> None:
    """The gateway fails until it is not asked any more; meanwhile the contact of a waiting message goes."""
    await scene.refuse(messages=True)
    for number in (1, 2):
        assert await scene.report(f"G{number}", "conflict.clash", "73.16", 13) == 202
        await scene.settle(13 + number)
    await scene.settle(16)
    text = DIRECTORY.replace(
        'channel: sms, value: "+628110000002"', "channel: email, value: sekda@enrekang.example"
    )
    file = scene.folder / "directory-2.yaml"
    file.write_text(text, encoding="utf-8")
    contents = load_directory(file, scene.siaga.books.regions).expect()
    if (await scene.siaga.books.directory()).contents != contents:
        await scene.siaga.books.replace_directory(contents, scene.siaga.clock.now(), by=OPERATOR)
    await scene.settle(50)


async def working(scene: Scene) -> None:
    """The gateway works again: one message finds out."""
    await scene.refuse(messages=False)
    assert await scene.report("W1", "conflict.clash", "73.15", 50) == 202
    await scene.settle(80)


async def many(scene: Scene) -> None:
    """One person gets more than the budget allows within some minutes: the rest waits.

    All come in one request: which of them wait depends on which are known when the first ones go.
    """
    assert await scene.report("M0 M1 M2 M3 M4 M5", "conflict.clash", "73.15", 80) == 202
    await scene.settle(110)


async def change_of(scene: Scene, contact: str, act: str = "count") -> ChangeProposal | None:
    """Return the change of a contact, decided or not."""
    kept = [*await scene.siaga.proposals.waiting(), *await scene.decided()]
    mine = ((one, one.subject.contact) for one in kept)
    return next((one for one, of in mine if of and (of.contact, of.act) == (contact, act)), None)


async def code_of_contact(scene: Scene, contact: str) -> None:
    """Bring the code of a contact that was added."""
    siaga, now = scene.siaga, scene.siaga.clock.now()
    change = await change_of(scene, contact)
    found = (await siaga.books.directory()).contact(contact)
    assert change is not None
    if change.subject.contact.coded:
        return
    code = await siaga.verifications.ask(found, now, DUTY_DESK)
    assert await siaga.verifications.hear(found, code, now, by=DUTY_DESK) == "waits"


async def contact_changes(scene: Scene) -> None:
    """Three contacts are added: one is approved, of one somebody objects by the link, one counts after a day.

    The one that was approved is removed, and comes back by an objection.
    """
    siaga, changes = scene.siaga, scene.siaga.proposals.contacts
    approved, objected, waits = "sekda-73/email/2", "sekda-73/email/3", "sekda-7316/email/2"
    for contact in (approved, objected, waits):
        if await change_of(scene, contact) is None:
            person, _, number = contact.split("/")
            await changes.add(person, "email", f"{person}-{number}@dua.example", DUTY_DESK)
            await scene.settle(110)
    await code_of_contact(scene, approved)
    await code_of_contact(scene, waits)
    change = await change_of(scene, approved)
    assert change is not None
    if change.state == "waiting":
        await siaga.proposals.approve(change.id, OPERATOR, "")
    change = await change_of(scene, objected)
    assert change is not None
    (record,) = await siaga.store.get(NOTIFICATIONS, change.subject.contact.notices)
    token = siaga.answer_token(decode(record.value, Notification))
    assert (await scene.client.post(f"/a/{token}/objection")).status_code == 200
    await scene.settle(110)
    if await change_of(scene, approved, "removed") is None:
        await changes.take_away((await siaga.books.directory()).contact(approved), "removed", DUTY_DESK)
    await scene.settle(110)
    change = await change_of(scene, approved, "removed")
    assert change is not None
    assert await changes.object(change.id, Credential("link", "uji")) in ("objected", "again")
    await scene.settle(110)
    alert = await scene.alert("siaga.contact-objection")
    if alert.unresolved:
        await scene.post(f"/v1/alerts/{alert.id}/answers", 200, says="resolved", confirm=True, reason="uji")
    await scene.settle(110)
    assert (await siaga.books.directory()).contact(approved).verified


async def summary(scene: Scene) -> None:
    """Matters that wait for the evening come in one digest."""
    assert await scene.report("R1 R2", "count.anomaly", "73.15", 110) == 202
    await scene.settle(8 * 60)


async def rules(scene: Scene) -> None:
    """A changed rule is proposed, approved, and in force after it saw the past; then a change of words at once.

    Between the two somebody proposes what is withdrawn again, and what nobody decides on.
    """
    assert await scene.report("H1", "logistics.damaged", "73.15", 8 * 60) == 202
    file = Path(scene.settings.paths.rules) / "uji.yaml"
    changed = RULES % {"limit": 1}
    done = len(await scene.siaga.store.log(RELOADS)) - 1
    for number, text in enumerate((changed, changed.replace("title: Biasa", "title: Hal biasa"))):
        await scene.settle(8 * 60 + 1 + number)
        if number < done:
            continue
        file.write_text(text, encoding="utf-8")
        looked = await scene.post("/v1/reload", 200, dry_run=True)
        if looked["rule_set"] not in {one.subject.rule_set for one in await scene.decided()}:
            answer = await scene.post("/v1/reload", 200)
            assert answer["outcome"] == "proposed"
            waiting = await scene.siaga.proposals.get(answer["proposal"])
            assert waiting is not None
            decided = await scene.siaga.proposals.approve(waiting.id, OPERATOR, waiting.base)
            assert decided is not None
            assert decided.result == "approved"
        await scene.settle(8 * 60 + 1 + number)
    assert len(await scene.siaga.store.log(RELOADS)) == 3


async def proposals(scene: Scene) -> None:
    """Rules are proposed that are withdrawn, others that nobody decides on; a silence of a province is."""
    inbox, rule_set = scene.siaga.proposals, scene.siaga.books.rule_set
    gone = {one.by for one in await scene.decided() if one.state == "withdrawn"}
    for by, left in ((OPERATOR, 1), (DUTY_DESK, 2)):
        if by not in gone:
            fewer = dict(list(rule_set.rules.items())[left:])
            await inbox.propose_rules(RuleSet(fewer, rule_set.policies, rule_set.calendar), by)
    for proposal in await inbox.waiting():
        if proposal.by == OPERATOR:
            await inbox.reject(proposal.id, OPERATOR, "")
    wish = SilenceWish(match=Match(region=("94",)), until=START + 9 * HOUR, reason="uji")
    if not any(one.subject.silence for one in await scene.decided()):
        proposal = await inbox.propose_silence(wish, OPERATOR)
        await inbox.approve(proposal.id, DUTY_DESK, "")


async def drill(scene: Scene) -> None:
    """Everybody of a region is asked once."""
    drills = Drills(scene.siaga.store, scene.siaga.clock, scene.siaga.books, scene.siaga.desk)
    running = await drills.newest("73.16")
    if running is None:
        await drills.start("73.16", await drills.people("73.16"), 30 * MINUTE, by=OPERATOR)
    await scene.settle(8 * 60 + 5)
    running = await drills.newest("73.16")
    assert running is not None
    if running.unresolved:
        await drills.end(running, by=OPERATOR)
    await scene.settle(8 * 60 + 6)


async def poison(scene: Scene) -> None:
    """Records that cannot be read: a waiting rule set is refused; an alert is put off, and taken away by somebody."""
    store, now = scene.siaga.store, scene.siaga.clock.now()
    plan = Plan(ALERTS, "racun", now)
    puts = Put(ALERTS, "racun", b"\xff"), Put(RULES_TABLE, "pending", b"\xff")
    await store.write(Write(name="answer", puts=puts, plans=(plan,)))
    await scene.settle(8 * 60 + 7)
    gone = Plan(ALERTS, "racun", None)
    await store.write(Write(name="answer", drops=(Drop(ALERTS, "racun"),), plans=(gone,)))
    await scene.settle(8 * 60 + 15)


async def away(scene: Scene) -> None:
    """The intake was away for eight hours, and says so."""
    if scene.siaga.clock.now() < START + (8 * 60 + 20) * MINUTE:  # else it said so before it was killed
        await OutageMonitor(scene.siaga.store, scene.siaga.clock, scene.siaga.metrics).beat()
    await scene.settle(8 * 60 + 20)


async def two_people(scene: Scene) -> None:
    """Rules that another person rejects, a silence of awas that one approves, and rules of before that come back."""
    inbox, newest = scene.siaga.proposals, scene.siaga.books.rule_set
    decided = await scene.decided()
    if not any(one.state == "rejected" for one in decided):
        fewer = dict(list(newest.rules.items())[3:])
        asked = await inbox.propose_rules(RuleSet(fewer, newest.policies, newest.calendar), OPERATOR)
        assert asked.proposal is not None
        rejected = await inbox.reject(asked.proposal.id, DUTY_DESK, "belum perlu")
        assert rejected is not None
        assert rejected.result == "rejected"
    wish = SilenceWish(
        match=Match(region=("94.02",)), until=START + 9 * HOUR, reason="awas", include_awas=True
    )
    if not any(one.subject.silence == wish for one in decided):
        waiting = await inbox.propose_silence(wish, OPERATOR)
        approved = await inbox.approve(waiting.id, DUTY_DESK, "")
        assert approved is not None
        assert approved.result == "approved"
    await scene.settle(8 * 60 + 21)
    before = readable_entries(RELOADS, await scene.siaga.store.log(RELOADS), InForce)
    if len(before) < 4 and before[1].rule_set not in {one.subject.rule_set for one in decided[:1]}:
        back = await inbox.roll_back(before[1].rule_set, OPERATOR)
        assert back is not None
        assert back.proposal is not None
        done = await inbox.approve(back.proposal.id, DUTY_DESK, back.proposal.base)
        assert done is not None
        assert done.result == "approved"
    await scene.settle(8 * 60 + 24)
    assert len(await scene.siaga.store.log(RELOADS)) == 4


async def taken_back(scene: Scene) -> None:
    """Somebody closes an alert by SMS, and takes that back within 15 minutes."""
    assert await scene.report("U1", "conflict.clash", "73.15", 505.1) == 202
    await scene.settle(506.12)
    code = (await scene.told(await scene.alert("bentrok", "U1"))).rendered.text.split()[-1]
    await scene.text("u1", f"SELESAI {code}")
    await scene.settle(507.14)
    await scene.text("u2", f"BATAL {code}")
    await scene.settle(508.16)
    alert = await scene.alert("bentrok", "U1")
    assert alert.unresolved
    assert await scene.history(alert, "reopened")


async def reopened(scene: Scene) -> None:
    """An operator closes an alert, and opens it again when the 15 minutes are over."""
    assert await scene.report("O1", "conflict.clash", "73.15", 509.18) == 202
    await scene.settle(511.2)
    alert = await scene.alert("bentrok", "O1")
    if not await scene.history(alert, "reopened"):
        closing = {"says": "resolved", "confirm": True, "reason": "selesai"}
        await scene.post(f"/v1/alerts/{alert.id}/answers", 200, **closing)
        await scene.settle(530.22)
        await scene.post(f"/v1/alerts/{alert.id}/reopen", 200, reason="masih terjadi")
    await scene.settle(531.24)
    assert (await scene.alert("bentrok", "O1")).unresolved


async def stops(scene: Scene) -> None:
    """A phone says STOP, first without a code; an operator confirms it later. Its owner undoes both by a code."""

    async def phone() -> Contact:
        found = (await scene.siaga.books.directory()).contact("sekda-7315/sms/1")
        assert found is not None
        return found

    async def undo() -> None:
        codes = Verifications(scene.siaga.store, scene.siaga.books, Keys(b"kunci"))
        code = await codes.ask(await phone(), scene.siaga.clock.now())
        heard = await codes.hear(await phone(), code, scene.siaga.clock.now(), by=OPERATOR)
        assert heard == "verified"

    code = (await scene.told(await scene.alert("bentrok", "O1"))).rendered.text.split()[-1]
    await scene.text("s1", "STOP")
    await scene.settle(532.26)
    await scene.text("s2", f"STOP {code}")
    await scene.settle(533.28)
    if scene.before(534.3) and (await phone()).stopped:
        await undo()
    await scene.settle(534.3)
    if scene.before(535.32) and (await phone()).verified:
        await scene.post("/v1/contacts/sekda-7315/sms/1/stop", 200)
    await scene.settle(535.32)
    if not (await phone()).verified:
        await undo()
    await scene.settle(536.34)


async def turned(scene: Scene) -> None:
    """Of what is kept aside one record is dropped, one sent as it was, one as mended, one as something milder."""
    clash = happened("", "conflict.clash", "73.15", 537.36)
    given = {
        "V1": {"region": "99.99"},
        "V2": {"occurred_at": "kemarin"},
        "V3": {"occurred_at": "2024-11-27T19:12:00"},
        "V4": {"severity": 9},
    }
    if scene.before(537.36):
        await scene.settle(537.36)
    left = {one.record.event_id for one in await scene.settled()}
    for id_, odd in given.items():
        if id_ not in left:
            event = clash | {"id": id_, "incident": id_} | odd
            assert (await scene.client.post("/v1/events", json=event)).status_code == 202
    for kept in (await scene.siaga.intake.quarantined(NATION, limit=50)).records:
        path = f"/v1/quarantine/{kept.id}"
        match kept.event_id:
            case "V1":
                assert (await scene.client.delete(path)).status_code == 204
            case "V3":
                await scene.post(f"{path}/resubmit", 200, mended=True)
            case "V2" | "V4":
                milder = happened(kept.event_id, "count.anomaly", "73.15", 537.36, severity=1)
                await scene.post(f"{path}/resubmit", 200, event=milder)
    for one in await scene.settled():
        if one.record.event_id in given:
            answer = await scene.client.get(f"/v1/quarantine/{one.record.id}/versions")
            assert answer.status_code == 200
    await scene.settle(538.38)


async def disowned(scene: Scene) -> None:
    """All that the token brought since a minute ago is taken out; it stays, for the other acts use it."""
    since = moment(539.4)
    await scene.settle(539.4)
    assert await scene.report("D1 D2", "conflict.clash", "73.15", 539.4) == 202
    await scene.settle(540.42)
    siaga = scene.siaga
    token = next(one for one in await siaga.tokens.list() if one.person)
    disowning = Disowning(siaga.store, EventHistory(siaga.store), siaga.clock, piece=1)
    if scene.before(541.44):
        done = await disowning.carry_out(token.id, since, by=OPERATOR, keep=True)
        assert done.events == 2
    await scene.settle(541.44)
    assert (await scene.alert("bentrok", "D2")).resolved_reason == "refuted"


async def guesses(scene: Scene) -> None:
    """A phone brings five codes that nobody sent, and is not heard for an hour; then it is."""
    for number, digit in enumerate(DIGITS[:5]):
        await scene.text(f"g{number}", f"SELESAI {written('AA', digit)}")
    await scene.text("g5", "apa ini")
    await scene.settle(545.46)
    assert (await scene.alert("siaga.code-guessing")).unresolved
    await scene.settle(605.48)
    await scene.text("g6", "apa ini")
    await scene.settle(606.5)


async def archive(scene: Scene) -> None:
    """What was applied goes to the archive and leaves the stream; a backup was taken."""
    archivist = EventArchiver(
        scene.siaga.store,
        scene.siaga.clock,
        scene.siaga.metrics,
        Archive(scene.folder / scene.settings.namespace, scene.settings.namespace),
        lambda: MINUTE,
        waits=MINUTE,
    )
    while await archivist.turn():
        pass
    archivist.release()
    await enter_backup(scene.siaga.store, BackupRecord(taken_at=scene.siaga.clock.now(), bytes=1))


async def mend(scene: Scene) -> None:
    """A record that cannot be read is removed, and a group is judged anew."""
    siaga = scene.siaga
    bad = Put(QUARANTINE, "rusak", b"\x01\xc1")
    if (await siaga.store.get(UNREADABLE, [f"{QUARANTINE}/rusak"]))[0] is None:
        await siaga.store.write(Write(name="quarantine", puts=(bad,)))
        await remove_record(siaga.store, siaga.books, f"{QUARANTINE}/rusak", siaga.clock.now(), "os:uji")
    member = min(await siaga.store.scan(GROUPS))
    await rebuild_group(siaga.store, siaga.books, member, siaga.clock.now(), "os:uji")
    await siaga.advance(siaga.clock.now())


async def erase(scene: Scene) -> None:
    """A person asks what is kept of them, and then that it be erased."""
    persons = PersonalData(scene.siaga.store, scene.siaga.books)
    await persons.kept("sekda-7315", scene.siaga.clock.now(), by=OPERATOR)
    await persons.erase("sekda-7315", scene.siaga.clock.now(), by=OPERATOR)


async def end(scene: Scene) -> None:
    """A day passes: everything climbs or is exhausted, the silence of a region is noticed, a new contact counts."""
    await scene.settle(26 * 60)
    assert (await scene.siaga.books.directory()).contact("sekda-7316/email/2").verified


DAYS_TO_REST = 4
"""What nothing leads to is noted on one day and ends on a later one; after so many nothing is left to do."""


async def forget(scene: Scene) -> None:
    """Forty days later what is closed leaves the store, and what nothing leads to any more ends.

    The audit stays: it holds random ids, over which the chain of the archive would go.
    """
    begins = scene.siaga.clock.now() + 40 * DAY
    past = CaseArchive(scene.folder / "cases", scene.settings.namespace)
    days = RetentionSection(audit_days=0)
    keys = Keys(bytes.fromhex(ENVIRONMENT["SIAGA_KEY"]))
    for day in range(DAYS_TO_REST):
        clock = ManualClock(begins + day * DAY)
        archivist = CaseArchiver(scene.siaga.store, clock, scene.siaga.metrics, past, keys, days)
        while await archivist.turn():
            pass
        archivist.release()
        await Retention(scene.siaga.store, clock, days, dedup_days=10, past=past).turn()


Act = Callable[[Scene], Awaitable[None]]
ACTS: tuple[Act, ...] = (
    begin,
    keys,
    troubles,
    contact,
    clash,
    unreadable,
    mended,
    delivered,
    remarks,
    texts,
    umbrella,
    step,
    silence,
    failing,
    working,
    many,
    contact_changes,
    summary,
    rules,
    proposals,
    drill,
    poison,
    away,
    two_people,
    taken_back,
    reopened,
    stops,
    turned,
    disowned,
    guesses,
    archive,
    mend,
    erase,
    end,
    forget,
)
