"""Bonds: rules that look at the alerts of other rules, checked across a whole rule set.

Here: ids of rules that do not exist, and rings. Not here: keys of one rule (`loading.lint`).
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.judging.precedence import ring_of
from engine.loading.draft import Draft
from engine.loading.finding import Findings


def check_bonds(drafts: Mapping[str, Draft], findings: Findings) -> None:
    """Report rules that look at unknown ones, and rules that look at each other in a ring."""
    looks = {}
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


def _named(draft: Draft) -> list[tuple[str, str]]:
    """Return the rules that a rule looks at, each with the key that names it."""
    return [("hide_while", word) for word in draft.hide_while or ()]
