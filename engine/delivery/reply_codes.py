"""Reply codes of a phone: the codes sent to it, the texts received from it, and wrong codes over all phones.

Records lie under a digest of the number.
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Literal, NamedTuple

import msgspec

from engine.core.alerting.alert import Alert
from engine.core.judging.instant import HOUR, Instant, Millis
from engine.records.alert_repository import ALERTS
from engine.records.tolerant_read import readable_of, readable_or
from engine.runtime.keys import Keys
from engine.store.codec import encode
from engine.store.port import Drop, Place, Plan, Put, Store, Write
from engine.texts import conversation as lines
from engine.texts.conversation import KEPT_AFTER_CLOSING, Conversation, SentCode, close
from engine.texts.reply_code import candidates, letters_for

CODE_MISSES = "code_misses"
"""Table of the instants of the newest misses, by kind."""
AT_MOST = 50
"""So many misses within `WITHIN` are ordinary typing; one more is guessing."""
WITHIN: Millis = HOUR

Of = Literal["phones", "contacts"]
"""Codes of alerts that came in by SMS; codes of contacts to be verified."""


class Misses(NamedTuple):
    """The misses of the last hour, the newest last, and the version of their record."""

    of: Of
    at: tuple[Instant, ...]
    version: int

    @property
    def too_many(self) -> bool:
        """Whether more came within the hour than typing explains."""
        return len(self.at) > AT_MOST

    @property
    def spent(self) -> bool:
        """Whether the tries of the hour are used up."""
        return len(self.at) >= AT_MOST

    def another(self, now: Instant) -> Misses:
        """Return them with one more; the oldest beyond the bound is forgotten."""
        return Misses(self.of, (*self.at, now)[-AT_MOST - 1 :], self.version)

    def put(self) -> Put:
        """Return the write that keeps them."""
        return Put(CODE_MISSES, self.of, encode(self.at), self.version)


async def recent_misses(store: Store, of: Of, now: Instant) -> Misses:
    """Return the misses of the last hour."""
    record = (await store.get(CODE_MISSES, [of]))[0]
    at = readable_or(CODE_MISSES, of, record, tuple[Instant, ...], ())
    return Misses(of, tuple(one for one in at if one > now - WITHIN), record.version if record else 0)


CODES = "codes"
"""Table of `Conversation`s by digest of the number."""
TOLD = "told_codes"
"""Table of `SentCode`s by phone and code."""
OF_ALERTS = "alert_codes"
"""Table of the codes of single alerts by phone and alert."""
DIGEST_CHARACTERS = 32
PIECE = 50
"""So many codes are looked at together."""
TRIED = 8
"""So many codes are looked up together for one that is free."""
FORGOTTEN = 20
"""At most so many codes whose time is over leave with one message."""


def open_codes(phone: str) -> str:
    """Return the schedule of a phone's codes of alerts not known to be resolved, by the number of the message."""
    return f"codes:{phone}"


def closed_codes(phone: str) -> str:
    """Return the schedule of a phone's other codes, by when they may be used again."""
    return f"codes_closed:{phone}"


class KeptConversation(NamedTuple):
    """A line as it stood in the store, with the codes that matter, and its version (0: nothing is kept yet).

    `home` is the name under which its codes are kept; those in `apart` are records of their own.
    """

    line: Conversation
    version: int
    home: str
    apart: frozenset[str] = frozenset()

    @property
    def alerts(self) -> list[str]:
        """Ids of the alerts of its codes that were not all resolved when it was read."""
        return _alerts(told for told in self.line.codes if told.closed_at is None)


class Sent(NamedTuple):
    """The code that a message to a phone carries, and what is written with its sending."""

    code: str
    puts: tuple[Put, ...] = ()
    plans: tuple[Plan, ...] = ()
    drops: tuple[Drop, ...] = ()


NOTHING = Sent("")
"""What is written with a message without a code."""


