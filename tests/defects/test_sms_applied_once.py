"""A text that names several items is applied once, whatever dies in between and whoever else works on it."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Literal

import msgspec
import pytest

from engine.answers.verification import Verifications
from engine.core.alerting.directory import marked
from engine.errors import StoreUnavailableError
from engine.records.alert_repository import ALERTS
from engine.runtime.keys import Keys
from engine.store.memory import MemoryStore
from engine.store.port import Drop, Write, WriteOutcome
from engine.texts.conversation import SentCode
from tests.credentials import OPERATOR
from tests.unit.support.switchboard import KEY, PEOPLE, SEKDA, Switchboard

TEXT = "1 naik; 2 terima; 3 bukan saya K7QR"
Side = Literal["before", "after"]


class Interrupted(MemoryStore):
    """A store that does something before or after the n-th write from now on: `interrupt`."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.at: tuple[Side, int] | None = None
        self.interrupt: Callable[[], Awaitable[object]] | None = None

    def on(self, side: Side, number: int, interrupt: Callable[[], Awaitable[object]]) -> None:
        self.count, self.at, self.interrupt = 0, (side, number), interrupt

    async def write(self, write: Write) -> WriteOutcome:
        self.count += 1
        here, interrupt = self.count, self.interrupt
        if interrupt is not None and self.at == ("before", here):
            self.interrupt = None
            await interrupt()
        outcome = await super().write(write)
        if interrupt is not None and self.at == ("after", here):
            self.interrupt = None
            await interrupt()
        return outcome


async def away() -> None:
    """The store is away; what it did before, it did."""
    raise StoreUnavailableError("away")


async def board_with_digest() -> tuple[Switchboard, list[str]]:
    """A desk whose phone got three alerts in one digest."""
    board = Switchboard(store=Interrupted())
    alerts = [await board.open(number) for number in (1, 2, 3)]
    await board.send()
    digest = SentCode(code="K7QR", alerts=tuple(alerts), told_at=board.clock.now(), digest=True)
    kept, _ = await board.phones.read(SEKDA, board.clock.now())
    line = msgspec.structs.replace(kept.line, codes=(*kept.line.codes, digest))
    await board.store.write(Write(name="test", puts=(board.phones.put(SEKDA, kept, line),)))
    return board, alerts


async def left(board: Switchboard, alerts: list[str]) -> dict[str, object]:
    """What the text left: how far each alert is, and what was said to the phone."""
    first, second, third = [await board.alert(alert) for alert in alerts]
    return {
        "escalated": await escalated(board, alerts[0]),
        "taken by": second.acknowledged_by,
        "declined by": third.declined,
        "entries": [first.history, second.history, third.history],
        "replies": [reply.rendered.text for reply in await board.replies()],
        "remembered": len((await board.line(SEKDA)).heard),
    }


async def escalated(board: Switchboard, alert: str) -> int:
    """How often somebody asked for the next step of an alert."""
    return sum(entry.name == "escalated_by_hand" for entry in await board.desk.history(alert))


async def undisturbed() -> tuple[dict[str, object], int]:
    """What the text leaves where nothing comes between, and in how many writes."""
    board, alerts = await board_with_digest()
    board.store.count = 0
    assert await board.inbound.hear(SEKDA, TEXT, gateway_id="g1") == "recorded"
    return await left(board, alerts), board.store.count


POINTS = [(side, number) for number in (1, 2, 3) for side in ("before", "after")]


async def test_an_undisturbed_text_makes_one_write_an_item():
    found, writes = await undisturbed()
    assert found["escalated"] == 1
    assert found["taken by"] == "sekda-7315"
    assert found["declined by"] == ("sekda-7315",)
    assert found["replies"] == ["K7QR: butir 1, 2, 3 tercatat."]
    assert found["remembered"] == 1
    assert writes == 3


