"""Columns: one number for each region, out of a table of reference figures.

Here: the value that a rule carries, and the number of one region in it. Not here: reading tables from files
(`loading.tables`). A rule has the numbers themselves, so that a changed table is a changed rule.
"""

from __future__ import annotations

from bisect import bisect_left

import msgspec

from engine.judging.region import cut


class Column(msgspec.Struct, frozen=True, kw_only=True, tag="column"):
    """A column by its name as rules write it (`directory.dpt`), for regions of one level.

    `regions` are codes in order, `numbers` stand beside them.
    """

    name: str
    level: str = "regency"
    regions: tuple[str, ...] = ()
    numbers: tuple[float, ...] = ()

    def of(self, region: str) -> float | None:
        """Return the number of the region of this column's level that a code is or lies in, if there is one."""
        code = cut(region, self.level)
        if code is None:
            return None
        place = bisect_left(self.regions, code)
        return self.numbers[place] if self.regions[place : place + 1] == (code,) else None
