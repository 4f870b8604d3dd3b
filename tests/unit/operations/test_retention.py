"""What holds personal data goes after its time, and nothing else does."""

import pytest

from engine.core.alerting.alert import Notification
from engine.core.alerting.command import Answer
from engine.core.alerting.directory import without
from engine.core.judging.instant import DAY, HOUR
from engine.escalation.notes import NOTES, digest_of, with_note
from engine.operations.audit_proof import verify
from engine.operations.retention import BARE, Retention
from engine.people.directory_service import DirectoryService
from engine.records.alert_repository import NOTIFICATIONS
from engine.settings_sections import RetentionSection
from engine.store.codec import decode
from tests.credentials import OPERATOR
from tests.unit.support.switchboard import Switchboard

SHORT = RetentionSection(messages_days=10, notes_days=5, directory_days=3)
FOR_GOOD = RetentionSection(messages_days=0, notes_days=0, directory_days=0)


async def words(board) -> list[str]:
    found = [decode(r.value, Notification) for r in (await board.store.scan(NOTIFICATIONS)).values()]
    return [n.rendered.to for n in found if n.rendered is not None and n.rendered != BARE]


@pytest.fixture
async def board() -> Switchboard:
    """An alert that was told, answered with a note and resolved, and one that is open."""
    board = Switchboard()
    over, _ = await board.open(1), await board.open(2)
    await board.send()
    digest = digest_of(over, "sekda-7315", "Sudah saya hubungi.")
    beside = with_note(over, digest, "Sudah saya hubungi.")
    answer = Answer(person="sekda-7315", says="resolved", via="sms", note_digest=digest)
    await board.desk.change(over, answer, "answer", beside, by=OPERATOR)
    return board


async def let_go(board, after_days: int, settings=SHORT) -> None:
    board.clock.set(board.clock.now() + after_days * DAY + HOUR)
    await Retention(board.store, board.clock, settings).turn()


async def test_words_and_addresses_go_after_their_time_and_those_of_open_alerts_stay(board):
    assert len(await words(board)) == 2
    await let_go(board, 9)
    assert len(await words(board)) == 2
    await let_go(board, 1)
    assert len(await words(board)) == 1
    await let_go(board, 400)
    assert len(await words(board)) == 1
    assert (await verify(board.store)).fault is None


async def test_notes_go_by_their_own_time(board):
    await let_go(board, 4)
    assert len(await board.store.scan(NOTES)) == 1
    await let_go(board, 1)
    assert await board.store.scan(NOTES) == {}
    assert len(await words(board)) == 2


async def test_versions_of_the_directory_go_and_what_is_in_force_stays(board):
    await let_go(board, 0)
    first = (await board.books.directory()).version
    await DirectoryService(board.store, board.books).amend(
        lambda c: without(c, "bpbd-7315"), board.clock.now(), by=OPERATOR
    )
    await let_go(board, 0)
    await let_go(board, 2)
    assert await board.books.directory_of(first) is not None
    await let_go(board, 1)
    assert await board.books.directory_of(first) is None
    assert (await board.books.directory_of(first + 1)).person("bpbd-7315") is None
    await let_go(board, 400)
    assert (await board.books.directory()).version == first + 1
    assert (await board.books.directory_of(first + 1)) is not None


async def test_zero_days_keep_for_good(board):
    await let_go(board, 4_000, FOR_GOOD)
    assert (len(await words(board)), len(await board.store.scan(NOTES))) == (2, 1)
    assert await board.books.directory_of(1) is not None
