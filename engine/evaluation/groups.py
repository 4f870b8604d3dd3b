"""The groups that an evaluator works on: as the store has them, and as living working copies.

Here: a group's head and its pages of points in the store, and the cache of both. Not here: judging
(`core.judging.group_evaluation`) and the commit (`evaluation.evaluator`).

A working copy lives on after the commit that stored it, so that the next batch need not fold anew. Its older pages lie
in the store alone until they are needed (`core.judging.retention`). Beside it stands what is in the store of the head;
where a copy was thrown away, another one is made of what is read again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import chain, islice

import msgspec

from engine.core.judging.condition import Absence, Bond
from engine.core.judging.group_evaluation import Group
from engine.core.judging.group_key import GroupKey
from engine.core.judging.group_state import EMPTY, Circumstances, GroupState, Point
from engine.core.judging.instant import DAY, Instant, Millis
from engine.core.judging.points import LAST
from engine.core.judging.rule import Rule
from engine.core.judging.rule_dependency import kind_of
from engine.core.judging.window import kept_for, latest_needed
from engine.errors import UnreadableRecordError
from engine.records.tolerant_read import kept_bytes
from engine.store.codec import decode_record, encode
from engine.store.port import Drop, Put, Record, Store

GROUPS = "groups"
"""Table of heads by `space|rule|group`."""
POINTS = "points"
"""Table of pages by `space|rule|group#page`."""
FLOORS = "group_floors"
"""Table of the highest number of alerts of a group that was forgotten, by `space|rule`."""
NUMBERED: Millis = 60 * DAY
"""A group of which nothing matters any more keeps the number of its alerts for so long."""
RETIRED: Millis = 30 * DAY
"""Groups of a rule that is in force no more stay so long: it may come back."""
CACHED = 50_000
"""Groups of which it is kept in memory what is stored (some 1 kB); beyond that those go that were not asked for the
longest."""
LIVING = 5_000
"""Working copies that live on (some 5 kB, and up to 20 kB for the points at hand), those asked for last."""


class GroupHead(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A group's state with the points of its last page only, and the numbers of the pages before that, in event order.

    `under` is until when the exception holds by which it was judged; None: by the rule itself, or one without end.
    """

    state: GroupState
    pages: tuple[int, ...] = ()
    under: Instant | None = None


class KeptGroup(msgspec.Struct, frozen=True):
    """What the store has of a group: the version of its head (0: nothing), what is in that, and the pages before.

    `pages` is None where a working copy was made of them: they are as that has them or in the store only.
    """

    version: int
    head: GroupState
    numbers: tuple[int, ...] = ()
    under: Instant | None = None
    pages: tuple[tuple[Point, ...], ...] | None = ()

    @property
    def state(self) -> GroupState:
        """The state with all of its points, which must be here."""
        if self.pages is None:
            raise RuntimeError("a state is asked for whose points lie in the store only")
        if not self.pages:
            return self.head
        return msgspec.structs.replace(
            self.head, points=(*chain.from_iterable(self.pages), *self.head.points)
        )


NOTHING = KeptGroup(0, EMPTY)


class Judged(msgspec.Struct, frozen=True):
    """A group after a batch: the working copy, and its state but for the points.

    One that is to be `forgotten` leaves nothing but the number of its alerts, where it had any.
    """

    group: Group
    head: GroupState
    forgotten: bool = False


class UnreadableGroup(UnreadableRecordError):
    """A group whose head or pages cannot be read.

    `version` and `stored` are those of its head, for the write that replaces it. `state` and `pages` are what the head
    says where only a page cannot be read.
    """

    def __init__(self, cause: UnreadableRecordError, record: Record, head: GroupHead | None = None) -> None:
        super().__init__(cause.table, cause.id, cause.reason)
        self.version = record.version
        self.stored = record.value
        self.state = None if head is None else head.state
        self.pages = () if head is None else head.pages


