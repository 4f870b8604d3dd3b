"""What a server promises to keep.

Here: which settings make a write that was answered survive, and the words for what is missing. Not here: talking to the
server (`store.link`) or setting up one of our own (`store.embedded`).

A server replays its append-only file as the user `default`, whether or not that user may log in. It refuses each
transaction of the file that holds a command or a key this user may not use, and starts without those records.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from engine.errors import StoreError, StoreUnavailableError

_WANTED = {
    "appendonly": ("yes", "nothing is kept over a restart of the server"),
    "appendfsync": ("always", "up to a second of accepted events is lost when its machine fails"),
    "maxmemory-policy": ("noeviction", "the server may throw away alerts and events when its memory is full"),
}

KEPT = "An accepted event is on the server's disk before it is answered."


_REPLAYS_AS = ("ACL GETUSER", "default")
_NEVER_WRITTEN = (
    " @admin acl bgrewriteaof bgsave client cluster config debug failover info keys latency module monitor psync "
    "replconf replicaof role save script shutdown slaveof slowlog sync "
)
"""Commands that no append-only file holds: the user `default` may lack them, as hosted servers want it."""
_LOSING = (
    "the user default lacks rights, and a server replays its append-only file as that user: a restart loses records; "
    "say ACL SETUSER default ~* &* +@all before any restart, and the same in its file of users "
    "(config/redis-users.acl) - `off` may stay"
)
_HIDDEN = (
    "the rights of the user default cannot be read: if it lacks any, a restart of the server loses records; "
    "allow this login +acl|getuser, or see that default has ~* &* +@all"
)


async def replay(
    ask: Callable[..., Awaitable[Any]], found: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what a restart of a server loses by the rights of its user `default`, and what cannot be known of that.

    `ask` sends a command. `found` are the settings of `settings`. Each text has its remedy behind a semicolon. Raises
    `StoreUnavailableError` where the server does not answer.
    """
    if found.get("appendonly") == "no":
        return (), ()  # nothing is replayed; `faults` says what that costs
    try:
        user = await ask(*_REPLAYS_AS)
    except StoreUnavailableError:
        raise
    except StoreError:
        return (), (_HIDDEN,)
    first, *others = [*user.get("categories", ()), *user.get("commands", ())] or [""]
    whole = first == "+@all" and "~*" in user.get("keys", ()) and all(map(_is_harmless, others))
    return () if whole else (_LOSING,), ()


def _is_harmless(right: str) -> bool:
    """Say whether a right, taken or given, concerns nothing that a server writes into its append-only file."""
    return right.startswith("+") or f" {right[1:]} " in _NEVER_WRITTEN or "|" in right


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
