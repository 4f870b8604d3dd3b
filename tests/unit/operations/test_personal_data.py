"""What is kept of a person: found whole, and erased so that no word or address of theirs is left."""

import msgspec

from engine.core.alerting.alert import Notification, Rendered
from engine.core.alerting.command import Answer, Comment
from engine.core.alerting.directory import without
from engine.core.alerting.silence import Match, SilenceWish
from engine.core.judging.instant import HOUR
from engine.escalation.notes import NOTES, digest_of, with_note
from engine.operations.audit_proof import verify
from engine.operations.personal_data import PersonalData
from engine.operations.unreadable_records import TYPES
from engine.people.directory_service import DirectoryService
from engine.people.proposal_records import PROPOSALS, ChangeProposal, Subject
from engine.records.alert_repository import NOTIFICATIONS, OUTBOX
from engine.records.audit_log import AUDIT, entries
from engine.records.contact_values import ERASED
from engine.records.quarantine import QUARANTINE, SHARES, Quarantined, QuarantineShare
from engine.records.quarantine_acts import SETTLED, SettledRecord
from engine.records.runtime_config import DIRECTORY
from engine.store.codec import decode, encode
from engine.store.memory import MemoryStore
from engine.store.port import Append, Plan, Put, Write
from tests.credentials import OPERATOR
from tests.unit.support.switchboard import SEKDA, Switchboard

WHO = "sekda-7315"


async def holds(store: MemoryStore, value: str) -> list[str]:
    """Return which tables and logs hold a value."""
    tables = [
        table for table in TYPES if any(value.encode() in r.value for r in (await store.scan(table)).values())
    ]
    logs = [name for name in (SETTLED, AUDIT) if any(value.encode() in e for e in await store.log(name))]
    return tables + logs


def reply_of(id_: str, **changes: object) -> Notification:
    """Return a reply to a phone, of no alert and no person."""
    given = {
        "alert": "",
        "kind": "reply",
        "person": "",
        "contact": "",
        "channel": "sms",
        "cause": "",
        "planned_at": 1,
        "level": 2,
        "region": "73.15",
    }
    return Notification(id=id_, **given | changes)


async def told_and_answered(store: MemoryStore | None = None) -> tuple[Switchboard, str]:
    """A Sekda who was told of an alert, took it, and left a note."""
    board = Switchboard(store=store)
    alert = await board.open()
    await board.send()
    digest = digest_of(alert, WHO, "Sudah saya hubungi.")
    answer = Answer(person=WHO, says="taken", via="link", note_digest=digest)
    await board.desk.answer(alert, answer, with_note(alert, digest, "Sudah saya hubungi."), by=OPERATOR)
    return board, alert


async def test_all_that_is_kept_is_given_and_the_look_stands_in_the_audit():
    board, alert = await told_and_answered()
    kept = await PersonalData(board.store, board.books).kept(WHO, board.clock.now(), by=OPERATOR)
    assert kept.person.contacts[0].value == SEKDA
    assert kept.offices == (("73.15", "sekda"),)
    assert {n.alert for n in kept.notifications} == {alert}
    assert {"notified", "answered"} <= {entry.name for entry in kept.history}
    assert list(kept.notes.values()) == ["Sudah saya hubungi."]
    assert [e.subject async for e in entries(board.store) if e.what == "seen"] == [f"person/{WHO}"]


async def test_an_erasure_leaves_no_address_no_words_and_no_note_and_every_chain_whole():
    board, _ = await told_and_answered()
    persons = PersonalData(board.store, board.books)
    erased = await persons.erase(WHO, board.clock.now(), by=OPERATOR)
    assert erased == {"person": 1, "messages": 1, "notes": 1, "redacted": 0, "reports": 0, "waiting": 0}
    assert (await board.books.directory()).person(WHO) is None
    kept = await persons.kept(WHO, board.clock.now(), by=OPERATOR)
    assert (kept.person, kept.offices, kept.notes) == (None, (), {})
    assert all(n.rendered is None or (n.rendered.to, n.rendered.text) == ("", "") for n in kept.notifications)
    versions = [r.value for r in (await board.store.scan(DIRECTORY)).values()]
    assert all(SEKDA.encode() not in value for value in versions)
    assert (await verify(board.store)).fault is None
    assert [e.subject async for e in entries(board.store) if e.what == "erased"] == [f"person/{WHO}"]


async def test_what_still_has_to_be_sent_loses_its_words_and_is_not_sent():
    board = Switchboard()
    alert = await board.open()
    board.route.become("down")
    await board.send()
    erased = await PersonalData(board.store, board.books).erase(WHO, board.clock.now(), by=OPERATOR)
    assert erased["messages"] == 1
    assert await holds(board.store, SEKDA) == []
    board.route.become("up")
    board.clock.set(board.clock.now() + HOUR)
    await board.send()
    case = await board.desk.case(alert)
    reasons = {(n.state, n.reason) for n in case.notifications.values() if n.person == WHO}
    assert reasons == {("suppressed", "contact_gone")}


