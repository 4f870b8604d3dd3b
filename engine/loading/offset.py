"""Readers of a test's times: where it starts, and how far from there something happens.

Here: `start` and offsets such as `+2h10m` (policy-tests.md, rule-language.md 6). Not here: durations and instants of
rules (`loading.moment`). An offset is a signed length in milliseconds.
"""

from __future__ import annotations

import re

from engine.judging.instant import ZONES, Instant, Millis, parse_instant
from engine.loading.finding import Findings
from engine.loading.marked import Node, ScalarNode
from engine.loading.moment import duration, instant
from engine.loading.value import scalar

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


def offset(node: Node, findings: Findings) -> Millis:
    """Take an offset from the start, such as `+2h10m`; `-1d` lies before it."""
    found = scalar(node, findings)
    sign = -1 if found.text.startswith("-") else 1
    bare = ScalarNode(found.text.removeprefix("+").removeprefix("-"), plain=found.plain, mark=found.mark)
    return sign * _LENGTH(bare, findings)
