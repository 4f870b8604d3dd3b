"""A rule as it is written: the keys that a file gives, read but not yet completed.

Here: one reader for each key of a rule (rule-language.md 2). Not here: which keys it takes from another rule or from
defaults (`loading.likeness`), which files are read and what a missing key means (`loading.rules`), and whether the keys
fit each other (`loading.lint`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from engine.judging.active import Active
from engine.judging.instant import MINUTE, Instant, Millis
from engine.judging.rule import Clear, Condition, Deadline, Filter, LevelStep, Silence, TellAgain
from engine.loading.active import active
from engine.loading.conditions import condition
from engine.loading.exceptions import Exempted, exception, exempted
from engine.loading.filters import Filters
from engine.loading.finding import Findings, Mark, UnusableError
from engine.loading.form import Form, Take, form_of, list_of, usable
from engine.loading.known import Known
from engine.loading.likeness import Whole
from engine.loading.limit import LIMITS, figure, limit_of
from engine.loading.marked import MappingNode, Node, ScalarNode, SequenceNode
from engine.loading.moment import duration, instant
from engine.loading.patterns import needs_no_watch
from engine.loading.value import identifier, level, named, short_text, text, word

REGION_KEYS = ("nation", "province", "regency", "district", "village", "region")
"""Words of `per` that cut the code of the region."""


class Levels(msgspec.Struct, frozen=True):
    """The level of a rule: rows from the lowest up, or the highest severity among the evidence."""

    rows: tuple[LevelStep, ...] = ()
    by_severity: bool = False


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says of one rule; None where it says nothing usable. `places` tells where each key stands."""

    mark: Mark
    id: str | None = None
    title: str | None = None
    short_title: str | None = None
    owner: str | None = None
    why: str | None = None
    guide: str | None = None
    level: Levels | None = None
    watch: Filter | None = None
    per: tuple[str, ...] | None = None
    alert_when: Condition | None = None
    hold_for: Millis | None = None
    clear_when: Clear | None = None
    keep_open_for: Millis | None = None
    after_opening: str | None = None
    tell_again: TellAgain | None = None
    active: Active | None = None
    wait_for_late: Millis | None = None
    late_horizon: Millis | None = None
    hide_while: tuple[str, ...] | None = None
    exceptions: tuple[Exempted, ...] = ()
    effective: tuple[Instant | None, Instant | None] | None = None
    escalate: str | None = None
    places: Mapping[str, Mark] = {}

    def place(self, key: str) -> Mark:
        """Return where a key stands; the rule itself where the file does not give it."""
        return self.places.get(key, self.mark)


