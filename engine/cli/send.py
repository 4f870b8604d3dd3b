"""`siaga send`: events of a desk to a Siaga elsewhere, kept in a spool until each is answered."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from engine.cli.common.options import ConfigFile, Overrides, Url, option_instant, settings_of
from engine.cli.policy_staff.check import CheckLanguage
from engine.clock import WallClock, monotonic
from engine.documents.finding import Language
from engine.documents.sheets.event_columns import CellFault
from engine.errors import ConfigurationError
from engine.intake.form_input import fault_of
from engine.settings import DEFAULT_FILE, Settings

if TYPE_CHECKING:
    from engine.core.judging.instant import Instant
    from engine.desk_client.spool import Spool
    from engine.desk_client.uploader import OwnDesks, UploadedLine, UploadLine
    from engine.documents.sheets.sheet import NotASheet
    from engine.intake.form_input import Faulty, Given, Givens
    from engine.people.tokens import Scope

MOST_LINES = 200
"""Rows that are named one by one; a file with more mistakes has one that is the same in all."""

_WORDS: dict[str, dict[Language, str]] = {
    "row": {"id": "baris {row}", "en": "row {row}"},
    "event": {"id": "laporan {row}", "en": "event {row}"},
    "aside": {
        "id": "{row}: ditahan untuk diperiksa ({id}): {why}",
        "en": "{row}: kept aside for somebody to look at ({id}): {why}",
    },
    "offered": {
        "id": "   posko dapat menerimanya sebagai {mended}",
        "en": "   the duty desk can accept it as {mended}",
    },
    "refused": {"id": "{row}: ditolak: {why}", "en": "{row}: refused: {why}"},
    "refused.kept": {"id": "Yang ditolak tersimpan di {path}", "en": "What was refused is kept in {path}"},
    "faulty": {"id": "{row}: belum dikirim: {why}", "en": "{row}: not sent: {why}"},
    "more": {"id": "... dan {n} baris lagi", "en": "... and {n} rows more"},
    "handed_back": {
        "id": "Baris yang perlu diperbaiki: {path}. Perbaiki di sana, lalu `siaga send` berkas itu.",
        "en": "Rows to correct: {path}. Correct them there, then `siaga send` that file.",
    },
    "checked": {
        "id": "Diperiksa saja: {good} laporan dapat dikirim, {bad} perlu diperbaiki. Tidak ada yang dikirim.",
        "en": "Only checked: {good} events can be sent, {bad} need correcting. Nothing was sent.",
    },
    "end": {
        "id": "{accepted} diterima, {duplicate} sudah pernah masuk, {aside} ditahan untuk diperiksa, "
        "{refused} ditolak, {faulty} perlu diperbaiki.",
        "en": "{accepted} accepted, {duplicate} came before, {aside} kept aside, {refused} refused, "
        "{faulty} to correct.",
    },
    "kept": {
        "id": "Belum semua terkirim ({why}). {n} kiriman tersimpan di {folder}; `siaga send --flush` mengulangnya.",
        "en": "Not all is delivered yet ({why}). {n} batches are kept in {folder}; `siaga send --flush` goes on.",
    },
    "unwelcome": {
        "id": "Tidak terkirim: {why}. {n} kiriman tersimpan di {folder}; perbaiki, lalu `siaga send --flush`.",
        "en": "Not delivered: {why}. {n} batches are kept in {folder}; mend this, then `siaga send --flush`.",
    },
    "desk_unknown": {
        "id": "Desk token ini belum diketahui: layanan belum menjawab. Baris tanpa kolom Desk dikirim atas nama "
        "daerahnya; bila desk Anda lain, beri --desk.",
        "en": "The desk of this token is not known: the service has not told it. Rows without a column Desk report "
        "for their region; where yours is another desk, give --desk.",
    },
    "clear": {
        "id": "Peringatan: {url} tidak terenkripsi; token dan laporan dapat dibaca di jalan. Pakai https.",
        "en": "Warning: {url} is not encrypted; token and reports can be read on the way. Use https.",
    },
}


class SendReport:
    """Tells what becomes of the events of one run. `rows` names the row that an event came from, where there is one."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self.rows: dict[bytes, int] = {}
        self.amiss = False
        self.waiting = 0
        self._counts = dict.fromkeys(("accepted", "duplicate", "aside", "refused", "faulty"), 0)
        self._lines = 0

    def faulty(self, rows: Sequence[Faulty]) -> None:
        """Name the rows that are no event yet."""
        for faulty in rows:
            for fault in faulty.faults:
                self._line("faulty", row=self._say("row", row=faulty.row), why=fault.said(self.language))
        self._counts["faulty"] += len(rows)
        self.amiss |= bool(rows)

    def said(self, wrong: NotASheet) -> str:
        """Return why a file could not be read."""
        return CellFault(code=wrong.reason, facts=wrong.facts).said(self.language)

    def checked(self, given: Given, found: Sequence[Faulty]) -> None:
        """End a dry run, in which further faults were found."""
        self.faulty(found)
        self._more()
        good = len(given.events) - len(found)
        print(self._say("checked", good=good, bad=self._counts["faulty"]))

    def handed_back(self, path: Path) -> None:
        """Say where the rows to correct are."""
        self._remark("handed_back", path=path)

    def delivered(self, delivery: UploadedLine) -> None:
        """Take up what the service said of one batch."""
        answer = delivery.answer
        self._counts["accepted"] += answer.accepted
        self._counts["duplicate"] += answer.duplicate
        self._counts["aside"] += len(answer.quarantined)
        self._counts["refused"] += len(answer.rejected)
        for line in answer.quarantined:
            row = self._row(delivery.events[line.index])
            self._line("aside", row=row, id=line.id, why=self._why(line))
            if line.mended:
                mended = ", ".join(f"{field} {value}" for field, value in line.mended.items())
                self._line("offered", mended=mended)
        for line in answer.rejected:
            self._line("refused", row=self._row(delivery.events[line.index]), why=self._why(line))
        if delivery.kept is not None:
            self._remark("refused.kept", path=delivery.kept)
        self.amiss |= bool(answer.quarantined or answer.rejected)

    def kept(self, folder: Path, waiting: int, why: str) -> None:
        """Say that the rest waits in the spool."""
        self.waiting = waiting
        self._remark("kept", folder=folder, n=waiting, why=why)

    def unwelcome(self, folder: Path, waiting: int, why: str) -> None:
        """Say that nothing goes until somebody mends something."""
        self.amiss = True
        self._remark("unwelcome", folder=folder, n=waiting, why=why)

    def desk_unknown(self) -> None:
        """Say by which desk rows report that name none, where the service did not tell the token's."""
        self._remark("desk_unknown")

    def in_the_clear(self, url: str) -> None:
        """Warn of an address without encryption."""
        self._remark("clear", url=url)

    def end(self) -> None:
        """Say the numbers of this run."""
        self._more()
        print(self._say("end", **self._counts))

    def _why(self, line: UploadLine) -> str:
        return fault_of(line.reason, line.field).said(self.language)

    def _row(self, event: bytes) -> str:
        """Name an event: by its row, else by its id, else by its place."""
        if event in self.rows:
            return self._say("row", row=self.rows[event])
        try:
            named = msgspec.json.decode(event)
        except (msgspec.DecodeError, RecursionError):
            named = None
        id_ = named.get("id") if isinstance(named, dict) else None
        return self._say("event", row=id_ if isinstance(id_, str) and id_.isprintable() else "?")

    def _line(self, key: str, **facts: object) -> None:
        self._lines += 1
        if self._lines <= MOST_LINES:
            print(self._say(key, **facts))

    def _more(self) -> None:
        if self._lines > MOST_LINES:
            print(self._say("more", n=self._lines - MOST_LINES))

    def _remark(self, key: str, **facts: object) -> None:
        print(self._say(key, **facts), file=sys.stderr)

    def _say(self, key: str, **facts: object) -> str:
        return _WORDS[key][self.language].format_map(facts)


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
    lang: Annotated[CheckLanguage, typer.Option(help="Language of the report.")] = CheckLanguage.id,
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
    from engine.desk_client.spool import Spool
    from engine.documents.sheets.event_sheet import template as empty_sheet

    if template:
        sys.stdout.buffer.write(empty_sheet("en" if lang is CheckLanguage.en else "id"))
        return
    settings, now = settings_of(config, set_), WallClock().now()
    words = _words(region, kind, severity, summary, field or (), nihil=nihil)
    if bool(words) + (file is not None) + flush != 1:
        raise ConfigurationError(
            "give one of: a file, the options of one event, --flush; `siaga send --help` shows how"
        )
    report = SendReport("en" if lang is CheckLanguage.en else "id")

    def own() -> OwnDesks | None:
        return None if desk else _own_desks(url or settings.base_url, token_file, ca_file, report)

    given = _given(settings, file, words, option_instant("--at", at), desk, own, now, report)
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
    from engine.intake.form_input import NIHIL

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
    from engine.intake.form_input import Given, json_events

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
    from engine.intake.form_input import ANYWHERE, sender_scope

    if own is None:
        return desk, ANYWHERE
    return desk or (own.desk if own.is_bound else ""), sender_scope(own.region, own.desks)


