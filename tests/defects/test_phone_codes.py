"""What a text of a phone costs does not grow with the codes that the phone was sent; codes of closed alerts leave."""

import msgspec
import pytest

from engine.core.judging.instant import DAY, MINUTE
from engine.delivery.reply_codes import CODES
from engine.records.alert_repository import ALERTS
from engine.store.codec import decode, encode
from engine.store.port import Drop, Plan, Put, Write
from engine.texts.conversation import Conversation
from tests.defects.test_paged_lists import Counting
from tests.unit.support.switchboard import SEKDA, Switchboard

MANY = 700
"""Codes of the phone besides the one that is told."""
BOUND = 250
"""Records and members of schedules that a text, or a message with a code, may read."""


async def busy_phone(*, resolved: bool = False) -> tuple[Switchboard, str]:
    """A phone that was sent the codes of many alerts, all but one by messages that went out one by one."""
    board = Switchboard(store=Counting())
    first = await board.open(1)
    await board.send()
    alert = await board.alert(first)
    for number in range(MANY):
        copy = msgspec.structs.replace(
            alert,
            id=f"copy-{number:04}",
            notifications=(),
            status="resolved" if resolved else "open",
            resolved_at=board.clock.now() if resolved else None,
        )
        await board.store.write(Write(name="test", puts=(Put(ALERTS, copy.id, encode(copy)),)))
        await tell(board, copy.id)
    return board, first


async def tell(board: Switchboard, alert_id: str) -> str:
    """Let a message with the code of an alert go out to the phone; return the code."""
    board.clock.set(board.clock.now() + 1)
    sent = await board.phones.tell(SEKDA, alert_id, board.clock.now(), notice=True)
    parts = {"puts": (sent.put,)} if hasattr(sent, "put") else {}
    parts = parts or {"puts": sent.puts, "plans": sent.plans, "drops": sent.drops}
    await board.store.write(Write(name="test", **parts))
    return sent.code


async def cost(board: Switchboard, text: str) -> tuple[str, int]:
    board.store.asked_for = 0
    heard = await board.inbound.hear(SEKDA, text)
    return heard, board.store.asked_for


@pytest.mark.parametrize("named", [True, False])
async def test_a_text_of_a_busy_phone_reads_a_bounded_number_of_records(named):
    board, first = await busy_phone()
    code = await tell(board, first)
    heard, read = await cost(board, f"terima {code}" if named else "terima")
    assert heard == ("recorded" if named else "turned")
    assert read <= BOUND


async def test_a_message_to_a_busy_phone_reads_a_bounded_number_of_records():
    board, _ = await busy_phone()
    board.store.asked_for = 0
    await tell(board, "one more")
    assert board.store.asked_for <= BOUND


async def test_codes_of_closed_alerts_leave_so_that_the_next_text_is_cheap_again():
    """What closed since is taken off by the first text that comes by it; the one alert that is open is then meant."""
    board, _ = await busy_phone(resolved=True)
    board.clock.set(board.clock.now() + MINUTE)
    assert (await cost(board, "baca"))[0] == "recorded"
    heard, read = await cost(board, "terima")
    assert heard == "refused"  # an SMS without its code does no more than `seen`
    assert read <= BOUND


async def test_no_two_codes_of_a_busy_phone_are_equal():
    board, _ = await busy_phone()
    codes = [await tell(board, f"copy-{number:04}") for number in range(MANY)]
    assert len(set(codes)) == MANY


async def test_codes_of_an_older_store_stand_in_the_line_and_answer_all_the_same():
    """The next message to the phone moves them; before and after, each code means its alert."""
    board = Switchboard(store=Counting())
    alerts = [await board.open(number) for number in range(1, 4)]
    await board.send()
    line = await board.line(SEKDA)
    codes = [line.of(alert).code for alert in alerts]
    phone = board.phones.digest(SEKDA)
    old = Conversation(codes=tuple(msgspec.structs.replace(one, number=0) for one in line.codes), turn=3)
    drops = [
        Drop(table, id_) for table in ("told_codes", "alert_codes") for id_ in await board.store.scan(table)
    ]
    plans = [Plan(f"codes:{phone}", code, None) for code in codes]
    puts = (Put(CODES, phone, encode(old)),)
    await board.store.write(Write(name="test", puts=puts, drops=tuple(drops), plans=tuple(plans)))
    assert await board.inbound.hear(SEKDA, f"terima {codes[0]}") == "recorded"
    assert await tell(board, alerts[1]) == codes[1]
    moved = decode((await board.store.get(CODES, [phone]))[0].value, Conversation)
    assert (moved.codes, moved.used) == ((), {4: 3})
    assert await board.inbound.hear(SEKDA, f"terima {codes[2]}") == "recorded"
    assert [bool((await board.alert(alert)).acknowledged_by) for alert in alerts] == [True, False, True]


async def test_a_code_that_was_closed_ninety_days_ago_may_be_used_again():
    board, _ = await busy_phone(resolved=True)
    await board.inbound.hear(SEKDA, "baca")
    board.clock.set(board.clock.now() + 91 * DAY)
    before = sum((await used(board)).values())
    for number in range(3):
        await tell(board, f"later {number}")
    assert sum((await used(board)).values()) < before


async def used(board: Switchboard) -> dict[int, int]:
    (record,) = await board.store.get(CODES, [board.phones.digest(SEKDA)])
    return decode(record.value, Conversation).used
