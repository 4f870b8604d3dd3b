"""One rule as a file gives it: its keys, `like` and `defaults`, `active`, and its exceptions.

Specification: docs/specification/rules.md#active.

Specification: docs/specification/rules.md#keys, #exceptions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from engine.core.judging.calendar import Active, Calendar, NamedSpan
from engine.core.judging.condition import Condition, Deadline, SilenceCondition
from engine.core.judging.filter import AllOf, AnyOf, Filter, Test, Unless
from engine.core.judging.group_key import REGION_WORDS
from engine.core.judging.instant import MINUTE, Instant, Millis
from engine.core.judging.region import LEVELS
from engine.core.judging.rule import Clear, LevelStep, TellAgain
from engine.documents.fields import (
    Form,
    Take,
    form_of,
    identifier,
    level,
    list_of,
    named,
    scalar,
    short_text,
    text,
    usable,
    word,
)
from engine.documents.finding import Findings, Mark, UnusableError
from engine.documents.reference_data import ReferenceData
from engine.documents.rules.conditions import condition
from engine.documents.rules.filters import Filters
from engine.documents.rules.limit import LIMITS, figure, limit_of
from engine.documents.rules.sequence import needs_no_watch
from engine.documents.times import days, duration, hours, instant, local_or_instant
from engine.documents.yaml_tree import MappingNode, Node, ScalarNode, SequenceNode


def active(calendar: Calendar | None) -> Take[Active]:
    """Return a reader of `active`; without a calendar any stage is good, and none is filled in."""
    stages = {} if calendar is None else {stage.id: stage for stage in calendar.stages}
    stage = named(None if calendar is None else stages, "unknown_stage")

    def read(node: Node, findings: Findings) -> Active:
        form = form_of(node, findings)
        ids = form.read("stage", list_of(stage, single=True, minimum=1), ())
        since: datetime | Instant | None = form.read("from", local_or_instant, None)
        until: datetime | Instant | None = form.read("until", local_or_instant, None)
        found = Active(
            stages=tuple(
                NamedSpan(id=id_, since=stages[id_].since, until=stages[id_].until)
                for id_ in ids
                if id_ in stages
            ),
            since=since,
            until=until,
            hours=form.read("hours", hours, ""),
            days=form.read("days", days, ""),
        )
        form.close()
        if not form.written:
            raise findings.unusable("active_empty", form.mark)
        if _not_before(since, until):
            raise findings.unusable("until_before_from", form.place("until"))
        return found

    return read


def _not_before(since: datetime | Instant | None, until: datetime | Instant | None) -> bool:
    """Say whether one lies at or behind the other, where that is the same in every zone."""
    if isinstance(since, datetime) and isinstance(until, datetime):
        return since >= until
    return isinstance(since, int) and isinstance(until, int) and since >= until


NEVER_TAKEN = ("id", "like")
"""Keys that a rule does not take from another one."""


class Whole(msgspec.Struct, frozen=True):
    """A rule with all its keys. `inherited` are those of another rule; `like` is where it says so."""

    node: MappingNode
    inherited: frozenset[str] = frozenset()
    like: Mark | None = None


class Family:
    """The rules of a set, each of which may be like another one of any file."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._rules: list[tuple[MappingNode, MappingNode | None]] = []
        self._by_id: dict[str, int] = {}
        self._whole: dict[int, Whole] = {}

    def add(self, rules: Sequence[Node], defaults: MappingNode | None) -> list[int]:
        """Take the rules of a file with its defaults; return their numbers."""
        first = len(self._rules)
        for node in rules:
            if not isinstance(node, MappingNode):
                self._findings.add("not_a_map", node.mark)
                continue
            name = node.get("id")
            if name is not None and (id_ := getattr(name, "text", "")):
                self._by_id.setdefault(id_, len(self._rules))
            self._rules.append((node, defaults))
        return list(range(first, len(self._rules)))

    def whole(self, number: int) -> Whole:
        """Return a rule with what it takes from others; where that cannot be, with its own keys alone."""
        for one in reversed(list(self._line(number))):
            if one not in self._whole:
                self._whole[one] = self._joined(one)
        return self._whole[number]

    def _line(self, number: int) -> Iterator[int]:
        """Yield a rule, the one it is like, and so on, as far as that is not known yet."""
        passed: dict[int, None] = {}
        at: int | None = number
        while at is not None and at not in self._whole:
            if at in passed:
                ring = [*passed, at][list(passed).index(at) :]
                for one in ring[:-1]:
                    self._break(one, ring)
                return
            yield at
            passed[at] = None
            at = self._base(at)

    def _break(self, number: int, ring: Sequence[int]) -> None:
        """Report a rule that is like itself by way of others, and let it stand alone."""
        node, defaults = self._rules[number]
        place = list(ring[:-1]).index(number)
        order = [*ring[place:-1], *ring[:place], number]
        names = " -> ".join(getattr(self._rules[one][0].get("id"), "text", "?") for one in order)
        like = node.get("like")
        self._findings.add("like_cycle", like.mark if like else node.mark, ring=names)
        self._whole[number] = Whole(_over(node, defaults))

    def _base(self, number: int) -> int | None:
        node, defaults = self._rules[number]
        like = node.get("like") or (defaults.get("like") if defaults else None)
        if like is None:
            return None
        try:
            name = scalar(like, self._findings)
            if name.text not in self._by_id:
                raise self._findings.no_choice("unknown_rule", name.mark, name.text, self._by_id)
        except UnusableError:
            return None
        return self._by_id[name.text]

    def _joined(self, number: int) -> Whole:
        node, defaults = self._rules[number]
        base = self._base(number)
        if base is None:
            return Whole(_over(node, defaults))
        taken = {key: pair for key, pair in self._whole[base].node.pairs.items() if key not in NEVER_TAKEN}
        like = node.get("like")
        return Whole(
            _over(_over(node, MappingNode(taken, node.mark)), defaults),
            frozenset(taken.keys() - node.pairs.keys()),
            like.mark if like else node.mark,
        )


