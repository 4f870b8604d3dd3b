"""`siaga send`: events of a desk to a Siaga elsewhere, kept in a spool until it has answered for each.

Here: arguments, the order of things and the exit code. Not here: the spool and the way over HTTP (`sending`), what
files may hold (`service.given`) and the words of the report (`cli.send_report`).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from engine.cli.check import Tongue
from engine.cli.options import ConfigFile, Overrides, Url, moment, settings_of
from engine.clock import WallClock, monotonic
from engine.errors import ConfigurationError
from engine.settings import DEFAULT_FILE, Settings

if TYPE_CHECKING:
    from engine.cli.send_report import SendReport
    from engine.core.judging.instant import Instant
    from engine.sending.own_desks import OwnDesks
    from engine.sending.spool import Spool
    from engine.service.given import Given, Givens
    from engine.service.tokens import Scope

TOKEN = "SIAGA_TOKEN"  # noqa: S105 -- the name of a variable
AMISS, KEPT = 1, 3
"""Exit codes: something was not taken in, and is named; nothing is wrong, but not all was delivered yet."""
SHEETS = (".csv", ".tsv", ".xlsx")
LARGEST_FILE = 268_435_456
"""Bytes of a file of JSON; a sheet has bounds of its own."""


def send(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help="NDJSON, JSON, CSV or XLSX; - reads NDJSON here.", show_default=False
        ),
    ] = None,
    region: Annotated[str, typer.Option(metavar="CODE", help="One event: where; code or name.")] = "",
    kind: Annotated[str, typer.Option(help="One event: its kind; code or name.")] = "",
    severity: Annotated[str, typer.Option(help="One event: normal, waspada, siaga, awas, or 1 to 4.")] = "",
    at: Annotated[
        str | None,
        typer.Option(metavar="INSTANT", help="One event: RFC 3339, or 2024-11-27 11:00 WITA. Default: now."),
    ] = None,
    summary: Annotated[str, typer.Option(help="One event: what happened, without names of people.")] = "",
    field: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="One event: another field; may be given again."),
    ] = None,
    nihil: Annotated[
        bool, typer.Option("--nihil", help="One event: nothing to report. Needs --region.")
    ] = False,
    desk: Annotated[
        str,
        typer.Option(
            metavar="CODE",
            envvar="SIAGA_DESK",
            help="Who reports, where a row does not say. Default: the desk of the token.",
        ),
    ] = "",
    flush: Annotated[
        bool, typer.Option("--flush", help="Send what the spool holds; for cron or a timer.")
    ] = False,
    template: Annotated[
        bool, typer.Option("--template", help="Print an empty sheet with all columns, as CSV.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check all; keep and send nothing.")] = False,
    spool: Annotated[
        Path | None,
        typer.Option(metavar="DIR", envvar="SIAGA_SPOOL", help="The spool; default: spool in paths.var."),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", envvar="SIAGA_TOKEN_FILE", help=f"File with the token; else the variable {TOKEN}."
        ),
    ] = None,
    ca_file: Annotated[Path | None, typer.Option(metavar="FILE", help="Certificates to trust, PEM.")] = None,
    patience: Annotated[
        int, typer.Option(min=0, metavar="SECONDS", help="How long to try before it is left to --flush.")
    ] = 60,
    lang: Annotated[Tongue, typer.Option(help="Language of the report.")] = Tongue.id,
    url: Url = None,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Send events to a Siaga; they stay in the spool until it has taken them in.

    Events are on this machine's disk before the first try. What the service does not take now stays there: run
    `siaga send --flush` every few minutes. Sending again is safe: what came before counts as duplicate. Rows of a sheet
    that need correcting are written to FILE.perbaiki.csv; the others are sent.

    A row reports in the name of its column `Desk`, else of --desk, else of the desk of the token, which the service
    tells. A token that may report for any desk reports for the region of each row.

    Ends with 0 where all was taken in, 1 where something was kept aside, refused or needs correcting (each is named), 2
    for wrong usage, 3 where events wait in the spool.

    Examples: siaga send laporan.xlsx --desk 73.15; siaga send --nihil --region 73.15;
    siaga send --region 73.15 --kind conflict.clash --severity siaga --field metrics.injured=12
    """
    from engine.cli.send_report import SendReport
    from engine.documents.sheets.event_sheet import template as empty_sheet
    from engine.sending.spool import Spool

    if template:
        sys.stdout.buffer.write(empty_sheet("en" if lang is Tongue.en else "id"))
        return
    settings, now = settings_of(config, set_), WallClock().now()
    words = _words(region, kind, severity, summary, field or (), nihil=nihil)
    if bool(words) + (file is not None) + flush != 1:
        raise ConfigurationError(
            "give one of: a file, the options of one event, --flush; `siaga send --help` shows how"
        )
    report = SendReport("en" if lang is Tongue.en else "id")

    def own() -> OwnDesks | None:
        return None if desk else _own_desks(url or settings.base_url, token_file, ca_file, report)

    given = _given(settings, file, words, moment("--at", at), desk, own, now, report)
    report.faulty(given.faulty)
    if dry_run:
        report.checked(given, [f for e in given.events if (f := _givens(settings).check(e, now))])
        raise typer.Exit(AMISS if report.amiss else 0)
    if given.to_correct and file is not None:
        report.handed_back(_hand_back(file, given.to_correct))
    token, box = _token(token_file), Spool(spool or settings.paths.var / "spool")
    if given.events:
        box.add([event.json for event in given.events], now)
        report.rows |= {event.json: event.row for event in given.events}
    elif not flush:
        raise typer.Exit(AMISS)
    _deliver(box, url or settings.base_url, token, report, patience=patience, ca_file=ca_file)
    raise typer.Exit(AMISS if report.amiss else KEPT if report.waiting else 0)


