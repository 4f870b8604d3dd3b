"""`siaga reload`: proposes the rules and policies of the files, with what they change and whom that reaches.

Here: arguments, printing, the bar until the switch is done. Not here: what is compared (`rule_sets.rollout`), who else
must approve (`rule_sets.proposals`), and the switch (`evaluation.activation`). It opens the store, as whoever runs it
may; the account of the machine proposes. A service that runs switches by itself.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
import typer

from engine.cli.common.options import ConfigFile, Overrides, os_account, settings_of
from engine.cli.common.storage import storage
from engine.cli.policy_staff.check import CheckLanguage, Format
from engine.core.judging.instant import HOUR, from_datetime, local
from engine.documents.finding import Language, advice_first
from engine.errors import ConfigurationError
from engine.settings import DEFAULT_FILE, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from engine.clock import Clock
    from engine.records.rule_set_diff import Approved, Preview
    from engine.records.runtime_config import RuntimeConfig
    from engine.rule_sets.proposals import Proposals
    from engine.rule_sets.rollout import RuleSetRollout
    from engine.store.port import Store

POLL_SECONDS = 0.2
PATIENCE = 25
"""Polls without any progress after which nobody seems to be there who could switch."""
_WORDS: dict[Language, dict[str, str]] = {
    "id": {
        "no_difference": "Berkas sama dengan yang berlaku.",
        "added": "  + {rule}: baru",
        "removed": "  - {rule}: dihapus; peringatannya yang terbuka jalan terus",
        "changed": "  ~ {rule}: {keys}{anew}",
        "anew": " (dinilai ulang dari masa lalu)",
        "policies": "  kebijakan: {names}",
        "stages": "  tahapan berubah",
        "open": "Peringatan terbuka yang tetap memakai versi lamanya: {count}.",
        "told": "Orang yang langsung diberi tahu: {told}; peringatan yang terbuka: {opened}, hanya dicatat: {hidden}.",
        "judges_from": "  {rule} baru dapat menilai penuh mulai {at} WIB: simpanan tidak lebih tua.",
        "invalid": "Ditolak: berkas berisi kesalahan, yang berlaku tetap berlaku.",
        "proposed": "Usulan {id} menunggu persetujuan orang lain sampai {at} WIB: siaga proposals show {id}",
        "alone": "Berlaku tanpa orang kedua (reload.four_eyes: false); audit mencatat: alone.",
        "changed_meanwhile": "Ditolak: yang berlaku berganti sementara itu; ulangi.",
        "too_many_told": "Ditolak: {told} orang akan diberi tahu; ulangi dengan --yes {told} bila memang begitu.",
        "nothing": "Belum ada yang berlaku: layanan mengambil berkas apa adanya saat pertama dijalankan.",
        "waiting": "Tercatat; berlaku begitu layanan yang menilai berjalan.",
        "in_force": "Berlaku.",
        "rebuild": "menilai masa lalu",
    },
    "en": {
        "no_difference": "The files are what is in force.",
        "added": "  + {rule}: new",
        "removed": "  - {rule}: removed; its open alerts run on",
        "changed": "  ~ {rule}: {keys}{anew}",
        "anew": " (judged anew from the past)",
        "policies": "  policies: {names}",
        "stages": "  stages changed",
        "open": "Open alerts that keep their version: {count}.",
        "told": "People told at once: {told}; alerts that open: {opened}, only recorded: {hidden}.",
        "judges_from": "  {rule} can judge fully only from {at} WIB on: nothing older is stored.",
        "invalid": "Refused: the files have errors; what is in force stays.",
        "proposed": "Proposal {id} waits for another person's approval, until {at} WIB: siaga proposals show {id}",
        "alone": "In force without a second person (reload.four_eyes: false); the audit says: alone.",
        "changed_meanwhile": "Refused: what is in force changed meanwhile; try again.",
        "too_many_told": "Refused: {told} people would be told; repeat with --yes {told} if that is meant.",
        "nothing": "Nothing is in force yet: the first start of the service takes the files as they are.",
        "waiting": "Noted; it comes into force as soon as a service that judges is running.",
        "in_force": "In force.",
        "rebuild": "judging the past",
    },
}


def reload(
    yes: Annotated[int, typer.Option(metavar="N", min=0, help="So many people may be told at once.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    format_: Annotated[Format, typer.Option("--format", help="For people or for machines.")] = Format.text,
    lang: Annotated[CheckLanguage, typer.Option(help="Language of the texts.")] = CheckLanguage.id,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Propose changed rules and policies: all of them are valid, and another person approves, or nothing changes.

    Says what differs, which open alerts keep their version, and how many people would be told. Your account on this
    machine proposes. With `reload.four_eyes: false` it puts them in force alone, and the audit says so. Ends with 0,
    with 1 where it is refused, with 2 for wrong usage.

    Example: siaga reload --dry-run
    """
    language: Language = "id" if lang is CheckLanguage.id else "en"
    found = asyncio.run(
        _reload(settings_of(config, set_), yes, dry_run=dry_run, language=language, format_=format_)
    )
    raise typer.Exit(0 if found else 1)


