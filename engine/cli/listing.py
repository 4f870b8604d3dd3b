"""A list of records as people read it on a terminal, and programs in a pipe.

Here: how wide a table is. Not here: which columns it has, which is the command's own business.
"""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

PIPE_WIDTH = 400
"""A pipe or a file has no width of its own: there each record keeps to one line, and nothing of it is cut."""


def print_listing(table: Table) -> None:
    """Print the table on standard output."""
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    Console(highlight=False, markup=False, width=width).print(table)
