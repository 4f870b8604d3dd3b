"""The table of regions, read from CSV.

Here: the columns of `config/regions.csv` and what makes a row unusable. Not here: what a region is and how codes nest
(`core.judging.region`) or who holds an office there. Origin of the shipped table: config/NOTICE.md.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

from engine.core.judging.instant import ZONES
from engine.core.judging.region import NATION, Region, RegionTable, level_of
from engine.errors import ConfigurationError

COLUMNS = (
    "code",
    "parent",
    "level",
    "name",
    "short_name",
    "timezone",
    "zone",
    "election_governor",
    "election_local",
    "noken",
)
"""Columns a region table must have; further columns are left to those who know them."""

_CODE = re.compile(r"\d{2}(\.\d{2}(\.\d{2}(\.\d{4})?)?)?", re.ASCII)
_FLAGS = ("election_governor", "election_local", "noken")
_YES = {"yes": True, "no": False, "": False}
_ZONES = ("WIB", "WITA", "WIT")


def load_regions(path: Path) -> RegionTable:
    """Read a region table; raise `ConfigurationError` naming the file and every unusable line."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            missing = [column for column in COLUMNS if column not in (rows.fieldnames or ())]
            if missing:
                raise ConfigurationError(f"{path}: the column {', '.join(missing)} is missing")
            numbered = [(rows.line_num, row) for row in rows]
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read ({error.strerror})") from error
    codes = {row["code"] for _, row in numbered}
    seen: set[str] = set()
    problems = []
    for line, row in numbered:
        problems += [f"{path}:{line}: {problem}" for problem in _problems(row, codes, seen)]
        seen.add(row["code"])
    if not numbered:
        problems.append(f"{path}: no region in it")
    if problems:
        raise ConfigurationError("\n".join(problems))
    return RegionTable(_region(row) for _, row in numbered)


def _problems(row: dict[str, str], codes: set[str], seen: set[str]) -> list[str]:
    """Return what is wrong with one row, given all codes of the table and those of the rows before."""
    if None in row or None in row.values():
        return ["the row has not as many columns as the header"]
    code, parent, zone = row["code"], row["parent"], row["zone"]
    if not _CODE.fullmatch(code):
        return [f"{code!r} is not a region code such as 73 or 73.15"]
    checks = [
        (code not in seen, "stands here twice"),
        (row["level"] == level_of(code), f"is a {level_of(code)}, not {row['level']!r}"),
        (parent == _parent(code), f"lies in {_parent(code)!r}, not in {parent!r}"),
        (not parent or parent in codes, f"lies in {parent}, which is not in the table"),
        (bool(row["name"] and row["short_name"]), "has no name or no short_name"),
        (zone in _ZONES, f"has zone {zone!r}, not WIB, WITA or WIT"),
        (zone not in _ZONES or row["timezone"] == ZONES[zone], f"has {row['timezone']!r} for {zone}"),
        *((row[column] in _YES, f"has {row[column]!r} for {column}, not yes or no") for column in _FLAGS),
    ]
    return [f"region {code} {problem}" for holds, problem in checks if not holds]


def _parent(code: str) -> str:
    """Return the parent by the form of the code: the prefix, the nation above a province, nothing above the nation."""
    if code == NATION:
        return ""
    return code.rpartition(".")[0] or NATION


def _region(row: dict[str, str]) -> Region:
    return Region(
        code=row["code"],
        parent=row["parent"],
        level=row["level"],
        name=row["name"],
        short_name=row["short_name"],
        zone=row["zone"],
        timezone=row["timezone"],
        election_governor=_YES[row["election_governor"]],
        election_local=_YES[row["election_local"]],
        noken=_YES[row["noken"]],
    )
