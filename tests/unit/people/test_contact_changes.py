"""Changes of contacts: who is notified, when one counts, and what an objection by SMS undoes."""

import re

import msgspec
import pytest

from engine.core.alerting.directory import Contact
from engine.core.judging.instant import DAY, HOUR, MINUTE
from engine.escalation.internal_alerts import OWN
from engine.escalation.silences import Silences
from engine.operations.retention import Retention
from engine.people.proposal_records import MOST_OF_HOLDER, PROPOSALS, ChangeProposal, TooManyProposalsError
from engine.records.alert_repository import NOTIFICATIONS
from engine.rule_sets.proposals import Proposals
from engine.rule_sets.rollout import RuleSetRollout
from engine.runtime.keys import Keys
from engine.settings_sections import RetentionSection
from engine.store.archive.history import EventHistory
from engine.store.codec import decode
from tests.credentials import DUTY_DESK, OPERATOR
from tests.unit.support.switchboard import KEY, SEKDA, Switchboard

WHO, OLD, NEW = "sekda-7315", "sekda-7315/sms/1", "sekda-7315/sms/2"
NUMBER = "+628110000077"


@pytest.fixture
async def board() -> Switchboard:
    """A Sekda with one phone that counts."""
    board = Switchboard()
    await board.publish()
    approval = RuleSetRollout(
        board.store, board.clock, board.books, board.metrics, max_told=5, history=EventHistory(board.store)
    )
    silences = Silences(board.store, board.clock, board.books, board.desk)
    board.proposals = Proposals(
        board.store, board.clock, board.books, approval, silences, keys=Keys(KEY), objection=DAY
    )
    board.changes = board.proposals.contacts
    board.inbound._contacts = board.changes
    return board


async def added(board) -> Contact:
    return await board.changes.add(WHO, "sms", NUMBER, OPERATOR)


async def coded(board) -> Contact:
    contact = await added(board)
    await board.changes.code_came_back(contact, OPERATOR, OPERATOR)
    return contact


async def change(board) -> ChangeProposal:
    """Return the newest change."""
    kept = [decode(one.value, ChangeProposal) for one in (await board.store.scan(PROPOSALS)).values()]
    return max(kept, key=lambda one: one.at)


async def counts(board, contact: str = NEW) -> bool:
    found = (await board.books.directory()).contact(contact)
    return found is not None and found.verified


async def later(board, time: int) -> None:
    board.clock.set(board.clock.now() + time)
    while await board.proposals.turn():
        pass


def code_in(board, number: str = SEKDA) -> str:
    return re.search(r"KEBERATAN (\d{6})", board.texts(number)[-1])[1]


async def test_the_notice_names_the_kind_of_contact_and_the_credential_and_no_address(board):
    """Law: docs/specification/trust.md#contact-notices."""
    await added(board)
    await board.send()
    (text,) = board.texts(SEKDA)
    assert "nomor SMS baru" in text
    assert "akun mesin operator" in text
    assert NUMBER not in text
    assert len(text) <= 160
    assert board.texts(NUMBER) == []


async def test_a_stored_notice_holds_neither_its_code_nor_its_token(board):
    await added(board)
    await board.send()
    code = code_in(board)
    stored = b"".join(one.value for one in (await board.store.scan(NOTIFICATIONS)).values())
    assert code.encode() not in stored


async def test_it_counts_a_day_after_the_notice_and_not_before(board):
    """Law: docs/specification/trust.md#new-contacts."""
    await coded(board)
    await board.send()
    await later(board, DAY - 2_000)
    assert not await counts(board)
    await later(board, 2_000)
    assert await counts(board)
    assert (await change(board)).state == "unopposed"


async def test_without_its_code_it_neither_counts_nor_can_be_approved(board):
    await added(board)
    await board.send()
    waiting = await change(board)
    assert (await board.proposals.approve(waiting.id, DUTY_DESK, "")).result == "no_code"
    await later(board, 2 * DAY)
    assert not await counts(board)
    await board.changes.code_came_back((await board.books.directory()).contact(NEW), OPERATOR, OPERATOR)
    await later(board, 0)
    assert await counts(board)


