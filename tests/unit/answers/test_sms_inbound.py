"""Texts that come in: one effect and one reply each, for who was told, whoever else writes at the same time."""

import asyncio

import msgspec
import pytest

from engine.core.judging.instant import DAY
from engine.delivery.reply_codes import CODES, OF_ALERTS, TOLD, KeptConversation, ReplyCodes
from engine.records.alert_repository import NOTIFICATIONS
from engine.runtime.keys import Keys
from engine.store.codec import decode, encode
from engine.store.port import Put, Write
from engine.texts.conversation import Conversation, SentCode
from tests.unit.support.switchboard import BPBD, KEY, PEOPLE, POSKO, SEKDA, Switchboard, person


@pytest.fixture
def board() -> Switchboard:
    return Switchboard()


async def told(board: Switchboard, ordinal: int = 1, *roles: str, number: str = SEKDA) -> tuple[str, str]:
    """Open an alert, tell it; return its id and its code on the phone."""
    alert_id = await board.open(ordinal, *roles)
    await board.send()
    return alert_id, (await board.line(number)).of(alert_id).code


async def test_two_deliveries_of_a_text_at_once_are_one_text(board):
    alert_id, code = await told(board)
    heard = await asyncio.gather(
        *(board.inbound.hear(SEKDA, f"naik {code}", gateway_id="g1") for _ in range(5))
    )
    assert sorted(heard) == ["duplicate"] * 4 + ["recorded"]
    assert len((await board.alert(alert_id)).runs) == 2
    await board.send()
    assert len(await board.replies()) == 1


async def test_different_texts_at_once_are_all_dealt_with(board):
    _, code = await told(board)
    heard = await asyncio.gather(
        *(board.inbound.hear(SEKDA, text) for text in ("apa", f"baca {code}", "bantuan", f"terima {code}"))
    )
    assert sorted(heard) == ["recorded", "recorded", "turned", "turned"]
    await board.send()
    assert [reply.state for reply in await board.replies()] == ["sent"] * 4


async def test_alerts_told_at_once_to_one_phone_get_different_codes(board):
    alerts = [await board.open(number) for number in range(1, 8)]
    await board.send()
    line = await board.line(SEKDA)
    codes = {line.of(alert).code for alert in alerts}
    assert len(codes) == 7
    assert {text.split()[-1] for text in board.texts(SEKDA)} == codes
    assert line.turn == 7


async def test_a_digest_answered_in_part(board):
    first, _ = await told(board)
    second, _ = await told(board, 2)
    digest = SentCode(code="K7QR", alerts=(first, second), told_at=board.clock.now(), digest=True)
    kept, _ = await board.phones.read(SEKDA, board.clock.now())
    line = msgspec.structs.replace(kept.line, codes=(*kept.line.codes, digest))
    await board.store.write(Write(name="test", puts=(board.phones.put(SEKDA, kept, line),)))
    assert await board.inbound.hear(SEKDA, "1 ok; 2,9 bukan saya K7QR") == "recorded"
    assert (await board.alert(first)).acknowledged_by == "sekda-7315"
    assert (await board.alert(second)).declined == ("sekda-7315",)
    await board.send()
    assert board.texts(SEKDA)[-1] == "K7QR: butir 1, 2 tercatat. Butir 9 tidak ada."
    await board.inbound.hear(SEKDA, "1 selesai K7QR")
    assert await board.inbound.hear(SEKDA, "1 selesai; 2 bukan saya K7QR") == "refused"


async def test_whose_phone_it_was_sent_to_answers_where_two_share_it():
    board = Switchboard(people=(*PEOPLE[:1], person("bpbd-7315", SEKDA, language="en"), PEOPLE[2]))
    alert_id, code = await told(board, 1, "bpbd")
    await board.inbound.hear(SEKDA, f"take {code}")
    assert (await board.alert(alert_id)).acknowledged_by == "bpbd-7315"
    await board.send()
    (reply,) = await board.replies()
    assert (reply.person, reply.language) == ("bpbd-7315", "en")
    assert reply.rendered.text.startswith(f"Recorded {code}")


async def test_who_got_the_number_later_cannot_answer_for_who_had_it(board):
    alert_id, code = await told(board)
    await board.publish(people=(PEOPLE[1], PEOPLE[2], person("orang-baru", SEKDA)))
    assert await board.inbound.hear(SEKDA, f"terima {code}") == "refused"
    assert (await board.alert(alert_id)).status == "open"
    await board.send()
    (reply,) = await board.replies()
    assert reply.person == "orang-baru"
    assert reply.rendered.text.startswith(f"Tidak dicatat {code}")


async def test_who_was_only_informed_may_say_that_they_read_it(board):
    alert_id, code = await told(board)
    await board.inbound.hear(SEKDA, f"terima {code}")
    assert await board.inbound.hear(BPBD, f"terima {code}") == "turned"
    assert (await board.alert(alert_id)).acknowledged_by == "sekda-7315"


@pytest.mark.parametrize("to", ["bpbd", "bpbd-7315", "ke BPBD_7315"])
async def test_delegating_to_a_role_or_a_person(board, to):
    alert_id, code = await told(board)
    assert await board.inbound.hear(SEKDA, f"teruskan {to} {code}") == "recorded"
    assert [d.delegate for d in (await board.alert(alert_id)).delegations] == ["bpbd-7315"]


async def test_a_delegate_whose_id_reads_like_anothers_is_not_guessed():
    board = Switchboard(people=(*PEOPLE, person("bpbd_7315", "+628110000009")))
    alert_id, code = await told(board)
    assert await board.inbound.hear(SEKDA, f"teruskan bpbd-7315 {code}") == "refused"
    assert (await board.alert(alert_id)).delegations == ()


