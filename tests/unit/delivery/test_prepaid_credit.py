"""Balances: shown by gateway; one that does not say leaves the figure as it was, and little left is told to ops."""

from structlog.testing import capture_logs

from engine.clock import ManualClock
from engine.core.alerting.internal_alerts import InternalAlertRequest
from engine.delivery.prepaid_credit import PrepaidCredit
from engine.escalation.internal_alerts import OWN
from engine.metrics import Metrics
from engine.store.memory import MemoryStore


class Purse:
    """A gateway that says what is left, or why it does not."""

    def __init__(self, *said: float | str) -> None:
        self._said = list(said)

    async def ask(self) -> float | str:
        return self._said.pop(0)


def watching(purse: Purse, low: float | None, metrics: Metrics, store=None) -> PrepaidCredit:
    clock = ManualClock(1_000)
    return PrepaidCredit(
        {"a": purse.ask}, {"a": low}, store=store or MemoryStore(), clock=clock, metrics=metrics
    )


def shown(metrics: Metrics, gateway: str) -> float | None:
    return metrics.registry.get_sample_value("siaga_gateway_balance", {"gateway": gateway})


async def test_what_is_left_is_shown_and_stays_where_the_gateway_does_not_say():
    metrics, purse = Metrics(), Purse(120.5, "timeout", 80.0)
    balances = watching(purse, None, metrics)
    seen = []
    for _ in range(3):
        await balances.turn()
        seen.append(shown(metrics, "a"))
    assert seen == [120.5, 120.5, 80.0]


async def test_a_gateway_whose_question_raises_keeps_no_other_from_being_asked():
    async def broken() -> float:
        raise RuntimeError

    metrics = Metrics()
    asks = {"a": broken, "b": Purse(7.0).ask}
    balances = PrepaidCredit(asks, {}, store=MemoryStore(), clock=ManualClock(1_000), metrics=metrics)
    await balances.turn()
    assert (shown(metrics, "a"), shown(metrics, "b")) == (None, 7.0)


async def test_falling_below_the_limit_asks_for_one_alert_of_ops_and_says_so():
    store, purse = MemoryStore(), Purse(100.0, 99.9, 50.0, 200.0, 10.0)
    balances = watching(purse, 100.0, Metrics(), store)
    asked = []
    with capture_logs() as lines:
        for _ in range(5):
            await balances.turn()
            asked.append(len(lines))
    assert asked == [0, 1, 1, 1, 2]
    assert [(line["event"], line["left"]) for line in lines] == [("balance_low", 99.9), ("balance_low", 10.0)]
    assert list(await store.planned(OWN)) == [InternalAlertRequest("balance").member]
