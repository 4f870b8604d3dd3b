"""A list of records as people read it on a terminal, and programs in a pipe.

Here: how wide a table is. Not here: which columns it has, which is the command's own business.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

T = TypeVar("T")
Limit = Annotated[int, typer.Option("--limit", min=0, help="At most so many; 0: all.")]
"""The option by which every list has an end."""
FEW = 100
"""So many records a list shows unless it is asked for more."""

PIPE_WIDTH = 400
"""A pipe or a file has no width of its own: there each record keeps to one line, and nothing of it is cut."""


def within(limit: int, records: Sequence[T]) -> Sequence[T]:
    """Return the first records up to a limit (0: all)."""
    return records[:limit] if limit else records


def say_more(left: int, what: str) -> None:
    """Say on standard error how many records are not shown, and how to see them."""
    if left > 0:
        typer.echo(f"{left:,} more {what}; --limit 0 shows all", err=True)


def print_listing(table: Table) -> None:
    """Print the table on standard output."""
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    Console(highlight=False, markup=False, width=width).print(table)