async def _reload(
    settings: Settings, yes: int, *, dry_run: bool, language: Language, format_: Format
) -> bool:
    """Return whether it was accepted, or would be looked at without an error."""
    from rich.console import Console

    from engine.people.proposal_records import ChangeProposal
    from engine.records.rule_set_diff import ACCEPTED, REFUSED
    from engine.rule_sets.rollout import ALONE
    from engine.rule_sets.rule_files import as_they_lie

    console, words = Console(highlight=False, soft_wrap=True), _WORDS[language]
    async with storage(settings) as store:
        inbox = await inbox_of(settings, store, words["nothing"])
        loaded = as_they_lie(settings.paths)
        proposal: ChangeProposal | None = None
        if not loaded.valid:
            found = inbox.approval.refuse(loaded)
        elif dry_run:
            found = await inbox.approval.preview(loaded)
        elif settings.reload.four_eyes:
            found, proposal = await inbox.proposals.propose_rules(loaded.value, os_account())
        else:
            found = await inbox.approval.put_in_force(
                loaded.value,
                await inbox.approval.preview(loaded),
                author=str(os_account()),
                approved_by=ALONE,
                yes=yes,
            )
        if format_ is Format.json:
            said = as_json(found) | {"proposal": proposal.id if proposal else ""}
            typer.echo(msgspec.json.format(msgspec.json.encode(said)).decode())
        else:
            print_text(found, console, language)
            if proposal is not None:
                until = f"{local(proposal.lapses_at, 'Asia/Jakarta'):%d-%m-%Y %H.%M}"
                console.print(words["proposed"].format(id=proposal.id, at=until), markup=False)
        if found.outcome in ACCEPTED:
            if format_ is Format.text:
                console.print(words["alone"])
            await until_in_force(store, found.rule_set, console, language, format_)
    return found.outcome not in REFUSED


async def until_in_force(
    store: Store, rule_set: str, console: Console, language: Language, format_: Format
) -> None:
    """Show how far the switch to a rule set is, and say at the end whether it is in force."""
    words = _WORDS[language]
    with _bar(words["rebuild"]) as shown:
        done = await in_force(store, rule_set, shown)
    if format_ is Format.text:
        console.print(words["in_force" if done else "waiting"])


class Inbox(NamedTuple):
    """What proposals of an installation are compared and decided with."""

    clock: Clock
    books: RuntimeConfig
    approval: RuleSetRollout
    proposals: Proposals


