"""Expected against happened, for rule tests.

Here: which line of `expect` each happening answers, and what is left on either side. Not here: running a test
(`rehearsal.rule_test`). A line is answered by one happening that agrees with all it says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from engine.core.judging.group_state import GroupState
from engine.core.judging.instant import Instant, Millis
from engine.core.judging.rule import Rule, level_name
from engine.documents.test_files.rule_tests import Check, Expected, Group
from engine.rehearsal.observation import Around, Happening, Standing, meant, open_by, why_not
from engine.rehearsal.phrase import Phrase, phrase, written_offset
from engine.rehearsal.result import Row


class Comparison:
    """The failures and the timeline of one run."""

    def __init__(
        self,
        rules: Mapping[str, Rule],
        start: Instant,
        states: Mapping[tuple[str, str], GroupState],
        around: Around,
    ) -> None:
        """Take the rules by id, the groups as they stood at the end by (rule, group), and their circumstances."""
        self._rules, self._start, self._states, self._around = rules, start, states, around
        self.failures: list[Phrase] = []
        self.rows: list[Row] = []

    def hold(
        self, expected: Sequence[Expected], happened: Sequence[Happening], *, nothing_else: bool
    ) -> None:
        """Hold what happened against what was expected."""
        left = list(happened)
        pairs: dict[int, Happening] = {}
        for place, line in sorted(enumerate(expected), key=lambda pair: -_says(pair[1])):
            answer = next((one for one in left if self._answers(one, line)), None)
            if answer is not None:
                pairs[place] = answer
                if answer.state != "joins":
                    left.remove(answer)
        unexpected = [one for one in left if one.state != "joins"]
        for place, line in enumerate(expected):
            self._line(line, pairs.get(place), unexpected)
        for one in unexpected if nothing_else else ():
            what = self._happening(one)
            at = one.at - self._start
            self.rows.append(Row(at=at, got=what, right=False))
            self.failures.append(phrase("unexpected", at=written_offset(at), what=what))

    def _line(self, line: Expected, answer: Happening | None, unexpected: Sequence[Happening]) -> None:
        wanted = self._expected(line)
        if answer is not None:
            self.rows.append(Row(at=line.at, expected=wanted, got=self._happening(answer)))
            return
        self.rows.append(Row(at=line.at, expected=wanted, right=False))
        at = written_offset(line.at)
        near = [
            one
            for one in unexpected
            if one.state == line.state and self._is_meant(one, line.rule, line.group)
        ]
        near.sort(key=lambda one: abs(one.at - self._start - line.at))
        if (wrong := self._wrong_group(line)) is not None:
            self.failures.append(wrong)
        elif near:
            got = self._happening(near[0], in_full=True)
            self.failures.append(phrase("missing_but", at=at, what=wanted, got=got))
        elif (why := self._why_not(line)) != "":
            self.failures.append(phrase("missing_because", at=at, what=wanted, why=why))
        else:
            self.failures.append(phrase("missing", at=at, what=wanted))

    def _why_not(self, line: Expected) -> str:
        """Say which gate kept the alert from opening at the instant at which it was expected to."""
        rules = [rule for id_, rule in self._rules.items() if line.rule in (None, id_)]
        if line.state not in ("opens", "hidden") or len(rules) != 1:
            return ""
        (rule,) = rules
        groups = [group for id_, group in self._states if id_ == rule.id and meant(rule, line.group, group)]
        if len(groups) > 1:
            return ""
        state = self._states[rule.id, groups[0]] if groups else None
        at = self._start + line.at
        return why_not(rule, state, at, self._around(rule, groups[0])) if groups else why_not(rule, state, at)

    def _answers(self, one: Happening, line: Expected) -> bool:
        return (
            one.state == line.state
            and line.at in self._instants(one)
            and self._is_meant(one, line.rule, line.group)
            and line.detected in (None, one.detected - self._start)
            and line.reason in (None, one.reason)
            and (line.evidence is None or sorted(line.evidence) == sorted(one.evidence))
            and line.count in (None, one.count)
            and line.level in (None, one.level)
        )

    def _instants(self, one: Happening) -> tuple[Millis, ...]:
        """Return the offsets by which a line may name a happening.

        A closing that `keep_open_for` put off has two: the condition stopped being true at one, the alert closed at
        the other.
        """
        at = one.at - self._start
        kept = self._rules[one.rule].keep_open_for
        by_figure = one.state == "closes" and one.reason == "no_longer_true"
        return (at, at - kept) if by_figure and kept else (at,)

    def _is_meant(self, one: Happening, rule: str | None, group: Group) -> bool:
        known = self._rules.get(one.rule)
        return rule in (None, one.rule) and known is not None and meant(known, group, one.group)

    def _wrong_group(self, line: Expected | Check) -> Phrase | None:
        """Say that a line names a group by keys that the rule does not group by."""
        rule = self._rules.get(line.rule or "")
        if rule is None or not isinstance(line.group, dict) or set(line.group) <= set(rule.per):
            return None
        return phrase(
            "no_such_group",
            at=written_offset(line.at),
            rule=rule.id,
            group=written_group(line.group),
            per=", ".join(rule.per),
        )

    def agrees(
        self,
        happened: Sequence[Happening],
        stood: Mapping[Instant, Mapping[tuple[str, str], bool]],
    ) -> None:
        """Hold the openings and closings that happened against what was open at some instants of the clock.

        `stood` says of rule and group whether an alert is open; of what it does not name none is.
        """
        for at, stands in stood.items():
            listed = open_by(happened, at)
            for rule, group in sorted(listed | stands.keys()):
                says, found = (rule, group) in listed, stands.get((rule, group), False)
                if says != found:
                    self.failures.append(
                        phrase(
                            "contradiction",
                            at=written_offset(at - self._start),
                            rule=rule,
                            group=group,
                            listed=phrase("open" if says else "closed"),
                            found=phrase("open" if found else "closed"),
                        )
                    )

    def check(self, line: Check, rule: Rule, found: Sequence[Standing]) -> None:
        """Hold how a group stands against a line of `check`."""
        at = written_offset(line.at)
        if (wrong := self._wrong_group(line)) is not None:
            self.failures.append(wrong)
            return
        if len(found) > 1:
            self.failures.append(phrase("many_groups", at=at, rule=rule.id, found=str(len(found))))
            return
        stands = found[0] if found else NOTHING
        wrong_keys = []
        for key, expected, got in _pairs(line, stands):
            if expected != got:
                wrong_keys.append(f"{key} {got}")
                self.failures.append(
                    phrase(
                        "wrong",
                        at=at,
                        rule=rule.id,
                        group=written_group(line.group),
                        key=key,
                        expected=expected,
                        got=got,
                    )
                )
        wanted = ", ".join(f"{key} {expected}" for key, expected, _ in _pairs(line, stands))
        self.rows.append(
            Row(
                at=line.at,
                expected=phrase("checked", rule=rule.id, group=written_group(line.group), what=wanted),
                got=phrase(
                    "checked",
                    rule=rule.id,
                    group=written_group(line.group),
                    what=", ".join(wrong_keys) or wanted,
                ),
                right=not wrong_keys,
            )
        )

    def _expected(self, line: Expected) -> Phrase:
        more = _more(line.detected, line.reason, line.evidence, line.count, line.level)
        return phrase(
            "happening",
            state=phrase(line.state),
            rule=line.rule or "*",
            group=written_group(line.group),
            more=more,
        )

    def _happening(self, one: Happening, *, in_full: bool = False) -> Phrase:
        detected = one.detected - self._start
        shown = in_full or one.detected != one.at
        more = _more(
            detected if shown else None,
            one.reason if one.state == "closes" else None,
            one.evidence if in_full else None,
            one.count if in_full else None,
            one.level if in_full else None,
        )
        at = written_offset(one.at - self._start) + " " if in_full else ""
        return phrase(
            "happening",
            state=phrase(one.state),
            rule=one.rule,
            group=one.group,
            more=more + (f" @ {at}" if at else ""),
        )


NOTHING = Standing(group="", open=False, evidence=(), count=0, level=1, value=0.0)


def _says(line: Expected) -> int:
    """Return how much a line says, so that those that say most choose first."""
    return sum(
        value is not None
        for value in (
            line.rule,
            line.group,
            line.detected,
            line.reason,
            line.evidence,
            line.count,
            line.level,
        )
    )


def _pairs(line: Check, stands: Standing) -> Iterator[tuple[str, str, str]]:
    """Yield (key, expected, got) for every key that a line asserts."""
    if line.open is not None:
        yield "open", str(line.open).lower(), str(stands.open).lower()
    if line.evidence is not None:
        yield "evidence", ", ".join(sorted(line.evidence)), ", ".join(sorted(stands.evidence))
    if line.count is not None:
        yield "count", str(line.count), str(stands.count)
    if line.value is not None:
        yield "value", f"{round(line.value, 9):g}", f"{round(stands.value, 9):g}"
    if line.level is not None:
        yield "level", level_name(line.level), level_name(stands.level)


def _more(
    detected: Millis | None,
    reason: str | None,
    evidence: Sequence[str] | None,
    count: int | None,
    level: int | None,
) -> str:
    parts = [
        f"detected {written_offset(detected)}" if detected is not None else "",
        f"reason {reason}" if reason else "",
        f"evidence {'/'.join(evidence)}" if evidence is not None else "",
        f"count {count}" if count is not None else "",
        f"level {level_name(level)}" if level is not None else "",
    ]
    said = ", ".join(part for part in parts if part)
    return f" ({said})" if said else ""


def written_group(group: Group) -> str:
    """Write a group as people read it."""
    if isinstance(group, dict):
        return ", ".join(f"{key}: {value}" for key, value in group.items())
    return group or "*"