async def test_a_second_person_lets_it_count_at_once(board):
    await coded(board)
    decided = await board.proposals.approve((await change(board)).id, DUTY_DESK, "")
    assert decided.result == "approved"
    assert await counts(board)


async def test_whoever_was_not_told_did_not_stay_silent(board):
    """The only other phone refuses every message: the change waits for approval alone."""
    board.route.become("refuses", SEKDA)
    await coded(board)
    await board.send()
    await later(board, DAY)
    assert not await counts(board)
    waiting = await change(board)
    assert (waiting.state, waiting.subject.contact.counts_at) == ("waiting", None)
    await board.proposals.approve(waiting.id, DUTY_DESK, "")
    assert await counts(board)


async def test_whoever_was_told_late_has_a_day_from_then(board):
    await coded(board)
    await later(board, 20 * HOUR)
    await board.send()
    await later(board, 4 * HOUR)
    assert not await counts(board)
    await later(board, 20 * HOUR + MINUTE)
    assert await counts(board)


async def test_a_notice_that_still_waits_puts_the_change_off(board):
    await coded(board)
    await later(board, DAY)
    assert not await counts(board)
    assert (await change(board)).subject.contact.counts_at == board.clock.now() + HOUR


async def test_a_person_with_no_other_contact_needs_a_second_person(board):
    people = tuple(
        msgspec.structs.replace(one, contacts=()) if one.id == WHO else one for one in board.contents.people
    )
    await board.publish(people=people)
    contact = await board.changes.add(WHO, "sms", NUMBER, OPERATOR)
    await board.changes.code_came_back(contact, OPERATOR, OPERATOR)
    await later(board, 2 * DAY)
    assert not await counts(board, contact.id)
    waiting = await change(board)
    assert waiting.subject.contact.counts_at is None
    await board.proposals.approve(waiting.id, DUTY_DESK, "")
    assert await counts(board, contact.id)


async def test_keberatan_with_the_code_voids_it_and_asks_the_posko(board):
    """Law: docs/specification/trust.md#objections."""
    await coded(board)
    await board.send()
    assert await board.inbound.hear(SEKDA, f"keberatan {code_in(board)}", gateway_id="1") == "recorded"
    decided = await change(board)
    assert (decided.state, str(decided.decided_by)) == ("objected", f"phone:{OLD}")
    assert (await board.books.directory()).contact(NEW) is None
    assert list(await board.store.planned(OWN)) == ["contact-objection|73.15|3"]
    await board.send()
    assert "Keberatan tercatat" in board.texts(SEKDA)[-1]
    await later(board, 2 * DAY)
    assert not await counts(board)


@pytest.mark.parametrize("text", ["KEBERATAN", "OBJECT"])
async def test_without_a_code_nothing_changes(board, text):
    await coded(board)
    await board.send()
    assert await board.inbound.hear(SEKDA, text) == "turned"
    assert (await change(board)).state == "waiting"
    await board.send()
    assert "BELUM TERCATAT" in board.texts(SEKDA)[-1]


async def test_a_guessed_code_is_a_miss_and_five_lock_the_phone(board):
    await coded(board)
    await board.send()
    right = code_in(board)
    wrong = f"{(int(right) + 1) % 10**6:06d}"
    heard = [await board.inbound.hear(SEKDA, f"KEBERATAN {wrong}", gateway_id=str(n)) for n in range(5)]
    assert heard == ["turned"] * 4 + ["locked"]
    assert await board.inbound.hear(SEKDA, f"KEBERATAN {right}", gateway_id="6") == "locked"
    assert (await change(board)).state == "waiting"


async def test_the_code_of_another_phone_objects_to_nothing(board):
    await coded(board)
    await board.send()
    assert await board.inbound.hear("+628110000002", f"KEBERATAN {code_in(board)}") == "turned"
    assert (await change(board)).state == "waiting"


