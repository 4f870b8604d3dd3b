"""Further parts of a write: what belongs to another record and must change together with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from engine.store.port import Append, Plan, Put


class AdditionalWrites(NamedTuple):
    """What a write holds beside its own: of a proposal that is decided in the same write."""

    puts: tuple[Put, ...] = ()
    plans: tuple[Plan, ...] = ()
    appends: tuple[Append, ...] = ()


NOTHING = AdditionalWrites()

SettledPart = Callable[[], Awaitable[AdditionalWrites]]
"""Returns what belongs to another record as it is now; raises where it is not as it must be."""
