"""`siaga backtest`: what the rules would have done with recorded events, and what other rules would have done instead.

Here: arguments, progress, the exit code. Not here: running (`rehearsal.backtest`), what changes between two rule sets
(`rehearsal.difference`) and the layout of what is printed (`rehearsal.backtest_report`).
"""

from __future__ import annotations

import asyncio
import logging
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from engine.cli.check import Tongue
from engine.cli.options import ConfigFile, Overrides, moment, settings_of
from engine.errors import ConfigurationError, ParseError
from engine.judging.instant import Millis, parse_duration
from engine.service import logs
from engine.settings import DEFAULT_FILE, Log

SCENARIO = Path("config/demo/pilkada-2024.jsonl")
PRINTED_WIDTH = 120
"""Characters of a line where no terminal says how many there are."""


class Layout(StrEnum):
    """How results are printed."""

    text = "text"
    json = "json"


def backtest(
    events: Annotated[
        Path | None, typer.Option(help="JSON lines of events; the facts of 2024 where none is named.")
    ] = None,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="A", help="Events received from here on, included.")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="B", help="Events received before here; the clock stops here."),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(metavar="RULES_DIR", help="Another folder of rules: what would change.", exists=True),
    ] = None,
    answers: Annotated[
        str, typer.Option(metavar="none|after:30m", help="Nobody answers, or all do after so long.")
    ] = "none",
    format_: Annotated[Layout, typer.Option("--format", help="For people or for machines.")] = Layout.text,
    lang: Annotated[Tongue, typer.Option(help="Language of the results.")] = Tongue.id,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Run recorded events past the rules on a virtual clock: alerts, messages to whom, SMS parts. Nothing is sent.

    Rules watch from --from on, else from the first event. Without --to the clock runs on for 3 days after the last.
    With `--answers after:30m` whoever must act takes the matter 30 minutes after a message, and settles it when asked
    again. Ends with 0, with 1 where lines of the file are no events (the run is not whole), with 2 for wrong usage.

    Example: siaga backtest --against draft-rules --lang en
    """
    from rich.console import Console

    from engine.cli.replay import replaying
    from engine.rehearsal.backtest import Backtest
    from engine.rehearsal.backtest_report import Printer, as_json
    from engine.rehearsal.difference import difference
    from engine.rehearsal.recording import Recording

    settings = settings_of(config, set_)
    if logging.getLogger().level > logging.DEBUG:  # what the service warns of would cover the results
        logs.set_up(Log(level="error"))
    run = Backtest(
        settings,
        Recording(events or config.absolute().parent.parent / SCENARIO),
        since=moment("--from", from_),
        until=moment("--to", to),
        answer_after=_answers(answers),
    )
    # Both sets are read before either is run: a mistake in the second does not cost the time of the first.
    sets = [run.rule_set(), *([run.rule_set(against)] if against else [])]
    ledgers = []
    for rule_set in sets:
        with replaying(len(run.places), Console(stderr=True, highlight=False)) as shown:
            ledgers.append(asyncio.run(run.run(rule_set, shown)))
    ledger, *others = ledgers
    found = difference(ledger, others[0]) if others else None
    if format_ is Layout.json:
        shown_as = as_json(ledger, others[0] if others else None, found)
        typer.echo(msgspec.json.format(msgspec.json.encode(shown_as)).decode())
    else:
        console = Console(highlight=False)
        if not console.is_terminal:
            console.width = PRINTED_WIDTH
        printer = Printer(console, "id" if lang is Tongue.id else "en", run.regions)
        printer.ledger(ledger)
        if found is not None:
            printer.difference(found, str(against))
    raise typer.Exit(0 if ledger.received.whole else 1)


def _answers(text: str) -> Millis | None:
    """Return after how long people answer; None: they do not."""
    if text == "none":
        return None
    if text == "recorded":
        raise ConfigurationError(
            "--answers recorded: recorded answers need the archive, which this version does not have; none or after:30m"
        )
    word, _, length = text.partition(":")
    try:
        if word == "after":
            return parse_duration(length)
    except ParseError as error:
        raise ConfigurationError(f"--answers {text}: {error}") from None
    raise ConfigurationError(f"--answers {text}: say none, or after:30m")
