"""`siaga config`: the settings in force, each with its origin.

Here: printing them. Not here: reading them (`engine.settings`). Secrets are masked in every print.
"""

from __future__ import annotations

import os
from typing import Annotated

import msgspec
import typer

from engine.cli.options import ConfigFile, Overrides
from engine.settings import DEFAULT_FILE, Settings, load_with_origins, names, value_of

app = typer.Typer(no_args_is_help=True, help="Look at the settings.")


@app.command()
def show(
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")] = False,
) -> None:
    """Show every setting in force and where it comes from; secrets are masked.

    Example: SIAGA_HTTP__PORT=9000 siaga config show --set log.level=debug
    """
    settings, origins = load_with_origins(config, os.environ, set_ or ())
    if as_json:
        print(settings.model_dump_json(indent=2))
        return
    width = max(len(name) for name in names())
    for name in names():
        origin = origins.get(name, "default")
        print(f"{name:<{width}} = {_text(settings, name)}  # {origin}")


def _text(settings: Settings, name: str) -> str:
    """Return a value as it could stand in the file."""
    value = value_of(settings, name)
    if value is None:
        return ""
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return msgspec.json.encode(value).decode() if isinstance(value, bool | int | float) else str(value)
