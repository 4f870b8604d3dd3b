"""What a fold remembers of its walk besides how it stands.

Here: rises, how it stood before the latest instant, and small questions about keys and instants. Not here: the walk
itself (`judging.fold`) and what is stored of it (`judging.state`).
"""

from __future__ import annotations

from typing import NamedTuple

from engine.judging.event import EventKey
from engine.judging.instant import Instant
from engine.judging.state import Status


class Before(NamedTuple):
    """How the fold stood before the instant it is at."""

    now: Instant | None
    high: int
    status: Status
    done: int


class Rise(NamedTuple):
    """The figure of a spell (its place among all) reached a level, or doubled, though nothing arrived."""

    at: Instant
    place: int
    figure: float


def newer(key: EventKey | None, floor: EventKey | None) -> bool:
    """Say whether a key is behind another; every key is behind none."""
    return floor is None or (key is not None and key > floor)


def earlier(one: Instant | None, other: Instant | None) -> Instant | None:
    """Return the earlier of two instants that may be missing."""
    return other if one is None else one if other is None else min(one, other)


def later(one: Instant | None, other: Instant | None) -> Instant | None:
    """Return the later of two instants that may be missing."""
    return other if one is None else one if other is None else max(one, other)
