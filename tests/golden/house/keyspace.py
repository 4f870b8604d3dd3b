"""Everything in a server as text: each key with what lies in it, read by the plain client and not by Siaga's own."""

from collections.abc import Iterator
from typing import Any

import msgspec
import redis

_VERSION = 4
"""Bytes of the version before the value of each record."""
_MARK = 40
"""Bytes of the mark before each entry of a chained log."""


def keyspace(where: str, *, bare: bool = False) -> Iterator[tuple[str, str]]:
    """Yield the name of each key or record of the server at a socket's path, and its content.

    What is `bare` lacks what depends on when and how often something was tried: versions, marks, epochs, the lease.
    """
    server = redis.Redis(unix_socket_path=where.removeprefix("unix://"))
    try:
        for key in sorted(server.scan_iter(count=1_000)):
            name = key.decode()
            if bare and name.endswith((":lease", ":state", ":marks")):
                continue
            yield from _content(server, name, bare=bare)
    finally:
        server.close()


def _content(server: redis.Redis, key: str, *, bare: bool) -> Iterator[tuple[str, str]]:
    kind = server.type(key).decode()
    table = ":table:" in key
    match kind:
        case "hash":
            found = sorted(server.hgetall(key).items())
            if table and bare:
                for id_, value in found:
                    yield f"{key} {id_.decode()}", _by_lines(shown(value[_VERSION:]))
                return
            lines = [f"{shown(name)}: {shown(value)}" for name, value in found]
        case "zset":
            lines = [
                f"{shown(member)}: {int(at)}" for member, at in server.zrange(key, 0, -1, withscores=True)
            ]
        case "list":
            chained = bare and key.endswith(":log:audit")
            lines = [shown(entry[_MARK:] if chained else entry) for entry in server.lrange(key, 0, -1)]
        case "stream":
            lines = [
                f"{position.decode()} "
                + " ".join(f"{shown(k)}={shown(v)}" for k, v in sorted(fields.items()))
                for position, fields in server.xrange(key)
            ]
        case "string":
            lines = [shown(server.get(key))]
        case _:
            raise NotImplementedError(kind)
    yield f"{key} ({kind})", "\n".join(lines)


def shown(value: bytes) -> str:
    """Return bytes as text: a value of the codec as JSON with its keys in order, else text, else hexadecimal digits."""
    if value[:1] == b"\x01" and len(value) > 1:
        try:
            return msgspec.json.encode(_readable(msgspec.msgpack.decode(value[1:])), order="sorted").decode()
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return f"0x{value.hex()}"
    return text if text.isprintable() else repr(text)


def _by_lines(text: str) -> str:
    """Write JSON with a line for each value, so that a difference is short."""
    return msgspec.json.format(text, indent=1) if text.startswith(("{", "[")) else text


def _readable(value: Any) -> Any:
    """Return a decoded value with texts in place of bytes and of keys that JSON does not have."""
    if isinstance(value, dict):
        return {str(_readable(key)): _readable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)  # a number that was read back may be the other of the two; both mean the same
    return shown(value) if isinstance(value, bytes) else value
