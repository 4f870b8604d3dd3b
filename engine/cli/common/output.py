"""Lists and progress bars, for people at a terminal and for programs in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.table import Table

T = TypeVar("T")
ListLimit = Annotated[int, typer.Option("--limit", min=0, help="At most so many; 0: all.")]
"""The option by which every list has an end."""
FEW = 100
"""So many records a list shows unless it is asked for more."""

PIPE_WIDTH = 400
"""A pipe or a file has no width of its own: there each record keeps to one line, and nothing of it is cut."""


def within_limit(limit: int, records: Sequence[T]) -> Sequence[T]:
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


@contextmanager
def progress_bar(pieces: int, console: Console) -> Iterator[Callable[[], object]]:
    """Show a bar while the context lasts; gives what is called after each piece."""
    with Progress(
        MofNCompleteColumn(), BarColumn(), TimeElapsedColumn(), console=console, transient=True
    ) as bar:
        task = bar.add_task("", total=pieces)
        yield lambda: bar.advance(task)
