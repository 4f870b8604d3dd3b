"""`siaga proposals`: changes that wait for another person, and deciding on them from the machine itself.

Here: arguments and printing. Not here: what a decision does (`rule_sets.proposals`). The account of the machine
decides, and may not approve what it proposed itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from engine.cli.common.options import ConfigFile, Overrides, os_account, settings_of
from engine.cli.common.output import print_listing
from engine.cli.common.storage import storage
from engine.cli.policy_staff.check import CheckLanguage, Format
from engine.core.judging.instant import Instant, local
from engine.errors import SiagaError
from engine.settings import DEFAULT_FILE, Settings
from engine.store.port import Place, read_place

if TYPE_CHECKING:
    from engine.documents.finding import Language
    from engine.people.proposal_records import ChangeProposal, ContactChange, Decided
    from engine.rule_sets.proposals import ProposalPage
    from engine.rule_sets.rule_difference import RuleSetReading

app = typer.Typer(no_args_is_help=True, help="Decide on changes that another person proposed.")
ZONE = "Asia/Jakarta"
_MARKS = {"old": "- ", "new": "+ ", "same": "  "}
_WORDS: dict[Language, dict[str, str]] = {
    "id": {
        "before": "  sebelum: {text}",
        "after": "  sesudah: {text}",
        "more": "  diberi tahu juga: {names}",
        "less": "  tidak lagi diberi tahu: {names}",
        "head": "{kind} {id}, diusulkan oleh {by} pada {at} WIB, {state}; berakhir {until} WIB",
        "told": "Orang yang langsung diberi tahu: {told}.",
        "gone": "Perbedaannya tidak tersimpan lagi.",
        "approved": "Disetujui.",
        "rejected": "Ditolak.",
        "withdrawn": "Ditarik kembali.",
        "not_waiting": "Ditolak: usulan ini sudah diputuskan atau sudah lewat waktunya.",
        "one_person": "Ditolak: yang mengusulkan tidak boleh menyetujui; harus orang lain.",
        "nobodys": "Ditolak: kredensial ini bukan milik siapa pun; hanya milik seseorang yang dapat menyetujui.",
        "asked_anew": "Ditolak: yang berlaku berganti sejak dibandingkan. Lihat lagi: siaga proposals show {id}",
        "too_many_told": "Ditolak: {told} orang akan diberi tahu; ulangi dengan --yes {told} bila memang begitu.",
        "over": "Ditolak: tidak ada lagi yang akan diubah usulan ini.",
        "nobody_left": "Ditolak: peringatan yang terbuka tidak punya penerima lain.",
        "no_reason": "Ditolak: penolakan perlu alasan (--reason).",
        "no_code": "Ditolak: kode kontak itu belum kembali.",
        "counts_at": "{act} {contact}: berlaku {at} WIB bila tidak ada keberatan. {coded}",
        "approval": "{act} {contact}: berlaku hanya dengan persetujuan. {coded}",
        "coded": "Kodenya sudah kembali.",
        "not_coded": "Kodenya belum kembali.",
    },
    "en": {
        "before": "  before: {text}",
        "after": "  after: {text}",
        "more": "  told as well: {names}",
        "less": "  told no more: {names}",
        "head": "{kind} {id}, proposed by {by} at {at} WIB, {state}; ends {until} WIB",
        "told": "People told at once: {told}.",
        "gone": "Its difference is not kept any more.",
        "approved": "Approved.",
        "rejected": "Rejected.",
        "withdrawn": "Withdrawn.",
        "not_waiting": "Refused: this proposal was decided, or it lapsed.",
        "one_person": "Refused: whoever proposed it may not approve it; another person must.",
        "nobodys": "Refused: this credential belongs to no person; only one that does can approve.",
        "asked_anew": "Refused: what is in force changed since it was compared. Look again: siaga proposals show {id}",
        "too_many_told": "Refused: {told} people would be told; repeat with --yes {told} if that is meant.",
        "over": "Refused: there is nothing left that it would change.",
        "nobody_left": "Refused: unresolved alerts would have nobody left to tell.",
        "no_reason": "Refused: a rejection needs a reason (--reason).",
        "no_code": "Refused: the code of that contact has not come back.",
        "counts_at": "{act} {contact}: counts at {at} WIB unless somebody objects. {coded}",
        "approval": "{act} {contact}: counts by approval alone. {coded}",
        "coded": "Its code came back.",
        "not_coded": "Its code has not come back.",
    },
}

ProposalId = Annotated[str, typer.Argument(metavar="ID", help="As in `siaga proposals list`.")]
Language_ = Annotated[CheckLanguage, typer.Option("--lang", help="Language of the texts.")]


@app.command("list")
def list_(
    decided: Annotated[bool, typer.Option("--decided", help="What was decided, the latest first.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many.")] = 50,
    after: Annotated[
        str, typer.Option(metavar="CURSOR", help="Go on where a list ended, as it said there.")
    ] = "",
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """List what waits for another person, the oldest first.

    Example: siaga proposals list
    """
    from rich.table import Column, Table

    begin = read_place(after) if after else None
    page = asyncio.run(_list(settings_of(config, set_), limit, begin, decided=decided))
    table = Table(
        Column("id", no_wrap=True),
        "what",
        "proposed by",
        "at",
        "state",
        "due",
        "decided by",
        box=None,
        pad_edge=False,
    )
    for one in page.proposals:
        by = "" if one.decided_by is None else str(one.decided_by)
        due = _when(one.due_at) if one.state == "waiting" else ""
        table.add_row(one.id, one.subject.kind, str(one.by), _when(one.at), one.state, due, by)
    print_listing(table)
    if page.after is not None:
        typer.echo(f"more: siaga proposals list --after {page.after}", err=True)


@app.command()
def show(
    id_: ProposalId,
    lang: Language_ = CheckLanguage.id,
    format_: Annotated[Format, typer.Option("--format", help="For people or for machines.")] = Format.text,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Show a proposal: old and new words, the sentence of each rule before and after, who is told more and less.

    Example: siaga proposals show 4be1a2c3d4e5f6g7
    """
    language: Language = "id" if lang is CheckLanguage.id else "en"
    asyncio.run(_show(settings_of(config, set_), id_, language, format_))


