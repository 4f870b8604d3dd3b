"""What lies in the store: one example of the bytes of everything that is kept, and the keys on a server.

An example is made from the type alone: every field is filled, and every alternative of a union occurs in one of the
values. So a class may move and may be renamed. A change of a field, a tag or an order, on which stored bytes depend,
is shown. `unread` says what the types of today cannot read of the bytes that were recorded.
"""

import asyncio
import base64
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect as shapes

from engine.core.alerting.alert import HistoryEntry
from engine.core.alerting.directory import Contents
from engine.evaluation.dead_letters import DEAD_LETTERS, DeadLetter
from engine.operations.unreadable_records import TYPES
from engine.records.audit_log import AuditEntry
from engine.records.backup_record import BACKUPS
from engine.records.case_archive import ArchivedCase
from engine.records.quarantine_acts import SETTLED, SettledRecord
from engine.records.rule_sets import RELOADS, InForce
from engine.records.rule_sets import Proposal as RuleProposal
from engine.store.archive.day_file import ChainPosition
from engine.store.backup.file import Manifest
from engine.store.codec import decode, encode
from engine.store.port import (
    Append,
    Arrival,
    Committed,
    Fence,
    Note,
    Plan,
    Put,
    Write,
)
from engine.store.redis.embedded import EmbeddedServer
from engine.store.redis.store import RedisStore
from tests.golden.house.keyspace import keyspace, shown
from tests.golden.house.record import Documents

IDS = ("x", "current", BACKUPS, "backup", "day", "rule_sets", "unreadable", "in_force", "pending", "progress")
"""Ids of records whose table holds values of several types."""


def kept() -> Mapping[str, Any]:
    """Return the type of everything that the store keeps in the form of the codec, by table or log."""
    found: dict[str, Any] = {}
    for table, type_of in TYPES.items():
        types: dict[str, Any] = {}
        for id_ in IDS:
            type_ = type_of(id_)
            if type_ is not None and type_ not in types.values():
                types[id_] = type_
        found |= {f"table:{table} {id_}": type_ for id_, type_ in types.items()}
    found |= {
        "log:history x": HistoryEntry,
        f"log:{DEAD_LETTERS} x": DeadLetter,
        f"log:{RELOADS} x": InForce,
        f"log:{SETTLED} x": SettledRecord,
    }
    return found


def lines() -> Mapping[str, Any]:
    """Return the type of what is kept as JSON: in the audit, the stream, the archives and backups."""
    return {
        "json:audit x": AuditEntry,
        "json:stream rules": RuleProposal,
        "json:archive case": ArchivedCase,
        "json:archive link": ChainPosition,
        "json:backup manifest": Manifest,
        "json:directory x": Contents,
    }


def examples() -> Documents:
    """Return the bytes of examples of everything that is kept, in base64, with what stands in them as JSON."""
    found = {}
    for name, type_ in kept().items():
        found[name] = "\n".join(_shown(encode(value)) for value in values(type_))
    for name, type_ in lines().items():
        found[name] = "\n".join(msgspec.json.encode(value).decode() for value in values(type_))
    return found


def _shown(stored: bytes) -> str:
    """Return stored bytes, and above them for people what they say."""
    return f"{shown(stored)}\n  {base64.b64encode(stored).decode()}"


def unread(documents: Documents) -> list[str]:
    """Return what the types of today cannot read of recorded examples."""
    types, found = kept(), []
    for name, text in documents.items():
        if name not in types:
            continue  # bytes of another form, or of a table that is gone, which `compare` shows
        for line in text.split("\n"):
            if line.startswith("  "):
                try:
                    decode(base64.b64decode(line), types[name])
                except Exception as error:  # noqa: BLE001 -- whatever it is, it is what is to be shown
                    found.append(f"{name}: {type(error).__name__}: {error}")
    return found


def values(type_: Any) -> list[Any]:
    """Return values of a type in which each alternative of each union occurs."""
    return [
        msgspec.convert(one, type_, strict=True) for one in _plain(shapes.type_info(type_), "wert", (), set())
    ]