class DraftReader:
    """Reads rules of one rule set."""

    def __init__(self, known: Known, filters: Filters, findings: Findings) -> None:
        self._filters, self._findings = filters, findings
        self._takes: dict[str, Take[Any]] = {
            "id": _rule_id,
            "title": text,
            "short_title": short_text,
            "owner": text,
            "why": text,
            "guide": text,
            "level": _levels,
            "watch": filters.read,
            "per": list_of(self._per, single=True, minimum=1, maximum=5),
            "alert_when": condition(filters),
            "hold_for": duration(),
            "clear_when": self._clear,
            "keep_open_for": duration(),
            "after_opening": word("keep_counting", "start_again"),
            "tell_again": _tell_again,
            "active": active(known.calendar),
            "wait_for_late": duration(),
            "late_horizon": duration(1),
            "except": list_of(exception(filters, known.now), minimum=1, maximum=100),
            "hide_while": list_of(identifier, single=True, minimum=1),
            "effective": _effective,
            "escalate": named(known.policies, "unknown_policy"),
        }

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that it reads."""
        return tuple(self._takes)

    def read(self, whole: Whole, findings: Findings, *, required: Collection[str]) -> Draft:
        """Read one rule; what does not fit together in it is placed at `like` where the key is not its own."""
        form = form_of(whole.node, findings)
        optional = {"watch"} if needs_no_watch(form.node("alert_when")) else set()
        for key in required:
            if key not in form and key not in optional:
                findings.add("required", form.mark, key=key)
        keys = self._keys(form, tuple(self._takes), also=("like",))
        if whole.like is not None:
            keys["places"].update(dict.fromkeys(whole.inherited & keys["places"].keys(), whole.like))
        written, found = keys.pop("except", ()), Draft(mark=form.mark, **keys)
        by_event = not isinstance(found.alert_when, Silence | Deadline)
        per = found.per or ("region",)
        exceptions = exempted(written, whole.node, per, findings, by_event=by_event)
        return msgspec.structs.replace(found, exceptions=exceptions)

    def defaults(self, node: Node, findings: Findings, *, forbidden: Collection[str]) -> MappingNode:
        """Check the `defaults` of a file, which every rule of the file has unless it gives its own; return them."""
        form = form_of(node, findings)
        for key in forbidden:
            if key in form:
                findings.add("not_in_defaults", form.key_place(key), key=key)
        allowed = tuple(key for key in self._takes if key not in forbidden)
        self._keys(form, allowed, also=(*forbidden, "like"))
        return form.only((*allowed, "like"))

    def _keys(self, form: Form, keys: Collection[str], also: Collection[str] = ()) -> dict[str, Any]:
        """Read these keys of a form; what is unusable is left out, though its place is not."""
        read = {key: form.read(key, self._takes[key], None) for key in keys}
        form.close(also=also)
        values = {key: value for key, value in read.items() if value is not None}
        return {**values, "places": {key: form.place(key) for key in keys if key in form}}

    def _per(self, node: Node, findings: Findings) -> str:
        return self._filters.group_key(node, findings, REGION_KEYS)

    def _clear(self, node: Node, findings: Findings) -> Clear:
        if isinstance(node, ScalarNode):
            how = word("no_longer_true", "by_hand")(node, findings)
            return Clear("by_hand" if how == "by_hand" else "no_longer_true")
        form = form_of(node, findings)
        read: Take[Filter] = self._filters.read
        event = form.read("event", read, None)
        quiet_for = form.read("quiet_for", duration(1), None)
        limit = limit_of(form, findings, take=figure)
        form.close()
        if sum(key in form for key in ("event", "quiet_for", *LIMITS)) != 1:
            raise findings.unusable("one_clear", form.mark)
        if event is not None:
            return Clear("event", event=event)
        if quiet_for is not None:
            return Clear("quiet", quiet_for=quiet_for)
        if limit is not None:
            return Clear("limit", limit=limit)
        raise UnusableError


def _rule_id(node: Node, findings: Findings) -> str:
    found = identifier(node, findings)
    if found.startswith("siaga."):
        raise findings.unusable("reserved_id", node.mark, id=found)
    return found


def _levels(node: Node, findings: Findings) -> Levels:
    if isinstance(node, ScalarNode) and node.text == "severity":
        return Levels(by_severity=True)
    if not isinstance(node, MappingNode):
        return Levels((LevelStep(level(node, findings)),))
    before = findings.errors
    rows = [row for pair in node.pairs.values() for row in usable((pair[0],), _row(pair[1]), findings)]
    if findings.errors > before:
        raise UnusableError
    rows.sort(key=lambda row: row.level)
    if not rows or [row.limit is None for row in rows] != [True, *[False] * (len(rows) - 1)]:
        raise findings.unusable("level_always", node.mark)
    return Levels(tuple(rows))


def _row(value: Node) -> Take[LevelStep]:
    """Return a reader of the level that stands before `always` or a LIMIT."""

    def read(key: Node, findings: Findings) -> LevelStep:
        at = level(key, findings)
        if isinstance(value, ScalarNode) and value.text == "always":
            return LevelStep(at)
        if not isinstance(value, MappingNode):
            raise findings.unusable("level_row", value.mark)
        form = form_of(value, findings)
        limit = limit_of(form, findings, take=figure)
        form.close()
        if limit is None and not any(operator in form for operator in LIMITS):
            findings.add("limit_missing", form.mark, choices=", ".join(LIMITS))
        return LevelStep(at, limit)

    return read


def _tell_again(node: Node, findings: Findings) -> TellAgain:
    again = TellAgain()
    for item in node.items if isinstance(node, SequenceNode) else (node,):
        if isinstance(item, ScalarNode):
            if item.text != "value_doubles":
                raise findings.unusable("tell_again_form", item.mark)
            again = msgspec.structs.replace(again, value_doubles=True)
            continue
        every, growing_to = _interval(form_of(item, findings), findings)
        if again.every is not None:
            raise findings.unusable("tell_again_form", item.mark)
        again = msgspec.structs.replace(again, every=every, growing_to=growing_to)
    return again


def _interval(form: Form, findings: Findings) -> tuple[Millis, Millis | None]:
    """Take `every`, or `from` and `growing_to`."""
    every = form.read("every", duration(MINUTE), 0)
    first = form.read("from", duration(MINUTE), 0)
    growing_to = form.read("growing_to", duration(MINUTE), 0)
    form.close()
    if ("every" in form) == ("from" in form) or ("from" in form) != ("growing_to" in form):
        raise findings.unusable("tell_again_form", form.mark)
    if growing_to and growing_to < first:
        raise findings.unusable("growing_to_less", form.place("growing_to"))
    return every or first, growing_to or None


def _effective(node: Node, findings: Findings) -> tuple[Instant | None, Instant | None]:
    form = form_of(node, findings)
    since, until = form.read("from", instant, None), form.read("until", instant, None)
    form.close()
    if since is not None and until is not None and until <= since:
        raise findings.unusable("until_before_from", form.place("until"))
    return since, until
