"""Columns of tables as rules name them: `directory.dpt`, or a table that is a baseline.

Here: reading such a name, and giving a condition the numbers of the regions it judges. Not here: reading the tables
(`documents.reference_tables`), the conditions themselves (`documents.rules.compare`).
"""

from __future__ import annotations

from msgspec.structs import replace

from engine.core.judging.condition import Compare, Condition, ReferenceColumn, ShareCondition
from engine.core.judging.region import LEVELS, level_of
from engine.documents.fields import scalar
from engine.documents.finding import Findings
from engine.documents.reference_data import ReferenceData
from engine.documents.rules.aggregate import level_of_group
from engine.documents.yaml_tree import Node

DIRECTORY = "directory"
"""What rules call the table of regions, and the name of its file."""
REGIONS = "regions"


def directory_column(known: ReferenceData, node: Node, findings: Findings) -> ReferenceColumn:
    """Take `directory.x`: a column of the table of regions."""
    found = scalar(node, findings)
    name = found.text.removeprefix(f"{DIRECTORY}.")
    if known.tables is not None and name not in known.tables.get(REGIONS, {}):
        choices = [f"{DIRECTORY}.{column}" for column in known.tables.get(REGIONS, {})]
        raise findings.no_choice("unknown_column", found.mark, found.text, choices)
    return ReferenceColumn(name=f"{DIRECTORY}.{name}")


def baseline(known: ReferenceData, node: Node, findings: Findings) -> ReferenceColumn:
    """Take a table with one column of numbers by its name; of one with several `table.column`."""
    found = scalar(node, findings)
    written, _, column = found.text.partition(".")
    table = REGIONS if written == DIRECTORY else written
    if known.tables is None:
        return ReferenceColumn(name=found.text)
    if table not in known.tables:
        raise findings.no_choice("unknown_table", found.mark, table, known.tables)
    columns = known.tables[table]
    if column not in columns and (column or len(columns) != 1):
        choices = [f"{written}.{one}" for one in columns]
        raise findings.no_choice("unknown_column", found.mark, found.text, choices)
    return ReferenceColumn(name=f"{written}.{column or next(iter(columns))}")


def filled(condition: Condition, per: tuple[str, ...], known: ReferenceData) -> Condition:
    """Return the condition with the numbers of its column, for groups of these keys."""
    match condition:
        case ShareCondition(whole=ReferenceColumn() as column):
            return replace(condition, whole=filled_column(column, per, known))
        case Compare(reference=ReferenceColumn() as column):
            return replace(condition, reference=filled_column(column, per, known))
        case _:
            return condition


def column_of(condition: Condition) -> ReferenceColumn | None:
    """Return the column that a condition has, if it has one."""
    match condition:
        case (
            ShareCondition(whole=ReferenceColumn() as column) | Compare(reference=ReferenceColumn() as column)
        ):
            return column
        case _:
            return None


def lacking(column: ReferenceColumn, known: ReferenceData) -> tuple[int, int]:
    """Return how many regions that hold an election have no number in a column, and how many there are."""
    codes = known.members(column.level)
    return sum(code not in column.regions for code in codes), len(codes)


def filled_column(column: ReferenceColumn, per: tuple[str, ...], known: ReferenceData) -> ReferenceColumn:
    """Return the column with its numbers for the regions that groups of these keys stand for."""
    table, _, name = column.name.partition(".")
    tables = known.tables or {}
    numbers = tables.get(REGIONS if table == DIRECTORY else table, {}).get(name, {})
    level = level_of_group(per) if any(word in (*LEVELS, "region") for word in per) else "regency"
    codes = tuple(code for code in sorted(numbers) if level_of(code) == level)
    return replace(column, level=level, regions=codes, numbers=tuple(numbers[code] for code in codes))
