"""Balances: shown by gateway; one that does not say leaves the figure as it was, and little left is said aloud."""

from structlog.testing import capture_logs

from engine.metrics import Metrics
from engine.service.balances import Balances


class Purse:
    """A gateway that says what is left, or why it does not."""

    def __init__(self, *said: float | str) -> None:
        self._said = list(said)

    async def ask(self) -> float | str:
        return self._said.pop(0)


def shown(metrics: Metrics, gateway: str) -> float | None:
    return metrics.registry.get_sample_value("siaga_gateway_balance", {"gateway": gateway})


async def test_what_is_left_is_shown_and_stays_where_the_gateway_does_not_say():
    metrics, purse = Metrics(), Purse(120.5, "timeout", 80.0)
    balances = Balances({"a": purse.ask}, {"a": None}, metrics)
    seen = []
    for _ in range(3):
        await balances.turn()
        seen.append(shown(metrics, "a"))
    assert seen == [120.5, 120.5, 80.0]


async def test_little_left_is_an_error_in_the_log_and_enough_is_not():
    purse = Purse(100.0, 99.9)
    balances = Balances({"a": purse.ask}, {"a": 100.0}, Metrics())
    with capture_logs() as lines:
        await balances.turn()
        assert lines == []
        await balances.turn()
    assert [(line["event"], line["gateway"], line["left"]) for line in lines] == [("balance_low", "a", 99.9)]
