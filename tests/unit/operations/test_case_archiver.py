"""Alerts that are long resolved leave the store for the archive, whole, and are found and proved there."""

import gzip

import pytest

from engine.core.alerting.alert import Notification
from engine.core.alerting.command import Answer, Comment
from engine.core.alerting.invariants import broken_link
from engine.core.judging.group_state import GroupState, Opening
from engine.core.judging.instant import DAY, HOUR
from engine.delivery.delivery_reports import DeliveryReports
from engine.escalation.alert_commands import AlertCommands
from engine.escalation.notes import NOTES, Notes, digest_of, with_note
from engine.evaluation.groups import GroupHead
from engine.operations.audit_proof import verify
from engine.operations.case_archiver import CaseArchiver
from engine.records.alert_lists import lists_of
from engine.records.alert_repository import (
    ALERTS,
    CLOSINGS,
    COVERS,
    LINKS,
    NOTIFICATIONS,
    OUTBOX,
    REVEALS,
    UNRESOLVED,
    closed_in,
    history_log,
)
from engine.records.audit_log import AUDIT
from engine.records.case_archive import CaseArchive, bytes_of, filed_of
from engine.runtime.keys import Keys
from engine.settings_sections import RetentionSection
from engine.store.codec import decode, encode
from engine.store.memory import MemoryStore
from engine.store.port import Plan, Put, Write
from tests.credentials import OPERATOR
from tests.unit.support.switchboard import KEY, Switchboard

NOTE = "Sudah saya hubungi."


@pytest.fixture
async def board() -> Switchboard:
    """An alert that was told, answered with a note and resolved, and one that is open."""
    board = Switchboard()
    board.over, board.open_one = await board.open(1), await board.open(2)
    await board.send()
    digest = digest_of(board.over, "sekda-7315", NOTE)
    answer = Answer(person="sekda-7315", says="resolved", via="sms", note_digest=digest)
    await board.desk.change(board.over, answer, "answer", with_note(board.over, digest, NOTE), by=OPERATOR)
    await board.send()
    return board


@pytest.fixture
def archive(tmp_path) -> CaseArchive:
    return CaseArchive(tmp_path / "cases", "uji")


def archivist(board, archive, **settings) -> CaseArchiver:
    return CaseArchiver(
        board.store, board.clock, board.metrics, archive, Keys(KEY), RetentionSection(**settings)
    )


async def leave(board, archive, after_days: int = 30, **settings) -> int:
    board.clock.set(board.clock.now() + after_days * DAY + HOUR)
    one = archivist(board, archive, **settings)
    left = 0
    while more := await one.turn():
        left += more
    one.release()
    return left


async def test_it_leaves_whole_and_is_found_there(board, archive):
    desk = AlertCommands(board.store, board.clock, board.books, board.metrics, archive)
    before, history = await desk.case(board.over), await desk.history(board.over)
    await leave(board, archive, 29)
    assert await desk.case(board.over) is not None
    await leave(board, archive, 1)
    assert await desk.case(board.over) is None
    found = await desk.found(board.over)
    assert found.archived
    assert (found.alert, found.notifications) == (before.alert, before.notifications)
    assert await desk.history(board.over) == history
    assert broken_link(history, found.alert.head) is None
    digest = digest_of(board.over, "sekda-7315", NOTE)
    assert await Notes(board.store, archive).texts(board.over, [digest]) == {digest: NOTE}
    assert (await desk.found(board.open_one)).archived is False
    # nothing of it is left
    left = [*await board.store.scan(NOTIFICATIONS), *await board.store.scan(LINKS)]
    assert not set(before.notifications) & set(left)
    assert await board.store.log(history_log(board.over)) == []
    assert await board.store.scan(NOTES) == {}
    members = [
        member
        for schedule in (
            *(ALERTS, CLOSINGS, COVERS, OUTBOX, REVEALS, UNRESOLVED, closed_in("real")),
            *lists_of(before.alert),
        )
        for member in await board.store.planned(schedule)
    ]
    assert not [member for member in members if board.over in member or member in before.notifications]


async def test_the_summary_counts_what_left(board, archive):
    """What an installation has done so far does not shrink with what the store holds.

    Law: docs/specification/trust.md#counters.
    """
    desk = AlertCommands(board.store, board.clock, board.books, board.metrics, archive)
    before = await desk.summary()
    assert await leave(board, archive, 30)
    assert await desk.case(board.over) is None
    assert await desk.summary() == before


class Killed(BaseException):
    """A process that dies at a write."""


