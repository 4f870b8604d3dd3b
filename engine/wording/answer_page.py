"""The answer page behind the link of a message: what the person reads, which buttons it offers, what happened.

Here: view data and its HTML, with no script and nothing from elsewhere. Not here: routes, headers and limits
(`web.answer_page`), what an answer does (`alerting.answer`), the sentences shared with messages (`wording.account`).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
from markupsafe import Markup

from engine.alerting.alert import Alert, Notification
from engine.alerting.directory import Found
from engine.judging.calendar import AWAS
from engine.judging.instant import Instant
from engine.judging.region import RegionTable
from engine.wording.account import Case, Section, Teller
from engine.wording.answer_view import Button, button, dialled, has_it, offered, status
from engine.wording.digest_page import digest_page
from engine.wording.layout import environment
from engine.wording.plain import plain
from engine.wording.procedure import procedure
from engine.wording.texts import LANGUAGES, Catalogue
from engine.wording.voice import Kinds, Voice

STYLES = ("levels.css", "answer.css")
"""Files of the pages' style: the colours of levels are those of all pages."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
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


class Choice(msgspec.Struct, frozen=True, kw_only=True):
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
    delegates: tuple[Choice, ...]
    procedure: str
    """Its name, and below it the text that was asked for; the text is empty where only the name is told."""
    procedure_text: str
    sections: tuple[Section, ...]
    private: str
    footer: str


class AnswerPages:
    """Makes answer pages. `kinds` are names by code and language."""

    def __init__(
        self,
        catalogue: Catalogue,
        kinds: Kinds,
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
        jinja = environment(templates)
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
        outcome: Outcome | None = None,
        delegates: Sequence[Found] = (),
        procedure_text: str = "",
    ) -> str:
        """Return the page of a link at an instant; `alert` and `notifications` are as they are after the answer.

        `delegates` are those to whom the person could pass the matter on, `procedure_text` is the Markdown of the SOP.
        """
        texts = self._catalogue.texts(notification.language)
        voice = Voice(texts, self._regions, self._kinds, alert.region)
        teller = Teller(
            voice, Case(notification=notification, alert=alert, notifications=notifications, at=at)
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
            voice = Voice(texts, self._regions, self._kinds, alert.region)
            case = Case(notification=notification, alert=alert, notifications=notifications, at=at)
            told.append((Teller(voice, case), path))
        return self._digest.render(page=digest_page(told), style=self._style)

    def not_found(self) -> str:
        """Return the one page for every link that leads nowhere; in both languages, since nobody is known."""
        return self._in_both("page.not_found")

    def unavailable(self) -> str:
        """Return the one page for every link while the store is away: nobody can be known, nothing was recorded."""
        return self._in_both("page.unavailable")

    def _in_both(self, key: str) -> str:
        both = [self._catalogue.texts(language) for language in LANGUAGES]
        duty_desk = dialled(plain(self._duty_desk))
        return self._bilingual.render(both=both, key=key, duty_desk=duty_desk, style=self._style)

    def _view(
        self, teller: Teller, outcome: Outcome | None, delegates: Sequence[Found], procedure_text: str
    ) -> AnswerPage:
        texts, alert = teller.texts, teller.alert
        when = teller.reports.moment()
        why_you, why_now, reported, who_knows, _ = teller.sections()
        heading = texts["section.next" if alert.status == "open" else "section.then"]
        afterwards = Section(heading, tuple(teller.afterwards()))
        confirm = _confirm(teller) if outcome and outcome.refusal == "confirmation_needed" else None
        choices = tuple(
            Choice(role=found.role, text=teller.voice.office(found.role, found.region))
            for found in delegates
            if has_it(teller) and confirm is None
        )
        desk = Section(
            texts["section.duty_desk"], (dialled(plain(self._duty_desk)),) if self._duty_desk else ()
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
            buttons=() if confirm else tuple(button(teller, says) for says in offered(teller)),
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


def _confirm(teller: Teller) -> Confirm:
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


def _banner(teller: Teller, outcome: Outcome) -> Banner:
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
