"""Suspicions from reading the code, each settled by a test: what held is pinned, what did not is mended."""

import asyncio
from collections.abc import Callable

import pytest

from engine.clock import ManualClock
from engine.core.alerting.alert import Notification, Rendered
from engine.core.judging.condition import Count
from engine.errors import SiagaError, StoreUnavailableError
from engine.escalation.item_retry import PUT_OFF, ItemRetry
from engine.escalation.notes import NOTES, Notes
from engine.metrics import Metrics
from engine.operations.personal_data import PersonalData
from engine.records.alert_repository import NOTIFICATIONS
from engine.records.rule_sets import RULES
from engine.records.runtime_config import DIRECTORY
from engine.runtime.batcher import Batcher
from engine.runtime.loop_runner import Loop
from engine.store.codec import decode, encode
from engine.store.memory import MemoryStore
from engine.store.port import Drop, Plan, Put, Write, WriteOutcome
from tests.acceptance.poison.test_judging import Poisoned
from tests.acceptance.reload.service import START, rule
from tests.credentials import OPERATOR
from tests.defects.test_unreadable_records import BAD, HERE, opened, proposed, reports
from tests.unit.operations.test_personal_data import WHO, told_and_answered

TWO = rule("dua", Count(2, 86_400_000))
THREE = rule("dua", Count(3, 86_400_000))

# --- futures cancelled inside a batch end a loop silently ----------------------------------------------------------
# True at a2f7b6b: whoever asked in a round that was cancelled was cancelled too, and a task group says nothing of a
# task that ends so. Now the caller gets an error, and a loop that was not itself cancelled goes on.


async def cancelled(_few: object) -> list[object]:
    raise asyncio.CancelledError


async def test_who_asks_in_a_round_that_is_cancelled_gets_an_error_and_is_not_cancelled():
    rounds = Batcher(cancelled)
    caller = asyncio.create_task(rounds.ask(1))
    await asyncio.wait([caller])
    assert not caller.cancelled()
    assert caller.exception() is not None


@pytest.mark.parametrize("raised", [asyncio.CancelledError, ValueError])
async def test_a_loop_goes_on_after_a_turn_that_was_cancelled_from_inside(raised: type[BaseException]):
    store, turns, went_on = MemoryStore(), [0], asyncio.Event()

    async def turn() -> int:
        turns[0] += 1
        if turns[0] == 1:
            raise raised
        went_on.set()
        return 0

    loop = Loop("escalator", turn, store=store, clock=ManualClock(START), metrics=Metrics())
    task = asyncio.create_task(loop.run())
    second = asyncio.create_task(went_on.wait())
    await asyncio.wait([task, second], return_when=asyncio.FIRST_COMPLETED, timeout=30)
    assert not task.done(), "the loop has ended"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    second.cancel()


async def test_an_item_whose_work_is_cancelled_from_inside_is_put_off_alone():
    store = MemoryStore()
    setbacks = ItemRetry("escalator", "alerts", store=store, clock=ManualClock(START), metrics=Metrics())
    await store.write(Write(name="t", plans=(Plan("alerts", "a", START),)))
    worked = asyncio.create_task(setbacks.spare_others("a", Batcher(cancelled).ask(1), planned=START))
    await asyncio.wait([worked])
    assert not worked.cancelled()
    assert worked.result() is False
    assert await store.planned("alerts") == {"a": START + PUT_OFF}


