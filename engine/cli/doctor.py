"""`siaga doctor`: is this installation fit to serve?

Here: the checks that need no running service, each saying what to do. So far: the matchers.
"""

from __future__ import annotations

import platform

import typer

from engine.cli.options import ConfigFile, Overrides, settings_of
from engine.settings import DEFAULT_FILE

app = typer.Typer(help="Say whether this installation is fit to serve.", no_args_is_help=True)


@app.command()
def matcher(config: ConfigFile = DEFAULT_FILE, set_: Overrides = None) -> None:
    """Say which matcher serves, and hold both against each other on the shipped facts of 2024.

    durable-rules matches and the native matcher checks it on every event. Where durable-rules cannot be built the
    native matcher serves alone; results are the same. Exit code 1: the two differ.

    Example: siaga doctor matcher
    """
    from engine.cli.demonstration import SCENARIO
    from engine.loading.kinds import load_kinds
    from engine.loading.regions import load_regions
    from engine.matching.checked import Disagreement, choose, open_shards
    from engine.rehearsal.replay import read_events
    from engine.service.event_schema import Accepted, EventSchema
    from engine.service.reload import read_rule_set
    from engine.service.tokens import Scope

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
    scope = Scope(rights=frozenset(), region="00", token_id="")
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
