"""Codes guessed by SMS: there are 4,232 of the shortest length, and each text costs next to nothing."""

from itertools import product

from engine.core.judging.instant import HOUR
from engine.delivery.reply_codes import AT_MOST, CODE_MISSES, CODES
from engine.store.codec import decode
from engine.texts.conversation import MISSES_AT_MOST, Conversation
from engine.texts.reply_code import DIGITS, LETTERS, written
from tests.acceptance.web.test_inbound import desk, first_sms
from tests.security.test_forged_stop import numbers

__all__ = ["desk"]
ALL_CODES = [written(first + last, digit) for first, digit, last in product(LETTERS, DIGITS, LETTERS)]


async def guess(desk, number: str, codes) -> None:
    """Bring texts from one number at one instant, as a script does."""
    for code in codes:
        await desk.siaga.inbound.hear(number, f"SELESAI {code}")


async def guessing(desk):
    return [alert for alert in await desk.siaga.desk.alerts() if alert.rule.id == "siaga.code-guessing"]


async def test_of_4232_codes_tried_none_is_heard(desk):
    """Law: docs/specification/trust.md#code-guessing."""
    alert_id, _asked, number, _code = await first_sms(desk)
    assert len(ALL_CODES) == 4_232
    before = (await desk.siaga.desk.case(alert_id)).alert
    await guess(desk, number, ALL_CODES)
    await desk.siaga.advance(desk.siaga.clock.now() + 60_000)
    after = (await desk.siaga.desk.case(alert_id)).alert
    assert (after.status, after.takings, after.seen) == (before.status, (), before.seen)
    (alert,) = await guessing(desk)
    assert alert.region == "94.02"
    said = await desk.replies()
    assert len(said) == MISSES_AT_MOST
    (locked,) = [one for one in said if one.startswith("Terlalu banyak kode salah")]
    assert len(locked) <= 160
    records = (await desk.siaga.store.scan(CODE_MISSES)).values()
    assert all(len(decode(record.value, tuple[int, ...])) <= AT_MOST + 1 for record in records)
    lines = (await desk.siaga.store.scan(CODES)).values()
    assert all(len(decode(record.value, Conversation).misses) < MISSES_AT_MOST for record in lines)


async def test_after_an_hour_the_phone_is_heard_again(desk):
    alert_id, _asked, number, code = await first_sms(desk)
    wrong = [one for one in ALL_CODES if one != code][:MISSES_AT_MOST]
    await guess(desk, number, wrong)
    assert await desk.siaga.inbound.hear(number, f"TERIMA {code}") == "locked"
    desk.siaga.clock.set(desk.siaga.clock.now() + HOUR - 1)
    assert await desk.siaga.inbound.hear(number, f"TERIMA {code}") == "locked"
    desk.siaga.clock.set(desk.siaga.clock.now() + 1)
    assert await desk.siaga.inbound.hear(number, f"TERIMA {code}") == "recorded"
    assert (await desk.siaga.desk.case(alert_id)).alert.takings


async def test_four_wrong_codes_an_hour_are_ordinary_typing(desk):
    _, _asked, number, code = await first_sms(desk)
    wrong = [one for one in ALL_CODES if one != code]
    for turn in range(3):
        await guess(desk, number, wrong[4 * turn : 4 * turn + 4])
        desk.siaga.clock.set(desk.siaga.clock.now() + HOUR)
    assert await desk.siaga.inbound.hear(number, f"TERIMA {code}") == "recorded"


async def test_few_guesses_from_each_of_many_phones_open_the_alert_too(desk):
    await first_sms(desk)
    phones = await numbers(desk)
    each = MISSES_AT_MOST - 1
    assert len(phones) * each > AT_MOST
    for turn, number in enumerate(phones):
        await guess(desk, number, ALL_CODES[turn * each : (turn + 1) * each])
    await desk.siaga.advance(desk.siaga.clock.now() + 60_000)
    assert [alert.region for alert in await guessing(desk)] == ["00"]
