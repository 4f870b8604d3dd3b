"""`siaga audit`: the log of everything that was done, and the proof that nothing of it was changed.

Here: arguments and printing. Not here: the log itself (`records.audit_log`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from engine.cli.common.options import ConfigFile, Overrides, settings_of
from engine.cli.common.output import ListLimit, say_more
from engine.cli.common.storage import storage
from engine.cli.policy_staff.check import CheckLanguage
from engine.core.judging.instant import format_instant
from engine.operations.audit_proof import AuditFault, Proof, all_entries, all_pages, verify
from engine.records.audit_log import AUDIT, AuditEntry
from engine.records.case_archive import archive_of
from engine.settings import DEFAULT_FILE, Settings
from engine.store.port import Store

app = typer.Typer(no_args_is_help=True, help="Prove and read the log of everything that was done.")

_FAULTS: dict[AuditFault, dict[str, str]] = {
    "archive_damaged": {
        "id": "arsip peringatan rusak di {place}; lihat siaga archive verify",
        "en": "the archive of cases is damaged at {place}; see siaga archive verify",
    },
    "changed": {
        "id": "entri {place}, atau satu sebelum itu, diubah, disisipkan atau dihapus",
        "en": "entry {place}, or one before it, was changed, inserted or removed",
    },
    "unreadable": {"id": "entri {place} tidak terbaca", "en": "entry {place} cannot be read"},
    "cut_off": {"id": "entri mulai {place} hilang", "en": "entries from {place} on are missing"},
    "history_changed": {
        "id": "riwayat {place} tidak sama dengan catatan audit",
        "en": "the history at {place} is not what the audit says",
    },
    "history_missing": {
        "id": "riwayat {place} ada di catatan audit, tetapi tidak di peringatannya",
        "en": "the audit has {place}, which the history of its alert lacks",
    },
}
_SAID = {
    "whole": {"id": "Utuh: {count} entri, tanda {mark}", "en": "Whole: {count} entries, mark {mark}"},
    "other_head": {
        "id": "Utuh, tetapi tanda {mark} yang pernah dicatat tidak ada di dalamnya: catatan ini ditulis ulang",
        "en": "Whole, but the mark {mark} that was kept is not in it: this log was written anew",
    },
    "broken": {"id": "RUSAK: ", "en": "BROKEN: "},
}
AuditLanguage = Annotated[CheckLanguage, typer.Option("--lang", help="Language of the answer.")]

NEWEST = 1_000
"""So many entries are listed unless more are asked for."""


@app.command("verify")
def verify_(
    head: Annotated[
        str,
        typer.Option(
            metavar="MARK", help="A mark that `siaga audit head` printed earlier: it must be in the log."
        ),
    ] = "",
    lang: AuditLanguage = CheckLanguage.id,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Prove that nothing of the log was changed, removed or inserted, and that every alert's history agrees with it.

    Ends with 0 where it is whole, with 1 where it is not. Works while the service runs.

    Example: siaga audit verify --head 5a1c...
    """
    settings = settings_of(config, set_)
    proof, contained = asyncio.run(_verify(settings, head.strip().lower()))
    if proof.fault is not None:
        typer.echo(_SAID["broken"][lang.value] + _FAULTS[proof.fault][lang.value].format(place=proof.place))
    elif not contained:
        typer.echo(_SAID["other_head"][lang.value].format(mark=head))
    else:
        typer.echo(_SAID["whole"][lang.value].format(count=proof.entries, mark=proof.mark or "-"))
    raise typer.Exit(0 if proof.fault is None and contained else 1)


@app.command()
def head(config: ConfigFile = DEFAULT_FILE, set_: Overrides = None) -> None:
    """Print the newest mark of the log. Keep it where nobody who can write to the store can reach it.

    Example: siaga audit head
    """

    async def read(settings: Settings) -> bytes:
        async with storage(settings) as store:
            return await store.mark(AUDIT)

    typer.echo(asyncio.run(read(settings_of(config, set_))).decode() or "-")


@app.command("list")
def list_(
    subject: Annotated[
        str, typer.Option(help="Only entries whose subject begins with this, such as an alert's id.")
    ] = "",
    limit: ListLimit = NEWEST,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """List the newest entries, the oldest of them first: when, what, of what, by whom.

    Example: siaga audit list --subject 5n3kq2
    """

    def show(entry: AuditEntry) -> None:
        if as_json:
            typer.echo(msgspec.json.encode(msgspec.structs.asdict(entry)).decode())
        else:
            at = format_instant(entry.at, "Asia/Jakarta")
            change = f"{entry.before} > {entry.digest or '-'}" if entry.before else ""
            typer.echo("  ".join(filter(None, (at, entry.what, entry.subject, entry.by, change))))

    async def print_newest(settings: Settings) -> None:
        newest: deque[AuditEntry] = deque()
        older = 0
        async with storage(settings) as store:
            async for entry in all_entries(store, archive_of(settings)):
                if not entry.subject.startswith(subject):
                    continue
                if not limit:
                    show(entry)
                    continue
                newest.append(entry)
                if len(newest) > limit:
                    newest.popleft()
                    older += 1
        for entry in newest:
            show(entry)
        say_more(older, "older entries")

    asyncio.run(print_newest(settings_of(config, set_)))


async def _contains(store: Store, settings: Settings, mark: bytes) -> bool:
    """Say whether a mark, or what begins with it, is in the log."""
    async for page in all_pages(store, archive_of(settings)):
        if any(kept.startswith(mark) for kept in page):
            return True
    return False


async def _verify(settings: Settings, head: str) -> tuple[Proof, bool]:
    async with storage(settings) as store:
        console = Console(stderr=True, highlight=False)
        with Progress(
            SpinnerColumn(), TextColumn("{task.completed}"), console=console, transient=True
        ) as bar:
            task = bar.add_task("", total=None)
            proof = await verify(store, archive_of(settings), lambda count: bar.update(task, completed=count))
        contained = not head or head == proof.mark
        if not contained:
            contained = len(head) >= 8 and await _contains(store, settings, head.encode())
        return proof, contained
