"""`siaga backup` and `siaga restore`: an installation as one file, and back.

Here: arguments, bars, what is said, exit codes. Not here: what a backup holds (`operations.backup`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from engine.cli.common.options import ConfigFile, Overrides, os_account, settings_of
from engine.cli.common.storage import books_of, server_of, store_at
from engine.cli.person import say_left
from engine.clock import WallClock
from engine.core.judging.instant import format_instant, local, parse_instant
from engine.errors import ConfigurationError, SiagaError, StoreError
from engine.operations.backup import Brought, back_up
from engine.operations.backup import restore as bring_back
from engine.operations.erasure_list import (
    Erasures,
    add_erasures,
    due_of,
    enter_due,
    erasures_due,
    joined,
    list_beside,
    own_list,
    read_erasures,
)
from engine.operations.personal_data import Erasure, PersonalData, erase_everywhere
from engine.records.audit_log import AuditEntry, append_audit
from engine.records.backup_record import BackupRecord, enter_backup
from engine.records.case_archive import archive_of
from engine.settings import DEFAULT_FILE, Settings
from engine.settings_sections import check_recipient
from engine.store.backup.copy import Namespace
from engine.store.backup.encryption import SUFFIX as ENCRYPTED
from engine.store.backup.encryption import decrypted, is_encrypted, new_identity
from engine.store.backup.file import Backup, Manifest
from engine.store.port import Write

SUFFIX = ".tar.gz"
"""How the name of a backup ends."""
_WORK = {"store": "store", "archive": "archive", "file": "writing", "verify": "verifying"}
"""What a bar says of each stretch of work."""


def backup(
    target: Annotated[
        Path,
        typer.Argument(
            metavar="DIR|FILE.tar.gz.age",
            help="A folder, which is made where it is not there and gets a file named by the time; or the file itself.",
        ),
    ],
    with_key: Annotated[
        bool,
        typer.Option(
            "--with-key",
            help="Put the secret key of answer links in too: who has the file can answer for others.",
        ),
    ] = False,
    without_archive: Annotated[
        bool,
        typer.Option("--without-archive", help="Leave the archive out; keep copies of its folder yourself."),
    ] = False,
    recipient: Annotated[
        list[str] | None,
        typer.Option(
            metavar="age1...",
            help="Encrypt for this public key; may be given again. Default: backup.recipients.",
        ),
    ] = None,
    plain: Annotated[
        bool,
        typer.Option("--plain", help="Do not encrypt: who finds the file reads every phone and mailbox."),
    ] = False,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Write everything that Siaga keeps into one file: the store and the archive, as of one moment.

    The file is encrypted for the public keys of the setting backup.recipients; `siaga backup-key` makes one.
    Works while the service runs: writers wait while the store is read, requests of that time are answered late or with
    503, and nothing is lost. The file holds personal data (0600). It does not hold settings, rule files, messages in
    the outbox, or the secret key unless asked. It is verified before this command says that it is there.

    A name that ends in .tar.gz.age (.tar.gz with --plain) is a file, every other one a folder (0700 where it is made).
    A metric of the service shows when the newest backup was taken.

    Example: siaga backup /srv/backup/siaga
    """
    settings = settings_of(config, set_)
    recipients = _recipients(settings, recipient or (), plain=plain)
    file = _file_in(target, settings, SUFFIX if plain else SUFFIX + ENCRYPTED)
    manifest = asyncio.run(
        _back_up(settings, file, with_key=with_key, with_archive=not without_archive, recipients=recipients)
    )
    typer.echo(file)
    _say(manifest)
    if plain:
        typer.secho(
            f"NOT ENCRYPTED: {file} holds the phones and mailboxes of all officials, for whoever finds it",
            fg="red",
            bold=True,
            err=True,
        )
    if not with_key:
        typer.echo(
            f"without {settings.key_file}: keep a copy of it elsewhere, else links already sent never open again "
            "(--with-key puts it in)",
            err=True,
        )
    if without_archive:
        typer.echo(f"without the archive: copy {settings.archive_directory} after this backup", err=True)


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `siaga backup` wrote.")],
    check: Annotated[
        bool, typer.Option("--check", help="Only verify the file and say what is in it; nothing is opened.")
    ] = False,
    identity: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The identity of `siaga backup-key` that opens an encrypted backup."
        ),
    ] = None,
    erasures: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A list of erasures that lies elsewhere; those in paths.var and beside FILE are read anyway.",
        ),
    ] = None,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Bring a backup into an installation that holds nothing: an empty server, an empty archive.

    The file is verified first. It never mixes with what is there: where the namespace or the archive holds anything it
    refuses (exit code 1). Interrupted, it is said again; no service opens half of it. Do not start Siaga meanwhile.

    Who was erased since the backup was taken is erased again, by the lists of erasures; `siaga doctor` names those who
    could not be (exit code 1).

    Example: siaga restore --identity /media/usb/backup-identity /srv/backup/siaga/siaga-2024-11-27T140000Z.tar.gz.age
    """
    if check and not is_encrypted(file):
        _check(Backup(file))
        return
    settings = settings_of(config, set_)
    with _opened(file, identity, settings) as backup:
        if check:
            _check(backup)
            return

        lists = _lists(settings, file, erasures)
        brought, again = asyncio.run(_restore(settings, backup, file, joined(*lists)))
    _say(brought.manifest)
    typer.echo(
        "whole; `siaga audit verify` and `siaga archive verify` prove it, `siaga run` goes on",
        err=True,
    )
    if not brought.key:
        typer.echo(
            f"without a secret key: bring yours to {settings.key_file} before the first start, which refuses another; "
            "if it is lost: `siaga key adopt`, and old links are dead",
            err=True,
        )
    _say_erasures(lists, brought.manifest, again)


def _lists(settings: Settings, file: Path, named: Path | None) -> list[Erasures]:
    """Return the lists of erasures that are there."""
    if named is not None and not named.is_file():
        raise ConfigurationError(f"--erasures {named}: there is no such file")
    files = [own_list(settings), list_beside(file, settings), *([named] if named else [])]
    return [read_erasures(one) for one in files if one.exists()]


def _say_erasures(
    lists: list[Erasures], manifest: Manifest, again: Mapping[str, Erasure | SiagaError]
) -> None:
    """Print who was erased again; raise where somebody could not be."""
    since = f"erase again who was erased since {manifest.taken_at}"
    if not lists:
        typer.echo(f"no list of erasures was found here or beside the backup: {since}", err=True)
    elif known := joined(*lists):
        until = format_instant(max(known.values()))
        typer.echo(f"the lists of erasures end at {until}: {since} and stands in none", err=True)
    left = []
    for person, done in again.items():
        if isinstance(done, Erasure):
            say_left(done)
        if isinstance(done, Erasure) and done.is_whole:
            typer.echo(f"erased again: {person}", err=True)
        else:
            why = done.unreadable if isinstance(done, Erasure) else str(done)
            left.append(f"{person}{': ' if why else ''}{why}")
    if left:
        raise SiagaError(
            "erased before, brought back, and not erased again whole: "
            + "; ".join(left)
            + ". Say `siaga person "
            "erase ID` for each; `siaga doctor` names them until then"
        )


def _check(backup: Backup) -> None:
    with _bars() as progress:
        total = sum(content.bytes for content in backup.manifest.contents.values())
        backup.verify(progress("verify", total))
    _say(backup.manifest)


def _say(manifest: Manifest) -> None:
    items = manifest.size.items
    typer.echo(
        f"taken {manifest.taken_at} by Siaga {manifest.siaga} from {manifest.server}, namespace {manifest.namespace}: "
        f"{manifest.size.keys} keys, {items.get('table:alerts', 0)} alerts, {items.get('entries', 0)} entries of "
        f"the stream, {len(manifest.days)} days of the archive, "
        f"{'with' if manifest.with_key else 'without'} the secret key",
        err=True,
    )


def backup_key(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A new file for the identity; only its owner can read it.")
    ],
) -> None:
    """Make the pair of keys that backups are encrypted with: the identity into FILE, the public key on standard output.

    Put the public key into the setting backup.recipients. Keep the identity, and a copy of it, away from the machines
    that back up: without it no backup opens, and with it all do.

    Example: siaga backup-key /media/usb/backup-identity
    """
    typer.echo(new_identity(file))
    typer.echo(f"{file}: keep it away from this machine; it alone opens the backups", err=True)


def _recipients(settings: Settings, given: Sequence[str], *, plain: bool) -> tuple[str, ...]:
    """Return for whom to encrypt, nobody with `plain`; raise where neither is said."""
    if plain:
        if given:
            raise ConfigurationError("--plain and --recipient are two different things; give one of them")
        return ()
    try:
        found = tuple(check_recipient(one) for one in given) or settings.backup.recipients
    except ValueError as error:
        raise ConfigurationError(f"--recipient {error}") from None
    if not found:
        raise ConfigurationError(
            "backup.recipients names no public key, so the backup could not be encrypted: make one with "
            "`siaga backup-key FILE`, or say --plain"
        )
    return found


@contextmanager
def _opened(file: Path, identity: Path | None, settings: Settings) -> Iterator[Backup]:
    """Give a backup that can be read, decrypted where it must be."""
    if not is_encrypted(file):
        yield Backup(file)
        return
    if identity is None:
        raise ConfigurationError(f"{file} is encrypted: --identity names the file that opens it")
    settings.paths.var.mkdir(parents=True, exist_ok=True, mode=0o700)
    with decrypted(file, identity, settings.paths.var) as plain:
        yield Backup(plain)


def _file_in(target: Path, settings: Settings, suffix: str) -> Path:
    if target.exists() and not target.is_dir():
        raise StoreError(f"{target} is there already; name another file, or a folder")
    if target.name.endswith(suffix) and not target.is_dir():
        if not target.parent.is_dir():
            raise ConfigurationError(f"{target.parent} does not exist: make the folder first")
        return target
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    at = local(WallClock().now(), "UTC")
    return target / f"{settings.namespace}-{at:%Y-%m-%dT%H%M%SZ}{suffix}"


async def _back_up(
    settings: Settings, file: Path, *, with_key: bool, with_archive: bool, recipients: Sequence[str]
) -> Manifest:
    async with (
        server_of(settings) as where,
        store_at(where, settings) as store,
        aclosing(Namespace(where, settings.namespace)) as namespace,
    ):
        with _bars() as progress:
            now = WallClock().now()
            done = AuditEntry(now, "exported", f"backup/{file.name}", by=str(os_account()))
            await store.write(Write(name="audit", appends=(append_audit(done),)))
            manifest = await back_up(
                namespace,
                store,
                settings,
                file,
                now,
                progress,
                with_key=with_key,
                with_archive=with_archive,
                recipients=recipients,
            )
        await enter_backup(store, BackupRecord(taken_at=now, bytes=file.stat().st_size, file=file.name))
        if known := await asyncio.to_thread(read_erasures, own_list(settings)):
            await asyncio.to_thread(add_erasures, list_beside(file, settings), known)
        return manifest


async def _restore(
    settings: Settings, backup: Backup, file: Path, known: Erasures
) -> tuple[Brought, dict[str, Erasure | SiagaError]]:
    """Restore, then erase again who was erased since; return what became of each."""
    taken_at, _ = parse_instant(backup.manifest.taken_at)
    async with (
        server_of(settings) as where,
        store_at(where, settings, restoring=True) as store,
        aclosing(Namespace(where, settings.namespace)) as namespace,
    ):
        books = books_of(settings, store)

        async def enter_erasures() -> None:
            people = await PersonalData(store, books, archive_of(settings)).everybody()
            await enter_due(store, due_of(known, taken_at, settings.namespace, people))
            if known:
                await asyncio.to_thread(add_erasures, own_list(settings), known)

        with _bars() as progress:
            brought = await bring_back(backup, namespace, settings, progress, enter_erasures)
        await enter_backup(store, BackupRecord(taken_at=taken_at, bytes=file.stat().st_size, file=file.name))
        again: dict[str, Erasure | SiagaError] = {}
        for one in await erasures_due(store):
            now = WallClock().now()
            try:
                again[one.person] = await erase_everywhere(
                    store, where, books, settings, one.person, now, os_account()
                )
            except SiagaError as error:
                again[one.person] = error
        return brought, again


@contextmanager
def _bars() -> Iterator[Callable[[str, int], Callable[[int], object]]]:
    """Show a bar for each stretch of work while the context lasts."""
    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description:9}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:

        def begin(name: str, total: int) -> Callable[[int], object]:
            task = bars.add_task(_WORK[name], total=total)
            return lambda done: bars.advance(task, done)

        yield begin
