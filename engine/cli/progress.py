"""A bar for work that takes a while and counts its pieces.

Here: how it looks. Not here: what is counted, and the bar of a replay, which tells the scenario's time (`cli.replay`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn


@contextmanager
def counting(pieces: int, console: Console) -> Iterator[Callable[[], object]]:
    """Show a bar while the context lasts; gives what is called after each piece."""
    with Progress(
        MofNCompleteColumn(), BarColumn(), TimeElapsedColumn(), console=console, transient=True
    ) as bar:
        task = bar.add_task("", total=pieces)
        yield lambda: bar.advance(task)
