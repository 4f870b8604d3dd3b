"""`siaga quarantine`: what was kept aside, and the way back in.

Here: the commands, with the rights of whoever can open the store. Not here: why something is kept aside
(`intake.event_schema`) and what becomes of it (`intake.submission`).
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

from engine.cli.common.options import ConfigFile, Overrides, os_account, settings_of
from engine.cli.common.storage import storage
from engine.clock import WallClock
from engine.core.judging.instant import format_instant, from_datetime, local
from engine.core.judging.region import NATION
from engine.documents.kinds import load_kinds
from engine.documents.regions import load_regions
from engine.errors import SiagaError
from engine.intake.submission import Intake, Resubmitted
from engine.metrics import Metrics
from engine.people.tokens import ANY_DESK, RIGHTS, Scope
from engine.records.audit_log import note_seen
from engine.records.case_archive import archive_of, settled_versions
from engine.records.quarantine import QuarantineListPage, build
from engine.records.quarantine_acts import SUBJECT, SettledRecord, audited
from engine.runtime.lock_step import stored_clock
from engine.settings import DEFAULT_FILE, Settings
from engine.store.port import Place, read_place

app = typer.Typer(no_args_is_help=True, help="Look at events that were kept aside, and send them again.")


def operator() -> Scope:
    """Return what whoever can open the store may: everything, as the account of this machine."""
    return Scope(
        rights=frozenset(RIGHTS), region=NATION, token_id=os_account().id, kind="os", desks=(ANY_DESK,)
    )


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

    from engine.cli.common.output import print_listing

    scope = msgspec.structs.replace(operator(), region=region)
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


@app.command()
def drop(
    record: Annotated[str, typer.Argument(metavar="ID", help="The id, as in `siaga quarantine list`.")],
    yes: Annotated[bool, typer.Option("--yes", help="Let it go without asking.")] = False,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Let a record go that becomes no event: nobody judges it. Its content is kept, and the act stands in the audit.

    Example: siaga quarantine drop q7dk2mzp4uwe5x3a
    """
    if not yes:
        typer.confirm(f"Let {record} go without being judged?", abort=True, err=True)

    async def work(settings: Settings) -> Resubmitted | None:
        async with _intake(settings) as intake:
            return await intake.drop(record, operator())

    if asyncio.run(work(settings_of(config, set_))) is None:
        raise SiagaError(f"there is no record {record}; `siaga quarantine list` shows all")
    typer.echo(f"{record}: dropped", err=True)


@app.command()
def show(
    record: Annotated[str, typer.Argument(metavar="ID", help="The id, as `siaga audit list` names it.")],
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Show what became of a record that left the quarantine: both versions, by whom, and their digests in the audit.

    That somebody looked stands in the audit.

    Example: siaga quarantine show q7dk2mzp4uwe5x3a
    """

    async def work(settings: Settings) -> list[SettledRecord]:
        async with storage(settings) as store:
            found = await settled_versions(store, archive_of(settings), record)
            if found:
                await note_seen(store, WallClock().now(), f"{SUBJECT}{record}", os_account())
            return found

    found = asyncio.run(work(settings_of(config, set_)))
    if not found:
        raise SiagaError(f"no record {record} left the quarantine; `siaga quarantine list` shows what waits")
    for one in found:
        entry = audited(one)
        shown = {
            "act": one.act,
            "at": format_instant(one.at),
            "by": one.by or f"token:{one.token_id}",
            "before": msgspec.Raw(one.record.raw),
            "before_digest": entry.before,
            "after": msgspec.Raw(one.sent) if one.sent else None,
            "after_digest": entry.digest,
        }
        print(msgspec.json.format(msgspec.json.encode(shown)).decode())


async def _list(settings: Settings, scope: Scope, limit: int, after: Place | None) -> QuarantineListPage:
    async with _intake(settings) as intake:
        return await intake.quarantined(scope, limit=limit, after=after)


async def _resubmit(
    settings: Settings, record: str, sent: bytes | None, *, offered: bool
) -> Resubmitted | None:
    async with _intake(settings) as intake:
        return await intake.resubmit(record, sent, operator(), mended=offered)


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
