"""Random rules as people write them: every condition of the language with the keys that may stand beside it.

Here: documents of rules, made by hypothesis, and loading them. Not here: random events, and what is held against what.
The numbers are so small and the lengths so short that a handful of events within the hour opens and ends alerts.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import assume
from hypothesis import strategies as st

from engine.core.judging.instant import MINUTE, Instant, format_instant
from engine.core.judging.rule import Rule
from engine.documents.calendar import EMPTY
from engine.documents.fields import form_of
from engine.documents.finding import Findings
from engine.documents.test_files.tested_rules import TestedRules
from engine.documents.yaml_tree import compose

Document = dict[str, Any]
Made = st.SearchStrategy[Document]
ROSTER = {"regions": ["73.15", "73.16"], "wajib": ["73.15"]}
TABLES = {"regions": {"73.15": {"tps": 3, "acuan": 1}, "73.16": {"tps": 4, "acuan": 2}}}
NOTHING: Document = {}


class Vocabulary(msgspec.Struct, frozen=True):
    """What the events are about: the kind counted, the one that ends things, a field with 0 to 4, the first instant."""

    kind: str
    end: str
    number: str
    start: Instant


def one_of(*several: Any) -> st.SearchStrategy[Any]:
    """One of these."""
    return st.sampled_from(several)


def minutes(least: int, most: int) -> st.SearchStrategy[str]:
    """Lengths of time, long ones rather than short ones."""
    return st.integers(0, most - least).map(lambda number: f"{most - number}m")


def instants(words: Vocabulary) -> st.SearchStrategy[str]:
    """Instants within the time of the events."""
    return st.integers(0, 30).map(lambda minute: format_instant(words.start + minute * MINUTE))


def joined(*several: Made) -> Made:
    """Documents of all of these keys."""
    return st.tuples(*several).map(lambda found: {key: value for one in found for key, value in one.items()})


def keyed(**keys: st.SearchStrategy[Any]) -> Made:
    """Documents of these keys."""
    return st.fixed_dictionaries(keys)


WITHIN = keyed(within=minutes(1, 20))
MAY_WITHIN = WITHIN | st.just(NOTHING)
RISING = keyed(at_least=st.integers(1, 3))
LIMITS = RISING | st.builds(
    lambda operator, number: {operator: number},
    one_of("above", "at_most", "below", "equals"),
    st.integers(1, 3),
)
OF = keyed(of=one_of("incident", ["incident", "source.desk"], "source.desk"))
FIGURES = ("sum", "average", "highest", "lowest", "latest")


def filters(words: Vocabulary) -> Made:
    """What single events can be."""
    return one_of(
        {"kind": words.kind},
        {"kind": words.end},
        {"incident": "A"},
        {words.number: {"at_least": 2}},
        {"region": "73.15", "unless": {words.number: 3}},
        {"any": [{"incident": ["B", "C"]}, {words.number: {"below": 1}}]},
    )


def parts(words: Vocabulary) -> Made:
    """Items, and steps of one kind of event."""
    return joined(keyed(watch=filters(words)), one_of(NOTHING, {"times": 1}, {"times": 2}))


# --- conditions -------------------------------------------------------------------------------------------------------


def _count(words: Vocabulary, _others: list[str]) -> Made:
    return joined(RISING, WITHIN, one_of(NOTHING, {"weight": words.number}))


def _value(words: Vocabulary, _others: list[str]) -> Made:
    return joined(st.just({"field": words.number}), LIMITS | st.just({"one_of": [2, 3]}))


def _distinct(_words: Vocabulary, _others: list[str]) -> Made:
    return joined(OF, RISING | st.just({"at_most": 1}), WITHIN)


def _aggregate(words: Vocabulary, _others: list[str]) -> Made:
    functions = one_of(
        *({"function": name} for name in FIGURES), *({"function": "percentile", "p": p} for p in (20, 90))
    )
    floor = one_of(NOTHING, {"min_events": 2})
    return joined(
        functions, st.just({"of": words.number}), LIMITS, WITHIN, one_of(NOTHING, {"missing": 1}), floor
    )


def _share(words: Vocabulary, _others: list[str]) -> Made:
    sides = one_of(
        ({"incident": "A"}, {"kind": "*"}),
        ({words.number: {"at_least": 2}}, {"kind": words.kind}),
        (words.number, "directory.tps"),
        (words.number, "severity"),
    ).map(lambda pair: {"part": pair[0], "whole": pair[1]})
    floor = one_of(NOTHING, {"only_if": {"now": {"at_least": 1}, "reference": {"at_least": 2}}})
    return joined(sides, one_of({"at_least": "50%"}, {"below": "40%"}), MAY_WITHIN, floor)


def _change(_words: Vocabulary, _others: list[str]) -> Made:
    which = one_of(NOTHING, {"from": "A"}, {"to": ["B", "C"]})
    return joined(st.just({"of": "incident"}), which, MAY_WITHIN, one_of(NOTHING, {"missing": 0}))


def _first_time(_words: Vocabulary, _others: list[str]) -> Made:
    return joined(OF, keyed(memory=minutes(1, 20)))


def _compare(words: Vocabulary, _others: list[str]) -> Made:
    figures = one_of(
        {"figure": "count"},
        {"figure": "distinct", "of": "incident"},
        *({"figure": name, "of": words.number} for name in FIGURES),
    )
    earlier = {"before": "5m", "not_older_than": "15m"}
    with_ = one_of("previous_window", earlier, {"baseline": "directory.acuan"}, {"same_hour_of_days": 1})
    ratio = one_of({"rises_to": "2x"}, {"falls_to": "0.5x"}, {"rises_above": "1x"}, {"falls_below": "1x"})
    points = one_of({"rises_by": "1 points"}, {"falls_by": "1 points"})
    floor = one_of(NOTHING, {"only_if": {"now": {"at_least": 1}}})
    without = keyed(if_no_baseline=one_of("skip", "fire", 1))
    return joined(figures, keyed(**{"with": with_}), ratio | points, WITHIN, floor, without)


def _silence(_words: Vocabulary, _others: list[str]) -> Made:
    expected = keyed(expected_from=one_of("regions", "wajib", {"seen": "30m"}))
    return joined(keyed(**{"for": minutes(1, 20)}), expected, one_of(NOTHING, {"below": 2}))


def _deadline(words: Vocabulary, _others: list[str]) -> Made:
    return keyed(by=instants(words), expected_from=one_of("wajib", "regions"))


def _items(words: Vocabulary, _others: list[str]) -> Made:
    return joined(keyed(items=st.lists(parts(words), min_size=2, max_size=3)), MAY_WITHIN)


def _missing_items(words: Vocabulary, _others: list[str]) -> Made:
    return joined(keyed(items=st.lists(parts(words), min_size=2, max_size=3)), WITHIN)


def _spread(_words: Vocabulary, _others: list[str]) -> Made:
    over = one_of(("regency", 2), ("incident", 2), ("regency", "50%"))
    return joined(over.map(lambda pair: {"over": pair[0], "at_least": pair[1]}), WITHIN)


def _rules(_words: Vocabulary, others: list[str]) -> Made:
    heard = keyed(open=st.lists(st.sampled_from(others), min_size=1, max_size=3, unique=True))
    return joined(heard, RISING, MAY_WITHIN, one_of(NOTHING, {"over": "regency"}))


@st.composite
def _sequence(draw: st.DrawFn, words: Vocabulary, _others: list[str]) -> Document:
    """Steps, and what must not come before, between and after them."""
    alternatives = st.lists(filters(words), min_size=2, max_size=2)
    step = parts(words) | keyed(any_of=alternatives) | keyed(all_of=alternatives)
    guard = keyed(but_not=filters(words), within=minutes(1, 10))
    chosen: list[Document] = draw(st.lists(guard, max_size=1))
    count = draw(st.integers(1, 3))
    for place in range(count):
        one = draw(step)
        after_wait = bool(chosen) and "but_not" in chosen[-1] and "within" in chosen[-1]
        if (place or one.get("times", 1) > 1) and not after_wait and draw(st.booleans()):
            one = {**one, "within": draw(minutes(5, 20))}
        chosen.append(one)
        if place < count - 1:
            chosen += draw(st.lists(guard | keyed(but_not=filters(words)), max_size=1))
    chosen += draw(st.lists(guard, min_size=1 if len(chosen) == 1 else 0, max_size=1))
    return {"steps": chosen, **draw(one_of(NOTHING, {"within": "25m"}))}


_MAKERS: dict[str, Callable[[Vocabulary, list[str]], Made]] = {
    "every_event": lambda _words, _others: st.just(NOTHING),
    "count": _count,
    "value": _value,
    "distinct": _distinct,
    "aggregate": _aggregate,
    "share": _share,
    "change": _change,
    "first_time": _first_time,
    "compare": _compare,
    "silence": _silence,
    "deadline": _deadline,
    "sequence": _sequence,
    "all_of": _items,
    "any_of": _items,
    "not_all_of": _missing_items,
    "spread": _spread,
    "rules": _rules,
}
WORDS = tuple(_MAKERS)
"""The 17 conditions of docs/specification/rules.md#conditions; that of rules on rules comes last."""
STATES = {"value", "aggregate", "share", "compare", "silence", "spread", "rules"}
FIGURES_OF = {"count", "value", "distinct", "aggregate", "share", "compare", "silence", "spread", "rules"}
"""Conditions whose level may follow a figure."""
PATTERNS = {"sequence", "all_of", "any_of", "not_all_of"}


