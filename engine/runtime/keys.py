"""The installation's secret keys, from which the tokens of answer links and much else are derived.

The first key makes everything new; those after it are accepted for what went out before they were replaced. Who takes
one away ends all that it made. The store keeps the fingerprint of the key that makes what is new, so that a second
machine with another key does not start: links of one would not open at the other. Tokens: `texts.answer_link_token`.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from engine.errors import ConfigurationError, StoreError
from engine.store.codec import decode_record, encode
from engine.store.port import Committed, Put, Record, Store, Write

ENVIRONMENT = "SIAGA_KEY"
"""Environment variable with the keys (base64, spaces between); it goes before the file."""
KEY_BYTES = 32
INSTALLATION = "installation"
"""Table of what all processes of an installation must agree on; its record `key` is a `KnownKey`."""
MOST_REMEMBERED = 16
"""So many replaced keys are remembered by their fingerprints."""
_LABEL = b"siaga: fingerprint of a secret key"
_TRIES = 5
"""A record that others change meanwhile is read so often at most."""


class Keys(NamedTuple):
    """The key that makes everything new, and those that were replaced and are still accepted, the newest first."""

    current: bytes
    previous: tuple[bytes, ...] = ()

    @property
    def accepted(self) -> tuple[bytes, ...]:
        """All of them, the current first."""
        return (self.current, *self.previous)


class KnownKey(msgspec.Struct, frozen=True, kw_only=True):
    """What the store knows of the keys: fingerprints of the one that makes what is new, and of those it replaced."""

    current: str
    replaced: tuple[str, ...] = ()


Agreement = Literal["first", "same", "replaces", "lags", "outdated", "other"]
"""How the keys of a process stand to the store: the store knows none; both have the same; the process brings a new one
and still has the known one; it has the new one too but does not use it first yet; it has only one that was replaced; it
has another one. The last two must not serve."""


def fingerprint(key: bytes) -> str:
    """Return what the store may keep of a key: whoever reads it can neither find the key nor make a link."""
    return hmac.digest(key, _LABEL, "sha256").hex()


def agreement(known: KnownKey | None, keys: Keys) -> Agreement:
    """Say how the keys of a process stand to what the store knows."""
    if known is None:
        return "first"
    ours = fingerprint(keys.current)
    if ours == known.current:
        return "same"
    if known.current in map(fingerprint, keys.previous):
        return "lags" if ours in known.replaced else "replaces"
    return "outdated" if ours in known.replaced else "other"


async def known_key(store: Store) -> tuple[KnownKey | None, int]:
    """Return what a store knows of the keys, and the version of that record; 0 without one."""
    record: Record | None = (await store.get(INSTALLATION, ["key"]))[0]
    return (
        (decode_record(INSTALLATION, "key", record.value, KnownKey), record.version) if record else (None, 0)
    )


async def agreed_keys(store: Store, file: Path, environment: Mapping[str, str]) -> Keys:
    """Return the keys of this process once the store agrees with them; the first start makes a key and enters it.

    Raises `ConfigurationError` where the store was begun with another key, or this process has none of it.
    """
    for _ in range(_TRIES):
        known, version = await known_key(store)
        if known is not None:
            try:
                keys = written_keys(file, environment)
            except FileNotFoundError:
                raise ConfigurationError(f"{file} does not exist, and {refusal('other')}") from None
            except OSError as error:
                raise ConfigurationError(f"{file}: the key cannot be read ({error.strerror})") from None
        else:
            keys = secret_keys(file, environment)
        state = agreement(known, keys)
        if state in ("same", "lags"):
            return keys
        if state in ("outdated", "other"):
            raise ConfigurationError(f"{_origin(file, environment)}: {refusal(state)}")
        if await _enter(store, keys, known, version):
            return keys
    raise StoreError("the record of the key changes all the time; start again")


async def adopt(store: Store, keys: Keys) -> None:
    """Let the store know the key of this process as the one that makes what is new, whatever it knew before."""
    for _ in range(_TRIES):
        known, version = await known_key(store)
        if agreement(known, keys) == "same" or await _enter(store, keys, known, version):
            return
    raise StoreError("the record of the key changes all the time; say it again")


def refusal(state: Agreement) -> str:
    """Return why keys that are `outdated` or `other` must not serve, and the remedy."""
    why = (
        "the key there was replaced on another machine"
        if state == "outdated"
        else "the store was begun with another key"
    )
    return (
        f"{why}: links, SMS codes and bounces of one machine would not count on the other. Copy secret.key of the "
        "machine that runs already (mode 0600). If that key is lost or others saw it: `siaga key adopt`; all that "
        "it made is dead then"
    )


async def _enter(store: Store, keys: Keys, known: KnownKey | None, version: int) -> bool:
    """Enter the current key; return False where another process changed the record meanwhile."""
    replaced = (known.current, *known.replaced) if known else ()
    ours = fingerprint(keys.current)
    kept = tuple(one for one in replaced if one != ours)[:MOST_REMEMBERED]
    put = Put(INSTALLATION, "key", encode(KnownKey(current=ours, replaced=kept)), version)
    return isinstance(await store.write(Write(name="key", puts=(put,))), Committed)


def _origin(file: Path, environment: Mapping[str, str]) -> str:
    return ENVIRONMENT if environment.get(ENVIRONMENT) else str(file)


def secret_keys(file: Path, environment: Mapping[str, str]) -> Keys:
    """Return the keys of the environment or the file; make the file (mode 0600) where there is none.

    Raises `ConfigurationError` where others may read the file.
    """
    try:
        return written_keys(file, environment)
    except FileNotFoundError:
        return _made(file)
    except OSError as error:
        raise ConfigurationError(f"{file}: the key cannot be read ({error.strerror})") from None


def written_keys(file: Path, environment: Mapping[str, str], *, guarded: bool = True) -> Keys:
    """Return the keys that are there; raise `ConfigurationError` where one is no key, `OSError` for the file.

    `guarded`: a file that others may read is refused, too.
    """
    if text := environment.get(ENVIRONMENT, ""):
        return _decoded(text, ENVIRONMENT)
    with file.open("rb") as opened:
        mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
        text = opened.read().decode("utf-8", errors="replace")
    if mode & 0o077 and guarded:
        raise ConfigurationError(
            f"{file} can be read by others (mode {mode:04o}): chmod 600 {file}; did somebody read it, replace the key"
        )
    return _decoded(text, str(file))


def _made(file: Path) -> Keys:
    """Write a new key; of two processes that start at once one writes it, and both read the same."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f"{file.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
        opened.flush()
        os.fsync(opened.fileno())
    try:
        os.link(fresh, file)
    except FileExistsError:
        pass  # another process was first; its key is the key
    finally:
        fresh.unlink()
    return written_keys(file, {})


def _decoded(text: str, origin: str) -> Keys:
    """Read keys, one a line or with spaces between."""
    keys = [_one(word, f"{origin}: key {number}") for number, word in enumerate(text.split(), 1)]
    if not keys:
        raise ConfigurationError(f"{origin} holds no key")
    return Keys(keys[0], tuple(keys[1:]))


def _one(word: str, origin: str) -> bytes:
    try:
        key = base64.b64decode(word, validate=True)
    except ValueError:
        raise ConfigurationError(f"{origin} is not base64") from None
    if len(key) < KEY_BYTES:
        raise ConfigurationError(f"{origin} has {len(key)} bytes; it needs {KEY_BYTES}")
    return key
