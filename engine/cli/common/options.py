"""Options that many commands share, rules and groups named by words, and the account behind a command."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from engine.core.alerting.credential import Credential
from engine.core.judging.group_key import REGION_WORDS, key_values
from engine.core.judging.instant import Instant, Millis, parse_duration
from engine.core.judging.region import RegionTable, level_of
from engine.core.judging.rule import Rule
from engine.documents.fields import code_of
from engine.documents.finding import Findings, Mark, SourceFile, UnusableError
from engine.documents.suggestion import meant
from engine.documents.times import instant
from engine.documents.yaml_tree import ScalarNode
from engine.errors import ConfigurationError, ParseError
from engine.rule_sets.rollout import ALONE
from engine.settings import DEFAULT_FILE, Settings, load

ConfigFile = Annotated[
    Path,
    typer.Option(
        "--config",
        metavar="FILE",
        envvar="SIAGA_CONFIG",
        help="The settings file.",
        show_default=str(DEFAULT_FILE),
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Another value for a setting; may be given again."),
]
Moment = Annotated[
    str | None,
    typer.Option("--at", metavar="INSTANT", help="RFC 3339, or 2024-11-27 11:00 WITA. Default: now."),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        envvar="SIAGA_URL",
        help="The running service; default: the one of the settings.",
    ),
]
ApiToken = Annotated[
    str,
    typer.Option("--token", metavar="TOKEN", envvar="SIAGA_TOKEN", help="A token of `siaga token create`."),
]


def settings_of(config: Path, overrides: Sequence[str] | None) -> Settings:
    """Build the settings from the file, this process's environment and the command line."""
    return load(config, os.environ, overrides or ())


def option_instant(option: str, text: str | None) -> Instant | None:
    """Return the instant given to an option, in milliseconds UTC; None where none was. A bad one is wrong usage."""
    if text is None:
        return None
    try:
        return instant(ScalarNode(text, plain=True, mark=Mark(SourceFile(option, (text,)))), Findings())
    except UnusableError as error:
        raise ConfigurationError(f"{option} {text}: write RFC 3339, or 2024-11-27 11:00 WITA") from error


def option_duration(option: str, text: str) -> Millis:
    """Return the duration given to an option, in milliseconds. A bad one is wrong usage."""
    try:
        return parse_duration(text)
    except ParseError as error:
        raise ConfigurationError(f"{option} {text}: {error}") from None


def rule_named(rules: Mapping[str, Rule], rule_id: str) -> Rule:
    """Return the rule of this id; raise `ConfigurationError` with the likeliest one, and all there are."""
    if rule_id in rules:
        return rules[rule_id]
    there_are = sorted(rules)
    guess = meant(rule_id, there_are)
    did_you_mean = f"did you mean {guess}? " if guess else ""
    raise ConfigurationError(f"no rule is called {rule_id}; {did_you_mean}there are: {', '.join(there_are)}")


def group_named(rule: Rule, group: str, regions: RegionTable) -> str:
    """Return the group, whose regions exist and are those a rule counts by; raise `ConfigurationError` else."""
    try:
        values = key_values(rule.per, group)
    except ValueError:
        example = "|".join("73.15" if key in REGION_WORDS else key.upper() for key in rule.per)
        raise ConfigurationError(
            f"--group {group}: {rule.id} counts per {' and '.join(rule.per)}; write it as {example}"
        ) from None
    for key, code in values.items():
        if key not in REGION_WORDS:
            continue
        if not regions.known(code):
            guess = code_of(code, regions)
            hint = f"; did you mean {guess}?" if guess else "; region codes are written as 73 or 73.15"
            raise ConfigurationError(f"--group {group}: there is no region {code}{hint}")
        is_one = code.count(".") < 2 if key == "region" else level_of(code) == key
        if not is_one:
            raise ConfigurationError(f"--group {group}: {rule.id} counts per {key}, and {code} is none")
    return group


def os_account() -> Credential:
    """Return the credential `os:<name>`, by the real user of the process; `os:<uid>` where it has no name."""
    uid = os.getuid()
    try:
        return Credential("os", pwd.getpwuid(uid).pw_name)
    except KeyError:
        return Credential("os", str(uid))


def credential_alone(by: Credential) -> Credential:
    """Return the credential of an act that would need a second person, done alone (`reload.four_eyes: false`)."""
    return Credential(by.kind, f"{by.id}/{ALONE}", by.person)