# --- rules ------------------------------------------------------------------------------------------------------------


@st.composite
def rules(draw: st.DrawFn, word: str, name: str, words: Vocabulary, others: list[str]) -> Document:
    """One rule of a condition, with the keys that may stand beside it."""
    body = draw(_MAKERS[word](words, others))
    state = word in STATES or (word == "distinct" and "at_most" in body)
    watch = {"kind": words.kind} if word not in PATTERNS or draw(st.booleans()) else None
    found: Document = {
        "id": name,
        "per": draw(_per(word, alone=not others)),
        "alert_when": {word: body} if body else word,
        "escalate": "p",
        **draw(_ending(word, words, body, state=state)),
        **draw(one_of(NOTHING, NOTHING, NOTHING, {"wait_for_late": "0s"}, {"wait_for_late": "5m"})),
    }
    if word != "rules" and watch is not None:
        found["watch"] = draw(one_of(watch, {"kind": "*"}) | filters(words))
    if state and word != "silence":
        found |= draw(one_of(NOTHING, NOTHING, {"hold_for": "1m"}, {"hold_for": "4m"}))
    if draw(st.integers(0, 4)) == 4:
        hours = st.just({"hours": "06:18-06:40 local"})
        found["active"] = draw(hours | keyed(**{"from": instants(words)}) | st.just({"days": "mon..sun"}))
    if word in FIGURES_OF and (limit := _levels(word, body)) and draw(st.booleans()):
        found["level"] = {"waspada": "always", "awas": limit}
        found |= draw(one_of(NOTHING, {"tell_again": ["value_doubles"]}))
    if draw(st.integers(0, 7)) == 7:
        bound = one_of("from", "until").flatmap(lambda key: keyed(**{key: instants(words)}))
        found["effective"] = draw(bound)
    if others and draw(st.integers(0, 5)) == 5:
        found["hide_while"] = [draw(st.sampled_from(others))]
    if word == "count" and found["per"] in ("regency", "region") and draw(st.integers(0, 3)) == 3:
        found["except"] = [
            {"for": {"region": "73.16"}, "set": {"alert_when.count.within": "3m"}, "reason": "uji"}
        ]
    if word == "sequence":
        assume(_valid(found))  # some guards forbid what the next step asks for, which is an error of its own
    return found


