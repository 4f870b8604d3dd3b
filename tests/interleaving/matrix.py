"""The matrix: two writers of one record, each stopped at each of its writes, resumed in both orders; what must hold.

After each run another process does what is due at the instant. Then every timer and list agrees with its record, all is
accounted for, each history is whole, each command stands in it once, no message went out twice, silences are looked at,
and where both writers write once the store is as if one had come behind the other.
"""

import asyncio
import copy
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import combinations_with_replacement
from typing import Any, NamedTuple

from engine.core.alerting.alert import Alert, Notification
from engine.core.alerting.invariants import broken_link
from engine.core.alerting.silence import covering_silence, next_change
from engine.operations.auditor import misplaced_in
from engine.records.alert_repository import ALERTS, NOTIFICATIONS, OUTBOX, places_of
from engine.records.statistics import take
from engine.store.codec import decode
from engine.store.memory import MemoryStore
from engine.store.port import Plan
from tests.interleaving.gate import Crossing, Seat, until_stopped
from tests.interleaving.process import Process
from tests.interleaving.scenes import SCENES, Scene, Writer


class Run(NamedTuple):
    """A pair of writers by their places in a scene, where each stops (0: not at all), and which goes on first."""

    scene: int
    writers: tuple[int, int]
    stops: tuple[int, int]
    first_first: bool

    def __str__(self) -> str:
        scene = SCENES[self.scene]
        one, two = (scene.writers[place].name for place in self.writers)
        order = "first" if self.first_first else "second"
        return f"{scene.name}: {one} at {self.stops[0]}, {two} at {self.stops[1]}, the {order} goes on first"


class Left(NamedTuple):
    """What is left of a run: the store, the processes that wrote it, and one that settled it.

    `misplaced` is what stood in a schedule otherwise than in its record before that: settling could mend it.
    """

    store: MemoryStore
    processes: tuple[Process, ...]
    settled: Process
    misplaced: list[str]


@cache
def built(scene: int) -> MemoryStore:
    """Return the store of a scene, which nobody may change."""
    store = MemoryStore(monotonic=_standing_still)
    asyncio.run(SCENES[scene].build(store))
    return store


def _standing_still() -> float:
    return 0.0


async def alone(scene: int, writer: int, number: int) -> list[Crossing]:
    """Return the crossings of a writer that nobody disturbs."""
    seat = Seat(copy.deepcopy(built(scene)))
    await SCENES[scene].writers[writer].act(Process(seat, SCENES[scene].now, number))
    return seat.crossed


@cache
def crossings(scene: int, writer: int, number: int) -> int:
    """Return how many crossings a writer has; both sides of each write. Outside of a running loop, at first."""
    built(scene)
    return len(asyncio.run(alone(scene, writer, number)))


def pairs(scene: int) -> Iterator[tuple[int, int]]:
    """Yield all pairs of writers of a scene, each with itself too."""
    yield from combinations_with_replacement(range(len(SCENES[scene].writers)), 2)


def runs(scene: int, pair: tuple[int, int]) -> Iterator[Run]:
    """Yield all runs of a pair: every stop of the one with every stop of the other, in both orders."""
    one, two = (range(1, crossings(scene, place, n) + 1) for n, place in enumerate(pair, start=1))
    for first in one or (0,):
        for second in two or (0,):
            yield Run(scene, pair, (first, second), True)
            yield Run(scene, pair, (first, second), False)


async def carried_out(run: Run) -> Left:
    """Carry out a run."""
    scene, store = SCENES[run.scene], copy.deepcopy(built(run.scene))
    seats = [Seat(store, stop) for stop in run.stops]
    processes = tuple(Process(seat, scene.now, number) for number, seat in enumerate(seats, start=1))
    tasks = []
    for process, seat, place in zip(processes, seats, run.writers, strict=True):
        tasks.append(asyncio.create_task(_act(scene.writers[place], process)))
        await until_stopped(tasks[-1], seat)
    for place in (0, 1) if run.first_first else (1, 0):
        seats[place].resumed.set()
        await tasks[place]
    return await _settled(store, scene, processes)


async def one_behind_the_other(run: Run, order: tuple[int, int]) -> Left:
    """Carry out the writers of a run one behind the other."""
    scene, store = SCENES[run.scene], copy.deepcopy(built(run.scene))
    processes = tuple(Process(Seat(store), scene.now, number) for number in (1, 2))
    for place in order:
        await scene.writers[run.writers[place]].act(processes[place])
    return await _settled(store, scene, processes)


_STORIES: dict[tuple[int, tuple[int, int]], list[dict[str, Any]]] = {}


async def stories(run: Run) -> list[dict[str, Any]]:
    """Return what the store tells where the writers of a run come one behind the other, in both orders."""
    key = run.scene, run.writers
    if key not in _STORIES:
        _STORIES.clear()  # runs of one pair come one behind the other
        _STORIES[key] = [
            await told((await one_behind_the_other(run, order)).store) for order in ((0, 1), (1, 0))
        ]
    return _STORIES[key]


