"""What `siaga directory check` found, in lines.

Here: the words for stretches and flaws. Not here: how they are found (`core.alerting.reachability`,
`core.alerting.reachability`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from engine.core.alerting.reachability import Flaw, FlawKind, Reach, Stretch
from engine.core.judging.instant import Instant, local
from engine.core.judging.region import RegionTable

_REACH: Mapping[Reach, Mapping[str, str]] = {
    "told": {"id": "diberi tahu", "en": "told"},
    "elsewhere": {"id": "hanya pengganti di tempat atau jabatan lain", "en": "only a fallback elsewhere"},
    "waits": {"id": "baru sesudah jam tenang", "en": "only after quiet hours"},
    "later": {"id": "baru pada tahap berikut", "en": "only in a later step"},
    "nobody": {"id": "TIDAK SEORANG PUN", "en": "NOBODY"},
}
_FLAW: Mapping[FlawKind, Mapping[str, str]] = {
    "vacant": {"id": "kosong", "en": "vacant"},
    "unreachable": {
        "id": "pejabatnya tanpa kontak yang terverifikasi",
        "en": "its holder has no verified contact",
    },
    "away": {"id": "pejabatnya berhalangan tanpa wakil", "en": "its holder is away without a deputy"},
    "uncovered": {"id": "tidak ada yang piket", "en": "nobody is on duty"},
    "overlapping": {"id": "dua pemegang berstatus sama", "en": "two holders of the same status"},
}
_WORDS: Mapping[str, Mapping[str, str]] = {
    "cells": {"id": "jam menurut aturan dan daerah", "en": "hours by rule and region"},
    "well": {"id": "Semua jabatan terisi dan terjangkau.", "en": "All offices are held and reachable."},
    "open": {"id": "seterusnya", "en": "on"},
}


class Inspection(msgspec.Struct, frozen=True):
    """All that was found: who is reached when, what is wrong with offices, and how many hours are of each kind."""

    stretches: list[Stretch]
    flaws: list[Flaw]
    hours: dict[Reach, int]

    def lines(self, regions: RegionTable, lang: str, *, everything: bool) -> Iterator[str]:
        """Yield a line for each stretch that is not well (or for all), for each flaw, and the sums."""
        for one in self.stretches:
            if everything or one.reach != "told":
                who = f": {', '.join(one.people)}" if one.people else ""
                span = _span(one.since, one.until, one.region, regions, lang)
                yield f"{one.rule}  {_place(one.region, regions)}  {span}  {_REACH[one.reach][lang]}{who}"
        for flaw in self.flaws:
            who = f" ({flaw.person})" if flaw.person else ""
            span = _span(flaw.since, flaw.until, flaw.region, regions, lang)
            yield f"{flaw.role}  {_place(flaw.region, regions)}  {span}  {_FLAW[flaw.kind][lang]}{who}"
        if not self.flaws:
            yield _WORDS["well"][lang]
        sums = ", ".join(f"{_REACH[kind][lang]} {number}" for kind, number in self.hours.items() if number)
        yield f"{_WORDS['cells'][lang]}: {sums}"


def _place(code: str, regions: RegionTable) -> str:
    region = regions.get(code)
    return f"{code} {region.short_name}" if region else code


def _span(since: Instant, until: Instant | None, code: str, regions: RegionTable, lang: str) -> str:
    zone = regions.timezone(code)
    region = regions.nearest(code)
    begins, ends = local(since, zone), None if until is None else local(until, zone)
    if ends is None:
        end = _WORDS["open"][lang]
    else:
        end = f"{ends:%H.%M}" if ends.date() == begins.date() else f"{ends:%Y-%m-%d %H.%M}"
    return f"{begins:%Y-%m-%d %H.%M}-{end} {region.zone if region else 'WIB'}"
