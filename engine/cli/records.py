"""`siaga records`: stored records that cannot be read, and what helps.

Here: the three commands, for whoever can open the store. Not here: what reading means (`operations.unreadable_records`)
and what the remedies do (`operations.unreadable_records`).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from engine.cli.common.options import ConfigFile, Overrides, os_account, settings_of
from engine.cli.common.storage import books_of, storage
from engine.clock import WallClock
from engine.records.tolerant_read import readable
from engine.settings import DEFAULT_FILE, Settings

if TYPE_CHECKING:
    from engine.evaluation.dead_letters import PutOff

app = typer.Typer(
    no_args_is_help=True, help="Find stored records that cannot be read, and repair what depends on them."
)


class UnreadableRow(msgspec.Struct, frozen=True, kw_only=True):
    """An unreadable record, or a group that waits (`waits` since, in milliseconds): what is wrong, and what helps."""

    record: str
    reason: str
    remedy: str
    waits: int | None = None


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines.")] = False,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """List the records that cannot be read and the groups that wait, each with what helps.

    Example: siaga records list
    """
    from rich.table import Column, Table

    from engine.cli.common.output import print_listing
    from engine.core.judging.instant import format_instant

    rows = asyncio.run(_rows(settings_of(config, set_)))
    if as_json:
        for row in rows:
            typer.echo(msgspec.json.encode(row).decode())
        return
    if not rows:
        typer.echo("every record can be read, and no group waits", err=True)
        return
    table = Table(
        Column("record", overflow="fold"),
        Column("what is wrong", overflow="fold"),
        "waits since",
        "what helps",
    )
    for row in rows:
        since = format_instant(row.waits) if row.waits else ""
        table.add_row(row.record, row.reason, since, row.remedy)
    print_listing(table)


@app.command()
def rebuild(
    group: Annotated[
        str, typer.Argument(metavar="GROUP", help="A group or a record of it, as in `siaga records list`.")
    ],
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Judge a group anew from all that stream and archive hold; its open alert goes on, and nothing is told twice.

    The evaluator does it at its next turn. What waits for the group is in the stream too, and is judged with the rest.

    Example: siaga records rebuild 'groups/real|kekerasan-luka|94.02'
    """
    from engine.operations.unreadable_records import rebuild_group as ask

    async def work(settings: Settings) -> str:
        async with storage(settings) as store:
            return str(
                await ask(store, books_of(settings, store), group, WallClock().now(), str(os_account()))
            )

    typer.echo(f"{asyncio.run(work(settings_of(config, set_)))} is judged anew", err=True)


@app.command()
def remove(
    record: Annotated[str, typer.Argument(metavar="RECORD", help="TABLE/ID, as in `siaga records list`.")],
    yes: Annotated[bool, typer.Option("--yes", help="Remove without asking.")] = False,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Remove a record that cannot be read; its bytes are kept in the table `unreadable`.

    After an alert was removed, judge its group anew: `siaga records list` shows the group that waits.

    Example: siaga records remove users/piket-uji
    """
    from engine.operations.unreadable_records import remove_record

    if not yes:
        typer.confirm(f"Remove {record}?", abort=True, err=True)

    async def work(settings: Settings) -> None:
        async with storage(settings) as store:
            await remove_record(
                store, books_of(settings, store), record, WallClock().now(), str(os_account())
            )

    asyncio.run(work(settings_of(config, set_)))
    typer.echo(f"{record} is removed", err=True)


def _why_it_waits(group: PutOff) -> str:
    if group.dropped:
        return f"the group waits, its letters were too many and are gone: {group.record or group.error}"
    return f"the group waits with {group.letters} letters: {group.record or group.error}"


def _what_helps(group: PutOff) -> str:
    cause = "" if group.record else "a rule or version that does not raise"
    return ", then ".join(filter(None, (cause, "rebuild" if group.record or group.dropped else "")))


async def _rows(settings: Settings) -> list[UnreadableRow]:
    from engine.evaluation.dead_letters import PUT_OFF_GROUPS, PutOff
    from engine.operations.unreadable_records import remedy_of, unreadable_records

    async with storage(settings) as store:
        rows = [
            UnreadableRow(record=one.record, reason=one.reason, remedy=remedy_of(one.record))
            async for one in unreadable_records(store)
        ]
        waiting = readable(PUT_OFF_GROUPS, await store.scan(PUT_OFF_GROUPS), PutOff)
        return rows + [
            UnreadableRow(
                record=f"{PUT_OFF_GROUPS}/{member}",
                reason=_why_it_waits(one),
                remedy=_what_helps(one),
                waits=one.since,
            )
            for member, one in sorted(waiting.items())
        ]
