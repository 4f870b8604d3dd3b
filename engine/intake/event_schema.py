"""The schema of events: from bytes to events with every fault named, and from an event back to its document."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from hashlib import blake2b
from typing import Any, Literal, get_args

import msgspec

from engine.core.judging.event import Event, Scalar
from engine.core.judging.instant import SECOND, Instant, format_instant, parse_instant
from engine.core.judging.region import NATION, RegionTable
from engine.documents.event_fields import OWN, FieldFaultKind, Wrong, check_fields, faults_of_fields, flatten
from engine.documents.suggestion import meant
from engine.errors import ParseError
from engine.people.tokens import Scope
from engine.settings import IntakeSection
from engine.store.port import ID_BYTES, Arrival

EventRefusal = Literal["not_json", "too_large", "too_many", "out_of_scope", "quarantine_full"]
"""Why nothing is kept of a document.

`quarantine_full`: it is not an event, and its token's share of the quarantine is full.
"""
REFUSALS: tuple[str, ...] = get_args(EventRefusal)
LONGEST_NAME = 64
"""Characters of an id, a desk or a kind."""
DEEPEST = 64
"""A document nested deeper is over a limit, as one that is too long: nobody could look at it in the quarantine."""

GRAVE, HIGHEST = 3, 4
"""The severity from which on a report is somebody's business at once, and the highest there is."""
MOST_FAULTS = 50
"""Faults of one document that its answer names."""

SCHEME = "kepmendagri-300.2.2-2138-2025"
SCHEME_2022 = "kepmendagri-100.1.1-6117-2022"
_MOVED = {
    "92.01": "96.01",
    "92.04": "96.02",
    "92.05": "96.03",
    "92.09": "96.04",
    "92.10": "96.05",
    "92.71": "96.71",
}
"""Papua Barat Daya had no codes of its own in the list of 2022 [docs/specification/rules.md#event-document]."""
_OFFSETS = {"WIB": timedelta(hours=7), "WITA": timedelta(hours=8), "WIT": timedelta(hours=9)}

_Place = tuple[str, timedelta]
"""A code of the present list of regions, and the offset of the clocks there."""
_PLACES_KEPT = 20_000

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+@=-]{0,63}", re.ASCII)
_KIND = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*", re.ASCII)
_CODE = re.compile(r"\d{2}(\.\d{2}(\.\d{2}(\.\d{4})?)?)?", re.ASCII)
_LOOK_ALIKE = re.compile(r"\d{4}|\d{6,7}|\d{10}|\d{2}\.\d{2}\.\d{3}(\.\d{3})?", re.ASCII)
"""Codes without dots, and those of BPS, which count districts by three digits."""
_DECODER = msgspec.json.Decoder()
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_CANONICAL = msgspec.json.Encoder(order="deterministic")
_ENCODER = msgspec.json.Encoder()


class Accepted(Arrival, frozen=True, kw_only=True, gc=False):
    """An event, with its JSON as it is stored and the digests by which a repeat is recognised."""

    event: Event


class FieldFault(msgspec.Struct, frozen=True, kw_only=True):
    """One fault of a document: where it is (a dotted path; empty: the whole) and its code.

    `instead` is the value that is offered; empty where none is.
    """

    field: str
    reason: FieldFaultKind
    instead: str = ""


