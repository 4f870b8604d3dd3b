"""`siaga case`: one alert with everything that happened to it, as a signed file, and the proof of one.

Here: arguments and printing. Not here: what a file holds (`records.case_file`).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.common.options import ConfigFile, Overrides, option_instant, os_account, settings_of
from engine.cli.common.storage import storage
from engine.cli.policy_staff.check import CheckLanguage
from engine.clock import WallClock
from engine.core.alerting.alert import Alert, HistoryEntry, Notification
from engine.core.judging.instant import format_instant
from engine.core.judging.rule import level_name
from engine.documents.regions import load_regions
from engine.errors import ConfigurationError
from engine.records.audit_log import AUDIT, AuditEntry, append_audit, digest_of_contents
from engine.records.case_archive import archive_of, case_story
from engine.records.case_file import CaseContents, CaseFileError, CaseFileFault, public_key, read, write
from engine.runtime.keys import secret_keys
from engine.settings import DEFAULT_FILE, Settings
from engine.store.port import Write
from engine.texts.catalogue import LANGUAGES, load_catalogue
from engine.texts.credential_words import credential_words, offices_of
from engine.texts.localizer import Localizer

app = typer.Typer(
    no_args_is_help=True, help="Hand over one alert with everything that happened to it, signed."
)

_FAULTS: dict[CaseFileFault, dict[str, str]] = {
    "not_a_case_file": {"id": "bukan berkas kasus", "en": "no case file"},
    "bad_signature": {"id": "isinya bukan yang ditandatangani", "en": "not what was signed"},
    "other_key": {"id": "ditandatangani dengan kunci lain", "en": "signed by another key"},
    "history_changed": {"id": "riwayatnya diubah", "en": "its history was changed"},
}
_GOOD = {
    "id": "Sah: peringatan {alert} ({level}, {status}), {history} entri riwayat, {messages} pesan; diekspor {at}.",
    "en": "Genuine: alert {alert} ({level}, {status}), history {history}, messages {messages}; exported {at}.",
}
_NOT_PINNED = {
    "id": "Kunci penanda tangan {key}: cocokkan dengan `siaga case key` di instalasinya, atau beri --key.",
    "en": "Signed by {key}: compare it with `siaga case key` of the installation, or give --key.",
}


@app.command()
def export(
    alert_id: Annotated[str, typer.Argument(metavar="ALERT", help="The id that messages and the API name.")],
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A new file; default: <ALERT>.case.json")
    ] = None,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Write an alert with its notifications and its whole history into a signed file.

    It holds ids, numbers and digests; no address, no text of a message, no free text. The export stands in the audit.

    Example: siaga case export gctooexncanv244d
    """
    target = file or Path(f"{alert_id}.case.json")
    if target.exists():
        raise ConfigurationError(f"{target} is already there; name a new file")
    written = asyncio.run(_export(settings_of(config, set_), alert_id))
    target.write_bytes(written)
    typer.echo(f"{target}", err=True)


@app.command("verify")
def verify_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of `siaga case export`.", exists=True)],
    key: Annotated[str, typer.Option(metavar="HEX", help="The public key that must have signed it.")] = "",
    history: Annotated[bool, typer.Option("--history", help="List each entry, and by whom it was.")] = False,
    lang: Annotated[CheckLanguage, typer.Option("--lang", help="Language of the answer.")] = CheckLanguage.id,
) -> None:
    """Prove a case file. Needs neither an installation nor a network. Ends with 1 where it is not what was signed.

    Example: siaga case verify gctooexncanv244d.case.json --key 3b6a27bc...
    """
    try:
        contents = read(file.read_bytes(), key)
    except CaseFileError as error:
        typer.echo(f"{file}: {_FAULTS[error.fault][lang.value]} ({error})")
        raise typer.Exit(1) from None
    typer.echo(_said(contents, lang))
    for line in history_lines(contents, lang) if history else ():
        typer.echo(line)
    if not key:
        typer.echo(_NOT_PINNED[lang.value].format(key=_key_in(file)))