def _words(
    region: str, kind: str, severity: str, summary: str, fields: list[str] | tuple[str, ...], *, nihil: bool
) -> dict[str, str]:
    """Return what the options say of one event, by field; nothing where none of them is given."""
    from engine.service.given import NIHIL

    words = {"region": region, "kind": kind, "severity": severity, "summary": summary}
    for given in fields:
        name, sign, value = given.partition("=")
        if not sign or not name:
            raise ConfigurationError(f"--field {given}: write NAME=VALUE, such as metrics.injured=12")
        words[name] = value
    words = {name: value for name, value in words.items() if value}
    if nihil:
        if kind or severity or not region:
            raise ConfigurationError("--nihil needs --region, and neither --kind nor --severity")
        words |= NIHIL
    missing = [f"--{name}" for name in ("region", "kind", "severity") if name not in words]
    if words and missing:
        raise ConfigurationError(f"one event needs {', '.join(missing)} too")
    return words


def _given(
    settings: Settings,
    file: Path | None,
    words: dict[str, str],
    at: Instant | None,
    desk: str,
    own: Callable[[], OwnDesks | None],
    now: Instant,
    report: SendReport,
) -> Given:
    """Read what is to be sent; `own` asks for the desks of the token where a row may name none."""
    from engine.documents.sheets.sheet import NotASheet
    from engine.service.given import Given, json_events

    if words:
        desk, scope = _sender(desk, own())
        given = _givens(settings).words(words, at=now if at is None else at, desk=desk, scope=scope, now=now)
        return msgspec.structs.replace(given, events=()) if given.faulty else given
    if file is None:
        return Given()
    data = _read(file)
    try:
        if file.suffix.lower() in SHEETS:
            desk, scope = _sender(desk, own())
            return _givens(settings).sheet(data, desk=desk, scope=scope, now=now, language=report.language)
        return json_events(data, lines=file.suffix.lower() != ".json")
    except NotASheet as wrong:
        raise ConfigurationError(f"{file}: {report.said(wrong)}") from None


def _sender(desk: str, own: OwnDesks | None) -> tuple[str, Scope]:
    """Return in whose name a row reports that names no desk (empty: its region's), and what the token may, if known."""
    from engine.service.given import ANYWHERE, sender

    if own is None:
        return desk, ANYWHERE
    return desk or (own.desk if own.is_bound else ""), sender(own.region, own.desks)


def _own_desks(
    url: str,
    token_file: Path | None,
    ca_file: Path | None,
    report: SendReport,
) -> OwnDesks | None:
    """Ask the service for which desks the token reports."""
    from engine.sending.own_desks import ask

    token = _token_if_any(token_file)
    if not token:
        return None  # what sends, says so; a dry run needs none
    found = ask(url, token, ca_file=ca_file)
    if found is None:
        report.desk_unknown()
    return found


def _givens(settings: Settings) -> Givens:
    from engine.documents.kinds import load_kinds
    from engine.documents.regions import load_regions
    from engine.service.given import Givens

    return Givens(load_regions(settings.paths.regions), load_kinds(settings.paths.kinds), settings.intake)


def _read(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    with file.open("rb") as opened:
        data = opened.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise ConfigurationError(f"{file}: larger than {LARGEST_FILE // 1_048_576} MB; split it")
    return data


def _hand_back(file: Path, rows: bytes) -> Path:
    """Write the rows to correct beside their file, and never over something that is there."""
    number = 1
    while True:
        path = file.with_name(f"{file.stem}.perbaiki{'' if number == 1 else f'-{number}'}.csv")
        try:
            with path.open("xb") as opened:
                opened.write(rows)
        except FileExistsError:
            number += 1
        else:
            return path


def _token_if_any(file: Path | None) -> str:
    """Return the token, empty where there is none that could be one."""
    text = os.environ.get(TOKEN, "") if file is None else file.read_text(encoding="utf-8", errors="replace")
    token = text.strip()
    return token if token.isascii() and token.isprintable() and " " not in token else ""


def _token(file: Path | None) -> str:
    token = _token_if_any(file)
    if not token:
        where = f"the variable {TOKEN}" if file is None else str(file)
        raise ConfigurationError(
            f"{where}: no token there; one with the right submit is made by `siaga token create`"
        )
    return token


def _deliver(
    box: Spool, url: str, token: str, report: SendReport, *, patience: int, ca_file: Path | None
) -> None:
    """Send what waits in the spool and tell what became of it."""
    from rich.console import Console

    from engine.cli.progress import counting
    from engine.sending.courier import AwayError, Courier, UnwelcomeError
    from engine.sending.spool import SpoolBusyError

    if url.startswith("http://") and not url.startswith(("http://127.", "http://localhost", "http://[::1]")):
        report.in_the_clear(url)
    console = Console(stderr=True, highlight=False)
    try:
        with (
            box.delivering(),
            Courier(
                url, token, patience=patience, sleep=time.sleep, monotonic=monotonic, ca_file=ca_file
            ) as courier,
            counting(len(box.waiting()), console) as step,
        ):
            for delivery in courier.deliver(box):
                report.delivered(delivery)
                step()
    except (AwayError, SpoolBusyError) as why:
        report.kept(box.folder, len(box.waiting()), str(why))
    except UnwelcomeError as why:
        report.unwelcome(box.folder, len(box.waiting()), str(why))
    report.end()
