"""`siaga key`: which secret key this machine has, which one the store was begun with, and how to begin with another."""

from __future__ import annotations

import asyncio
import os

import typer

from engine.cli.common.options import ConfigFile, Overrides, settings_of
from engine.cli.common.storage import storage
from engine.runtime.keys import Keys, adopt, agreement, fingerprint, known_key, secret_keys, written_keys
from engine.settings import DEFAULT_FILE, Settings

app = typer.Typer(
    no_args_is_help=True, help="Look at the secret key of answer links, and begin with another."
)
SHOWN = 16
"""So many characters of a fingerprint are shown."""


@app.command()
def show(config: ConfigFile = DEFAULT_FILE, set_: Overrides = None) -> None:
    """Show fingerprints: of the keys of this machine, the first one first, and of the key that the store knows.

    A fingerprint is no key: it can be read to somebody on the phone to find out whether two machines have the same.
    Exit code 1: a start on this machine would be refused.

    Example: siaga key show
    """
    settings = settings_of(config, set_)
    try:
        keys = written_keys(settings.key_file, os.environ)
    except FileNotFoundError:
        keys = None
    known, state = asyncio.run(_known(settings, keys))
    for number, key in enumerate(keys.accepted if keys else ()):
        typer.echo(f"{fingerprint(key)[:SHOWN]}  here{'' if number else ', makes what is new'}")
    typer.echo(f"{known[:SHOWN] or '-':{SHOWN}}  the store")
    typer.echo(state)
    raise typer.Exit(1 if state in ("outdated", "other") else 0)


@app.command("adopt")
def adopt_(config: ConfigFile = DEFAULT_FILE, set_: Overrides = None) -> None:
    """Let the store know the key of this machine as the one that makes what is new. It is made where there is none.

    For a key that is lost, or that others saw. Links, SMS codes and bounces that another key made are dead, unless that
    key stands behind the first one in the file. Then bring the file to all other machines, and restart them.

    Example: siaga key adopt
    """
    settings = settings_of(config, set_)
    keys = secret_keys(settings.key_file, os.environ)
    asyncio.run(_adopt(settings, keys))
    typer.echo(
        f"{fingerprint(keys.current)[:SHOWN]}  makes what is new from now on; restart Siaga on every machine"
    )


async def _known(settings: Settings, keys: Keys | None) -> tuple[str, str]:
    async with storage(settings) as store:
        known, _ = await known_key(store)
    if keys is None:
        return known.current if known else "", "other" if known else "first"
    return known.current if known else "", agreement(known, keys)


async def _adopt(settings: Settings, keys: Keys) -> None:
    async with storage(settings) as store:
        await adopt(store, keys)
