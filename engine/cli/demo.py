"""`siaga demo`: the public facts of 2024 through the real service, with synthetic officials.

Here: its options. Not here: what it does (`cli.demonstration`).
"""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from engine.cli.options import ConfigFile, Overrides
from engine.cli.replay import speed_of
from engine.settings import DEFAULT_FILE

SEED = 2024


def demo(
    exit_: Annotated[
        bool, typer.Option("--exit", help="End after the replay instead of keeping the pages open.")
    ] = False,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
    port: Annotated[int, typer.Option(help="TCP port of the demo's API and pages.")] = 8080,
    seed: Annotated[int, typer.Option(help="Which of the synthetic officials answer what.")] = SEED,
    speed: Annotated[
        str, typer.Option(metavar="N|max", help="How many times faster than real time.")
    ] = "max",
    mail: Annotated[
        bool,
        typer.Option("--mail", help="Send the e-mails through gateways.smtp; their mailboxes are synthetic."),
    ] = False,
) -> None:
    """Replay 115 public facts of the 2024 elections against synthetic officials.

    Everything happens on this machine: messages become files in var/outbox, whatever gateways the settings have, the
    state lies in var/demo, and what an earlier demo left there is removed first. At the end the summary is in
    var/demo/summary.json.

    Example: siaga demo --exit
    """
    from engine.cli.demonstration import demonstrate

    pace = speed_of(speed)
    asyncio.run(demonstrate(config, set_ or (), port=port, exit_=exit_, seed=seed, speed=pace, mail=mail))
