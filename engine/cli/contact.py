"""`siaga contact`: does a message reach this contact?

Here: arguments and printing. Not here: the message (`wording.trial`) and its way (`service.dispatcher`).
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Annotated

import typer

from engine.alerting.command import Attempted
from engine.cli.options import ConfigFile, Overrides, settings_of
from engine.errors import SiagaError
from engine.settings import DEFAULT_FILE, Settings

app = typer.Typer(no_args_is_help=True, help="Try contacts of the directory.")


@app.callback()
def contact() -> None:
    """Try contacts of the directory."""


@app.command("test")
def try_(
    contact: Annotated[
        str, typer.Argument(metavar="CONTACT", help="Person, channel and number, such as sekda-7315/sms/1.")
    ],
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Send one message that asks nothing to a contact of the directory, by the way that alerts take.

    Prints which gateway took it and its name there, or why none did (exit code 1). The person tells whether it came.

    Example: siaga contact test sekda-7315/sms/1
    """
    outcome = asyncio.run(_try(settings_of(config, set_), contact))
    if outcome.outcome != "sent":
        raise SiagaError(f"{contact}: {outcome.gateway or 'no gateway'}: {outcome.reason}")
    typer.echo(f"{contact}: {outcome.gateway} took it as {outcome.reference}")


async def _try(settings: Settings, contact: str) -> Attempted:
    from engine.service.app import open_siaga

    async with AsyncExitStack() as stack:
        siaga = await open_siaga(settings, stack)
        outcome = await siaga.trials.send(contact)
    if outcome is None:
        raise SiagaError(f"{contact}: there is no such contact; `siaga directory export` writes them all")
    return outcome
