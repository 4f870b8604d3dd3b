"""`siaga drill`: a LATIHAN to everybody who would be told in a region, and who answered it.

Here: arguments and printing. Not here: who that is and what they are asked (`escalation.drills`). People are named by
id.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import typer

from engine.cli.common.options import ConfigFile, Overrides, option_duration, os_account, settings_of
from engine.cli.common.storage import storage
from engine.clock import WallClock
from engine.core.judging.instant import format_duration
from engine.documents.kinds import load_kinds
from engine.documents.regions import load_regions
from engine.errors import ConfigurationError, SiagaError
from engine.escalation.alert_commands import AlertCommands
from engine.escalation.drills import Drills, Participant
from engine.metrics import Metrics
from engine.records.runtime_config import RuntimeConfig
from engine.rule_sets.rule_files import read_rule_set
from engine.settings import DEFAULT_FILE, Settings


def drill(
    region: Annotated[str, typer.Option(metavar="CODE", help="This region and what lies in it.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say who would be told; tell nobody.")] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Who answered the newest drill of the region.")
    ] = False,
    end: Annotated[
        bool, typer.Option("--end", help="End the newest drill of the region; all told hear it.")
    ] = False,
    wait: Annotated[str, typer.Option(help="How long answers are waited for.")] = "1h",
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Ask everybody whom a policy would tell of an alert in a region to answer a LATIHAN, once.

    The running service sends it by the contacts and gateways of real alerts; every message begins with LATIHAN. After
    the wait the national posko hears if anybody is missing. A drill stays open until all have answered or it is ended.

    Example: siaga drill --region 73.15 --dry-run
    """
    if sum((dry_run, report, end)) > 1:
        raise ConfigurationError("--dry-run, --report and --end are three different things; give one of them")
    patience = option_duration("--wait", wait)
    settings = settings_of(config, set_)
    if not load_regions(settings.paths.regions).known(region):
        raise ConfigurationError(f"--region {region}: there is no such region in {settings.paths.regions}")
    if report or end:
        asyncio.run(_look(settings, region, end=end))
    else:
        asyncio.run(_start(settings, region, patience, dry_run=dry_run))


async def _start(settings: Settings, region: str, wait: int, *, dry_run: bool) -> None:
    async with _drills(settings) as drills:
        people = await drills.people(region)
        if not people:
            raise SiagaError(
                f"nobody in {region} would be told; see `siaga directory check --region {region}`"
            )
        if dry_run:
            for person in people:
                typer.echo(person)
            typer.echo(f"{len(people)} people would be told", err=True)
            return
        alert = await drills.start(region, people, wait, by=os_account())
    typer.echo(
        f"{len(people)} people are told, alert {alert}; `siaga drill --region {region} --report`", err=True
    )


async def _look(settings: Settings, region: str, *, end: bool) -> None:
    async with _drills(settings) as drills:
        alert = await drills.newest(region)
        if alert is None:
            raise SiagaError(f"there was no drill in {region}")
        if end:
            await drills.end(alert, by=os_account())
        found = await drills.participants(alert)
    for one in found:
        typer.echo(line(one))
    answered = sum(bool(one.said) for one in found)
    reached = sum(one.reached for one in found)
    typer.echo(f"{alert.status}: {len(found)} people, {reached} reached, {answered} answered", err=True)


def line(one: Participant) -> str:
    """Return a participant as a line."""
    messages = ", ".join(f"{channel} {state}" for channel, state in one.messages)
    said = "-" if one.after is None else f"{one.said} after {format_duration(one.after // 1_000 * 1_000)}"
    return f"{one.person}: {messages}: {said}"


@asynccontextmanager
async def _drills(settings: Settings) -> AsyncIterator[Drills]:
    regions, kinds = load_regions(settings.paths.regions), load_kinds(settings.paths.kinds)
    rule_set = read_rule_set(settings.paths, regions, kinds)
    clock, metrics = WallClock(), Metrics()
    async with storage(settings) as store:
        books = RuntimeConfig(
            store, namespace=settings.namespace, regions=regions, kinds=kinds, rule_set=rule_set
        )
        yield Drills(store, clock, books, AlertCommands(store, clock, books, metrics))
