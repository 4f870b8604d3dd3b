"""`siaga token`: the tokens by which desks and machines use the API.

Here: making, listing and ending them from the command line. Not here: what they are (`people.tokens`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated

import typer

from engine.cli.common.options import ConfigFile, Overrides, option_instant, os_account, settings_of
from engine.cli.common.output import FEW, ListLimit, print_listing, say_more, within_limit
from engine.cli.common.storage import books_of, storage
from engine.clock import WallClock
from engine.core.judging.instant import DAY, Instant, Millis, from_datetime, local, parse_duration
from engine.core.judging.rule import level_name
from engine.documents.regions import load_regions
from engine.errors import ConfigurationError, ParseError, SiagaError
from engine.intake.disowning import Disowning, DisowningOutlook, DisowningProgress
from engine.intake.event_schema import is_desk_name
from engine.people.tokens import ANY_DESK, CACHE_SECONDS, RIGHTS, Created, Right, Token, Tokens
from engine.runtime.lock_step import stored_clock
from engine.settings import DEFAULT_FILE, Settings
from engine.store.archive.events import Archive
from engine.store.archive.history import EventHistory

app = typer.Typer(no_args_is_help=True, help="Make, list and end the tokens of desks and machines.")
ZONE = "Asia/Jakarta"

DeskNames = Annotated[
    list[str] | None,
    typer.Option(
        "--desk",
        metavar="NAME",
        help=f"A desk it speaks for; may be given again. '{ANY_DESK}': any desk of the region, for machines that "
        "collect for many. Default: the desk of the region.",
        show_default=False,
    ),
]


@app.command()
def create(
    right: Annotated[
        list[str],
        typer.Option(metavar="|".join(RIGHTS), help="What it may; may be given again.", show_default=False),
    ],
    region: Annotated[
        str, typer.Option(metavar="CODE", help="Where: this region and what lies in it.")
    ] = "00",
    label: Annotated[
        str, typer.Option(help="Whose it is, for lists: a desk or machine, never a person.")
    ] = "",
    events_per_minute: Annotated[
        int, typer.Option(min=0, help="Events it may bring a minute, ten times that at once; 0: the default.")
    ] = 0,
    bytes_per_minute: Annotated[
        int, typer.Option(min=0, help="Bytes of events a minute, ten times that at once; 0: the default.")
    ] = 0,
    awas_per_ten_minutes: Annotated[
        int, typer.Option(min=0, help="Events that may open an awas alone, in ten minutes; 0: the default.")
    ] = 0,
    desk: DeskNames = None,
    person: Annotated[
        str,
        typer.Option(
            metavar="ID", help="The person of the directory who alone holds it; it answers as them."
        ),
    ] = "",
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Make a token. Its text is shown once, here; only a digest of it is kept.

    An event of another desk than those it speaks for is rejected: `out_of_scope`, field `source.desk`.

    The default rates are `intake.events_per_minute`, `intake.bytes_per_minute` and `intake.awas_per_ten_minutes`; what
    is beyond is answered 429.

    Example: siaga token create --right submit --region 73.15 --label "Desk Pinrang"
    """
    rights = [known for known in RIGHTS if known in right]
    if unknown := sorted(set(right).difference(rights)):
        raise typer.BadParameter(f"{unknown[0]} is none of {', '.join(RIGHTS)}", param_hint="--right")
    if "answer" in rights and not person:
        raise typer.BadParameter(
            "the right answer needs --person: a token answers as one person", param_hint="--right"
        )
    settings = settings_of(config, set_)
    if not load_regions(settings.paths.regions).known(region):
        raise ConfigurationError(
            f"--region {region}: not in {settings.paths.regions}; write it as 73 or 73.15"
        )
    rates = {
        "events_per_minute": events_per_minute,
        "bytes_per_minute": bytes_per_minute,
        "awas_per_ten_minutes": awas_per_ten_minutes,
    }
    created = asyncio.run(_create(settings, rights, region, label, person, desks_named(desk), rates))
    typer.echo(
        f"token {created.token.id}: {', '.join(created.token.rights)} in {region}, {_desks(created.token)}. "
        "It is shown only now:",
        err=True,
    )
    typer.echo(created.text)


