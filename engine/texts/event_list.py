"""The events of an alert in words: moment, impact, the newest reports, and since when nothing was reported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import msgspec

from engine.core.alerting.alert import Alert
from engine.core.judging.instant import DAY, MINUTE, Instant, local
from engine.core.judging.judgement import PRECISIONS, Evidence, Impact, Precision
from engine.texts.localizer import Localizer

SILENCE, DEADLINE = "silence", "deadline"


def is_absence(alert: Alert) -> bool:
    """Say whether an alert is about something that did not come."""
    return alert.rule.condition in (SILENCE, DEADLINE)


def silent_since(alert: Alert) -> Instant | None:
    """Return from when a silence is measured; None of any other alert."""
    return alert.window[0] if alert.rule.condition == SILENCE and alert.window is not None else None


def why_now(alert: Alert, voice: Localizer, at: Instant) -> Iterator[str]:
    """Say since when nothing (or too little) was reported and how long that is, or which deadline has passed."""
    texts, since = voice.texts, silent_since(alert)
    if since is None:
        yield texts("absence.deadline", when=voice.moment(alert.happened_at))
        return
    length = (alert.resolved_at or at) - since
    key = "absence.silence" if not alert.evidence_count else "absence.silence.few"
    yield texts(
        key,
        count=voice.count("event", alert.evidence_count),
        when=voice.near_moment(since, at),
        length=voice.duration(length // MINUTE * MINUTE or length),
        limit=voice.duration(int(alert.limit or 0)),
    )


NEWEST_SHOWN = 5
"""Reports that a message lists."""
FIGURES_IN_BRIEF = 2
"""Figures of an impact that an SMS has room for, the gravest first."""
QUIET_DAYS = 2
"""From one report to the next: with this many days, one of them went by whole without a report."""


class News(msgspec.Struct, frozen=True, kw_only=True):
    """The newest report, where the alert was open already; `quiet_days` is 0 where no quiet time came before it."""

    newest: Evidence
    quiet_days: int = 0


class EventList:
    """Tells in one voice what was reported of one alert, seen from an instant."""

    def __init__(self, voice: Localizer, alert: Alert, at: Instant) -> None:
        self._voice = voice
        self._texts = voice.texts
        self._alert = alert
        self._at = at
        self._newest_first = sorted(alert.evidence, key=lambda e: e.key, reverse=True)
        self._whole = alert.evidence_count <= len(alert.evidence)

    # --- when --------------------------------------------------------------------------------------------------------

    @property
    def precision(self) -> Precision:
        """How well the alert's own instant is known: as the least well known of the reports that give it.

        An alert with much evidence may not keep these any more; then it is the least of all that are kept.
        """
        giving = [e for e in self._newest_first if e.occurred_at == self._alert.happened_at]
        if not giving and not self._whole:
            giving = self._newest_first
        return max((e.time_precision for e in giving), key=PRECISIONS.index, default="exact")

    @property
    def news(self) -> News | None:
        """What was reported after the alert opened, None where nothing was."""
        newest, opened_at = next(iter(self._newest_first), None), self._alert.happened_at
        if newest is None or newest.occurred_at <= opened_at:
            return None
        pairs, window = list(pairwise(self._newest_first)), self._alert.rule.within or 0
        for later, earlier in pairs if self._whole else pairs[:1]:  # between others evidence may be left out
            if earlier.occurred_at < opened_at:
                break
            days = self._days(earlier, later)
            if days >= QUIET_DAYS and later.occurred_at - earlier.occurred_at >= window:
                return News(newest=newest, quiet_days=days)
        return News(newest=newest)

    def _days(self, earlier: Evidence, later: Evidence) -> int:
        """Count as people do, from date to date: that holds where only the days are known too."""
        zone = self._voice.zone
        return (local(later.occurred_at, zone).date() - local(earlier.occurred_at, zone).date()).days

    def moment(self, *, first: bool = False) -> str:
        """Say in full when it happened: what is new after a quiet time, else (or if `first`) what opened the alert."""
        news = None if first else self.news
        if news is not None and news.quiet_days:
            when = self._voice.moment(news.newest.occurred_at, news.newest.time_precision)
            return self._texts("moment.new", what=self._named(news), when=when)
        if (since := silent_since(self._alert)) is not None:
            return self._texts("moment.since", when=self._voice.moment(since))
        return self._voice.moment(self._alert.happened_at, self.precision)

    def short_moment(self, *, first: bool = False) -> str:
        """Say the same for an SMS."""
        news = None if first else self.news
        if news is not None and news.quiet_days:
            when = self._voice.short_moment(news.newest.occurred_at, news.newest.time_precision)
            return self._texts("moment.short.new", what=self._named(news), when=when)
        if (since := silent_since(self._alert)) is not None:
            return self._texts("moment.since", when=self._voice.short_moment(since))
        return self._voice.short_moment(self._alert.happened_at, self.precision)

    def what_is_new(self) -> Iterator[str]:
        """Say what came after the alert opened, after how long a quiet, and how the alert began."""
        news = self.news
        if news is None:
            return
        what = self._named(news)
        when = self._voice.moment(news.newest.occurred_at, news.newest.time_precision)
        if news.quiet_days:
            quiet = self._voice.duration(news.quiet_days * DAY)
            yield self._texts("why_now.news_after_quiet", what=what, when=when, quiet=quiet)
            yield self._texts("why_now.began", when=self.moment(first=True))
        else:
            yield self._texts("why_now.news", what=what, when=when)

    def told_again(self) -> str:
        """Say that a new report is why a person is told again."""
        news = self.news
        return (
            self._texts("why_you.again_new", what=self._named(news)) if news else self._texts["why_you.again"]
        )

    def _named(self, news: News) -> str:
        """Call what is new what it is: `dugaan` until it is verified, where its kind is an allegation."""
        if news.newest.title:
            return self._texts["what.alert"]
        return self._texts["what.alleged" if self._is_alleged(news.newest) else "what.event"]

    def _is_alleged(self, evidence: Evidence) -> bool:
        return evidence.verification != "verified" and self._voice.alleged(self._voice.kind(evidence))

    def trend(self) -> Iterator[str]:
        """Compare the last 24 hours with the 24 before, where all evidence is kept and its hours are known."""
        recent = [e for e in self._newest_first if self._at - e.occurred_at < 2 * DAY]
        if len(self._newest_first) < 2 or not recent or not self._whole or self.what == "alert":
            return
        if all(e.time_precision != "day" for e in recent):
            now = sum(self._at - e.occurred_at < DAY for e in recent)
            before = self._voice.number(len(recent) - now)
            yield self._texts("why_now.trend", now=self._voice.number(now), before=before)

    # --- impact ------------------------------------------------------------------------------------------------------

    def impact(self) -> Iterator[str]:
        """Say the impact by the newest report that gives figures, and where others gave higher ones."""
        giving, texts = self._giving_figures(), self._texts
        if not giving:
            return
        newest, *others = giving
        told = _figures(newest)
        if not others:
            yield texts("impact.only", figures=self._counted(told))
            return
        yield texts("impact.newest", when=self._seen(newest), figures=self._counted(told))
        highest = {name: max(_figures(e).get(name, 0) for e in others) for name in Impact.__struct_fields__}
        higher = {name: figure for name, figure in highest.items() if figure > told.get(name, 0)}
        if higher:
            yield texts("impact.higher", figures=self._counted(higher))

    def impact_in_brief(self) -> str:
        """Return the gravest figures of the newest report that gives any, for an SMS; empty where none does."""
        told = [figure for e in self._giving_figures()[:1] for figure in _figures(e).items() if figure[1] > 0]
        return self._counted(dict(told[:FIGURES_IN_BRIEF]))

    def _giving_figures(self) -> list[Evidence]:
        """Return the reports that give figures and were not refuted, the newest first."""
        return [e for e in self._newest_first if e.impact is not None and e.verification != "refuted"]

    def _counted(self, figures: Mapping[str, float]) -> str:
        return ", ".join(self._voice.count(name, figure) for name, figure in figures.items())

    def _seen(self, evidence: Evidence) -> str:
        """Say when, and where it was if that is not the place of the alert."""
        when = self._voice.listed_moment(evidence.occurred_at, self._at, evidence.time_precision)
        place = self._voice.place(evidence.region)
        return when if place == self._voice.place(self._alert.region) else f"{when}, {place}"

    # --- the list ----------------------------------------------------------------------------------------------------

    @property
    def what(self) -> str:
        """What the reports count as: `alert` of another rule, `alleged` while all are only that, else `event`."""
        if any(e.title for e in self._newest_first):
            return "alert"
        return "alleged" if all(map(self._is_alleged, self._newest_first)) else "event"

    def newest(self) -> tuple[str, ...]:
        """List the newest reports: what, where, when, impact, verified or not, by which way; and how many more."""
        shown = self._newest_first[:NEWEST_SHOWN]
        items = [self._item(e) for e in shown]
        left = self._alert.evidence_count - len(shown)
        if left > 0:
            items.append(self._texts("evidence.more", n=self._voice.number(left)))
        return tuple(items)

    def verified(self) -> Iterator[str]:
        """Say how much of it is verified."""
        total = sum(not e.title for e in self._newest_first)
        verified = sum(e.verification == "verified" for e in self._newest_first)
        if not total:
            if is_absence(self._alert):
                yield self._texts["evidence.none"]
            return
        if verified == 0:
            yield self._texts["evidence.none_verified"]
        elif verified == total:
            yield self._texts["evidence.all_verified"]
        else:
            number = self._voice.number
            yield self._texts("evidence.some_verified", n=number(verified), total=number(total))

    def _item(self, evidence: Evidence) -> str:
        texts, figures = self._texts, _figures(evidence)
        what = self._voice.kind(evidence)
        return texts(
            "evidence.alert" if evidence.title else "evidence.item",
            when=self._voice.listed_moment(evidence.occurred_at, self._at, evidence.time_precision),
            place=self._voice.place(evidence.region),
            what=f"{what}, {self._counted(figures)}" if figures else what,
            verified=texts[texts.first(f"verification.{evidence.verification}", "verification.unverified")],
            source=texts[texts.first(f"channel.{evidence.channel}", "channel.other")],
        )


def _figures(evidence: Evidence | None) -> dict[str, float]:
    return {} if evidence is None or evidence.impact is None else evidence.impact.figures
