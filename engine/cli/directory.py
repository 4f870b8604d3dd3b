"""`siaga directory`: who holds which office, into the store and out of it again.

Here: the commands, and the directory as the YAML it is exported in. Not here: reading and checking a file
(`loading.directory`), and what it means (`alerting.directory`). An export holds numbers and addresses of people: it
goes to a file that only its owner reads, and nothing of it is printed or logged.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
import yaml
from rich.console import Console

from engine.alerting.directory import Contact, Contents, Directory, Person, Span
from engine.alerting.flaws import flaws
from engine.alerting.reachability import Matrix, counts, offices_named
from engine.cli.check import Tongue
from engine.cli.inspection import Inspection
from engine.cli.named import rule_named
from engine.cli.options import ConfigFile, Moment, Overrides, moment, settings_of
from engine.cli.policy import surroundings
from engine.cli.progress import counting
from engine.cli.storage import storage
from engine.clock import WallClock
from engine.errors import ConfigurationError, SiagaError
from engine.judging.instant import HOUR, Instant, format_duration, local
from engine.judging.region import NATION, RegionTable, lies_in
from engine.loading.directory import load_directory
from engine.loading.kinds import load_kinds
from engine.loading.regions import load_regions
from engine.service.books import Books
from engine.service.reload import read_rule_set
from engine.service.rule_sets import RuleSet
from engine.settings import DEFAULT_FILE, Settings
from engine.store.port import Store

app = typer.Typer(no_args_is_help=True, help="Bring in and take out who holds which office.")


@app.command("import")
def import_(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="YAML or CSV; default: paths.directory.")
    ] = None,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Put a directory file in force, whole: all of it is valid or nothing changes. A running service follows at once.

    Example: siaga directory import config/directory.csv
    """
    settings = settings_of(config, set_)
    contents, version = asyncio.run(_import(settings, file or settings.paths.directory))
    typer.echo(
        f"version {version} is in force: {len(contents.people)} people, {len(contents.assignments)} offices held",
        err=True,
    )


@app.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new YAML file; it must not exist yet.")],
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Write the directory in force to a file that `import` reads again. Only its owner can read it.

    Example: siaga directory export directory-2024-11-24.yaml
    """
    settings = settings_of(config, set_)
    directory = asyncio.run(_export(settings))
    if not directory.version:
        raise SiagaError("the store has no directory yet; `siaga directory import` brings one in")
    document = as_document(directory.contents, load_regions(settings.paths.regions))
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigurationError(f"{file} is already there; name a new file") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        yaml.dump(document, opened, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=110)
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
        for line in inspection.lines(regions, lang.value, everything=all_):
            typer.echo(line)
    raise typer.Exit(1 if inspection.hours["nobody"] else 0)


async def _import(settings: Settings, file: Path) -> tuple[Contents, int]:
    contents = load_directory(file, load_regions(settings.paths.regions)).expect()
    async with storage(settings) as store:
        return contents, await _books(settings, store).replace_directory(contents, WallClock().now())


async def _export(settings: Settings) -> Directory:
    async with storage(settings) as store:
        return await _books(settings, store).directory()


def _books(settings: Settings, store: Store) -> Books:
    """Return the books of which only the directory is wanted."""
    regions, rule_set = RegionTable(()), RuleSet({}, {})
    return Books(store, namespace=settings.namespace, regions=regions, kinds={}, rule_set=rule_set)


# --- the exported form (escalation.md 2) ------------------------------------------------------------------------------


def as_document(contents: Contents, regions: RegionTable) -> dict[str, Any]:
    """Return the directory as plain maps and lists in the form of its YAML file."""
    places: dict[str, str] = {}
    for assignment in contents.assignments:
        places.setdefault(assignment.person, assignment.region)

    def zone_of(person: str) -> str:
        return regions.timezone(places.get(person, NATION))

    return {
        "version": 1,
        "people": [_person(person, zone_of(person.id)) for person in contents.people],
        "assignments": [
            {
                "position": {"region": held.region, "role": held.role},
                "person": held.person,
                "status": held.status,
                **_days(held.valid, regions.timezone(held.region), "valid_from", "valid_to"),
            }
            for held in contents.assignments
        ],
        "deputies": [
            {"of": one.of, "deputy": one.deputy, **_days(one.valid, zone_of(one.of), "from", "until")}
            for one in contents.deputies
        ],
        "roster": [
            {
                "position": {"region": duty.region, "role": duty.role},
                "person": duty.person,
                **dict(_moments(duty.valid, regions.timezone(duty.region))),
            }
            for duty in contents.roster
        ],
    }


def _person(person: Person, zone: str) -> dict[str, Any]:
    away = [_days(span, zone, "from", "until") for span in person.away]
    contacts = [_contact(contact) for contact in person.contacts]
    return {
        "id": person.id,
        "language": person.language,
        "contacts": contacts,
        **({"away": away} if away else {}),
    }


def _contact(contact: Contact) -> dict[str, Any]:
    return {
        "channel": contact.channel,
        "value": contact.value,
        "priority": contact.priority,
        **({"quiet_hours": contact.quiet_hours} if contact.quiet_hours else {}),
        **({"delay": format_duration(contact.delay)} if contact.delay else {}),
        **({} if contact.verified else {"verified": False}),
    }


def _days(span: Span, zone: str, first: str, last: str) -> dict[str, str]:
    """Return a span of whole days by its first and last day."""
    days = {}
    if span.since is not None:
        days[first] = f"{local(span.since, zone):%Y-%m-%d}"
    if span.until is not None:
        days[last] = f"{local(span.until - 1, zone):%Y-%m-%d}"
    return days


def _moments(span: Span, zone: str) -> Iterator[tuple[str, str]]:
    for name, instant in (("from", span.since), ("until", span.until)):
        if instant is not None:
            yield name, _moment(instant, zone)


def _moment(instant: Instant, zone: str) -> str:
    return f"{local(instant, zone):%Y-%m-%d %H:%M}"
