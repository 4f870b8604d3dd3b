"""`siaga directory`: who holds which office, into the store and out of it again.

Here: the commands. Not here: the forms in which it is exported (`cli.directory_form`), reading and checking a file
(`documents.directory`), whether a change may be (`service.registry`) and what it means (`core.alerting.directory`). An
export holds numbers and addresses of people: it goes to a file that only its owner reads, and nothing of it is printed
or logged.
"""

from __future__ import annotations

import asyncio
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import msgspec
import typer
import yaml
from rich.console import Console

from engine.cli.account import os_account
from engine.cli.check import Tongue
from engine.cli.directory_form import as_csv, as_document
from engine.cli.inspection import Inspection
from engine.cli.listing import Limit, say_more, within
from engine.cli.named import rule_named
from engine.cli.options import ConfigFile, Moment, Overrides, moment, settings_of
from engine.cli.policy import surroundings
from engine.cli.progress import counting
from engine.cli.storage import books_of, storage
from engine.clock import WallClock
from engine.core.alerting.directory import (
    Assignment,
    Contents,
    Directory,
    Duty,
    Holding,
    Span,
    assigned,
    rostered,
)
from engine.core.alerting.reachability import Matrix, counts, flaws, offices_named
from engine.core.judging.instant import HOUR, MINUTE, local, local_midnight
from engine.core.judging.region import lies_in
from engine.documents.directory import load_directory
from engine.documents.kinds import load_kinds
from engine.documents.regions import load_regions
from engine.errors import ConfigurationError, SiagaError
from engine.service.audit import note_seen
from engine.service.registry import Difference, Registry
from engine.service.reload import read_rule_set
from engine.settings import DEFAULT_FILE, Settings

app = typer.Typer(no_args_is_help=True, help="Bring in, change and take out who holds which office.")
DAY = ["%Y-%m-%d"]

MOST_LINES = 500
"""So many lines of a check are printed unless more are asked for."""


@app.command("import")
def import_(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="YAML or CSV; default: paths.directory.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change, or why not; change nothing.")
    ] = False,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Put a directory file in force, whole: all of it is valid or nothing changes. A running service follows at once.

    Refused where an unresolved alert would have nobody left whom it could tell. The version before can be exported and
    imported again.

    Example: siaga directory import config/directory.csv --dry-run
    """
    settings = settings_of(config, set_)
    version, change = asyncio.run(_import(settings, file or settings.paths.directory, dry_run=dry_run))
    typer.echo("nothing was changed" if version is None else f"version {version} is in force", err=True)
    typer.echo(
        f"people: {change.people_added} new, {change.people_changed} changed, {change.people_removed} gone; "
        f"offices held: {change.offices_added} new, {change.offices_removed} gone",
        err=True,
    )


@app.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new .yaml or .csv; it must not exist yet.")],
    version: Annotated[
        int | None, typer.Option("--version", min=1, help="An earlier version; default: what is in force.")
    ] = None,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Write the directory to a file that `import` reads again. Only its owner can read it; the audit says that it was.

    A CSV has one line for each office and person; what it has no column for must go to YAML.

    Example: siaga directory export directory-2024-11-24.yaml
    """
    settings = settings_of(config, set_)
    directory = asyncio.run(_export(settings, version))
    if directory is None:
        missing = "no directory yet" if version is None else f"no version {version}"
        raise SiagaError(f"the store has {missing}; `siaga directory import` brings one in")
    regions = load_regions(settings.paths.regions)
    if file.suffix.lower() == ".csv":
        text = as_csv(directory.contents, regions)
    else:
        document = as_document(directory.contents, regions)
        text = yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=110)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigurationError(f"{file} is already there; name a new file") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(text)
    typer.echo(f"version {directory.version} is in {file}: {len(directory.contents.people)} people", err=True)


