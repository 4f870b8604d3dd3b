"""Regions of the country and their tree.

Here: one region, the table of all, cutting a code to a level, ancestry. Not here: who holds an office there
(`core.alerting.directory`) or reading the table from a file (`documents.regions`).
Codes are those of Kemendagri: `00` the nation, `73` a province, `73.15` a regency or city, `73.15.03` a district,
`73.15.03.2001` a village; the parent is the prefix.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import msgspec

from engine.core.judging.instant import ZONES

NATION = "00"
LEVELS = ("nation", "province", "regency", "district", "village")
"""Levels of the tree, from the top; `regency` means kabupaten or kota."""


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """One region. `zone` is WIB, WITA or WIT; `noken` marks regencies that vote by the noken system."""

    code: str
    parent: str
    level: str
    name: str
    short_name: str
    zone: str
    timezone: str
    election_governor: bool = False
    election_local: bool = False
    noken: bool = False


def level_of(code: str) -> str:
    """Return the level of a code by its form."""
    return "nation" if code == NATION else LEVELS[code.count(".") + 1]


@lru_cache(maxsize=65_536)
def cut(code: str, level: str) -> str | None:
    """Return the ancestor (or the code itself) at `level`; None where the code is above that level."""
    if level == "nation":
        return NATION
    depth = LEVELS.index(level)
    parts = code.split(".")
    if code == NATION or len(parts) < depth:
        return None
    return ".".join(parts[:depth])


@lru_cache(maxsize=65_536)
def lineage(code: str) -> tuple[str, ...]:
    """Return the code and all its ancestors, nearest first, ending at the nation."""
    if code == NATION:
        return (NATION,)
    parts = code.split(".")
    return (*(".".join(parts[:depth]) for depth in range(len(parts), 0, -1)), NATION)


def lies_in(code: str, ancestor: str) -> bool:
    """Say whether `code` is `ancestor` or lies in it."""
    return ancestor == NATION or code == ancestor or code.startswith(ancestor + ".")


class RegionTable:
    """All known regions by code. Codes below the table (districts, villages) take zone and names of their ancestor."""

    def __init__(self, regions: Iterable[Region]) -> None:
        self._by_code = {region.code: region for region in regions}

    def __iter__(self) -> Iterator[Region]:
        return iter(self._by_code.values())

    def __len__(self) -> int:
        return len(self._by_code)

    def __contains__(self, code: str) -> bool:
        return code in self._by_code

    def get(self, code: str) -> Region | None:
        """Return the region of exactly this code, if the table has it."""
        return self._by_code.get(code)

    def nearest(self, code: str) -> Region | None:
        """Return the region of this code or of its nearest ancestor in the table."""
        return next((self._by_code[c] for c in lineage(code) if c in self._by_code), None)

    def parent(self, code: str) -> str | None:
        """Return the code of the parent; None above the nation."""
        own = self._by_code.get(code)
        if own is not None:
            return own.parent or None
        return None if code == NATION else lineage(code)[1]

    def known(self, code: str) -> bool:
        """Say whether the code is in the table, or below a regency of it."""
        if code in self._by_code:
            return True
        regency = cut(code, "regency") if code.count(".") > 1 else None
        return regency is not None and regency in self._by_code

    def timezone(self, code: str) -> str:
        """Return the IANA zone of the region or its nearest ancestor; where neither is known, that of its province."""
        region = self.nearest(code)
        return region.timezone if region and region.code in (code, *lineage(code)[:-1]) else _zone_of(code)


def _zone_of(code: str) -> str:
    """Return the zone of a code by its province."""
    province = code.partition(".")[0]
    return next((zone for zone, provinces in _EASTERN.items() if province in provinces), ZONES["WIB"])


_EASTERN = {
    ZONES["WITA"]: frozenset(("51", "52", "53", "63", "64", "65", "71", "72", "73", "74", "75", "76")),
    ZONES["WIT"]: frozenset(("81", "82", "91", "92", "93", "94", "95", "96")),
}
"""Provinces that do not keep WIB; each keeps one zone (Keppres 41/1987)."""
