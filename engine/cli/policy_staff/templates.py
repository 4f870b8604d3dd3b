"""`siaga templates`: do all messages fit and arrive, and how does one read?

Here: arguments, printing, the exit code. Not here: what is examined (`texts.sms_length_check`) and as whom a message is
told (`texts.preview`).
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from engine.cli.common.options import ConfigFile, Overrides, settings_of
from engine.errors import ConfigurationError, SiagaError
from engine.settings import DEFAULT_FILE, Settings

if TYPE_CHECKING:
    from engine.records.alert_repository import Case

CODE = "K7QR"
"""Stands for a code; a preview tells no real one, nor a link that opens."""

app = typer.Typer(no_args_is_help=True, help="Examine the texts of messages.")


@app.command()
def check(
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
    most: Annotated[int, typer.Option(help="Findings to print.", min=1)] = 50,
) -> None:
    """Render every SMS at its longest, in both languages, for the rules and each gateway of this installation.

    Finds what does not fit one part (nothing of place and title may be cut), banned words, letters beyond GSM-7, links
    where none arrive, and codes on a one-way route. Exit code 1: there is such a thing.

    Example: siaga templates check --set gateways.sms.two_way=true --set gateways.sms.banned_words=otp,pin
    """
    from engine.delivery.gateways import sms_profiles
    from engine.documents.kinds import load_kinds, names_by_language
    from engine.documents.regions import load_regions
    from engine.rule_sets.rule_files import read_rule_set
    from engine.texts.catalogue import load_catalogue
    from engine.texts.sms_length_check import SmsLengthCheck, short_titles

    settings = settings_of(config, set_)
    regions, kinds = load_regions(settings.paths.regions), load_kinds(settings.paths.kinds)
    rules = read_rule_set(settings.paths, regions, kinds).rules.values()
    titles = short_titles((rule.short_title, rule.title) for rule in rules)
    catalogue = load_catalogue(settings.paths.templates / "texts.yaml")
    names = names_by_language(kinds)
    findings = 0
    for gateway, profile in sms_profiles(settings).items():
        specimens = SmsLengthCheck(catalogue, names, regions, base_url=settings.base_url, profile=profile)
        found = list(specimens.findings(titles))
        for finding in found[:most]:
            typer.echo(f"{finding.message}: {finding.fault}: {finding.text}")
        if len(found) > most:
            typer.echo(f"... and {len(found) - most} more")
        route = "two-way, with codes" if profile.two_way else "one-way, with links"
        typer.echo(f"{gateway}: {len(titles)} rules, {route}: {len(found)} findings")
        findings += len(found)
    if findings:
        raise typer.Exit(1)


@app.command()
def preview(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Which message: first, step, taken_by, inform, ...")
    ],
    alert: Annotated[
        str | None, typer.Option(metavar="ID", help="Of which alert; default: the newest.")
    ] = None,
    channel: Annotated[Literal["email", "sms"], typer.Option(help="On which channel.")] = "email",
    language: Annotated[Literal["id", "en"], typer.Option("--lang", help="In which language.")] = "id",
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the page of the e-mail too.")
    ] = None,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Show a message of an alert as it would read now; nothing is planned or sent.

    It is told as whoever was told last. Links and codes are stand-ins.

    Example: siaga templates preview first --alert abcdefgh23456772 --channel sms
    """
    from engine.delivery.gateways import sms_profile
    from engine.documents.kinds import load_kinds, names_by_language
    from engine.documents.regions import load_regions
    from engine.gsm7 import parts, septets
    from engine.texts import preview as previews
    from engine.texts.answer_link_token import token_length, with_token
    from engine.texts.catalogue import load_catalogue
    from engine.texts.render import Renderer

    if name not in previews.NAMES:
        raise ConfigurationError(f"no message is called {name}; there are: {', '.join(previews.NAMES)}")
    settings = settings_of(config, set_)
    case, at = asyncio.run(_case(settings, alert))
    told = tuple(case.notifications.values())
    profile = sms_profile(settings)
    rendered = Renderer.of(
        settings,
        load_catalogue(settings.paths.templates / "texts.yaml"),
        names_by_language(load_kinds(settings.paths.kinds)),
        load_regions(settings.paths.regions),
    ).render(
        previews.preview_notification(name, case.alert, told, channel=channel, language=language, at=at),
        case.alert,
        told,
        at=at,
        to="",
        code=CODE if profile.two_way else "",
        profile=profile,
    )
    text = with_token(rendered.text, "x" * token_length(channel))
    if channel == "sms":
        typer.echo(f"{text}\n\n({septets(text)} septets, {parts(text)} part)")
        return
    typer.echo(
        f"Subject: {rendered.subject}\nFrom: {settings.messages.sender}\nDate: {rendered.date}\n\n{text}"
    )
    if html is not None:
        html.write_text(with_token(rendered.html, "x" * token_length(channel)), encoding="utf-8")


async def _case(settings: Settings, alert_id: str | None) -> tuple[Case, int]:
    """Return an alert with its notifications, the newest where none is named, and the present instant."""
    from engine.cli.common.storage import storage
    from engine.clock import WallClock
    from engine.records.alert_lists import WantedList, build, page_of
    from engine.records.alert_repository import load
    from engine.runtime.lock_step import stored_clock

    async with storage(settings) as store:
        if alert_id is None:
            await build(store)  # the service may not have been started since it learned of lists
            newest = await page_of(store, WantedList(), 1)
            if not newest.alerts:
                raise SiagaError("there is no alert yet; `siaga demo` opens some")
            alert_id = newest.alerts[0].id
        case = (await load(store, [alert_id])).get(alert_id)
        if case is None:
            raise SiagaError(f"there is no alert {alert_id}; GET /v1/alerts lists all")
        lock_step = settings.clock.mode == "lock_step"
        clock = await stored_clock(store, case.alert.detected_at) if lock_step else WallClock()
        return case, clock.now()
