"""`siaga archive`: whether the archive is as it was written, and its events as a file.

Here: arguments, printing, the exit code. Not here: the archive itself (`store.archive.events`).
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Annotated

import msgspec
import typer

from engine.cli.common.options import ConfigFile, Overrides, option_instant, settings_of
from engine.cli.common.storage import storage
from engine.cli.policy_staff.check import CheckLanguage
from engine.core.judging.instant import Instant
from engine.documents.regions import load_regions
from engine.errors import ConfigurationError
from engine.intake.event_families import events_of
from engine.intake.event_schema import document_of
from engine.operations.event_archiver import told_link
from engine.settings import DEFAULT_FILE, Settings
from engine.store.archive.events import Archive, ArchiveInspection
from engine.store.archive.history import EventHistory

app = typer.Typer(no_args_is_help=True, help="The archive of applied events: verify it, export from it.")

WORDS = {
    "whole": ("Arsip utuh", "The archive is whole"),
    "damaged": ("Arsip RUSAK", "The archive is DAMAGED"),
    "sums": (
        "{files} berkas, {entries} entri, {events} kejadian",
        "{files} files, {entries} entries, {events} events",
    ),
    "end": ("Ujung rantai: {position} {chain}", "End of the chain: {position} {chain}"),
    "at": ("  {file}, setelah baris {line}: {what}", "  {file}, after line {line}: {what}"),
    "unreadable": ("byte di berkas berubah", "bytes of the file were changed"),
    "torn": ("berkas terpotong", "the file is cut off"),
    "form": ("bukan baris arsip", "no line of an archive"),
    "chain": (
        "baris diubah, dihapus, atau disisipkan",
        "a line was changed, removed or put in",
    ),
    "missing": (
        "berkas atau baris sebelum berkas ini hilang",
        "a file, or lines, before this file are missing",
    ),
    "end_lost": (
        "yang menurut penyimpanan sudah diarsipkan tidak ada",
        "what the store says is archived is not there",
    ),
}
"""What is said, in Indonesian and English."""


@app.command()
def verify(
    folder: Annotated[
        Path | None,
        typer.Option(help="Another folder, such as a copy; it is verified without asking the store."),
    ] = None,
    lang: Annotated[CheckLanguage, typer.Option(help="Language of the results.")] = CheckLanguage.id,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Read the whole archive and check every link of its chain, up to what the store says is archived.

    Ends with 0 where it is as it was written, with 1 where it is damaged; each damage is told with its place. Note the
    end of the chain elsewhere: who changes the archive and the store together is found by it.

    Example: siaga archive verify --lang en
    """
    settings = settings_of(config, set_)
    found = asyncio.run(_verify(settings, folder))
    column = 0 if lang is CheckLanguage.id else 1
    typer.echo(
        WORDS["damaged" if found.damages else "whole"][column]
        + ": "
        + WORDS["sums"][column].format(files=found.files, entries=found.entries, events=found.events)
    )
    for damage in found.damages:
        what = WORDS["end_lost" if damage.kind == "end" else damage.kind][column]
        typer.echo(WORDS["at"][column].format(file=damage.file or "-", line=damage.line, what=what))
    typer.echo(WORDS["end"][column].format(position=found.link.position, chain=found.link.chain))
    raise typer.Exit(1 if found.damages else 0)


@app.command()
def export(
    from_: Annotated[
        str | None, typer.Option("--from", metavar="A", help="Events received from here on, included.")
    ] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="B", help="Events received before here.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="The file to write; standard output where none is named.")
    ] = None,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Write the events of archive and stream as JSON lines, each with its `received_at`, in the order of receipt.

    The file is what `siaga backtest --events` and `siaga replay` read.

    Example: siaga archive export --from "2024-11-27 00:00 WIB" --to "2024-11-28 00:00 WIB" --output hari-h.jsonl
    """
    settings = settings_of(config, set_)
    since, until = option_instant("--from", from_) or 0, option_instant("--to", to)
    with nullcontext(sys.stdout.buffer) if output is None else output.open("wb") as file:
        written = asyncio.run(_export(settings, file, since, until))
    typer.echo(f"{written} events", err=True)


def _folder(settings: Settings) -> Path:
    folder = settings.archive_directory
    if folder is None:
        raise ConfigurationError("archive.enabled is false: this installation has no archive")
    return folder


async def _verify(settings: Settings, folder: Path | None) -> ArchiveInspection:
    if folder is not None:
        return await asyncio.to_thread(Archive(folder, settings.namespace).verify)
    archive = Archive(_folder(settings), settings.namespace)
    async with storage(settings) as store:
        told = await told_link(store)
    return await asyncio.to_thread(lambda: archive.verify(told))


async def _export(settings: Settings, file: IO[bytes], since: Instant, until: Instant | None) -> int:
    regions = load_regions(settings.paths.regions)
    folder = settings.archive_directory
    written = 0
    async with storage(settings) as store:
        history = EventHistory(store, None if folder is None else Archive(folder, settings.namespace))
        async for entry in history.entries(since, until):
            for event in events_of(entry) if entry.type == "events" else ():
                file.write(msgspec.json.encode(document_of(event, regions)) + b"\n")
                written += 1
    return written
