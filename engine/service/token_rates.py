"""Rates of tokens: how many events, and bytes of them, each token may bring, so that none costs the others.

What a minute allows refills evenly; ten minutes' worth may come at once. A token has rates of its own or the default of
the settings. Counts lie in this process alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from engine.clock import monotonic
from engine.errors import SiagaError
from engine.metrics import Metrics
from engine.service.rate_limit import Limit, RateLimiter
from engine.service.tokens import Scope
from engine.settings import IntakeSection

BURST_MINUTES = 10
"""So many minutes' worth may come at once."""

Unit = Literal["events", "bytes"]


class RateExceededError(SiagaError):
    """A token brings too much; the same request may come again after `retry_seconds`."""

    def __init__(self, unit: Unit, wait: float) -> None:
        super().__init__(f"This token brings too many {unit}.")
        self.unit = unit
        self.retry_seconds = max(1, math.ceil(wait))


class TooMuchAtOnceError(SiagaError):
    """A request brings more than its token may ever bring at once: it must come in parts."""

    def __init__(self, unit: Unit, burst: int) -> None:
        super().__init__(f"This token may bring {burst} {unit} at once; send it in parts.")


class TokenRates:
    """What each token brought to this process."""

    def __init__(
        self, settings: IntakeSection, metrics: Metrics, monotonic: Callable[[], float] = monotonic
    ) -> None:
        """Take the default rates from the settings; `monotonic` gives the seconds of a clock that never goes back."""
        self._default: dict[Unit, int] = {
            "events": settings.events_per_minute,
            "bytes": settings.bytes_per_minute,
        }
        self._metrics = metrics
        self._monotonic = monotonic
        self._limiters: dict[Unit, RateLimiter] = {"events": RateLimiter(), "bytes": RateLimiter()}

    def take(self, scope: Scope, unit: Unit, amount: int) -> None:
        """Count what a token brings; raise `RateExceededError` or `TooMuchAtOnceError` and count nothing."""
        own = scope.events_per_minute if unit == "events" else scope.bytes_per_minute
        per_minute = own or self._default[unit]
        limit = Limit(per_minute / 60, per_minute * BURST_MINUTES)
        wait = self._limiters[unit].take(scope.token_id, limit, self._monotonic(), amount)
        if wait > 0:
            self._metrics.trouble.refused("event_rate" if unit == "events" else "byte_rate")
            if math.isinf(wait):
                raise TooMuchAtOnceError(unit, per_minute * BURST_MINUTES)
            raise RateExceededError(unit, wait)

    def give_back(self, scope: Scope, unit: Unit, amount: int) -> None:
        """Return what was counted for a request of which nothing was kept, by no fault of its sender."""
        self._limiters[unit].give_back(scope.token_id, amount)