async def test_a_removed_phone_objects_by_sms_and_comes_back(board):
    contact = await coded(board)
    await board.proposals.approve((await change(board)).id, DUTY_DESK, "")
    before = (await board.books.directory()).person(WHO)
    board.clock.set(board.clock.now() + MINUTE)
    await board.changes.take_away(before.contacts[0], "removed", OPERATOR)
    await board.send()
    assert not await counts(board, OLD)
    assert await board.inbound.hear(SEKDA, f"KEBERATAN {code_in(board)}") == "recorded"
    assert (await board.books.directory()).person(WHO) == before
    assert await counts(board, contact.id)


async def test_a_rejected_removal_brings_the_contact_back_and_an_approved_one_is_final(board):
    """Law: docs/specification/trust.md#removed-contacts."""
    await coded(board)
    await board.proposals.approve((await change(board)).id, DUTY_DESK, "")
    board.clock.set(board.clock.now() + MINUTE)
    phone = (await board.books.directory()).contact(OLD)
    await board.changes.take_away(phone, "removed", OPERATOR)
    rejected = await board.proposals.reject((await change(board)).id, DUTY_DESK, "masih dipakai")
    assert rejected.result == "rejected"
    assert await counts(board, OLD)
    board.clock.set(board.clock.now() + MINUTE)
    await board.changes.take_away(phone, "removed", OPERATOR)
    removal = await change(board)
    await board.proposals.approve(removal.id, DUTY_DESK, "")
    assert await board.changes.object(removal.id, DUTY_DESK) == "over"
    assert not await counts(board, OLD)


async def test_so_many_changes_of_one_person_wait_at_most(board):
    """Law: docs/specification/trust.md#contact-change-bounds."""
    for number in range(MOST_OF_HOLDER):
        await board.changes.add(WHO, "email", f"satu{number}@contoh.example", OPERATOR)
    with pytest.raises(TooManyProposalsError):
        await board.changes.add(WHO, "email", "lagi@contoh.example", OPERATOR)


async def test_no_digest_of_a_contact_can_be_searched_without_the_key(board):
    """The same contact under two keys leaves two digests; under one key, one."""
    first = (await coded(board), await change(board))[1]
    other = Switchboard()
    await other.publish()
    approval = RuleSetRollout(
        other.store, other.clock, other.books, other.metrics, max_told=5, history=EventHistory(other.store)
    )
    silences = Silences(other.store, other.clock, other.books, other.desk)
    kept = []
    for key in (b"another key", b"a third key"):
        proposals = Proposals(other.store, other.clock, other.books, approval, silences, keys=Keys(key))
        await proposals.contacts.add(WHO, "sms", NUMBER, OPERATOR)
        found = await change(other)
        kept.append(found.subject.contact.digest)
        await proposals.contacts.take_away((await other.books.directory()).contact(NEW), "removed", OPERATOR)
        other.clock.set(other.clock.now() + MINUTE)
    assert len({first.subject.contact.digest, *kept}) == 3


async def test_a_version_that_an_objection_would_bring_back_is_not_forgotten(board):
    await coded(board)
    await board.proposals.approve((await change(board)).id, DUTY_DESK, "")
    board.clock.set(board.clock.now() + MINUTE)
    await board.changes.take_away((await board.books.directory()).contact(OLD), "removed", OPERATOR)
    waiting = await change(board)
    days = RetentionSection(directory_days=1)
    retention = Retention(board.store, board.clock, days, dedup_days=10)
    await retention.turn()
    await board.publish()
    board.clock.set(board.clock.now() + 2 * DAY)
    await retention.turn()
    assert await board.books.directory_of(waiting.subject.contact.version) is not None


async def test_the_same_removal_twice_within_the_day_ends_and_one_change_waits(board):
    """The address came back by an import meanwhile: its first removal still waits, and an objection brings it back."""
    before = (await board.books.directory()).contents
    contact = (await board.books.directory()).contact(OLD)
    await board.changes.take_away(contact, "removed", OPERATOR)
    await board.books.replace_directory(before, board.clock.now(), OPERATOR)
    await board.changes.take_away(contact, "removed", OPERATOR)
    assert (await board.books.directory()).contact(OLD) is None
    assert len(await board.store.scan(PROPOSALS)) == 1
