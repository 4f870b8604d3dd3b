"""The frame of every page of the console: navigation, texts, style, paging, and the language of the reader."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from engine.app import Siaga
from engine.core.alerting.alert import Notification
from engine.core.judging.instant import MINUTE, Instant, format_instant
from engine.people.tokens import Right
from engine.records.alert_repository import Case
from engine.store.port import Place
from engine.texts.alert_text import AlertText
from engine.texts.alert_text import CaseText as Spoken
from engine.texts.catalogue import LANGUAGES, Catalogue, Texts, load_catalogue, template_environment
from engine.texts.credential_words import credential_words
from engine.texts.local_time import duration
from engine.texts.localizer import Localizer
from engine.web.console.current_user import CurrentUser, language_of
from engine.web.paging import cursor_of, place_of

HOME = "/console"
REPORT = "/lapor"
"""Where a desk reports: short, since people type it into a phone."""
STATIC = "/console/static/"
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class NavigationPlace(NamedTuple):
    """One entry of the navigation: key of its text, path, and the rights without one of which it is not shown."""

    key: str
    path: str
    right: Right
    or_right: Right | None = None


PROPOSALS = "/console/proposals"
NAVIGATION: tuple[NavigationPlace, ...] = (
    NavigationPlace("console.nav.situation", HOME, "read"),
    NavigationPlace("console.nav.phone", HOME + "/phone", "operate"),
    NavigationPlace("console.nav.situation_report", "/console/report", "read"),
    NavigationPlace("console.nav.report", REPORT, "submit"),
    NavigationPlace("console.nav.outgoing", "/console/outgoing", "operate"),
    NavigationPlace("console.nav.quarantine", "/console/quarantine", "operate"),
    NavigationPlace("console.nav.roster", "/console/roster", "operate"),
    NavigationPlace("console.nav.silences", "/console/silences", "operate"),
    NavigationPlace("console.nav.rules", "/console/rules", "read"),
    NavigationPlace("console.nav.proposals", PROPOSALS, "operate", "policy"),
    NavigationPlace("console.nav.audit", "/console/audit", "operate"),
)
"""In the order shown."""


class Asset(NamedTuple):
    """A file of the pages' own; its path holds a digest of it, so that it may be kept for good."""

    path: str
    content: bytes
    media_type: str


class PageRenderer:
    """Makes the pages of one installation."""

    def __init__(self, siaga: Siaga) -> None:
        self._siaga = siaga
        self._templates = siaga.settings.paths.templates
        self.catalogue = console_catalogue(siaga.catalogue, self._templates)

    @cached_property
    def assets(self) -> Mapping[str, Asset]:
        """The style, the script and the icon, by name."""
        return {
            name: page_asset(self._templates, name, files, media_type)
            for name, files, media_type in (
                ("console.css", ("levels.css", "console/console.css", "console/report.css"), "text/css"),
                ("console.js", ("console/console.js",), "text/javascript"),
                ("icon.svg", ("console/icon.svg",), "image/svg+xml"),
            )
        }

    def page(
        self,
        request: Request,
        template: str,
        *,
        visit: CurrentUser | None = None,
        status: int = 200,
        **view: object,
    ) -> HTMLResponse:
        """Return the page of `templates/console/TEMPLATE`. In it, `t` are the texts and `visit` who is signed in."""
        texts = self.catalogue.texts(visit.language if visit else language_of(request))
        rights = visit.scope.rights if visit else ()
        path = request.url.path
        html = (
            template_environment(self._templates)
            .get_template(f"console/{template}")
            .render(
                t=texts,
                languages=LANGUAGES,
                visit=visit,
                navigation=[place for place in NAVIGATION if {place.right, place.or_right} & set(rights)],
                path=path,
                inbox=PROPOSALS,
                assets=self.assets,
                now=self._siaga.clock.now(),
                said=form_message(texts, request),
                form_token=lambda: token_field(visit),
                countdown=countdown,
                credential=partial(credential_words, texts=texts),
                **view,
            )
        )
        return HTMLResponse(html, status, {"Content-Security-Policy": POLICY})


def shell_of(request: Request) -> PageRenderer:
    """Return what makes the pages of this installation."""
    shell: PageRenderer = request.app.state.shell
    return shell


def console_catalogue(catalogue: Catalogue, templates: Path) -> Catalogue:
    """Return the catalogue of the messages with the texts of the pages, one file a page."""
    pairs = dict(catalogue.pairs)
    for file in sorted((templates / "console" / "texts").glob("*.yaml")):
        pairs |= load_catalogue(file).pairs
    return Catalogue(pairs)


def page_asset(templates: Path, name: str, files: tuple[str, ...], media_type: str) -> Asset:
    """Return files as one asset."""
    content = b"".join((templates / file).read_bytes() for file in files)
    digest = hashlib.sha256(content).hexdigest()[:16]
    return Asset(f"{STATIC}{digest}/{name}", content, media_type)


def token_field(visit: CurrentUser | None) -> Markup:
    """Return the field by which a form sends the session's token back."""
    token = visit.form_token if visit else ""
    return Markup('<input type="hidden" name="form_token" value="{}">').format(token)


def form_message(texts: Texts, request: Request) -> str:
    """Return what a page says on top after a form; empty where it follows none."""
    key = f"console.said.{request.query_params.get('said', '')}"
    return texts[key] if key in texts else ""  # noqa: SIM401 -- texts are no dict


def countdown(texts: Texts, until: Instant, now: Instant) -> Markup:
    """Return what is left until an instant, counted down by the script and readable without it."""
    left = (
        duration(max(until - now, 0) // MINUTE * MINUTE, texts)
        if until - now >= MINUTE
        else texts["console.now"]
    )
    return Markup('<time datetime="{}" data-until="{}" data-over="{}">{}</time>').format(
        format_instant(until), until, texts["console.now"], left
    )


def teller_of(visit: CurrentUser, case: Case, mine: Notification, language: str = "") -> AlertText:
    """Return who tells of a case, in the language of the page unless another is named."""
    siaga, messages = visit.siaga, tuple(case.notifications.values())
    texts = shell_of(visit.request).catalogue.texts(language or visit.language)
    voice = Localizer(texts, siaga.books.regions, siaga.kind_names, case.alert.region)
    at = siaga.clock.now()
    return AlertText(voice, Spoken(notification=mine, alert=case.alert, notifications=messages, at=at))


LONGEST = 100
"""Characters of a cursor."""


def asked_place(visit: CurrentUser) -> Place | None:
    """Return the place behind which the page begins; None at the beginning of the list."""
    cursor = visit.request.query_params.get("cursor", "")[:LONGEST]
    return place_of(cursor) if cursor else None


def next_page(visit: CurrentUser, after: Place | None) -> str:
    """Return the address of the next page; empty at the end."""
    if after is None:
        return ""
    url = visit.request.url.include_query_params(cursor=cursor_of(after))
    return f"{url.path}?{url.query}"
