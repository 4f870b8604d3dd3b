"""The installation's secret key, from which the tokens of answer links are derived.

Here: finding it, and making it at the first start. Not here: tokens (`wording.link`).
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from engine.errors import ConfigurationError

ENVIRONMENT = "SIAGA_KEY"
"""Environment variable with the key (base64); it goes before the file."""
KEY_BYTES = 32


def secret_key(file: Path, environment: Mapping[str, str]) -> bytes:
    """Return the key of the environment or the file; make the file (mode 0600) where there is none."""
    if text := environment.get(ENVIRONMENT, ""):
        return _decoded(text, ENVIRONMENT)
    try:
        return _decoded(file.read_text(encoding="ascii"), str(file))
    except FileNotFoundError:
        return _made(file)
    except OSError as error:
        raise ConfigurationError(f"{file}: the key cannot be read ({error.strerror})") from None


def _made(file: Path) -> bytes:
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
    return _decoded(file.read_text(encoding="ascii"), str(file))


def _decoded(text: str, origin: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        raise ConfigurationError(f"{origin}: the key is not base64") from None
    if len(key) < KEY_BYTES:
        raise ConfigurationError(f"{origin}: the key has {len(key)} bytes; it needs {KEY_BYTES}")
    return key