@app.command()
def approve(
    id_: ProposalId,
    yes: Annotated[int, typer.Option(metavar="N", min=0, help="So many people may be told at once.")] = 0,
    lang: Language_ = CheckLanguage.id,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Approve a proposal of another person; look at it before with `siaga proposals show`.

    Example: siaga proposals approve 4be1a2c3d4e5f6g7
    """
    language: Language = "id" if lang is CheckLanguage.id else "en"
    raise typer.Exit(0 if asyncio.run(_approve(settings_of(config, set_), id_, yes, language)) else 1)


@app.command()
def reject(
    id_: ProposalId,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; not needed for your own.")] = "",
    lang: Language_ = CheckLanguage.id,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Reject a proposal of another person with a reason, or withdraw your own.

    Example: siaga proposals reject 4be1a2c3d4e5f6g7 --reason "Ambang terlalu rendah"
    """
    language: Language = "id" if lang is CheckLanguage.id else "en"
    raise typer.Exit(0 if asyncio.run(_reject(settings_of(config, set_), id_, reason, language)) else 1)


async def _list(settings: Settings, limit: int, after: Place | None, *, decided: bool) -> ProposalPage:
    from engine.cli.policy_staff.reload import inbox_of

    async with storage(settings) as store:
        inbox = await inbox_of(settings, store, "nothing is in force yet")
        return await inbox.proposals.page(lambda _one: True, limit, after, decided=decided)


async def _show(settings: Settings, id_: str, language: Language, format_: Format) -> None:
    from engine.cli.policy_staff.reload import inbox_of
    from engine.rule_sets.rule_difference import reading

    async with storage(settings) as store:
        inbox = await inbox_of(settings, store, "nothing is in force yet")
        proposal = _found(await inbox.proposals.get(id_), id_)
        kept = await inbox.proposals.rule_sets_of(proposal)
    found = reading(*kept) if kept is not None else None
    if format_ is Format.json:
        shown = {"proposal": msgspec.to_builtins(proposal), "difference": msgspec.to_builtins(found)}
        typer.echo(msgspec.json.format(msgspec.json.encode(shown)).decode())
        return
    _print(settings, proposal, found, language)


def _print(
    settings: Settings, proposal: ChangeProposal, found: RuleSetReading | None, language: Language
) -> None:
    from engine.documents.kinds import load_kinds, names_by_language
    from engine.texts.catalogue import load_catalogue
    from engine.texts.rule_sentence import sentence

    words = _WORDS[language]
    typer.echo(
        words["head"].format(
            kind=proposal.subject.kind,
            id=proposal.id,
            by=proposal.by,
            at=_when(proposal.at),
            until=_when(proposal.lapses_at),
            state=proposal.state,
        )
    )
    if found is None:
        typer.echo(_other(proposal, words))
        return
    texts = load_catalogue(settings.paths.templates / "texts.yaml").texts(language)
    kinds = names_by_language(load_kinds(settings.paths.kinds))
    for rule in found.rules:
        typer.echo(f"\n{rule.id}")
        for key, one in (("before", rule.before), ("after", rule.after)):
            if one is not None:
                typer.echo(words[key].format(text=sentence(one, texts, kinds)))
        for key, told in (("more", rule.more), ("less", rule.less)):
            if told:
                names = ", ".join(f"{texts[f'level.{t.level}']}: {t.role} {t.at}".rstrip() for t in told)
                typer.echo(words[key].format(names=names))
        for mark, text in rule.words:
            typer.echo(f"    {_MARKS[mark]}{text}")
    for policy in found.policies:
        typer.echo(f"\n{policy.id}")
        for mark, text in policy.words:
            typer.echo(f"    {_MARKS[mark]}{text}")
    if proposal.preview is not None:
        typer.echo("\n" + words["told"].format(told=proposal.preview.told))


def _other(proposal: ChangeProposal, words: Mapping[str, str]) -> str:
    """Return what a proposal that has no difference of rules would change."""
    if proposal.subject.contact is not None:
        return _contact(proposal.subject.contact, words)
    if proposal.subject.silence is not None:
        return msgspec.json.format(msgspec.json.encode(proposal.subject.silence)).decode()
    return words["gone"]


def _contact(change: ContactChange, words: Mapping[str, str]) -> str:
    """Return what becomes of a contact, and when, in one line."""
    key = "approval" if change.counts_at is None else "counts_at"
    coded = words["coded" if change.coded else "not_coded"] if change.act == "count" else ""
    at = "" if change.counts_at is None else _when(change.counts_at)
    return words[key].format(act=change.act, contact=change.contact, at=at, coded=coded).strip()


async def _approve(settings: Settings, id_: str, yes: int, language: Language) -> bool:
    from rich.console import Console

    from engine.cli.policy_staff.reload import inbox_of, until_in_force
    from engine.records.rule_set_diff import ACCEPTED

    async with storage(settings) as store:
        inbox = await inbox_of(settings, store, "nothing is in force yet")
        proposal = _found(await inbox.proposals.get(id_), id_)
        decided = _decided(await inbox.proposals.approve(id_, os_account(), proposal.base, yes), id_)
        _say(decided, language)
        if decided.result == "approved" and decided.looked and decided.looked.outcome in ACCEPTED:
            console = Console(highlight=False, soft_wrap=True)
            await until_in_force(store, decided.looked.rule_set, console, language, Format.text)
    return decided.result == "approved"


async def _reject(settings: Settings, id_: str, reason: str, language: Language) -> bool:
    from engine.cli.policy_staff.reload import inbox_of

    async with storage(settings) as store:
        inbox = await inbox_of(settings, store, "nothing is in force yet")
        decided = _decided(await inbox.proposals.reject(id_, os_account(), reason.strip()), id_)
    _say(decided, language)
    return decided.result in ("rejected", "withdrawn")


def _say(decided: Decided, language: Language) -> None:
    preview = decided.looked.preview if decided.looked else None
    told = preview.told if preview else 0
    typer.echo(_WORDS[language][decided.result].format(id=decided.proposal.id, told=told))


def _found(proposal: ChangeProposal | None, id_: str) -> ChangeProposal:
    if proposal is None:
        raise SiagaError(f"there is no proposal {id_}; `siaga proposals list` shows what waits")
    return proposal


def _decided(decided: Decided | None, id_: str) -> Decided:
    if decided is None:
        raise SiagaError(f"there is no proposal {id_}; `siaga proposals list` shows what waits")
    return decided


def _when(at: Instant) -> str:
    return f"{local(at, ZONE):%d-%m-%Y %H.%M}"
