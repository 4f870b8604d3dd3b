"""Rendering a notification: what is sent, ready but for the token.

Here: which parts make a message of each kind, the e-mail's headers and subject. Not here: the sentences
(`texts.alert_text`), the SMS (`texts.sms`), layout (templates) and sending. Pure: equal values give equal messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from email.utils import format_datetime
from functools import lru_cache
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import msgspec

from engine.core.alerting.alert import Alert, NoticeKind, Notification, Rendered
from engine.core.alerting.situation import Situation
from engine.core.judging.instant import SECOND, Instant, local
from engine.core.judging.region import RegionTable
from engine.core.judging.rule import level_name
from engine.settings import Settings
from engine.texts.alert_text import AlertText, CaseText, TextSection
from engine.texts.answer_link_token import link
from engine.texts.catalogue import Catalogue, template_environment
from engine.texts.digest import MOST_ITEMS, digest_sms
from engine.texts.digest import button as digest_button
from engine.texts.digest import headline as digest_headline
from engine.texts.digest import lead as digest_lead
from engine.texts.digest import sections as digest_sections
from engine.texts.digest import subject as digest_subject
from engine.texts.localizer import KindNames, Localizer
from engine.texts.objection import ChangedContact, notice
from engine.texts.sanitize import plain
from engine.texts.situation import situation_page
from engine.texts.sms import ONE_WAY, sms
from engine.texts.sms_profile import Profile

LONGEST_SUBJECT = 150
NOTICE_KINDS: frozenset[NoticeKind] = frozenset(("first", "step", "delegated", "unreachable"))
"""Kinds that tell the whole matter; the others are short."""
CLOSING_KINDS: frozenset[NoticeKind] = frozenset(("resolved", "correction"))
"""Kinds that tell the end, under a headline of their own."""
CALM_KINDS: frozenset[NoticeKind] = CLOSING_KINDS | {"taken_by"}
"""Kinds that ask nothing any more."""
KINDS: frozenset[NoticeKind] = NOTICE_KINDS | CALM_KINDS | {"reminder", "expiry", "reopened"}
"""Kinds that are rendered here; `digest`, `reply` and `situation` are about more or less than one alert."""


class RenderedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What an e-mail shows, in order. `tone` is the level that colours it, 0 where the matter is closed."""

    language: str
    tone: int
    headline: str
    notes: tuple[str, ...]
    salutation: str
    lead: tuple[str, ...]
    asked: str
    sections: tuple[TextSection, ...]
    link: str
    button: str
    private: str
    closing: str
    signature: str
    footer: str