def _over(own: MappingNode, under: MappingNode | None) -> MappingNode:
    """Return a map with the keys of another one that it does not have itself."""
    return own if under is None else MappingNode({**under.pairs, **own.pairs}, own.mark)


NEVER_SET = ("id", "like", "except", "watch", "per", "active", "effective", "hide_while", "late_horizon")
"""Keys that are the same for all groups of a rule."""
OF_CONDITIONS = frozenset((*LIMITS, "within", "for", "memory", "min_events"))
"""Keys of a condition that may be set: they change nothing of what it reads of an event."""
_LENGTHS = {"nation": 2, "province": 2, "regency": 5, "region": 5, "district": 8, "village": 13}
"""Characters of the code of a region by the word of `per`."""


class Exempted(msgspec.Struct, frozen=True, kw_only=True):
    """One exception as it is written; `level` where it sets that for events, else `node` is the rule for its groups."""

    mark: Mark
    holds: Filter
    keys: tuple[tuple[str, str], ...]
    reason: str
    until: Instant | None
    level: int = 0
    node: MappingNode | None = None


WrittenException = tuple[Mark, Filter, MappingNode, str, Instant | None]


def exception(filters: Filters, now: Instant | None) -> Take[WrittenException]:
    """Return a reader of one exception; one that is over by `now` is advice to remove it."""

    def read(node: Node, findings: Findings) -> WrittenException:
        form = form_of(node, findings)
        holds: Take[Filter] = filters.read
        found = form.require("for", holds, None)
        sets = form.require("set", _map, None)
        reason = form.require("reason", text, "")
        until = form.read("until", instant, None)
        form.close()
        if found is None or sets is None:
            raise UnusableError
        if until is not None and now is not None and until <= now:
            findings.add("except_expired", form.place("until"))
        return form.mark, found, sets, reason, until

    return read


def exempted(
    written: Sequence[WrittenException],
    rule: MappingNode,
    per: Sequence[str],
    findings: Findings,
    *,
    by_event: bool,
) -> tuple[Exempted, ...]:
    """Return the exceptions of a rule with what they make of it; without `by_event` levels are set for groups too."""
    found = []
    for mark, holds, sets, reason, until in written:
        common = Exempted(mark=mark, holds=holds, keys=tuple(_plain(sets)), reason=reason, until=until)
        value = sets.get("level")
        if by_event and list(sets.pairs) == ["level"] and isinstance(value, ScalarNode):
            levels: Take[int] = level
            found += [
                msgspec.structs.replace(common, level=one) for one in usable((value,), levels, findings)
            ]
            continue
        before = findings.errors
        _check(sets, holds, per, findings, mark)
        if findings.errors == before:
            found.append(msgspec.structs.replace(common, node=_laid_over(rule, sets)))
    return tuple(found)