def dying(side: str):
    def cross(name: str, at: str) -> None:
        if (name, at) == ("case_archived", side) and dying.armed:
            raise Killed

    return cross


dying.armed = False


@pytest.mark.parametrize("side", ["before", "after"])
async def test_a_crash_between_disk_and_store_leaves_it_twice_or_moved_but_never_nowhere(
    archive, side, tmp_path
):
    board = Switchboard(store=MemoryStore(crash_point=dying(side)))
    over = await board.open(1)
    await board.send()
    await board.desk.change(
        over, Answer(person="sekda-7315", says="resolved", via="sms"), "answer", by=OPERATOR
    )
    await board.send()
    before = await board.desk.case(over)
    await leave(board, archive, 0)  # lists what is closed
    board.clock.set(board.clock.now() + 31 * DAY)
    one = archivist(board, archive)
    dying.armed = True
    with pytest.raises(Killed):
        await one.turn()
    dying.armed = False
    one.release()
    assert (await archive.case(over))[0].alert == before.alert
    assert (await board.desk.case(over) is None) == (side == "after")
    again = CaseArchive(tmp_path / "cases", "uji")
    await leave(board, again, 0)
    assert await board.desk.case(over) is None
    assert [case.alert.id for case in again.cases()] == [over]  # written once
    assert again.archive.verify().damages == ()


async def test_a_case_that_changed_after_it_was_written_leaves_as_it_is_then(archive):
    board = Switchboard(store=MemoryStore(crash_point=dying("before")))
    over = await board.open(1)
    await board.send()
    await board.desk.change(
        over, Answer(person="sekda-7315", says="resolved", via="sms"), "answer", by=OPERATOR
    )
    await board.send()
    await leave(board, archive, 0)
    board.clock.set(board.clock.now() + 31 * DAY)
    one = archivist(board, archive)
    dying.armed = True
    with pytest.raises(Killed):
        await one.turn()
    dying.armed = False
    one.release()
    await board.desk.change(over, Comment(person="sekda-7315", note_digest="ab" * 16), "comment", by=OPERATOR)
    history = await board.desk.history(over)
    await leave(board, archive, 0)
    assert await board.desk.case(over) is None
    case, kept = await archive.case(over)
    assert (case.alert.history, list(kept)) == (len(history), history)
    assert archive.index.count() == 1


async def test_an_index_that_is_lost_is_read_again_from_the_files(board, archive, tmp_path):
    await leave(board, archive)
    before = await archive.case(board.over)
    (tmp_path / "cases" / "index.sqlite").unlink()
    again = CaseArchive(tmp_path / "cases", "uji")
    assert await again.case(board.over) is None
    assert again.take(again.archive.span()[1])
    again.archive.release()
    after = await again.case(board.over)
    assert (after[0].alert, after[1]) == (before[0].alert, before[1])
    assert after[0].notifications.keys() == before[0].notifications.keys()


async def test_a_case_that_an_index_names_and_no_file_has_is_written_again(board, archive, tmp_path):
    """As where an older copy of the files stands beside a newer index: nothing may be dropped on its word."""
    await leave(board, archive, 0)
    board.clock.set(board.clock.now() + 31 * DAY)
    cases = CaseArchive(tmp_path / "other", "test")
    one = archivist(board, cases)
    store, before = board.store, await board.desk.case(board.over)
    await store.write(Write(name="bench", plans=(Plan(closed_in("real"), board.over, None),)))
    leaving = await one._leaving(before)
    cases.index.file([filed_of(leaving.record, "5-0", bytes_of(leaving.record))], (), "5-0")
    await store.write(Write(name="bench", plans=(Plan(closed_in("real"), board.over, 1),)))
    while await one.turn():
        pass
    assert await board.desk.case(board.over) is None
    assert (await cases.case(board.over))[0].alert == before.alert


async def test_what_names_a_person_is_erased_from_the_archive_and_its_chain_stays_whole(
    board, archive, tmp_path
):
    await leave(board, archive)
    words = [n.rendered for n in (await archive.case(board.over))[0].notifications.values()]
    assert any(rendered.to == "+628110000001" for rendered in words)
    messages, history, notes = await archive.of_person("sekda-7315")
    assert messages
    assert history
    assert list(notes.values()) == [NOTE]
    erased = await archive.erase_person("sekda-7315")
    assert erased == {"message": len(messages), "note": 1}
    case, _ = await archive.case(board.over)
    assert all(n.rendered.to == "" for n in case.notifications.values() if n.rendered)
    texts = [
        text
        for file in (tmp_path / "cases").iterdir()
        for text in (gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes(),)
    ]
    for word in (b"+628110000001", NOTE.encode()):
        assert not [text for text in texts if word in text]
    assert archive.archive.verify().damages == ()


