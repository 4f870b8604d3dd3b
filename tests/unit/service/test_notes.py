"""Notes: beside the history, found by their digest, erasable."""

from engine.service.notes import Notes, digest_of
from engine.store.memory import MemoryStore


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
    notes = Notes(MemoryStore())
    kept, other = digest_of("a", "p", "sudah ditelepon"), digest_of("a", "p", "x")
    await notes.keep("a", kept, "sudah ditelepon")
    await notes.keep("a", kept, "sudah ditelepon")
    assert await notes.texts("a", [kept, other, kept]) == {kept: "sudah ditelepon"}
    assert await notes.texts("b", [kept]) == {}
    await notes.erase("a", kept)
    assert await notes.texts("a", [kept]) == {}


async def test_nothing_asked_is_nothing_found():
    assert await Notes(MemoryStore()).texts("a", []) == {}
