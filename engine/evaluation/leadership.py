"""Leadership: the right to judge, which one evaluator of a namespace has at a time.

Here: taking it, keeping it through a long turn, standing by, giving it back. Not here: what the leader does
(`evaluation.evaluator`). The lease ends by itself, so that a standby need not be told that the leader died: it looks at
least once a second (`runtime.loop_runner`) and leads at most `LEASE_SECONDS` and that second after the leader's last
renewal. What a leader that was overtaken still writes is refused by the epoch that each of its writes carries.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from engine.clock import monotonic
from engine.errors import FencedError
from engine.metrics import Metrics
from engine.store.port import Lease, Store

LEASE_SECONDS = 3.0
RENEWAL_SECONDS = 1.0
"""A turn that takes longer renews the lease on its way."""

KeepLead = Callable[[], Awaitable[None]]
"""Asked again and again during a long turn."""

log = structlog.get_logger(__name__)


async def nothing_to_keep() -> None:
    """Keep nothing: for whoever judges without writing."""


class Leadership:
    """One evaluator's claim to lead."""

    def __init__(
        self, store: Store, metrics: Metrics, holder: str, monotonic: Callable[[], float] = monotonic
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._holder = holder
        self._monotonic = monotonic
        self._lease: Lease | None = None
        self._renewed_at = 0.0
        self._stands_by = False

    async def take(self, held: Lease | None = None) -> Lease | None:
        """Take or renew the lease, one that is `held` when it is time; None while another evaluator leads."""
        lately = self._monotonic() - self._renewed_at < RENEWAL_SECONDS
        lease = held if held is not None and held == self._lease and lately else await self._renewed()
        self._metrics.epoch.set(lease.epoch if lease else 0)
        if lease is None and not self._stands_by:
            log.info("evaluator_stands_by")
        self._stands_by = lease is None
        return lease

    async def keep(self) -> None:
        """Renew the lease where it is time; raise `FencedError` where somebody else led meanwhile."""
        if self._monotonic() - self._renewed_at >= RENEWAL_SECONDS:
            before = self._lease
            if await self._renewed() != before:
                raise FencedError("the evaluator took too long over a turn: another one led meanwhile")

    async def give_back(self) -> None:
        """Give the lease back, so that another need not wait for its end."""
        await self._store.release(self._holder)
        self._lease = None

    async def _renewed(self) -> Lease | None:
        self._renewed_at = self._monotonic()
        self._lease = await self._store.lease(self._holder, LEASE_SECONDS)
        return self._lease
