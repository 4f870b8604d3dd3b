"""`siaga person`: what is kept of a person, and its erasure (UU PDP 27/2022).

Here: arguments and printing. Not here: what is found and erased (`operations.personal_data`).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer

from engine.cli.common.options import ConfigFile, Overrides, os_account, settings_of
from engine.cli.common.storage import books_of, server_of, storage, store_at
from engine.clock import WallClock
from engine.core.judging.instant import format_instant
from engine.errors import ConfigurationError, SiagaError
from engine.operations.erasure_list import own_list
from engine.operations.personal_data import Erasure, PersonalData, erase_everywhere
from engine.records.case_archive import archive_of
from engine.settings import DEFAULT_FILE, Settings

app = typer.Typer(no_args_is_help=True, help="Give a person what is kept of them, or erase it.")
T = TypeVar("T")
PersonId = Annotated[str, typer.Argument(metavar="ID", help="The id of the person in the directory.")]


@app.command()
def export(
    person_id: PersonId,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file; only its owner can read it.")],
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Write all that is kept of a person into a file: contacts, offices, messages, answers, notes.

    That somebody looked stands in the audit.

    Example: siaga person export sekda-7315 sekda-7315.json
    """
    kept = asyncio.run(
        _with(
            settings_of(config, set_),
            lambda persons: persons.kept(person_id, WallClock().now(), os_account()),
        )
    )
    if kept.person is None and not (kept.notifications or kept.history):
        raise SiagaError(f"nothing is kept of {person_id}")
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigurationError(f"{file} is already there; name a new file") from None
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(msgspec.json.format(msgspec.json.encode(kept)) + b"\n")
    typer.echo(
        f"{file}: {len(kept.notifications)} messages, {len(kept.history)} entries, {len(kept.notes)} notes",
        err=True,
    )


@app.command()
def erase(
    person_id: PersonId,
    yes: Annotated[bool, typer.Option("--yes", help="Erase without asking.")] = False,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Erase a person: from the directory, messages and notes, and their addresses from texts of others.

    The server writes its append-only file anew. Histories and the audit stay: they hold ids and digests, and the id
    names nobody any more. Older backups are named; delete them. Ends with 1 where something still holds the person.
    This cannot be undone.

    Example: siaga person erase sekda-7315
    """
    if not yes:
        typer.confirm(f"Erase {person_id} for good?", abort=True, err=True)
    settings = settings_of(config, set_)
    done = asyncio.run(_erase(settings, person_id))
    say_left(done)
    erased = done.erased
    if done.unreadable:
        raise SiagaError(done.unreadable)
    if not any(erased.values()):
        raise SiagaError(f"nothing is kept of {person_id}")
    typer.echo(
        f"erased: {erased['person']} person, {erased['messages']} messages, {erased['notes']} notes, "
        f"{erased['files']} files of the outbox; redacted: {erased['redacted']} texts of others, "
        f"{erased['reports']} quarantined reports",
        err=True,
    )
    typer.echo(
        f"{own_list(settings)} holds this erasure: keep a copy with your backups, a restore erases again by it",
        err=True,
    )
    if done.refused or done.records or done.files:
        raise typer.Exit(1)


def say_left(done: Erasure) -> None:
    """Print what an erasure could not reach, and which backups still hold the person."""
    erased = done.erased
    if done.refused:
        typer.secho(
            f"the server did not write its append-only file anew, which still holds the person: {done.refused}. "
            "Its operator must: redis-cli BGREWRITEAOF, on each replica too (docs/redis.md)",
            err=True,
            fg="red",
        )
    for what, places in (("record", done.records), ("file", done.files)):
        for place in places:
            typer.secho(f"still holds an address: {what} {place}", err=True, fg="red")
    for place in done.reports:
        typer.secho(
            f"still holds an address: {place}, in a report of a desk (docs/data-protection.md)",
            err=True,
            fg="red",
        )
    if erased.get("waiting"):
        typer.echo(
            f"{erased['waiting']} digests keep their words until they were sent: erase again then", err=True
        )
    for one in done.backups:
        typer.echo(
            f"taken before, so it holds the person until it is deleted: backup of {format_instant(one.taken_at)} "
            f"{one.file}".rstrip(),
            err=True,
        )


async def _erase(settings: Settings, person_id: str) -> Erasure:
    async with server_of(settings) as where, store_at(where, settings) as store:
        books, now = books_of(settings, store), WallClock().now()
        return await erase_everywhere(store, where, books, settings, person_id, now, os_account())


async def _with(settings: Settings, work: Callable[[PersonalData], Awaitable[T]]) -> T:
    async with storage(settings) as store:
        return await work(PersonalData(store, books_of(settings, store), archive_of(settings)))
