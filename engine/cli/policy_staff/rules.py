"""`siaga rules`: the rules of this installation, each in a plain sentence and as it was resolved.

Here: arguments and printing. Not here: the sentence (`texts.rule_sentence`) and the resolved form
(`documents.rules.resolved`).
"""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Annotated

import msgspec
import typer
import yaml

from engine.cli.common.options import ConfigFile, Overrides, rule_named, settings_of
from engine.cli.common.storage import storage
from engine.core.alerting.alert import Alert
from engine.core.judging.retention import KEPT_WHILE_OPEN
from engine.core.judging.rule import Rule
from engine.core.judging.window import remembered_for
from engine.documents.kinds import load_kinds, names_by_language
from engine.documents.regions import load_regions
from engine.documents.rules.resolved import written
from engine.records.alert_lists import Precisions, RulePrecision
from engine.records.alert_repository import ALERTS
from engine.records.tolerant_read import readable
from engine.rule_sets.rule_files import read_rule_set
from engine.settings import DEFAULT_FILE, Settings
from engine.texts.catalogue import Catalogue, load_catalogue
from engine.texts.rule_sentence import memory_sentence, sentence

app = typer.Typer(no_args_is_help=True, help="Read the rules: what each does, in a plain sentence.")

WIDTH = 110
"""Columns of the printed form."""
_PRECISION = {
    "id": ("aturan", "peringatan", "selesai", "bukan pelanggaran", "ditarik", "bagian"),
    "en": ("rule", "alerts", "over", "no violation", "taken back", "share"),
}
_HEADS = {"id": ("versi", "berkas"), "en": ("version", "file")}


class RulesFormat(StrEnum):
    """How a rule is printed."""

    text = "text"
    json = "json"


class RulesTongue(StrEnum):
    """The language of the sentence."""

    id = "id"
    en = "en"


RulesLanguage = Annotated[RulesTongue, typer.Option("--lang", help="Language of the sentence.")]
OutputForm = Annotated[RulesFormat, typer.Option("--format", help="For people or for machines.")]


@app.command("list")
def list_(
    lang: RulesLanguage = RulesTongue.id,
    format_: OutputForm = RulesFormat.text,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """List every rule with its version, its place and what it does.

    Example: siaga rules list --lang en
    """
    shelf = _Shelf(settings_of(config, set_))
    if format_ is RulesFormat.json:
        _print_json([shelf.as_json(rule) for rule in shelf.rules.values()])
        return
    for rule in shelf.rules.values():
        typer.echo(f"{rule.id}  {rule.version}  {rule.source}")
        typer.echo(f"  {shelf.sentence(rule, lang)}")


@app.command()
def show(
    rule_id: Annotated[str, typer.Argument(metavar="ID", help="The id of a rule.")],
    lang: RulesLanguage = RulesTongue.id,
    format_: OutputForm = RulesFormat.text,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Show one rule: what it does, its version and place, and all its keys with defaults, lists and filters filled in.

    Example: siaga rules show netralitas-berulang --lang en
    """
    shelf = _Shelf(settings_of(config, set_))
    rule = rule_named(shelf.rules, rule_id)
    if format_ is RulesFormat.json:
        _print_json(shelf.as_json(rule))
        return
    version, file = _HEADS[lang.value]
    typer.echo(shelf.sentence(rule, lang))
    typer.echo(f"\n{version}: {rule.version}   {file}: {rule.source}")
    typer.echo(f"{shelf.memory(rule, lang)}\n")
    typer.echo(yaml.safe_dump(written(rule), sort_keys=False, allow_unicode=True, width=WIDTH), nl=False)


@app.command()
def precision(
    lang: RulesLanguage = RulesTongue.id,
    format_: OutputForm = RulesFormat.text,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Say of each rule how many alerts it made, and how many of those that are over ended as no violation.

    A violation that was refuted by whoever may is none. Exercises and alerts that were only recorded do not count.

    Example: siaga rules precision --lang en
    """
    from rich.table import Table

    from engine.cli.common.output import print_listing

    found = asyncio.run(_precision(settings_of(config, set_)))
    if format_ is RulesFormat.json:
        _print_json([msgspec.to_builtins(one) | {"share": one.share} for one in found])
        return
    table = Table(*_PRECISION[lang.value], box=None, pad_edge=False)
    for one in found:
        counts = (one.alerts, one.resolved, one.no_violation, one.taken_back)
        share = "-" if one.share is None else f"{100 * one.share:.0f} %"
        table.add_row(one.rule, *(str(count) for count in counts), share)
    print_listing(table)


async def _precision(settings: Settings) -> list[RulePrecision]:
    async with storage(settings) as store:
        found = Precisions()
        async for piece in store.walk(ALERTS):
            found.add(readable(ALERTS, piece, Alert).values())
        return found.by_rule()


class _Shelf:
    """The rules in force and the words to speak of them."""

    def __init__(self, settings: Settings) -> None:
        kinds = load_kinds(settings.paths.kinds)
        regions = load_regions(settings.paths.regions)
        self.rules = read_rule_set(settings.paths, regions, kinds).rules
        self._kinds = names_by_language(kinds)
        self._catalogue: Catalogue = load_catalogue(settings.paths.templates / "texts.yaml")

    def sentence(self, rule: Rule, lang: RulesTongue) -> str:
        return sentence(rule, self._catalogue.texts(lang.value), self._kinds)

    def memory(self, rule: Rule, lang: RulesTongue) -> str:
        return memory_sentence(rule, self._catalogue.texts(lang.value))

    def as_json(self, rule: Rule) -> dict[str, object]:
        file, _, line = rule.source.rpartition(":")
        return {
            "id": rule.id,
            "version": rule.version,
            "file": file,
            "line": int(line),
            "sentence": {tongue.value: self.sentence(rule, tongue) for tongue in RulesTongue},
            "remembers": {"milliseconds": remembered_for(rule), "more_while_open": KEPT_WHILE_OPEN},
            "rule": written(rule),
        }


def _print_json(value: object) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(value)).decode())
