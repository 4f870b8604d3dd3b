"""`siaga report`: the report on the situation as it would go out, without sending it.

Here: arguments and printing. Not here: what it says (`texts.situation`) and when it goes to whom
(`operations.situation_report`).
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from engine.cli.common.options import ConfigFile, Moment, Overrides, option_instant, settings_of
from engine.cli.policy_staff.check import CheckLanguage
from engine.core.judging.instant import Instant
from engine.core.judging.region import NATION
from engine.errors import ConfigurationError
from engine.settings import DEFAULT_FILE, Settings


def report(
    region: Annotated[
        str, typer.Option(metavar="CODE", help="The nation (00), a province or a regency.")
    ] = NATION,
    at: Moment = None,
    lang: Annotated[CheckLanguage, typer.Option(help="Language of the report.")] = CheckLanguage.id,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the letter as HTML to this file too.")
    ] = None,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Print the report on the situation of a region, as the offices of `situation.to` get it at 06.00 and 18.00.

    It begins at the last of these times before `--at`. States of messages are those of now, also of an earlier report.
    Nothing is sent or changed.

    Example: siaga report --region 73 --at "2024-11-27 18:00 WITA"
    """
    letter, page = asyncio.run(
        _report(settings_of(config, set_), region, option_instant("--at", at), lang.value)
    )
    typer.echo(letter)
    if html is not None:
        html.write_text(page, encoding="utf-8")


async def _report(settings: Settings, region: str, at: Instant | None, language: str) -> tuple[str, str]:
    from engine.app import open_siaga
    from engine.operations.situation_report import letter_of

    async with AsyncExitStack() as stack:
        siaga = await open_siaga(settings, stack)
        if not siaga.books.regions.known(region):
            raise ConfigurationError(f"--region {region}: not in {settings.paths.regions}; write it as 73")
        found = await siaga.situations.at(region, siaga.clock.now() if at is None else at)
        letter = msgspec.structs.replace(letter_of("preview", found), language=language)
        rendered = siaga.situations.rendered(letter, found)
        return f"{rendered.subject}\n\n{rendered.text}", rendered.html