@pytest.mark.parametrize(("side", "number"), POINTS)
async def test_what_is_interrupted_is_gone_on_with_when_the_text_comes_again(side, number):
    """Law: docs/specification/escalation.md#texts-with-several-items."""
    board, alerts = await board_with_digest()
    board.store.on(side, number, away)
    heard = []
    with suppress(StoreUnavailableError):  # where the write was done that may be found out
        heard.append(await board.inbound.hear(SEKDA, TEXT, gateway_id="g1"))
    heard.append(await board.another_inbound().hear(SEKDA, TEXT, gateway_id="g1"))
    whole = side == "after" and number == 3
    assert heard in (["recorded", "duplicate"], ["duplicate"] if whole else ["recorded"])
    assert await left(board, alerts) == (await undisturbed())[0]


@pytest.mark.parametrize(("side", "number"), POINTS)
async def test_two_processes_that_work_on_one_text_apply_it_once(side, number):
    board, alerts = await board_with_digest()
    other, heard = board.another_inbound(), []

    async def meanwhile() -> None:
        heard.append(await other.hear(SEKDA, TEXT, gateway_id="g1"))

    board.store.on(side, number, meanwhile)
    heard.append(await board.inbound.hear(SEKDA, TEXT, gateway_id="g1"))
    assert sorted(heard) == ["duplicate", "recorded"]
    assert await left(board, alerts) == (await undisturbed())[0]


@pytest.mark.parametrize(
    ("side", "number"), [(side, number) for number in (1, 2, 3) for side in ("before", "after")]
)
async def test_a_text_that_verifies_its_phone_is_answered_the_same_when_it_comes_again(side, number):
    """The code is spent by then; whoever sent it must not read that it is unknown."""
    board = Switchboard(store=Interrupted())
    phone = msgspec.structs.replace(PEOPLE[0].contacts[0], verified=False)
    await board.publish(people=(msgspec.structs.replace(PEOPLE[0], contacts=(phone,)), *PEOPLE[1:]))
    code = await Verifications(board.store, board.books, Keys(KEY)).ask(phone, board.clock.now())
    board.store.on(side, number, away)
    heard = []
    with suppress(StoreUnavailableError):
        heard.append(await board.inbound.hear(SEKDA, code, gateway_id="g1"))
    heard.append(await board.another_inbound().hear(SEKDA, code, gateway_id="g1"))
    assert heard == (["duplicate"] if (side, number) == ("after", 3) else ["verified"])
    assert (await board.books.directory()).contact(phone.id).verified
    (reply,) = await board.replies()
    assert reply.rendered.text.startswith("Terima kasih, telepon ini tercatat.")


@pytest.mark.parametrize(("side", "number"), [("before", 1), ("after", 1)])
async def test_a_text_that_ends_messages_is_answered_the_same_when_it_comes_again(side, number):
    board = Switchboard(store=Interrupted())
    alert_id = await board.open(1)
    await board.send()
    code = (await board.line(SEKDA)).of(alert_id).code
    board.store.on(side, number, away)
    with pytest.raises(StoreUnavailableError):
        await board.inbound.hear(SEKDA, f"BERHENTI {code}", gateway_id="g1")
    await board.another_inbound().hear(SEKDA, f"BERHENTI {code}", gateway_id="g1")
    assert (await board.books.directory()).contact("sekda-7315/sms/1").stopped
    (reply,) = await board.replies()
    assert reply.state == "pending"


async def test_a_text_that_comes_again_after_it_was_applied_changes_nothing():
    board, alerts = await board_with_digest()
    await board.inbound.hear(SEKDA, TEXT, gateway_id="g1")
    await board.send()
    before = await left(board, alerts)
    for inbound in (board.inbound, board.another_inbound()):
        assert await inbound.hear(SEKDA, TEXT, gateway_id="g1") == "duplicate"
    assert await left(board, alerts) == before


async def test_without_a_gateways_id_it_is_gone_on_with_though_the_phone_was_sent_something_since():
    board, alerts = await board_with_digest()
    board.store.on("before", 2, away)
    with pytest.raises(StoreUnavailableError):
        await board.inbound.hear(SEKDA, TEXT)
    turn = (await board.line(SEKDA)).turn
    await board.send()
    assert (await board.line(SEKDA)).turn > turn  # the step that the first item started was told
    assert await board.inbound.hear(SEKDA, TEXT) == "recorded"
    assert await escalated(board, alerts[0]) == 1
    assert [reply.rendered.text for reply in await board.replies()] == ["K7QR: butir 1, 2, 3 tercatat."]