def _check(sets: MappingNode, holds: Filter, per: Sequence[str], findings: Findings, mark: Mark) -> None:
    for key, _ in sets.pairs.values():
        first, _, rest = key.text.partition(".")
        leaf = rest.rpartition(".")[2]
        if first in NEVER_SET:
            findings.add("except_key", key.mark, key=first)
        elif first == "alert_when" and leaf not in OF_CONDITIONS:
            findings.add("except_condition", key.mark, keys=", ".join(sorted(OF_CONDITIONS)))
        elif first == "clear_when" and "event" in (rest, *_words(sets.get(key.text))):
            findings.add("except_key", key.mark, key="clear_when.event")
    if not all(map(_of_group(per), _tests(holds))):
        findings.add("except_for", mark, keys=", ".join(per))


def _words(node: Node | None) -> Sequence[str]:
    return tuple(node.pairs) if isinstance(node, MappingNode) else ()


def _of_group(per: Sequence[str]) -> Callable[[Test], bool]:
    """Return what says of a test whether all events of a group pass it, or none."""
    longest = max((_LENGTHS[word] for word in per if word in REGION_WORDS), default=0)

    def known(test: Test) -> bool:
        if test.field != "region":
            return test.field in per and test.field not in LEVELS
        codes = test.value if isinstance(test.value, tuple) else (test.value,)
        lies = test.operator in ("lies_in", "prefix")
        return lies and bool(longest) and all(len(str(code)) <= longest for code in codes)

    return known


def _tests(node: Filter) -> list[Test]:
    match node:
        case Test():
            return [node]
        case AllOf(parts) | AnyOf(parts):
            return [test for part in parts for test in _tests(part)]
        case Unless(part):
            return _tests(part)


def _laid_over(rule: MappingNode, sets: MappingNode) -> MappingNode:
    """Return the map of a rule with keys set by their dotted paths, and without its exceptions."""
    pairs = {key: pair for key, pair in rule.pairs.items() if key != "except"}
    whole = MappingNode(pairs, rule.mark)
    for key, value in sets.pairs.values():
        whole = _put(whole, key.text.split("."), key, value)
    return whole


def _put(under: MappingNode, path: Sequence[str], key: ScalarNode, value: Node) -> MappingNode:
    name, *rest = path
    pair = under.pairs.get(name)
    if rest:
        inner = (
            pair[1] if pair is not None and isinstance(pair[1], MappingNode) else MappingNode({}, key.mark)
        )
        value = _put(inner, rest, key, value)
    marked = msgspec.structs.replace(key, text=name)
    return MappingNode({**under.pairs, name: (marked, value)}, under.mark)


def _map(node: Node, findings: Findings) -> MappingNode:
    form = form_of(node, findings)
    if not form.written:
        raise findings.unusable("empty", node.mark)
    return form.only(form.written)


def _plain(sets: MappingNode) -> list[tuple[str, str]]:
    """Return what is set, key by key, as JSON of the texts in the file."""
    return [(key, json.dumps(_data(value))) for key, (_, value) in sets.pairs.items()]


def _data(node: Node) -> Any:
    match node:
        case ScalarNode(text=written):
            return written
        case MappingNode(pairs):
            return {key: _data(value) for key, (_, value) in pairs.items()}
        case _:
            return [_data(item) for item in node.items]


REGION_KEYS = ("nation", "province", "regency", "district", "village", "region")
"""Words of `per` that cut the code of the region."""


class Levels(msgspec.Struct, frozen=True):
    """The level of a rule: rows from the lowest up, or the highest severity among the evidence."""

    rows: tuple[LevelStep, ...] = ()
    by_severity: bool = False


class RuleDocument(msgspec.Struct, frozen=True, kw_only=True):
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


class RuleDocumentReader:
    """Reads rules of one rule set."""

    def __init__(self, known: ReferenceData, filters: Filters, findings: Findings) -> None:
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

    def read(self, whole: Whole, findings: Findings, *, required: Collection[str]) -> RuleDocument:
        """Read one rule; what does not fit together in it is placed at `like` where the key is not its own."""
        form = form_of(whole.node, findings)
        optional = {"watch"} if needs_no_watch(form.node("alert_when")) else set()
        for key in required:
            if key not in form and key not in optional:
                findings.add("required", form.mark, key=key)
        keys = self._keys(form, tuple(self._takes), also=("like",))
        if whole.like is not None:
            keys["places"].update(dict.fromkeys(whole.inherited & keys["places"].keys(), whole.like))
        written, found = keys.pop("except", ()), RuleDocument(mark=form.mark, **keys)
        by_event = not isinstance(found.alert_when, SilenceCondition | Deadline)
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
