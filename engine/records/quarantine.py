"""The quarantine in the store: its records, the lists by which they are paged, and the share that each token may fill.

A record, its places in the lists of its region's lineage, and the share of the token that sent it change in one write.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
import structlog

from engine.core.judging.instant import Instant
from engine.core.judging.region import NATION, cut, lies_in
from engine.documents.event_fields import FieldFaultKind
from engine.records.tolerant_read import readable_or
from engine.store.codec import encode
from engine.store.port import Conflict, Drop, Expect, Place, Plan, Put, Record, Store, Write

QUARANTINE = "quarantine"
"""Table of the records that wait for a person."""
SHARES = "quarantine_shares"
"""Table of what the records of each token take, by the token's id."""
LAYOUT, NAME = "layout", "quarantine_lists"
"""The mark of a store whose quarantine has its lists."""
EXAMINED = 300
"""At most so many records are examined for one page (or as many as were asked for)."""
FULL_RETRY_SECONDS = 900
"""What a sender is asked to wait whose share is full: people must look at its records first."""

log = structlog.get_logger("siaga.intake")


class Quarantined(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A document that is not an event yet. `id` follows from its content; `raw` is the JSON as it came.

    `reason` and `field` name the first fault. `mended` maps a field to a value that is offered instead, for one-click
    acceptance. `region` is the document's where it could be read, else the token's; `severity` 0 where it has none.
    `by` is the credential that brought it, and `desks` those it speaks for; both are empty in records of before.
    """

    id: str
    reason: FieldFaultKind
    field: str
    raw: bytes
    received_at: Instant
    token_id: str
    region: str
    desk: str = ""
    event_id: str = ""
    kind: str = ""
    severity: int = 0
    exercise: bool = False
    mended: dict[str, str] = {}
    by: str = ""
    desks: tuple[str, ...] = ()


class QuarantineShare(msgspec.Struct, frozen=True):
    """How many records a token has in quarantine, and how many bytes their documents have."""

    entries: int = 0
    bytes: int = 0

    def plus(self, record: Quarantined) -> QuarantineShare:
        """Return the share with a further record."""
        return QuarantineShare(self.entries + 1, self.bytes + len(record.raw))

    def minus(self, record: Quarantined) -> QuarantineShare:
        """Return the share without a record."""
        return QuarantineShare(max(0, self.entries - 1), max(0, self.bytes - len(record.raw)))

    def exceeds(self, bound: QuarantineShare) -> bool:
        """Say whether it is more than the bound."""
        return self.entries > bound.entries or self.bytes > bound.bytes


class SharePlace(NamedTuple):
    """A token's share as it stood in the store, and its version for the write that changes it."""

    token_id: str
    share: QuarantineShare
    version: int

    def put(self, share: QuarantineShare) -> Put:
        """Return the write of another share."""
        return Put(SHARES, self.token_id, encode(share), self.version)


class QuarantineListPage(NamedTuple):
    """Some records, oldest first, and the place behind which the next page begins; None at the end."""

    records: list[Quarantined]
    after: Place | None


def waiting_in(region: str) -> str:
    """Return the list of the records of a region, by receipt."""
    return f"quarantine:{region}"


def listed(record: Quarantined, at: Instant | None) -> list[Plan]:
    """Return the places of a record in the lists; with `at` None it leaves them."""
    lineage = [NATION, *(code for level in ("province", "regency") if (code := cut(record.region, level)))]
    return [Plan(waiting_in(region), record.id, at) for region in dict.fromkeys(lineage)]


async def share_of(store: Store, token_id: str) -> SharePlace:
    """Return what a token takes of the quarantine now."""
    (found,) = await store.get(SHARES, [token_id])
    share = readable_or(SHARES, token_id, found, QuarantineShare, QuarantineShare())
    return SharePlace(token_id, share, found.version if found else 0)


def fitting(
    share: QuarantineShare, records: Iterable[Quarantined], bound: QuarantineShare
) -> tuple[list[Quarantined], QuarantineShare]:
    """Return those of a token's new records that its share has room for, in order, and the share with them."""
    taken = []
    for record in records:
        after = share.plus(record)
        if not after.exceeds(bound):
            taken.append(record)
            share = after
    return taken, share


async def page_of(store: Store, region: str, limit: int, after: Place | None = None) -> QuarantineListPage:
    """Return a page of what waits in a region, oldest first; it may be short and yet have a next one."""
    found: list[Quarantined] = []
    of = cut(region, "regency") or region
    examined, most = 0, max(EXAMINED, limit + 1)
    while True:
        step = min(most - examined, limit + 1 - len(found) if of == region else most)
        members = await store.page(waiting_in(of), step, after)
        records = await store.get(QUARANTINE, [member for member, _ in members]) if members else []
        for (member, at), record in zip(members, records, strict=True):
            kept = None if record is None else _readable(member, record)
            if kept is not None and lies_in(kept.region, region):
                if len(found) == limit:
                    return QuarantineListPage(found, after)
                found.append(kept)
            after = Place(at, member)
        examined += len(members)
        if len(members) < step:
            return QuarantineListPage(found, None)
        if examined >= most:
            return QuarantineListPage(found, after)


async def all_of(store: Store) -> AsyncIterator[Sequence[Quarantined]]:
    """Yield everything that waits, in pieces, in no order: for what goes on beside the answers to requests."""
    async for piece in store.walk(QUARANTINE):
        kept = (_readable(id_, record) for id_, record in piece.items())
        yield [one for one in kept if one is not None]


async def build(store: Store) -> int:
    """Give a store that is older than the lists of the quarantine its lists and shares; return of how many records.

    It goes through the records in pieces; whatever interrupts it, the next start does it again, to the same end.
    """
    while True:
        marker, *_ = await store.get(LAYOUT, [NAME])
        if marker is not None:
            return 0
        shares: dict[str, QuarantineShare] = {}
        known: dict[str, int] = {}
        number = 0
        async for piece in store.walk(QUARANTINE):
            plans: list[Plan] = []
            for id_, record in piece.items():
                kept = _readable(id_, record)
                if kept is not None:
                    plans += listed(kept, kept.received_at)
                    shares[kept.token_id] = shares.get(kept.token_id, QuarantineShare()).plus(kept)
                known[id_] = record.version
            number += len(piece)
            expects = tuple(Expect(QUARANTINE, id_, record.version) for id_, record in piece.items())
            await store.write(Write(name="index_quarantine", plans=tuple(plans), expects=expects))
        if await _finish(store, shares, known):
            if number:
                log.info("quarantine_lists_built", records=number)
            return number


async def _finish(store: Store, shares: Mapping[str, QuarantineShare], known: Mapping[str, int]) -> bool:
    """Write the shares and the mark; False where a record came or went meanwhile, and it must be counted again."""
    now = {id_: record.version async for piece in store.walk(QUARANTINE) for id_, record in piece.items()}
    if now != known:
        return False
    there = await store.get(SHARES, list(shares)) if shares else []
    puts = [
        Put(SHARES, token, encode(share), found.version if found else 0)
        for (token, share), found in zip(shares.items(), there, strict=True)
    ]
    puts.append(Put(LAYOUT, NAME, encode(1), 0))
    outcome = await store.write(Write(name="index_quarantine", puts=tuple(puts)))
    return not isinstance(outcome, Conflict)


def leaving(record: Quarantined, version: int, share: SharePlace) -> tuple[Drop, list[Plan], Put]:
    """Return what a write holds by which a record leaves the quarantine."""
    return (
        Drop(QUARANTINE, record.id, expected=version),
        listed(record, None),
        share.put(share.share.minus(record)),
    )


def _readable(id_: str, record: Record) -> Quarantined | None:
    """Return a record; None where it cannot be read, which must not hide all others."""
    return readable_or(QUARANTINE, id_, record, Quarantined, None)