@app.command()
def key(config: ConfigFile = DEFAULT_FILE, set_: Overrides = None) -> None:
    """Print the public key by which this installation signs case files, to be published.

    Example: siaga case key
    """
    typer.echo(public_key(_seed(settings_of(config, set_))))


@app.command("list")
def list_(
    region: Annotated[str, typer.Option(help="Only of this region and what lies in it, by its code.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 100,
    before: Annotated[
        str, typer.Option(metavar="INSTANT", help="Only alerts detected before this instant.")
    ] = "",
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """List the alerts that left the store for the archive, the newest first.

    Example: siaga case list --region 73 --limit 20
    """
    past, until = archive_of(settings_of(config, set_)), option_instant("--before", before or None)
    if past is None:
        raise ConfigurationError("archive.enabled is false: no alert leaves the store")
    for row in past.index.page(limit, None if until is None else (until, ""), region=region):
        detected, resolved = (format_instant(at, "Asia/Jakarta") for at in (row.detected_at, row.resolved_at))
        space = "" if row.space == "real" else row.space
        parts = (
            row.id,
            detected,
            resolved,
            level_name(row.level),
            row.rule,
            row.region,
            row.resolved_reason,
            space,
        )
        typer.echo("  ".join(filter(None, parts)))


async def _export(settings: Settings, alert_id: str) -> bytes:
    seed, now = _seed(settings), WallClock().now()
    async with storage(settings) as store:
        case, history = await case_story(store, archive_of(settings), alert_id)
        mark = (await store.mark(AUDIT)).decode()
        messages = tuple(case.notifications.values())
        file = write(
            settings.namespace,
            case.alert,
            messages,
            history,
            credentials=credentials_in(settings, case.alert, messages, history),
            mark=mark,
            at=now,
            seed=seed,
        )
        done = AuditEntry(now, "exported", alert_id, digest_of_contents(file), str(os_account()))
        await store.write(Write(name="audit", appends=(append_audit(done),)))
        return file


def credentials_in(
    settings: Settings,
    alert: Alert,
    messages: Sequence[Notification],
    history: Iterable[HistoryEntry],
) -> dict[str, dict[str, str]]:
    """Return the words, by language, for each credential that a history names."""
    catalogue = load_catalogue(settings.paths.templates / "texts.yaml")
    regions, found = load_regions(settings.paths.regions), {entry.by for entry in history}
    said: dict[str, dict[str, str]] = {by: {} for by in sorted(found)}
    for language in LANGUAGES:
        texts = catalogue.texts(language)
        offices = offices_of(messages, Localizer(texts, regions, {}, alert.region))
        for by, words in said.items():
            words[language] = credential_words(by, texts, offices=offices)
    return said


def history_lines(contents: CaseContents, lang: CheckLanguage) -> Iterator[str]:
    """Yield a line for each entry of a case's history: when, what, of whom, and by which credential."""
    for entry in contents.history:
        by = contents.credentials.get(entry.by, {}).get(lang.value) or entry.by
        about = "  ".join(filter(None, (entry.name, entry.reason, entry.person, f"[{by}]")))
        yield f"{entry.number:>4}  {format_instant(entry.at, 'Asia/Jakarta')}  {about}"


def _seed(settings: Settings) -> bytes:
    """Return the secret of the signing key; it is made at first use and stays on this machine."""
    return secret_keys(
        settings.paths.var / "signing.key", {"SIAGA_KEY": os.environ.get("SIAGA_SIGNING_KEY", "")}
    ).current


def _said(contents: CaseContents, lang: CheckLanguage) -> str:
    alert = contents.alert
    return _GOOD[lang.value].format(
        alert=alert.id,
        level=level_name(alert.level),
        status=alert.status,
        history=len(contents.history),
        messages=len(contents.notifications),
        at=format_instant(contents.exported_at, "Asia/Jakarta"),
    )


def _key_in(file: Path) -> str:
    import msgspec

    return str(msgspec.json.decode(file.read_bytes())["key"])
