"""The events of a test and their times, as people write them: only `at` and `kind` are required.

Specification: docs/specification/tests.md#policy-tests, #rule-tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from engine.core.judging.event import Event, Scalar
from engine.core.judging.instant import ZONES, Instant, Millis, parse_instant
from engine.core.judging.region import NATION
from engine.documents.fields import Form, boolean, form_of, free, quoted_region, scalar, text, usable, whole
from engine.documents.finding import Findings
from engine.documents.times import duration, instant
from engine.documents.yaml_tree import MappingNode, Node, ScalarNode, SequenceNode
from engine.documents.yaml_tree import ScalarNode as Written

DEFAULT_START, _ = parse_instant("2024-11-25T10:00:00+08:00")
"""Where a test starts that does not say so."""
DEFAULT_ZONE = "WITA"

_FRACTION = re.compile(r"(?P<clock>.*\d{2}:\d{2}:\d{2})\.(?P<fraction>\d{1,3})(?P<zone> .+)", re.ASCII)
_LENGTH = duration()


def start(node: Node, findings: Findings) -> Instant:
    """Take the instant a test starts at; local time with a zone name may carry milliseconds too."""
    found = scalar(node, findings)
    fine = _FRACTION.fullmatch(found.text)
    if fine is None:
        return instant(node, findings)
    whole = instant(ScalarNode(fine["clock"] + fine["zone"], plain=found.plain, mark=found.mark), findings)
    return whole + int(fine["fraction"].ljust(3, "0"))


def zone_of(node: Node | None) -> str:
    """Return the zone in which a start is written: a name that people use, else UTC."""
    named = node.text.rpartition(" ")[2] if isinstance(node, ScalarNode) else DEFAULT_ZONE
    return named if named in ZONES else "UTC"


def test_offset(node: Node, findings: Findings) -> Millis:
    """Take an offset from the start, such as `+2h10m`; `-1d` lies before it."""
    found = scalar(node, findings)
    sign = -1 if found.text.startswith("-") else 1
    bare = ScalarNode(found.text.removeprefix("+").removeprefix("-"), plain=found.plain, mark=found.mark)
    return sign * _LENGTH(bare, findings)


DESK = "desk"
"""The desk of events that are named but say no desk, so that one may correct, refute or repeat the other."""
MOST_REPEATS = 10_000
OWN = (
    "at",
    "arrives",
    "late_by",
    "repeat",
    "kind",
    "id",
    "region",
    "severity",
    "exercise",
    "source",
    "source.desk",
    "source.token",
)

_KIND = re.compile(r"[a-z0-9_.]+", re.ASCII)


class Occurrence(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a test: what happens `at` (milliseconds from the start) and is received at `arrives`.

    `reported` is the offset of its `reported_at`, where that was written as one.
    """

    at: Millis
    arrives: Millis
    event: Event
    reported: Millis | None = None

    def event_from(self, start: Instant) -> Event:
        """Return the event of a test that starts at this instant."""
        fields = self.event.fields
        if self.reported is not None:
            fields = {**fields, "reported_at": start + self.reported}
        return msgspec.structs.replace(self.event, occurred_at=start + self.at, fields=fields)


class Naming:
    """Names the events of one test: an id that stands there is kept, all others count up."""

    def __init__(self) -> None:
        self._number = 0

    def next(self, given_id: str, given_desk: str, *, refers: bool, repeat: int) -> tuple[str, str]:
        """Return desk and id of the next event; `refers` where it names another event, `repeat` counts from 1."""
        self._number += 1
        alone = given_id or refers
        desk = given_desk or (DESK if alone else f"{DESK}-{self._number:04d}")
        if given_id:
            return desk, given_id if repeat == 1 else f"{given_id}-{repeat}"
        return desk, f"e{self._number:04d}"


def occurrences(
    form: Form, findings: Findings, naming: Naming, *, at: Millis | None = None
) -> Iterator[Occurrence]:
    """Read one entry; `at` is given where the entry is an act that has its instant outside of the event."""
    first = form.require("at", test_offset, 0) if at is None else form.read("at", test_offset, at)
    late = form.read("late_by", duration(), 0)
    arrives = (
        form.read("arrives", test_offset, first + late)
        if at is None
        else form.read("arrives", test_offset, at + late)
    )
    every, times = form.read("repeat", _repeat, (0, 1))
    kind = form.require("kind", _kind, "")
    given_id = form.read("id", text, "")
    region = form.read("region", _region, NATION)
    severity = form.read("severity", whole(1, 4), 1)
    exercise = form.read("exercise", boolean, default=False)
    written = form.node("reported_at")
    as_offset = isinstance(written, Written) and written.text.startswith(("+", "-"))
    reported = form.read("reported_at", test_offset, None) if as_offset else None
    fields: dict[str, Scalar] = {}
    for key in form.written:
        node = form.node(key)
        if (key not in OWN or key == "source") and not (key == "reported_at" and as_offset):
            fields.update(_fields(key, node, findings))
    desk = form.read("source.desk", text, "") or str(fields.pop("source.desk", ""))
    token = form.read("source.token", text, "") or str(fields.pop("source.token", ""))
    refers = "corrects" in fields or "supersedes" in fields  # without a desk, with the right `verify`
    for number in range(times):
        own_desk, id_ = naming.next(given_id, desk, refers=refers, repeat=number + 1)
        moved = number * every
        yield Occurrence(
            at=first + moved,
            arrives=arrives + moved,
            reported=None if reported is None else reported + moved,
            event=Event(
                desk=own_desk,
                id=id_,
                kind=kind,
                region=region,
                severity=severity,
                occurred_at=0,
                fields=fields,
                exercise=exercise,
                token=token,
                by_verifier=refers and not desk,
            ),
        )


def _repeat(node: Node, findings: Findings) -> tuple[Millis, int]:
    form = form_of(node, findings)
    every = form.require("every", duration(), 0)
    times = form.require("times", whole(1, MOST_REPEATS), 1)
    form.close()
    return every, times


def _kind(node: Node, findings: Findings) -> str:
    found = text(node, findings)
    if not _KIND.fullmatch(found):
        raise findings.unusable("not_a_kind", node.mark, text=found)
    return found


def _region(node: Node, findings: Findings) -> str:
    return quoted_region(node, findings).text


def _fields(path: str, node: Node | None, findings: Findings) -> Iterator[tuple[str, Scalar]]:
    """Yield the fields below a path; maps nest, lists are numbered, an empty value is a missing field."""
    match node:
        case None:
            return
        case MappingNode(pairs):
            for key, (_, value) in pairs.items():
                yield from _fields(f"{path}.{key}", value, findings)
        case SequenceNode(items):
            for number, item in enumerate(items):
                yield from _fields(f"{path}.{number}", item, findings)
        case _ if node.empty and node.plain:
            return
        case _ if path == "reported_at":
            yield from ((path, at) for at in usable((node,), instant, findings))
        case _ if node.text == "":
            yield path, ""
        case _:
            yield from ((path, value) for value in usable((scalar(node, findings),), free, findings))
