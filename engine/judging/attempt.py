"""Attempts: sequences of events, by existence and not by greed.

Here: which attempts a first event opens and when some choice of events fills all stages. Not here: other patterns, and
what follows from a completion (`judging.completion`). Law: rule-language.md 5, Sequence.

An attempt is cancelled when no choice of its events is left, so an event that a guard forbids ends only the choices
that stand around it. A guard from s on counts every event of the instant s but the one that it stands after.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from engine.judging.event import EventKey
from engine.judging.instant import Instant
from engine.judging.pattern import Completions, Fits, after, longest, parts_of, span_of, start_of
from engine.judging.rule import Guard, Part, Sequence, Stage
from engine.judging.state import Point


class _Step(NamedTuple):
    """A stage with the bits of its parts and of the guards before it."""

    stage: Stage
    parts: tuple[tuple[int, Part], ...]
    guards: tuple[tuple[int, Guard], ...]

    def fitting(self, bits: int) -> list[tuple[int, Part]]:
        return [(bit, part) for bit, part in self.parts if bits >> bit & 1]

    @property
    def single(self) -> bool:
        """Whether one event always fills it."""
        return all(part.times == 1 for _, part in self.parts) and not (
            self.stage.every and len(self.parts) > 1
        )


class _Fill(NamedTuple):
    """A stage filled by an event, and all events chosen so far."""

    key: EventKey
    keys: tuple[EventKey, ...]


class _Attempt:
    """What a first event opened: for each stage the events that may fill it, where one is not as good as another."""

    def __init__(self, start: EventKey, bits: int, stages: int) -> None:
        self.start, self.bits, self.done = start, bits, False
        self.fills: list[list[_Fill]] = [[] for _ in range(stages)]


class Attempts:
    """A sequence: every event that fits the first stage opens an attempt, which completes at most once."""

    anchor: EventKey | None = None

    def __init__(self, condition: Sequence, since: Instant | None) -> None:
        bits = iter(range(len(parts_of(condition))))
        self._steps = [
            _Step(
                stage,
                guards=tuple((next(bits), guard) for guard in stage.guards),
                parts=tuple((next(bits), part) for part in stage.parts),
            )
            for stage in condition.stages
        ]
        self._guards = [(next(bits), guard) for guard in condition.guards]
        self._span, self._wait = span_of(condition), longest(condition.guards)
        first = longest(condition.stages[0].guards)
        self._judged_from = since + first if since is not None and first else None
        self._fits = Fits(len(parts_of(condition)))
        self._live: deque[_Attempt] = deque()
        self._waits: deque[tuple[Instant, _Attempt, _Fill]] = deque()
        self._found = Completions()

    def enter(self, point: Point) -> None:
        """Let the event fill what it can, the latest stages first, so that it fills one stage of an attempt only."""
        key, bits = point.key, int(point.measure or 0)
        self._fits.add(key, bits)
        while self._live and key.occurred_at - self._live[0].start.occurred_at >= self._span:
            self._live.popleft()
        if not any(step.fitting(bits) for step in self._steps):
            return
        if self._steps[0].fitting(bits) and self._may_open(key):
            self._live.append(_Attempt(key, bits, len(self._steps)))
        for attempt in self._live:
            self._advance(attempt, key, bits)
        if any(attempt.done for attempt in self._live):
            self._live = deque(attempt for attempt in self._live if not attempt.done)

    def take(self, at: Instant, until: EventKey | None = None) -> list[EventKey]:
        """Return the events of the attempts that are complete by an instant."""
        while self._waits and self._waits[0][0] <= at:
            _, attempt, fill = self._waits.popleft()
            if not attempt.done and not self._broken(self._guards, fill.key):
                attempt.done = True
                self._found.add(fill.keys)
        return self._found.take(until)

    def evidence(self, chosen: list[EventKey]) -> list[EventKey]:
        """Return the choice: other events of the attempts are no part of it."""
        return chosen

    def next_due(self) -> Instant | None:
        """Return when the first wait after a last stage ends that nothing has broken so far."""
        while self._waits:
            due, attempt, fill = self._waits[0]
            if not attempt.done and not self._broken(self._guards, fill.key):
                return due
            self._waits.popleft()
        return None

    @property
    def underway(self) -> list[EventKey]:
        """The events of the attempt that has filled the most stages."""
        filled = [list(fills[0].keys) for attempt in self._live for fills in attempt.fills if fills]
        waiting = [list(fill.keys) for _, attempt, fill in self._waits if not attempt.done]
        return max([*filled, *waiting], key=len, default=[])

    def _may_open(self, key: EventKey) -> bool:
        at = key.occurred_at
        if self._judged_from is not None and at < self._judged_from:
            return False
        return not any(
            self._fits.some(bit, start_of(at - (guard.within or 0) + 1), start_of(at))
            for bit, guard in self._steps[0].guards
        )

    def _advance(self, attempt: _Attempt, key: EventKey, bits: int) -> None:
        for place in range(len(self._steps) - 1, 0, -1):
            if not self._steps[place].fitting(bits):
                continue
            for fill in attempt.fills[place - 1]:
                if chosen := self._next(self._steps[place], fill.key, key, bits):
                    self._put(attempt, place, _Fill(key, (*fill.keys, *chosen)))
                    break
        if chosen := self._opening(attempt, key, bits):
            self._put(attempt, 0, _Fill(key, chosen))

    def _put(self, attempt: _Attempt, place: int, fill: _Fill) -> None:
        """Keep an event that may fill a stage; of those that are all as good for the next stage, only one."""
        if place == len(self._steps) - 1:
            self._waits.append((fill.key.occurred_at + self._wait, attempt, fill))
            return
        fills, following = attempt.fills[place], self._steps[place + 1]
        if following.stage.within is None and not following.guards:
            fills[:] = fills or [fill]  # whatever comes next may follow the oldest
        elif following.single and all(guard.within is None for _, guard in following.guards):
            fills[:] = [fill]  # what may follow an older one may follow the newest
        else:
            fills.append(fill)

    def _opening(self, attempt: _Attempt, key: EventKey, bits: int) -> tuple[EventKey, ...] | None:
        """Return the events by which an attempt has its first stage filled, from its start to this event."""
        step, start = self._steps[0], attempt.start
        if step.stage.within is not None and key.occurred_at - start.occurred_at >= step.stage.within:
            return None
        if key != start:
            opened, here = step.fitting(attempt.bits), step.fitting(bits)
            pairs = ((one, other) for one in opened for other in here)
            if not any(one[1].times > 1 if one[0] == other[0] else step.stage.every for one, other in pairs):
                return None
        return self._filled(step, key, bits, start)

    def _next(self, step: _Step, before: EventKey, key: EventKey, bits: int) -> tuple[EventKey, ...] | None:
        """Return the events by which this one fills a stage after the event that filled the stage before."""
        at, low = key.occurred_at, after(before)
        if step.stage.within is not None and at - before.occurred_at >= step.stage.within:
            return None
        for bit, guard in step.guards:
            if guard.within is None:
                if self._fits.some(bit, low, key):
                    return None
            elif at < before.occurred_at + guard.within:
                return None
            else:
                low = max(low, start_of(before.occurred_at + guard.within))
        if self._broken(step.guards, before):
            return None
        return self._filled(step, key, bits, low)

    def _broken(self, guards: Iterable[tuple[int, Guard]], key: EventKey) -> bool:
        """Say whether something came that must not within a guard's time from an event on."""
        at = key.occurred_at
        return any(
            guard.within is not None
            and self._fits.some(bit, start_of(at), start_of(at + guard.within), but=key)
            for bit, guard in guards
        )

    def _filled(self, step: _Step, key: EventKey, bits: int, low: EventKey) -> tuple[EventKey, ...] | None:
        """Return a choice of events from `low` on that fills a stage, this one the last; None where there is none."""
        mine = [(bit, part) for bit, part in step.fitting(bits) if self._fits.count(bit, low) >= part.times]
        needed = list(step.parts) if step.stage.every else mine[:1]
        if not mine or any(self._fits.count(bit, low) < part.times for bit, part in needed):
            return None
        chosen = {key}
        for bit, part in needed:
            own = part.times - 1 if bit == mine[0][0] else part.times
            chosen.update(self._fits.first(bit, low, own))
        return tuple(sorted(chosen))
