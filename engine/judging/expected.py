"""Who must report, and the conditions that are true because something did not come (rule-language.md 5).

Here: these values. Not here: reading them and the lists of who must report (`loading.expected`), judging
(`judging.absence`).
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from engine.judging.filter import Filter
from engine.judging.instant import Instant, Millis


class Member(msgspec.Struct, frozen=True, array_like=True):
    """A group that is expected to report, from the instant of its activation until it ends (None: no bound)."""

    group: str
    since: Instant | None = None
    until: Instant | None = None


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """Who must report: `members`, or with `seen` every group with a watched event in the last so many milliseconds.

    `roster` and `where` tell how the file says it: a name (`regions` too), or a filter over the table of regions.
    """

    members: tuple[Member, ...] = ()
    seen: Millis | None = None
    roster: str = ""
    where: Filter | None = None


class Silence(msgspec.Struct, frozen=True, cache_hash=True, kw_only=True, tag="silence"):
    """True while somebody expected had fewer than `below` watched events in the last `length` (state condition).

    Its figure is how long that has been so, in milliseconds.
    """

    length: Millis
    expected: Expected
    below: int = 1


class Deadline(msgspec.Struct, frozen=True, cache_hash=True, kw_only=True, tag="deadline"):
    """True at `by` of everybody expected who has no watched event at or before it; a naive one is local there."""

    by: datetime | Instant
    expected: Expected


Absence = Silence | Deadline
"""What does not come: also of groups that nothing was ever heard of."""
