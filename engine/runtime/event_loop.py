"""The event loop on which Siaga's processes run.

Here: which one. Not here: what runs on it.
"""

from __future__ import annotations

import asyncio


def loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    """Return uvloop's event loop, which is 1.2-1.7 times as quick, where the platform has it."""
    try:
        import uvloop  # noqa: PLC0415 -- only processes that run on it need it
    except ImportError:
        return None
    return uvloop.Loop
