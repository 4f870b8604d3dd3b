"""`siaga directory`: importing, exporting and checking who holds which office, and changing assignments.

Specification: docs/specification/escalation.md#directory.
"""

from __future__ import annotations

import asyncio
import csv
import io
import os
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
import yaml
from rich.console import Console

from engine.cli.common.options import (
    ConfigFile,
    Moment,
    Overrides,
    credential_alone,
    option_instant,
    os_account,
    rule_named,
    settings_of,
)
from engine.cli.common.output import ListLimit, progress_bar, say_more, within_limit
from engine.cli.common.storage import books_of, contact_changes_of, storage
from engine.cli.policy_staff.check import CheckLanguage
from engine.cli.policy_staff.policy import surroundings
from engine.clock import WallClock
from engine.core.alerting.directory import (
    ALWAYS,
    Assignment,
    Contact,
    Contents,
    Directory,
    Duty,
    HolderSpan,
    Holding,
    Person,
    assigned,
    rostered,
)
from engine.core.alerting.reachability import (
    Flaw,
    FlawKind,
    Matrix,
    Reach,
    ReachabilitySpan,
    flaws,
    hour_counts,
    offices_named,
)
from engine.core.judging.instant import (
    HOUR,
    MINUTE,
    Instant,
    format_duration,
    local,
    local_midnight,
)
from engine.core.judging.region import NATION, RegionTable, lies_in
from engine.documents.directory import load_directory
from engine.documents.kinds import load_kinds
from engine.documents.regions import load_regions
from engine.errors import ConfigurationError, SiagaError
from engine.people.contact_changes import addresses_going
from engine.people.directory_service import DirectoryDifference, DirectoryService
from engine.people.proposal_records import TooManyProposalsError
from engine.records.audit_log import note_seen
from engine.rule_sets.rule_files import read_rule_set
from engine.settings import DEFAULT_FILE, Settings

_REACH: Mapping[Reach, Mapping[str, str]] = {
    "told": {"id": "diberi tahu", "en": "told"},
    "elsewhere": {"id": "hanya pengganti di tempat atau jabatan lain", "en": "only a fallback elsewhere"},
    "waits": {"id": "baru sesudah jam tenang", "en": "only after quiet hours"},
    "later": {"id": "baru pada tahap berikut", "en": "only in a later step"},
    "nobody": {"id": "TIDAK SEORANG PUN", "en": "NOBODY"},
}
_FLAW: Mapping[FlawKind, Mapping[str, str]] = {
    "vacant": {"id": "kosong", "en": "vacant"},
    "unreachable": {
        "id": "pejabatnya tanpa kontak yang terverifikasi",
        "en": "its holder has no verified contact",
    },
    "away": {"id": "pejabatnya berhalangan tanpa wakil", "en": "its holder is away without a deputy"},
    "uncovered": {"id": "tidak ada yang piket", "en": "nobody is on duty"},
    "overlapping": {"id": "dua pemegang berstatus sama", "en": "two holders of the same status"},
}
_WORDS: Mapping[str, Mapping[str, str]] = {
    "cells": {"id": "jam menurut aturan dan daerah", "en": "hours by rule and region"},
    "well": {"id": "Semua jabatan terisi dan terjangkau.", "en": "All offices are held and reachable."},
    "open": {"id": "seterusnya", "en": "on"},
}


class DirectoryInspection(msgspec.Struct, frozen=True):
    """All that was found: who is reached when, what is wrong with offices, and how many hours are of each kind."""

    stretches: list[ReachabilitySpan]
    flaws: list[Flaw]
    hours: dict[Reach, int]

    def lines(self, regions: RegionTable, lang: str, *, everything: bool) -> Iterator[str]:
        """Yield a line for each stretch that is not well (or for all), for each flaw, and the sums."""
        for one in self.stretches:
            if everything or one.reach != "told":
                who = f": {', '.join(one.people)}" if one.people else ""
                span = _span(one.since, one.until, one.region, regions, lang)
                yield f"{one.rule}  {_shown_place(one.region, regions)}  {span}  {_REACH[one.reach][lang]}{who}"
        for flaw in self.flaws:
            who = f" ({flaw.person})" if flaw.person else ""
            span = _span(flaw.since, flaw.until, flaw.region, regions, lang)
            yield f"{flaw.role}  {_shown_place(flaw.region, regions)}  {span}  {_FLAW[flaw.kind][lang]}{who}"
        if not self.flaws:
            yield _WORDS["well"][lang]
        sums = ", ".join(f"{_REACH[kind][lang]} {number}" for kind, number in self.hours.items() if number)
        yield f"{_WORDS['cells'][lang]}: {sums}"


