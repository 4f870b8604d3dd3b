"""Balances of prepaid gateways: asked from time to time, shown, and warned of where little is left.

Here: the turn of its loop. Not here: how a gateway is asked (`notifiers.sms_http`). A gateway that does not say leaves
the figure as it was.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import structlog

from engine.metrics import Metrics

EVERY_SECONDS = 900.0
"""Seconds between two looks."""
Ask = Callable[[], Awaitable[float | str]]
"""Returns what is left, in the gateway's own unit, or the reason why it does not say."""

log = structlog.get_logger(__name__)


class Balances:
    """Asks gateways."""

    def __init__(self, asks: Mapping[str, Ask], lows: Mapping[str, float | None], metrics: Metrics) -> None:
        """Both by gateway: how it is asked, and below what somebody is to be warned (None: nobody)."""
        self.asks = asks
        self._lows = lows
        self._metrics = metrics

    async def turn(self) -> int:
        """Ask every gateway once; return 0, since there is never more to do at once."""
        for gateway, ask in self.asks.items():
            left = await ask()
            if isinstance(left, str):
                log.warning("balance_unknown", gateway=gateway, reason=left)
                continue
            self._metrics.gateways.balance(gateway, left)
            low = self._lows.get(gateway)
            if low is not None and left < low:
                log.error("balance_low", gateway=gateway, left=left, low=low)
        return 0