def _levels(word: str, body: Document) -> Document:
    """A higher level for more of what opened the alert, or for less of it where less opened it; empty: none fits."""
    if word == "silence" or "equals" in body or "one_of" in body or isinstance(body.get("at_least"), str):
        return {"share": {"at_least": "60%"}, "silence": {"at_least": "21m"}}.get(word, NOTHING)
    if word == "compare":
        relation = next(key for key in body if key.startswith(("rises", "falls")))
        if relation.endswith("_by"):
            return {"at_least": 2}
        return {"at_least": 3} if relation.startswith("rises") else {"at_most": 0.25}
    if word == "share":
        return {"at_most": "25%"}
    operator, number = next(
        (key, body[key]) for key in ("at_least", "above", "at_most", "below") if key in body
    )
    return {"at_least": number + 1} if operator in ("at_least", "above") else {"at_most": number - 1}


def _per(word: str, *, alone: bool) -> st.SearchStrategy[Any]:
    """What it is counted for; the first rule of a set is one that others can count."""
    if word in ("rules", "spread"):
        return one_of("province", "nation")
    if alone or word in ("silence", "deadline"):
        return st.just("regency")
    return one_of("regency", "region", ["regency", "incident"], "nation")


@st.composite
def _ending(draw: st.DrawFn, word: str, words: Vocabulary, body: Document, *, state: bool) -> Document:
    """How its alerts end, and what it counts after an opening."""
    hows = ["", "by_hand", "no_longer_true"] + (["event", "quiet"] if word != "rules" else [])
    if isinstance(body.get("at_least"), int) and word in (
        "count",
        "distinct",
        "aggregate",
        "spread",
        "rules",
    ):
        hows.append("limit")
    how = draw(st.sampled_from(hows))
    found: Document = {
        "": NOTHING,
        "event": {"clear_when": {"event": {"kind": words.end}}},
        "quiet": {"clear_when": {"quiet_for": draw(minutes(1, 10))}},
        "limit": {"clear_when": {"below": body.get("at_least")}},
    }.get(how, {"clear_when": how})
    if how == "no_longer_true" or (how in ("", "limit") and state and draw(st.booleans())):
        found = {**found, "keep_open_for": draw(minutes(1, 5))}
    if how in ("by_hand", "event", "quiet") and not state and word != "deadline" and draw(st.booleans()):
        found = {**found, "after_opening": "start_again"}
    return found


