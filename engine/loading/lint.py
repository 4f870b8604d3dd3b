"""Questions about what a rule means, once its keys can be read (rule-language.md 7).

Here: keys that do not fit each other, limits that can never be met or stand on the wrong side, advice. Not here:
whether one value is well written (`loading.value`, `loading.filters`).
"""

from __future__ import annotations

import re
from collections.abc import Collection

from engine.judging.expected import Deadline, Silence
from engine.judging.instant import DAY, HOUR, MINUTE, Millis
from engine.judging.pattern import watched_by
from engine.judging.region import LEVELS
from engine.judging.rule import (
    EVERYTHING,
    Bond,
    Clear,
    Compare,
    Condition,
    Floor,
    Limit,
    Pattern,
    Share,
    Spread,
)
from engine.judging.window import is_pulse, is_state
from engine.loading.columns import column_of, filled_column, lacking
from engine.loading.conditions import has_figure, opening, possible
from engine.loading.draft import Draft
from engine.loading.expected import by_region, expecting
from engine.loading.figures import level_of_group
from engine.loading.filters import MAX_NESTING, MAX_TESTS, too_large
from engine.loading.finding import Findings
from engine.loading.known import Known
from engine.loading.patterns import renames_fit

_FILE = re.compile(r"[\w./-]+\.(md|html|pdf|docx)")
"""A guide that is named by a file, not by the number of a decree or by an address."""


def check(draft: Draft, findings: Findings) -> None:
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
    if isinstance(built, Share | Compare) and built.floor == Floor() and _needs_floor(built):
        findings.add("percent_without_floor", draft.place("alert_when"))
    if isinstance(built, Silence | Deadline):
        _check_absence(draft, built, findings)
    _check_levels(draft, built, findings)
    if draft.clear_when is not None:
        _check_clear(draft, draft.clear_when, built, findings)
    if draft.keep_open_for and not _becomes_false(draft.clear_when, built):
        findings.add("keep_open_in_vain", draft.place("keep_open_for"))


def _needs_floor(built: Share | Compare) -> bool:
    """Say whether a few events make the figure large: a share, or how many times as many."""
    return isinstance(built, Share) or (built.figure in ("count", "distinct", "sum") and not built.in_points)


def _check_pattern(draft: Draft, built: Pattern, findings: Findings) -> None:
    per = draft.per or ("region",)
    if not renames_fit(built, per):
        findings.add("step_per", draft.place("alert_when"), keys=", ".join(per))
    elif too_large(watched_by(built, draft.watch or EVERYTHING)):
        findings.add("filter_too_large", draft.place("alert_when"), tests=MAX_TESTS, nesting=MAX_NESTING)


def _check_absence(draft: Draft, built: Silence | Deadline, findings: Findings) -> None:
    per = draft.per or ("region",)
    if by_region(built.expected) and (len(per) > 1 or per[0] not in (*LEVELS, "region")):
        findings.add("expected_per", draft.place("per"), keys=", ".join(per))
    active = draft.active
    if isinstance(built, Silence) and active is not None and active.hours:
        opens, closes = (_clock(bound) for bound in (active.hours[:5], active.hours[6:11]))
        if built.length > (closes - opens) % DAY:
            findings.add("limit_never_met", draft.place("active"), field="silence")


def check_expected(draft: Draft, known: Known, findings: Findings) -> None:
    """Warn of a rule about what does not come that expects nobody."""
    built = draft.alert_when
    if isinstance(built, Silence | Deadline) and built.expected.seen is None:
        found = expecting(built, draft.per or ("region",), known)
        if isinstance(found, Silence | Deadline) and not found.expected.members:
            findings.add("nobody_expected", draft.place("alert_when"), name=built.expected.roster or "region")


def check_guide(draft: Draft, guides: Collection[str] | None, findings: Findings) -> None:
    """Warn of a guide that is named by a file which is not there."""
    guide = draft.guide or ""
    if guides is None or guide in guides or not _FILE.fullmatch(guide):
        return
    folder = guide.rpartition("/")[0]
    near = [other for other in guides if other.rpartition("/")[0] == folder] or guides
    findings.add_choice("guide_absent", draft.place("guide"), guide, near)


def check_tested(draft: Draft, tested: Collection[str], findings: Findings) -> None:
    """Warn of a rule that no test names."""
    if draft.id and draft.id not in tested:
        findings.add("untested", draft.place("id"), id=draft.id)


def check_columns(draft: Draft, known: Known, findings: Findings) -> None:
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


def _check_levels(draft: Draft, built: Condition, findings: Findings) -> None:
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


def _check_clear(draft: Draft, clear: Clear, built: Condition, findings: Findings) -> None:
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