async def test_addresses_go_from_the_texts_of_others_and_the_others_keep_their_words():
    board, alert = await told_and_answered()
    text = "Sekda di 0811-0000-001 tidak mengangkat."
    digest = digest_of(alert, "bpbd-7315", text)
    remark = Comment(person="bpbd-7315", note_digest=digest)
    await board.desk.change(alert, remark, "comment", with_note(alert, digest, text), by=OPERATOR)
    await PersonalData(board.store, board.books).erase(WHO, board.clock.now(), by=OPERATOR)
    (left,) = [decode(one.value, str) for one in (await board.store.scan(NOTES)).values()]
    assert left == f"Sekda di {ERASED} tidak mengangkat."
    assert (await verify(board.store)).fault is None


async def test_a_reply_that_waits_is_cancelled_and_one_that_was_sent_loses_its_address():
    board, _ = await told_and_answered()
    replies = [
        reply_of(
            "r1", state="pending", due_at=board.clock.now(), rendered=Rendered(to=SEKDA, text="Tercatat")
        ),
        reply_of("r2", state="sent", rendered=Rendered(to=SEKDA, text="Tercatat")),
    ]
    puts = tuple(Put(NOTIFICATIONS, one.id, encode(one)) for one in replies)
    await board.store.write(Write(name="bench", puts=puts, plans=(Plan(OUTBOX, "r1", board.clock.now()),)))
    await PersonalData(board.store, board.books).erase(WHO, board.clock.now(), by=OPERATOR)
    left = [decode(one.value, Notification) for one in await board.store.get(NOTIFICATIONS, ["r1", "r2"])]
    assert [(one.state, one.rendered.to, one.due_at) for one in left] == [
        ("cancelled", "", None),
        ("sent", "", None),
    ]
    assert await board.store.planned_at(OUTBOX, ["r1"]) == [None]


async def test_an_address_that_is_also_somebody_elses_stays_theirs():
    board, _ = await told_and_answered()
    contents = (await board.books.directory()).contents
    shared = tuple(
        msgspec.structs.replace(
            person, contacts=(msgspec.structs.replace(person.contacts[0], value=SEKDA), *person.contacts[1:])
        )
        if person.id == "bpbd-7315"
        else person
        for person in contents.people
    )
    await board.books.replace_directory(
        msgspec.structs.replace(contents, people=shared), board.clock.now(), by=OPERATOR
    )
    assert not await PersonalData(board.store, board.books).addresses(WHO)


async def test_who_says_it_again_after_a_crash_still_finds_the_addresses():
    """The directory in force has the person no more, its versions still do."""
    board, _ = await told_and_answered()
    await DirectoryService(board.store, board.books).amend(
        lambda contents: without(contents, WHO), board.clock.now(), OPERATOR
    )
    assert SEKDA in (await PersonalData(board.store, board.books).addresses(WHO)).values


async def test_reasons_of_proposals_lose_the_address():
    board, _ = await told_and_answered()
    wish = SilenceWish(match=Match(), since=0, until=1, reason=f"telp {SEKDA}", include_awas=False)
    proposal = ChangeProposal(
        id="p",
        subject=Subject(silence=wish),
        by=OPERATOR,
        at=0,
        lapses_at=1,
        reason=f"kata {SEKDA}",
    )
    await board.store.write(Write(name="bench", puts=(Put(PROPOSALS, "p", encode(proposal)),)))
    await PersonalData(board.store, board.books).erase(WHO, board.clock.now(), by=OPERATOR)
    (record,) = await board.store.get(PROPOSALS, ["p"])
    left = decode(record.value, ChangeProposal)
    assert (left.subject.silence.reason, left.reason) == (f"telp {ERASED}", f"kata {ERASED}")


async def test_reports_in_quarantine_and_those_that_left_it_lose_the_address_and_the_audit_says_so():
    board, _ = await told_and_answered()
    store, raw = board.store, f'{{"summary":"telp {SEKDA}","id":"E1"}}'.encode()
    kept = Quarantined(
        id="q1",
        reason="missing",
        field="kind",
        raw=raw,
        received_at=1,
        token_id="t",
        region="73.15",
    )
    settled = SettledRecord(record=kept, sent=raw, token_id="t", at=1, act="resubmitted")
    other = msgspec.structs.replace(
        settled, record=msgspec.structs.replace(kept, raw=b"{}"), sent=b"{}", at=2
    )
    share = QuarantineShare().plus(kept)
    puts = (Put(QUARANTINE, "q1", encode(kept)), Put(SHARES, "t", encode(share)))
    appends = (Append(SETTLED, (encode(settled), encode(other))),)
    await store.write(Write(name="bench", puts=puts, appends=appends))
    erased = await PersonalData(store, board.books).erase(WHO, board.clock.now(), by=OPERATOR)
    assert erased["reports"] == 2
    assert await holds(store, SEKDA) == []
    assert [decode(one, SettledRecord).at for one in await store.log(SETTLED)] == [1, 2]
    (record,) = await store.get(QUARANTINE, ["q1"])
    left = decode(record.value, Quarantined)
    assert msgspec.json.decode(left.raw) == {"summary": f"telp {ERASED}", "id": "E1"}
    (counted,) = await store.get(SHARES, ["t"])
    assert decode(counted.value, QuarantineShare) == QuarantineShare().plus(left)
    assert "quarantine/q1/redacted" in [entry.subject async for entry in entries(store)]


async def test_of_an_unknown_person_nothing_is_erased():
    board = Switchboard()
    await board.publish()
    assert not any(
        (
            await PersonalData(board.store, board.books).erase("nobody", board.clock.now(), by=OPERATOR)
        ).values()
    )