def _shown_place(code: str, regions: RegionTable) -> str:
    region = regions.get(code)
    return f"{code} {region.short_name}" if region else code


def _span(since: Instant, until: Instant | None, code: str, regions: RegionTable, lang: str) -> str:
    zone = regions.timezone(code)
    region = regions.nearest(code)
    begins, ends = local(since, zone), None if until is None else local(until, zone)
    if ends is None:
        end = _WORDS["open"][lang]
    else:
        end = f"{ends:%H.%M}" if ends.date() == begins.date() else f"{ends:%Y-%m-%d %H.%M}"
    return f"{begins:%Y-%m-%d %H.%M}-{end} {region.zone if region else 'WIB'}"


COLUMNS = (
    "region",
    "role",
    "person",
    "status",
    "language",
    "sms",
    "email",
    "deputy",
    "valid_from",
    "valid_to",
)


def as_csv(contents: Contents, regions: RegionTable) -> str:
    """Return the directory as CSV, a line for each office that somebody holds.

    Raises `SiagaError` where it holds what a line has no column for, naming it.
    """
    directory, written = Directory(contents), io.StringIO()
    _fits(contents)
    table = csv.DictWriter(written, COLUMNS, lineterminator="\n")
    table.writeheader()
    for held in contents.assignments:
        person = directory.person(held.person) or Person(id=held.person)
        deputies = [d.deputy for d in contents.deputies if d.of == held.person]
        table.writerow(_row(held, person, deputies, regions))
    return written.getvalue()


def _row(held: Assignment, person: Person, deputies: list[str], regions: RegionTable) -> dict[str, str]:
    zone = regions.timezone(held.region)
    return {
        "region": held.region,
        "role": held.role,
        "person": held.person,
        "status": held.status,
        "language": person.language,
        **{contact.channel: contact.value for contact in person.contacts},
        "deputy": next(iter(deputies), ""),
        **_days(held.valid, zone, "valid_from", "valid_to"),
    }


def _fits(contents: Contents) -> None:
    """Raise where a CSV would lose something."""
    holders = {held.person for held in contents.assignments}
    if contents.roster:
        raise _unfit("shifts of the roster")
    for person in contents.people:
        plain = tuple(
            Contact(id=f"{person.id}/{channel}/1", channel=channel, value=contact.value, priority=priority)
            for priority, channel in ((1, "sms"), (2, "email"))
            for contact in person.contacts
            if contact.channel == channel
        )
        if msgspec.structs.replace(person, contacts=plain, away=()) != person:
            raise _unfit(
                f"absences, or contacts beyond one plain phone and one plain mailbox, of {person.id}"
            )
        if person.id not in holders:
            raise _unfit(f"{person.id}, who holds no office")
    of = [deputy.of for deputy in contents.deputies]
    for deputy in contents.deputies:
        if deputy.valid != ALWAYS or of.count(deputy.of) > 1 or deputy.of not in holders:
            raise _unfit(f"deputies of {deputy.of} for a time, or several of them")


def _unfit(what: str) -> SiagaError:
    return SiagaError(f"a CSV has no columns for everything: {what}. Export to a .yaml file")


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
        **({"stopped": True} if contact.stopped else {}),
    }


def _days(span: HolderSpan, zone: str, first: str, last: str) -> dict[str, str]:
    """Return a span of whole days by its first and last day."""
    days = {}
    if span.since is not None:
        days[first] = f"{local(span.since, zone):%Y-%m-%d}"
    if span.until is not None:
        days[last] = f"{local(span.until - 1, zone):%Y-%m-%d}"
    return days


def _moments(span: HolderSpan, zone: str) -> Iterator[tuple[str, str]]:
    for name, instant in (("from", span.since), ("until", span.until)):
        if instant is not None:
            yield name, _moment(instant, zone)


def _moment(instant: Instant, zone: str) -> str:
    return f"{local(instant, zone):%Y-%m-%d %H:%M}"


app = typer.Typer(no_args_is_help=True, help="Bring in, change and take out who holds which office.")
DAY = ["%Y-%m-%d"]