async def test_it_says_the_same_though_its_alerts_were_closed_meanwhile():
    """The code of a digest whose alerts are all closed is an old one; what the text began is told all the same."""
    board, _ = await board_with_digest()
    board.store.on("before", 3, away)
    with pytest.raises(StoreUnavailableError):
        await board.inbound.hear(SEKDA, TEXT, gateway_id="g1")
    await board.inbound.hear(SEKDA, "1,2,3 selesai K7QR", gateway_id="g2")
    assert await board.inbound.hear(SEKDA, TEXT, gateway_id="g1") == "recorded"
    said = {reply.rendered.text for reply in await board.replies()}
    assert said == {
        "K7QR: butir 1, 2, 3 tercatat.",  # to the second text
        "K7QR: butir 1, 2 tercatat. Butir 3 tidak dapat dicatat; mohon hubungi Posko.",
    }


async def test_an_item_whose_alert_is_gone_does_not_keep_the_text_from_ending():
    board, alerts = await board_with_digest()
    await board.store.write(Write(name="test", drops=(Drop(ALERTS, alerts[2]),)))
    assert await board.inbound.hear(SEKDA, TEXT, gateway_id="g1") == "recorded"
    assert await board.inbound.hear(SEKDA, TEXT, gateway_id="g1") == "duplicate"
    (reply,) = await board.replies()
    assert reply.rendered.text.startswith("K7QR: butir 1, 2 tercatat.")
    assert await escalated(board, alerts[0]) == 1


async def board_with_code() -> tuple[Switchboard, str]:
    """A desk whose phone got the code of an alert."""
    board = Switchboard(store=Interrupted())
    await board.open()
    await board.send()
    return board, (await board.line(SEKDA)).codes[0].code


async def stopped_and_undone(board: Switchboard) -> tuple[bool, int, int]:
    """Whether the phone is stopped, how many versions of the directory there are, and how many replies."""
    directory = await board.books.directory()
    contact = directory.contact("sekda-7315/sms/1")
    assert contact is not None
    return contact.stopped, directory.version, len(await board.replies())


@pytest.mark.parametrize("side", ["before", "after"])
async def test_a_stop_that_comes_again_after_an_interruption_changes_the_directory_once(side):
    board, code = await board_with_code()
    before = (await board.books.directory()).version
    board.store.on(side, 1, away)
    with suppress(StoreUnavailableError):
        await board.inbound.hear(SEKDA, f"STOP {code}", gateway_id="g1")
    assert await board.another_inbound().hear(SEKDA, f"STOP {code}", gateway_id="g1") in (
        "stopped",
        "duplicate",
    )
    assert await stopped_and_undone(board) == (True, before + 1, 1)


async def test_a_stop_that_comes_again_does_not_undo_what_was_confirmed_since():
    board, code = await board_with_code()
    before = (await board.books.directory()).version
    board.store.on("after", 1, away)
    with suppress(StoreUnavailableError):
        await board.inbound.hear(SEKDA, f"STOP {code}", gateway_id="g1")
    await board.books.amend_directory(
        lambda contents: marked(contents, {"sekda-7315/sms/1"}, verified=True), board.clock.now(), OPERATOR
    )
    await board.another_inbound().hear(SEKDA, f"STOP {code}", gateway_id="g1")
    assert await stopped_and_undone(board) == (False, before + 2, 1)


@pytest.mark.parametrize("side", ["before", "after"])
async def test_two_processes_that_hear_one_stop_carry_it_out_once(side):
    board, code = await board_with_code()
    before, other, heard = (await board.books.directory()).version, board.another_inbound(), []

    async def meanwhile() -> None:
        heard.append(await other.hear(SEKDA, f"STOP {code}", gateway_id="g1"))

    board.store.on(side, 1, meanwhile)
    heard.append(await board.inbound.hear(SEKDA, f"STOP {code}", gateway_id="g1"))
    assert sorted(heard) == ["duplicate", "stopped"]
    assert await stopped_and_undone(board) == (True, before + 1, 1)
