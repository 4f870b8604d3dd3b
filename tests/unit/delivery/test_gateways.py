"""Choosing a gateway: failover while a breaker is open, one probe, and a message written for the route it takes."""

import asyncio

import msgspec
import pytest

from engine.clock import ManualClock
from engine.core.alerting.gateway_route import FAILURES_TO_OPEN, OPEN_FOR, Route
from engine.delivery.gateways import Gateway, Gateways
from engine.documents.gateways import Rate
from engine.metrics import Metrics
from engine.records.runtime_config import BREAKERS
from engine.store.memory import MemoryStore
from engine.texts.reply_code import valid
from engine.texts.sms_profile import Profile
from notifiers.collecting import Collecting, CollectingSettings
from tests.unit.support.switchboard import GATEWAY, SEKDA, Switchboard

NOW = 1_000_000
FIRST = Gateway(route=Route(gateway="satu", channel="sms", order=1))
SECOND = Gateway(route=Route(gateway="dua", channel="sms", order=2))


class Pair:
    """Two gateways for one channel."""

    def __init__(self) -> None:
        self.store, self.clock, self.metrics = MemoryStore(), ManualClock(NOW), Metrics()
        self.gateways = self.another()

    def another(self) -> Gateways:
        """The same gateways as another process sees them."""
        return Gateways(self.store, self.clock, self.metrics, [SECOND, FIRST])

    async def fail(self, gateway: str, times: int = FAILURES_TO_OPEN) -> None:
        for _ in range(times):
            await self.gateways.settle(gateway, well=False)

    async def chosen(self, gateways: Gateways | None = None) -> str:
        found = await (gateways or self.gateways).take("sms", SEKDA, "m")
        return found if isinstance(found, str) else found.gateway.id


@pytest.fixture
def pair() -> Pair:
    return Pair()


async def test_the_next_gateway_serves_while_the_first_is_out_of_order(pair):
    await pair.fail("satu", FAILURES_TO_OPEN - 1)
    assert await pair.chosen() == "satu"
    await pair.fail("satu", 1)
    assert await pair.chosen() == "dua"
    assert await pair.chosen(pair.another()) == "dua"
    await pair.fail("dua")
    assert await pair.chosen() == "breaker_open"


async def test_a_good_answer_between_starts_the_count_again(pair):
    await pair.fail("satu", FAILURES_TO_OPEN - 1)
    await pair.gateways.settle("satu", well=True)
    await pair.fail("satu", FAILURES_TO_OPEN - 1)
    assert await pair.chosen() == "satu"


async def test_after_its_time_one_message_of_all_processes_is_the_probe(pair):
    await pair.fail("satu")
    pair.clock.set(NOW + OPEN_FOR)
    chosen = await asyncio.gather(*(pair.chosen(pair.another()) for _ in range(5)))
    assert sorted(chosen) == ["dua"] * 4 + ["satu"]
    await pair.gateways.settle("satu", well=True)
    assert await pair.chosen() == "satu"
    assert await pair.chosen() == "satu"


async def test_a_probe_that_fails_opens_the_breaker_again(pair):
    await pair.fail("satu")
    pair.clock.set(NOW + OPEN_FOR)
    assert await pair.chosen() == "satu"
    await pair.gateways.settle("satu", well=False)
    pair.clock.set(NOW + 2 * OPEN_FOR - 1)
    assert await pair.chosen() == "dua"
    pair.clock.set(NOW + 2 * OPEN_FOR)
    assert await pair.chosen() == "satu"


async def test_failures_at_the_same_time_all_count(pair):
    await asyncio.gather(*(pair.another().settle("satu", well=False) for _ in range(FAILURES_TO_OPEN)))
    assert await pair.chosen() == "dua"


async def test_a_gateway_that_never_failed_leaves_nothing_in_the_store(pair):
    await pair.gateways.settle("satu", well=True)
    assert await pair.store.scan(BREAKERS) == {}


async def test_a_channel_without_a_gateway_is_misconfigured(pair):
    assert await pair.gateways.choose("webhook", "https://a.example", "m") == "misconfigured"


# --- the dispatcher ---------------------------------------------------------------------------------------------------

ONE_WAY = Gateway(route=Route(gateway="cadangan", channel="sms", order=2))


def with_spare(board: Switchboard) -> Collecting:
    """Give a desk a second, one-way route for SMS; return its notifier."""
    spare = Collecting(CollectingSettings(channel="sms", name="cadangan"))
    board.gateways = Gateways(board.store, board.clock, board.metrics, [GATEWAY, ONE_WAY])
    board.books.routes = board.gateways.routes
    board.dispatcher = board.dispatcher_of(sms=board.route, cadangan=spare)
    return spare


