"""The tile map: regions coloured by their highest open level, with counts.

Here: which tile says what. Not here: where a province's tile lies (`templates/console/tiles.yaml`), and the page.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from engine.texts.catalogue import Texts


class TilePlace(msgspec.Struct, frozen=True, array_like=True):
    """Where a province's tile lies, from 1, and its short name."""

    column: int
    row: int
    short: str


class TileLayout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file of the layout."""

    version: int
    columns: int
    rows: int
    tiles: dict[str, TilePlace]


class Tile(msgspec.Struct, frozen=True, kw_only=True):
    """One region. `level` is the highest open one, 0 for none; `label` says all of it to who does not see it."""

    code: str
    short: str
    name: str
    label: str
    count: int = 0
    level: int = 0
    column: int = 0
    row: int = 0


def tile(
    code: str,
    count: int,
    level: int,
    texts: Texts,
    name: Callable[[str], str],
    place: TilePlace | None = None,
) -> Tile:
    """Return the tile of a region with so many open alerts, the highest of this level (0 where there are none)."""
    full = name(code)
    label = (
        texts("console.tile.some", place=full, n=count, level=texts[f"level.{level}"])
        if count
        else texts("console.tile.none", place=full)
    )
    return Tile(
        code=code,
        short=place.short if place else full,
        name=full,
        label=label,
        count=count,
        level=level,
        column=place.column if place else 0,
        row=place.row if place else 0,
    )
