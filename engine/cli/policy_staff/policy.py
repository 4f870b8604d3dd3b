"""`siaga policy`: how an escalation would run, and whether it reaches anybody.

Here: arguments, printing, the exit code. Not here: the escalation itself (`core.alerting.reachability`). People are
named by id, role and place, never by name or address.
"""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Annotated

import msgspec
import typer

from engine.cli.common.options import ConfigFile, Moment, Overrides, option_instant, settings_of
from engine.cli.common.storage import storage
from engine.cli.policy_staff.check import CheckLanguage
from engine.clock import WallClock
from engine.core.alerting.alert import HistoryEntry, Notification
from engine.core.alerting.case_editor import DecisionContext
from engine.core.alerting.policy import Policy
from engine.core.alerting.reachability import EscalationPreview, escalation_preview
from engine.core.judging.instant import Instant, format_duration, local
from engine.core.judging.region import RegionTable
from engine.core.judging.rule import LEVEL_NAMES, Rule
from engine.documents.kinds import load_kinds
from engine.documents.regions import load_regions
from engine.errors import ConfigurationError
from engine.records.rule_sets import RuleSet
from engine.records.runtime_config import RuntimeConfig
from engine.rule_sets.rule_files import read_rule_set
from engine.settings import DEFAULT_FILE, Settings

app = typer.Typer(no_args_is_help=True, help="Look at escalation policies: who would be told, and when.")

ANY_RULE = Rule(id="", title="", short_title="", owner="", why="", guide="")
"""Stands for whatever rule may escalate by the policy."""


class PolicyLevel(StrEnum):
    """The level of the alert."""

    waspada = "waspada"
    siaga = "siaga"
    awas = "awas"


_WORDS: dict[str, dict[str, str]] = {
    "head": {
        "id": "Kebijakan {policy}, {place}, tingkat {level}, mulai {at}, bila tidak ada yang menjawab:",
        "en": "Policy {policy}, {place}, level {level}, from {at}, if nobody answers:",
    },
    "step_started": {
        "id": "putaran {round}, tahap {step}: diminta bertindak",
        "en": "round {round}, step {step}: asked to act",
    },
    "step_skipped": {
        "id": "putaran {round}, tahap {step} dilewati: {reason}",
        "en": "round {round}, step {step} skipped: {reason}",
    },
    "recipient_passed_over": {
        "id": "tidak dipilih: {role} {region} {person} ({reason})",
        "en": "passed over: {role} {region} {person} ({reason})",
    },
    "conflict_of_interest": {
        "id": "terlapor, tidak diberi tahu: {person}",
        "en": "reported person, not told: {person}",
    },
    "exhausted": {"id": "semua tahap habis; yang diberi tahu", "en": "no step is left; told are"},
    "exhausted.nobody": {
        "id": "semua tahap habis dan TIDAK SEORANG PUN diberi tahu",
        "en": "no step is left and NOBODY is told",
    },
    "silenced": {"id": "dibisukan", "en": "silenced"},
    "silence_ended": {"id": "bisukan berakhir", "en": "the silence ends"},
    "restarted": {"id": "tahap diulang: {reason}", "en": "the step starts anew: {reason}"},
    "informing": {"id": "diberi tahu saja", "en": "informed only"},
    "at": {"id": "pukul {at}", "en": "at {at}"},
    "unsent": {"id": "tidak terkirim: {reason}", "en": "not sent: {reason}"},
    "nobody": {
        "id": "Tidak ada yang diminta bertindak oleh tahap mana pun.",
        "en": "No step asks anybody to act.",
    },
    "cut_off": {
        "id": "Tidak ada akhirnya dalam batas latihan ini.",
        "en": "It does not end within the bounds of this rehearsal.",
    },
}