@app.command("list")
def list_(limit: ListLimit = FEW, config: ConfigFile = DEFAULT_FILE, set_: Overrides = None) -> None:
    """List all tokens, the ended ones too; the secrets are not kept.

    Example: siaga token list
    """
    from rich.table import Column, Table

    table = Table(
        Column("id", no_wrap=True),
        "label",
        "region",
        "rights",
        "desks",
        "rates",
        "created",
        "last used (UTC)",
        "ends or ended",
        box=None,
        pad_edge=False,
    )
    found = asyncio.run(_list(settings_of(config, set_)))
    for token in within_limit(limit, found):
        used = "-" if token.used_on is None else f"{local(token.used_on * DAY, 'UTC'):%Y-%m-%d}"
        end = token.revoked_at or token.ends_at
        ended = "-" if end is None else f"{local(end, ZONE):%Y-%m-%d %H:%M} WIB"
        created = f"{local(token.created_at, ZONE):%Y-%m-%d %H:%M} WIB"
        rights = " ".join(token.rights)
        desks = ANY_DESK if token.desks is None else " ".join(token.desks)
        table.add_row(token.id, token.label, token.region, rights, desks, _rates(token), created, used, ended)
    print_listing(table)
    say_more(len(found) - table.row_count, "tokens")


@app.command()
def rotate(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="The id, as in `siaga token list`.")],
    overlap: Annotated[
        str, typer.Option(metavar="DURATION", help="For how long the old one stays valid beside the new one.")
    ] = "24h",
    desk: DeskNames = None,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Make a token that stands in for another one: same rights, region, label and desks, both valid for a while.

    Nothing stops: give the new text to the desk or machine within the overlap, then the old one ends by itself. The
    column "last used" of `siaga token list` shows whether it has changed over.

    Example: siaga token rotate 4f1c0a9be2 --overlap 7d
    """
    try:
        length = parse_duration(overlap)
    except ParseError as error:
        raise typer.BadParameter(str(error), param_hint="--overlap") from None
    created, ends_at = asyncio.run(_rotate(settings_of(config, set_), token_id, length, desks_named(desk)))
    if created is None:
        raise SiagaError(f"there is no valid token {token_id}; `siaga token list` shows all")
    typer.echo(
        f"token {created.token.id} stands in for {token_id}, which ends "
        f"{local(ends_at, ZONE):%Y-%m-%d %H:%M} WIB. It is shown only now:",
        err=True,
    )
    typer.echo(created.text)


@app.command()
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="The id, as in `siaga token list`.")],
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """End a token; a running service refuses it within three seconds.

    Example: siaga token revoke 4f1c0a9be2
    """
    ended = asyncio.run(_revoke(settings_of(config, set_), token_id))
    if ended is None:
        raise SiagaError(f"there is no token {token_id}; `siaga token list` shows all")
    typer.echo(f"token {token_id} has ended", err=True)


@app.command()
def disown(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="The id, as in `siaga token list`.")],
    since: Annotated[
        str, typer.Option(metavar="INSTANT", help="Events received from then on: 2024-11-27 11:00 WITA.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would change.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Do not end the token.")] = False,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Refute every event that a token brought since an instant, and end the token.

    Alerts are judged anew without these events, and those who were told get their RALAT. It says first what it would
    change. Where it breaks off, give the same command again: it refutes what is left.

    Example: siaga token disown 4f1c0a9be2 --since "2024-11-27 11:00 WITA" --dry-run
    """
    settings, at = settings_of(config, set_), option_instant("--since", since) or 0
    found = asyncio.run(_disowned(settings, token_id, at))
    alerts = _levels(found.touched)
    typer.echo(f"{found.events} events of token {token_id} would be refuted.", err=True)
    typer.echo(f"Open alerts that rest on them: {alerts}; on nothing else: {_levels(found.alone)}.", err=True)
    if dry_run:
        return
    if not yes:
        typer.confirm("Refute these events?", abort=True, err=True)
    done = asyncio.run(_disown(settings, token_id, at, keep=keep))
    ended = "is kept" if keep else "has ended"
    typer.echo(
        f"token {token_id} {ended}; {done.refuted} events are refuted now, "
        f"{done.events - done.refuted} were refuted before",
        err=True,
    )


