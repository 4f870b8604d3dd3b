"""What a server promises to keep.

Here: which settings make a write that was answered survive, and the words for what is missing. Not here: talking to the
server (`store.link`) or setting up one of our own (`store.embedded`).
"""

from __future__ import annotations

from collections.abc import Mapping

_WANTED = {
    "appendonly": ("yes", "nothing is kept over a restart of the server"),
    "appendfsync": ("always", "up to a second of accepted events is lost when its machine fails"),
    "maxmemory-policy": ("noeviction", "the server may throw away alerts and events when its memory is full"),
}

KEPT = "An accepted event is on the server's disk before it is answered."


def settings() -> tuple[str, ...]:
    """Return the names of the settings that `faults` wants to know."""
    return tuple(_WANTED)


def faults(found: Mapping[str, str]) -> tuple[str, ...]:
    """Return, for each setting that is not as it must be, what is lost by it and the remedy."""
    return tuple(
        f"{name} is {found[name]!r}: {loss}; say CONFIG SET {name} {wanted}, and the same in its configuration"
        if name in found
        else f"{name} cannot be read, so perhaps {loss}; allow CONFIG GET, or see that it is {wanted}"
        for name, (wanted, loss) in _WANTED.items()
        if found.get(name) != wanted
    )