def _own_desks(
    url: str,
    token_file: Path | None,
    ca_file: Path | None,
    report: SendReport,
) -> OwnDesks | None:
    """Ask the service for which desks the token reports."""
    from engine.desk_client.uploader import fetch_own_desks

    token = _token_if_any(token_file)
    if not token:
        return None  # what sends, says so; a dry run needs none
    found = fetch_own_desks(url, token, ca_file=ca_file)
    if found is None:
        report.desk_unknown()
    return found


def _givens(settings: Settings) -> Givens:
    from engine.documents.kinds import load_kinds
    from engine.documents.regions import load_regions
    from engine.intake.form_input import Givens

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

    from engine.cli.common.output import progress_bar
    from engine.desk_client.spool import SpoolBusyError
    from engine.desk_client.uploader import AwayError, UnwelcomeError, Uploader

    if url.startswith("http://") and not url.startswith(("http://127.", "http://localhost", "http://[::1]")):
        report.in_the_clear(url)
    console = Console(stderr=True, highlight=False)
    try:
        with (
            box.delivering(),
            Uploader(
                url, token, patience=patience, sleep=time.sleep, monotonic=monotonic, ca_file=ca_file
            ) as courier,
            progress_bar(len(box.waiting()), console) as step,
        ):
            for delivery in courier.deliver(box):
                report.delivered(delivery)
                step()
    except (AwayError, SpoolBusyError) as why:
        report.kept(box.folder, len(box.waiting()), str(why))
    except UnwelcomeError as why:
        report.unwelcome(box.folder, len(box.waiting()), str(why))
    report.end()
