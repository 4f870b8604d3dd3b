"""Reporting from a phone: what happened, in words that are chosen, or that nothing did.

Here: the routes of the form. Not here: what becomes of a report (`intake.event_forms`), sheets (`console.upload`) and
the words (`templates/console/texts/report.yaml`).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from engine.app import Siaga
from engine.core.judging.instant import Instant, format_instant, local, parse_instant
from engine.core.judging.region import Region
from engine.documents.finding import Language
from engine.documents.kinds import KindGroup, load_groups
from engine.documents.sheets.event_columns import field_heading
from engine.intake.event_forms import EventForms, FormAnswer
from engine.intake.event_schema import EventSchema
from engine.intake.form_input import NIHIL, Givens
from engine.texts.local_time import full_moment
from engine.texts.localizer import Localizer
from engine.web.auth import cover
from engine.web.console.current_user import CurrentUser, visitor
from engine.web.console.page_renderer import REPORT, shell_of
from engine.web.console.routing import pages
from engine.web.problem import Problem, not_found

router = pages()
FIELDS = ("region", "severity", "verification", "summary")
"""What the form asks of each kind; the group of the kind says what else."""


class Offer(NamedTuple):
    """What the form offers: groups of kinds and their names, in one language."""

    name: str
    kinds: tuple[tuple[str, str], ...]


class Forms:
    """What the forms of an installation need."""

    def __init__(self, siaga: Siaga) -> None:
        books, settings = siaga.books, siaga.settings
        self.kinds = books.kinds
        grouped = load_groups(settings.paths.kinds)
        others = tuple(
            code
            for code in books.kinds
            if code not in (*(kind for group in grouped for kind in group.kinds), NIHIL["kind"], "correction")
        )
        last = (KindGroup(id="Lainnya", en="Other", kinds=others),) if others else ()
        self.groups: tuple[KindGroup, ...] = (*grouped, *last)
        schema = EventSchema(books.regions, books.kinds, settings.intake)
        givens = Givens(books.regions, books.kinds, settings.intake)
        self.reporting = EventForms(
            siaga.store, siaga.clock, siaga.intake, givens, schema, settings, siaga.sheets
        )

    def offers(self, language: Language) -> Iterator[Offer]:
        """Yield the groups with the names of their kinds."""
        for group in self.groups:
            names = tuple((code, self.kinds[code].name(language)) for code in group.kinds)
            yield Offer(group.name(language), names)

    def group(self, kind: str) -> KindGroup:
        """Return the group that offers a kind; a 404 where none does."""
        for group in self.groups:
            if kind in group.kinds:
                return group
        raise not_found("kind")


def forms_of(request: Request) -> Forms:
    """Return what the forms need."""
    forms: Forms = request.app.state.forms
    return forms


@router.get(REPORT)
async def choose(visit: CurrentUser = visitor("submit")) -> Response:
    """Show that nothing happened can be said in one tap, and what can be reported."""
    forms = forms_of(visit.request)
    return _page(visit, "report.html.j2", offers=list(forms.offers(spoken(visit))), id_=_fresh())


@router.post(REPORT + "/nihil")
async def nihil(visit: CurrentUser = visitor("submit")) -> Response:
    """Report that there is nothing to report."""
    region = visit.text("region")
    cover(visit.scope, region, "submit")
    reported = await forms_of(visit.request).reporting.nihil(region, visit.text("id"), visit.scope)
    if reported.became == "faulty":  # only a form that no page of ours made
        raise Problem(422, "invalid_request", "The form names no region and no id.")
    return _reported(visit, reported, region)


@router.get(REPORT + "/jenis/{kind}")
async def form(kind: str, visit: CurrentUser = visitor("submit")) -> Response:
    """Show the form of one kind."""
    at = visit.siaga.clock.now()
    regions = regions_of(visit)
    values = {"id": _fresh(), "made": format_instant(at), "verification": "unverified"}
    if len({region.zone for region in regions}) == 1:
        values["date"] = f"{local(at, regions[0].timezone):%Y-%m-%dT%H:%M}"
    return _form(visit, kind, values)


@router.post(REPORT + "/jenis/{kind}")
async def report(kind: str, visit: CurrentUser = visitor("submit")) -> Response:
    """Report what the form says; where something is to be corrected, show it again with that."""
    forms = forms_of(visit.request)
    asked = ("id", "date", *FIELDS, *forms.group(kind).ask)
    values = {name: visit.text(name) for name in asked}
    words = {name: value for name, value in values.items() if value}
    reported = await forms.reporting.report(
        {**words, "kind": kind}, visit.scope, at=_made(visit), as_it_is=bool(visit.text("as_it_is"))
    )
    if reported.became == "faulty":
        return _form(visit, kind, values | {"made": visit.text("made")}, reported)
    return _reported(visit, reported, words.get("region", ""), kind)


def regions_of(visit: CurrentUser) -> Sequence[Region]:
    """Return the regions that the user may report on, their own first."""
    table, scope = visit.siaga.books.regions, visit.scope
    inside = [region for region in table if scope.covers(region.code)]
    return sorted(inside or [*filter(None, [table.nearest(scope.region)])], key=lambda region: region.code)


def spoken(visit: CurrentUser) -> Language:
    """Return the language of the words of faults."""
    return "en" if visit.language == "en" else "id"


def _page(visit: CurrentUser, template: str, status: int = 200, **view: object) -> Response:
    texts = shell_of(visit.request).catalogue.texts(visit.language)
    siaga, region = visit.siaga, visit.scope.region
    voice = Localizer(texts, siaga.books.regions, siaga.kind_names, region)
    return shell_of(visit.request).page(
        visit.request,
        template,
        visit=visit,
        status=status,
        place=voice.place(region),
        when=full_moment(siaga.clock.now(), voice.zone, texts),
        regions=regions_of(visit),
        **view,
    )


def _form(
    visit: CurrentUser, kind: str, values: Mapping[str, str], reported: FormAnswer | None = None
) -> Response:
    group, zones = forms_of(visit.request).group(kind), {region.zone for region in regions_of(visit)}
    faults = reported.faults if reported else ()
    language = spoken(visit)
    return _page(
        visit,
        "report-kind.html.j2",
        422 if faults else 200,
        kind=kind,
        name=visit.siaga.kind_names[kind][language],
        asked=[(path, field_heading(path, language)) for path in group.ask],
        values=values,
        zone=zones.pop() if len(zones) == 1 else "",
        faults=[fault.sentences(language) for fault in faults],
        faulty={fault.column for fault in faults},
        as_it_is=reported is not None and reported.as_it_is,
    )


def _reported(visit: CurrentUser, reported: FormAnswer, region: str, kind: str = NIHIL["kind"]) -> Response:
    """Say plainly what happened."""
    texts = shell_of(visit.request).catalogue.texts(visit.language)
    voice = Localizer(texts, visit.siaga.books.regions, visit.siaga.kind_names, visit.scope.region)
    good = reported.became in {"accepted", "duplicate"}
    return _page(
        visit,
        "reported.html.j2",
        200 if good else 409,
        became=reported.became,
        good=good,
        what=visit.siaga.kind_names[kind][visit.language],
        whose=voice.place(region) if region else "",
        faults=[fault.sentences(spoken(visit)) for fault in reported.faults],
    )


def _made(visit: CurrentUser) -> Instant:
    """Return when the form was shown, for who left the time empty; a forged one is checked like any other time."""
    try:
        return parse_instant(visit.text("made"))[0]
    except ValueError:
        return visit.siaga.clock.now()


def _fresh() -> str:
    """Return the id of a form that is shown now: nothing that it reports follows from anything else."""
    return f"f-{secrets.token_hex(10)}"