class Groups:
    """The groups of one evaluator. Only it writes them, so the fence of its commits guards every page."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[GroupKey, KeptGroup] = {}
        self._faults: dict[GroupKey, UnreadableGroup] = {}
        self._replaced: dict[GroupKey, UnreadableGroup] = {}
        self._living: dict[GroupKey, Group] = {}
        self._to_keep: dict[GroupKey, KeptGroup] = {}
        self._floors: dict[str, tuple[int, int]] = {}
        """Version and number of what is kept of forgotten groups, as far as it was asked for."""
        self._new_floors: dict[str, tuple[int, int]] = {}

    def clear(self) -> None:
        """Forget everything: another evaluator may have written meanwhile."""
        self._kept.clear()
        self._faults.clear()
        self._replaced.clear()
        self._living.clear()
        self._to_keep.clear()
        self._floors.clear()
        self._new_floors.clear()

    async def fetch(self, keys: Collection[GroupKey]) -> None:
        """Read the groups that are not in memory; these keys are the last to be forgotten.

        A group that cannot be read has a `fault`. Every other question about it raises that fault. The next fetch
        reads it again.
        """
        missing = [key for key in keys if key not in self._kept]
        for key in keys:
            if (kept := self._kept.pop(key, None)) is not None:
                self._kept[key] = kept
                if (group := self._living.pop(key, None)) is not None:
                    self._living[key] = group
        over = min(len(self._kept) + len(missing) - CACHED, len(self._kept) + len(missing) - len(keys))
        for key in list(islice(self._kept, max(0, over))):
            del self._kept[key]
            self.spoil(key)
        for key in list(islice(self._living, max(0, len(self._living) - max(LIVING, len(keys))))):
            self.spoil(key)
        if missing:
            self._take(await read(self._store, missing, self._floors), missing)

    def fault(self, key: GroupKey) -> UnreadableGroup | None:
        """Return why a group that was fetched cannot be read; None where it can."""
        return self._faults.get(key)

    def replace_unreadable(self, key: GroupKey, state: GroupState) -> None:
        """Let a state stand in for what cannot be read of a group.

        The next commit of the group overwrites its head, and keeps the bytes of the unreadable one.
        """
        fault = self._faults.pop(key)
        self._replaced[key] = fault
        self._kept[key] = KeptGroup(fault.version, state, fault.pages)

    def replace(self, key: GroupKey, state: GroupState) -> None:
        """Let another state stand in for a group that was fetched; its next commit writes what follows from it."""
        kept = self._of(key)
        self.spoil(key)
        self._kept[key] = KeptGroup(kept.version, state, kept.numbers, kept.under)

    def _take(
        self, found: Mapping[GroupKey, KeptGroup | UnreadableGroup], asked: Collection[GroupKey]
    ) -> None:
        for key in asked:
            self._faults.pop(key, None)
        for key, one in found.items():
            if isinstance(one, KeptGroup):
                self._kept[key] = one
            else:
                self._kept.pop(key, None)
                self.spoil(key)
                self._faults[key] = one

    def _of(self, key: GroupKey) -> KeptGroup:
        if (fault := self._faults.get(key)) is not None:
            raise fault
        return self._kept[key]

    def _new(self, key: GroupKey) -> KeptGroup:
        return _anew(self._floors.get(_floor(key), (0, 0))[1])

    async def state(self, key: GroupKey) -> GroupState:
        """Return the committed state of a group that was fetched."""
        return (await self._whole(key)).state

    async def _whole(self, key: GroupKey) -> KeptGroup:
        """Return what the store has of a group with all points, read again where a working copy has taken them over."""
        if self._of(key).pages is None:
            self._take(await read(self._store, [key], self._floors), [key])
        return self._of(key)

    def head(self, key: GroupKey) -> GroupState:
        """Return that state with some of its points only, which takes no time."""
        return self._of(key).head

    def over(self, key: GroupKey, rule: Rule) -> Instant | None:
        """Return when the exception ended by which a group was judged so far; None: it goes on, or there was none."""
        under = self._of(key).under
        return under if under != rule.holds_until else None

    async def working_copy(
        self, key: GroupKey, rule: Rule, around: Circumstances, before: Instant | None = None
    ) -> Group:
        """Return the working copy of a group, the living one where it is of this very rule and nothing else changed."""
        group = self._living.get(key)
        if group is None or group.rule is not rule or group.around != around:
            kept = await self._whole(key)
            pages = [(n, len(page)) for n, page in zip(kept.numbers, kept.pages or (), strict=True)]
            group = self._live(key, kind_of(rule)(rule, kept.state, around, before=before, pages=pages))
        return group

    async def bring(
        self, key: GroupKey, group: Group, *, earliest: Instant | None, received_at: Instant, whole: bool
    ) -> None:
        """Bring what a working copy lacks to judge what is to come (`Retaining.lacks`)."""
        while lacking := group.lacks(earliest, received_at, whole=whole):
            group.bring(_read_pages(key, lacking, await _pages(self._store, {key: lacking})))

    def taken_over(self, key: GroupKey, group: Group) -> Judged:
        """Let a group that was made anew be the working copy."""
        return Judged(self._live(key, group), group.head())

    def _live(self, key: GroupKey, group: Group) -> Group:
        self._living[key] = group
        kept = self._kept[key]
        if kept.numbers:
            self._kept[key] = msgspec.structs.replace(kept, pages=None)
        return group

    def spoil(self, key: GroupKey) -> None:
        """Throw a working copy away whose changes were not committed."""
        self._living.pop(key, None)
        self._to_keep.pop(key, None)

    def changed(self, key: GroupKey, judged: Judged) -> bool:
        """Say whether a judged group differs from what the store has."""
        group, kept = judged.group, self._kept[key]
        if group.points.touched or group.rule.holds_until != kept.under:
            return True
        return judged.head != msgspec.structs.replace(kept.head, points=())

    def changes(self, key: GroupKey, judged: Judged) -> tuple[list[Put], list[Drop]]:
        """Return what a commit writes of a judged group: its head, and the pages that were touched."""
        if judged.forgotten:
            return self._forgotten(key)
        if not self.changed(key, judged):
            return [], []
        kept, points, under = self._kept[key], judged.group.points, judged.group.rule.holds_until
        touched = points.touched
        last = points.last_page if LAST in touched else kept.head.points
        state = msgspec.structs.replace(judged.head, points=last)
        numbers = tuple(points.pages)
        self._to_keep[key] = KeptGroup(kept.version + 1, state, numbers, under, None if numbers else ())
        name, head = str(key), GroupHead(state=state, pages=numbers, under=under)
        puts = [Put(GROUPS, name, encode(head), kept.version)]
        if (fault := self._replaced.get(key)) is not None:
            puts.append(kept_bytes(GROUPS, name, fault.stored))
        puts += [Put(POINTS, f"{name}#{n}", encode(points.page(n))) for n in numbers if n in touched]
        return puts, [Drop(POINTS, f"{name}#{n}") for n in kept.numbers if n not in numbers]

    def _forgotten(self, key: GroupKey) -> tuple[list[Put], list[Drop]]:
        """Return what takes a group away; `floors` keeps the number of its alerts."""
        kept, name = self._kept[key], str(key)
        self._to_keep[key] = NOTHING
        drops = [Drop(GROUPS, name, kept.version)] if kept.version else []
        return [], drops + [Drop(POINTS, f"{name}#{number}") for number in kept.numbers]

    async def fetch_floors(self, keys: Collection[GroupKey]) -> None:
        """Read what is kept of forgotten groups of the rules of these groups; `floors` builds on it."""
        await _read_floors(self._store, keys, self._floors)

    def floors(self, judged: Mapping[GroupKey, Judged]) -> list[Put]:
        """Return what keeps the highest number of alerts of the groups that are forgotten, by space and rule.

        A group that is made anew goes on behind that number: so no two alerts have one id.
        """
        found: dict[str, int] = {}
        for key, one in judged.items():
            if one.forgotten:
                found[_floor(key)] = max(found.get(_floor(key), 0), one.head.opened)
        higher = {
            name: opened for name, opened in found.items() if opened > self._floors.get(name, (0, 0))[1]
        }
        self._new_floors = {name: (self._floors.get(name, (0, 0))[0] + 1, n) for name, n in higher.items()}
        return [Put(FLOORS, name, encode(n), version - 1) for name, (version, n) in self._new_floors.items()]

    def committed(
        self, judged: Mapping[GroupKey, Judged], at: Instant, *, told: Collection[str] = ()
    ) -> None:
        """Remember that what `changes` gave of judged groups is in the store, and let go of what may lie there only.

        `at` is a clock instant no later than that of the next commit. `told` are the ids of rules whose groups tell
        others of all their stretches, and so keep all points at hand.
        """
        self._floors.update(self._new_floors)
        self._new_floors = {}
        for key, one in judged.items():
            if one.forgotten:  # what its copy holds besides must not go on
                self._living.pop(key, None)
                self._to_keep[key] = self._new(key)
        self._kept.update(self._to_keep)
        self._to_keep.clear()
        self._replaced.clear()
        for key, one in judged.items():
            one.group.points.touched.clear()
            if key.rule not in told:
                one.group.put_away(at)


def state_of(found: KeptGroup | UnreadableGroup) -> GroupState:
    """Return the state of a group that was read; raise its `UnreadableRecordError` where it cannot be."""
    if isinstance(found, UnreadableGroup):
        raise found
    return found.state


async def read(
    store: Store, keys: Collection[GroupKey], floors: dict[str, tuple[int, int]] | None = None
) -> dict[GroupKey, KeptGroup | UnreadableGroup]:
    """Read groups from the store; one that it does not have is empty, but for the number of alerts of forgotten ones.

    `floors` are those numbers as far as they are known already; what is read besides is added.

    A group is unreadable where its head or one of its pages cannot be read, or a page is missing.
    """
    records = dict(zip(keys, await store.get(GROUPS, [str(key) for key in keys]), strict=True))
    known = {} if floors is None else floors
    absent = [key for key, record in records.items() if record is None]
    await _read_floors(store, absent, known)
    kept: dict[GroupKey, KeptGroup | UnreadableGroup] = {key: _anew(known[_floor(key)][1]) for key in absent}
    heads: dict[GroupKey, tuple[Record, GroupHead]] = {}
    for key, record in records.items():
        if record is None:
            continue
        try:
            heads[key] = record, decode_record(GROUPS, str(key), record.value, GroupHead)
        except UnreadableRecordError as error:
            kept[key] = UnreadableGroup(error, record)
    found = await _pages(store, {key: head.pages for key, (_, head) in heads.items()})
    for key, (record, head) in heads.items():
        try:
            pages = _read_pages(key, head.pages, found)
        except UnreadableRecordError as error:
            kept[key] = UnreadableGroup(error, record, head)
        else:
            kept[key] = KeptGroup(record.version, head.state, tuple(pages), head.under, tuple(pages.values()))
    return kept


async def _read_floors(store: Store, keys: Collection[GroupKey], known: dict[str, tuple[int, int]]) -> None:
    """Add what is kept of forgotten groups of the rules of these groups, as far as it is not known."""
    unknown = sorted({_floor(key) for key in keys} - known.keys())
    if unknown:
        for name, record in zip(unknown, await store.get(FLOORS, unknown), strict=True):
            known[name] = (
                (record.version, decode_record(FLOORS, name, record.value, int)) if record else (0, 0)
            )


def has_past(state: GroupState, rule: Rule, now: Instant) -> bool:
    """Say whether a group may have anything to let go of at `now`: openings that are over, or points that are old.

    Nothing newer than its last page is needed to know. The latest points that a condition looks at stay for good.
    """
    edge = now - rule.late_horizon - rule.wait_for_late - 1
    if any(opening.ended_at is not None and opening.ended_at <= edge for opening in state.openings):
        return True
    if state.open is not None or isinstance(rule.condition, Bond):
        return False
    if not state.points and not state.openings:
        over = not state.opened or (state.base or 0) < now - NUMBERED
        return over and not isinstance(rule.condition, Absence) and not latest_needed(rule.condition)
    oldest = state.points[0].evidence.occurred_at if state.points else state.base or 0
    return len(state.points) > latest_needed(rule.condition) and oldest <= edge - kept_for(rule.condition)


def retired(key: GroupKey, head: GroupHead, version: int, now: Instant) -> tuple[list[Put], list[Drop]]:
    """Return what is left of a group whose rule is in force no more, and was not for long: the number of its alerts."""
    state = head.state
    ends = [o.ended_at or o.happened_at for o in state.openings]
    newest = max([state.base or 0, *ends, *(point.evidence.received_at for point in state.points)])
    bare = GroupState(opened=state.opened, base=state.base)
    if newest > now - RETIRED or (state == bare and not head.pages and state.opened):
        return [], []
    drops = [Drop(POINTS, f"{key}#{number}") for number in head.pages]
    if not state.opened:
        return [], [Drop(GROUPS, str(key), version), *drops]
    return [Put(GROUPS, str(key), encode(GroupHead(state=bare)), version)], drops


def _floor(key: GroupKey) -> str:
    """Return under which id the number of alerts of forgotten groups of a rule is kept."""
    return f"{key.space}|{key.rule}"


def _anew(opened: int) -> KeptGroup:
    """Return what the store has of a group that was never there, or was forgotten."""
    return KeptGroup(0, GroupState(opened=opened)) if opened else NOTHING


async def _pages(store: Store, wanted: Mapping[GroupKey, Sequence[int]]) -> dict[str, Record | None]:
    """Return the records of pages of groups, by their ids."""
    names = [f"{key}#{number}" for key, numbers in wanted.items() for number in numbers]
    return dict(zip(names, await store.get(POINTS, names) if names else (), strict=True))


def _read_pages(
    key: GroupKey, numbers: Sequence[int], found: Mapping[str, Record | None]
) -> dict[int, tuple[Point, ...]]:
    """Return pages of a group by their numbers; raise `UnreadableRecordError` for one that is missing or unreadable."""
    pages: dict[int, tuple[Point, ...]] = {}
    for number in numbers:
        name = f"{key}#{number}"
        record = found[name]
        if record is None:
            raise UnreadableRecordError(POINTS, name, "the head of the group names it, and it is missing")
        pages[number] = decode_record(POINTS, name, record.value, tuple[Point, ...])
    return pages
