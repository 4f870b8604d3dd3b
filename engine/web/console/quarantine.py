"""The quarantine: what was not an event when it came, what is wrong with it, and sending it again mended.

Here: the list, one record, its three ways back in (with the value that is offered, with one field written anew, as
another document), letting it go, and both versions of a record that left. Not here: why something is
kept aside (`intake.event_schema`) and taking it in (`intake.submission`).
A record holds what a desk wrote, which may be personal data: each look at one stands in the audit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from engine.core.judging.instant import parse_instant
from engine.documents.finding import Language
from engine.documents.sheets.event_columns import field_heading
from engine.errors import ParseError
from engine.intake.form_input import fault_of
from engine.intake.submission import Resubmitted
from engine.records.audit_log import note_seen
from engine.records.case_archive import settled_versions
from engine.records.quarantine import Quarantined
from engine.records.quarantine_acts import SETTLED, SettledRecord, audited
from engine.records.tolerant_read import readable_entries
from engine.texts.catalogue import Texts
from engine.texts.difference import Piece, differing
from engine.texts.localizer import Localizer
from engine.web.console.current_user import CurrentUser, visitor
from engine.web.console.page_renderer import asked_place, next_page, shell_of
from engine.web.console.routing import pages
from engine.web.problem import not_found

router = pages()

PATH = "/console/quarantine"
LISTED = 100
LOOKED_AT, SETTLED_SHOWN = 200, 20
"""So many of the newest records that left are looked at, and so many of them shown."""
LONGEST = 100_000
"""Characters of a document that is written anew."""
NUMBERS = ("severity", "confidence", "metrics.", "schema")
"""How fields that hold numbers begin; a code of a region looks like one and is none."""


class QuarantineLine(msgspec.Struct, frozen=True, kw_only=True):
    """A record in the list: nothing of what the desk wrote but kind and place; `offered` is said in words."""

    id: str
    place: str
    kind: str
    desk: str
    severity: int
    received: str
    fault: str
    offered: tuple[tuple[str, str], ...]


@router.get(PATH)
async def quarantine(visit: CurrentUser = visitor("operate")) -> Response:
    """List what was kept aside in the user's region in pages, the oldest first, the gravest of a page at its top."""
    page = await visit.siaga.intake.quarantined(visit.scope, limit=LISTED, after=asked_place(visit))
    lines = [line(visit, kept) for kept in page.records]
    return shell_of(visit.request).page(
        visit.request,
        "quarantine.html.j2",
        visit=visit,
        lines=sorted(lines, key=lambda one: -one.severity),
        next_page=next_page(visit, page.after),
        settled=[_settled_line(visit, one) for one in await _newest_settled(visit)],
    )


@router.get(PATH + "/{record_id}")
async def record(record_id: str, visit: CurrentUser = visitor("operate")) -> Response:
    """Show one record with the document as it came; one that left with what was sent in its place."""
    if await visit.siaga.intake.kept(record_id, visit.scope) is None:
        return await _settled_page(visit, record_id)
    return await _page(visit, await _found(visit, record_id))


@router.post(PATH + "/{record_id}")
async def resubmit(record_id: str, visit: CurrentUser = visitor("operate")) -> Response:
    """Send a record again, or let it go; where this cannot be, the page says why and the record stays as it was."""
    kept = await _found(visit, record_id)
    how = visit.text("how")
    document: bytes | None = None
    if how == "field":
        document = with_field(kept.raw, kept.field, visit.text("value"))
    elif how == "document":
        given = visit.form.get("document", "")
        document = given.encode() if isinstance(given, str) else b""
        if len(document) > LONGEST or not _is_json(document):
            return await _page(visit, kept, Resubmitted(outcome="not_json"), document=document.decode())
    intake = visit.siaga.intake
    if how == "drop":
        done = await intake.drop(record_id, visit.scope)
    else:
        done = await intake.resubmit(record_id, document, visit.scope, mended=how == "offered")
    if done is None:
        raise not_found("record")
    if done.settled:
        return visit.back(PATH, said=f"resubmitted_{done.outcome}")
    return await _page(visit, kept, done, document=document.decode() if document is not None else "")


def line(visit: CurrentUser, kept: Quarantined) -> QuarantineLine:
    """Return a record as the list shows it."""
    texts, voice = shell_of(visit.request).catalogue.texts(visit.language), _voice(visit, kept.region)
    names = visit.siaga.kind_names.get(kept.kind)
    language = spoken(visit)

    def names_of(kind: str) -> str:
        known = visit.siaga.kind_names.get(kind, {})
        return known.get(language) or known.get("id", "")

    return QuarantineLine(
        id=kept.id,
        place=voice.place(kept.region),
        kind=_kind(kept.kind, texts, names, language),
        desk=kept.desk,
        severity=kept.severity,
        received=voice.near_moment(kept.received_at, visit.siaga.clock.now()),
        fault=fault_of(kept.reason, kept.field).sentences(language),
        offered=tuple(
            (
                field_heading(field, language),
                _of_kind(value, names_of) if field == "kind" else offered(value, voice),
            )
            for field, value in kept.mended.items()
        ),
    )


def _kind(kind: str, texts: Texts, names: Mapping[str, str] | None, language: Language) -> str:
    if names:
        return names.get(language) or names["id"]
    return (
        texts("console.quarantine.unknown_kind", kind=kind) if kind else texts["console.quarantine.no_kind"]
    )