class Renderer:
    """Renders notifications. `kinds` are names by code and language, `sender` the From of e-mails."""

    def __init__(
        self,
        catalogue: Catalogue,
        kinds: KindNames,
        regions: RegionTable,
        *,
        base_url: str,
        sender: str,
        templates: Path,
        duty_desk: str = "",
        seal: Callable[[str], str] = str,
    ) -> None:
        """Prepare the templates. `duty_desk` says how the duty desk is reached, in one line, if that is known.

        `seal` makes of a notification's id the name that its e-mail goes by.
        """
        self._catalogue = catalogue
        self._kinds = kinds
        self._regions = regions
        self._base_url = base_url
        self._sender = sender
        self._duty_desk = duty_desk
        self._seal = seal
        self._host = urlsplit(base_url).hostname or "localhost"
        jinja = template_environment(templates)
        self._text = jinja.get_template("email.txt.j2")
        self._html = jinja.get_template("email.html.j2")

    @classmethod
    def of(
        cls,
        settings: Settings,
        catalogue: Catalogue,
        kinds: KindNames,
        regions: RegionTable,
        seal: Callable[[str], str] = str,
    ) -> Self:
        """Return the renderer that an installation's settings describe."""
        return cls(
            catalogue,
            kinds,
            regions,
            base_url=settings.base_url,
            sender=settings.messages.sender,
            templates=settings.paths.templates,
            duty_desk=settings.messages.duty_desk or "",
            seal=seal,
        )

    def contact_notice(
        self, to: Notification, changed: ChangedContact, *, at: Instant, two_way: bool
    ) -> Rendered:
        """Return the notice that a contact of its recipient changes; `two_way`: an SMS there can be answered."""
        return notice(
            self._catalogue,
            changed,
            to,
            base_url=self._base_url,
            sender=self._sender,
            name=self._seal(to.id),
            at=at,
            two_way=two_way,
        )

    def render(
        self,
        notification: Notification,
        alert: Alert,
        notifications: Sequence[Notification],
        *,
        at: Instant,
        to: str,
        code: str = "",
        profile: Profile = ONE_WAY,
    ) -> Rendered:
        """Return the message of a notification as it is at an instant; `notifications` are all of its alert.

        `profile` says what the route of an SMS carries, `code` is that of the alert for the phone where it is two-way.
        """
        if notification.kind not in KINDS:
            raise ValueError(f"a {notification.kind} is not about one alert and is not rendered here")
        texts = self._catalogue.texts(notification.language)
        voice = Localizer(texts, self._regions, self._kinds, alert.region)
        teller = AlertText(
            voice, CaseText(notification=notification, alert=alert, notifications=notifications, at=at)
        )
        date = _date(at // SECOND, voice.zone)
        if notification.channel == "sms":
            text = sms(teller, self._base_url, profile=profile, code=code)
            return Rendered(to=to, text=text, date=date)
        thread = f"<{alert.id}@{self._host}>"
        return self._mail(
            notification,
            self._letter(teller),
            _subject(teller),
            to=to,
            date=date,
            headers={"References": thread, "In-Reply-To": thread},
            space=alert.space,
        )

    def digest(
        self,
        digest: Notification,
        cases: Sequence[tuple[Notification, Alert, Sequence[Notification]]],
        *,
        at: Instant,
        to: str,
        code: str = "",
        mark: str = "",
        profile: Profile = ONE_WAY,
    ) -> tuple[Rendered, int]:
        """Return the one message of several, and how many of them stand in it, from the first: at least one.

        `cases` are the items in order: what is told, its alert, all notifications of that. `mark` is the newest of the
        audit: in letters it lies where nobody who can write to the store can reach it.
        """
        texts = self._catalogue.texts(digest.language)
        tellers = []
        for notification, alert, notifications in cases:
            voice = Localizer(texts, self._regions, self._kinds, alert.region)
            case = CaseText(notification=notification, alert=alert, notifications=notifications, at=at)
            tellers.append(AlertText(voice, case))
        date = format_datetime(local(at, tellers[0].voice.zone))
        if digest.channel == "sms":
            text, count = digest_sms(tellers, self._base_url, profile=profile, code=code)
            return Rendered(to=to, text=text, date=date), count
        told = tellers[:MOST_ITEMS]
        letter = RenderedMessage(
            language=texts.language,
            tone=max(teller.alert.level for teller in told),
            headline=digest_headline(told),
            notes=(texts["exercise.explained"],) if told[0].alert.exercise else (),
            salutation=told[0].salutation(),
            lead=(digest_lead(told),),
            asked="",
            sections=digest_sections(told),
            link=link(self._base_url),
            button=digest_button(told),
            private=texts["link.private"],
            closing="" if digest.informing else texts["closing"],
            signature=texts["signature"],
            footer=texts("digest.footer", mark=mark or "-"),
        )
        space = told[0].alert.space
        mail = self._mail(digest, letter, digest_subject(told), to=to, date=date, headers={}, space=space)
        return mail, len(told)

    def situation(self, letter: Notification, situation: Situation, *, date: str) -> Rendered:
        """Return the letter that reports a situation, without its address."""
        texts = self._catalogue.texts(letter.language)
        voice = Localizer(texts, self._regions, self._kinds, situation.region)
        page = situation_page(situation, voice)
        key = texts.first(f"salutation.{letter.capacity}", "salutation.holder")
        office = voice.office(letter.role, letter.office, letter.status)
        written = RenderedMessage(
            language=texts.language,
            tone=page.tone,
            headline=page.headline,
            notes=(),
            salutation=texts(key, office=office) if letter.role else texts["salutation.somebody"],
            lead=page.lead,
            asked="",
            sections=page.sections,
            link=f"{self._base_url}/console/report?region={situation.region}",
            button=texts["situation.button"],
            private=texts["situation.private"],
            closing="",
            signature=texts["signature"],
            footer=page.footer,
        )
        return self._mail(letter, written, page.subject, to="", date=date, headers={})

    def _mail(
        self,
        notification: Notification,
        letter: RenderedMessage,
        subject: str,
        *,
        to: str,
        date: str,
        headers: dict[str, str],
        space: str = "real",
    ) -> Rendered:
        if notification.channel == "webhook":
            facts = _facts(notification, space)
            return Rendered(
                to=to, subject=subject, text=self._text.render(letter=letter), date=date, headers=facts
            )
        return Rendered(
            to=to,
            subject=subject,
            text=self._text.render(letter=letter),
            html=self._html.render(letter=letter),
            date=date,
            reference=f"<{self._seal(notification.id)}@{self._host}>",
            headers={
                "From": self._sender,
                **headers,
                "Auto-Submitted": "auto-generated",
                "X-Auto-Response-Suppress": "All",
                "Content-Language": letter.language,
            },
        )

    def _letter(self, teller: AlertText) -> RenderedMessage:
        texts, alert, kind = teller.texts, teller.alert, teller.notification.kind
        asks = kind not in CALM_KINDS and not teller.notification.informing
        return RenderedMessage(
            language=texts.language,
            tone=0 if kind in CLOSING_KINDS else alert.level,
            headline=_headline(teller),
            notes=(texts["exercise.explained"],) if alert.exercise else (),
            salutation=teller.salutation(),
            lead=tuple(_lead(teller)),
            asked=teller.asked() if asks else "",
            sections=(*_sections(teller), *self._desk(teller)),
            link=link(self._base_url),
            button=texts["link.answer" if asks else "link.details"],
            private=texts["link.private"],
            closing=texts["closing"] if asks else "",
            signature=texts["signature"],
            footer=texts(
                "footer", alert=alert.id, rule=plain(alert.rule.id), version=plain(alert.rule.version)
            ),
        )

    def _desk(self, teller: AlertText) -> Iterator[TextSection]:
        if self._duty_desk and teller.notification.kind in NOTICE_KINDS:
            yield TextSection(teller.texts["section.duty_desk"], (plain(self._duty_desk),))


@lru_cache(maxsize=256)
def _date(second: int, zone: str) -> str:
    """Return a date as mails say it; of many messages at once all say the same one."""
    return format_datetime(local(second * SECOND, zone))


def _facts(notification: Notification, space: str) -> dict[str, str]:
    """Return what a machine wants to know of a message."""
    return {
        "kind": notification.kind,
        "alert": notification.alert,
        "level": level_name(notification.level),
        "region": notification.region,
        "space": space,
        "language": notification.language,
    }


def _headline(teller: AlertText) -> str:
    kind = teller.notification.kind
    if kind not in CLOSING_KINDS:
        return teller.headline()
    when = teller.reports.moment(first=True)
    return teller.marked(teller.texts(f"headline.{kind}", what=teller.title, place=teller.place, when=when))


def _subject(teller: AlertText) -> str:
    mine = teller.notification
    form: str = "returned" if teller.returned else mine.kind
    if form in ("first", "step"):
        form = "inform" if mine.informing else "notice"
    subject = teller.texts(f"subject.{form}", level=teller.level, place=teller.place, what=teller.title)
    return plain(teller.marked(subject), LONGEST_SUBJECT)


def _sections(teller: AlertText) -> tuple[TextSection, ...]:
    texts = teller.texts
    match teller.notification.kind:
        case "reminder" | "expiry":
            expected = TextSection(texts["section.expected"], tuple(teller.expected()))
            return (expected, teller.reported())
        case "taken_by" | "resolved" | "correction":
            return ()
        case "reopened":
            return (teller.reported(),)
        case _:
            return tuple(section for section in teller.sections() if section.lines or section.items)


def _lead(teller: AlertText) -> Iterator[str]:
    """Yield what a short message says first."""
    alert, texts, voice, mine = teller.alert, teller.texts, teller.voice, teller.notification
    match mine.kind:
        case "taken_by" if alert.acknowledged_by and alert.acknowledged_at is not None:
            when = voice.near_moment(alert.acknowledged_at, teller.at)
            yield texts("lead.taken_by", office=teller.office_of(alert.acknowledged_by), when=when)
        case "taken_by":
            yield texts["lead.taken_by.nobody"]
        case "reminder":
            taken = [taking.at for taking in alert.takings if taking.person == mine.person]
            since = taken[-1] if taken else alert.acknowledged_at or alert.detected_at
            yield texts("lead.reminder", when=voice.near_moment(since, teller.at))
        case "expiry":
            yield texts("lead.expiry", when=voice.near_moment(mine.planned_at, teller.at))
        case "reopened":
            yield texts("lead.reopened", when=voice.near_moment(mine.planned_at, teller.at))
        case "resolved":
            yield from _closing(teller)
        case "correction":
            yield texts[texts.first(f"lead.correction.{alert.resolved_reason}", "lead.correction.other")]
            when = voice.moment(alert.detected_at)
            yield texts(
                "lead.correction.earlier",
                when=when,
                level=teller.level,
                what=teller.title,
                place=teller.place,
            )
            yield texts["lead.correction.sorry"]
        case _:
            yield from teller.reports.impact()


def _closing(teller: AlertText) -> Iterator[str]:
    alert, texts = teller.alert, teller.texts
    when = teller.voice.near_moment(alert.resolved_at or teller.at, teller.at)
    key = texts.first(f"lead.resolved.{alert.resolved_reason}", "lead.resolved.other")
    yield texts(key, office=teller.office_of(alert.resolved_by), when=when)
    yield texts["lead.resolved.thanks"]
