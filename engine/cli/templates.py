"""`siaga templates`: do all messages fit and arrive?

Here: arguments, printing, the exit code. Not here: what is examined (`wording.specimen`).
"""

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli.options import ConfigFile, Overrides, settings_of
from engine.settings import DEFAULT_FILE

app = typer.Typer(no_args_is_help=True, help="Examine the texts of messages.")


@app.command()
def check(
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
    most: Annotated[int, typer.Option(help="Findings to print.", min=1)] = 50,
) -> None:
    """Render every SMS at its longest, in both languages, for the rules and the route of this installation.

    Finds what does not fit one part (nothing of place and title may be cut), banned words, letters beyond GSM-7, links
    where none arrive, and codes on a one-way route. Exit code 1: there is such a thing.

    Example: siaga templates check --set gateways.sms.two_way=true --set gateways.sms.banned_words=otp,pin
    """
    from engine.loading.kinds import load_kinds, names_by_language
    from engine.loading.regions import load_regions
    from engine.service.outlets import sms_profile
    from engine.service.reload import read_rule_set
    from engine.wording.specimen import Specimens, short_titles
    from engine.wording.texts import load_catalogue

    settings = settings_of(config, set_)
    regions, kinds = load_regions(settings.paths.regions), load_kinds(settings.paths.kinds)
    rules = read_rule_set(settings.paths, regions, kinds).rules.values()
    specimens = Specimens(
        load_catalogue(settings.paths.templates / "texts.yaml"),
        names_by_language(kinds),
        regions,
        base_url=settings.base_url,
        profile=sms_profile(settings),
    )
    titles = short_titles((rule.short_title, rule.title) for rule in rules)
    findings = list(specimens.findings(titles))
    for finding in findings[:most]:
        typer.echo(f"{finding.message}: {finding.fault}: {finding.text}")
    if len(findings) > most:
        typer.echo(f"... and {len(findings) - most} more")
    route = "two-way, with codes" if settings.gateways.sms.two_way else "one-way, with links"
    typer.echo(f"{len(titles)} rules, {route}: {len(findings)} findings")
    if findings:
        raise typer.Exit(1)
