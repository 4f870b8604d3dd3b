"""`siaga quarantine`: what was kept aside, and the way back in.

Here: the two commands, with the rights of whoever can open the store. Not here: why something is kept aside
(`service.event_schema`) and what becomes of it (`service.intake`).
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from engine.cli.options import ConfigFile, Overrides, settings_of
from engine.cli.storage import storage
from engine.clock import WallClock
from engine.errors import SiagaError
from engine.judging.instant import from_datetime, local
from engine.judging.region import NATION
from engine.loading.kinds import load_kinds
from engine.loading.regions import load_regions
from engine.metrics import Metrics
from engine.service.intake import Intake, Resubmitted
from engine.service.lock_step import stored_clock
from engine.service.quarantine import QuarantinePage, build
from engine.service.tokens import RIGHTS, Scope
from engine.settings import DEFAULT_FILE, Settings
from engine.store.port import Place, read_place

app = typer.Typer(no_args_is_help=True, help="Look at events that were kept aside, and send them again.")
OPERATOR = Scope(rights=frozenset(RIGHTS), region=NATION, token_id="cli")  # noqa: S106 -- an id, no secret


@app.command("list")
def list_(
    region: Annotated[
        str, typer.Option(metavar="CODE", help="Only this region and what lies in it.")
    ] = NATION,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="At most so many, the oldest first.")] = 100,
    after: Annotated[
        str, typer.Option(metavar="CURSOR", help="Go on where a list ended, as it said there.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Whole records as JSON lines.")] = False,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """List what was kept aside: the first fault, and what is offered instead, if anything.

    Example: siaga quarantine list --region 73
    """
    from rich.table import Column, Table

    from engine.cli.listing import print_listing

    scope = msgspec.structs.replace(OPERATOR, region=region)
    begin = read_place(after) if after else None
    records, more = asyncio.run(_list(settings_of(config, set_), scope, limit, begin))
    if more is not None:
        typer.echo(f"more: siaga quarantine list --after {more}", err=True)
    if as_json:
        for kept in records:
            shown = msgspec.to_builtins(kept) | {"raw": kept.raw.decode("utf-8", "replace")}
            print(msgspec.json.encode(shown).decode())
        return
    table = Table(
        Column("id", no_wrap=True),
        "received",
        "region",
        "desk",
        "kind",
        "sev.",
        Column("fault", overflow="fold"),
        Column("offered", overflow="fold"),
        box=None,
        pad_edge=False,
    )
    for kept in records:
        offered = ", ".join(f"{field}: {value}" for field, value in kept.mended.items()) or "-"
        received = f"{local(kept.received_at, 'Asia/Jakarta'):%Y-%m-%d %H:%M} WIB"
        fault = f"{kept.field}: {kept.reason}" if kept.field else kept.reason
        severity = str(kept.severity or "-")
        table.add_row(kept.id, received, kept.region, kept.desk, kept.kind, severity, fault, offered)
    print_listing(table)


@app.command()
def resubmit(
    record: Annotated[str, typer.Argument(metavar="ID", help="The id, as in `siaga quarantine list`.")],
    event: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The event as it should be, one JSON object; - reads it here."),
    ] = None,
    offered: Annotated[bool, typer.Option("--offered", help="With what the list offers instead.")] = False,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Send a record again: corrected, with the offered value, or as it is where its fault has passed.

    Example: siaga quarantine resubmit q7dk2mzp4uwe5x3a --offered
    """
    settings = settings_of(config, set_)
    sent = None if event is None else sys.stdin.buffer.read() if str(event) == "-" else event.read_bytes()
    result = asyncio.run(_resubmit(settings, record, sent, offered=offered))
    if result is None:
        raise SiagaError(f"there is no record {record}; `siaga quarantine list` shows all")
    if not result.settled:
        hint = "; --offered takes the value that is offered" if result.mended else ""
        raise SiagaError(f"still no event: {result.field or 'the whole'}: {result.outcome}{hint}")
    typer.echo(f"{record}: {result.outcome}", err=True)


async def _list(settings: Settings, scope: Scope, limit: int, after: Place | None) -> QuarantinePage:
    async with _intake(settings) as intake:
        return await intake.quarantined(scope, limit=limit, after=after)


async def _resubmit(
    settings: Settings, record: str, sent: bytes | None, *, offered: bool
) -> Resubmitted | None:
    async with _intake(settings) as intake:
        return await intake.resubmit(record, sent, OPERATOR, mended=offered)


@asynccontextmanager
async def _intake(settings: Settings) -> AsyncIterator[Intake]:
    regions, kinds = load_regions(settings.paths.regions), load_kinds(settings.paths.kinds)
    async with storage(settings) as store:
        await build(store)  # the service may not have been started since it learned of lists
        start = settings.clock.start
        clock = (
            WallClock()
            if settings.clock.mode == "real"
            else await stored_clock(store, 0 if start is None else from_datetime(start))
        )
        yield Intake(store, clock, regions, kinds, settings, Metrics())
