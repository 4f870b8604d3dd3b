"""`./run bench`: the benchmarks as a table, and as JSON.

Here: options, order and printing. Not here: what is measured; each benchmark is a module of this folder, and a soak
and the mail bench have a command of their own. Exit code 1 where a line is missed.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec
import structlog
import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.bench import (
    backtest,
    engines,
    evaluation,
    footprint,
    growth,
    ingest,
    judging,
    latency,
    neighbours,
    recovery,
    soak,
)
from tests.bench.figure import Figure, Scale
from tests.bench.installation import ROOT
from tests.bench.machine import Machine, machine
from tests.bench.peers import Peers, Terms

BENCHMARKS = {
    "ingest": ingest,
    "evaluation": evaluation,
    "judging": judging,
    "latency": latency,
    "neighbours": neighbours,
    "engines": engines,
    "backtest": backtest,
    "recovery": recovery,
    "rules": footprint,
    "soak": soak,
    "growth": growth,
}
"""All that can be measured, in this order."""
WIDTH = 190
"""Columns of the table where the terminal has fewer, or there is none."""
APART = ("rules", "soak", "growth")
"""What is measured only when it is named."""


def bench(
    names: Annotated[list[str] | None, typer.Argument(help=f"Some of: {', '.join(BENCHMARKS)}.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer events and one run: a look, not a figure.")
    ] = False,
    peers: Annotated[
        bool, typer.Option(help="Measure other programs beside; they are installed into var/bench.")
    ] = True,
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write machine and figures as JSON too.")
    ] = None,
) -> None:
    """Measure how fast this machine takes events in, judges them and tells people: synthetic events, real processes.

    Everything runs on loopback, in folders of its own, with fsync always. `rules` is the memory of 1,000 rules, `soak`
    a polling day at 120 times its speed; both only when named. Rates move with whatever else the machine does: beside
    them stands the CPU time for one event, and peers are measured in the same run.

    Example: ./run bench --quick
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("warning"))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is stopped in either case
    wanted = names or [name for name in BENCHMARKS if name not in APART]
    if unknown := set(wanted).difference(BENCHMARKS):
        raise typer.BadParameter(f"{min(unknown)} is none of {', '.join(BENCHMARKS)}")
    console = Console(highlight=False)
    console.width = max(console.width, WIDTH)
    about = machine()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        terms = Terms(
            Scale(quick),
            Peers(ROOT / "var/bench", wanted=peers),
            lambda what: bar.update(task, description=what),
        )
        found: list[Figure] = []
        ended = True
        try:
            asyncio.run(_measured(wanted, terms, found, partial(bar.console.print, soft_wrap=True)))
        except (KeyboardInterrupt, EOFError):  # EOFError: a server hung up
            ended = False
            bar.console.print_exception()
    console.print(f"{about}{'' if ended else ', interrupted'}")
    console.print(_table(found, quick=quick))
    for note in dict.fromkeys(figure.note for figure in found if figure.note):
        console.print(note)
    if json is not None:
        json.write_bytes(_json(about, found))
    if not ended:
        raise typer.Exit(130)
    raise typer.Exit(1 if any(figure.met is False for figure in found) and not quick else 0)


async def _measured(names: list[str], terms: Terms, found: list[Figure], tell: Callable[[str], None]) -> None:
    """Add the figures of the benchmarks named to those `found`, in the order of `BENCHMARKS`; tell each as it comes."""
    for name, module in BENCHMARKS.items():
        if name in names:
            async for figure in module.measure(terms):
                found.append(figure)
                missed = " (missed)" if figure.met is False else ""
                tell(f"{figure.what}: {_number(figure.value)} {figure.unit}{missed}")


def _table(found: list[Figure], *, quick: bool) -> Table:
    table = Table(title="Siaga bench" + (", a quick look: one run of few events" if quick else ", medians"))
    for heading, side in (
        ("what", "left"),
        ("median", "right"),
        ("lowest - highest", "right"),
        ("CPU us", "right"),
        ("line", "right"),
        ("peer", "left"),
        ("its median", "right"),
        ("times", "right"),
        ("", "left"),
    ):
        table.add_column(heading, justify=side, no_wrap=not heading or heading == "median")  # type: ignore[arg-type]
    for one in found:
        line = "" if one.target is None else f"{'>=' if one.better == 'higher' else '<='} {one.target:,g}"
        if one.target_ratio is not None:
            line = f">= {one.target_ratio:g} x"
        table.add_row(
            one.what,
            f"{_number(one.value)} {one.unit}",
            f"{_number(min(one.runs))} - {_number(max(one.runs))}",
            "" if one.cpu is None else f"{one.cpu:,.1f}",
            line,
            one.peer,
            "" if one.peer_value is None else _number(one.peer_value),
            "" if one.ratio is None else f"{one.ratio:.2f}",
            {True: "met", False: "missed", None: ""}[one.met],
        )
    return table


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _json(about: Machine, found: list[Figure]) -> bytes:
    figures = [
        {
            **msgspec.to_builtins(one),
            "value": one.value,
            "peer_value": one.peer_value,
            "ratio": one.ratio,
            "met": one.met,
        }
        for one in found
    ]
    return msgspec.json.format(msgspec.json.encode({"machine": about, "figures": figures})) + b"\n"


if __name__ == "__main__":
    typer.run(bench)
