"""Circumstances: what judging a group depends on besides its rule and its events.

Here: the value that whoever judges hands to the group. Not here: where it comes from (`service.evaluator`) and what the
fold makes of it.
"""

from __future__ import annotations

import msgspec

from engine.judging.expected import Member
from engine.judging.instant import Instant
from engine.judging.outage import Gap


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """`since`: from when the rule has watched its groups (None: for as long as matters). `zone`: where the group's
    hours are local. `gaps`: the spans in which the intake was down, merged. `member`: as whom an absence expects the
    group to report (None: not at all).
    """

    since: Instant | None = None
    zone: str = "Asia/Jakarta"
    gaps: tuple[Gap, ...] = ()
    member: Member | None = None


UNKNOWN = Circumstances()