async def _act(writer: Writer, process: Process) -> None:
    await writer.act(process)


async def _settled(store: MemoryStore, scene: Scene, processes: tuple[Process, ...]) -> Left:
    found, last = await _misplaced(store, scene.now), Process(store, scene.now, 3)
    while await last.escalator.lift():
        pass
    found += await _unlooked(last)
    await last.settle()
    return Left(store, processes, last, found)


async def _unlooked(process: Process) -> list[str]:
    """Return which alerts have not looked at the silences; a message that is sent may make up for it later."""
    silences, now, found = await process.books.silences(), process.clock.now(), []
    for alert in await process.desk.alerts():
        looked = covering_silence(alert, silences, now) is not None, next_change(alert, silences, now)
        if alert.unresolved and (alert.silenced != "", alert.cover_changes_at) != looked:
            found.append(f"silences not looked at: {alert.silenced!r} {alert.cover_changes_at}, {looked}")
    return found


async def _misplaced(store: MemoryStore, now: int) -> list[str]:
    """Return what stands in a schedule or list otherwise than in its record."""
    alerts, messages = await store.scan(ALERTS), await store.scan(NOTIFICATIONS)
    own = {id_: places_of(decode(one.value, Alert)) for id_, one in alerts.items()}
    due = {id_: [Plan(OUTBOX, id_, decode(one.value, Notification).due_at)] for id_, one in messages.items()}
    found = await misplaced_in(store, ALERTS, alerts, own, now)
    return [str(one) for one in (*found, *await misplaced_in(store, NOTIFICATIONS, messages, due, now))]


async def faults(run: Run) -> list[str]:
    """Return what is not as it must be after a run."""
    try:
        left = await carried_out(run)
    except Exception as error:  # noqa: BLE001 -- told with the run
        return [f"{run}: {type(error).__name__}: {error}"]
    found = [*await _audited(left, SCENES[run.scene].now), *await _once(run, left)]
    writers = [SCENES[run.scene].writers[place] for place in run.writers]
    single = all(crossings(run.scene, w, n) == 2 for n, w in enumerate(run.writers, start=1))
    if not found and single and SCENES[run.scene].derived and all(one.serial for one in writers):
        story = await told(left.store)
        orders = await stories(run)
        if story not in orders:
            found.append(f"as in no order: {_difference(story, orders[0])}")
    return [f"{run}: {fault}" for fault in found]


async def _audited(left: Left, now: int) -> list[str]:
    """Return what the exact audit finds: timers, lists, silences, histories."""
    store = left.store
    found = [*left.misplaced, *await _misplaced(store, now)]
    found += await _unlooked(left.settled)
    census = await take(store)
    found += [f"unaccounted: {id_}" for id_ in (*census.lost_alerts, *census.lost_notifications)]
    for alert in await left.settled.desk.alerts():
        if broken_link(await left.settled.desk.history(alert.id), alert.head) is not None:
            found.append(f"history of {alert.id} broken")
    return found


async def _once(run: Run, left: Left) -> list[str]:
    """Return what happened not at all, or more than once."""
    found = []
    sent = Counter(m.id for one in (*left.processes, left.settled) for m in one.route.accepted)
    found += [f"message {id_} went out {times} times" for id_, times in sent.items() if times > 1]
    entries = Counter[tuple[str, str]]()
    events = Counter[str]()
    for id_ in await left.store.scan(ALERTS):
        for entry in await left.settled.desk.history(id_):
            entries[entry.name, entry.person] += 1
            if entry.name == "joined":
                events[str(entry.details["event"])] += 1
    for number, place in enumerate(run.writers, start=1):
        writer = SCENES[run.scene].writers[place]
        times = sum(entries[name, writer.person(number)] for name in writer.entries)
        if writer.entries and times != 1:
            found.append(f"{writer.name} took effect {times} times")
        if writer.holds is not None and not await writer.holds(left.settled, number):
            found.append(f"{writer.name}: what it did does not hold")
    found += [f"event {event} joined {times} times" for event, times in events.items() if times > 1]
    return found


async def told(store: MemoryStore) -> dict[str, Any]:
    """Return all that a store holds but versions, leases and counters of what was tried."""
    tables = {
        name: {id_: one.value for id_, one in some.items()} for name, some in store._tables.items() if some
    }
    schedules = {name: dict(one.instants) for name, one in store._schedules.items() if one.instants}
    logs = {name: list(entries) for name, entries in store._logs.items() if entries}
    return {"tables": tables, "schedules": schedules, "logs": logs}


def _difference(story: dict[str, Any], other: dict[str, Any]) -> str:
    for what, names in story.items():
        for name in sorted({*names, *other[what]}):
            if names.get(name) != other[what].get(name):
                return (
                    f"{what} {name}: {str(names.get(name))[:300]} and not {str(other[what].get(name))[:300]}"
                )
    return ""
