"""Options that many commands share, and the settings they make.

Here: how a command names its configuration. Not here: what a setting means (`engine.settings`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from engine.settings import DEFAULT_FILE, Settings, load

ConfigFile = Annotated[
    Path,
    typer.Option(
        "--config",
        metavar="FILE",
        envvar="SIAGA_CONFIG",
        help="The settings file.",
        show_default=str(DEFAULT_FILE),
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Another value for a setting; may be given again."),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        envvar="SIAGA_URL",
        help="The running service; default: the one of the settings.",
    ),
]
ApiToken = Annotated[
    str,
    typer.Option("--token", metavar="TOKEN", envvar="SIAGA_TOKEN", help="A token of `siaga token create`."),
]


def settings_of(config: Path, overrides: Sequence[str] | None) -> Settings:
    """Build the settings from the file, this process's environment and the command line."""
    return load(config, os.environ, overrides or ())
