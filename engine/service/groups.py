"""The groups that an evaluator works on: as the store has them, and as living working copies.

Here: a group's head and its pages of points in the store, and the cache of both. Not here: judging (`judging.evaluate`)
and the commit (`service.evaluator`).

A working copy lives on after the commit that stored it, so that the next batch need not fold anew. Its older pages lie
in the store alone until they are needed (`judging.retention`). Beside it stands what is in the store of the head; where
a copy was thrown away, another one is made of what is read again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import chain, islice

import msgspec

from engine.errors import StoreError
from engine.judging.circumstances import Circumstances
from engine.judging.evaluate import Group
from engine.judging.hearing import kind_of
from engine.judging.instant import Instant
from engine.judging.points import LAST
from engine.judging.rule import Rule
from engine.judging.state import EMPTY, GroupState, Point
from engine.service.batch import Key
from engine.store.codec import decode, encode
from engine.store.port import Drop, Put, Store

GROUPS = "groups"
"""Table of heads by `space|rule|group`."""
POINTS = "points"
"""Table of pages by `space|rule|group#page`."""
CACHED = 50_000
"""Groups of which it is kept in memory what is stored (some 1 kB); beyond that those go that were not asked for the
longest."""
LIVING = 5_000
"""Working copies that live on (some 5 kB, and up to 20 kB for the points at hand), those asked for last."""


class Head(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A group's state with the points of its last page only, and the numbers of the pages before that, in event order.

    `under` is until when the exception holds by which it was judged; None: by the rule itself, or one without end.
    """

    state: GroupState
    pages: tuple[int, ...] = ()
    under: Instant | None = None


class Kept(msgspec.Struct, frozen=True):
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


NOTHING = Kept(0, EMPTY)


class Judged(msgspec.Struct, frozen=True):
    """A group after a batch: the working copy, and its state but for the points."""

    group: Group
    head: GroupState