async def test_words_and_notes_end_by_their_own_time(board, archive):
    await leave(board, archive, messages_days=40, notes_days=50)
    now = board.clock.now()
    assert archive.index.end_texts(now + 8 * DAY) == {}
    assert archive.index.end_texts(now + 10 * DAY)["message"]
    assert archive.index.end_texts(now + 20 * DAY) == {"note": 1}


async def test_a_report_that_comes_after_all_that_is_settled(board, archive):
    desk = AlertCommands(board.store, board.clock, board.books, board.metrics, archive)
    message = next(iter((await desk.case(board.over)).notifications))
    dispatcher = board.dispatcher
    reports = DeliveryReports(
        board.store, desk, dispatcher.replies, dispatcher.digests, board.gateways, board.metrics
    )
    await leave(board, archive)
    assert await reports.take(message, "failed", gateway="sms") == "settled"
    assert await reports.take("never", "failed", gateway="sms") == "unknown"
    assert (
        await desk.change(board.over, Comment(person="posko", note_digest=""), "comment", by=OPERATOR) is None
    )


async def test_what_is_still_spoken_of_stays(board, archive):
    """Judging that may still change the alert, a closing that it has not seen, a message that is under way."""
    key = "real|uji|73.15"
    opening = Opening(ordinal=1, happened_at=1, ended_at=2)
    head = Put("groups", key, encode(GroupHead(state=GroupState(openings=(opening,), opened=1))))
    await board.store.write(Write(name="bench", puts=(head,)))
    await leave(board, archive, 60)
    assert await board.desk.case(board.over) is not None
    head = Put("groups", key, encode(GroupHead(state=GroupState(opened=1))))
    plan = Plan(CLOSINGS, board.over, 1)
    await board.store.write(Write(name="bench", puts=(head,), plans=(plan,)))
    await leave(board, archive, 2)
    assert await board.desk.case(board.over) is not None
    await board.store.write(Write(name="bench", plans=(Plan(CLOSINGS, board.over, None),)))
    await leave(board, archive, 0)
    assert await board.desk.case(board.over) is not None  # it is looked at again after a day
    await leave(board, archive, 1)
    assert await board.desk.case(board.over) is None


async def test_alerts_that_were_resolved_before_they_were_listed_leave_too(board, archive):
    plan = Plan(closed_in("real"), board.over, None)
    await board.store.write(Write(name="bench", plans=(plan,)))
    await leave(board, archive)
    assert await board.desk.case(board.over) is None


async def test_zero_days_keep_alerts_in_the_store(board, archive):
    await leave(board, archive, 4_000, resolved_days=0)
    assert await board.desk.case(board.over) is not None


async def test_another_archive_than_the_one_the_store_relies_on_is_left_alone(board, archive, tmp_path):
    await leave(board, archive)
    over = await board.open(3)
    await board.desk.change(
        over, Answer(person="sekda-7315", says="resolved", via="sms"), "answer", by=OPERATOR
    )
    await board.send()
    await leave(board, CaseArchive(tmp_path / "another", "uji"))
    assert await board.desk.case(over) is not None
    assert board.metrics.archive_damaged._value.get() == 1


async def test_the_audit_leaves_in_pieces_and_its_chain_goes_on(board, archive):
    entries = len(await board.store.log(AUDIT))
    mark = await board.store.mark(AUDIT)
    await leave(board, archive, audit_days=10)
    assert await board.store.log(AUDIT) == []
    assert await board.store.mark(AUDIT) == mark
    assert len([kept for line in archive.audit() for kept in line]) == entries
    await board.desk.change(board.open_one, Comment(person="posko", note_digest=""), "comment", by=OPERATOR)
    proof = await verify(board.store, archive)
    assert (proof.fault, proof.entries > entries) == (None, True)


async def test_replies_and_digests_leave_too(board, archive):
    over = await board.open(4)
    await board.send()
    code = board.route.accepted[-1].text.split()[-1]
    await board.inbound.hear("+628110000001", f"TERIMA {code}", gateway_id="g/1")
    await board.send()
    records = {
        id_: decode(r.value, Notification) for id_, r in (await board.store.scan(NOTIFICATIONS)).items()
    }
    replies = [id_ for id_, n in records.items() if n.kind == "reply"]
    assert replies
    assert over
    await leave(board, archive, 31)
    assert not set(replies) & set(await board.store.scan(NOTIFICATIONS))
    assert [await archive.alert_of(reply) for reply in replies] == ["" for _ in replies]
