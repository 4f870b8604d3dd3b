"""`siaga bench`: the benchmarks as a table or JSON.

Here: options and printing. Not here: what is measured (`rehearsal.bench`).
"""

from __future__ import annotations

import asyncio
import os
import platform
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.options import ConfigFile, Overrides, settings_of
from engine.settings import DEFAULT_FILE


def bench(
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer events and runs: a look, not a figure.")
    ] = False,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the figures as JSON too.")] = None,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Measure how fast this machine takes events in and judges them: synthetic events, real code, a server of its own.

    Rates move with the machine; quote the ratio against the peer of the same run.

    Example: siaga bench --quick
    """
    import msgspec
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

    from engine.rehearsal.bench import ingest_to_commit
    from engine.service import logs

    settings = settings_of(config, [*(set_ or ()), "log.level=error"])
    logs.set_up(settings.log)
    events, runs = (5_000, 1) if quick else (50_000, 3)
    console = Console(highlight=False)
    with (
        tempfile.TemporaryDirectory() as folder,
        Progress(console=Console(stderr=True), transient=True) as bar,
    ):
        task = bar.add_task("ingest to commit", total=2 * runs)
        measuring = ingest_to_commit(
            settings, Path(folder), events=events, runs=runs, step=lambda: bar.advance(task)
        )
        measured = [asyncio.run(measuring)]
    table = Table(title=f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for heading in ("what", "rate (median)", "peer", "ratio"):
        table.add_column(heading)
    for one in measured:
        table.add_row(one.name, f"{one.rate:,.0f} {one.unit}", one.peer, f"{one.ratio:.2f}")
    console.print(table)
    if json is not None:
        figures = [{**msgspec.to_builtins(one), "rate": one.rate, "ratio": one.ratio} for one in measured]
        json.write_bytes(msgspec.json.format(msgspec.json.encode(figures)) + b"\n")
