"""`siaga replay`: a recorded file through a running service, in its own time.

Here: arguments and the progress bar. Not here: the replay itself (`simulation.replay`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.common.options import ApiToken, ConfigFile, Overrides, Url, settings_of
from engine.errors import ConfigurationError
from engine.settings import DEFAULT_FILE

if TYPE_CHECKING:
    from rich.console import Console

    from engine.simulation.replay import ReplayProgress as State


def replay(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Events as JSON lines, each with `received_at`.")
    ],
    token: ApiToken,
    speed: Annotated[
        str,
        typer.Option(metavar="N|max", help="How many times faster than real time; max: as fast as it can."),
    ] = "max",
    url: Url = None,
    outbox: Annotated[
        Path | None, typer.Option(help="Let synthetic officials answer the messages in this outbox folder.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Which of the synthetic officials answer what.")] = 1,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Replay recorded events through a running service whose clock is in lock-step.

    Each event arrives at its `received_at` (else `occurred_at`), and whatever falls due in between is done first. While
    the service is away the replay waits for it. Replaying a file again changes nothing.

    Example: siaga replay config/demo/pilkada-2024.jsonl --speed 3600 --token siaga_...
    """
    pace = speed_of(speed)
    base = url or settings_of(config, set_).base_url
    asyncio.run(_replay(base, token, file, outbox=outbox, seed=seed, speed=pace))


def speed_of(text: str) -> float | None:
    """Return how many times faster than real time a replay goes at most; None for `max`."""
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise ConfigurationError(f"--speed {text}: give a number above 0, or max")
    return speed


async def _replay(url: str, token: str, file: Path, **how: Any) -> None:
    from rich.console import Console

    from engine.simulation.replay import Replay, ServiceClient, read_events

    events = read_events(file)
    console = Console(stderr=True, highlight=False)
    with replaying(len(events), console) as shown:
        async with ServiceClient(url, token) as client:
            done = await Replay(client, events, shown=shown, **how).run()
    console.print(
        f"{done.sent} events: {done.accepted} accepted, {done.duplicate} duplicate, {done.quarantined} quarantined, "
        f"{done.rejected} rejected; {done.answers} answers"
    )


@contextmanager
def replaying(events: int, console: Console) -> Iterator[Callable[[State], None]]:
    """Show a progress bar while the context lasts; gives what a replay calls with its progress."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from engine.core.judging.instant import local

    columns = (TextColumn("{task.completed}/{task.total}"), BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task("", total=events)

        def shown(state: State) -> None:
            when = f"{local(state.now, 'Asia/Jakarta'):%d-%m-%Y %H.%M} WIB"
            bar.update(task, completed=state.sent, description=when)

        yield shown
