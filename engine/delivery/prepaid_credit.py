"""Balances of prepaid gateways: asked from time to time, shown, and told to ops when little is left.

Here: the turn of its loop. Not here: how a gateway is asked (`notifiers.sms_http`), and the alert
(`escalation.internal_alerts`). A gateway that does not say leaves the figure as it was. An alert is asked for when a
balance falls below its limit, and not again while it stays there: whoever closed it knows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import structlog

from engine.clock import Clock
from engine.core.alerting.internal_alerts import InternalAlertRequest
from engine.escalation.internal_alerts import ask
from engine.metrics import Metrics
from engine.store.port import Store, Write

EVERY_SECONDS = 900.0
"""Seconds between two looks."""
Ask = Callable[[], Awaitable[float | str]]
"""Returns what is left, in the gateway's own unit, or the reason why it does not say."""

log = structlog.get_logger(__name__)


class PrepaidCredit:
    """Asks gateways."""

    def __init__(
        self,
        asks: Mapping[str, Ask],
        lows: Mapping[str, float | None],
        *,
        store: Store,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """Both by gateway: how it is asked, and below what ops are told (None: never)."""
        self.asks = asks
        self._lows = lows
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._low: set[str] = set()

    async def turn(self) -> int:
        """Ask every gateway once; return 0, since there is never more to do at once."""
        for gateway, ask_gateway in self.asks.items():
            try:
                left = await ask_gateway()
            except Exception:  # the other gateways are asked all the same
                log.exception("balance_unknown", gateway=gateway, reason="unexpected")
                continue
            if isinstance(left, str):
                log.warning("balance_unknown", gateway=gateway, reason=left)
                continue
            self._metrics.gateways.balance(gateway, left)
            low = self._lows.get(gateway)
            if low is None or left >= low:
                self._low.discard(gateway)
            elif gateway not in self._low:
                self._low.add(gateway)
                log.error("balance_low", gateway=gateway, left=left, low=low)
                asked = ask(InternalAlertRequest("balance"), self._clock.now())
                await self._store.write(Write(name="own_alert", plans=(asked,)))
        return 0