@app.command()
def show(
    policy_id: Annotated[str, typer.Argument(metavar="ID", help="The id of a policy.")],
    region: Annotated[str, typer.Option(help="The region of the alert, by its code: 73.15.")],
    at: Moment = None,
    level: Annotated[PolicyLevel, typer.Option(help="The alert's level.")] = PolicyLevel.siaga,
    subject_role: Annotated[
        str, typer.Option(metavar="ROLE", help="The office that the report is about, such as sekda.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")] = False,
    lang: Annotated[CheckLanguage, typer.Option(help="Language of the lines.")] = CheckLanguage.id,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Show the timeline of an alert that nobody answers: which step when, whom it tells by which channel, and why not.

    It runs through the same decisions as a real alert, with the directory, silences and calendar in force; nothing is
    kept and nothing is sent. Ends with 1 where no step asks anybody to act.

    Example: siaga policy show netralitas --region 73.15 --at "2024-11-25 02:50 WITA" --subject-role sekda
    """
    settings = settings_of(config, set_)
    regions = load_regions(settings.paths.regions)
    rule_set = read_rule_set(settings.paths, regions, load_kinds(settings.paths.kinds))
    if policy_id not in rule_set.policies:
        there = ", ".join(sorted(rule_set.policies))
        raise ConfigurationError(f"no policy is called {policy_id}; there are: {there}")
    if not regions.known(region):
        raise ConfigurationError(f"--region {region}: there is no such region in {settings.paths.regions}")
    when = option_instant("--at", at)
    around = asyncio.run(surroundings(settings, regions, rule_set))
    now = WallClock().now() if when is None else when
    number = LEVEL_NAMES.index(level.value) + 1
    policy = rule_set.policies[policy_id]
    found = escalation_preview(ANY_RULE, policy, region, number, around, now, subject_role=subject_role)
    if as_json:
        document = {"policy": policy, "history": found.history, "notifications": found.notifications}
        typer.echo(msgspec.json.format(msgspec.json.encode(document)).decode())
    else:
        for line in _Timeline(found, policy, region, level, regions, lang).lines(now):
            typer.echo(line)
    raise typer.Exit(0 if found.alert.runs else 1)


async def surroundings(settings: Settings, regions: RegionTable, rule_set: RuleSet) -> DecisionContext:
    """Return what decisions look at in the store of an installation: directory, silences, calendar."""
    async with storage(settings) as store:
        books = RuntimeConfig(
            store, namespace=settings.namespace, regions=regions, kinds={}, rule_set=rule_set
        )
        return await books.surroundings()


class _Timeline:
    """An outlook in words of one language, in the time of the alert's region."""

    def __init__(
        self,
        found: EscalationPreview,
        policy: Policy,
        region: str,
        level: PolicyLevel,
        regions: RegionTable,
        lang: CheckLanguage,
    ) -> None:
        self._found = found
        self._policy = policy
        self._region = region
        self._level = level
        self._lang = lang.value
        place = regions.nearest(region)
        self._place = f"{region} {place.short_name}" if place else region
        self._zone, self._zone_name = regions.timezone(region), place.zone if place else "WIB"

    def lines(self, start: Instant) -> list[str]:
        """Return the head, then a line for whatever happens, and below it one for each person told because of it."""
        head = self._say("head", policy=self._policy.id, place=self._place, level=self._level.value)
        lines = [head.format(at=self._clock(start))]
        day = ""
        for entry in self._found.history:
            words = self._entry(entry)
            if words is None:
                continue
            if (today := f"{local(entry.at, self._zone):%Y-%m-%d}") != day:
                lines.append(f"{today} {self._zone_name}")
                day = today
            lines.append(f"  {self._hour(entry.at)}  +{format_duration(entry.at - start):<7} {words}")
            lines += [f"{' ' * 21}{told}" for told in self._told(entry)]
        if not self._found.alert.runs:
            lines.append(self._say("nobody"))
        if self._found.cut_off:
            lines.append(self._say("cut_off"))
        return lines

    def _entry(self, entry: HistoryEntry) -> str | None:
        name = "exhausted.nobody" if entry.name == "exhausted" and entry.reason else entry.name
        if name not in _WORDS:
            return None
        given = {"reason": entry.reason, "person": entry.person, **entry.details}
        # An office that is vacant has no person.
        return " ".join(
            _WORDS[name][self._lang].format_map({k: str(v) for k, v in given.items()}).split()
        ).rstrip()

    def _told(self, entry: HistoryEntry) -> list[str]:
        by_person: dict[tuple[str, bool], list[Notification]] = {}
        for message in self._found.notifications:
            if message.cause == entry.id:
                by_person.setdefault((message.person, message.informing), []).append(message)
        lines = []
        for (person, informing), messages in by_person.items():
            office = f"{messages[0].role} {messages[0].office}".strip()
            capacity = "" if messages[0].capacity == "holder" else f", {messages[0].capacity}"
            how = " + ".join(self._how(message, entry.at) for message in messages)
            note = f" [{self._say('informing')}]" if informing else ""
            lines.append(f"{person} ({office}{capacity}): {how}{note}")
        return lines

    def _how(self, message: Notification, planned: Instant) -> str:
        if message.sent_at is None:
            return f"{message.channel} ({self._say('unsent', reason=message.reason or message.state)})"
        late = "" if message.sent_at == planned else f" ({self._say('at', at=self._clock(message.sent_at))})"
        return message.channel + late

    def _say(self, key: str, **given: str) -> str:
        words = _WORDS[key][self._lang]
        return words.format(**given, at="{at}") if key == "head" else words.format(**given)

    def _hour(self, at: Instant) -> str:
        return f"{local(at, self._zone):%H.%M}"

    def _clock(self, at: Instant) -> str:
        return f"{local(at, self._zone):%Y-%m-%d %H.%M} {self._zone_name}"
