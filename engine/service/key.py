"""The installation's secret keys, from which the tokens of answer links and much else are derived.

Here: finding them, and making one at the first start. Not here: tokens (`wording.link`). The first key makes everything
new; those after it are accepted for what went out before they were replaced. Who takes one away ends all that it made.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from engine.errors import ConfigurationError

ENVIRONMENT = "SIAGA_KEY"
"""Environment variable with the keys (base64, spaces between); it goes before the file."""
KEY_BYTES = 32


class Keys(NamedTuple):
    """The key that makes everything new, and those that were replaced and are still accepted, the newest first."""

    current: bytes
    previous: tuple[bytes, ...] = ()

    @property
    def accepted(self) -> tuple[bytes, ...]:
        """All of them, the current first."""
        return (self.current, *self.previous)


def secret_keys(file: Path, environment: Mapping[str, str]) -> Keys:
    """Return the keys of the environment or the file; make the file (mode 0600) where there is none."""
    try:
        return written_keys(file, environment)
    except FileNotFoundError:
        return _made(file)
    except OSError as error:
        raise ConfigurationError(f"{file}: the key cannot be read ({error.strerror})") from None


def written_keys(file: Path, environment: Mapping[str, str]) -> Keys:
    """Return the keys that are there; raise `ConfigurationError` where one is no key, `OSError` for the file."""
    if text := environment.get(ENVIRONMENT, ""):
        return _decoded(text, ENVIRONMENT)
    return _decoded(file.read_text(encoding="utf-8", errors="replace"), str(file))


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
