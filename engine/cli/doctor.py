"""`siaga doctor`: is this installation fit to serve?

Here: arguments, printing, the exit code, and holding the two matchers against each other. Not here: what is looked at
(`operations.doctor`).
"""

from __future__ import annotations

import asyncio
import os
import platform
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Annotated

import msgspec
import typer

from engine.cli.common.options import ConfigFile, Overrides, settings_of
from engine.cli.common.storage import server_of
from engine.cli.policy_staff.check import Format
from engine.clock import WallClock
from engine.errors import SiagaError
from engine.operations.doctor import CheckResult, CheckState, examine, fault
from engine.settings import DEFAULT_FILE, Settings

app = typer.Typer(help="Say whether this installation is fit to serve.", invoke_without_command=True)

_MARK: Mapping[CheckState, str] = {"good": "ok     ", "warning": "warning", "fault": "FAULT  "}


@app.callback()
def doctor(
    context: typer.Context,
    format_: Annotated[Format, typer.Option("--format", help="For people or for machines.")] = Format.text,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Look at everything that Siaga leans on, and say of each fault what to do about it.

    The rules and files, the matcher, the store and what it promises, clock and zones, the directory, permissions, disk
    and port, what stands on every message, whether people behind the proxy count by their own addresses, and each
    gateway: mail servers are connected to, encrypted and logged in to. Nothing is sent and nothing is changed. Run it
    as the user and in the environment of the service.

    Ends with 0 where Siaga can serve (warnings are advice), 1 where there are faults, 2 where the settings are wrong.

    Example: siaga doctor --format json
    """
    if context.invoked_subcommand is not None:
        return
    settings = settings_of(config, set_)
    verdicts = asyncio.run(_examined(settings))
    if format_ is Format.json:
        typer.echo(msgspec.json.format(msgspec.json.encode(verdicts)).decode())
    else:
        for verdict in verdicts:
            typer.echo(f"{_MARK[verdict.state]}  {verdict.area}: {verdict.says}")
            if verdict.remedy:
                typer.echo(f"         -> {verdict.remedy}")
        states = [verdict.state for verdict in verdicts]
        typer.echo(f"{states.count('fault')} faults, {states.count('warning')} warnings")
    raise typer.Exit(1 if any(verdict.state == "fault" for verdict in verdicts) else 0)


async def _examined(settings: Settings) -> list[CheckResult]:
    clock, trouble = WallClock(), []
    async with AsyncExitStack() as stack:
        where = None
        try:
            where = await stack.enter_async_context(server_of(settings))
        except (SiagaError, OSError) as error:
            remedy = "install redis-server, or set redis.url; the folder of the embedded one must be writable"
            trouble = [fault("store", str(error), remedy)]
        return [*trouble, *[verdict async for verdict in examine(settings, os.environ, where, clock)]]


@app.command()
def matcher(config: ConfigFile = DEFAULT_FILE, set_: Overrides = None) -> None:
    """Say which matcher serves, and hold both against each other on the shipped facts of 2024.

    durable-rules matches and the native matcher checks it on every event. Where durable-rules cannot be built the
    native matcher serves alone; results are the same. Exit code 1: the two differ.

    Example: siaga doctor matcher
    """
    from engine.cli.demo import SCENARIO
    from engine.documents.kinds import load_kinds
    from engine.documents.regions import load_regions
    from engine.intake.event_schema import Accepted, EventSchema
    from engine.matching.checked import Disagreement, choose, open_shards
    from engine.people.tokens import ANY_DESK, Scope
    from engine.rule_sets.rule_files import read_rule_set
    from engine.simulation.replay import read_events

    settings = settings_of(config, set_)
    regions, kinds = load_regions(settings.paths.regions), load_kinds(settings.paths.kinds)
    rules = tuple(read_rule_set(settings.paths, regions, kinds).rules.values())
    shards, why = open_shards()
    found: list[Disagreement] = []
    choice = choose(rules, shards, found.append, why=why)
    typer.echo(f"matcher: {choice.serves}" + (f" ({choice.why})" if choice.why else ""))
    typer.echo(f"Python {platform.python_version()}, {len(rules)} rules")
    if shards is None:
        typer.echo(
            "To let durable-rules serve: install a C compiler and the headers of Python, then ./run again."
        )
        return
    schema = EventSchema(regions, kinds, settings.intake)
    scope = Scope(rights=frozenset(), region="00", token_id="", desks=(ANY_DESK,))
    scenario = settings.paths.regions.parent.parent / SCENARIO
    events = [schema.examine(one.event, scope, one.at) for one in read_events(scenario)]
    matches = sum(len(choice.matcher.match(one.event)) for one in events if isinstance(one, Accepted))
    typer.echo(
        f"{len(events)} facts of 2024: {matches} matches in {shards.registered} shards, {len(found)} differences"
    )
    for difference in found:
        typer.echo(f"  {difference}")
    if found:
        raise typer.Exit(1)
