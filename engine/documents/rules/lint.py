"""Advice on what a rule means, and checks across a whole rule set (docs/specification/rules.md#tools)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

import msgspec

from engine.core.judging.condition import (
    Bond,
    Compare,
    Condition,
    Deadline,
    Floor,
    Pattern,
    ShareCondition,
    SilenceCondition,
    Spread,
)
from engine.core.judging.filter import EVERYTHING, Limit
from engine.core.judging.instant import DAY, HOUR, MINUTE, Millis
from engine.core.judging.pattern import watched_by
from engine.core.judging.region import LEVELS
from engine.core.judging.rule import Clear, Rule, ring_of, rule_ranks
from engine.core.judging.upstream_interval import names_key
from engine.core.judging.window import is_pulse, is_state
from engine.documents.finding import Findings
from engine.documents.reference_data import ReferenceData
from engine.documents.rules.absence import by_region, expecting
from engine.documents.rules.aggregate import level_of_group
from engine.documents.rules.columns import column_of, filled_column, lacking
from engine.documents.rules.conditions import has_figure, opening, possible
from engine.documents.rules.filters import MAX_NESTING, MAX_TESTS, too_large
from engine.documents.rules.rule_document import RuleDocument
from engine.documents.rules.sequence import renames_fit


def check_bonds(drafts: Mapping[str, RuleDocument], findings: Findings) -> None:
    """Report rules that look at unknown ones, and rules that look at each other in a ring."""
    looks = {}
    for draft in drafts.values():
        _check_keys(draft, drafts, findings)
    for id_, draft in drafts.items():
        looks[id_] = {word for _, word in _named(draft)}
        for key, word in _named(draft):
            if word not in drafts:
                findings.add_choice("unknown_rule", draft.place(key), word, drafts)
    if ring := ring_of(looks):
        first, second = ring[:2]
        draft = drafts[first]
        key = next(key for key, word in _named(draft) if word == second)
        findings.add("rule_ring", draft.place(key), ring=" -> ".join(ring))


def _check_keys(draft: RuleDocument, drafts: Mapping[str, RuleDocument], findings: Findings) -> None:
    """Report a key that groups of a rule which is counted lack: it would be counted for no group."""
    if not isinstance(draft.alert_when, Bond):
        return
    wanted = [("per", key) for key in draft.per or ("region",)]
    wanted += [("alert_when", draft.alert_when.over)] if draft.alert_when.over else []
    for id_ in draft.alert_when.open:
        for place, key in wanted if id_ in drafts else ():
            if not names_key(drafts[id_].per or ("region",), key):
                findings.add("rule_lacks_key", draft.place(place), id=id_, key=key)


def with_waiting(rules: Sequence[Rule]) -> list[Rule]:
    """Return the rules; each one on rules waits for late reports, and takes them, as long as any of these."""
    found = {rule.id: rule for rule in rules}
    rank = rule_ranks(rules)
    for rule in sorted(rules, key=lambda rule: rank[rule.id]):
        if isinstance(rule.condition, Bond):
            heard = [found[rule.id], *(found[id_] for id_ in rule.condition.open if id_ in found)]
            found[rule.id] = msgspec.structs.replace(
                rule,
                wait_for_late=max(one.wait_for_late for one in heard),
                late_horizon=max(one.late_horizon for one in heard),
            )
    return [found[rule.id] for rule in rules]


def _named(draft: RuleDocument) -> list[tuple[str, str]]:
    """Return the rules that a rule looks at, each with the key that names it."""
    heard = draft.alert_when.open if isinstance(draft.alert_when, Bond) else ()
    return [
        *(("hide_while", word) for word in draft.hide_while or ()),
        *(("alert_when", word) for word in heard),
    ]


_FILE = re.compile(r"[\w./-]+\.(md|html|pdf|docx)")
"""A guide that is named by a file, not by the number of a decree or by an address."""


def check_rule(draft: RuleDocument, findings: Findings) -> None:
    """Report what does not fit together in one rule."""
    built = draft.alert_when
    if built is None:
        return
    if isinstance(built, Pattern):
        _check_pattern(draft, built, findings)
    if isinstance(built, Bond) and "watch" in draft.places:
        findings.add("rules_watch", draft.place("watch"))
    if draft.hold_for and not is_state(built):
        findings.add("hold_for_on_event", draft.place("hold_for"))
    if draft.tell_again and draft.tell_again.value_doubles and not has_figure(built):
        findings.add("needs_figure", draft.place("tell_again"), key="value_doubles")
    if (
        isinstance(built, Spread)
        and built.over in LEVELS
        and not _below(built.over, draft.per or ("region",))
    ):
        findings.add("spread_not_below", draft.place("alert_when"), word=built.over)
    if isinstance(built, ShareCondition | Compare) and built.floor == Floor() and _needs_floor(built):
        findings.add("percent_without_floor", draft.place("alert_when"))
    if isinstance(built, SilenceCondition | Deadline):
        _check_absence(draft, built, findings)
    _check_levels(draft, built, findings)
    if draft.clear_when is not None:
        _check_clear(draft, draft.clear_when, built, findings)
    if draft.keep_open_for and not _becomes_false(draft.clear_when, built):
        findings.add("keep_open_in_vain", draft.place("keep_open_for"))


def _needs_floor(built: ShareCondition | Compare) -> bool:
    """Say whether a few events make the figure large: a share, or how many times as many."""
    return isinstance(built, ShareCondition) or (
        built.figure in ("count", "distinct", "sum") and not built.in_points
    )


def _check_pattern(draft: RuleDocument, built: Pattern, findings: Findings) -> None:
    per = draft.per or ("region",)
    if not renames_fit(built, per):
        findings.add("step_per", draft.place("alert_when"), keys=", ".join(per))
    elif too_large(watched_by(built, draft.watch or EVERYTHING)):
        findings.add("filter_too_large", draft.place("alert_when"), tests=MAX_TESTS, nesting=MAX_NESTING)


def _check_absence(draft: RuleDocument, built: SilenceCondition | Deadline, findings: Findings) -> None:
    per = draft.per or ("region",)
    if by_region(built.expected) and (len(per) > 1 or per[0] not in (*LEVELS, "region")):
        findings.add("expected_per", draft.place("per"), keys=", ".join(per))
    active = draft.active
    if isinstance(built, SilenceCondition) and active is not None and active.hours:
        opens, closes = (_clock(bound) for bound in (active.hours[:5], active.hours[6:11]))
        if built.length > (closes - opens) % DAY:
            findings.add("limit_never_met", draft.place("active"), field="silence")


def check_expected(draft: RuleDocument, known: ReferenceData, findings: Findings) -> None:
    """Warn of a rule about what does not come that expects nobody."""
    built = draft.alert_when
    if isinstance(built, SilenceCondition | Deadline) and built.expected.seen is None:
        found = expecting(built, draft.per or ("region",), known)
        if isinstance(found, SilenceCondition | Deadline) and not found.expected.members:
            findings.add("nobody_expected", draft.place("alert_when"), name=built.expected.roster or "region")


def check_guide(draft: RuleDocument, guides: Collection[str] | None, findings: Findings) -> None:
    """Warn of a guide that is named by a file which is not there."""
    guide = draft.guide or ""
    if guides is None or guide in guides or not _FILE.fullmatch(guide):
        return
    folder = guide.rpartition("/")[0]
    near = [other for other in guides if other.rpartition("/")[0] == folder] or guides
    findings.add_choice("guide_absent", draft.place("guide"), guide, near)


def check_tested(draft: RuleDocument, tested: Collection[str], findings: Findings) -> None:
    """Warn of a rule that no test names."""
    if draft.id and draft.id not in tested:
        findings.add("untested", draft.place("id"), id=draft.id)


def check_columns(draft: RuleDocument, known: ReferenceData, findings: Findings) -> None:
    """Warn of a rule whose column has no number for regions that it would have to judge."""
    column = None if draft.alert_when is None else column_of(draft.alert_when)
    if column is None or known.tables is None:
        return
    missing, all_ = lacking(filled_column(column, draft.per or ("region",), known), known)
    if missing:
        findings.add(
            "column_incomplete",
            draft.place("alert_when"),
            id=draft.id,
            count=missing,
            all=all_,
            column=column.name,
        )


def _check_levels(draft: RuleDocument, built: Condition, findings: Findings) -> None:
    if draft.level is None or len(draft.level.rows) < 2:
        return
    place = draft.place("level")
    if not has_figure(built):
        findings.add("needs_figure", place, key="level")
        return
    lower = opening(built)
    for row in draft.level.rows[1:]:
        if row.limit is None:
            continue
        reached = lower.under(row.limit)
        if reached.empty:
            findings.add("limit_never_met", place, field="level")
        elif reached == lower:
            findings.add("level_hides_lower", place, limit=_written(row.limit))
        lower = lower if reached.empty else reached


def _check_clear(draft: RuleDocument, clear: Clear, built: Condition, findings: Findings) -> None:
    place = draft.place("clear_when")
    if clear.how == "no_longer_true" and is_pulse(built) and not draft.keep_open_for:
        findings.add("clear_needs_keep_open", place)
    if clear.how != "limit" or clear.limit is None:
        return
    if not has_figure(built):
        findings.add("needs_figure", place, key="clear_when")
    elif possible(built).under(clear.limit).empty:
        findings.add("limit_never_met", place, field="clear_when")
    elif not opening(built).under(clear.limit).empty:
        findings.add("clear_on_wrong_side", place, limit=_written(clear.limit))


def _becomes_false(clear: Clear | None, built: Condition) -> bool:
    """Say whether the alert ends by its condition becoming false, so that it can be kept open longer."""
    if clear is None:
        return is_state(built)
    return clear.how in ("no_longer_true", "limit")


def _clock(text: str) -> Millis:
    return int(text[:2]) * HOUR + int(text[3:]) * MINUTE


def _below(level: str, per: tuple[str, ...]) -> bool:
    """Say whether regions of a level lie below those the groups stand for."""
    return LEVELS.index(level) > LEVELS.index(level_of_group(per))


def _written(limit: Limit) -> str:
    return f"{limit.operator}: {limit.number:g}"
