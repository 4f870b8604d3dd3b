"""The bytes of stored values: one byte of codec version, then msgpack.

Here: what the bytes of a record, log entry or message mean. Not here: which values are stored, under which names, or
how a group's window is cut into pages. Versions are only ever added: every one that was released stays readable.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from typing import Any, TypeVar, cast

import msgspec

from engine.errors import StoreError, UnreadableRecordError

VERSION = 1
"""The codec version that is written."""

_T = TypeVar("_T")
_PREFIX = bytes([VERSION])
_ENCODER = msgspec.msgpack.Encoder()


def encode(value: Any) -> bytes:
    """Return the bytes of a value, usually a struct; `decode` with the value's own type gives it back."""
    return _PREFIX + _ENCODER.encode(value)


def decode(stored: bytes, type_: type[_T]) -> _T:
    """Read the bytes that `encode` wrote as a value of `type_`, or raise `StoreError` saying what is wrong."""
    if stored[:1] != _PREFIX:
        found = f"codec version {stored[0]}" if stored else "nothing"
        raise StoreError(f"a stored {_name(type_)} has {found}; this Siaga reads codec version {VERSION}")
    try:
        value: _T = _decoder(cast("Hashable", type_)).decode(memoryview(stored)[1:])
    except msgspec.MsgspecError as error:
        raise StoreError(f"a stored {_name(type_)} cannot be read: {error}") from error
    return value


def decode_record(table: str, id_: str, stored: bytes, type_: type[_T]) -> _T:
    """Read the value of a record, or raise `UnreadableRecordError` with the record's name."""
    try:
        return decode(stored, type_)
    except StoreError as error:
        raise UnreadableRecordError(table, id_, str(error)) from error


@lru_cache(maxsize=256)
def _decoder(type_: Any) -> msgspec.msgpack.Decoder[Any]:
    """Building a decoder costs more than decoding, so each type has one."""
    return msgspec.msgpack.Decoder(type_)


def _name(type_: Any) -> str:
    return getattr(type_, "__name__", str(type_))