async def test_a_reply_that_does_not_get_through_is_tried_three_times(board):
    _, code = await told(board)
    await board.inbound.hear(SEKDA, f"baca {code}")
    board.route.become("down")
    tried = board.route.tried
    states = []
    for seconds in (1, 14, 1, 44, 1, 300):
        await board.send(seconds)
        states.append(((await board.replies())[0].state, board.route.tried - tried))
    assert states == [
        ("pending", 1),
        ("pending", 1),
        ("pending", 2),
        ("pending", 2),
        ("failed", 3),
        ("failed", 3),
    ]
    assert (await board.replies())[0].reason == "refused_connection"
    assert (await board.replies())[0].id not in await board.outbox()


async def test_a_reply_whose_outcome_was_never_recorded_goes_again_unchanged(board):
    _, code = await told(board)
    await board.inbound.hear(SEKDA, f"baca {code}")
    (planned,) = await board.replies()
    now = board.clock.now()
    assert await board.dispatcher.replies.claim(planned.id, now + 60_000) is not None
    await board.send(59)
    assert (await board.replies())[0].state == "sending"
    await board.send(1)
    assert (await board.replies())[0].state == "sent"
    assert board.texts(SEKDA)[-1] == planned.rendered.text


async def test_a_reply_to_a_contact_that_is_gone_is_not_sent(board):
    await told(board)
    await board.inbound.hear(SEKDA, "apa")
    await board.publish(people=PEOPLE[1:])
    await board.send()
    (reply,) = await board.replies()
    assert (reply.state, reply.reason) == ("suppressed", "contact_gone")
    assert reply.id not in await board.outbox()


async def test_a_planned_reply_that_is_not_there_any_more_is_taken_off_the_plan(board):
    await told(board)
    await board.inbound.hear(SEKDA, "apa")
    (reply,) = await board.replies()
    settled = msgspec.structs.replace(reply, due_at=None, state="sent")
    await board.store.write(Write(name="test", puts=(Put(NOTIFICATIONS, reply.id, encode(settled)),)))
    await board.send()
    assert reply.id not in await board.outbox()
    assert len(board.texts(SEKDA)) == 1


async def test_a_code_is_forgotten_ninety_days_after_its_alert_was_closed(board):
    alert_id, code = await told(board)
    await board.inbound.hear(SEKDA, f"selesai {code}")
    await board.send()
    board.clock.set(board.clock.now() + 89 * DAY)
    await board.inbound.hear(SEKDA, f"terima {code}")
    board.clock.set(board.clock.now() + 2 * DAY)
    await board.inbound.hear(SEKDA, f"baca {code}")
    await board.send()
    said = [reply.rendered.text for reply in await board.replies()]
    assert said[1].startswith("Kode lama")
    assert said[2].startswith("Kode tidak dikenal")
    assert (await board.line(SEKDA)).of(alert_id) is None


async def test_stop_concerns_everybody_with_that_number_and_nobody_else():
    board = Switchboard(people=(*PEOPLE[:1], person("bpbd-7315", SEKDA), PEOPLE[2]))
    _, code = await told(board)
    assert await board.inbound.hear(SEKDA, f"Stop {code}") == "stopped"
    directory = await board.books.directory()
    contacts = [directory.contact(f"{name}/sms/1") for name in ("sekda-7315", "bpbd-7315", "posko")]
    assert [(contact.verified, contact.stopped) for contact in contacts] == [
        (True, True),
        (True, True),
        (True, False),
    ]
    assert [contact.serves(level) for contact in contacts[:1] for level in (2, 3, 4)] == [False, False, True]
    await board.send()
    assert len(await board.replies()) == 1


async def test_a_phone_that_was_never_told_anything_is_answered_too(board):
    await told(board)
    assert await board.inbound.hear(POSKO, "terima") == "turned"
    await board.send()
    assert board.texts(POSKO) == ["Tidak ada peringatan terbuka untuk telepon ini. Tidak ada yang dicatat."]


async def test_the_table_of_codes_names_no_number(board):
    await told(board, 1, "sekda", "bpbd")
    lines = await board.store.scan(CODES)
    assert len(lines) == 2
    assert all(isinstance(decode(record.value, Conversation), Conversation) for record in lines.values())
    for phone, record in (lines | await board.store.scan(TOLD) | await board.store.scan(OF_ALERTS)).items():
        for number in (SEKDA, BPBD):
            assert number[1:] not in phone
            assert number[1:].encode() not in record.value


async def test_the_digest_of_a_number_needs_the_key(board):
    assert board.phones.digest(SEKDA) != Switchboard().phones.digest(BPBD)
    assert board.phones.digest(SEKDA) == Switchboard().phones.digest(SEKDA)
    assert type(board.phones)(board.store, Keys(b"another")).digest(SEKDA) != board.phones.digest(SEKDA)


async def test_codes_live_on_when_the_key_is_replaced():
    """An answer to a message of before counts; what is written from then on goes under the new key."""
    board = Switchboard()
    await board.open()
    await board.send()
    before, _ = await board.phones.read(SEKDA, board.clock.now())
    phones = ReplyCodes(board.store, Keys(b"another", (KEY,)))
    kept, _ = await phones.read(SEKDA, board.clock.now())
    assert (kept.line, kept.version) == (before.line, 0)
    assert before.line.codes
    await board.store.write(Write(name="test", puts=(phones.put(SEKDA, kept, Conversation()),)))
    assert (await phones.read(SEKDA, board.clock.now()))[0].line.codes == before.line.codes
    assert (await ReplyCodes(board.store, Keys(b"another")).read(SEKDA, board.clock.now()))[0].version > 0


def test_a_line_that_was_never_kept_has_no_alerts():
    assert KeptConversation(Conversation(), 0, "phone").alerts == []
