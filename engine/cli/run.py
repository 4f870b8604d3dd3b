"""`siaga run`: the service, until it is told to stop.

Here: signals, and the order of starting and ending. Not here: what the service is made of (`app`) and how it is
served (`web.server`).
"""

from __future__ import annotations

import asyncio
import gc
import signal
from contextlib import AsyncExitStack
from typing import Annotated

import structlog
import typer

from engine.cli.common.options import ConfigFile, Overrides, settings_of
from engine.runtime import logging
from engine.runtime.event_loop import loop_factory
from engine.settings import DEFAULT_FILE, Settings

log = structlog.get_logger("siaga.run")


def run(
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
    roles: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Only these loops; others run elsewhere around the same redis.url."),
    ] = None,
) -> None:
    """Run the service: take events in, judge, tell people, keep after them. Ctrl-C or SIGTERM ends it.

    Changed rules and policies are checked and announced, and come into force by `siaga reload`; SIGHUP looks at once.

    Without `redis.url` an embedded server runs in the var folder. The first start makes the key of the answer links and
    imports the directory.

    Example: siaga run --set http.port=9000 --set log.level=debug
    """
    overrides = [*(set_ or ()), *([f"roles={roles}"] if roles else ())]
    settings = settings_of(config, overrides)
    logging.set_up(settings.log)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve(settings))


async def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM; then end the loops, the requests under way and the connections, in this order."""
    from engine.app import open_siaga
    from engine.web.server import serving

    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(settings, stack)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, siaga.watch.look_again)
        address = await stack.enter_async_context(serving(siaga))
        # What was made to begin stays for good: to look through it again holds up every request and message meanwhile.
        gc.collect()
        gc.freeze()
        log.info("listening", address=address, roles=list(settings.roles), clock=settings.clock.mode)
        loops = asyncio.create_task(siaga.run(), name="loops")
        waiting = asyncio.create_task(stopped.wait(), name="stop")
        await asyncio.wait((loops, waiting), return_when=asyncio.FIRST_COMPLETED)
        if loops.done() and not loops.exception():
            await (
                waiting
            )  # no loop of our own runs (lock-step, or none of the roles): only requests are served
        waiting.cancel()
        loops.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        try:
            await loops
        except asyncio.CancelledError:
            log.info("stopping")
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed  # the others were cancelled by it
