"""Silence read word for word: one look a minute, the time that counts counted minute by minute.

An independent reading of docs/specification/rules.md#distance, #watermark, #one-open-alert, #conditions that the fold
of `silence` is held against. It knows no due instants and no order of arrival: whole minutes only.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.core.judging.condition import SilenceCondition
from engine.core.judging.event import Event
from engine.core.judging.group_state import Circumstances
from engine.core.judging.instant import MINUTE, Instant, Millis
from engine.core.judging.rule import Rule

Stretch = tuple[Instant, tuple[Instant, str] | None]


class SilenceOracle:
    """One group of one rule."""

    def __init__(self, rule: Rule, reports: Sequence[Event], around: Circumstances) -> None:
        assert isinstance(rule.condition, SilenceCondition)
        self.rule, self.silence, self.around = rule, rule.condition, around
        in_order = sorted(reports, key=lambda report: report.key)
        self.heard = [report for report in in_order if report.fields["watched"]]
        self.clearing = [
            report for report in in_order if report.fields["clear"] and rule.clear.how == "event"
        ]
        self.opened_from: Instant | None = None

    def began(self, at: Instant) -> Instant | None:
        """When the stage began that an instant lies in; None outside of all."""
        if self.rule.active is None:
            return 0
        stages = sorted((stage.since, stage.until) for stage in self.rule.active.stages)
        return next((since for since, until in stages if since <= at < until), None)

    def counted(self, since: Instant, until: Instant) -> Millis:
        """The minutes after an instant up to another in which something could have been reported."""
        found = 0
        for minute in range(since, until, MINUTE):
            down = any(gap.since <= minute < gap.until for gap in self.around.gaps)
            found += 0 if down or self.began(minute) is None else MINUTE
        return found

    def expected(self, at: Instant) -> bool:
        """Whether the group is expected to report."""
        seen, member = self.silence.expected.seen, self.around.member
        if seen is not None:
            return any(at - seen < report.occurred_at <= at for report in self.heard)
        return member is not None and (member.until is None or at < member.until)

    def expected_from(self, at: Instant) -> Instant:
        """From when it is expected: with `seen` since a report that no other had come shortly before."""
        bounds = [self.around.since, self.around.member and self.around.member.since]
        seen = self.silence.expected.seen
        if seen is not None:
            known = [report.occurred_at for report in self.heard if report.occurred_at <= at]
            bounds.append(
                max(
                    (one for n, one in enumerate(known) if n == 0 or one - known[n - 1] >= seen), default=None
                )
            )
        return max((bound for bound in bounds if bound is not None), default=0)

    def measured_from(self, at: Instant) -> Instant:
        """From when the silence at an instant is measured: where an alert is open, no new stage begins a new one."""
        known = [report.occurred_at for report in self.heard if report.occurred_at <= at]
        leaving = known[-self.silence.below] if len(known) >= self.silence.below else None
        if self.opened_from is not None and (leaving is None or leaving <= self.opened_from):
            return self.opened_from
        began = (self.began(at) or 0) if self.opened_from is None else 0
        return max(self.expected_from(at), began, leaving or 0)

    def true(self, at: Instant) -> bool:
        """Whether the silence is long enough."""
        return self.expected(at) and self.counted(self.measured_from(at), at) >= self.silence.length

    def stretches(self, until: Instant) -> list[Stretch]:  # noqa: C901, PLR0912 - one minute, read in one go
        """All stretches for which an alert should be open, with their ends."""
        clear, found = self.rule.clear, []
        opened = true_from = over_from = last_join = None
        closing: tuple[Instant, str, str] | None = None
        newest: tuple[Instant, str, str] | None = None
        for at in range(0, until, MINUTE):
            now = [report for report in self.heard if report.occurred_at == at]
            clearing = [report for report in self.clearing if report.occurred_at == at]
            reason = ""
            if clearing and opened is not None and at > opened:
                reason, closing = "event", clearing[-1].key
                self.opened_from = (
                    None  # it ends before anything else is judged: what follows is measured anew
                )
            elif clearing and opened is None and true_from is not None:
                true_from, closing = None, clearing[-1].key
            began = self.began(at)
            if began is None and not reason:
                continue
            true = began is not None and self.true(at)
            if opened is not None and not reason:
                if now and true:
                    last_join, newest = at, now[-1].key
                if clear.how == "no_longer_true":
                    over_from = None if true else at if over_from is None else over_from
                    if over_from is not None and at >= over_from + self.rule.keep_open_for:
                        reason, closing = "no_longer_true", newest
                elif clear.how == "quiet" and at >= (last_join or opened) + clear.quiet_for:
                    reason, closing = "quiet", newest
            if reason and opened is not None:
                found.append((opened, (at, reason)))
                opened = true_from = over_from = newest = last_join = self.opened_from = None
                if began is None:
                    continue
            if opened is not None:
                continue
            known = [report.key for report in self.heard if report.occurred_at <= at]
            newer = closing is None or bool(known and known[-1] > closing)
            if not true or (true_from is not None and true_from < (began or 0)):
                true_from = None
            if true and newer:
                true_from = at if true_from is None else true_from
                if at >= true_from + self.rule.hold_for:
                    self.opened_from, opened, true_from = self.measured_from(at), at, None
                    inside = [key for key in known if key.occurred_at > self.opened_from]
                    newest = inside[-1] if inside else (at, "", "")
        return [*found, (opened, None)] if opened is not None else found
