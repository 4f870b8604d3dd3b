"""Rates of tokens: how many events, bytes of them and awas each token may bring, so that none costs the others.

What a minute allows refills evenly; ten minutes' worth may come at once. A token has rates of its own or the default of
the settings. Counts lie in this process alone. Events that may open an awas count by the clock of the service, so that
a rehearsal in lock-step has the bound of the time that it plays.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from engine.clock import monotonic
from engine.core.judging.instant import SECOND, Instant
from engine.errors import SiagaError
from engine.metrics import Metrics
from engine.people.tokens import Scope
from engine.runtime.rate_limit import RateLimit, RateLimiter
from engine.settings import IntakeSection

BURST_MINUTES = 10
"""So many minutes' worth may come at once."""

AWAS_SECONDS = 600.0
"""The time of the bound of events that may open an awas, by the clock of the service."""
_ONE_STORM = RateLimit.per(AWAS_SECONDS, 1)

Unit = Literal["events", "bytes"]


class RateExceededError(SiagaError):
    """A token brings too much; the same request may come again after `retry_seconds`."""

    def __init__(self, unit: Unit | Literal["awas"], wait: float) -> None:
        super().__init__(f"This token brings too many {unit}.")
        self.unit = unit
        self.retry_seconds = max(1, math.ceil(wait))


class TooMuchAtOnceError(SiagaError):
    """A request brings more than its token may ever bring at once: it must come in parts."""

    def __init__(self, unit: Unit | Literal["awas"], burst: int) -> None:
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
        self._default_awas = settings.awas_per_ten_minutes
        self._metrics = metrics
        self._monotonic = monotonic
        self._limiters: dict[Unit, RateLimiter] = {"events": RateLimiter(), "bytes": RateLimiter()}
        self._awas = RateLimiter()
        self._storms = RateLimiter()

    def take(self, scope: Scope, unit: Unit, amount: int) -> None:
        """Count what a token brings; raise `RateExceededError` or `TooMuchAtOnceError` and count nothing."""
        own = scope.events_per_minute if unit == "events" else scope.bytes_per_minute
        per_minute = own or self._default[unit]
        limit = RateLimit(per_minute / 60, per_minute * BURST_MINUTES)
        wait = self._limiters[unit].take(scope.token_id, limit, self._monotonic(), amount)
        if wait > 0:
            self._metrics.trouble.refused("event_rate" if unit == "events" else "byte_rate")
            if math.isinf(wait):
                raise TooMuchAtOnceError(unit, per_minute * BURST_MINUTES)
            raise RateExceededError(unit, wait)

    def give_back(self, scope: Scope, unit: Unit, amount: int) -> None:
        """Return what was counted for a request of which nothing was kept, by no fault of its sender."""
        self._limiters[unit].give_back(scope.token_id, amount)

    def take_awas(self, scope: Scope, real: int, exercise: int, at: Instant) -> None:
        """Count what a token brings at an instant that may open an awas; raise as `take` does and count nothing."""
        most = scope.awas_per_ten_minutes or self._default_awas
        limit = RateLimit.per(AWAS_SECONDS, most)
        kinds = [(key, amount) for key, amount in _awas_keys(scope, real, exercise) if amount]
        wait = max((self._awas.wait(key, limit, at / SECOND, amount) for key, amount in kinds), default=0.0)
        if wait > 0:
            self._metrics.trouble.refused("awas_rate")
            if math.isinf(wait):
                raise TooMuchAtOnceError("awas", most)
            raise RateExceededError("awas", wait)
        for key, amount in kinds:
            self._awas.take(key, limit, at / SECOND, amount)

    def give_awas_back(self, scope: Scope, real: int, exercise: int) -> None:
        """Return what was counted for awas events of which nothing was kept."""
        for key, amount in _awas_keys(scope, real, exercise):
            self._awas.give_back(key, amount)

    def storm_is_new(self, scope: Scope, at: Instant) -> bool:
        """Say whether nobody was told for ten minutes that a token is beyond its bound of awas."""
        return self._storms.wait(scope.token_id, _ONE_STORM, at / SECOND) == 0

    def storm_told(self, scope: Scope, at: Instant) -> None:
        """Note that somebody is told now."""
        self._storms.take(scope.token_id, _ONE_STORM, at / SECOND)


def _awas_keys(scope: Scope, real: int, exercise: int) -> tuple[tuple[str, int], tuple[str, int]]:
    """Return under which keys events that may open an awas count: exercises apart."""
    return (scope.token_id, real), (f"exercise:{scope.token_id}", exercise)
