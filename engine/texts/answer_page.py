"""The answer page behind the link of a message: text, buttons, results, procedure, and the page of a digest."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from engine.core.alerting.alert import Alert, Notification
from engine.core.alerting.answer import TAKE_BACK_FOR, can_take_back
from engine.core.alerting.command import Says
from engine.core.alerting.directory import FoundHolder
from engine.core.judging.calendar import AWAS
from engine.core.judging.instant import Instant
from engine.core.judging.region import RegionTable
from engine.texts.alert_text import AlertText, CaseText, TextSection
from engine.texts.catalogue import LANGUAGES, Catalogue, template_environment
from engine.texts.digest import headline, lead
from engine.texts.localizer import KindNames, Localizer
from engine.texts.sanitize import plain


class _Markdown(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802 -- the library's name
        """Say whether an address becomes a link."""
        return url.startswith("https://")


_MARKDOWN = _Markdown("commonmark", {"html": False}).disable("image")


def procedure(markdown: str) -> Markup:
    """Return a procedure as HTML. Headings become paragraphs: those of the page it stands in stay the only ones."""
    tokens = _MARKDOWN.parse(markdown)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = "p"
            if token.nesting == 1:
                token.attrSet("class", "heading")
    html: str = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    return Markup(html)  # noqa: S704 -- escaped by the renderer, which lets no markup through


_TELEPHONE = re.compile(r"\+?\d[\d ().-]{5,18}\d", re.ASCII)
"""What can be dialled in the line that says how the duty desk is reached."""


class Button(msgspec.Struct, frozen=True, kw_only=True):
    """One answer that the page offers: the value posted as `says`, its word, and what it means."""

    says: Says
    text: str
    explained: str


def status(teller: AlertText) -> str:
    """Say in one line how the matter stands now."""
    alert, texts, voice = teller.alert, teller.texts, teller.voice
    if teller.notification.informing and alert.status == "open":
        return f"{texts['page.informing']} {texts['page.status.open']}"
    if alert.status == "resolved":
        return texts(
            "page.status.resolved", when=voice.near_moment(alert.resolved_at or teller.at, teller.at)
        )
    if alert.status == "open" or alert.acknowledged_at is None:
        return texts["page.status.open"]
    when = voice.near_moment(alert.acknowledged_at, teller.at)
    if alert.acknowledged_by == teller.notification.person:
        return texts("page.status.yours", when=when)
    return texts("page.status.acknowledged", office=teller.office_of(alert.acknowledged_by), when=when)


def offered_answers(teller: AlertText) -> Iterator[Says]:
    """Yield the answers that still make a difference, the most wanted first."""
    alert, mine = teller.alert, teller.notification
    if not alert.unresolved:
        if can_take_back(alert, mine.person, teller.at):
            yield "reopened"
        return
    took = _took(teller)
    if not mine.informing:
        if mine.kind == "reminder" if took else has_it(teller):
            yield "taken"
        if has_it(teller) and mine.person not in alert.declined and not took:
            yield "declined"
        yield "resolved"
        if took:
            yield "declined"
    if not took and mine.person not in alert.seen:
        yield "seen"


def _took(teller: AlertText) -> bool:
    return any(taking.person == teller.notification.person for taking in teller.alert.takings)


def has_it(teller: AlertText) -> bool:
    """Whether the matter is the person's to take, pass on or decline: nobody's, theirs, or passed on to them."""
    alert, mine = teller.alert, teller.notification
    if mine.informing or not alert.unresolved:
        return False
    passed_on = any(delegation.delegate == mine.person for delegation in alert.delegations)
    return alert.status == "open" or _took(teller) or passed_on


def button(teller: AlertText, says: Says) -> Button:
    """Return a button; who has taken it renews and takes back what another would take and decline."""
    form = {"taken": "renewed", "declined": "withdrawn"}.get(says, says) if _took(teller) else says
    texts = teller.texts
    closed_at = teller.alert.resolved_at
    until = "" if closed_at is None else teller.voice.near_moment(closed_at + TAKE_BACK_FOR, teller.at)
    return Button(
        says=says,
        text=texts[f"page.button.{form}"],
        explained=texts(f"page.button.{form}.explained", until=until),
    )


def with_phone_links(text: str) -> Markup:
    """Return a line in which a telephone number is dialled by a tap; whatever else stands in it stays text."""
    line, end = Markup(), 0
    for number in _TELEPHONE.finditer(text):
        digits = re.sub(r"[^\d+]", "", number[0])
        line += escape(text[end : number.start()]) + Markup('<a href="tel:{}">{}</a>').format(
            digits, number[0]
        )
        end = number.end()
    return line + escape(text[end:])


WHOLE = 12
"""Matters that are shown whole; a longer page would be over 30 kB, and nobody reads so far down on a phone."""


class DigestMatter(msgspec.Struct, frozen=True, kw_only=True):
    """One matter: `path` is that of its own page, where `button` posts to."""

    level: int
    level_text: str
    what: str
    place: str
    when: str
    status: str
    button: Button | None
    path: str


class FurtherMatters(msgspec.Struct, frozen=True, kw_only=True):
    """A matter of a long digest that has only one line here, which leads to its own page."""

    level: int
    level_text: str
    text: str
    path: str


class DigestPage(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows, from top to bottom."""

    language: str
    exercise: str
    level: int
    headline: str
    lead: str
    open: str
    items: tuple[DigestMatter, ...]
    more: str
    further: tuple[FurtherMatters, ...]
    private: str
    footer: str