@st.composite
def rule_sets(draw: st.DrawFn, words: Vocabulary, some: int | None = None) -> list[Document]:
    """Rules of some conditions, else of all 17; each knows only those before it."""
    chosen = (
        list(WORDS) if some is None else draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=some))
    )
    if "rules" in chosen:
        chosen = ["count", *(word for word in chosen if word != "rules"), "rules"]
    found: list[Document] = []
    for place, word in enumerate(chosen):
        others = [one["id"] for one in found if word != "rules" or "regency" in one["per"]]
        found.append(draw(rules(word, f"r{place}-{word.replace('_', '-')}", words, others)))
    return found


class InvalidError(ValueError):
    """What was made are no rules."""


def _valid(rule: Document) -> bool:
    try:
        load([{key: value for key, value in rule.items() if key != "hide_while"}])
    except InvalidError:
        return False
    return True


def load(found: list[Document]) -> tuple[Rule, ...]:
    """Load them as the inline rules of a test."""
    text = json.dumps({"inline_rules": found, "roster": ROSTER, "tables": TABLES})
    findings = Findings()
    node = compose(text.encode(), "rules.test.yaml", findings)
    assert node is not None
    loaded = TestedRules(form_of(node, findings), Path(), EMPTY).of_file()
    if said := [str(finding) for finding in (*findings, *loaded.findings)]:
        raise InvalidError("\n".join(said))
    return loaded.value
