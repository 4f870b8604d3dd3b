"""Dead letters: what could not be judged because judging it raised, kept so that the rest goes on.

Here: the groups that are put off with all that they should have taken, and the log of what was kept aside. Not here:
judging (`evaluation.evaluator`), and alerts or messages that raise (`escalation.item_retry`).

A group whose judging raises keeps the state it had. What it should have taken waits as letters; when it is tried again
it takes all of them, oldest first, as if they had come late: by the law of the fold
(docs/specification/rules.md#arrival-order) it then says what it would have said. Everything here is written with the
commit of its batch, so a restart changes nothing of it. What raises is told by its type and where it came through,
never by its text, which may hold what a person wrote.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec
import structlog

from engine.core.alerting.internal_alerts import InternalAlertRequest
from engine.core.judging.event import Event
from engine.core.judging.group_key import GroupKey, key_of
from engine.core.judging.instant import MINUTE, Instant
from engine.core.judging.rule_dependency import Hearing
from engine.core.judging.upstream_interval import IntervalSource
from engine.errors import UnreadableRecordError, places
from engine.escalation.internal_alerts import ask
from engine.evaluation.batch import GroupShare
from engine.metrics import Metrics
from engine.records.tolerant_read import readable, readable_or
from engine.store.codec import decode_record, encode
from engine.store.port import Append, Drop, Plan, Put, Store

PUT_OFF_GROUPS = "put_off_groups"
"""Table of the groups that are put off, by `space|rule|group`."""
LETTERS = "letters"
"""Table of what such a group should have taken, by `space|rule|group#number`."""
DEAD_LETTERS = "dead_letters"
"""Log of all that was ever kept aside in judging, oldest first."""
PUT_OFF = 5 * MINUTE
"""When a group that raised is tried again, in milliseconds of the clock."""

LETTERS_AT_MOST = 1_000
"""So many letters wait for one group. A further one drops them all: then the group waits for a rebuild."""
EVENTS_AT_MOST = 20_000
"""So many events wait in the letters of one group."""
TOO_MANY_LETTERS = "too_many_letters"
"""Why letters were dropped; the reports in them stay in the stream and the archive."""

log = structlog.get_logger("siaga.dead_letters")


class PutOff(msgspec.Struct, frozen=True, kw_only=True):
    """A group that is put off: since when, until when, how many letters wait, and what raised where.

    `record` (`table/id`) is the record that cannot be read, where that is the cause. `events` counts those in the
    letters. `dropped`: the letters were too many and are gone; only a rebuild from stream and archive lets it go on.
    """

    since: Instant
    until: Instant
    letters: int
    error: str
    at: tuple[str, ...]
    record: str = ""
    events: int = 0
    dropped: bool = False


class DeadLetterNote(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a group should have taken in one batch: events by request, and what other groups said.

    `dropped`: it stands for letters that were dropped, so that this is known without the record of the group.
    """

    shares: tuple[GroupShare, ...] = ()
    hearings: tuple[Hearing, ...] = ()
    dropped: bool = False


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the log keeps of one case: the rule, what of it raised (a `group`, or the `event` of a desk), and where."""

    rule: str
    instant: Instant
    error: str
    at: tuple[str, ...]
    group: str = ""
    space: str = ""
    desk: str = ""
    event_id: str = ""
    record: str = ""
    """The record that cannot be read, as `table/id`, where that is the cause."""


class SetAside(msgspec.Struct, kw_only=True):
    """What one attempt at a batch keeps aside, as parts of its write."""

    puts: list[Put] = msgspec.field(default_factory=list)
    drops: list[Drop] = msgspec.field(default_factory=list)
    plans: list[Plan] = msgspec.field(default_factory=list)
    appends: list[Append] = msgspec.field(default_factory=list)
    known: dict[GroupKey, PutOff | None] = msgspec.field(default_factory=dict)
    told: list[DeadLetter] = msgspec.field(default_factory=list)


class DeadLetters:
    """The groups that one evaluator has put off. Only it writes them, so the fence of its commits guards them."""

    def __init__(self, store: Store, metrics: Metrics, *, spares: bool = True) -> None:
        """Keep what raises in `store`; without `spares` nothing is kept aside, and what raises raises."""
        self._store = store
        self._metrics = metrics
        self.spares = spares
        self._known: dict[GroupKey, PutOff] = {}
        self._aside = SetAside()

    async def read(self) -> None:
        """Read which groups are put off: another evaluator may have written meanwhile."""
        records = await self._store.scan(PUT_OFF_GROUPS)
        found = readable(PUT_OFF_GROUPS, records, PutOff)
        for member in records.keys() - found.keys():
            found[member] = await self._reconstructed(member)
        self._known = {key_of(member): found[member] for member in records}
        self._count()

    async def _reconstructed(self, member: str) -> PutOff:
        """Return what an unreadable record of a group must have said: how many letters wait; it is tried at once."""
        letters, first = 0, f"{member}#0"
        dropped = readable_or(
            LETTERS, first, (await self._store.get(LETTERS, [first]))[0], DeadLetterNote, DeadLetterNote()
        ).dropped
        while (await self._store.get(LETTERS, [f"{member}#{letters}"]))[0] is not None:
            letters += 1
        error = UnreadableRecordError.__name__
        return PutOff(since=0, until=0, letters=letters, error=error, at=(), dropped=dropped)

    def begin(self) -> None:
        """Begin an attempt at a batch: what an earlier attempt kept aside is forgotten."""
        self._aside = SetAside()

    @property
    def rules(self) -> set[str]:
        """The rules of which groups are put off."""
        return {key.rule for key in self._known}

    def __contains__(self, key: GroupKey) -> bool:
        """Say whether a group is put off."""
        return key in self._known

    def waits(self, key: GroupKey, horizon: Instant) -> PutOff | None:
        """Return how a group is put off that is not to be tried at `horizon` yet; None where it is to be judged."""
        found = self._known.get(key)
        return found if found is not None and (found.dropped or horizon < found.until) else None

    async def letters(self, key: GroupKey) -> tuple[DeadLetterNote, ...]:
        """Return what waits for a group, oldest first; raise `UnreadableRecordError` where a letter is unreadable."""
        found = self._known.get(key)
        if found is None:
            return ()
        ids = [f"{key}#{number}" for number in range(found.letters)]
        records = zip(ids, await self._store.get(LETTERS, ids), strict=True)
        return tuple(
            decode_record(LETTERS, id_, record.value, DeadLetterNote)
            for id_, record in records
            if record is not None
        )

    def keep(
        self, key: GroupKey, shares: Sequence[GroupShare], hearings: Sequence[Hearing], horizon: Instant
    ) -> Instant | None:
        """Keep what a group should have taken while it is put off; return until when (None: until it is rebuilt)."""
        return self._put(key, self._known[key], shares, hearings, horizon)

    def put_off(
        self,
        key: GroupKey,
        shares: Sequence[GroupShare],
        hearings: Sequence[Hearing],
        *,
        horizon: Instant,
        error: Exception,
    ) -> Instant | None:
        """Put a group off that raised, with what it should have taken in this batch; return until when.

        None: until it is rebuilt, since its letters were too many.
        """
        if not self.spares:
            raise error
        before = self._known.get(key)
        name, at = type(error).__name__, tuple(places(error))
        found = PutOff(
            since=before.since if before else horizon,
            until=horizon + PUT_OFF,
            letters=before.letters if before else 0,
            error=name,
            at=at,
            record=error.record if isinstance(error, UnreadableRecordError) else "",
            events=before.events if before else 0,
        )
        until = self._put(key, found, shares, hearings, horizon)
        letter = DeadLetter(
            rule=key.rule,
            space=key.space,
            group=key.group,
            instant=horizon,
            error=name,
            at=at,
            record=found.record,
        )
        self._tell(letter, kept=before is None or (before.error, before.at) != (name, at))
        return until

    def event(self, rule: str, event: Event, error: Exception, at: Instant) -> None:
        """Keep aside that a rule could not be asked about an event."""
        if not self.spares:
            raise error
        self._tell(
            DeadLetter(
                rule=rule,
                desk=event.desk,
                event_id=event.id,
                instant=at,
                error=type(error).__name__,
                at=tuple(places(error)),
            ),
            kept=True,
        )

    def settled(self, key: GroupKey) -> None:
        """Let a group go on that was put off: it has taken everything, or sees all of the past anew."""
        if (known := self._known.get(key)) is not None:
            self._aside.drops.append(Drop(PUT_OFF_GROUPS, str(key)))
            self._aside.drops += [Drop(LETTERS, f"{key}#{number}") for number in range(known.letters)]
            self._aside.known[key] = None

    def settle_rules(
        self, rebuilt: Collection[str], rules: Mapping[str, object], left_out: Collection[GroupKey] = ()
    ) -> None:
        """Let go of the groups of rules that see the past anew, or that are in force no more.

        Groups that the switch left out wait on.
        """
        for key in list(self._known):
            if key in left_out and key.rule in rules:
                continue
            if key.rule in rebuilt or key.rule not in rules:
                self.settled(key)

    @property
    def aside(self) -> SetAside:
        """What this attempt keeps aside."""
        return self._aside

    def committed(self) -> None:
        """Take over what is in the store now, tell it and count it."""
        for key, found in self._aside.known.items():
            if found is None:
                self._known.pop(key, None)
                log.warning("group_goes_on", rule=key.rule, group=key.group)
            else:
                self._known[key] = found
        for letter in self._aside.told:
            of = "event" if letter.event_id else "group"
            self._metrics.trouble.dead_letter(of)
            fields = {name: value for name, value in msgspec.structs.asdict(letter).items() if value}
            log.error("dead_letter", of=of, **fields)
        self._count()
        self._aside = SetAside()

    def _count(self) -> None:
        self._metrics.trouble.groups_put_off.set(len(self._known))
        self._metrics.trouble.groups_to_rebuild.set(sum(one.dropped for one in self._known.values()))

    def _put(
        self,
        key: GroupKey,
        found: PutOff,
        shares: Sequence[GroupShare],
        hearings: Sequence[Hearing],
        horizon: Instant,
    ) -> Instant | None:
        """Keep a group as it is put off, with one more letter; return until when it is."""
        if found.dropped:
            return None
        if shares or hearings:
            letter = DeadLetterNote(shares=tuple(shares), hearings=tuple(hearings))
            events = found.events + sum(_size(share) for share in shares)
            if found.letters >= LETTERS_AT_MOST or events > EVENTS_AT_MOST:
                self._drop_letters(key, found, horizon)
                return None
            self._aside.puts.append(Put(LETTERS, f"{key}#{found.letters}", encode(letter)))
            found = msgspec.structs.replace(found, letters=found.letters + 1, events=events)
        elif found == self._known.get(key):
            return found.until
        self._aside.puts.append(Put(PUT_OFF_GROUPS, str(key), encode(found)))
        self._aside.known[key] = found
        return found.until

    def _drop_letters(self, key: GroupKey, found: PutOff, horizon: Instant) -> None:
        """Drop all letters of a group; the first one's place keeps that this was done."""
        self._aside.puts.append(Put(LETTERS, f"{key}#0", encode(DeadLetterNote(dropped=True))))
        self._aside.drops += [Drop(LETTERS, f"{key}#{number}") for number in range(1, found.letters)]
        left = msgspec.structs.replace(found, letters=1, events=0, dropped=True)
        self._aside.puts.append(Put(PUT_OFF_GROUPS, str(key), encode(left)))
        self._aside.known[key] = left
        letter = DeadLetter(
            rule=key.rule,
            space=key.space,
            group=key.group,
            instant=horizon,
            error=TOO_MANY_LETTERS,
            at=found.at,
            record=found.record,
        )
        self._tell(letter, kept=True)

    def _tell(self, letter: DeadLetter, *, kept: bool) -> None:
        self._aside.told.append(letter)
        self._aside.plans.append(
            ask(InternalAlertRequest("unreadable" if letter.record else "dead_letter"), letter.instant)
        )
        if kept:
            self._aside.appends.append(Append(DEAD_LETTERS, (encode(letter),)))


def _size(share: GroupShare) -> int:
    """Return how many events a share holds, those that left a group among them."""
    return len(share.arrivals) + len(share.clearing) + len(share.gone)


def newest(hearings: Iterable[Hearing]) -> tuple[Hearing, ...]:
    """Return the last hearing of each source, which says all that the earlier ones said.

    When people closed an alert is said only once, so that is kept.
    """
    found: dict[IntervalSource, Hearing] = {}
    for hearing in hearings:
        before = found.get(hearing.source)
        if before is not None and hearing.closed_at is None and before.closed_at is not None:
            hearing = msgspec.structs.replace(hearing, closed_at=before.closed_at)  # noqa: PLW2901
        found[hearing.source] = hearing
    return tuple(found.values())
