"""Expected against observed, for rule tests and policy tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from engine.core.alerting.alert import Alert, Notification
from engine.core.judging.group_state import GroupState
from engine.core.judging.instant import Instant, Millis
from engine.core.judging.rule import Rule, level_name
from engine.documents.test_files.policy_tests import ExpectedShown
from engine.documents.test_files.rule_tests import Check, ExpectedAlerts, ExpectedGroup
from engine.simulation.recorder import (
    Around,
    Happening,
    RecordedState,
    RecordedTurn,
    Recorder,
    is_meant_group,
    open_by,
    why_not,
)
from engine.simulation.result import Phrase, ResultRow, phrase, written_offset
from engine.simulation.simulator import KEY
from engine.texts.answer_link_token import token_for, with_token


class RuleExpectations:
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
        self.rows: list[ResultRow] = []

    def hold(
        self, expected: Sequence[ExpectedAlerts], happened: Sequence[Happening], *, nothing_else: bool
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
            self.rows.append(ResultRow(at=at, got=what, right=False))
            self.failures.append(phrase("unexpected", at=written_offset(at), what=what))

    def _line(self, line: ExpectedAlerts, answer: Happening | None, unexpected: Sequence[Happening]) -> None:
        wanted = self._expected(line)
        if answer is not None:
            self.rows.append(ResultRow(at=line.at, expected=wanted, got=self._happening(answer)))
            return
        self.rows.append(ResultRow(at=line.at, expected=wanted, right=False))
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

    def _why_not(self, line: ExpectedAlerts) -> str:
        """Say which gate kept the alert from opening at the instant at which it was expected to."""
        rules = [rule for id_, rule in self._rules.items() if line.rule in (None, id_)]
        if line.state not in ("opens", "hidden") or len(rules) != 1:
            return ""
        (rule,) = rules
        groups = [
            group for id_, group in self._states if id_ == rule.id and is_meant_group(rule, line.group, group)
        ]
        if len(groups) > 1:
            return ""
        state = self._states[rule.id, groups[0]] if groups else None
        at = self._start + line.at
        return why_not(rule, state, at, self._around(rule, groups[0])) if groups else why_not(rule, state, at)

    def _answers(self, one: Happening, line: ExpectedAlerts) -> bool:
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

    def _is_meant(self, one: Happening, rule: str | None, group: ExpectedGroup) -> bool:
        known = self._rules.get(one.rule)
        return rule in (None, one.rule) and known is not None and is_meant_group(known, group, one.group)

    def _wrong_group(self, line: ExpectedAlerts | Check) -> Phrase | None:
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

    def check(self, line: Check, rule: Rule, found: Sequence[RecordedState]) -> None:
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
            ResultRow(
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

    def _expected(self, line: ExpectedAlerts) -> Phrase:
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


NOTHING = RecordedState(group="", open=False, evidence=(), count=0, level=1, value=0.0)


def _says(line: ExpectedAlerts) -> int:
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


def _pairs(line: Check, stands: RecordedState) -> Iterator[tuple[str, str, str]]:
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


def written_group(group: ExpectedGroup) -> str:
    """Write a group as people read it."""
    if isinstance(group, dict):
        return ", ".join(f"{key}: {value}" for key, value in group.items())
    return group or "*"


OPENINGS = ("opens", "hidden")


class _Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """One message that a line awaits; a line with several recipients or channels awaits one on each."""

    line: ExpectedShown
    to: str | None
    channel: str | None

    @property
    def says(self) -> int:
        """How much it says, so that those that say most choose first."""
        line = self.line
        given = (self.to, self.channel, line.step, line.rule, line.group, line.level)
        return sum(value is not None for value in given) + len(line.contains) + (not line.within)


class PolicyExpectations:
    """The failures and the timeline of one policy test."""

    def __init__(self, witness: Recorder, rules: Mapping[str, Rule], start: Instant) -> None:
        self._witness, self._rules, self._start = witness, rules, start
        self.failures: list[Phrase] = []
        self.rows: list[ResultRow] = []

    def hold(self, awaited: Sequence[ExpectedShown], nothing_else: str) -> None:
        """Hold what there was against what was awaited."""
        self._messages([line for line in awaited if line.aspect == "message"], nothing_else != "none")
        for line in awaited:
            if line.aspect != "message":
                self._state(line)
        if nothing_else == "all":
            self._other_states([line for line in awaited if line.aspect == "alert"])

    # --- messages -----------------------------------------------------------------------------------------------------

    def _messages(self, lines: Sequence[ExpectedShown], nothing_else: bool) -> None:  # noqa: FBT001
        left = self._witness.messages()
        wanted = [
            _Wanted(line=line, to=to, channel=channel)
            for line in lines
            for to in line.to or (None,)
            for channel in line.channels or (None,)
        ]
        found: dict[int, Notification] = {}
        for place, one in sorted(enumerate(wanted), key=lambda pair: -pair[1].says):
            answer = next((n for n in left if self._is_wanted(n, one)), None)
            if answer is not None:
                found[place] = answer
                left.remove(answer)
        # A line that names a person and no channel means the message, on however many channels it goes.
        open_ended = [
            one for place, one in enumerate(wanted) if one.to and not one.channel and place in found
        ]
        left = [n for n in left if not any(self._is_wanted(n, one) for one in open_ended)]
        for place, one in enumerate(wanted):
            self._wanted(one, found.get(place), left)
        for notification in left if nothing_else else ():
            at = (notification.sent_at or 0) - self._start
            what = self._message(notification)
            self.rows.append(ResultRow(at=at, got=what, right=False))
            self.failures.append(phrase("unexpected", at=written_offset(at), what=what))

    def _is_wanted(self, n: Notification, one: _Wanted) -> bool:
        line = one.line
        if n.sent_at is None or not line.since <= n.sent_at - self._start <= line.until:
            return False
        if n.kind != line.value or one.to not in (None, n.person) or one.channel not in (None, n.channel):
            return False
        if line.step not in (None, n.step) or line.level not in (None, n.level):
            return False
        text = _text(n)
        return (
            self._is_meant(self._witness.alerts.get(n.alert), line)
            and all(part in text for part in line.contains)
            and not any(part in text for part in line.lacks)
        )

    def _wanted(self, one: _Wanted, answer: Notification | None, left: list[Notification]) -> None:
        line = one.line
        what = self._awaited(line, one.to, one.channel)
        if answer is not None:
            at = (answer.sent_at or 0) - self._start
            self.rows.append(ResultRow(at=at, expected=what, got=self._message(answer)))
            return
        why = self._why_no_message(one)
        other = msgspec.structs.replace(line, contains=(), lacks=(), step=None, level=None)
        alike = msgspec.structs.replace(one, line=other)
        instead = next((n for n in left if one.to and self._is_wanted(n, alike)), None)
        if instead is not None:  # the right message with wrong words is one failure, not two
            left.remove(instead)
        got = self._message(instead) if instead else None
        self.rows.append(ResultRow(at=line.since, expected=what, got=got, right=False))
        self._missing(line, what, why)

    def _missing(self, line: ExpectedShown, what: Phrase, why: str) -> None:
        at = _span(line)
        if why:
            self.failures.append(phrase("missing_because", at=at, what=what, why=why))
        else:
            self.failures.append(phrase("missing", at=at, what=what))

    def _why_no_message(self, one: _Wanted) -> str:
        """Say from the notifications and the histories why a message did not come when it should have."""
        line = one.line
        near = [
            n
            for n in self._witness.notifications.values()
            if one.to in (None, n.person)
            and one.channel in (None, n.channel)
            and n.kind == line.value
            and self._is_meant(self._witness.alerts.get(n.alert), line)
        ]
        said = [
            self._fate(n, line)
            for n in sorted(near, key=lambda n: abs(n.planned_at - self._start - line.since))
        ]
        if said:
            return said[0]
        entries = [
            entry
            for alert, entry in self._witness.entries(self._start + line.since, self._start + line.until)
            if self._is_meant(alert, line)
        ]
        passed = [e for e in entries if e.name == "recipient_passed_over" and e.person == one.to]
        skipped = [e for e in entries if e.name == "step_skipped"]
        refused = [e for e in entries if e.name == "answer_refused"]
        reasons = [f"{e.name}: {e.reason}" for e in (*passed, *skipped, *refused)]
        if (
            one.to
            and not reasons
            and not any(n.person == one.to for n in self._witness.notifications.values())
        ):
            return f"{one.to}: -"
        return ", ".join(dict.fromkeys(reasons))

    def _fate(self, n: Notification, line: ExpectedShown) -> str:
        if n.sent_at is None:
            return f"{n.state}: {n.reason or n.held}" if n.reason or n.held else n.state
        at = n.sent_at - self._start
        if line.since <= at <= line.until:
            lacking = [part for part in line.contains if part not in _text(n)]
            present = [part for part in line.lacks if part in _text(n)]
            wrong = [f"contains {part!r}" for part in lacking] + [f"lacks {part!r}" for part in present]
            wrong += [f"step {n.step}"] if line.step not in (None, n.step) else []
            return ", ".join(wrong) or f"{n.person} {n.channel}"
        return f"{n.state} {written_offset(at)}, step {n.step}"

    def _awaited(self, line: ExpectedShown, to: str | None, channel: str | None) -> Phrase:
        parts = [f"step {line.step}"] if line.step is not None else []
        parts += [f"contains {part!r}" for part in line.contains] + [f"lacks {part!r}" for part in line.lacks]
        parts += [line.rule] if line.rule else []
        parts += [f"[{written_group(line.group)}]"] if line.group is not None else []
        return phrase(
            "message",
            kind=line.value,
            to=to or phrase("any"),
            channel=channel or phrase("any"),
            more=_in(parts),
        )

    def _message(self, n: Notification) -> Phrase:
        alert = self._witness.alerts.get(n.alert)
        parts = [f"step {n.step}"] if n.step else []
        parts += [alert.rule.id] if alert is not None and len(self._witness.alerts) > 1 else []
        return phrase("message", kind=n.kind, to=n.person, channel=n.channel, more=_in(parts))

    # --- states -------------------------------------------------------------------------------------------------------

    def _state(self, line: ExpectedShown) -> None:
        match line.aspect:
            case "audit":
                self._audit(line)
            case "notification":
                self._notification(line)
            case _:
                self._alert(line)

    def _alert(self, line: ExpectedShown) -> None:
        what = self._expected(line)
        since, until = self._start + line.since, self._start + line.until
        if line.value in OPENINGS:
            near = [turn for turn in self._witness.openings if since <= turn.at <= until]
        elif line.within:
            near = self._witness.reached(since, until, alerts=True)
        else:
            near = self._witness.standing(until, alerts=True)
        near = [turn for turn in near if self._is_meant(turn.alert, line)]
        answer = next((turn for turn in near if _agrees(turn, line)), None)
        if answer is None and not near and line.value in OPENINGS:
            near = [turn for turn in self._witness.openings if self._is_meant(turn.alert, line)]
        self._said(line, what, self._got(answer) if answer else None, [self._got(turn) for turn in near])

    def _notification(self, line: ExpectedShown) -> None:
        what = self._expected(line)
        since, until = self._start + line.since, self._start + line.until
        found = (
            self._witness.reached(since, until, alerts=False)
            if line.within
            else self._witness.standing(until, alerts=False)
        )
        near = [
            turn
            for turn in found
            if (n := turn.notification) is not None
            and (not line.to or n.person in line.to)
            and (not line.channels or n.channel in line.channels)
            and line.step in (None, n.step)
            and self._is_meant(turn.alert, line)
        ]
        for to in line.to or (None,):
            for channel in line.channels or (None,):
                mine = [
                    turn
                    for turn in near
                    if (n := turn.notification) is not None
                    and to in (None, n.person)
                    and channel in (None, n.channel)
                ]
                answer = next((turn for turn in mine if _agrees(turn, line)), None)
                self._said(
                    line, what, self._got(answer) if answer else None, [self._got(turn) for turn in mine]
                )

    def _audit(self, line: ExpectedShown) -> None:
        what = self._expected(line)
        entries = [
            (alert, entry)
            for alert, entry in self._witness.entries(self._start + line.since, self._start + line.until)
            if self._is_meant(alert, line)
        ]
        people = (*line.to, *((line.by,) if line.by else ()))
        found = next(
            (
                self._entry(alert, entry.name, entry.reason, entry.person)
                for alert, entry in entries
                if entry.name == line.value
                and line.reason in (None, entry.reason)
                and (not people or entry.person in people)
                and line.step in (None, entry.details.get("step"))
            ),
            None,
        )
        names = [self._entry(alert, entry.name, entry.reason, entry.person) for alert, entry in entries]
        self._said(line, what, found, [one for one in names if one.words["name"] == line.value])

    def _said(self, line: ExpectedShown, what: Phrase, answer: Phrase | None, near: Sequence[Phrase]) -> None:
        if answer is not None:
            self.rows.append(ResultRow(at=line.since, expected=what, got=answer))
            return
        got = near[0] if near else None
        self.rows.append(ResultRow(at=line.since, expected=what, got=got, right=False))
        if got is not None:
            self.failures.append(phrase("missing_but", at=_span(line), what=what, got=got))
        else:
            self.failures.append(phrase("missing", at=_span(line), what=what))

    def _other_states(self, lines: Sequence[ExpectedShown]) -> None:
        """Every change of an alert's status must be listed at its instant."""
        turns = [turn for turn in self._witness.turns_of_alerts() if turn not in self._witness.openings]
        opened = {(turn.about.id, turn.at) for turn in self._witness.openings}
        changes = [t for t in turns if not (t.state == "open" and (t.about.id, t.at) in opened)]
        for turn in (*self._witness.openings, *changes):
            listed = any(
                self._is_meant(turn.alert, line)
                and line.value == turn.state
                and line.since <= turn.at - self._start <= line.until
                for line in lines
            )
            if not listed:
                at, what = turn.at - self._start, self._got(turn)
                self.rows.append(ResultRow(at=at, got=what, right=False))
                self.failures.append(phrase("unexpected", at=written_offset(at), what=what))

    def _expected(self, line: ExpectedShown) -> Phrase:
        parts = [
            f"by {line.by}" if line.by else "",
            f"level {level_name(line.level)}" if line.level is not None else "",
            f"reason {line.reason}" if line.reason else "",
        ]
        if line.aspect == "notification":
            return phrase(
                "notification",
                state=line.value,
                to=", ".join(line.to) or phrase("any"),
                channel=", ".join(line.channels) or phrase("any"),
                more=_in(parts),
            )
        if line.aspect == "audit":
            group = written_group(line.group)
            parts += list(line.to)
            return phrase("audit", name=line.value, rule=line.rule or "*", group=group, more=_in(parts))
        group = written_group(line.group)
        return phrase("alert", state=line.value, rule=line.rule or "*", group=group, more=_in(parts))

    def _got(self, turn: RecordedTurn) -> Phrase:
        n = turn.notification
        if n is not None:
            parts = [f"reason {turn.reason}" if turn.reason else ""]
            return phrase("notification", state=turn.state, to=n.person, channel=n.channel, more=_in(parts))
        parts = [
            f"by {turn.by}" if turn.by else "",
            f"level {level_name(turn.level)}" if turn.level else "",
            f"reason {turn.reason}" if turn.reason else "",
        ]
        alert = turn.about
        return phrase("alert", state=turn.state, rule=alert.rule.id, group=alert.group, more=_in(parts))

    def _entry(self, alert: Alert, name: str, reason: str, person: str) -> Phrase:
        parts = [f"reason {reason}" if reason else "", person]
        return phrase("audit", name=name, rule=alert.rule.id, group=alert.group, more=_in(parts))

    def _is_meant(self, alert: Alert | None, line: ExpectedShown) -> bool:
        """Say whether a line may speak of an alert; a reply that speaks of none is meant where none is named."""
        if alert is None:
            return line.rule is None and line.group is None
        if line.rule not in (None, alert.rule.id):
            return False
        rule = self._rules.get(alert.rule.id)
        return line.group is None or (rule is not None and is_meant_group(rule, line.group, alert.group))


def _agrees(turn: RecordedTurn, line: ExpectedShown) -> bool:
    return (
        turn.state == line.value
        and line.by in (None, turn.by)
        and line.level in (None, turn.level)
        and line.reason in (None, turn.reason)
    )


def _text(n: Notification) -> str:
    """Return everything a message says, its link filled in."""
    if n.rendered is None:
        return ""
    whole = f"{n.rendered.subject}\n{n.rendered.text}"
    return with_token(whole, token_for(KEY, n.id, n.channel))


def _span(line: ExpectedShown) -> str:
    since = written_offset(line.since)
    return f"{since}..{written_offset(line.until)}" if line.within else since


def _in(parts: Iterable[str]) -> str:
    said = ", ".join(part for part in parts if part)
    return f" ({said})" if said else ""
