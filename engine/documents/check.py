"""Checking files of any kind, as `siaga check` does: everything there is to say about them, at once.

Here: telling what a file is, and reading each with what it refers to. Not here: the readers themselves, and printing
(`cli.policy_staff.check`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from engine.core.judging.calendar import Calendar
from engine.core.judging.instant import Instant
from engine.core.judging.region import RegionTable
from engine.documents.adapters import load_adapter
from engine.documents.calendar import load_calendar
from engine.documents.desks import load_desks, load_expected
from engine.documents.directory import load_directory
from engine.documents.finding import Finding, Findings, at_start
from engine.documents.gateways import load_gateways
from engine.documents.kinds import read_kinds
from engine.documents.loaded import Loaded
from engine.documents.policies import Policies, load_policies
from engine.documents.reference_data import ReferenceData
from engine.documents.reference_tables import Columns, Tables, load_table
from engine.documents.regions import load_regions
from engine.documents.rules.rules import TEST_SUFFIXES, load_rules, yaml_files
from engine.documents.yaml_tree import MappingNode, compose_file
from engine.errors import ConfigurationError
from engine.settings import Paths

T = TypeVar("T")
_KEYS = {
    "rules": ("rules", "filters", "lists"),
    "policies": ("policies",),
    "directory": ("people", "assignments", "deputies", "roster"),
    "kinds": ("kinds",),
    "calendar": ("stages",),
    "gateways": ("gateways",),
    "adapters": ("send", "callback", "balance"),
    "desks": ("desks",),
    "expected": ("expected",),
    "elsewhere": ("services", "groups", "scrape_configs"),
}
"""What a file is, by the keys on its first level; `elsewhere` are files that other commands check."""


class Inspected(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at: how many rules, policies and people, and the findings in order of place."""

    rules: int = 0
    policies: int = 0
    people: int = 0
    findings: tuple[Finding, ...] = ()

    @property
    def errors(self) -> int:
        """How many findings keep the files from becoming live."""
        return sum(finding.severity == "error" for finding in self.findings)

    @property
    def warnings(self) -> int:
        """How many findings are advice."""
        return len(self.findings) - self.errors


def inspect(paths: Sequence[Path], places: Paths, now: Instant | None = None) -> Inspected:
    """Check files and folders, all that an installation has where none is named.

    Kinds, regions and policies that rules refer to come from the named files, else from the installation. A single
    file of the installation's rule folder is read together with the others there, since they share lists and filters.
    What is over by `now` is worth a remark.
    """
    findings = Findings()
    sorted_ = _sorted(paths or _all(places), findings)
    regions = _regions([*sorted_["regions"], places.regions][0], findings)
    calendar = _calendar([*sorted_["calendar"], places.calendar], findings, named=len(sorted_["calendar"]))
    stages = None if calendar is None else frozenset(stage.id for stage in calendar.stages)
    policies: Policies = ()
    policy_files = sorted_["policies"]
    policies_valid = True
    for path in policy_files or [places.policies]:
        read = load_policies(path, regions, stages)
        policies_valid &= read.valid
        policies += read.value
        findings.extend(read.findings if path in policy_files else ())
    kind_files = [*sorted_["kinds"], places.kinds]
    kinds = read_kinds(kind_files[0])
    findings.extend(kinds.findings if sorted_["kinds"] else ())
    people = 0
    for path in sorted_["directory"]:
        directory = load_directory(path, regions or RegionTable(()))
        people += len(directory.value.people)
        findings.extend(directory.findings)
    for path in sorted_["gateways"]:
        findings.extend(load_gateways(path).findings)
    for path in sorted_["adapters"]:
        findings.extend(load_adapter(path).findings)
    known = ReferenceData(
        now=now,
        kinds=frozenset(kinds.value) if kinds.valid else None,
        regions=regions,
        policies=frozenset(policy.id for policy in policies) if policies_valid else None,
        calendar=calendar,
        tables=_tables(sorted_["tables"], places.tables, regions, findings),
        desks=_either(sorted_["desks"], places.desks, partial(load_desks, regions=regions), findings),
        expected=_either(
            sorted_["expected"], places.expected, partial(load_expected, regions=regions), findings
        ),
        guides=_guides(places.guides),
    )
    rules = _rules(sorted_["rules"], places.rules, known, findings)
    return Inspected(
        rules=rules, policies=len(policies) if policy_files else 0, people=people, findings=tuple(findings)
    )


