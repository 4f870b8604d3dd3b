"""The metrics of each gateway, by its id: messages, latency, breaker, balance.

Here: names, label values and what each counts. Not here: all other metrics, and the registry (`engine.metrics`). The
gateways of the installation, told once at the start, are the only values of their label.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

RESULTS = ("submitted", "accepted", "refused", "delivered", "failed")
"""A message was handed over, and taken or not; what the gateway said later of one that it took."""
_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class GatewayMetrics:
    """Counts what gateways do."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._messages = Counter(
            "siaga_gateway_messages",
            "Messages by gateway and what became of them",
            ["gateway", "result"],
            registry=registry,
        )
        self._seconds = Histogram(
            "siaga_gateway_seconds",
            "From handing a message over to the answer",
            ["gateway"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._breaker_open = Gauge(
            "siaga_gateway_breaker_open",
            "1 from the opening of a breaker until a message got through again",
            ["gateway"],
            registry=registry,
        )
        self._balance = Gauge(
            "siaga_gateway_balance",
            "What a prepaid gateway says is left, in its own unit",
            ["gateway"],
            registry=registry,
        )

    def know(self, gateways: Iterable[str]) -> None:
        """Put the gateways of this installation at zero."""
        for gateway, result in product(gateways, RESULTS):
            self._messages.labels(gateway, result)
            self._seconds.labels(gateway)
            self._breaker_open.labels(gateway)

    def message(self, gateway: str, result: str) -> None:
        """Count a message: one of `RESULTS`."""
        self._messages.labels(gateway, result).inc()

    def took(self, gateway: str, seconds: float) -> None:
        """Observe how long a gateway took to answer, in seconds."""
        self._seconds.labels(gateway).observe(seconds)

    def breaker(self, gateway: str, *, is_open: bool) -> None:
        """Set whether a breaker is open."""
        self._breaker_open.labels(gateway).set(is_open)

    def balance(self, gateway: str, left: float) -> None:
        """Set what is left, in the gateway's own unit."""
        self._balance.labels(gateway).set(left)
