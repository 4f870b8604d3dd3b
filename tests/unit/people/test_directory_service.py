"""The registry: what changes in the directory, and that no unresolved alert loses everybody by it."""

from functools import partial

import msgspec
import pytest

from engine.core.alerting.command import Answer
from engine.core.alerting.directory import marked, without
from engine.people.directory_service import DirectoryDifference, DirectoryService, NobodyLeftError, difference
from engine.records.audit_log import entries
from tests.credentials import OPERATOR
from tests.unit.support.switchboard import PEOPLE, Switchboard

EVERYBODY = {person.contacts[0].id for person in PEOPLE}


@pytest.fixture
async def board() -> Switchboard:
    board = Switchboard()
    board.alert_id = await board.open()
    return board


def silent(contents):
    """Nobody can be reached any more."""
    return marked(contents, EVERYBODY, verified=False)


async def test_a_change_that_leaves_an_alert_with_nobody_is_refused_and_names_it(board):
    """Law: docs/specification/escalation.md#frozen-policy."""
    registry, now = DirectoryService(board.store, board.books), board.clock.now()
    for attempt in (registry.rehearse, partial(registry.amend, by=OPERATOR)):
        with pytest.raises(NobodyLeftError, match=board.alert_id) as caught:
            await attempt(silent, now)
        assert "uji, 73.15, step 1" in str(caught.value)
    assert (await board.books.directory()).contents == board.contents


async def test_the_same_change_is_fine_once_the_alert_is_resolved(board):
    answer = Answer(person="operator", says="resolved", via="console", is_operator=True)
    await board.desk.answer(board.alert_id, answer, by=OPERATOR)
    await DirectoryService(board.store, board.books).amend(silent, board.clock.now(), by=OPERATOR)
    assert (await board.books.directory()).contents == silent(board.contents)
    audited = [entry async for entry in entries(board.store) if entry.what == "directory"]
    assert [(entry.subject, entry.by) for entry in audited] == [("v1", "os:operator"), ("v2", "os:operator")]


async def test_an_alert_that_has_nobody_already_stops_no_change():
    board = Switchboard()
    board.contents = silent(board.contents)
    await board.open()
    await DirectoryService(board.store, board.books).amend(
        lambda contents: without(contents, "bpbd-7315"), board.clock.now(), by=OPERATOR
    )
    assert (await board.books.directory()).person("bpbd-7315") is None


async def test_earlier_versions_stay(board):
    await DirectoryService(board.store, board.books).amend(
        lambda contents: without(contents, "bpbd-7315"), board.clock.now(), by=OPERATOR
    )
    assert (await board.books.directory_of(1)).contents == board.contents
    assert (await board.books.directory_of(2)).person("bpbd-7315") is None
    assert await board.books.directory_of(3) is None


def test_the_difference_counts_people_and_offices():
    before = Switchboard().contents
    changed = msgspec.structs.replace(before.people[0], language="en")
    after = msgspec.structs.replace(
        without(before, "bpbd-7315"), people=(changed, msgspec.structs.replace(changed, id="baru"))
    )
    assert difference(before, after) == DirectoryDifference(1, 2, 1, 0, 1)
    assert difference(before, before).none
