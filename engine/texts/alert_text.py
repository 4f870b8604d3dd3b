"""The text of an alert for one person: headline, threshold, and the sections that messages and pages share.

Specification: docs/specification/escalation.md#message-words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import PurePosixPath

import msgspec

from engine.core.alerting.alert import NOTICES, Alert, Notification, Run
from engine.core.alerting.directory import place_of
from engine.core.alerting.internal_alerts import is_own
from engine.core.alerting.policy import StepTarget
from engine.core.judging.instant import Instant
from engine.core.judging.region import NATION
from engine.texts.event_list import EventList, is_absence
from engine.texts.event_list import why_now as absence
from engine.texts.localizer import Localizer
from engine.texts.sanitize import plain

MEASURED = ("aggregate", "value")
"""Conditions whose figure is a number that was reported, not a number of reports."""


def figure_sentence(alert: Alert, voice: Localizer, what: str) -> str:
    """Say how the figure stands; empty where the condition has none. `what` names what is counted."""
    rule, texts, limit = alert.rule, voice.texts, alert.limit
    if limit is None:
        return ""
    within = "" if rule.within is None else texts("why_now.within", within=voice.duration(rule.within))
    facts = {"limit": voice.number(limit), "within": within}
    if alert.sides is not None:
        one, other = (None if side is None else voice.number(side) for side in alert.sides)
        if other is None:
            return texts("why_now.no_reference", now=one, within=within) if one is not None else ""
        key = "why_now.share" if rule.condition == "share" else f"why_now.{rule.relation}"
        figure = "" if alert.figure is None else voice.number(alert.figure)
        return texts(key, figure=figure, one=one, other=other, **facts)
    if alert.figure is None:
        return ""
    if what == "alert":
        return texts("why_now.open", figure=voice.number(alert.figure), **facts)
    if rule.within is None or rule.condition in MEASURED:
        return texts("why_now.figure", figure=voice.number(alert.figure), **facts)
    return texts("why_now.window", count=voice.count(what, alert.figure), **facts)


OFFICES_SHOWN = 6
"""Offices that a list names before it counts the rest."""
LONGEST_WHY = 400
"""Characters of the reason that a rule gives for itself."""
NOT_TOLD = frozenset(("failed", "cancelled", "suppressed"))


class CaseText(msgspec.Struct, frozen=True, kw_only=True):
    """What an account is made from: one notification of an alert, all its notifications, and the present instant."""

    notification: Notification
    alert: Alert
    notifications: Sequence[Notification]
    at: Instant


class TextSection(msgspec.Struct, frozen=True):
    """A heading and its lines; the lines of a list stand one below the other with a mark."""

    heading: str
    lines: tuple[str, ...]
    items: tuple[str, ...] = ()


class AlertText:
    """Says in one voice what there is to say of one case."""

    def __init__(self, voice: Localizer, case: CaseText) -> None:
        self.voice = voice
        self.texts = voice.texts
        self.alert = case.alert
        self.notification = case.notification
        self.notifications = case.notifications
        self.at = case.at
        self.reports = EventList(voice, case.alert, case.at)

    # --- the first line ------------------------------------------------------------------------------------------

    @property
    def level(self) -> str:
        """The alert's level as a word."""
        return self.texts[f"level.{self.alert.level}"]

    @property
    def place(self) -> str:
        """Where it happened."""
        return self.voice.place(self.alert.region)

    @property
    def title(self) -> str:
        """What happened, in the words of the rule."""
        return plain(self.alert.rule.title)

    def headline(self) -> str:
        """Level, what, where, when with zone; LATIHAN before it in an exercise."""
        when = self.reports.moment()
        return self.marked(
            self.texts("headline", level=self.level, what=self.title, place=self.place, when=when)
        )

    def marked(self, text: str) -> str:
        """Put LATIHAN before a text of an exercise."""
        return f"{self.texts['exercise']} {text}" if self.alert.exercise else text

    def salutation(self) -> str:
        """`Yth. Sekretaris Daerah Kab. Pinrang,`."""
        notification = self.notification
        if not notification.role:
            return self.texts["salutation.somebody"]
        key = self.texts.first(f"salutation.{notification.capacity}", "salutation.holder")
        return self.texts(key, office=self.office(notification))

    # --- the run this message belongs to -----------------------------------------------------------------------------

    @property
    def run(self) -> Run | None:
        """The start of the step that this notification belongs to, else the current one."""
        of_mine = [
            run
            for run in self.alert.runs
            if (run.step, run.round) == (self.notification.step, self.notification.round)
        ]
        return of_mine[-1] if of_mine else self.alert.current

    @property
    def returned(self) -> bool:
        """Whether a delegation comes back to its giver."""
        return self.notification.kind == "delegated" and self.notification.returned

    @property
    def deadline(self) -> Instant | None:
        """Until when an answer is awaited; None where that has passed or nothing is awaited."""
        run = self.run
        if run is None or self.alert.status != "open" or self.alert.exhausted_at is not None:
            return None
        return run.ends_at if run.ends_at > self.at else None

    # --- sections --------------------------------------------------------------------------------------------------

    def sections(self) -> tuple[TextSection, ...]:
        """Return everything there is to tell, in the order in which it is read."""
        return (
            TextSection(self.texts["section.why_you"], tuple(self.why_you())),
            TextSection(self.texts["section.why_now"], tuple(self.why_now())),
            self.reported(),
            TextSection(self.texts["section.who_knows"], tuple(self.who_knows())),
            TextSection(self.texts["section.expected"], tuple(self.expected())),
        )

    def why_you(self) -> Iterator[str]:
        """Say as what the person is told, and what made this message due."""
        mine, texts = self.notification, self.texts
        capacity = mine.capacity if mine.role else "person"
        key = texts.first(f"why_you.{capacity}", "why_you.holder")
        yield texts(key, office=self.office(mine))
        if mine.informing:
            yield texts["why_you.inform"]
        yield from self._why_this_message()

    def _why_this_message(self) -> Iterator[str]:
        mine, texts, alert = self.notification, self.texts, self.alert
        since = self.voice.near_moment(self._asked_since(), self.at)
        if mine.kind == "delegated":
            yield texts["why_you.returned" if self.returned else "why_you.delegated"]
            return
        if mine.kind == "unreachable":
            yield texts("why_you.unreachable" if alert.runs else "why_you.unreachable_nobody", since=since)
            return
        if self._is_substitute():
            yield texts["why_you.substitute"]
        if alert.status != "open":
            return
        told = self._told_before()
        news = self.reports.news
        if told is not None and told.level < mine.level:
            yield texts("why_you.level_rose", before=texts[f"level.{told.level}"], level=self.level)
        elif told is not None and news is not None and news.newest.received_at >= told.planned_at:
            yield self.reports.told_again()
        elif mine.round > 1:
            yield texts("why_you.round", round=mine.round, since=since)
        elif mine.step > 1 and not mine.informing:
            yield texts("why_you.step", step=mine.step, steps=len(alert.policy.steps), since=since)
        elif mine.kind == "step":
            yield texts["why_you.again"]

    def _is_substitute(self) -> bool:
        """Whether no target of the step names the office that this person was found by."""
        mine, policy = self.notification, self.alert.policy
        if not mine.role or not 1 <= mine.step <= len(policy.steps):
            return False
        step = policy.steps[mine.step - 1]
        targets = (*step.to, *step.inform, *policy.inform)
        return all((t.role, place_of(t, self.alert.region)) != (mine.role, mine.office) for t in targets)

    def _asked_since(self) -> Instant:
        """Since when nobody deals with it: the newest start that did not just go on to a later step."""
        runs = self.alert.runs
        anew = [
            run.started_at
            for before, run in pairwise(runs)
            if (run.round, run.step) <= (before.round, before.step)
        ]
        return anew[-1] if anew else self.alert.detected_at

    def _told_before(self) -> Notification | None:
        """The newest earlier notice to this person."""
        mine = self.notification
        earlier = [
            n
            for n in self.notifications
            if n.person == mine.person and n.kind in NOTICES and n.planned_at < mine.planned_at
        ]
        return max(earlier, key=lambda n: n.planned_at, default=None)

    def why_now(self) -> Iterator[str]:
        """Say what is new, what made the alert, against its limit, how it grows, and by which law."""
        alert, texts, voice, what = self.alert, self.texts, self.voice, self.reports.what
        if is_own(alert.rule.id):
            yield texts["why_now.own"]
            yield plain(alert.rule.why, LONGEST_WHY)
            return
        yield from self.reports.what_is_new()
        against = figure_sentence(alert, voice, what)
        if is_absence(alert):
            yield from absence(alert, voice, self.at)
        elif against:
            yield against
        else:
            yield texts["why_now.every_event"]
            if alert.evidence_count > 1:
                yield texts("why_now.so_far", count=voice.count(what, alert.evidence_count))
        yield from self.reports.trend()
        if alert.rule.why:
            yield texts("why_now.basis", why=plain(alert.rule.why, LONGEST_WHY))

    def reported(self) -> TextSection:
        """List the newest reports, and say how much of them is verified."""
        lines = tuple(self.reports.verified())
        return TextSection(self.texts["section.reported"], lines, self.reports.newest())

    def who_knows(self) -> Iterator[str]:
        """Say who else was told, by office, and who answered what."""
        alert, texts, mine = self.alert, self.texts, self.notification
        others = [
            n
            for n in sorted(self.notifications, key=_rank)
            if n.kind in NOTICES and n.person != mine.person and n.state not in NOT_TOLD and not n.held
        ]
        offices = self._listed(self.office(n) for n in others)
        yield texts("who.told", offices=offices) if offices else texts["who.nobody_else"]
        for taking in alert.takings:
            when = self.voice.near_moment(taking.at, self.at)
            if taking.person == mine.person:
                yield texts("who.you_taken", when=when)
            else:
                yield texts("who.taken", office=self.office_of(taking.person), when=when)
        answered = {mine.person, *(taking.person for taking in alert.takings)}
        for said, people in (("seen", alert.seen), ("declined", alert.declined)):
            offices = self._listed(self.office_of(person) for person in people if person not in answered)
            if offices:
                yield texts(f"who.{said}", offices=offices)
        if not alert.takings and alert.unresolved:
            yield texts["who.nobody_answered"]

    def expected(self) -> Iterator[str]:
        """Say what is asked, until when, what happens otherwise, and the procedure."""
        asked = self.asked()
        if self.alert.status == "open" and not self.notification.informing:
            yield f"{asked} {self.texts['expected.buttons']}"
        elif asked:
            yield asked
        yield from self.afterwards()
        yield from self.procedure()

    def asked(self) -> str:
        """Say what is asked of the person now, and until when; empty where the matter is in somebody's hands."""
        texts = self.texts
        if self.notification.informing or not self.alert.unresolved:
            return texts["expected.inform"]
        if self.alert.status == "acknowledged":
            return ""
        if self.deadline is None:
            return texts["expected.now"]
        return texts("expected.by", deadline=self.voice.near_moment(self.deadline, self.at))

    def afterwards(self) -> Iterator[str]:
        """Say what happens where nothing happens."""
        alert, texts, voice = self.alert, self.texts, self.voice
        if alert.status == "acknowledged" and alert.expires_at is not None:
            yield texts("expected.expires", deadline=voice.near_moment(alert.expires_at, self.at))
        if self.deadline is not None and not self.notification.informing:
            targets, last = self._next()
            yield texts(
                "expected.last" if last else "expected.otherwise",
                deadline=voice.near_moment(self.deadline, self.at),
                offices=self._listed(voice.office(t.role, place_of(t, alert.region)) for t in targets),
            )

    def procedure(self) -> Iterator[str]:
        """Say by which procedure to act."""
        guide = self.alert.rule.guide
        if guide and self.alert.unresolved:
            yield self.texts("expected.guide", guide=_name_of(guide))

    def _next(self) -> tuple[Sequence[StepTarget], bool]:
        """The targets of what follows the current step, and whether that is the end of the policy.

        A condition that only the start of a step can judge counts as met; one on the level is judged now.
        """
        policy, run = self.alert.policy, self.alert.current
        level = self.alert.level
        step, round_ = (run.step + 1, run.round) if run else (1, 1)
        while round_ <= policy.rounds_after_first + 1:
            for candidate in policy.steps[step - 1 :]:
                if candidate.when.level_at_least is None or candidate.when.level_at_least <= level:
                    return candidate.to, False
            step, round_ = policy.from_step, round_ + 1
        return policy.on_exhausted, True

    def office_of(self, person: str) -> str:
        """Return the office as which a person was told of this alert; operators were not told."""
        told = [n for n in self.notifications if n.person == person and n.role]
        if not told:
            return self.texts["office.operator"]
        return self.office(max(told, key=lambda n: n.planned_at))

    def office(self, notification: Notification) -> str:
        """Return the office as which a notification tells its person, with how it is held."""
        return self.voice.office(notification.role, notification.office, notification.status)

    def _listed(self, offices: Iterable[str]) -> str:
        """Join offices, each once, and count those beyond the first few."""
        names = list(dict.fromkeys(offices))
        shown = "; ".join(names[:OFFICES_SHOWN])
        if len(names) <= OFFICES_SHOWN:
            return shown
        return f"{shown}; {self.texts('and_more', n=self.voice.number(len(names) - OFFICES_SHOWN))}"


def _rank(notification: Notification) -> tuple[Instant, bool, bool, int, str]:
    """Sort who was told first and asked to act before the others; inside, from the regency up to the nation."""
    office = notification.office
    return (
        notification.planned_at,
        notification.informing,
        office == NATION,
        -len(office),
        notification.role,
    )


def _name_of(guide: str) -> str:
    """Return a procedure's address, or its name from its path: `sop/netralitas-asn.md` is `netralitas asn`."""
    if guide.startswith("https://"):
        return plain(guide)
    name = PurePosixPath(plain(guide))
    return (
        name.stem.replace("-", " ").replace("_", " ")
        if name.suffix in (".md", ".html", ".pdf")
        else str(name)
    )


def said_by_phone(teller: AlertText) -> str:
    """Return the words: to whom, what, where, when with zone, and what is asked until when."""
    return teller.texts(
        "phone.say",
        salutation=teller.salutation(),
        headline=teller.headline(),
        asked=teller.asked(),
    ).strip()
