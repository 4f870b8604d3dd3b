"""A contact that was added counts once the code that was sent there came back."""

import re
from functools import partial

import pytest

from engine.answers.verification import TRIES, Verifications
from engine.core.alerting.directory import added
from engine.core.judging.instant import DAY
from engine.escalation.internal_alerts import OWN
from engine.people.directory_service import DirectoryService
from engine.runtime.keys import Keys
from tests.credentials import OPERATOR
from tests.unit.support.switchboard import KEY, Switchboard

NEW = "+628110000009"
WHO = "sekda-7315"


@pytest.fixture
async def board() -> Switchboard:
    """A Sekda with a second phone that nobody has verified."""
    board = Switchboard()
    await board.publish()
    await DirectoryService(board.store, board.books).amend(
        lambda contents: added(contents, WHO, "sms", NEW)[0], board.clock.now(), by=OPERATOR
    )
    board.verifications = Verifications(board.store, board.books, Keys(KEY))
    board.second = partial(_second, board)
    return board


async def _second(board):
    return (await board.books.directory()).contact(f"{WHO}/sms/2")


async def test_the_right_code_verifies_once(board):
    contact, now = await board.second(), board.clock.now()
    code = await board.verifications.ask(contact, now)
    assert re.fullmatch(r"[0-9]{6}", code)
    assert await board.verifications.hear(contact, code, now + 1, by=OPERATOR) == "verified"
    assert (await board.second()).verified
    assert await board.verifications.hear(contact, code, now + 2, by=OPERATOR) == "not_asked"


async def test_a_wrong_code_verifies_nothing_and_five_of_them_end_it(board):
    """Law: docs/specification/trust.md#verification-codes."""
    contact, now = await board.second(), board.clock.now()
    code = await board.verifications.ask(contact, now)
    outcomes = [await board.verifications.hear(contact, "000000", now, by=OPERATOR) for _ in range(TRIES)]
    assert outcomes == ["wrong_code"] * TRIES
    assert await board.verifications.hear(contact, code, now, by=OPERATOR) == "not_asked"
    assert not (await board.second()).verified
    again = await board.verifications.ask(contact, now)
    assert again != code
    assert await board.verifications.hear(contact, again, now, by=OPERATOR) == "verified"


@pytest.mark.parametrize("code", ["ÄÖÜß", "\ud800AAA", "\0\0\0\0", ""])
async def test_what_is_no_code_at_all_is_a_wrong_one(board, code):
    contact, now = await board.second(), board.clock.now()
    await board.verifications.ask(contact, now)
    assert await board.verifications.hear(contact, code, now, by=OPERATOR) == "wrong_code"
    assert not await board.verifications.expects(contact, code, now)


async def test_a_code_ends_with_its_day_and_with_its_address(board):
    contact, now = await board.second(), board.clock.now()
    code = await board.verifications.ask(contact, now)
    assert await board.verifications.hear(contact, code, now + DAY, by=OPERATOR) == "not_asked"
    (first,) = [c for c in (await board.books.directory()).person(WHO).contacts if c.id.endswith("/1")]
    assert await board.verifications.hear(first, code, now, by=OPERATOR) == "not_asked"


async def test_the_code_comes_back_by_sms_from_the_phone_it_was_sent_to(board):
    code = await board.verifications.ask(await board.second(), board.clock.now())
    assert await board.inbound.hear(NEW, f"{code[:3]} {code[3:]}") == "verified"
    assert (await board.second()).verified
    await board.send()
    assert "tercatat" in board.texts(NEW)[-1]
    assert await board.inbound.hear(NEW, code, gateway_id="2") == "turned"


async def test_from_another_phone_it_is_no_code(board):
    code = await board.verifications.ask(await board.second(), board.clock.now())
    assert await board.inbound.hear("+628110000002", code) == "turned"
    assert not (await board.second()).verified


async def test_stop_asks_for_an_alert_to_the_desk_of_the_region(board):
    assert await board.inbound.hear("+628110000001", "BERHENTI") == "stopped"
    assert list(await board.store.planned(OWN)) == ["contact|73.15|2"]


async def test_a_code_counts_though_its_key_was_replaced_until_that_is_taken_away(board):
    contact, now = await board.second(), board.clock.now()
    code = await board.verifications.ask(contact, now)
    without = Verifications(board.store, board.books, Keys(b"another key"))
    assert await without.hear(contact, code, now, by=OPERATOR) == "not_asked"
    replaced = Verifications(board.store, board.books, Keys(b"another key", (KEY,)))
    assert await replaced.expects(contact, code, now)
    assert await replaced.hear(contact, code, now, by=OPERATOR) == "verified"
