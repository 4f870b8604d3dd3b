"""`siaga status`: how the installation stands, and whether this is a good moment to restart it.

Here: arguments, words, the exit code. Not here: what is read and what speaks against a restart (`operations.status`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Annotated

import msgspec
import typer

from engine.bootstrap import clock_of
from engine.cli.common.options import ConfigFile, Overrides, option_duration, settings_of
from engine.cli.common.output import ListLimit
from engine.cli.common.storage import answers, server_of, store_at
from engine.cli.policy_staff.check import Format
from engine.core.judging.instant import SECOND, Instant, format_duration, local
from engine.errors import SiagaError
from engine.operations.status import InstallationStatus, NotNowReason, look
from engine.settings import DEFAULT_FILE, Settings
from engine.store.redis.server import look as look_at_server

_WHY: Mapping[NotNowReason, str] = {
    "writes_fail": "the server cannot write to its disk: mend that first",
    "replicas": "a replica is missing: if the server's machine fails now, nothing else has what was accepted",
    "awas_open": "an awas alert is open and nobody has taken it: each second of a restart is a second of silence",
    "in_flight": "messages are being handed over: they would go out once more after the restart, with the same bytes",
    "due_soon": "steps or messages fall due before a restart would be over: they would come late",
    "backlog": "the evaluator is behind: after a restart it judges the same backlog, and starts it later",
    "rebuild": "new rules are looking at the past: a restart begins that anew",
}


MOST_AWAS = 20
"""So many awas alerts are named unless more are asked for."""


def status(
    within: Annotated[
        str,
        typer.Option(metavar="DURATION", help="What falls due within this time speaks against a restart."),
    ] = "1m",
    limit: ListLimit = MOST_AWAS,
    format_: Annotated[Format, typer.Option("--format", help="For people or for machines.")] = Format.text,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Say what is due, under way, behind and open, and whether it is safe to restart now.

    Ends with 0 where it is, with 1 where it is better to wait; each reason is named. A restart never loses anything:
    the reasons say whom its seconds would cost something. It reads the store, so it needs no running service.

    Example: until siaga status; do sleep 5; done; systemctl restart siaga
    """
    settings = settings_of(config, set_)
    standing = asyncio.run(_look(settings, option_duration("--within", within), limit))
    if format_ is Format.json:
        typer.echo(msgspec.json.encode({"safe": standing.safe, **msgspec.to_builtins(standing)}))
    else:
        for line in _lines(standing):
            typer.echo(line)
    raise typer.Exit(0 if standing.safe else 1)


async def _look(settings: Settings, within: int, most: int) -> InstallationStatus:
    if not await answers(settings):
        raise SiagaError(
            f"Siaga does not run: no server answers in {settings.redis_directory}; `siaga run` starts it"
        )
    async with server_of(settings) as where, store_at(where, settings) as store:
        server = await look_at_server(where, settings.namespace)
        now = (await clock_of(settings, store)).now()
        return await look(
            store, server, now, within, wait_replicas=settings.redis.wait_replicas, most_awas=most
        )


def _lines(standing: InstallationStatus) -> Iterator[str]:
    due = ", ".join(f"{number} {name}" for name, number in standing.due.items() if number)
    yield f"due by {_time(standing.until)}: {due or 'nothing'}; next of all: {_time(standing.next_due)}"
    yield f"messages being handed over: {standing.in_flight}"
    waits = format_duration(standing.backlog.waits // SECOND * SECOND)
    yield f"backlog: {standing.backlog.entries} entries" + (
        f", the oldest waits {waits}" if standing.backlog.entries else ""
    )
    holder = standing.server.holder
    yield f"evaluator: {holder.name}" if holder else "evaluator: none leads; events are accepted and wait"
    server = standing.server
    yield (
        f"server: {server.product} {server.version}, {'primary' if server.primary else 'REPLICA'}, "
        f"{server.memory // 2**20} MiB, {len(server.replicas)} replicas"
        + "".join(f"; {one.behind} bytes behind, heard {one.lag} s ago" for one in server.replicas)
    )
    levels = ", ".join(f"{number} {level}" for level, number in standing.unresolved.items())
    yield f"unresolved alerts: {levels or 'none'}"
    for alert in standing.awas:
        taken = "taken" if alert.taken else "NOBODY HAS TAKEN IT"
        yield f"  awas {alert.id} {alert.rule} {alert.region}: {taken}, next step {_time(alert.next_at)}"
    if standing.awas_more:
        yield f"  {standing.awas_more:,} more awas alerts; --limit 0 shows all"
    if standing.rebuild is not None:
        yield f"rebuild of new rules: {standing.rebuild:.0%}"
    yield "safe to restart now" if standing.safe else "better wait:"
    for reason in standing.wait:
        yield f"  {_WHY[reason]}"


def _time(instant: Instant | None) -> str:
    return "-" if instant is None else f"{local(instant, 'Asia/Jakarta'):%Y-%m-%d %H:%M:%S} WIB"