def digest_page(items: Sequence[tuple[AlertText, str]]) -> DigestPage:
    """Return the page of these matters, each with the path of its own page; they are numbered as in the message."""
    tellers = [teller for teller, _ in items]
    texts = tellers[0].texts
    exercise = tellers[0].alert.exercise
    return DigestPage(
        language=texts.language,
        exercise=texts["exercise.explained"] if exercise else "",
        level=max(teller.alert.level for teller in tellers),
        headline=headline(tellers),
        lead=lead(tellers),
        open=texts["link.details"],
        items=tuple(_matter(teller, path) for teller, path in items[:WHOLE]),
        more=texts("digest.more", n=len(items) - WHOLE),
        further=tuple(
            _further(teller, path, number)
            for number, (teller, path) in enumerate(items[WHOLE:], start=WHOLE + 1)
        ),
        private=texts["page.private"],
        footer=texts["page.footer"],
    )


def _matter(teller: AlertText, path: str) -> DigestMatter:
    wanted = next(offered_answers(teller), None)
    return DigestMatter(
        level=teller.alert.level,
        level_text=teller.level,
        what=teller.title,
        place=teller.place,
        when=teller.reports.moment(),
        status=status(teller),
        button=button(teller, wanted) if wanted else None,
        path=path,
    )


def _further(teller: AlertText, path: str, number: int) -> FurtherMatters:
    place, what = (
        teller.voice.place(teller.alert.region, short=True),
        plain(teller.alert.rule.short_title, 60),
    )
    return FurtherMatters(
        level=teller.alert.level, level_text=teller.level, text=f"{number}. {place}: {what}", path=path
    )


STYLES = ("levels.css", "answer.css")
"""Files of the pages' style: the colours of levels are those of all pages."""


class PageOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a POST: the reason that `decide` named, a refusal, or that it said again what is already so."""

    reason: str
    refusal: str = ""
    repeated: bool = False


class Banner(msgspec.Struct, frozen=True, kw_only=True):
    """What the page says on top after an answer; `good` where it was recorded."""

    good: bool
    text: str
    explained: str = ""


class Confirm(msgspec.Struct, frozen=True, kw_only=True):
    """What the page asks before it closes an alert that many rely on: why it asks, for a reason, and the button.

    `back` leads to the page as it was. No other answer is offered beside the question: "Batal" would be read as its no.
    """

    heading: str
    lines: tuple[str, ...]
    reason: str
    button: Button
    back: str


class AnswerOption(msgspec.Struct, frozen=True, kw_only=True):
    """One office that the matter can be passed on to: the role posted as `to`, and its title."""

    role: str
    text: str


class AnswerPage(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows, from top to bottom."""

    language: str
    title: str
    exercise: str
    level: int
    level_text: str
    level_of: str
    what: str
    place: str
    when: str
    impact: tuple[str, ...]
    status: str
    banner: Banner | None
    confirm: Confirm | None
    asked: str
    buttons_heading: str
    buttons: tuple[Button, ...]
    passing_on: str
    choose: str
    delegate: Button | None
    delegates: tuple[AnswerOption, ...]
    procedure: str
    """Its name, and below it the text that was asked for; the text is empty where only the name is told."""
    procedure_text: str
    sections: tuple[TextSection, ...]
    private: str
    footer: str


class AnswerPages:
    """Makes answer pages. `kinds` are names by code and language."""

    def __init__(
        self,
        catalogue: Catalogue,
        kinds: KindNames,
        regions: RegionTable,
        *,
        templates: Path,
        duty_desk: str = "",
    ) -> None:
        """Prepare the templates. `duty_desk` says how the duty desk is reached, in one line, if that is known."""
        self._catalogue = catalogue
        self._kinds = kinds
        self._regions = regions
        self._duty_desk = duty_desk
        jinja = template_environment(templates)
        style = "".join((templates / name).read_text(encoding="utf-8") for name in STYLES)
        self._style = Markup(style)  # noqa: S704 -- our own files
        self._page = jinja.get_template("answer.html.j2")
        self._digest = jinja.get_template("digest.html.j2")
        self._bilingual = jinja.get_template("bilingual.html.j2")

    @property
    def content_security_policy(self) -> str:
        """The header that allows the page its own style and form and nothing else."""
        digest = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        return (
            f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'"
        )

    def page(
        self,
        notification: Notification,
        alert: Alert,
        notifications: Sequence[Notification],
        *,
        at: Instant,
        outcome: PageOutcome | None = None,
        delegates: Sequence[FoundHolder] = (),
        procedure_text: str = "",
    ) -> str:
        """Return the page of a link at an instant; `alert` and `notifications` are as they are after the answer.

        `delegates` are those to whom the person could pass the matter on, `procedure_text` is the Markdown of the SOP.
        """
        texts = self._catalogue.texts(notification.language)
        voice = Localizer(texts, self._regions, self._kinds, alert.region)
        teller = AlertText(
            voice, CaseText(notification=notification, alert=alert, notifications=notifications, at=at)
        )
        return self._page.render(
            page=self._view(teller, outcome, delegates, procedure_text), style=self._style
        )

    def digest(
        self,
        digest: Notification,
        items: Sequence[tuple[Notification, Alert, Sequence[Notification], str]],
        *,
        at: Instant,
    ) -> str:
        """Return the page of a digest at an instant; `items` end with the path of the page of each."""
        texts = self._catalogue.texts(digest.language)
        told = []
        for notification, alert, notifications, path in items:
            voice = Localizer(texts, self._regions, self._kinds, alert.region)
            case = CaseText(notification=notification, alert=alert, notifications=notifications, at=at)
            told.append((AlertText(voice, case), path))
        return self._digest.render(page=digest_page(told), style=self._style)

    def not_found(self) -> str:
        """Return the one page for every link that leads nowhere; in both languages, since nobody is known."""
        return self._in_both("page.not_found")

    def unavailable(self) -> str:
        """Return the one page for every link while the store is away: nobody can be known, nothing was recorded."""
        return self._in_both("page.unavailable")

    def _in_both(self, key: str) -> str:
        both = [self._catalogue.texts(language) for language in LANGUAGES]
        duty_desk = with_phone_links(plain(self._duty_desk))
        return self._bilingual.render(both=both, key=key, duty_desk=duty_desk, style=self._style)

    def _view(
        self,
        teller: AlertText,
        outcome: PageOutcome | None,
        delegates: Sequence[FoundHolder],
        procedure_text: str,
    ) -> AnswerPage:
        texts, alert = teller.texts, teller.alert
        when = teller.reports.moment()
        why_you, why_now, reported, who_knows, _ = teller.sections()
        heading = texts["section.next" if alert.status == "open" else "section.then"]
        afterwards = TextSection(heading, tuple(teller.afterwards()))
        confirm = _confirm(teller) if outcome and outcome.refusal == "confirmation_needed" else None
        choices = tuple(
            AnswerOption(role=found.role, text=teller.voice.office(found.role, found.region))
            for found in delegates
            if has_it(teller) and confirm is None
        )
        desk = TextSection(
            texts["section.duty_desk"], (with_phone_links(plain(self._duty_desk)),) if self._duty_desk else ()
        )
        return AnswerPage(
            language=texts.language,
            title=teller.marked(texts("page.title", level=teller.level, place=teller.place)),
            exercise=texts["exercise.explained"] if alert.exercise else "",
            level=alert.level,
            level_text=teller.marked(teller.level),
            level_of=texts("level.of", level=alert.level),
            what=teller.title,
            place=teller.place,
            when=when[:1].upper() + when[1:],
            impact=tuple(teller.reports.impact()),
            status=status(teller),
            banner=_banner(teller, outcome) if outcome else None,
            confirm=confirm,
            asked="" if confirm else teller.asked(),
            buttons_heading=texts["page.answer"],
            buttons=() if confirm else tuple(button(teller, says) for says in offered_answers(teller)),
            passing_on=texts["page.passing_on"],
            choose=texts["page.choose"],
            delegate=button(teller, "delegated") if choices else None,
            delegates=choices,
            procedure=next(teller.procedure(), ""),
            procedure_text=procedure(procedure_text),
            sections=tuple(
                section
                for section in (why_you, why_now, reported, who_knows, afterwards, desk)
                if section.lines or section.items
            ),
            private=texts["page.private"],
            footer=texts(
                "footer", alert=alert.id, rule=plain(alert.rule.id), version=plain(alert.rule.version)
            ),
        )