class KeptAside(msgspec.Struct, frozen=True, kw_only=True):
    """Not an event yet: its faults, what could be read, and what would mend it.

    `fault` and `field` are those of the first of `faults`. `content` is a digest of the whole document; `mended` maps
    fields to the values that are offered instead.
    """

    fault: FieldFaultKind
    field: str
    faults: tuple[FieldFault, ...] = ()
    raw: bytes
    content: bytes
    desk: str = ""
    event_id: str = ""
    kind: str = ""
    region: str = ""
    severity: int = 0
    exercise: bool = False
    mended: dict[str, str] = {}


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing is kept of it."""

    refusal: EventRefusal
    field: str = ""


SchemaVerdict = Accepted | KeptAside | Refused


def split_documents(body: bytes, media_type: str) -> list[bytes] | None:
    """Cut a body into its documents: one object, the items of an array, or one a line; None where it is none of them.

    A body of several lines that was not announced as NDJSON is read as such if its first line is a whole object.
    """
    text = body.strip(b" \t\r\n")
    if not text:
        return None
    if media_type in ("application/x-ndjson", "application/jsonl", "application/ndjson"):
        return _lines(text)
    if text.startswith(b"["):
        try:
            return [bytes(item) for item in _ARRAY.decode(text)]
        except (ValueError, RecursionError):
            return None
    first, newline, _ = text.partition(b"\n")
    return _lines(text) if newline and _is_json(first) else [text]


def _within(document: object, depth: int) -> bool:
    """Say whether a document is nested at most so deep."""
    here = [document]
    for _ in range(depth):
        here = [
            inner
            for one in here
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not here:
            return True
    return False


def _lines(text: bytes) -> list[bytes]:
    return [line for line in text.split(b"\n") if not line.isspace() and line]


def _is_json(line: bytes) -> bool:
    try:
        _DECODER.decode(line)
    except (ValueError, RecursionError):
        return False
    return True


def is_desk_name(name: str) -> bool:
    """Say whether an event may name its desk so."""
    return _ID.fullmatch(name) is not None


def identity_of(desk: str, event_id: str) -> bytes:
    """Return the 12 bytes by which an event is found again, which begin as its id says.

    Neither part can hold the separator.
    """
    return id_digest(event_id) + blake2b(f"{desk}\0{event_id}".encode(), digest_size=8).digest()


def id_digest(event_id: str) -> bytes:
    """Return what the identities of all events of an id begin with, whatever their desks."""
    return blake2b(event_id.encode(), digest_size=ID_BYTES).digest()


class EventSchema:
    """Gives the verdict on documents, by the regions and kinds of the installation."""

    def __init__(self, regions: RegionTable, kinds: Collection[str], settings: IntakeSection) -> None:
        self._regions = regions
        self._kinds = kinds
        self._max_bytes = settings.max_event_bytes
        self._ahead = settings.future_tolerance_seconds * SECOND
        self._places: dict[str, _Place] = {}

    def examine(self, raw: bytes, scope: Scope, received_at: Instant, token: str = "") -> SchemaVerdict:
        """Judge one document that came with a token of this scope at this instant.

        The event names the credential of the scope as its `source.token`, or `token` where somebody sends again what
        another one brought. What a document says there is no part of it.
        """
        if len(raw) > self._max_bytes:
            return Refused(refusal="too_large")
        flat: dict[str, Scalar] = {}
        content, document = raw, None
        try:
            document = _DECODER.decode(raw)
            if type(document) is dict:
                document.pop("received_at", None)
                token = _without_token(document, scope) or token
            content = _CANONICAL.encode(document)
            flatten(document, "", flat)
        except Wrong as wrong:
            if not _within(document, DEEPEST):
                return Refused(refusal="too_large", field=wrong.field)
            return self._judged(flat, scope) or _aside([wrong], raw, content, flat)
        except msgspec.ValidationError:
            return _aside([Wrong("out_of_range", "")], raw, raw, flat)
        except (ValueError, RecursionError):
            return Refused(refusal="not_json")
        refused = self._judged(flat, scope)
        if refused is not None:
            return refused
        try:
            event = self._event(flat, scope, received_at, token or str(scope.credential))
        except Wrong:
            return _aside(self._faults(flat, received_at), raw, content, flat)
        return Accepted(
            event=event,
            value=_ENCODER.encode(event),
            identity=identity_of(event.desk, event.id),
            content=blake2b(content, digest_size=8).digest(),
        )

    def _judged(self, flat: dict[str, Scalar], scope: Scope) -> Refused | None:
        """Hold region and desk against the token, as far as they can be read; a desk need not be a region code."""
        desk = flat.get("source.desk")
        if type(desk) is str and not scope.speaks_for(desk) and _ID.fullmatch(desk):
            return Refused(refusal="out_of_scope", field="source.desk")
        if scope.region == NATION:
            return None
        for field in ("region", "source.desk"):
            code = flat.get(field)
            if type(code) is str and _CODE.fullmatch(code) and not scope.covers(_present_code(flat, code)):
                return Refused(refusal="out_of_scope", field=field)
        return None

    def _event(self, flat: dict[str, Scalar], scope: Scope, received_at: Instant, token: str) -> Event:
        """Make the event of flattened fields, or raise the first fault."""
        event_id = _required(flat, "id", _ID)
        desk = _required(flat, "source.desk", _ID)
        kind = flat.get("kind")
        if type(kind) is not str or kind not in self._kinds:
            kind = self._unknown_kind(flat)
        region, here = self._place(flat)
        severity = _severity(flat)
        flags: tuple[str, ...] = () if kind in self._kinds else ("kind_unknown",)
        occurred_at, matches = self._instant(flat, "occurred_at", here, received_at)
        if not matches:
            flags = (*flags, "offset_mismatch")
        fields = flat.copy()
        del fields["id"], fields["source.desk"], fields["kind"], fields["region"]
        del fields["severity"], fields["occurred_at"]
        exercise = fields.pop("exercise", False)
        if "reported_at" in fields:
            fields["reported_at"], _ = self._instant(flat, "reported_at", here, received_at)
        check_fields(fields)
        if type(exercise) is not bool:
            raise Wrong("wrong_type", "exercise")
        acts = "corrects" in fields or "supersedes" in fields
        return Event(
            desk=desk,
            id=event_id,
            kind=kind,
            region=region,
            severity=severity,
            occurred_at=occurred_at,
            fields=fields,
            flags=flags,
            exercise=exercise,
            reach=scope.region if acts else NATION,
            by_verifier=acts and "verify" in scope.rights,
            token=token,
        )

    def _unknown_kind(self, flat: dict[str, Scalar]) -> str:
        """Return a kind that the installation does not know; raise where it has no form, or the report is grave.

        No rule judges a kind that is a slip of the hand: a grave report waits for a person instead.
        """
        kind = _required(flat, "kind", _KIND)
        severity = flat.get("severity")
        if type(severity) is int and GRAVE <= severity <= HIGHEST:
            guess = self.kind_meant(kind)
            raise Wrong("kind_unknown", "kind", **({"kind": guess} if guess else {}))
        return kind

    def kind_meant(self, kind: str) -> str:
        """Return the known kind that was probably meant; empty where none is likely."""
        return meant(kind, sorted(self._kinds))

    def _faults(self, flat: dict[str, Scalar], received_at: Instant) -> list[Wrong]:
        """Return all faults of a document in the order in which an event is made; the way of what is wrong only."""
        found: list[Wrong] = []

        def tried(check: Callable[[], object]) -> None:
            try:
                check()
            except Wrong as wrong:
                found.append(wrong)

        here = _OFFSETS["WIB"]

        def placed() -> None:
            nonlocal here
            _, here = self._place(flat)

        tried(lambda: _required(flat, "id", _ID))
        tried(lambda: _required(flat, "source.desk", _ID))
        if flat.get("kind") not in self._kinds:
            tried(lambda: self._unknown_kind(flat))
        tried(placed)
        tried(lambda: _severity(flat))
        tried(lambda: self._instant(flat, "occurred_at", here, received_at))
        if "reported_at" in flat:
            tried(lambda: self._instant(flat, "reported_at", here, received_at))
        if type(flat.get("exercise", False)) is not bool:
            found.append(Wrong("wrong_type", "exercise"))
        rest = {path: value for path, value in flat.items() if path not in OWN and path != "reported_at"}
        return found + faults_of_fields(rest)

    def _place(self, flat: dict[str, Scalar]) -> _Place:
        """Return the region in the present list, and the offset of its clocks; most codes were asked for before."""
        if "region_scheme" in flat or type(code := flat.get("region")) is not str:
            return self._placed(self._region(flat))
        place = self._places.get(code)
        if place is None:
            place = self._placed(self._region(flat))
            if len(self._places) < _PLACES_KEPT:
                self._places[code] = place
        return place

    def _placed(self, region: str) -> _Place:
        nearest = self._regions.nearest(region)
        return region, _OFFSETS[nearest.zone if nearest else "WIB"]

    def _region(self, flat: dict[str, Scalar]) -> str:
        code = flat.get("region")
        if code is None:
            raise Wrong("missing", "region")
        if type(code) is not str:
            raise Wrong("wrong_type", "region")
        if not _CODE.fullmatch(code):
            raise Wrong("region_look_alike" if _LOOK_ALIKE.fullmatch(code) else "wrong_form", "region")
        if flat.get("region_scheme", SCHEME) not in (SCHEME, SCHEME_2022):
            raise Wrong("region_scheme_unknown", "region_scheme")
        present = _present_code(flat, code)
        if not self._regions.known(present):
            moved = _moved(code)
            raise Wrong("region_unknown", "region", **({"region": moved} if moved != code else {}))
        return present

    def _instant(
        self, flat: dict[str, Scalar], field: str, here: timedelta, received_at: Instant
    ) -> tuple[Instant, bool]:
        """Read an instant that may not lie ahead; also say whether its offset is the region's (`here`)."""
        text = flat.get(field)
        if text is None:
            raise Wrong("missing", field)
        if type(text) is not str:
            raise Wrong("wrong_type", field)
        try:
            instant, offset = parse_instant(text)
        except ParseError:
            local = _with_offset(text, here)
            if _is_instant(local):
                raise Wrong("no_zone", field, **{field: local}) from None
            raise Wrong("wrong_form", field) from None
        if instant > received_at + self._ahead:
            # Eastern clock times sent with a western offset look like the future: the region's own may be meant.
            local = _with_offset(text[: -1 if text[-1] in "Zz" else -6], here)
            meant = offset != here and parse_instant(local)[0] <= received_at + self._ahead
            raise Wrong("ahead", field, **({field: local} if meant else {}))
        return instant, offset == here


