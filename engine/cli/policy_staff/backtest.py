"""`siaga backtest`: what the rules would have done with recorded events, and what other rules would have done instead.

Here: arguments, progress, the exit code. Not here: running (`simulation.backtest`), what changes between two rule sets
(`simulation.backtest_report`) and the layout of what is printed (`simulation.backtest_report`).
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
import typer

from engine.cli.common.options import ConfigFile, Overrides, option_instant, settings_of
from engine.cli.policy_staff.check import CheckLanguage
from engine.core.judging.instant import Instant, Millis, parse_duration
from engine.errors import ConfigurationError, ParseError
from engine.runtime import logging as logs
from engine.settings import DEFAULT_FILE, Log, Settings

if TYPE_CHECKING:
    from engine.simulation.backtest import Ledger
    from engine.simulation.feed import Feed
    from engine.simulation.respondents import Recalled

RECORDED = "recorded"
PRINTED_WIDTH = 120
"""Characters of a line where no terminal says how many there are."""


class BacktestLayout(StrEnum):
    """How results are printed."""

    text = "text"
    json = "json"


def backtest(
    events: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON lines of events; else what this installation received."),
    ] = None,
    synthetic: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="So many synthetic events instead: for size and speed."),
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
        str,
        typer.Option(
            metavar="none|after:30m|recorded",
            help="Nobody answers, or all do after so long, or people say what they said then.",
        ),
    ] = "none",
    format_: Annotated[
        BacktestLayout, typer.Option("--format", help="For people or for machines.")
    ] = BacktestLayout.text,
    lang: Annotated[CheckLanguage, typer.Option(help="Language of the results.")] = CheckLanguage.id,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Run recorded events past the rules on a virtual clock: alerts, messages to whom, SMS parts. Nothing is sent.

    Without --events they are those that this installation received, of its archive and stream, and its directory is the
    one in force; `--events config/demo/pilkada-2024.jsonl` takes the public facts of 2024. Rules watch from --from on,
    else from the first event. Without --to the clock runs on for 3 days after the last. With `--answers after:30m`
    whoever must act takes the matter 30 minutes after a message, and settles it when asked again. Ends with 0, with 1
    where lines of the file are no events (the run is not whole), with 2 for wrong usage.

    Example: siaga backtest --against draft-rules --lang en
    """
    from rich.console import Console

    from engine.documents.regions import load_regions
    from engine.simulation.backtest_report import Printer, as_json, backtest_difference

    settings = settings_of(config, set_)
    if logging.getLogger().level > logging.DEBUG:  # what the service warns of would cover the results
        logs.set_up(Log(level="error"))
    span = option_instant("--from", from_), option_instant("--to", to)
    source = BacktestSource(events, synthetic, answers)
    ledgers = asyncio.run(_run(settings, source, span, against))
    ledger, *others = ledgers
    found = backtest_difference(ledger, others[0]) if others else None
    if format_ is BacktestLayout.json:
        shown_as = as_json(ledger, others[0] if others else None, found)
        typer.echo(msgspec.json.format(msgspec.json.encode(shown_as)).decode())
    else:
        console = Console(highlight=False)
        if not console.is_terminal:
            console.width = PRINTED_WIDTH
        regions = load_regions(settings.paths.regions)
        printer = Printer(console, "id" if lang is CheckLanguage.id else "en", regions)
        printer.ledger(ledger, synthetic=synthetic is not None)
        if found is not None:
            printer.difference(found, str(against))
    raise typer.Exit(0 if ledger.received.whole else 1)


class BacktestSource(NamedTuple):
    """Where events and answers come from, as the options say."""

    events: Path | None
    synthetic: int | None
    answers: str

    @property
    def is_own(self) -> bool:
        """Whether they are what this installation received."""
        return self.events is None and self.synthetic is None


async def _run(
    settings: Settings,
    source: BacktestSource,
    span: tuple[Instant | None, Instant | None],
    against: Path | None,
) -> list[Ledger]:
    """Run the rules, and those that they are held against, over the same events."""
    from rich.console import Console

    from engine.cli.common.storage import storage
    from engine.cli.policy_staff.replay import replaying
    from engine.documents.regions import load_regions
    from engine.records.case_archive import archive_of
    from engine.records.rule_sets import RuleSet
    from engine.records.runtime_config import RuntimeConfig
    from engine.simulation.backtest import Backtest
    from engine.simulation.feed import Past
    from engine.simulation.respondents import recalled
    from engine.store.archive.events import Archive
    from engine.store.archive.history import EventHistory

    async with AsyncExitStack() as stack:
        answers: Millis | list[Recalled] | None = _answers(source)
        directory = None
        if source.is_own:
            store = await stack.enter_async_context(storage(settings))
            folder = settings.archive_directory
            history = EventHistory(store, None if folder is None else Archive(folder, settings.namespace))
            feed: Feed = await Past.survey(history, *span)
            regions = load_regions(settings.paths.regions)
            books = RuntimeConfig(
                store, namespace=settings.namespace, regions=regions, kinds={}, rule_set=RuleSet({}, {})
            )
            directory = (await books.directory()).contents
            if source.answers == RECORDED:
                answers = await recalled(store, archive_of(settings), span[0] or 0)
        else:
            feed = _feed(settings, source, span)
        run = Backtest(settings, feed, since=span[0], until=span[1], answers=answers, directory=directory)
        # Both sets are read before either is run: a mistake in the second does not cost the time of the first.
        sets = [run.rule_set(), *([run.rule_set(against)] if against else [])]
        ledgers = []
        for rule_set in sets:
            with replaying(feed.total, Console(stderr=True, highlight=False)) as shown:
                ledgers.append(await run.run(rule_set, shown))
    return ledgers


def _feed(settings: Settings, source: BacktestSource, span: tuple[Instant | None, Instant | None]) -> Feed:
    from engine.documents.kinds import load_kinds
    from engine.documents.regions import load_regions
    from engine.simulation.feed import Synthetic
    from engine.simulation.replay import Recording

    if source.events is not None and source.synthetic is not None:
        raise ConfigurationError("--events and --synthetic: take one of them")
    if source.events is not None:
        return Recording(source.events).part(*span)
    if span != (None, None):
        raise ConfigurationError("--synthetic events have a span of their own: leave --from and --to out")
    kinds = load_kinds(settings.paths.kinds)
    return Synthetic(source.synthetic or 1, load_regions(settings.paths.regions), tuple(kinds))


def _answers(source: BacktestSource) -> Millis | None:
    """Return after how long people answer; None: they do not, or as they did."""
    text = source.answers
    if text == "none":
        return None
    if text == RECORDED:
        if not source.is_own:
            raise ConfigurationError(
                "--answers recorded: only this installation knows what people answered; leave --events out"
            )
        return None
    word, _, length = text.partition(":")
    try:
        if word == "after":
            return parse_duration(length)
    except ParseError as error:
        raise ConfigurationError(f"--answers {text}: {error}") from None
    raise ConfigurationError(f"--answers {text}: say none, after:30m, or recorded")