def _calendar(files: Sequence[Path], findings: Findings, *, named: int) -> Calendar | None:
    """Return the stages of the named calendars, else of the installation's; None if one is broken."""
    calendar: Calendar | None = Calendar()
    for path in files[:named] or [path for path in files if path.exists()]:
        read = load_calendar(path)
        findings.extend(read.findings if named else ())
        if calendar is not None:
            calendar = Calendar((*calendar.stages, *read.value.stages)) if read.valid else None
    return calendar


def _either(
    files: Sequence[Path], installed: Path, load: Callable[[Path], Loaded[T]], findings: Findings
) -> T | None:
    """Return what the named file says, else that of the installation; None where it is broken or missing."""
    for path in files[:1] or [path for path in (installed,) if path.exists()]:
        read = load(path)
        findings.extend(read.findings if files else ())
        return read.value if read.valid else None
    return None


def _guides(folder: Path) -> frozenset[str] | None:
    """Return the files below the folder in which an installation keeps its guides; None where it keeps none there."""
    files = frozenset(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return files or None


def _all(places: Paths) -> list[Path]:
    here = Path.cwd()
    everything = [places.rules, places.policies, places.calendar, places.directory, places.regions]
    everything += [places.kinds, places.tables, places.gateways, places.desks, places.expected]
    named = [path.relative_to(here) if path.is_relative_to(here) else path for path in everything]
    return [path for path in named if path.exists()]


def _sorted(paths: Sequence[Path], findings: Findings) -> dict[str, list[Path]]:
    """Sort files by what they are; of a test only the syntax is checked here."""
    found: dict[str, list[Path]] = {what: [] for what in (*_KEYS, "regions", "tables")}
    for path in paths:
        tables = sorted(path.rglob("*.csv")) if path.is_dir() else [path] if path.suffix == ".csv" else []
        for table in tables:
            what = _table(table)
            if what:
                found[what].append(table)
            elif not path.is_dir():
                findings.add("file_unknown", at_start(table))
        files = [] if path.suffix == ".csv" else yaml_files([path])
        if path.is_dir() and not files and not tables:
            findings.add("no_rule_files", at_start(path))
        for file in files:
            what = _kind(file, findings)
            if what:
                found[what].append(file)
    return found


def _table(path: Path) -> str | None:
    """Return what a CSV file is by its header."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            header = next((line for line in file if line.strip() and not line.startswith("#")), "")
    except OSError:
        return "directory"  # its reader says what is wrong with the file
    columns = {column.strip() for column in header.split(",")}
    if {"role", "person"} & columns:
        return "directory"
    if "region" in columns:
        return "tables"
    return "regions" if {"code", "parent"} <= columns else None


def _tables(
    files: Sequence[Path], folder: Path, regions: RegionTable | None, findings: Findings
) -> Tables | None:
    """Return the tables rules may name: those of the named files, else the installation's; None if one is broken."""
    tables: dict[str, Columns] = {}
    valid = True
    for path in files or sorted(folder.glob("*.csv")):
        read = load_table(path, regions)
        findings.extend(read.findings if path in files else ())
        valid &= read.valid
        tables[path.stem] = read.value
    return tables if valid else None


def _kind(path: Path, findings: Findings) -> str | None:
    """Return what a YAML file is by its keys. What nothing else fits is a rule file with a mistake in its keys."""
    if path.name.endswith(TEST_SUFFIXES):
        compose_file(path, findings)
        return None
    if path.name == "siaga.yaml":
        return None
    node = compose_file(path, Findings())
    keys = set(node.pairs) if isinstance(node, MappingNode) else set()
    return next((what for what, first in _KEYS.items() if keys.intersection(first)), "rules")


def _regions(path: Path, findings: Findings) -> RegionTable | None:
    if not path.exists():
        return None
    try:
        return load_regions(path)
    except ConfigurationError as error:
        findings.add("config_unusable", at_start(path), reason=error)
        return None


def _rules(files: list[Path], folder: Path, known: ReferenceData, findings: Findings) -> int:
    """Check rule files as one set, with the rest of the installation's where they belong to it; return how many."""
    if not files:
        return 0
    of_installation = folder.is_dir() and all(
        file.resolve().is_relative_to(folder.resolve()) for file in files
    )
    if of_installation:
        named = {file.resolve() for file in files}
        read = load_rules(folder, known)
        shown = [finding for finding in read.findings if Path(finding.file).resolve() in named]
        findings.extend(msgspec.structs.replace(f, file=_as_named(f.file, files)) for f in shown)
        return sum(Path(rule.source.rpartition(":")[0]).resolve() in named for rule in read.value)
    read = load_rules(files, known)
    findings.extend(read.findings)
    return len(read.value)


def _as_named(file: str, files: list[Path]) -> str:
    """Return a file by the name that was given for it."""
    return next(str(named) for named in files if named.resolve() == Path(file).resolve())