def _without_token(document: dict[str, Any], scope: Scope) -> str:
    """Take out what a document says of the token it came with; return it where the scope is of a recording."""
    claim = document.pop("source.token", "")
    source = document.get("source")
    if type(source) is dict and "token" in source:
        claim = source.pop("token")
    return claim if scope.kind == "service" and type(claim) is str else ""


def _aside(faults: Sequence[Wrong], raw: bytes, content: bytes, flat: dict[str, Scalar]) -> KeptAside:
    """Keep what can be told of a faulty document: who sent it, of where, how grave."""
    first = faults[0]
    severity, region = flat.get("severity"), _text(flat.get("region"))
    return KeptAside(
        fault=first.fault,
        field=first.field[:100],
        faults=tuple(
            FieldFault(field=one.field[:100], reason=one.fault, instead=one.mended.get(one.field, ""))
            for one in faults[:MOST_FAULTS]
        ),
        raw=raw,
        content=blake2b(content, digest_size=16).digest(),
        desk=_text(flat.get("source.desk")),
        event_id=_text(flat.get("id")),
        kind=_text(flat.get("kind")),
        region=_present_code(flat, region) if _CODE.fullmatch(region) else "",
        severity=severity if type(severity) is int and 1 <= severity <= 4 else 0,
        exercise=flat.get("exercise") is True,
        mended={field: value for one in faults for field, value in one.mended.items()},
    )