async def test_who_is_cancelled_while_it_waits_for_a_round_is_cancelled():
    go = asyncio.Event()

    async def work(few: list[int]) -> list[int]:
        await go.wait()
        return list(few)

    async def item() -> None:
        await Batcher(work).ask(1)

    setbacks = ItemRetry("callbacks", store=MemoryStore(), clock=ManualClock(START), metrics=Metrics())
    task = asyncio.create_task(setbacks.spare_others("a", item()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()


# --- a StoreError while rules are prepared is told as unfit rules --------------------------------------------------
# True at a2f7b6b: the metric said `raised`, and the alert told people to run `siaga check`. Now it is told as what it
# is. A store that is away was never told so, and still is not: the next turn tries again.


@pytest.mark.parametrize("waits", [True, False], ids=["after the past", "at once"])
async def test_a_rule_set_that_cannot_be_read_is_refused_for_that_and_not_for_its_rules(waits: bool):
    service = Poisoned(TWO)
    await reports(service, HERE, 1)
    write = proposed(THREE, waits=waits, now=service.clock.now())
    await service.store.write(write)
    (rule_set,) = [put.id for put in write.puts if put.table == "rule_sets"]
    await service.store.write(Write(name="t", puts=(Put("rule_sets", rule_set, BAD),)))
    await service.judge()
    assert service.count("siaga_rules_rejected_total", reason="raised") == 0
    assert service.count("siaga_rules_rejected_total", reason="unreadable") == 1
    assert "unreadable|00|3" in await service.asked()
    assert "rules|00|3" not in await service.asked()
    await reports(service, HERE, 2)
    assert await opened(service) == [HERE]


async def test_a_proposal_that_cannot_be_read_is_refused_for_that():
    service = Poisoned(TWO)
    await reports(service, HERE, 1)
    await service.store.write(Write(name="t", puts=(Put(RULES, "pending", BAD),)))
    await service.judge()
    assert service.count("siaga_rules_rejected_total", reason="raised") == 0
    assert "unreadable|00|3" in await service.asked()
    await reports(service, HERE, 2)
    assert await opened(service) == [HERE]


class Away(MemoryStore):
    """A store that does not answer when a rule set is asked for."""

    away = False

    async def get(self, table, ids):
        if self.away and table == "rule_sets":
            raise StoreUnavailableError
        return await super().get(table, ids)


@pytest.mark.parametrize("waits", [True, False], ids=["after the past", "at once"])
async def test_a_store_that_is_away_says_nothing_about_a_proposal(waits: bool):
    service = Poisoned(TWO)
    service.store = Away()
    service.begin()
    await reports(service, HERE, 1)
    await service.store.write(proposed(THREE, waits=waits, now=service.clock.now()))
    service.store.away = True
    with pytest.raises(StoreUnavailableError):
        await service.judge()
    service.store.away = False
    await service.judge()
    assert service.books.rule_set.rules == {"dua": THREE}
    assert service.count("siaga_rules_rejected_total", reason="raised") == 0


# --- erasure that ignores conflicts ----------------------------------------------------------------------------------
# True at a2f7b6b for messages and versions of the directory: the words of a message that a delivery report changed in
# that instant stayed, and nobody was told. A note is dropped whatever its version, so that one cannot conflict.


class Overtaken(MemoryStore):
    """A store in which somebody else changes the record right before the first `erase` of it."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: dict[str, Callable[[bytes], bytes]] = {}

    async def write(self, write: Write) -> WriteOutcome:
        if write.name == "erase":
            for put in write.puts:
                change = self.meanwhile.pop(put.table, None)
                if change is not None:
                    (record,) = await self.get(put.table, [put.id])
                    other = Write(name="report", puts=(Put(put.table, put.id, change(record.value)),))
                    await super().write(other)
        return await super().write(write)


async def test_a_message_that_is_changed_meanwhile_is_erased_all_the_same():
    board, _ = await told_and_answered(Overtaken())
    board.store.meanwhile[NOTIFICATIONS] = bytes
    erased = await PersonalData(board.store, board.books).erase(WHO, board.clock.now(), OPERATOR)
    assert (erased["person"], erased["messages"], erased["notes"]) == (1, 1, 1)
    assert await words(board.store) == set()


async def test_a_version_of_the_directory_that_is_changed_meanwhile_is_erased_all_the_same():
    board, _ = await told_and_answered(Overtaken())
    board.store.meanwhile[DIRECTORY] = bytes
    await PersonalData(board.store, board.books).erase(WHO, board.clock.now(), OPERATOR)
    left = [one.value for one in (await board.store.scan(DIRECTORY)).values() if WHO.encode() in one.value]
    assert left == []


async def words(store: MemoryStore) -> set[Rendered]:
    """Return the words and addresses that are left of the person's messages."""
    messages = [decode(r.value, Notification) for r in (await store.scan(NOTIFICATIONS)).values()]
    bare = Rendered(to="", text="")
    return {m.rendered for m in messages if m.person == WHO and m.rendered not in (None, bare)}


async def test_a_note_is_erased_whatever_its_version():
    store = MemoryStore()
    for text in ("satu", "dua"):
        await store.write(Write(name="t", puts=(Put(NOTES, "a/d", encode(text)),)))
    await Notes(store).erase("a", "d")
    assert await store.scan(NOTES) == {}


async def test_an_erasure_that_cannot_look_into_a_record_says_so_after_everything_else():
    board, _ = await told_and_answered(MemoryStore())
    await board.store.write(Write(name="t", puts=(Put(NOTIFICATIONS, "rusak", BAD),)))
    with pytest.raises(SiagaError, match="notifications/rusak"):
        await PersonalData(board.store, board.books).erase(WHO, board.clock.now(), OPERATOR)
    await board.store.write(Write(name="t", drops=(Drop(NOTIFICATIONS, "rusak"),)))
    assert (await board.books.directory()).person(WHO) is None
    assert await words(board.store) == set()
