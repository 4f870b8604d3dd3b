"""The tile map: regions coloured by their highest open level, with counts.

Here: which tile says what. Not here: where a province's tile lies (`templates/console/tiles.yaml`), and the page.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

import msgspec

from engine.alerting.alert import Alert
from engine.judging.region import lineage
from engine.wording.texts import Texts


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a province's tile lies, from 1, and its short name."""

    column: int
    row: int
    short: str


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file of the layout."""

    version: int
    columns: int
    rows: int
    tiles: dict[str, Place]


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


def counted(alerts: Iterable[Alert]) -> list[Alert]:
    """Return the alerts that a map counts: what really happened and is no secret of another rule's."""
    return [alert for alert in alerts if alert.unresolved and not alert.exercise and not alert.hidden]


def inside(alerts: Iterable[Alert], codes: Collection[str]) -> dict[str, list[Alert]]:
    """Return the alerts that lie in each of some regions."""
    found: dict[str, list[Alert]] = {code: [] for code in codes}
    for alert in alerts:
        for code in lineage(alert.region):
            if code in found:
                found[code].append(alert)
    return found


def tile(
    code: str, alerts: Sequence[Alert], texts: Texts, name: Callable[[str], str], place: Place | None = None
) -> Tile:
    """Return the tile of a region with these alerts."""
    level = max((alert.level for alert in alerts), default=0)
    full = name(code)
    label = (
        texts("console.tile.some", place=full, n=len(alerts), level=texts[f"level.{level}"])
        if alerts
        else texts("console.tile.none", place=full)
    )
    return Tile(
        code=code,
        short=place.short if place else full,
        name=full,
        label=label,
        count=len(alerts),
        level=level,
        column=place.column if place else 0,
        row=place.row if place else 0,
    )