class ReplyCodes:
    """The lines of an installation."""

    def __init__(self, store: Store, keys: Keys) -> None:
        self._store = store
        self._keys = keys

    def digest(self, number: str) -> str:
        """Return the name of a phone in tables and logs; `number` is `+` and digits."""
        return _digest(self._keys.current, number)

    async def memory(self, number: str, now: Instant) -> KeptConversation:
        """Return the line of a phone at an instant, without its codes."""
        kept = await self._kept(number)
        return kept._replace(line=close(kept.line, {}, now))

    async def read(
        self, number: str, now: Instant, code: str = ""
    ) -> tuple[KeptConversation, frozenset[str]]:
        """Return the line of a phone at an instant, and which alerts of its codes are unresolved.

        Of the codes it has the named one; where none is named, the newest open ones, at least until they are of two
        unresolved alerts, and the newest digest.
        """
        kept = await self._kept(number)
        before = await self._resolved(kept.alerts)
        line = close(kept.line, before, now)
        unresolved = frozenset(kept.alerts) - before.keys()
        if code:
            apart, further = await self._named(kept.home, code, now)
            unresolved |= further
        else:
            apart, further = await self._newest(kept.home)
            unresolved |= further
            if line.digest and line.digest not in {told.code for told in apart}:
                apart = [*await self._told(kept.home, [line.digest]), *apart]
        view = msgspec.structs.replace(line, codes=(*line.codes, *apart))
        return KeptConversation(
            view, kept.version, kept.home, frozenset(told.code for told in apart)
        ), unresolved

    async def codes(self, number: str) -> list[str]:
        """Return all codes of a phone, the one that was sent last first: for rehearsals, never for a text."""
        kept = await self._kept(number)
        planned = [
            *await self._store.planned(open_codes(kept.home)),
            *await self._store.planned(closed_codes(kept.home)),
        ]
        told = [*kept.line.codes, *await self._told(kept.home, planned)]
        return [one.code for one in sorted(told, key=lambda one: -one.number)]

    async def _named(self, home: str, code: str, now: Instant) -> tuple[list[SentCode], frozenset[str]]:
        """Return what a code stands for, unless it was closed too long ago, and its unresolved alerts."""
        apart = await self._told(home, [code])
        alerts = _alerts(apart)
        resolved = await self._resolved(alerts)
        if alerts and len(resolved) == len(alerts):
            await self._sweep(home, [told for told in apart if told.closed_at is None], resolved)
            closed_at = apart[0].closed_at
            since = max(resolved.values()) if closed_at is None else closed_at
            return (apart if now < since + KEPT_AFTER_CLOSING else []), frozenset()
        return apart, frozenset(alerts) - resolved.keys()

    async def _newest(self, home: str) -> tuple[list[SentCode], frozenset[str]]:
        """Return the newest open codes, oldest first, and their unresolved alerts; what is closed by now leaves."""
        found: list[SentCode] = []
        unresolved: set[str] = set()
        after: Place | None = None
        while len(unresolved) < 2:
            page = await self._store.page(open_codes(home), PIECE, after, latest_first=True)
            some = await self._told(home, [code for code, _ in page])
            alerts = _alerts(some)
            resolved = await self._resolved(alerts)
            unresolved |= set(alerts) - resolved.keys()
            over = [told for told in some if all(alert in resolved for alert in told.alerts)]
            await self._sweep(home, over, resolved)
            found += [told for told in some if told not in over]
            if len(page) < PIECE:
                break
            after = Place(page[-1][1], page[-1][0])
        return found[::-1], frozenset(unresolved)

    async def _sweep(self, home: str, over: Sequence[SentCode], resolved: dict[str, Instant]) -> None:
        """Let codes of resolved alerts leave the open ones; one that is told again meanwhile stays."""
        if not over:
            return
        puts, plans = [], []
        names = [_name(home, told.code) for told in over]
        records = await self._store.get(TOLD, names)
        now = readable_of(TOLD, names, records, SentCode)
        for told, name, record in zip(over, names, records, strict=True):
            if record is not None and now.get(name) == told:
                closed = msgspec.structs.replace(told, closed_at=max(resolved[one] for one in told.alerts))
                puts.append(Put(TOLD, _name(home, told.code), encode(closed), record.version))
                plans += _places(home, closed)
        await self._store.write(Write(name="sweep_codes", puts=tuple(puts), plans=tuple(plans)))

    async def _told(self, home: str, codes: Sequence[str]) -> list[SentCode]:
        names = [_name(home, code) for code in codes]
        records = await self._store.get(TOLD, names) if names else []
        return list(readable_of(TOLD, names, records, SentCode).values())

    async def _resolved(self, alerts: Sequence[str]) -> dict[str, Instant]:
        """Return which of some alerts are resolved since when.

        An alert that is not there any more was resolved long ago; one that cannot be read may still be open.
        """
        records = await self._store.get(ALERTS, alerts) if alerts else []
        found = readable_of(ALERTS, alerts, records, Alert)
        resolved = {id_: 0 for id_, record in zip(alerts, records, strict=True) if record is None}
        return resolved | {
            id_: alert.resolved_at or 0 for id_, alert in found.items() if not alert.unresolved
        }

    async def _kept(self, number: str) -> KeptConversation:
        """Return what is kept of a phone; under a key that was replaced, where nothing was written since.

        A line that cannot be read is replaced by the next message; the codes stay.
        """
        names = [_digest(key, number) for key in self._keys.accepted]
        records = await self._store.get(CODES, names)
        version = records[0].version if records[0] else 0
        for name, line in readable_of(CODES, names, records, Conversation).items():
            return KeptConversation(line, version, line.home or name)
        return KeptConversation(Conversation(), version, names[0])

    def put(self, number: str, kept: KeptConversation, line: Conversation) -> Put:
        """Return the write that keeps a line instead of the one that was read."""
        name = self.digest(number)
        codes = tuple(told for told in line.codes if told.code not in kept.apart)
        home = "" if kept.home == name else kept.home
        return Put(CODES, name, encode(msgspec.structs.replace(line, codes=codes, home=home)), kept.version)

    async def tell(self, number: str, alert: str, now: Instant, *, notice: bool) -> Sent:
        """Return the code of an alert for a phone, and what is written when a message with it goes out now."""
        kept = await self._kept(number)
        (found,) = await self._store.get(OF_ALERTS, [_name(kept.home, alert)])
        of_old = (told.code for told in kept.line.codes if told.alerts == (alert,) and not told.digest)
        known = readable_or(OF_ALERTS, alert, found, str, "")
        told = SentCode(code=known or next(of_old, ""), alerts=(alert,), told_at=now)
        return await self._send(number, kept, told, alert, lines.told(kept.line, notice=notice))

    async def tell_digest(self, number: str, digest: str, alerts: Sequence[str], now: Instant) -> Sent:
        """Return the code of a digest for a phone, and what is written so that it stands for these alerts in order."""
        kept = await self._kept(number)
        told = SentCode(code="", alerts=tuple(alerts), told_at=now, digest=True)
        return await self._send(number, kept, told, digest, lines.told(kept.line, notice=True))

    async def _send(
        self, number: str, kept: KeptConversation, told: SentCode, id_: str, line: Conversation
    ) -> Sent:
        """Return what is written when a code goes out, chosen where the phone has none for this id."""
        home, used = kept.home, Counter(line.used)
        puts: list[Put] = []
        plans: list[Plan] = []
        for turn, one in enumerate(line.codes, start=max(0, kept.line.turn - len(line.codes))):
            old = msgspec.structs.replace(one, number=turn)
            used[len(old.code)] += 1
            puts += _records(home, old)
            plans += _places(home, old)
        if not told.code:
            code = await self._free(home, self.digest(number), id_, used, {old.code for old in line.codes})
            told = msgspec.structs.replace(told, code=code)
            used[len(code)] += 1
        drops = await self._forgotten(home, told.told_at, told.code, used, plans)
        told = msgspec.structs.replace(told, number=line.turn)
        puts += _records(home, told)
        plans += _places(home, told)
        line = msgspec.structs.replace(
            line, codes=(), used=dict(+used), digest=told.code if told.digest else _digest_code(line)
        )
        latest = {put.id: put for put in puts if put.table == TOLD}
        others = {put.id: put for put in puts if put.table == OF_ALERTS}
        return Sent(
            told.code, (*latest.values(), *others.values(), self.put(number, kept, line)), tuple(plans), drops
        )

    async def _free(self, home: str, phone: str, id_: str, used: Counter[int], taken: set[str]) -> str:
        """Return the first code of an alert or digest that the phone does not use."""
        tries = candidates(id_, phone, letters_for(used))
        while True:
            some = list(islice(tries, TRIED))
            records = await self._store.get(TOLD, [_name(home, code) for code in some])
            for code, record in zip(some, records, strict=True):
                if record is None and code not in taken:
                    return code

    async def _forgotten(
        self, home: str, now: Instant, told: str, used: Counter[int], plans: list[Plan]
    ) -> tuple[Drop, ...]:
        """Return what leaves of codes that were closed long ago, but for the one that is told now."""
        over = [code for code, _ in await self._store.due(closed_codes(home), now, FORGOTTEN) if code != told]
        drops = []
        for old in await self._told(home, over):
            used[len(old.code)] -= 1
            plans.append(Plan(closed_codes(home), old.code, None))
            drops.append(Drop(TOLD, _name(home, old.code)))
            if not old.digest:
                drops.append(Drop(OF_ALERTS, _name(home, old.alerts[0])))
        return tuple(drops)