def _severity(flat: dict[str, Scalar]) -> int:
    severity = flat.get("severity")
    if type(severity) is not int:
        raise Wrong("missing" if severity is None else "wrong_type", "severity")
    if not 1 <= severity <= HIGHEST:
        raise Wrong("out_of_range", "severity")
    return severity


def _text(value: Scalar | None) -> str:
    """Return a text cut to what a list can show; nothing for any other value."""
    return value[:64] if isinstance(value, str) else ""


def _present_code(flat: dict[str, Scalar], code: str) -> str:
    """Return a code in the present list of regions, where the event says it used the one of 2022."""
    return _moved(code) if flat.get("region_scheme") == SCHEME_2022 else code


def _moved(code: str) -> str:
    return _MOVED.get(code[:5], code[:5]) + code[5:]


def _with_offset(text: str, offset: timedelta) -> str:
    return f"{text}+{offset // timedelta(hours=1):02}:00"


def _is_instant(text: str) -> bool:
    try:
        parse_instant(text)
    except ParseError:
        return False
    return True


def _required(flat: dict[str, Scalar], field: str, form: re.Pattern[str]) -> str:
    value = flat.get(field)
    if type(value) is str and len(value) <= LONGEST_NAME and form.fullmatch(value):
        return value
    if value is None:
        raise Wrong("missing", field)
    if type(value) is not str:
        raise Wrong("wrong_type", field)
    raise Wrong("too_long" if len(value) > LONGEST_NAME else "wrong_form", field)


def document_of(event: Event, regions: RegionTable) -> dict[str, Any]:
    """Return the document of an event; its instants carry the offset of its region."""
    zone = regions.timezone(event.region)
    document: dict[str, Any] = {
        "id": event.id,
        "kind": event.kind,
        "severity": event.severity,
        "region": event.region,
        "occurred_at": format_instant(event.occurred_at, zone),
        "received_at": format_instant(event.received_at, zone),
        "source": {"desk": event.desk},
    }
    if event.token:
        document["source"]["token"] = event.token
    if event.exercise:
        document["exercise"] = True
    for path, value in event.fields.items():
        is_instant = path == "reported_at" and isinstance(value, int)
        _put(document, path, format_instant(value, zone) if is_instant else value)  # type: ignore[arg-type]
    return document


def _put(document: dict[str, Any], path: str, value: object) -> None:
    """Set a value under its dotted path: in nested objects, as far as no plain value stands in the way."""
    first, dot, rest = path.partition(".")
    inner = document.setdefault(first, {}) if dot else None
    if isinstance(inner, dict):
        _put(inner, rest, value)
    else:
        document[path] = value
