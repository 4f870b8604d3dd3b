"""A write as the script `write.lua` takes it.

Here: what changes, gathered by table, schedule and log. Not here: what may be in a write (`store.check`), and sending
it (`store.redis`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec
from msgspec import UNSET

from engine.judging.instant import Instant
from engine.store.port import Drop, Expect, Plan, Put, Write


def gathered(write: Write) -> list[bytes]:
    """Pack a write as `write.lua` takes it: what changes, table by table and log by log, and then all values.

    The values stand apart because the server's msgpack knows texts but no bytes.
    """
    puts: defaultdict[str, list[Put]] = defaultdict(list)
    for put in write.puts:
        puts[put.table].append(put)
    drops: defaultdict[str, list[Drop]] = defaultdict(list)
    for drop in write.drops:
        drops[drop.table].append(drop)
    expects: defaultdict[str, list[Expect]] = defaultdict(list)
    for expect in write.expects:
        expects[expect.table].append(expect)
    schedules: defaultdict[str, dict[str, Instant | None]] = defaultdict(dict)
    conditions: defaultdict[str, list[str | int]] = defaultdict(list)
    for plan in write.plans:
        schedules[plan.schedule][plan.member] = plan.at  # of two plans for one member the last holds
        if plan.expected is not UNSET:
            conditions[plan.schedule] += _condition(plan)
    fence = write.fence
    changes = (
        (fence.epoch, fence.cursor, fence.next_cursor) if fence else None,
        [_versions(table, changes) for table, changes in puts.items()],
        [_versions(table, changes) for table, changes in drops.items()],
        [
            (
                schedule,
                [word for member, at in plans.items() if at is not None for word in (at, member)],
                [member for member, at in plans.items() if at is None],
                conditions[schedule],
            )
            for schedule, plans in schedules.items()
        ],
        [(append.log, len(append.entries), append.chained) for append in write.appends],
        [word for count in write.counts.items() for word in count],
        (write.note.type, write.note.received_at) if write.note else None,
        [(t, [one.id for one in some], [one.version for one in some]) for t, some in expects.items()],
        [(cut.log, cut.count) for cut in write.cuts],
    )
    values = [put.value for puts_ in puts.values() for put in puts_]
    entries = [entry for append in write.appends for entry in append.entries]
    noted = [write.note.value] if write.note else []
    return [msgspec.msgpack.encode(changes), *values, *entries, *noted, *(cut.last for cut in write.cuts)]


def _versions(table: str, changes: Sequence[Put | Drop]) -> tuple[str, list[str], list[int]]:
    expected = [-1 if change.expected is None else change.expected for change in changes]
    return table, [change.id for change in changes], expected


def _condition(plan: Plan) -> tuple[str, int]:
    """Return a member and the instant that it must have, -1 for none."""
    return plan.member, plan.expected if isinstance(plan.expected, int) else -1
