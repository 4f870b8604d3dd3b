"""Options that many commands share, and the settings they make.

Here: how a command names its configuration. Not here: what a setting means (`engine.settings`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from engine.core.judging.instant import Instant, Millis, parse_duration
from engine.documents.finding import Findings, Mark, Source, UnusableError
from engine.documents.times import instant
from engine.documents.yaml_tree import ScalarNode
from engine.errors import ConfigurationError, ParseError
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
Moment = Annotated[
    str | None,
    typer.Option("--at", metavar="INSTANT", help="RFC 3339, or 2024-11-27 11:00 WITA. Default: now."),
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


def moment(option: str, text: str | None) -> Instant | None:
    """Return the instant given to an option, in milliseconds UTC; None where none was. A bad one is wrong usage."""
    if text is None:
        return None
    try:
        return instant(ScalarNode(text, plain=True, mark=Mark(Source(option, (text,)))), Findings())
    except UnusableError as error:
        raise ConfigurationError(f"{option} {text}: write RFC 3339, or 2024-11-27 11:00 WITA") from error


def length(option: str, text: str) -> Millis:
    """Return the duration given to an option, in milliseconds. A bad one is wrong usage."""
    try:
        return parse_duration(text)
    except ParseError as error:
        raise ConfigurationError(f"{option} {text}: {error}") from None