def _of_kind(kind: str, name_of: Callable[[str], str]) -> str:
    """Return a kind as people read it: its name, and its code for who writes it."""
    name = name_of(kind)
    return f"{name} ({kind})" if name else kind


def with_field(raw: bytes, field: str, value: str) -> bytes:
    """Return a document with one field, a dotted path, as it was written on the page.

    Fields that hold numbers take one, where one is written. What is no map on the way is replaced.
    """
    decoded: Any = msgspec.json.decode(raw)
    document: dict[str, Any] = decoded if isinstance(decoded, dict) else {}
    at = document
    *way, last = field.split(".")
    for name in way:
        inner = at.get(name)
        at[name] = inner = inner if isinstance(inner, dict) else {}
        at = inner
    at[last] = _number(value) if field.startswith(NUMBERS) else value
    return msgspec.json.encode(document)


def spoken(visit: CurrentUser) -> Language:
    """Return the language of the page."""
    return "en" if visit.language == "en" else "id"


def offered(value: str, voice: Localizer) -> str:
    """Return an offered value as people read it: an instant in the zone of the region."""
    try:
        return voice.moment(parse_instant(value)[0])
    except ParseError:
        return value


def _number(value: str) -> str | int | float:
    try:
        number = msgspec.json.decode(value)
    except msgspec.DecodeError:
        return value
    return number if isinstance(number, int | float) and not isinstance(number, bool) else value


def _is_json(document: bytes) -> bool:
    try:
        msgspec.json.decode(document)
    except msgspec.DecodeError:
        return False
    return True


async def _found(visit: CurrentUser, record_id: str) -> Quarantined:
    found = await visit.siaga.intake.kept(record_id, visit.scope)
    if found is None:
        raise not_found("record")
    await note_seen(
        visit.siaga.store, visit.siaga.clock.now(), f"quarantine/{record_id}", visit.scope.credential
    )
    return found


async def _page(
    visit: CurrentUser, kept: Quarantined, still: Resubmitted | None = None, *, document: str = ""
) -> Response:
    language = spoken(visit)
    lowered = [field_heading(field, language) for field in still.lowered] if still else []
    value: Any = msgspec.json.decode(kept.raw)
    for name in kept.field.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    is_single = value is None or isinstance(value, str | int | float)
    return shell_of(visit.request).page(
        visit.request,
        "quarantine-record.html.j2",
        visit=visit,
        status=(403 if lowered else 422) if still else 200,
        line=line(visit, kept),
        still=fault_of(still.outcome, still.field).sentences(language) if still and not lowered else "",
        lowered=", ".join(lowered),
        disowned=still is not None and "source.token" in still.lowered,
        field=kept.field if is_single else "",
        heading=field_heading(kept.field, language) if kept.field else "",
        kinds=_kinds(visit, language) if kept.field == "kind" else (),
        value="" if value is None else value,
        document=document or msgspec.json.format(kept.raw).decode(),
        longest=LONGEST,
    )


def _kinds(visit: CurrentUser, language: Language) -> list[tuple[str, str]]:
    """Return the kinds that there are: code and name, by name."""
    names = visit.siaga.kind_names.items()
    return sorted(((code, name.get(language) or name["id"]) for code, name in names), key=lambda one: one[1])


async def _newest_settled(visit: CurrentUser) -> list[SettledRecord]:
    """Return the records of the user's region among the newest that left, the newest first."""
    kept = await visit.siaga.store.log(SETTLED, -LOOKED_AT)
    found = [
        one for one in readable_entries(SETTLED, kept, SettledRecord) if visit.scope.covers(one.record.region)
    ]
    return found[::-1][:SETTLED_SHOWN]


def _settled_line(visit: CurrentUser, one: SettledRecord) -> dict[str, str]:
    return {
        "id": one.record.id,
        "title": f"{(shown := line(visit, one.record)).kind}, {shown.place}",
        "act": one.act or "resubmitted",
        "at": _voice(visit, one.record.region).near_moment(one.at, visit.siaga.clock.now()),
        "by": _author(one),
    }


def _author(one: SettledRecord) -> str:
    return one.by or f"token:{one.token_id}"


def _voice(visit: CurrentUser, region: str) -> Localizer:
    texts = shell_of(visit.request).catalogue.texts(visit.language)
    return Localizer(texts, visit.siaga.books.regions, visit.siaga.kind_names, region)


async def _settled_page(visit: CurrentUser, record_id: str) -> Response:
    siaga = visit.siaga
    found = await settled_versions(siaga.store, siaga.past, record_id)
    covered = [one for one in found if visit.scope.covers(one.record.region)]
    if not covered:
        raise not_found("record")
    await note_seen(siaga.store, siaga.clock.now(), f"quarantine/{record_id}", visit.scope.credential)
    voice = _voice(visit, covered[0].record.region)
    return shell_of(visit.request).page(
        visit.request,
        "quarantine-settled.html.j2",
        visit=visit,
        line=line(visit, covered[0].record),
        versions=[_version(one, voice) for one in covered],
    )


def _version(one: SettledRecord, voice: Localizer) -> dict[str, object]:
    """Return one way by which a record left: both contents, and in each the lines that the other has not."""
    before = msgspec.json.format(one.record.raw).decode().splitlines()
    after = msgspec.json.format(one.sent).decode().splitlines() if one.sent else []
    shown = differing(before, after) if after else (tuple(Piece(line, False) for line in before), ())
    return {
        "act": one.act or "resubmitted",
        "at": voice.moment(one.at),
        "by": _author(one),
        "before": shown[0],
        "after": shown[1],
        "digests": audited(one),
    }
