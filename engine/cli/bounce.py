"""`siaga bounce`: the end of a mail server's pipe, for mails that came back.

Here: from standard input to the service, and the exit code that a mail server understands. Not here: what a mail says
(`answers.bounces`). Whatever goes wrong, the mail server keeps the mail and tries again: a bounce is never bounced.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated, NoReturn

import typer

from engine.cli.common.options import ConfigFile, Overrides, Url, settings_of
from engine.settings import DEFAULT_FILE

TOKEN = "SIAGA_TOKEN"  # noqa: S105 -- the name of a variable, not a token
TRY_AGAIN = 75
"""EX_TEMPFAIL of sysexits.h."""
SECONDS = 30.0
DEALT_WITH = 204


def bounce(
    url: Url = None,
    token_file: Annotated[
        typer.FileText | None, typer.Option(help=f"File with the token; none: the variable {TOKEN}.")
    ] = None,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Read one mail that came back from standard input and bring it to the running service.

    The token needs the right inbound. Exit code 75, the mail server's "try again", where the service did not take it.
    In Postfix: a line in master.cf that pipes to this command, or `|siaga bounce ...` in an alias.

    Example: siaga bounce --token-file /etc/siaga/bounce.token < mail.eml
    """
    import httpx

    from engine.web.api.bounce import BODY_BYTES, MEDIA_TYPE, PATH

    settings = settings_of(config, set_)
    content = sys.stdin.buffer.read(BODY_BYTES)
    while sys.stdin.buffer.read(BODY_BYTES):
        pass  # a pipe that is closed early is an error to the mail server
    token = (token_file.read() if token_file else os.environ.get(TOKEN, "")).strip()
    if not token:
        _give_back(f"there is no token: name --token-file, or set {TOKEN}")
    where = (url or settings.base_url).rstrip("/")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": MEDIA_TYPE}
    try:
        answer = httpx.post(f"{where}{PATH}", content=content, headers=headers, timeout=SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        _give_back(f"{where} does not answer: {type(error).__name__}")
    if answer.status_code != DEALT_WITH:
        _give_back(f"{where} answered {answer.status_code}")


def _give_back(why: str) -> NoReturn:
    typer.echo(f"siaga: {why}; the mail server shall try again", err=True)
    raise typer.Exit(TRY_AGAIN)
