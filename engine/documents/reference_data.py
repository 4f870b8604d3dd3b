"""What a rule may name: kinds, regions, policies and the fields of an event.

Here: the names that exist outside the rule files, for "did you mean". Not here: named lists and filters, which the
rule files bring themselves (`documents.rules.filters`). None means that any name is good,
as with inline rules of a test; of known fields the types are known all the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Literal

import msgspec

from engine.core.judging.calendar import Calendar
from engine.core.judging.instant import Instant
from engine.core.judging.region import RegionTable, cut
from engine.documents.desks import Desks, Lists
from engine.documents.reference_tables import Tables

Type = Literal["text", "number", "boolean", "any"]


class Field(msgspec.Struct, frozen=True):
    """What the values of one field can be: their type, bounds of numbers (included), the only texts."""

    type: Type = "text"
    lowest: float | None = None
    highest: float | None = None
    texts: tuple[str, ...] = ()


TEXT = Field()
ANY = Field("any")
"""A field of which nothing is known."""
COUNTED = Field("number", lowest=0)
STAGES = ("pencalonan", "kampanye", "masa_tenang", "pungut", "hitung", "rekap", "sengketa")
CHANNELS = ("desk", "hotline", "bawaslu", "kpu", "polri", "media", "system")

FIELDS: Mapping[str, Field] = {
    "id": TEXT,
    "kind": TEXT,
    "region": TEXT,
    "severity": Field("number", lowest=1, highest=4),
    "region_scheme": TEXT,
    "time_precision": Field(texts=("exact", "approx", "day")),
    "stage": Field(texts=STAGES),
    "source.desk": TEXT,
    "source.token": TEXT,
    "source.channel": Field(texts=CHANNELS),
    "source.reporter_role": TEXT,
    "verification": Field(texts=("unverified", "verified", "refuted")),
    "confidence": Field("number", lowest=0, highest=1),
    "corrects": TEXT,
    "supersedes": TEXT,
    "incident": TEXT,
    "subject.role": TEXT,
    "subject.unit": TEXT,
    "subject.pseudonym": TEXT,
    "summary": TEXT,
    "details_ref": TEXT,
    "exercise": Field("boolean"),
    "metrics.turnout_pct": Field("number", lowest=0, highest=100),
    "metrics.baseline_pct": Field("number", lowest=0, highest=100),
    "metrics.pct_done": Field("number", lowest=0, highest=100),
    "metrics.turnout_basis": Field(texts=("users", "valid")),
    **{
        f"metrics.{name}": COUNTED
        for name in ("dead", "injured", "displaced", "tps", "voters", "dpt", "amount_rp", "count")
    },
}
"""Fields of an event that rules can test; the instants are the business of windows, not of filters.

Specification: docs/specification/rules.md#event-document.
"""


class ReferenceData(msgspec.Struct, frozen=True, kw_only=True):
    """The names that exist. Kinds and policies by id, fields by dotted path.

    `now` is when it is asked, where that matters. `roster` are the codes of regions that hold an election; None: those
    of the table that do. `calendar` has the
    stages, `tables` the reference figures by table, column and region, `desks` who is activated, `expected` the named
    lists of who must report, `guides` the files that rules may name as such.
    """

    kinds: frozenset[str] | None = None
    regions: RegionTable | None = None
    policies: frozenset[str] | None = None
    roster: tuple[str, ...] | None = None
    now: Instant | None = None
    calendar: Calendar | None = None
    tables: Tables | None = None
    desks: Desks | None = None
    expected: Lists | None = None
    guides: frozenset[str] | None = None
    fields: Mapping[str, Field] | None = msgspec.field(default_factory=lambda: FIELDS)

    def field(self, path: str) -> Field | None:
        """Return what is known of a field; None where nothing is."""
        return (FIELDS if self.fields is None else self.fields).get(path)

    def children(self, level: str, under: str) -> tuple[tuple[str, int], ...]:
        """Return how many regions of a level that hold an election lie in each region of the level `under`."""
        parents = (cut(child, under) for child in self.members(level))
        return tuple(sorted(Counter(parent for parent in parents if parent is not None).items()))

    def members(self, level: str) -> frozenset[str]:
        """Return the regions of a level that hold an election."""
        codes = self.roster
        if codes is None:
            held = (r for r in self.regions or () if r.election_governor or r.election_local)
            codes = tuple(region.code for region in held)
        return frozenset(code for one in codes if (code := cut(one, level)) is not None)


ANYTHING = ReferenceData(fields=None, calendar=Calendar())
"""For inline rules of tests: any kind, region, policy and field is good."""
