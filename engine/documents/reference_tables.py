"""Tables of reference figures: one line a region, one column a figure.

Here: the form of `config/tables/*.csv`. Not here: CSV itself (`documents.csv_table`), how rules name a column
(`documents.rules.columns`), what a rule does with the numbers (`core.judging.condition`). Every column but `region`,
`source` and `note` holds numbers; an empty cell is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engine.core.judging.region import RegionTable
from engine.documents.csv_table import read_table
from engine.documents.fields import form_of, number, region
from engine.documents.finding import Findings
from engine.documents.loaded import Loaded, loaded
from engine.documents.yaml_tree import Node

REGION = "region"
TEXTS = ("source", "note")
"""Columns for people."""
MAX_BYTES = 16 * 1024 * 1024

Columns = Mapping[str, Mapping[str, float]]
"""The columns of a table by name: the number of each region that has one, by its code."""
Tables = Mapping[str, Columns]
"""Tables by the name of their file."""


def load_tables(folder: Path, regions: RegionTable | None) -> Loaded[Tables]:
    """Read every table of a folder; a folder that is not there has none."""
    read = {path.stem: load_table(path, regions) for path in sorted(folder.glob("*.csv"))}
    findings = tuple(finding for table in read.values() for finding in table.findings)
    return Loaded({name: table.value for name, table in read.items()}, findings)


def inline_tables(node: Node, findings: Findings) -> Tables:
    """Take the tables that stand in a test: table, region, column, number."""
    form, empty = form_of(node, findings), dict[str, dict[str, float]]()
    return {name: form.read(name, _columns, empty) for name in form.written}


def _columns(node: Node, findings: Findings) -> Columns:
    columns: dict[str, dict[str, float]] = {}
    table = form_of(node, findings)
    for code in table.written:
        region(None)(table.key(code), findings)
        row = form_of(table.node(code) or table.key(code), findings)
        for name in row.written:
            columns.setdefault(name, {})[code] = row.read(name, number, 0.0)
    return columns


def load_table(path: Path, regions: RegionTable | None) -> Loaded[Columns]:
    """Read one table."""
    findings = Findings()
    columns: dict[str, dict[str, float]] = {}
    seen: set[str] = set()
    for row in read_table(path, (REGION,), None, findings, MAX_BYTES):
        form = form_of(row, findings)
        code = form.require(REGION, region(regions), "")
        if code in seen:
            findings.add("region_twice", form.place(REGION), region=code)
        seen.add(code)
        for name in row.pairs:
            if name not in (REGION, *TEXTS):
                columns.setdefault(name, {})[code] = form.read(name, number, 0.0)
    return loaded(columns, {}, findings)
