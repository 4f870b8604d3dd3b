"""`siaga user`: who may sign in to the pages.

Here: adding, listing, disabling them and setting passwords from the command line. Not here: what a user is
(`people.users`). A password is asked for without echo, or read as one line from standard input; it is never an
argument, since those stand in histories and lists of processes.
"""

from __future__ import annotations

import asyncio
import getpass
import sys
from typing import Annotated

import typer

from engine.cli.common.options import ConfigFile, Overrides, os_account, settings_of
from engine.cli.common.output import FEW, ListLimit, print_listing, say_more, within_limit
from engine.cli.common.storage import books_of, storage
from engine.cli.token import desks_named
from engine.clock import WallClock
from engine.core.judging.instant import local
from engine.documents.regions import load_regions
from engine.errors import ConfigurationError, SiagaError
from engine.people.tokens import RIGHTS, Right
from engine.people.users import SHORTEST, User, Users
from engine.settings import DEFAULT_FILE, Settings

app = typer.Typer(no_args_is_help=True, help="Say who may sign in to the pages.")
ZONE = "Asia/Jakarta"

UserId = Annotated[str, typer.Argument(metavar="ID", help="The user's id, as in `siaga user list`.")]


@app.command()
def add(
    id_: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="An office or shift, such as piket-pagi; never a name, for it stands in histories.",
        ),
    ],
    right: Annotated[
        list[str],
        typer.Option(metavar="|".join(RIGHTS), help="What they may; may be given again.", show_default=False),
    ],
    region: Annotated[
        str, typer.Option(metavar="CODE", help="Where: this region and what lies in it.")
    ] = "00",
    person: Annotated[
        str,
        typer.Option(
            metavar="ID", help="The person of the directory whose user it is; they act as that person."
        ),
    ] = "",
    desk: Annotated[
        list[str] | None,
        typer.Option(
            "--desk",
            metavar="NAME",
            help="A desk for which they report on forms and sheets; may be given again. Default: that of the region.",
            show_default=False,
        ),
    ] = None,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Add a user. The password is asked for twice, or read as one line from standard input.

    A user of a person of the directory is bound to them: their answers are their own, and what they propose is not
    approved by another user or token of theirs.

    Example: siaga user add piket-pagi --right read --right operate --region 73
    """
    rights = [known for known in RIGHTS if known in right]
    if unknown := sorted(set(right).difference(rights)):
        raise typer.BadParameter(f"{unknown[0]} is none of {', '.join(RIGHTS)}", param_hint="--right")
    settings = settings_of(config, set_)
    if not load_regions(settings.paths.regions).known(region):
        raise ConfigurationError(
            f"--region {region}: not in {settings.paths.regions}; write it as 73 or 73.15"
        )
    desks = desks_named(desk)
    user = asyncio.run(_add(settings, id_, _password(), rights, region, person, desks))
    typer.echo(f"user {user.id}: {', '.join(user.rights)} in {region}", err=True)


@app.command("list")
def list_(limit: ListLimit = FEW, config: ConfigFile = DEFAULT_FILE, set_: Overrides = None) -> None:
    """List all users, the disabled ones too.

    Example: siaga user list
    """
    from rich.table import Column, Table

    table = Table(
        Column("id", no_wrap=True),
        "region",
        "rights",
        "desks",
        "added",
        "password set",
        "disabled",
        box=None,
        pad_edge=False,
    )
    found = asyncio.run(_list(settings_of(config, set_)))
    for user in within_limit(limit, found):
        added, password_set, disabled = (
            "-" if at is None else f"{local(at, ZONE):%Y-%m-%d %H:%M} WIB"
            for at in (user.created_at, user.password_at, user.disabled_at)
        )
        desks = " ".join(user.desks or (user.region,))
        table.add_row(user.id, user.region, " ".join(user.rights), desks, added, password_set, disabled)
    print_listing(table)
    say_more(len(found) - table.row_count, "users")


@app.command()
def password(id_: UserId, config: ConfigFile = DEFAULT_FILE, set_: Overrides = None) -> None:
    """Set another password; the user's sessions end at once.

    Example: siaga user password piket-pagi
    """
    settings = settings_of(config, set_)
    _found(asyncio.run(_set_password(settings, id_, _password())), id_)
    typer.echo(f"user {id_} has another password; their sessions have ended", err=True)


@app.command()
def disable(id_: UserId, config: ConfigFile = DEFAULT_FILE, set_: Overrides = None) -> None:
    """Let a user in no more; their sessions end at once. What they did stays in the histories.

    Example: siaga user disable piket-pagi
    """
    _found(asyncio.run(_disable(settings_of(config, set_), id_)), id_)
    typer.echo(f"user {id_} is disabled", err=True)


def _password() -> str:
    """Return a password from the terminal, asked twice, or the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass(f"Password (at least {SHORTEST} characters): ")
    if getpass.getpass("The same again: ") != first:
        raise SiagaError("the two passwords differ; nothing was changed")
    return first


def _found(user: User | None, id_: str) -> None:
    if user is None:
        raise SiagaError(f"there is no user {id_}; `siaga user list` shows all")


async def _add(
    settings: Settings,
    id_: str,
    password: str,
    rights: list[Right],
    region: str,
    person: str,
    desks: list[str],
) -> User:
    async with storage(settings) as store:
        if person and (await books_of(settings, store).directory()).person(person) is None:
            raise ConfigurationError(f"--person {person}: not in the directory; see `siaga directory export`")
        users = Users(store, WallClock())
        return await users.add(id_, password, rights, region, person=person, desks=desks, by=os_account())


async def _list(settings: Settings) -> list[User]:
    async with storage(settings) as store:
        return await Users(store, WallClock()).list()


async def _set_password(settings: Settings, id_: str, password: str) -> User | None:
    async with storage(settings) as store:
        return await Users(store, WallClock()).set_password(id_, password, by=os_account())


async def _disable(settings: Settings, id_: str) -> User | None:
    async with storage(settings) as store:
        return await Users(store, WallClock()).disable(id_, by=os_account())