class Groups:
    """The groups of one evaluator. Only it writes them, so the fence of its commits guards every page."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[Key, Kept] = {}
        self._living: dict[Key, Group] = {}
        self._to_keep: dict[Key, Kept] = {}

    def clear(self) -> None:
        """Forget everything: another evaluator may have written meanwhile."""
        self._kept.clear()
        self._living.clear()
        self._to_keep.clear()

    async def fetch(self, keys: Collection[Key]) -> None:
        """Read the groups that are not in memory; these keys are the last to be forgotten."""
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
            self._kept.update(await read(self._store, missing))

    async def state(self, key: Key) -> GroupState:
        """Return the committed state of a group that was fetched."""
        return (await self._whole(key)).state

    async def _whole(self, key: Key) -> Kept:
        """Return what the store has of a group with all points, read again where a working copy has taken them over."""
        if self._kept[key].pages is None:
            self._kept.update(await read(self._store, [key]))
        return self._kept[key]

    def head(self, key: Key) -> GroupState:
        """Return that state with some of its points only, which takes no time."""
        return self._kept[key].head

    def over(self, key: Key, rule: Rule) -> Instant | None:
        """Return when the exception ended by which a group was judged so far; None: it goes on, or there was none."""
        under = self._kept[key].under
        return under if under != rule.holds_until else None

    async def working_copy(
        self, key: Key, rule: Rule, around: Circumstances, before: Instant | None = None
    ) -> Group:
        """Return the working copy of a group, the living one where it is of this very rule and nothing else changed."""
        group = self._living.get(key)
        if group is None or group.rule is not rule or group.around != around:
            kept = self._kept[key]
            if kept.pages is None:
                kept = await self._whole(key)
            pages = [(n, len(page)) for n, page in zip(kept.numbers, kept.pages or (), strict=True)]
            group = self._live(key, kind_of(rule)(rule, kept.state, around, before=before, pages=pages))
        return group

    async def bring(
        self, key: Key, group: Group, *, earliest: Instant | None, received_at: Instant, whole: bool
    ) -> None:
        """Bring what a working copy lacks to judge what is to come (`Retaining.lacks`)."""
        while lacking := group.lacks(earliest, received_at, whole=whole):
            pages = (await _pages(self._store, {key: lacking}))[key]
            if len(pages) < len(lacking):
                raise StoreError(
                    f"pages of a group are missing in the store: {sorted(set(lacking) - set(pages))}"
                )
            group.bring(pages)

    def taken_over(self, key: Key, group: Group) -> Judged:
        """Let a group that was made anew be the working copy."""
        return Judged(self._live(key, group), group.head())

    def _live(self, key: Key, group: Group) -> Group:
        self._living[key] = group
        kept = self._kept[key]
        if kept.numbers:
            self._kept[key] = msgspec.structs.replace(kept, pages=None)
        return group

    def spoil(self, key: Key) -> None:
        """Throw a working copy away whose changes were not committed."""
        self._living.pop(key, None)
        self._to_keep.pop(key, None)

    def changed(self, key: Key, judged: Judged) -> bool:
        """Say whether a judged group differs from what the store has."""
        group, kept = judged.group, self._kept[key]
        if group.points.touched or group.rule.holds_until != kept.under:
            return True
        return judged.head != msgspec.structs.replace(kept.head, points=())

    def changes(self, key: Key, judged: Judged) -> tuple[list[Put], list[Drop]]:
        """Return what a commit writes of a judged group: its head, and the pages that were touched."""
        if not self.changed(key, judged):
            return [], []
        kept, points, under = self._kept[key], judged.group.points, judged.group.rule.holds_until
        touched = points.touched
        last = points.last_page if LAST in touched else kept.head.points
        state = msgspec.structs.replace(judged.head, points=last)
        numbers = tuple(points.pages)
        self._to_keep[key] = Kept(kept.version + 1, state, numbers, under, None if numbers else ())
        name, head = str(key), Head(state=state, pages=numbers, under=under)
        puts = [Put(GROUPS, name, encode(head), kept.version)]
        puts += [Put(POINTS, f"{name}#{n}", encode(points.page(n))) for n in numbers if n in touched]
        return puts, [Drop(POINTS, f"{name}#{n}") for n in kept.numbers if n not in numbers]

    def committed(self, judged: Mapping[Key, Judged], at: Instant, *, told: Collection[str] = ()) -> None:
        """Remember that what `changes` gave of judged groups is in the store, and let go of what may lie there only.

        `at` is a clock instant no later than that of the next commit. `told` are the ids of rules whose groups tell
        others of all their stretches, and so keep all points at hand.
        """
        self._kept.update(self._to_keep)
        self._to_keep.clear()
        for key, one in judged.items():
            one.group.points.touched.clear()
            if key.rule not in told:
                one.group.put_away(at)


async def read(store: Store, keys: Collection[Key]) -> Mapping[Key, Kept]:
    """Read groups from the store; one that it does not have is empty."""
    records = dict(zip(keys, await store.get(GROUPS, [str(key) for key in keys]), strict=True))
    heads = {key: (record.version, decode(record.value, Head)) for key, record in records.items() if record}
    found = await _pages(store, {key: head.pages for key, (_, head) in heads.items()})
    kept = dict.fromkeys(keys, NOTHING)
    for key, (version, head) in heads.items():
        pages = found[key]
        kept[key] = Kept(version, head.state, tuple(pages), head.under, tuple(pages.values()))
    return kept


async def _pages(
    store: Store, wanted: Mapping[Key, Sequence[int]]
) -> dict[Key, dict[int, tuple[Point, ...]]]:
    """Read pages of groups, by their numbers."""
    names = [f"{key}#{number}" for key, numbers in wanted.items() for number in numbers]
    found = dict(zip(names, await store.get(POINTS, names) if names else (), strict=True))
    return {
        key: {
            number: decode(record.value, tuple[Point, ...])
            for number in numbers
            if (record := found[f"{key}#{number}"]) is not None
        }
        for key, numbers in wanted.items()
    }