async def inbox_of(settings: Settings, store: Store, nothing: str) -> Inbox:
    """Return the inbox; raise `ConfigurationError` with the text `nothing` where no rule set is in force yet."""
    from engine.bootstrap import history_of
    from engine.clock import WallClock
    from engine.documents.kinds import load_kinds
    from engine.documents.regions import load_regions
    from engine.escalation.alert_commands import AlertCommands
    from engine.escalation.silences import Silences
    from engine.metrics import Metrics
    from engine.records.rule_sets import RuleSet
    from engine.records.runtime_config import RuntimeConfig
    from engine.rule_sets.proposals import Proposals
    from engine.rule_sets.rollout import RuleSetRollout
    from engine.runtime.keys import agreed_keys
    from engine.runtime.lock_step import stored_clock

    start = settings.clock.start
    clock = (
        WallClock()
        if settings.clock.mode == "real"
        else await stored_clock(store, 0 if start is None else from_datetime(start))
    )
    books = RuntimeConfig(
        store,
        namespace=settings.namespace,
        regions=load_regions(settings.paths.regions),
        kinds=load_kinds(settings.paths.kinds),
        rule_set=RuleSet({}, {}),
    )
    if not (await books.follow()).rule_set:
        raise ConfigurationError(nothing)
    metrics = Metrics()
    silences = Silences(store, clock, books, AlertCommands(store, clock, books, metrics))
    approval = RuleSetRollout(
        store,
        clock,
        books,
        metrics,
        max_told=settings.reload.max_told,
        history=history_of(settings, store),
    )
    proposals = Proposals(
        store,
        clock,
        books,
        approval,
        silences,
        keys=await agreed_keys(store, settings.key_file, os.environ),
        objection=settings.contacts.objection_hours * HOUR,
    )
    return Inbox(clock, books, approval, proposals)


async def in_force(store: Store, rule_set: str, shown: Callable[[float], None]) -> bool:
    """Wait until a rule set is in force; False where nobody does anything about it."""
    from engine.records.rule_sets import RULES, ActivationProgress, InForce
    from engine.records.tolerant_read import readable_or
    from engine.store.codec import decode_record

    idle, before = 0, -1.0
    while idle < PATIENCE:
        current, progress = await store.get(RULES, ["in_force", "progress"])
        if (
            current is not None
            and decode_record(RULES, "in_force", current.value, InForce).rule_set == rule_set
        ):
            shown(1.0)
            return True
        seen = readable_or(RULES, "progress", progress, ActivationProgress, None)
        share = seen.share if seen is not None else 0.0
        idle, before = (0, share) if share != before else (idle + 1, share)
        shown(share)
        await asyncio.sleep(POLL_SECONDS)
    return False


def as_json(found: Approved) -> dict[str, object]:
    """Return what became of it as one JSON object."""
    preview = None if found.preview is None else msgspec.to_builtins(found.preview)
    return {
        "outcome": found.outcome,
        "rule_set": found.rule_set,
        "preview": preview,
        "findings": [finding.as_json() for finding in found.findings],
    }


def print_text(found: Approved, console: Console, language: Language) -> None:
    """Print what would change, and why it is refused if it is."""
    words = _WORDS[language]
    if found.outcome == "invalid":
        for finding in advice_first(found.findings):
            console.print(finding.format(language), markup=False)
    if found.preview is not None and found.outcome != "no_difference":
        for line in _lines(found.preview, words):
            console.print(line, markup=False)
    if found.outcome in words:
        told = found.preview.told if found.preview else 0
        console.print(words[found.outcome].format(told=told), markup=False)


def _lines(preview: Preview, words: dict[str, str]) -> Iterator[str]:
    revision = preview.revision
    for rule in revision.added:
        yield words["added"].format(rule=rule)
    for rule, keys in revision.changed.items():
        anew = words["anew"] if rule in revision.rebuilt else ""
        yield words["changed"].format(rule=rule, keys=", ".join(keys), anew=anew)
    for rule in revision.removed:
        yield words["removed"].format(rule=rule)
    if revision.policies:
        yield words["policies"].format(names=", ".join(revision.policies))
    if revision.stages:
        yield words["stages"]
    for rule, at in preview.judges_from.items():
        yield words["judges_from"].format(rule=rule, at=f"{local(at, 'Asia/Jakarta'):%d-%m-%Y %H.%M}")
    yield words["open"].format(count=len(preview.open_alerts))
    yield words["told"].format(
        told=preview.told, opened=sum(preview.opened.values()), hidden=sum(preview.hidden.values())
    )


@contextmanager
def _bar(text: str) -> Iterator[Callable[[float], None]]:
    """Show a bar while the context lasts; gives what is called with the share that is done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(text), BarColumn(), TextColumn("{task.percentage:3.0f} %"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda share: bar.update(task, completed=share)
