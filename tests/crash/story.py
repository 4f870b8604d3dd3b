"""What a run leaves behind: everything in the store, as it must be whatever was killed.

Here: copying a store to begin from it again, and reading it in a form that two runs can be compared in. What a kill may
change is named here and nothing else: versions of records, the lease and its epoch, what a client that asked again
adds to the counters of repeats and to the requests for codes, tokens, users and sessions, whose secrets are random, and
codes of contacts, of which whoever asks again gets another.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.answers.verification import CODE_REQUESTS, VERIFICATIONS
from engine.people.sessions import SESSIONS
from engine.people.tokens import TABLE as TOKENS
from engine.people.users import TABLE as USERS
from engine.records.audit_log import AUDIT
from engine.store.port import MARK_LENGTH
from engine.store.redis.client import RedisClient

REPEATS = (b"events_duplicate", b"events_rejected")
"""Counters that a client's repeat may raise."""
RANDOM = (TOKENS, USERS, SESSIONS, VERIFICATIONS, CODE_REQUESTS)
RANDOM_DEEDS = ("token", "user", "sign_in")
ASKED_AGAIN = ("seen", "erased")
"""Entries of the audit that a client's repeat may double: looking twice is two looks."""
_VERSION = 4
"""Bytes of the version before each record's value."""

Copy = Mapping[bytes, bytes]
Story = dict[str, Any]


async def _keys(link: RedisClient, base: str) -> list[bytes]:
    cursor: bytes | str = "0"
    found: set[bytes] = set()
    while True:
        cursor, keys = await link.command("SCAN", cursor, "MATCH", f"{base}:*", "COUNT", 1000)
        found.update(keys)
        if cursor in (b"0", "0", 0):
            return sorted(found)


async def copy(link: RedisClient, base: str) -> Copy:
    """Return all that is in a namespace but the lease, which ends by itself."""
    keys = [key for key in await _keys(link, base) if not key.endswith(b":lease")]
    return dict(zip(keys, await link.commands([("DUMP", key) for key in keys]), strict=True))


async def restore(link: RedisClient, base: str, copied: Copy) -> None:
    """Let a namespace be as it was when it was copied."""
    gone = [("DEL", key) for key in await _keys(link, base)]
    await link.commands([*gone, *(("RESTORE", key, 0, value) for key, value in copied.items())])


async def read(link: RedisClient, base: str) -> Story:
    """Return what two runs must have in common."""
    story: Story = {}
    for key in await _keys(link, base):
        _, kind, *rest = key.decode().removeprefix(base).split(":")
        name = ":".join(rest)
        match kind:
            case "table" if name not in RANDOM:
                for id_, record in (await link.command("HGETALL", key)).items():
                    if (name, id_) == ("archive", b"cases"):
                        continue  # a chain over cases in the order in which they left, which a kill may turn
                    story[f"{name} {id_.decode()}"] = _plain(record[_VERSION:])
            case "schedule" if name not in RANDOM:
                found = await link.command("ZRANGE", key, 0, -1, "WITHSCORES")
                for member, at in zip(found[::2], found[1::2], strict=True):
                    story[f"due {name} {member.decode()}"] = int(at)
            case "log":
                entries = await link.command("LRANGE", key, 0, -1)
                story[f"log {name}"] = _audit(entries) if name == AUDIT else [_plain(e) for e in entries]
            case "entries":
                story["stream"] = await link.command("XRANGE", key, "-", "+")
            case "counters":
                counted = await link.command("HGETALL", key)
                story["counters"] = {n: int(v) for n, v in counted.items() if int(v) and n not in REPEATS}
            case "state":
                state = await link.command("HGETALL", key)
                story["state"] = {field: value for field, value in state.items() if field != b"epoch"}
            case "seen":
                story[f"seen {name}"] = await link.command("HGETALL", key)
    return {key: value for key, value in story.items() if value != {}}  # nothing counted is nothing


def _plain(value: bytes) -> Any:
    """Return a stored value so that a difference can be read; what is no value of the codec stays bytes."""
    try:
        return msgspec.msgpack.decode(value[1:])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return value


def _audit(entries: list[bytes]) -> list[bytes]:
    """Return the entries of the audit without their marks: none of what is random, and of what was asked twice one.

    Those of one instant are sorted: which of two messages goes first then, and which of two alerts, a kill may turn.
    """
    bare = [entry[MARK_LENGTH:] for entry in entries]
    kept = [
        entry
        for number, entry in enumerate(bare)
        if (what := msgspec.json.decode(entry)[1]) not in RANDOM_DEEDS
        and not (what in ASKED_AGAIN and entry in bare[:number])
    ]
    return sorted(kept, key=lambda entry: (msgspec.json.decode(entry)[0], entry))


def whenever(story: Story) -> Story:
    """Return what is left of a story when it does not matter at which attempt a message went.

    All records, whom each message went to, with what text and by what reference, what happened to each alert and in
    which order: only instants and what counts attempts are aside, and hashes over them.
    """
    left = {}
    for key, value in story.items():
        match key.split()[0], key:
            case "accounts" | "breakers", _:
                left[key] = None
            case "due", _ if key.startswith(("due outbox ", "due codes")):
                left[key] = None
            case "alerts", _:
                left[key] = _without(value, "head")
            case "notifications", _:
                rendered = value.get("rendered") and _without(value["rendered"], "date")
                left[key] = {**_without(value, "sent_at", "attempts", "gateway"), "rendered": rendered}
            case "codes", _:
                left[key] = value["used"]
            case "told_codes", _:
                left[key] = _without(value, "told_at", "number")
            case _, "log audit":
                left[key] = sorted(msgspec.json.decode(entry)[1:3] for entry in value)
            case "log", _ if key.startswith("log history:"):
                left[key] = [_without(entry, "at", "before", "digest") for entry in value]
            case _:
                left[key] = value
    return left


def _without(record: Mapping[str, Any], *fields: str) -> Mapping[str, Any]:
    return {field: value for field, value in record.items() if field not in fields}


def differences(one: Story, other: Story) -> list[str]:
    """Return in what two stories differ, one line each."""
    return [
        f"{key}: {_difference(one.get(key), other.get(key))}"
        for key in sorted(one.keys() | other.keys())
        if one.get(key) != other.get(key)
    ]


def _difference(one: object, other: object) -> str:
    """Say in what two values differ: of lists and mappings only what the other has not."""
    if isinstance(one, list) and isinstance(other, list):
        gone, new = [e for e in one if e not in other], [e for e in other if e not in one]
        return f"{gone} -> {new}" if gone or new else f"the same {len(one)} and {len(other)} in another order"
    if isinstance(one, dict) and isinstance(other, dict):
        keys = [key for key in one.keys() | other.keys() if one.get(key) != other.get(key)]
        return ", ".join(f"{key}: {one.get(key)!r} -> {other.get(key)!r}" for key in keys)
    return f"{one!r} -> {other!r}"