@app.command()
def check(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help="A directory file that is not in force yet; default: what is in force."
        ),
    ] = None,
    at: Moment = None,
    hours: Annotated[int, typer.Option(min=1, max=24 * 14, help="How many hours to look ahead.")] = 24,
    region: Annotated[str | None, typer.Option(help="Only this region and what lies in it: 73.")] = None,
    rule: Annotated[str | None, typer.Option(metavar="ID", help="Only alerts of this rule.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Print also what is well.")] = False,
    limit: Limit = MOST_LINES,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")] = False,
    lang: Annotated[Tongue, typer.Option(help="Language of the lines.")] = Tongue.id,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Say whom an alert of every rule in every region would ask to act, hour by hour, and what is wrong with offices.

    Stretches: `told` somebody whom the first step names; `elsewhere` only a fallback at another place or role; `waits`
    only when quiet hours end; `later` only a later step; `nobody`. Ends with 1 where anything is `nobody`.

    Example: siaga directory check --region 73 --at "2024-11-26 18:00 WITA" --hours 36
    """
    settings = settings_of(config, set_)
    regions = load_regions(settings.paths.regions)
    rule_set = read_rule_set(settings.paths, regions, load_kinds(settings.paths.kinds))
    if rule is not None:
        rule_named(rule_set.rules, rule)
    if region is not None and not regions.known(region):
        raise ConfigurationError(f"--region {region}: there is no such region in {settings.paths.regions}")
    now = moment("--at", at) or WallClock().now()
    around = asyncio.run(surroundings(settings, regions, rule_set))
    if file is not None:
        around = msgspec.structs.replace(around, directory=Directory(load_directory(file, regions).expect()))
    if not around.directory.contents.people:
        raise SiagaError("the store has no directory yet; `siaga directory import` brings one in")
    rules = [one for one in rule_set.rules.values() if rule in (None, one.id)]
    matrix = Matrix(rules, rule_set.policies, around, now, hours, under=region)
    with counting(len(matrix), Console(stderr=True, highlight=False)) as done:
        stretches = list(matrix.stretches(done))
    offices = offices_named(rules, rule_set.policies, regions, region)
    found = [
        flaw
        for flaw in flaws(around.directory.contents, now, now + hours * HOUR, offices)
        if region is None or lies_in(flaw.region, region)
    ]
    inspection = Inspection(stretches, found, counts(stretches))
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(inspection)).decode())
    else:
        *lines, sums = inspection.lines(regions, lang.value, everything=all_)
        for line in within(limit, lines):
            typer.echo(line)
        say_more(len(lines) - len(within(limit, lines)), "lines")
        typer.echo(sums)
    raise typer.Exit(1 if inspection.hours["nobody"] else 0)


@app.command()
def assign(
    region: Annotated[str, typer.Argument(metavar="REGION", help="The region of the office: 73.15.")],
    role: Annotated[str, typer.Argument(metavar="ROLE", help="The office: sekda.")],
    person: Annotated[str, typer.Argument(metavar="PERSON", help="The id of who holds it.")],
    status: Annotated[
        Holding, typer.Option(help="plh, plt, pjs and pj go before definitif, in this order.")
    ] = "definitif",
    since: Annotated[datetime | None, typer.Option("--from", formats=DAY, help="First day; today.")] = None,
    until: Annotated[
        datetime | None, typer.Option("--until", formats=DAY, help="Last day; for good.")
    ] = None,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Let a person of the directory hold an office, for days of its region. Steps that run keep whom they told.

    Example: siaga directory assign 73.15 sekda asisten-7315 --status plh --until 2024-11-28
    """
    settings = settings_of(config, set_)
    zone = load_regions(settings.paths.regions).timezone(region)
    first = local(WallClock().now(), zone).date() if since is None else since.date()
    if until is not None and until.date() < first:
        raise ConfigurationError("--until: lies before its beginning")
    last = None if until is None else local_midnight(until.date() + timedelta(days=1), zone)
    held = Assignment(
        region=region,
        role=role,
        person=person,
        status=status,
        valid=Span(local_midnight(first, zone), last),
    )
    version = asyncio.run(_place(settings, held))
    typer.echo(f"version {version} is in force: {person} holds {role} at {region}", err=True)


@app.command()
def shift(
    region: Annotated[str, typer.Argument(metavar="REGION", help="The region of the office: 00.")],
    role: Annotated[str, typer.Argument(metavar="ROLE", help="The office: posko_nasional.")],
    person: Annotated[str, typer.Argument(metavar="PERSON", help="The id of who is on duty.")],
    since: Annotated[
        str | None, typer.Option("--from", metavar="INSTANT", help="RFC 3339, or 2024-11-27 11:00 WITA.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="INSTANT", help="Its end, excluded.")
    ] = None,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Put a person on duty for a time; the shift goes before those that it overlaps.

    Example: siaga directory shift 00 posko_nasional piket-c --until "2024-11-27 14:00 WIB"
    """
    settings = settings_of(config, set_)
    duty = Duty(region=region, role=role, person=person, valid=_shift(since, until))
    version = asyncio.run(_place(settings, duty))
    typer.echo(f"version {version} is in force: {person} is on duty for {role} at {region}", err=True)


def _shift(since: str | None, until: str | None) -> Span:
    """Return the span from one instant (default: now) to another."""
    first, last = moment("--from", since), moment("--until", until)
    first = WallClock().now() // MINUTE * MINUTE if first is None else first
    if last is None:
        raise ConfigurationError("--until: a shift needs an end")
    if last <= first:
        raise ConfigurationError("--until: lies before its beginning")
    return Span(first, last)


async def _import(settings: Settings, file: Path, *, dry_run: bool) -> tuple[int | None, Difference]:
    contents = load_directory(file, load_regions(settings.paths.regions)).expect()
    now = WallClock().now()
    async with storage(settings) as store:
        registry = Registry(store, books_of(settings, store))
        change = await registry.rehearse(lambda _before: contents, now)
        version = None if dry_run else await registry.amend(lambda _before: contents, now, os_account())
    return version, change


async def _place(settings: Settings, entry: Assignment | Duty) -> int:
    if not load_regions(settings.paths.regions).known(entry.region):
        raise ConfigurationError(f"{entry.region}: there is no such region in {settings.paths.regions}")
    async with storage(settings) as store:
        books = books_of(settings, store)
        if (await books.directory()).person(entry.person) is None:
            raise SiagaError(f"{entry.person}: there is no such person in the directory")

        def change(contents: Contents) -> Contents:
            return rostered(contents, entry) if isinstance(entry, Duty) else assigned(contents, entry)

        return await Registry(store, books).amend(change, WallClock().now(), os_account())


async def _export(settings: Settings, version: int | None) -> Directory | None:
    async with storage(settings) as store:
        books = books_of(settings, store)
        directory = await books.directory() if version is None else await books.directory_of(version)
        if directory is None or not directory.version:
            return None
        await note_seen(store, WallClock().now(), f"directory/v{directory.version}", os_account())
        return directory
