"""Encryption of backups in the age format: to public keys here, opened elsewhere with an identity.

The machine that backs up holds public keys alone, so whoever takes its disk or its backups cannot open them. Any tool
for age opens the file: `age -d -i IDENTITY FILE.tar.gz.age > FILE.tar.gz`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pyrage

from engine.errors import ConfigurationError, StoreError

SUFFIX = ".age"
"""Ends the name of an encrypted backup."""
MAGIC = b"age-encryption.org/v1"
"""Begins every file of the format."""
_PRIVATE = 0o600


def new_identity(file: Path) -> str:
    """Write a new identity into a new file (0600) and return its public key; the file is on the disk then.

    Raises `ConfigurationError` where the file exists.
    """
    identity = pyrage.x25519.Identity.generate()
    public = str(identity.to_public())
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    except FileExistsError:
        raise ConfigurationError(f"{file} is already there; name a new file") from None
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be written ({error.strerror})") from None
    with os.fdopen(descriptor, "w") as opened:
        opened.write("# opens backups of Siaga; keep it away from the machine that makes them\n")
        opened.write(f"# {public}\n{identity}\n")
        opened.flush()
        os.fsync(opened.fileno())
    return public


def encrypt(plain: Path, file: Path, recipients: Sequence[str]) -> None:
    """Write an encrypted copy of a file, which any of the recipients can open; it is on the disk when this returns."""
    keys = [pyrage.x25519.Recipient.from_str(recipient) for recipient in recipients]
    partial = file.with_name(file.name + ".partial")
    try:
        with plain.open("rb") as source, open(partial, "wb", opener=_private) as target:
            pyrage.encrypt_io(source, target, keys)
            target.flush()
            os.fsync(target.fileno())
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def is_encrypted(file: Path) -> bool:
    """Say whether a file is encrypted in this format; one that is not there is not."""
    try:
        with file.open("rb") as opened:
            return opened.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


@contextmanager
def decrypted(file: Path, identity: Path, scratch: Path) -> Iterator[Path]:
    """Give the content of an encrypted file as a file in a private folder below `scratch`, which goes with the context.

    Raises `ConfigurationError` where the identity cannot be read or opens the file not, `StoreError` where the file is
    damaged.
    """
    try:
        words = [
            line
            for line in identity.read_text(encoding="ascii").split()
            if line.startswith("AGE-SECRET-KEY-")
        ]
        keys = [pyrage.x25519.Identity.from_str(word) for word in words]
    except OSError as error:
        raise ConfigurationError(f"{identity}: cannot be read ({error.strerror})") from None
    except (ValueError, pyrage.IdentityError):
        raise ConfigurationError(f"{identity}: holds no identity of `siaga backup-key`") from None
    if not keys:
        raise ConfigurationError(f"{identity}: holds no identity of `siaga backup-key`")
    with TemporaryDirectory(prefix=".siaga-restore-", dir=scratch) as folder:
        plain = Path(folder) / file.name.removesuffix(SUFFIX)
        try:
            with file.open("rb") as source, open(plain, "wb", opener=_private) as target:
                pyrage.decrypt_io(source, target, keys)
        except pyrage.DecryptError:
            raise ConfigurationError(
                f"{identity}: opens {file.name} not; take the one it was encrypted for"
            ) from None
        except OSError as error:
            raise StoreError(f"{file} is damaged: it does not decrypt ({error})") from None
        yield plain


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, _PRIVATE)
