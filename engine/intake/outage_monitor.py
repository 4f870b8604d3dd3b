"""The intake's pulse: until when it was surely alive, and the gaps in which it was not.

Here: keeping `alive_until` in the store, noticing that it is old, and telling the stream so, once. Not here: reading
gaps (`records.outages`), what they mean to conditions (`core.judging.group_state`), and the loops that call this
(`app`).

`alive_until` is an instant of the clock and no TTL. The entry `gap {from, until}` goes to the stream in the same write
that moves `alive_until` on, and that write expects the version that was read: of processes that notice together one
writes, and a crash leaves both or neither.
"""

from __future__ import annotations

import msgspec
import structlog

from engine.clock import FORWARD_JUMP_MS, Clock
from engine.core.alerting.internal_alerts import InternalAlertRequest
from engine.core.judging.group_state import Gap
from engine.core.judging.instant import SECOND, Instant, Millis
from engine.escalation.internal_alerts import ask
from engine.intake.backpressure import waiting_of
from engine.metrics import Metrics
from engine.records.outages import INTAKE, LONGEST_PAUSE
from engine.records.tolerant_read import readable_or
from engine.store.codec import encode
from engine.store.port import Committed, Note, Put, Store, Write

BEAT_SECONDS = 5.0

log = structlog.get_logger(__name__)


class OutageMonitor:
    """One process's share in the pulse."""

    def __init__(self, store: Store, clock: Clock, metrics: Metrics) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._looked_at: Instant | None = None
        self._reported_jump: Millis = 0

    async def beat(self) -> int:
        """Say that the intake is alive; tell the gap if it was not. Return 0: nothing waits for the next beat."""
        await self._watch_clock(await self._pass(alive=True))
        # Each request tells this too (`intake.backpressure`), but when none comes any more the backlog still ends.
        self._metrics.trouble.events_waiting.set(waiting_of(await self._store.counters()))
        return 0

    async def _watch_clock(self, alive_until: Instant) -> None:
        """Report each jump of the wall clock to ops once, in either direction; a further one is another jump.

        A start believes an earlier process only so far (`LONGEST_LEAD_MS`). Where the store is further ahead, this
        clock went back, or that of another machine is wrong.
        """
        now, jump = self._clock.now(), self._clock.jump_ms
        if alive_until - now > max(FORWARD_JUMP_MS, abs(jump)):
            jump = now - alive_until
        self._metrics.trouble.clock_offset.set(jump / SECOND)
        reported = self._reported_jump
        if abs(jump) <= FORWARD_JUMP_MS:
            self._reported_jump = 0
        elif abs(jump) - abs(reported) > FORWARD_JUMP_MS or (jump < 0) != (reported < 0):
            log.error("clock_jumped", direction="forward" if jump > 0 else "back", ahead_ms=jump)
            plan = ask(InternalAlertRequest("clock"), now)
            await self._store.write(Write(name="clock_jumped", plans=(plan,)))
            self._reported_jump = jump

    async def look(self) -> None:
        """Tell the gap if the intake is or was down; a look soon after the last one does nothing."""
        now = self._clock.now()
        if self._looked_at is None or now - self._looked_at >= BEAT_SECONDS * SECOND:
            self._looked_at = now
            await self._pass(alive=False)

    async def _pass(self, *, alive: bool) -> Instant:
        """Enter that the intake lives, or the gap; return until when it was alive before."""
        now = self._clock.now()
        record = (await self._store.get(INTAKE, ["alive_until"]))[0]
        since = readable_or(INTAKE, "alive_until", record, int, now - 1)
        gap = Gap(since=since, until=now) if now - since > LONGEST_PAUSE else None
        if gap is None and (now <= since or not alive):
            return since
        write = Write(
            name="intake_gap" if gap else "alive",
            puts=(Put(INTAKE, "alive_until", encode(now), record.version if record else 0),),
            plans=(ask(InternalAlertRequest("gap"), now),) if gap else (),
            note=Note("gap", msgspec.json.encode(gap), now) if gap else None,
        )
        outcome = await self._store.write(write)
        self._metrics.commit(write.name, "committed" if isinstance(outcome, Committed) else "conflict")
        if gap and isinstance(outcome, Committed):
            self._metrics.intake_gap((gap.until - gap.since) / SECOND)
            log.warning("intake_gap", since=gap.since, until=gap.until)
        return since
