"""Policy tests, from `*.policy-test.yaml` to values (docs/specification/tests.md#policy-tests)."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Literal, cast

import msgspec

from engine.core.alerting.directory import Contents
from engine.core.alerting.policy import Policy
from engine.core.judging.calendar import Calendar
from engine.core.judging.instant import ZONES, Instant, Millis
from engine.core.judging.region import Region, RegionTable, lineage
from engine.core.judging.region import level_of as region_level
from engine.documents.calendar import EMPTY as NO_STAGES
from engine.documents.directory import inline_directory, load_directory
from engine.documents.fields import (
    Form,
    Take,
    form_of,
    level,
    list_of,
    named,
    quoted_region,
    scalar,
    text,
    whole,
    word,
)
from engine.documents.finding import Finding, Findings, UnusableError
from engine.documents.gateways import RouteProfile, route_profile
from engine.documents.loaded import Loaded
from engine.documents.policies import inline_policies, load_policies
from engine.documents.rules.rules import Rules
from engine.documents.test_files.occurrence import DEFAULT_START, Naming, start, test_offset, zone_of
from engine.documents.test_files.rule_tests import ExpectedGroup, group, names_of
from engine.documents.test_files.steps import TestStep, acts
from engine.documents.test_files.tested_rules import COUNTED, INLINE, TestedRules
from engine.documents.yaml_tree import MappingNode, Node, ScalarNode, compose_file


def settings_texts(known: Collection[str] | None, node: Node, findings: Findings) -> dict[str, str]:
    """Take settings by their dotted names; one that this version does not have is refused by its name."""
    form = form_of(node, findings)
    settings: dict[str, str] = {}
    for key in form.written:
        value = form.node(key)
        if known is not None and key not in known:
            findings.add("not_available", form.key_place(key), word=key)
        elif value is not None:
            settings[key] = _setting(value, findings)
    return settings


def _setting(node: Node, findings: Findings) -> str:
    """Return the text of a setting: a list of texts, or of budgets such as `{at_most: 5, within: 15m}`, with commas."""
    if isinstance(node, ScalarNode):
        return node.text
    return ",".join(list_of(_setting_item)(node, findings))


def _setting_item(node: Node, findings: Findings) -> str:
    if isinstance(node, ScalarNode):
        return node.text
    form = form_of(node, findings)
    texts = {
        key: scalar(found, findings).text for key in form.written if (found := form.node(key)) is not None
    }
    allowance = f"{texts.pop('at_most', '')}/{texts.pop('within', '')}"
    smooth = " smooth" if texts.pop("smooth", "") == "true" else ""
    form.close()
    return allowance + smooth


SUFFIX = ".policy-test.yaml"
MESSAGES = (
    "first",
    "step",
    "reminder",
    "expiry",
    "taken_by",
    "delegated",
    "correction",
    "resolved",
    "reopened",
    "digest",
    "unreachable",
    "reply",
)
ALERT_STATES = ("opens", "hidden", "acknowledged", "open", "resolved")
NOTIFICATION_STATES = ("pending", "sent", "delivered", "failed", "cancelled", "suppressed")
CHANNELS = ("sms", "email", "webhook")
ENTRIES = (
    *("opened", "hidden", "shown", "joined", "level_rose", "step_started", "step_skipped", "step_declined"),
    *(
        "step_unreachable",
        "recipient_passed_over",
        "conflict_of_interest",
        "notified",
        "fallback",
        "answered",
    ),
    *("answer_refused", "also_taken", "acknowledged", "reminded", "expired", "delegated", "returned"),
    *("escalated_by_hand", "silenced", "silence_ended", "commented", "exhausted", "resolved", "corrected"),
    *("called", "redated", "restarted", "reload_kept", "reopened"),
)
"""Names of history entries (docs/specification/escalation.md#history)."""
SCENE = ("policies", "inline_policies", "directory", "inline_directory", "gateways", "settings")
_INSTEAD = {"policies": "inline_policies", "directory": "inline_directory"}
"""Keys of which a test's own replaces the file's other one too."""

Aspect = Literal["message", "alert", "notification", "audit"]
ASPECTS: tuple[Aspect, ...] = ("message", "alert", "notification", "audit")


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What a test plays in. `unusable` are errors of it: such a test fails without being run.

    `gateways` are profiles by channel, `settings` texts by dotted name.
    """

    rules: Rules
    policies: tuple[Policy, ...]
    directory: Contents
    regions: RegionTable
    gateways: dict[str, RouteProfile]
    settings: dict[str, str]
    unusable: tuple[Finding, ...] = ()


class ExpectedShown(msgspec.Struct, frozen=True, kw_only=True):
    """One line under `expect`: from `since` until `until` (both included; equal for `at`), what shows itself how."""

    since: Millis
    until: Millis
    within: bool
    aspect: Aspect
    value: str
    to: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    step: int | None = None
    contains: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    by: str | None = None
    level: int | None = None
    reason: str | None = None
    rule: str | None = None
    group: ExpectedGroup = None


class PolicyTest(msgspec.Struct, frozen=True, kw_only=True):
    """One policy test."""

    name: str
    scene: Scene
    start: Instant
    zone: str
    timeline: tuple[TestStep, ...]
    run_until: Millis
    expect: tuple[ExpectedShown, ...]
    nothing_else: Literal["messages", "all", "none"]


class PolicyTests(msgspec.Struct, frozen=True):
    """The tests of one file. Where the file does not load, `names` tell which tests failed by that."""

    tests: tuple[PolicyTest, ...] = ()
    names: tuple[str, ...] = ()
    rules: Rules = ()


def load_policy_tests(
    path: Path,
    regions: RegionTable,
    settings: Collection[str] | None = None,
    calendar: Calendar = NO_STAGES,
) -> Loaded[PolicyTests]:
    """Load a file of policy tests. `regions` is the table of tests that bring none, `settings` the names there are,
    `calendar` has the stages that rules may name.
    """
    findings = Findings()
    node = compose_file(path, findings)
    names = names_of(node)
    tests: tuple[PolicyTest, ...] = ()
    rules: Rules = ()
    if node is not None:
        with contextlib.suppress(UnusableError):
            form = form_of(node, findings)
            form.read("version", whole(1, 1), 1)
            stage = _Stage(form, path.parent, regions, settings, calendar)
            tests = form.require("tests", list_of(stage.test), ())
            form.close()
            rules = stage.rules.of_file().value
    broken = bool(findings.errors)
    return Loaded(PolicyTests(() if broken else tests, names, rules), tuple(findings))


class _Stage:
    """Reads the tests of one file; scenes that several tests share are read once."""

    def __init__(
        self,
        form: Form,
        folder: Path,
        regions: RegionTable,
        settings: Collection[str] | None,
        calendar: Calendar,
    ) -> None:
        self.rules = TestedRules(form, folder, calendar)
        self._folder, self._regions, self._settings = folder, regions, settings
        self._file = _scene_keys(form)
        self._own: Scene | None = None

    def test(self, node: Node, findings: Findings) -> PolicyTest:
        form = form_of(node, findings)
        name = form.require("name", text, "")
        scene = self._scene(form)
        begins = form.read("start", start, DEFAULT_START)
        naming = Naming()

        def entry(item: Node, findings: Findings) -> tuple[TestStep, ...]:
            return acts(item, findings, naming, scene.regions)

        timeline = tuple(act for found in form.read("timeline", list_of(entry), ()) for act in found)
        expect = form.read("expect", list_of(_awaited), ())
        last = max([0, *(act.at for act in timeline), *(line.until for line in expect)])
        nothing_else = form.read("nothing_else", word("messages", "all", "none"), "messages")
        test = PolicyTest(
            name=name,
            scene=scene,
            start=begins,
            zone=zone_of(form.node("start")),
            timeline=timeline,
            run_until=form.read("run_until", test_offset, last),
            expect=expect,
            nothing_else=cast("Literal['messages', 'all', 'none']", nothing_else),
        )
        form.close()
        return test

    def _scene(self, form: Form) -> Scene:
        """Read the scene of a test: the file's keys, replaced by its own."""
        own = _scene_keys(form)
        rules = self.rules.of_test(form).rules
        if own.pairs or any(key in form for key in (*INLINE, *COUNTED)):
            given = set(own.pairs)
            hidden = {old for pair in _INSTEAD.items() if given & set(pair) for old in pair} - given
            pairs = {key: pair for key, pair in self._file.pairs.items() if key not in hidden}
            return self._read(MappingNode({**pairs, **own.pairs}, own.mark), rules)
        if self._own is None:
            self._own = self._read(self._file, rules)
        return self._own

    def _read(self, node: MappingNode, rules: Loaded[Rules]) -> Scene:
        findings = Findings()
        findings.extend(rules.findings)
        form = form_of(node, findings)
        inline = form.node("inline_directory")
        regions = self._regions
        if isinstance(inline, MappingNode) and (table := inline.get("regions")) is not None:
            regions = _region_table(table, findings)
        policies: tuple[Policy, ...] = ()
        if (path := form.read("policies", text, "")) != "":
            loaded = load_policies(self._folder / path)
            findings.extend(loaded.findings)
            policies = loaded.value
        policies = form.read("inline_policies", inline_policies, policies)
        directory = Contents()
        if (path := form.read("directory", text, "")) != "":
            contents = load_directory(self._folder / path, regions)
            findings.extend(contents.findings)
            directory = contents.value
        read_directory: Take[Contents] = partial(_directory, regions)
        directory = form.read("inline_directory", read_directory, directory)
        gateways = form.read("gateways", _profiles, {})
        settings = form.read("settings", partial(settings_texts, self._settings), {})
        self._check_policies(rules.value, policies, findings)
        return Scene(
            rules=rules.value,
            policies=policies,
            directory=directory,
            regions=regions,
            gateways=gateways,
            settings=settings,
            unusable=tuple(f for f in findings if f.severity == "error"),
        )

    def _check_policies(self, rules: Rules, policies: tuple[Policy, ...], findings: Findings) -> None:
        """Every rule must have a policy; one that names none takes the only one there is."""
        known = {policy.id for policy in policies}
        mark = self._file.mark
        for rule in rules:
            if rule.escalate not in known and (rule.escalate or len(known) != 1):
                findings.add_choice("unknown_policy", mark, rule.escalate or f"({rule.id})", known)


def _scene_keys(form: Form) -> MappingNode:
    return form.only([key for key in SCENE if form.node(key) is not None])


def _directory(regions: RegionTable, node: Node, findings: Findings) -> Contents:
    return inline_directory(node, findings, regions)


def _profiles(node: Node, findings: Findings) -> dict[str, RouteProfile]:
    """Take the profiles of the gateways, by channel."""
    form = form_of(node, findings)
    profiles: dict[str, RouteProfile] = {}
    for channel in form.written:
        named(CHANNELS, "not_a_choice")(form.key(channel), findings)
        profiles[channel] = form.read(channel, route_profile, RouteProfile())
    return profiles


def _compound(node: Node) -> bool:
    return hasattr(node, "items") or hasattr(node, "pairs")


def _region_table(node: Node, findings: Findings) -> RegionTable:
    """Take `regions` of an inline directory; parent and level follow from the code where they are not given."""
    return RegionTable(list_of(_region)(node, findings))


def _region(node: Node, findings: Findings) -> Region:
    form = form_of(node, findings)
    code = form.require("code", _code, "00")
    above = lineage(code)[1:2]
    name = form.read("name", text, code)
    zone = form.read("zone", word("WIB", "WITA", "WIT"), "WIB")
    region = Region(
        code=code,
        parent=form.read("parent", _parent, above[0] if above else ""),
        level=form.read(
            "level", word("nation", "province", "regency", "district", "village"), region_level(code)
        ),
        name=name,
        short_name=form.read("short_name", text, name),
        zone=zone,
        timezone=ZONES[zone],
    )
    form.close()
    return region


def _code(node: Node, findings: Findings) -> str:
    return quoted_region(node, findings).text


def _parent(node: Node, findings: Findings) -> str:
    return "" if not _compound(node) and not scalar_text(node) else quoted_region(node, findings).text


def scalar_text(node: Node) -> str:
    """Return the text of a single value, empty for none."""
    written = getattr(node, "text", "")
    return "" if written in ("", "null", "~") else str(written)


# --- what is expected -------------------------------------------------------------------------------------------------


def _awaited(node: Node, findings: Findings) -> ExpectedShown:
    form = form_of(node, findings)
    if "between" in form:
        bounds = form.read("between", list_of(test_offset, minimum=2, maximum=2), ())
        since, until = (bounds[0], bounds[1]) if len(bounds) == 2 else (0, 0)
        if until < since:
            findings.add("until_before_from", form.place("between"))
    else:
        since = until = form.require("at", test_offset, 0)
    aspect, value = _aspect(form, findings)
    awaited = ExpectedShown(
        since=since,
        until=until,
        within="between" in form,
        aspect=aspect,
        value=value,
        to=form.read("to", list_of(text, single=True), ()),
        channels=form.read("channel", list_of(word(*CHANNELS), single=True, minimum=1), ()),
        step=form.read("step", whole(1, 20), None),
        contains=form.read("contains", list_of(text, single=True), ()),
        lacks=form.read("lacks", list_of(text, single=True), ()),
        by=form.read("by", text, None),
        level=form.read("level", level, None),
        reason=form.read("reason", text, None),
        rule=form.read("rule", text, None),
        group=form.read("group", group, None),
    )
    form.close()
    return awaited


_VALUES: dict[Aspect, tuple[str, ...]] = {
    "message": MESSAGES,
    "alert": ALERT_STATES,
    "notification": NOTIFICATION_STATES,
    "audit": ENTRIES,
}


def _aspect(form: Form, findings: Findings) -> tuple[Aspect, str]:
    """Take the one key that says what is expected."""
    given = [aspect for aspect in ASPECTS if aspect in form]
    if len(given) != 1:
        findings.add_choice("unknown_key", form.mark, " + ".join(given), ASPECTS)
        return "message", "first"
    return given[0], form.read(given[0], word(*_VALUES[given[0]]), _VALUES[given[0]][0])
