"""Bonds: rules that look at the alerts of other rules, checked across a whole rule set.

Here: ids of rules that do not exist, rings, keys that groups of the other rules lack, and whom a rule waits for. Not
here: keys of one rule (`loading.lint`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from engine.judging.precedence import ranks, ring_of
from engine.judging.rule import Bond, Rule
from engine.judging.stretch import names_key
from engine.loading.draft import Draft
from engine.loading.finding import Findings


def check_bonds(drafts: Mapping[str, Draft], findings: Findings) -> None:
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


def _check_keys(draft: Draft, drafts: Mapping[str, Draft], findings: Findings) -> None:
    """Report a key that groups of a rule which is counted lack: it would be counted for no group."""
    if not isinstance(draft.alert_when, Bond):
        return
    wanted = [("per", key) for key in draft.per or ("region",)]
    wanted += [("alert_when", draft.alert_when.over)] if draft.alert_when.over else []
    for id_ in draft.alert_when.open:
        for place, key in wanted if id_ in drafts else ():
            if not names_key(drafts[id_].per or ("region",), key):
                findings.add("rule_lacks_key", draft.place(place), id=id_, key=key)


def patient(rules: Sequence[Rule]) -> list[Rule]:
    """Return the rules; each one on rules waits for late reports, and takes them, as long as any of these."""
    found = {rule.id: rule for rule in rules}
    rank = ranks(rules)
    for rule in sorted(rules, key=lambda rule: rank[rule.id]):
        if isinstance(rule.condition, Bond):
            heard = [found[rule.id], *(found[id_] for id_ in rule.condition.open if id_ in found)]
            found[rule.id] = msgspec.structs.replace(
                rule,
                wait_for_late=max(one.wait_for_late for one in heard),
                late_horizon=max(one.late_horizon for one in heard),
            )
    return [found[rule.id] for rule in rules]


def _named(draft: Draft) -> list[tuple[str, str]]:
    """Return the rules that a rule looks at, each with the key that names it."""
    heard = draft.alert_when.open if isinstance(draft.alert_when, Bond) else ()
    return [
        *(("hide_while", word) for word in draft.hide_while or ()),
        *(("alert_when", word) for word in heard),
    ]
