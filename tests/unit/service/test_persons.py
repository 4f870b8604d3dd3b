"""What is kept of a person: found whole, and erased so that no word or address of theirs is left."""

from engine.alerting.alert import Notification
from engine.alerting.command import Answer
from engine.service.audit import entries
from engine.service.books import DIRECTORY
from engine.service.casebook import NOTIFICATIONS
from engine.service.notes import digest_of, with_note
from engine.service.persons import Persons
from engine.service.proof import verify
from engine.store.codec import decode
from engine.store.memory import MemoryStore
from tests.credentials import OPERATOR
from tests.unit.service.switchboard import SEKDA, Switchboard

WHO = "sekda-7315"


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
    kept = await Persons(board.store, board.books).kept(WHO, board.clock.now(), by=OPERATOR)
    assert kept.person.contacts[0].value == SEKDA
    assert kept.offices == (("73.15", "sekda"),)
    assert {n.alert for n in kept.notifications} == {alert}
    assert {"notified", "answered"} <= {entry.name for entry in kept.history}
    assert list(kept.notes.values()) == ["Sudah saya hubungi."]
    assert [e.subject async for e in entries(board.store) if e.what == "seen"] == [f"person/{WHO}"]


async def test_an_erasure_leaves_no_address_no_words_and_no_note_and_every_chain_whole():
    board, _ = await told_and_answered()
    persons = Persons(board.store, board.books)
    erased = await persons.erase(WHO, board.clock.now(), by=OPERATOR)
    assert erased == {"person": 1, "messages": 1, "notes": 1}
    assert (await board.books.directory()).person(WHO) is None
    kept = await persons.kept(WHO, board.clock.now(), by=OPERATOR)
    assert (kept.person, kept.offices, kept.notes) == (None, (), {})
    assert all(n.rendered is None or (n.rendered.to, n.rendered.text) == ("", "") for n in kept.notifications)
    versions = [r.value for r in (await board.store.scan(DIRECTORY)).values()]
    assert all(SEKDA.encode() not in value for value in versions)
    assert (await verify(board.store)).fault is None
    assert [e.subject async for e in entries(board.store) if e.what == "erased"] == [f"person/{WHO}"]


async def test_what_still_has_to_be_sent_keeps_its_words_until_it_was():
    board = Switchboard()
    alert = await board.open()
    board.route.become("down")
    await board.send()
    erased = await Persons(board.store, board.books).erase(WHO, board.clock.now(), by=OPERATOR)
    assert erased["messages"] == 0
    records = (await board.store.scan(NOTIFICATIONS)).values()
    assert any(decode(r.value, Notification).alert == alert for r in records)


async def test_of_an_unknown_person_nothing_is_erased():
    board = Switchboard()
    await board.publish()
    assert not any(
        (await Persons(board.store, board.books).erase("nobody", board.clock.now(), by=OPERATOR)).values()
    )