def _confirm(teller: AlertText) -> Confirm:
    alert, texts = teller.alert, teller.texts
    others = [taking.person for taking in alert.takings if taking.person != teller.notification.person]
    lines = [texts["page.confirm.awas"]] if alert.level >= AWAS else []
    lines += [texts("page.confirm.taken", office=teller.office_of(person)) for person in others[-1:]]
    return Confirm(
        heading=texts["page.confirm"],
        lines=tuple(lines),
        reason=texts["page.confirm.reason"],
        button=Button(
            says="resolved",
            text=texts["page.confirm.button"],
            explained=texts["page.confirm.button.explained"],
        ),
        back=texts["page.confirm.back"],
    )


def _banner(teller: AlertText, outcome: PageOutcome) -> Banner:
    """Say plainly what happened after the tap."""
    alert, texts = teller.alert, teller.texts
    if outcome.repeated:
        return Banner(good=True, text=texts["page.repeated"])
    ended = teller.voice.near_moment(alert.resolved_at or teller.at, teller.at)
    if outcome.refusal == "already_resolved":
        return Banner(good=True, text=texts("refusal.already_resolved", when=ended))
    if outcome.refusal == "confirmation_needed":
        return Banner(
            good=False, text=texts["page.not_closed"], explained=texts["refusal.confirmation_needed"]
        )
    if outcome.refusal:
        key = texts.first(f"refusal.{outcome.refusal}", "refusal.other")
        return Banner(good=False, text=texts["page.refused"], explained=texts(key, when=ended))
    key = texts.first(f"page.said.{outcome.reason}", "page.said.other")
    explained = texts.first(f"{key}.explained", "")
    return Banner(
        good=True,
        text=texts(
            key,
            office=teller.office_of(alert.acknowledged_by),
            when=teller.voice.near_moment(alert.acknowledged_at or teller.at, teller.at),
        ),
        explained=texts[explained] if explained else "",
    )