MOST_GOING = 100
"""So many contacts whose address changes or goes are named."""
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
    unannounced: Annotated[
        bool,
        typer.Option("--unannounced", help="Notify nobody whose address goes; the audit says `alone`."),
    ] = False,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Put a directory file in force, whole: all of it is valid or nothing changes. A running service follows at once.

    Where an address of a person changes or goes, the old one and the person's others are notified, as of a removed
    contact, and an objection brings it back. At most 100 of these wait; beyond that --unannounced is needed. With
    `reload.four_eyes: false` nobody is notified.

    Refused where an unresolved alert would have nobody left whom it could tell. The version before can be exported and
    imported again.

    Example: siaga directory import config/directory.csv --dry-run
    """
    settings = settings_of(config, set_)
    version, change, going = asyncio.run(
        _import(settings, file or settings.paths.directory, dry_run=dry_run, unannounced=unannounced)
    )
    for contact in within_limit(MOST_GOING, going):
        typer.echo(f"its address changes or goes: {contact.id}", err=True)
    say_more(len(going) - len(within_limit(MOST_GOING, going)), "contacts")
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
    limit: ListLimit = MOST_LINES,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")] = False,
    lang: Annotated[CheckLanguage, typer.Option(help="Language of the lines.")] = CheckLanguage.id,
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
    now = option_instant("--at", at) or WallClock().now()
    around = asyncio.run(surroundings(settings, regions, rule_set))
    if file is not None:
        around = msgspec.structs.replace(around, directory=Directory(load_directory(file, regions).expect()))
    if not around.directory.contents.people:
        raise SiagaError("the store has no directory yet; `siaga directory import` brings one in")
    rules = [one for one in rule_set.rules.values() if rule in (None, one.id)]
    matrix = Matrix(rules, rule_set.policies, around, now, hours, under=region)
    with progress_bar(len(matrix), Console(stderr=True, highlight=False)) as done:
        stretches = list(matrix.stretches(done))
    offices = offices_named(rules, rule_set.policies, regions, region)
    found = [
        flaw
        for flaw in flaws(around.directory.contents, now, now + hours * HOUR, offices)
        if region is None or lies_in(flaw.region, region)
    ]
    inspection = DirectoryInspection(stretches, found, hour_counts(stretches))
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(inspection)).decode())
    else:
        *lines, sums = inspection.lines(regions, lang.value, everything=all_)
        for line in within_limit(limit, lines):
            typer.echo(line)
        say_more(len(lines) - len(within_limit(limit, lines)), "lines")
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
        valid=HolderSpan(local_midnight(first, zone), last),
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


def _shift(since: str | None, until: str | None) -> HolderSpan:
    """Return the span from one instant (default: now) to another."""
    first, last = option_instant("--from", since), option_instant("--until", until)
    first = WallClock().now() // MINUTE * MINUTE if first is None else first
    if last is None:
        raise ConfigurationError("--until: a shift needs an end")
    if last <= first:
        raise ConfigurationError("--until: lies before its beginning")
    return HolderSpan(first, last)


async def _import(
    settings: Settings, file: Path, *, dry_run: bool, unannounced: bool
) -> tuple[int | None, DirectoryDifference, list[Contact]]:
    """Return the version in force, None for a rehearsal, what changes, and whose address changes or goes."""
    contents = load_directory(file, load_regions(settings.paths.regions)).expect()
    now = WallClock().now()
    async with storage(settings) as store:
        books = books_of(settings, store)
        registry = DirectoryService(store, books)
        change = await registry.rehearse(lambda _before: contents, now)
        going = addresses_going((await books.directory()).contents, contents)
        if dry_run:
            return None, change, going
        if going and settings.reload.four_eyes and not unannounced:
            try:
                version = await (await contact_changes_of(settings, store)).bring_in(contents, os_account())
            except TooManyProposalsError as error:
                raise SiagaError(f"{error}. --unannounced puts it in force and notifies nobody") from None
        else:
            by = credential_alone(os_account()) if going else os_account()
            version = await registry.amend(lambda _before: contents, now, by)
    return version, change, going


async def _place(settings: Settings, entry: Assignment | Duty) -> int:
    if not load_regions(settings.paths.regions).known(entry.region):
        raise ConfigurationError(f"{entry.region}: there is no such region in {settings.paths.regions}")
    async with storage(settings) as store:
        books = books_of(settings, store)
        if (await books.directory()).person(entry.person) is None:
            raise SiagaError(f"{entry.person}: there is no such person in the directory")

        def change(contents: Contents) -> Contents:
            return rostered(contents, entry) if isinstance(entry, Duty) else assigned(contents, entry)

        return await DirectoryService(store, books).amend(change, WallClock().now(), os_account())


async def _export(settings: Settings, version: int | None) -> Directory | None:
    async with storage(settings) as store:
        books = books_of(settings, store)
        directory = await books.directory() if version is None else await books.directory_of(version)
        if directory is None or not directory.version:
            return None
        await note_seen(store, WallClock().now(), f"directory/v{directory.version}", os_account())
        return directory