def _plain(shape: shapes.Type, name: str, within: Sequence[type], seen: set[type]) -> list[Any]:
    """Return plain values of a shape; `name` is that of the field, which fills text.

    A struct that was `seen` before in the same example comes once more with one value alone.
    """
    match shape:
        case shapes.StructType():
            before = shape.cls in seen
            found = _structs(shape, within, seen)
            if found:
                seen.add(shape.cls)
            return found[:1] if before else found
        case shapes.UnionType():
            return [one for part in shape.types for one in _plain(part, name, within, seen)]
        case shapes.LiteralType():
            return [shape.values[0]]
        case shapes.ListType() | shapes.VarTupleType():
            return [_plain(shape.item_type, name, within, seen)]
        case shapes.SetType() | shapes.FrozenSetType():
            return [_plain(shape.item_type, name, within, seen)[:1]]
        case shapes.TupleType():
            return [[_plain(item, name, within, seen)[-1] for item in shape.item_types]]
        case shapes.NamedTupleType():
            return [tuple(_plain(field.type, field.name, within, seen)[-1] for field in shape.fields)]
        case shapes.DictType():
            key, items = (
                _plain(shape.key_type, name, within, seen)[0],
                _plain(shape.value_type, name, within, seen),
            )
            if isinstance(key, list):
                return [{tuple(key): items[0]}]
            return [{(key if n == 0 else f"{key}-{n}"): item for n, item in enumerate(items)}]
        case shapes.EnumType():
            return [next(iter(shape.cls)).value]
        case _:
            return _single(shape, name)


def _single(shape: shapes.Type, name: str) -> list[Any]:
    match shape:
        case shapes.BoolType():
            return [True]
        case shapes.IntType():
            return [max(shape.ge or 0, 7)]
        case shapes.FloatType():
            return [0.5]
        case shapes.StrType():
            return [name]
        case shapes.BytesType():
            return [name.encode()]
        case shapes.NoneType():
            return [None]
        case shapes.AnyType():
            return ["apa saja"]
        case shapes.DateTimeType():
            return [datetime(2024, 11, 27, 7, 0)]  # noqa: DTZ001 -- a local time of day, as calendars have it
        case shapes.DateType():
            return [date(2024, 11, 27)]
        case shapes.RawType():
            return [msgspec.Raw(b"1")]
        case _:
            raise NotImplementedError(f"an example of {shape}")


def _structs(shape: shapes.StructType, within: Sequence[type], seen: set[type]) -> list[Any]:
    """Return as many values of a struct as its field with the most alternatives has; none where it is within itself."""
    if shape.cls in within:
        return []
    inner = (*within, shape.cls)
    fields = {field.encode_name: _plain(field.type, field.name, inner, seen) for field in shape.fields}
    if any(not alternatives for alternatives in fields.values()):
        return []
    found = []
    for number in range(max(map(len, fields.values()), default=1)):
        filled = {name: some[number % len(some)] for name, some in fields.items()}
        if shape.array_like:
            tag = [] if shape.tag is None else [shape.tag]
            found.append([*tag, *filled.values()])
        else:
            found.append(({} if shape.tag is None else {shape.tag_field: shape.tag}) | filled)
    return found


# --- on a server ------------------------------------------------------------------------------------------------------


def keys() -> Documents:
    """Return all keys that the store makes on a server, with what lies in them, after one write of each kind."""
    return asyncio.run(_keys())


async def _keys() -> Documents:
    with tempfile.TemporaryDirectory(prefix="siaga-golden-") as folder:
        server = EmbeddedServer(Path(folder) / "redis")
        where = await server.start()
        store = RedisStore(where, "golden")
        try:
            await store.open()
            for write in _writes():
                assert isinstance(await store.write(write), Committed), write
            await _stream(store)
            return dict(keyspace(where))
        finally:
            await store.close()
            await server.stop()


def _writes() -> Iterator[Write]:
    yield Write(
        name="answer",
        puts=(Put("alerts", "a1", b"\x01satu", 0), Put("alerts", "a2", b"\x01dua", 0)),
        plans=(Plan("outbox", "n1", 1_732_665_600_000), Plan("outbox", "n2", 1_732_665_600_001)),
        appends=(
            Append("history:a1", (b"satu", b"dua")),
            Append("audit", (b"satu", b"dua"), chained=True),
        ),
        counts={"events_evaluated": 2},
    )
    yield Write(name="answer", puts=(Put("alerts", "a1", b"\x01tiga", 1),))
    yield Write(name="switch_announced", note=Note("rules", b'{"rule_set":"x"}', 1_732_665_600_002))


async def _stream(store: RedisStore) -> None:
    arrivals = [Arrival(bytes([n]) * 12, bytes([n]) * 8, b'{"id":"E%d"}' % n) for n in (1, 2)]
    await store.append(arrivals, 1_732_665_600_003, 20_054)
    await store.append_entry("gap", b'{"since":1}', 1_732_665_600_004)
    lease = await store.lease("golden", 3_600)
    assert lease is not None
    first = (await store.read("0-0", 1))[0].position
    fence = Fence(lease.epoch, "0-0", first)
    assert isinstance(await store.write(Write(name="evaluate", fence=fence)), Committed)
    await store.trim(first)