def _levels(numbers: Mapping[int, int]) -> str:
    """Return numbers of alerts by level, the highest level first."""
    return (
        ", ".join(f"{numbers[level]} {level_name(level)}" for level in sorted(numbers, reverse=True))
        or "none"
    )


def desks_named(names: list[str] | None) -> list[str]:
    """Return the desks of the options `--desk`; raise `typer.BadParameter` where one cannot stand in an event."""
    for name in names or ():
        if name != ANY_DESK and not is_desk_name(name):
            raise typer.BadParameter(
                f"{name!r} can be no desk of an event; write it as in source.desk, such as 73.15",
                param_hint="--desk",
            )
    return names or []


def _desks(token: Token) -> str:
    if token.desks and ANY_DESK in token.desks:
        return "for any desk"
    return f"for desk {', '.join(token.desks or ())}"


def _rates(token: Token) -> str:
    """Return the rates that a token has of its own."""
    own = (
        (token.events_per_minute, "events/min"),
        (token.bytes_per_minute, "bytes/min"),
        (token.awas_per_ten_minutes, "awas/10 min"),
    )
    return ", ".join(f"{rate} {unit}" for rate, unit in own if rate) or "default"


async def _create(
    settings: Settings,
    rights: list[Right],
    region: str,
    label: str,
    person: str,
    desks: list[str],
    rates: Mapping[str, int],
) -> Created:
    async with storage(settings) as store:
        if person and (await books_of(settings, store).directory()).person(person) is None:
            raise ConfigurationError(f"--person {person}: not in the directory; see `siaga directory export`")
        return await Tokens(store, WallClock()).create(
            rights, region, label, person=person, desks=desks, by=os_account(), **rates
        )


async def _rotate(
    settings: Settings, token_id: str, overlap: Millis, desks: list[str]
) -> tuple[Created | None, Instant]:
    async with storage(settings) as store:
        tokens = Tokens(store, WallClock())
        created = await tokens.rotate(token_id, overlap, desks=desks, by=os_account())
        old = next((token for token in await tokens.list() if token.id == token_id), None)
        return created, (old.ends_at if old else None) or 0


async def _list(settings: Settings) -> list[Token]:
    async with storage(settings) as store:
        return await Tokens(store, WallClock()).list()


@asynccontextmanager
async def _disowning(settings: Settings) -> AsyncIterator[tuple[Disowning, Tokens]]:
    folder, start = settings.archive_directory, settings.clock.start
    async with storage(settings) as store:
        history = EventHistory(store, None if folder is None else Archive(folder, settings.namespace))
        clock = (
            WallClock()
            if settings.clock.mode == "real"
            else await stored_clock(store, 0 if start is None else from_datetime(start))
        )
        yield Disowning(store, history, clock), Tokens(store, clock)


async def _disowned(settings: Settings, token_id: str, since: Instant) -> DisowningOutlook:
    async with _disowning(settings) as (disowning, tokens):
        if not any(token.id == token_id for token in await tokens.list()):
            raise SiagaError(f"there is no token {token_id}; `siaga token list` shows all")
        return await disowning.outlook(token_id, since)


async def _disown(settings: Settings, token_id: str, since: Instant, *, keep: bool) -> DisowningProgress:
    """Refute in pieces, and once more when the running service believes the token no longer."""
    async with _disowning(settings) as (disowning, _):
        first = await disowning.carry_out(token_id, since, by=os_account(), keep=keep)
        if keep:
            return first
        await asyncio.sleep(CACHE_SECONDS)
        last = await disowning.refute(token_id, since, by=os_account())
        return DisowningProgress(events=last.events, refuted=first.refuted + last.refuted)


async def _revoke(settings: Settings, token_id: str) -> Token | None:
    async with storage(settings) as store:
        return await Tokens(store, WallClock()).revoke(token_id, by=os_account())
