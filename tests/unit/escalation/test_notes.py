"""Notes: beside the history, found by their digest, erasable."""

from engine.core.alerting.command import Answer, Comment
from engine.escalation.notes import Notes, digest_of, with_note
from engine.store.memory import MemoryStore
from tests.credentials import OPERATOR
from tests.unit.support.switchboard import Switchboard

WHO, SAID = "sekda-7315", "sudah ditelepon"


def test_the_digest_tells_alert_person_and_text_apart():
    digests = {
        digest_of("a", "p", "x"),
        digest_of("a", "q", "x"),
        digest_of("b", "p", "x"),
        digest_of("a", "p", "y"),
    }
    assert len(digests) == 4
    assert digest_of("a", "p", "x") == digest_of("a", "p", "x")


def test_no_text_has_no_digest():
    assert digest_of("a", "p", "") == ""


async def test_a_note_is_found_by_its_digest_until_it_is_erased():
    board = Switchboard()
    alert = await board.open()
    notes, kept, other = Notes(board.store), digest_of(alert, WHO, SAID), digest_of(alert, WHO, "x")
    for _ in range(2):
        await board.desk.change(
            alert, Comment(person=WHO, note_digest=kept), "comment", with_note(alert, kept, SAID), by=OPERATOR
        )
    assert await notes.texts(alert, [kept, other, kept]) == {kept: SAID}
    assert await notes.texts("b", [kept]) == {}
    await notes.erase(alert, kept)
    assert await notes.texts(alert, [kept]) == {}


async def test_a_refused_answer_leaves_no_note():
    board = Switchboard()
    alert = await board.open()
    digest = digest_of(alert, "orang-lain", SAID)
    answer = Answer(person="orang-lain", says="taken", via="link", note_digest=digest)
    answered = await board.desk.answer(alert, answer, with_note(alert, digest, SAID), by=OPERATOR)
    assert answered.refusal
    assert await Notes(board.store).texts(alert, [digest]) == {}


async def test_nothing_asked_is_nothing_found():
    assert await Notes(MemoryStore()).texts("a", []) == {}
