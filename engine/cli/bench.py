"""`siaga bench`: the benchmarks as a table or JSON.

Here: options and printing. Not here: what is measured (`rehearsal.bench`).
"""

from __future__ import annotations

import asyncio
import os
import platform
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.options import ConfigFile, Overrides, settings_of
from engine.settings import DEFAULT_FILE


class Subject(StrEnum):
    """What is measured."""

    intake = "intake"
    rules = "rules"


def bench(
    what: Annotated[
        Subject,
        typer.Argument(help="`intake`: events a second; `rules`: the memory that states of rules take."),
    ] = Subject.intake,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer events and runs: a look, not a figure.")
    ] = False,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the figures as JSON too.")] = None,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Measure how fast this machine takes events in and judges them: synthetic events, real code, a server of its own.

    Rates move with the machine; quote the ratio against the peer of the same run. `siaga bench rules` measures the
    memory of 1,000 rules with 100,000 group states of 20 events, which must stay below 1 GB.

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
    if what is Subject.rules:
        _rules(json, quick=quick)
        return
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


RULES, STATES, EVENTS = 1_000, 100_000, 20
"""The size for which the promise of 1 GB is made: rules, group states of all together, events in each."""
GIGABYTE = 1_000_000_000


def _rules(json: Path | None, *, quick: bool) -> None:
    """Print what the states of many rules take in a server; a quick run is a fiftieth and says what all would."""
    import msgspec
    from rich.console import Console
    from rich.progress import Progress

    from engine.rehearsal.footprint import footprint

    part = 50 if quick else 1
    with (
        tempfile.TemporaryDirectory() as folder,
        Progress(console=Console(stderr=True), transient=True) as bar,
    ):
        task = bar.add_task("group states", total=STATES // part)
        storing = footprint(
            Path(folder),
            rules_=RULES // part,
            states=STATES // part,
            events=EVENTS,
            step=lambda states: bar.advance(task, states),
        )
        found = asyncio.run(storing)
    whole = found.bytes * part
    Console(highlight=False).print(
        f"{found.rules:,} rules, {found.states:,} group states, {found.points:,} points ({found.server}): "
        f"{found.bytes / 1e6:,.1f} MB, {found.bytes / found.states:,.0f} bytes a state, "
        f"{found.bytes_a_point:,.0f} a point; {RULES:,} rules with {STATES:,} states take {whole / GIGABYTE:.2f} GB"
        f"{'' if whole < GIGABYTE else ', more than the promised 1 GB'}"
    )
    if json is not None:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(msgspec.to_builtins(found))) + b"\n")