async def test_failover_writes_the_message_for_the_route_it_takes():
    """A code is of no use where no answer comes back; where the routes are alike the bytes stay as they were.

    Law: docs/specification/escalation.md#changed-gateway.
    """
    board = Switchboard()
    spare = with_spare(board)
    board.route.become("down")
    alert_id = await board.open()
    await board.send()
    (first,) = (await board.desk.case(alert_id)).notifications.values()
    assert (first.state, first.gateway) == ("pending", "sms")
    assert valid(first.rendered.text.split()[-1])
    for _ in range(FAILURES_TO_OPEN):
        await board.gateways.settle("sms", well=False)
    await board.send(20)
    (message,) = spare.accepted
    assert "/a/" in message.text
    (sent,) = (await board.desk.case(alert_id)).notifications.values()
    assert (sent.state, sent.gateway, sent.attempts) == ("sent", "cadangan", 2)


async def test_a_repeat_through_the_same_gateway_is_the_same_message():
    board = Switchboard()
    with_spare(board)
    board.route.become("slow")
    alert_id = await board.open()
    await board.send()
    (before,) = (await board.desk.case(alert_id)).notifications.values()
    board.route.become("up")
    await board.send(20)
    (after,) = (await board.desk.case(alert_id)).notifications.values()
    assert after.state == "sent"
    assert after.rendered == before.rendered


async def test_a_message_whose_outcome_was_never_recorded_goes_again_unchanged():
    """The process died between the gateway's answer and our record: once more after a minute, the same bytes."""
    board = Switchboard()
    alert_id = await board.open()
    (planned,) = (await board.desk.case(alert_id)).notifications
    _, claimed = await board.dispatcher.claims.take(alert_id, planned)
    await board.dispatcher._attempt(claimed)
    await board.send(59)
    assert [len(board.route.accepted), (await board.outbox()).keys()] == [1, {planned}]
    await board.send(1)
    first, again = board.route.accepted
    assert first == again
    assert [n.state for n in (await board.desk.case(alert_id)).notifications.values()] == ["sent"]


async def test_messages_without_a_gateway_wait_without_calling_it_and_go_when_it_is_back():
    board = Switchboard(gateway=msgspec.structs.replace(GATEWAY, profile=Profile()))
    for _ in range(FAILURES_TO_OPEN):
        await board.gateways.settle("sms", well=False)
    alert_id = await board.open()
    await board.send()
    (waiting,) = (await board.desk.case(alert_id)).notifications.values()
    assert (waiting.state, waiting.reason, board.route.tried) == ("pending", "breaker_open", 0)
    await board.send(60)
    (sent,) = (await board.desk.case(alert_id)).notifications.values()
    assert (sent.state, board.route.tried) == ("sent", 1)


async def test_a_report_that_stays_away_fails_after_the_time_of_its_gateway():
    trusted = msgspec.structs.replace(GATEWAY, dlr_trust="high", dlr_timeout=600_000)
    board = Switchboard(gateway=trusted)
    alert_id = await board.open()
    await board.send()
    await board.send(599)
    assert [n.state for n in (await board.desk.case(alert_id)).notifications.values()] == ["sent"]
    await board.send(1)
    failed, *_ = (await board.desk.case(alert_id)).notifications.values()
    assert (failed.state, failed.reason, failed.due_at) == ("failed", "no_report", None)
    assert failed.id not in await board.outbox()


async def test_a_rate_spreads_messages_and_loses_none():
    """Two a second: the others wait for the next second, and what waits for one contact goes as one then."""
    paced = msgspec.structs.replace(GATEWAY, rate=Rate(2, 1_000))
    board = Switchboard(gateway=paced)
    for ordinal in range(1, 6):
        await board.open(ordinal)
    sent = []
    for _ in range(4):
        await board.send()
        sent.append(len(board.route.accepted))
    assert sent == [2, 3, 3, 3]
    told = [
        n.state
        for alert in await board.desk.alerts()
        for n in (await board.desk.case(alert.id)).notifications.values()
    ]
    assert told == ["sent"] * 5


def test_a_gateway_takes_at_most_its_rate_in_any_span(pair):
    paced = msgspec.structs.replace(FIRST, rate=Rate(3, 1_000))
    went = [at for at in range(NOW, NOW + 5_000, 70) if pair.gateways.pace(paced, at) == at]
    assert all(sum(at - 1_000 < other <= at for other in went) <= 3 for at in went)
    assert len(went) >= 13
    assert pair.gateways.pace(FIRST, NOW) == NOW


def test_each_gateway_stands_at_zero_from_the_start(pair):
    shown = pair.metrics.registry
    for gateway in ("satu", "dua"):
        labels = {"gateway": gateway, "result": "accepted"}
        assert shown.get_sample_value("siaga_gateway_messages_total", labels) == 0
        assert shown.get_sample_value("siaga_gateway_breaker_open", {"gateway": gateway}) == 0