def _records(home: str, told: SentCode) -> list[Put]:
    """Return the records of a code: what it stands for, and of a single alert which code it has."""
    puts = [Put(TOLD, _name(home, told.code), encode(told))]
    if not told.digest:
        puts.append(Put(OF_ALERTS, _name(home, told.alerts[0]), encode(told.code)))
    return puts


def _places(home: str, told: SentCode) -> list[Plan]:
    """Return the places of a code in the schedules of its phone."""
    closed = None if told.closed_at is None else told.closed_at + KEPT_AFTER_CLOSING
    return [
        Plan(open_codes(home), told.code, told.number if closed is None else None),
        Plan(closed_codes(home), told.code, closed),
    ]


def _digest_code(line: Conversation) -> str:
    """Return the code of the newest digest of a line, which an older one has among its codes."""
    digests = [told for told in line.codes if told.digest]
    return max(digests, key=lambda told: told.told_at).code if digests else line.digest


def _alerts(codes: Iterable[SentCode]) -> list[str]:
    return list(dict.fromkeys(alert for told in codes for alert in told.alerts))


def _name(phone: str, of: str) -> str:
    return f"{phone}/{of}"


def _digest(key: bytes, number: str) -> str:
    return hmac.digest(key, b"phone\0" + number.encode(), "sha256").hex()[:DIGEST_CHARACTERS]
