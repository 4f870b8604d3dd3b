"""`siaga person`: what is kept of a person, and its erasure (UU PDP 27/2022).

Here: arguments and printing. Not here: what is found and erased (`service.persons`).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer

from engine.cli.account import os_account
from engine.cli.options import ConfigFile, Overrides, settings_of
from engine.cli.storage import books_of, storage
from engine.clock import WallClock
from engine.errors import ConfigurationError, SiagaError
from engine.service.case_archive import archive_of
from engine.service.persons import Persons
from engine.settings import DEFAULT_FILE, Settings

app = typer.Typer(no_args_is_help=True, help="Give a person what is kept of them, or erase it.")
T = TypeVar("T")
Id = Annotated[str, typer.Argument(metavar="ID", help="The id of the person in the directory.")]


@app.command()
def export(
    person_id: Id,
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
    person_id: Id,
    yes: Annotated[bool, typer.Option("--yes", help="Erase without asking.")] = False,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Erase a person: from the directory, the words and addresses of messages that are over, and their notes.

    Histories and the audit stay: they hold ids and digests, and the id names nobody any more. This cannot be undone.

    Example: siaga person erase sekda-7315
    """
    if not yes:
        typer.confirm(f"Erase {person_id} for good?", abort=True, err=True)
    erased = asyncio.run(
        _with(
            settings_of(config, set_),
            lambda persons: persons.erase(person_id, WallClock().now(), os_account()),
        )
    )
    if not any(erased.values()):
        raise SiagaError(f"nothing is kept of {person_id}")
    typer.echo(
        f"erased: {erased['person']} person, {erased['messages']} messages, {erased['notes']} notes", err=True
    )


async def _with(settings: Settings, work: Callable[[Persons], Awaitable[T]]) -> T:
    async with storage(settings) as store:
        return await work(Persons(store, books_of(settings, store), archive_of(settings)))
