"""Rule files, from YAML to values, and the version of each rule (docs/specification/rules.md#rule-files, #keys).

The version is a digest over the judging values of a rule: a change of spelling does not change it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from engine.core.judging.condition import EveryEvent, Pattern
from engine.core.judging.filter import EVERYTHING
from engine.core.judging.instant import HOUR, MINUTE
from engine.core.judging.rule import Clear, Exemption, LevelStep, Rule, TellAgain
from engine.core.judging.window import can_be_undone, is_state
from engine.documents.fields import form_of, list_of, usable, whole
from engine.documents.finding import Findings, at_start
from engine.documents.loaded import Loaded, loaded
from engine.documents.reference_data import ANYTHING, ReferenceData
from engine.documents.rules.absence import expecting
from engine.documents.rules.aggregate import counted
from engine.documents.rules.columns import filled
from engine.documents.rules.filters import Filters
from engine.documents.rules.lint import (
    check_bonds,
    check_columns,
    check_expected,
    check_guide,
    check_rule,
    check_tested,
    with_waiting,
)
from engine.documents.rules.rule_document import Family, Levels, RuleDocument, RuleDocumentReader, Whole
from engine.documents.rules.sequence import keyed
from engine.documents.yaml_tree import MappingNode, Node, ScalarNode, SequenceNode, compose, compose_file

TEST_SUFFIXES = (".test.yaml", ".policy-test.yaml")
WAIT_FOR_LATE = 10 * MINUTE
"""How long what more events could undo waits for late ones, unless the rule says otherwise."""
LATE_HORIZON = 72 * HOUR
NOT_IN_DEFAULTS = ("id", "title", "watch", "alert_when")
REQUIRED_INLINE = ("id", "watch", "alert_when")
REQUIRED = (*REQUIRED_INLINE, "title", "short_title", "owner", "why", "guide", "level", "escalate")

Rules = tuple[Rule, ...]


def rule_files(paths: Iterable[Path]) -> list[Path]:
    """Return the rule files among files and folders, sorted; tests are not among them."""
    return [path for path in yaml_files(paths) if not path.name.endswith(TEST_SUFFIXES)]


def yaml_files(paths: Iterable[Path]) -> list[Path]:
    """Return the YAML files among files and below folders, sorted, each once."""
    found: dict[Path, None] = {}
    for path in paths:
        inside = sorted(p for p in path.rglob("*") if p.suffix in (".yaml", ".yml") and p.is_file())
        found.update(dict.fromkeys(inside if path.is_dir() else [path]))
    return list(found)


def load_rules(paths: Path | Iterable[Path], known: ReferenceData) -> Loaded[Rules]:
    """Load all rule files among these files and folders as one rule set."""
    paths = [paths] if isinstance(paths, Path) else list(paths)
    findings = Findings()
    files = rule_files(paths)
    for path in paths:
        if path.is_dir() and not rule_files([path]):
            findings.add("no_rule_files", at_start(path))
    nodes = [node for path in files if (node := compose_file(path, findings)) is not None]
    tested = {rule for path in _tests(paths) for rule in _tested(compose_file(path, Findings()))}
    return _load(nodes, known, findings, tested=tested)


def read_rules(texts: Iterable[tuple[str, bytes]], known: ReferenceData) -> Loaded[Rules]:
    """Load rule files that are given as (name, bytes) as one rule set; whether they have tests is not asked."""
    findings = Findings()
    nodes = [node for name, text in texts if (node := compose(text, name, findings)) is not None]
    return _load(nodes, known, findings)


def inline_rules(body: MappingNode, known: ReferenceData = ANYTHING) -> Loaded[Rules]:
    """Load `inline_rules` (with `lists` and `filters` beside it) of a test: less is required, nothing is advised."""
    findings = Findings()
    pairs = {key: pair for key, pair in body.pairs.items() if key in ("lists", "filters")}
    if (rules := body.pairs.get("inline_rules")) is not None:
        pairs["rules"] = (ScalarNode("rules", plain=True, mark=rules[0].mark), rules[1])
    found = _load([MappingNode(pairs, body.mark)], known, findings, inline=True)
    return Loaded(found.value, tuple(f for f in found.findings if f.severity == "error"))


def _tests(paths: Iterable[Path]) -> set[Path]:
    """Return the rule tests below these folders and beside these files."""
    return {
        test
        for path in paths
        for test in (path.rglob("*.test.yaml") if path.is_dir() else path.parent.glob("*.test.yaml"))
    }


def _tested(node: Node | None) -> set[str]:
    """Return the ids that stand behind a key `rule` anywhere in a test file."""
    match node:
        case MappingNode(pairs):
            own = {
                value.text
                for key, value in pairs.values()
                if key.text == "rule" and isinstance(value, ScalarNode)
            }
            return own.union(*(_tested(value) for _, value in pairs.values()))
        case SequenceNode(items):
            return set().union(*(_tested(item) for item in items))
        case _:
            return set()


def _load(
    nodes: list[Node],
    known: ReferenceData,
    findings: Findings,
    *,
    tested: Collection[str] | None = None,
    inline: bool = False,
) -> Loaded[Rules]:
    """Read the files of one set together: named lists and filters are known in every file."""
    filters = Filters(known, findings)
    reader = RuleDocumentReader(known, filters, findings)
    forms = list(usable(nodes, form_of, findings))
    for form in forms:
        if not inline:
            form.require("version", whole(1, 1), 1)
        form.read("lists", filters.add_lists, None)
        form.read("filters", filters.add_filters, None)
    family = Family(findings)
    numbers = []
    for form in forms:
        defaults = form.read("defaults", partial(reader.defaults, forbidden=NOT_IN_DEFAULTS), None)
        numbers += family.add(form.read("rules", list_of(lambda node, _findings: node), ()), defaults)
        form.close()
    drafts: dict[str, RuleDocument] = {}
    for number in numbers:
        draft = reader.read(family.whole(number), findings, required=REQUIRED_INLINE if inline else REQUIRED)
        check_rule(draft, findings)
        if tested is not None:
            check_tested(draft, tested, findings)
        check_guide(draft, known.guides, findings)
        check_columns(draft, known, findings)
        check_expected(draft, known, findings)
        if draft.id in drafts:
            first = drafts[draft.id].mark
            findings.add(
                "id_taken", draft.place("id"), id=draft.id, first=f"{first.source.file}:{first.line}"
            )
        elif draft.id is not None:
            drafts[draft.id] = draft
    check_bonds(drafts, findings)
    filters.close()
    variants = {id_: _variants(draft, reader, findings) for id_, draft in drafts.items()}
    resolve = partial(_with_exceptions, variants=variants, known=known)
    rules = () if findings.errors else with_waiting([resolve(draft) for draft in drafts.values()])
    return loaded(tuple(versioned(rule) for rule in rules), (), findings)


def _variants(
    draft: RuleDocument, reader: RuleDocumentReader, findings: Findings
) -> list[RuleDocument | None]:
    """Read a rule once more for each exception that sets keys for groups."""
    found: list[RuleDocument | None] = []
    for one in draft.exceptions:
        variant = None if one.node is None else reader.read(Whole(one.node), findings, required=())
        if variant is not None:
            check_rule(variant, findings)
        found.append(variant)
    return found


def _with_exceptions(
    draft: RuleDocument, *, variants: Mapping[str, list[RuleDocument | None]], known: ReferenceData
) -> Rule:
    exemptions = tuple(
        Exemption(
            holds=one.holds,
            keys=one.keys,
            reason=one.reason,
            until=one.until,
            level=one.level,
            variant=None
            if variant is None
            else msgspec.structs.replace(resolved(variant, known), holds_until=one.until),
        )
        for one, variant in zip(draft.exceptions, variants[draft.id or ""], strict=True)
    )
    return msgspec.structs.replace(resolved(draft, known), exemptions=exemptions)


def resolved(draft: RuleDocument, known: ReferenceData) -> Rule:
    """Complete a valid draft to a rule without version: what its file leaves out follows from its condition."""
    per = draft.per or ("region",)
    condition = counted(draft.alert_when or EveryEvent(), per, known)
    condition = expecting(filled(condition, per, known), per, known)
    if isinstance(condition, Pattern):
        condition = keyed(condition, per)
    state, since_until = is_state(condition), draft.effective or (None, None)
    waits = can_be_undone(condition) or bool(draft.hold_for)
    level = draft.level or Levels((LevelStep(3),))
    id_ = draft.id or ""
    return Rule(
        id=id_,
        title=draft.title or id_,
        short_title=draft.short_title or id_[:40],
        owner=draft.owner or "",
        why=draft.why or "",
        guide=draft.guide or "",
        levels=level.rows,
        by_severity=level.by_severity,
        watch=EVERYTHING if draft.watch is None else draft.watch,
        per=per,
        condition=condition,
        hold_for=draft.hold_for or 0,
        clear=draft.clear_when or Clear("no_longer_true" if state else "by_hand"),
        keep_open_for=draft.keep_open_for or 0,
        start_again=draft.after_opening == "start_again",
        tell_again=draft.tell_again or TellAgain(),
        active=draft.active,
        wait_for_late=(WAIT_FOR_LATE if waits else 0) if draft.wait_for_late is None else draft.wait_for_late,
        late_horizon=draft.late_horizon or LATE_HORIZON,
        hide_while=draft.hide_while or (),
        effective_from=since_until[0],
        effective_until=since_until[1],
        escalate=draft.escalate or "",
        source=f"{draft.mark.source.file}:{draft.mark.line}",
    )


def versioned(rule: Rule) -> Rule:
    """Return the rule with its version, which those of its exceptions share."""
    version = version_of(rule)
    exemptions = tuple(
        msgspec.structs.replace(
            one,
            variant=one.variant and msgspec.structs.replace(one.variant, version=version, source=rule.source),
        )
        for one in rule.exemptions
    )
    return msgspec.structs.replace(rule, version=version, exemptions=exemptions)


def version_of(rule: Rule) -> str:
    """Return the version of a rule: a hash of all it says, and of nothing else (not of file, line or layout).

    What has its default is left out, so that a key which a later Siaga adds changes no version.
    """
    return hashlib.sha256(words_of(rule)).hexdigest()[:12]


def words_of(rule: Rule) -> bytes:
    """Return all that a rule says, and nothing of file, line or layout; equal rules give equal bytes."""
    exemptions = tuple(
        msgspec.structs.replace(
            one, variant=one.variant and msgspec.structs.replace(one.variant, version="", source="")
        )
        for one in rule.exemptions
    )
    bare = msgspec.structs.replace(rule, version="", source="", exemptions=exemptions)
    return msgspec.json.encode(_said(bare), order="deterministic")


def _said(value: Any) -> Any:
    """Return plain data of all that is not a default."""
    if isinstance(value, tuple):
        return [_said(item) for item in value]
    if not isinstance(value, msgspec.Struct):
        return value
    fields = {
        field.name: (getattr(value, field.name), field.default) for field in msgspec.structs.fields(value)
    }
    return {
        "": type(value).__struct_config__.tag,
        **{name: _said(own) for name, (own, default) in fields.items() if own != default},
    }
