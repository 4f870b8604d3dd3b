"""`siaga demo`: the public facts of 2024 through a service of its own, with synthetic officials."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any

import httpx
import msgspec
import typer
from rich.console import Console

from engine.bootstrap import open_store
from engine.cli.common.options import ConfigFile, Overrides, os_account
from engine.cli.policy_staff.replay import replaying, speed_of
from engine.clock import ManualClock
from engine.errors import ConfigurationError, SiagaError
from engine.people.tokens import ANY_DESK, RIGHTS, Tokens
from engine.people.users import Users
from engine.settings import DEFAULT_FILE, Settings, load
from engine.simulation.replay import Replay, ServiceClient, read_events
from engine.simulation.respondents import Mailbox

SCENARIO = "config/demo/pilkada-2024.jsonl"
NAMESPACE = "demo"
USER = "peraga"
"""The user of the pages in a demo; the password is made anew each time and told at its end."""
PASSWORD_BYTES = 12
MARK = ".demo"
"""Stands in an outbox that the demo may empty at its next start."""
STOP_SECONDS = 15.0
LINKS_TRIED = 100
"""So many of the newest links are tried for one that still opens."""

console = Console(stderr=True, highlight=False)


async def demonstrate(
    config: Path,
    overrides: Sequence[str],
    *,
    port: int,
    exit_: bool,
    seed: int,
    speed: float | None,
    mail: bool,
) -> None:
    """Run the demonstration from a clean start; with `exit_` end it after the replay, else when told to.

    With `mail` e-mails go through the mail server of the settings; without it nothing leaves the machine.
    """
    own = of_its_own(config, [*overrides, f"http.port={port}"], mail=mail)
    demo_settings = load(config, overrides=own)
    var, outbox = demo_settings.paths.var, demo_settings.outbox_directory
    await _clear(demo_settings, var, outbox)
    token, password = await _access(demo_settings)
    async with _service(config, own) as service:
        console.print(f"Siaga mendengarkan di {demo_settings.base_url} (proses {service.pid})")
        async with ServiceClient(demo_settings.base_url, token) as client:
            home = config.absolute().parent.parent
            events = read_events(home / SCENARIO)
            with replaying(len(events), console) as shown:
                await Replay(client, events, outbox=outbox, seed=seed, speed=speed, shown=shown).run()
            summary = await client.summary()
            _write_summary(var / "summary.json", summary)
            _say(summary, outbox, var / "summary.json")
            if not exit_:
                await _stay(demo_settings, outbox, password)


def of_its_own(config: Path, overrides: Sequence[str], *, mail: bool) -> list[str]:
    """Return the overrides with which an installation becomes the demo's: state apart, and no way out.

    Its people are synthetic, but a number that nobody thought of may be somebody's phone: no gateway of the file
    serves.
    """
    settings = load(config, overrides=overrides)
    var = settings.paths.var / "demo"
    return [
        *overrides,
        f"namespace={NAMESPACE}",
        f"paths.var={var}",
        f"paths.gateways={var / 'no-gateways.yaml'}",
        f"gateways.outbox.directory={settings.outbox_directory}",
        "gateways.outbox.enabled=true",
        *([] if mail else ["gateways.smtp.host="]),
        "clock.mode=lock_step",
        "log.level=warning",
    ]


async def _clear(settings: Settings, var: Path, outbox: Path) -> None:
    """Remove what an earlier demo left: its state, its messages, its keys on a server that is not its own."""
    if outbox.exists() and any(outbox.iterdir()) and not (outbox / MARK).exists():
        raise ConfigurationError(
            f"{outbox} holds messages that are not the demo's: move them, or --set gateways.outbox.directory=DIR"
        )
    async with AsyncExitStack() as stack:
        if settings.redis.url is not None or (var / "redis").exists():
            _where, store = await open_store(settings, stack)
            await store.erase()
    shutil.rmtree(var, ignore_errors=True)
    shutil.rmtree(outbox, ignore_errors=True)
    outbox.mkdir(parents=True)
    (outbox / MARK).touch()


async def _access(settings: Settings) -> tuple[str, str]:
    """Return a token for the replay, and the password of a user of the pages that may everything."""
    async with AsyncExitStack() as stack:
        _where, store = await open_store(settings, stack)
        clock, password = ManualClock(0), secrets.token_urlsafe(PASSWORD_BYTES)
        created = await Tokens(store, clock).create(
            ["submit", "operate", "read"], label="demo", desks=(ANY_DESK,), by=os_account()
        )
        await Users(store, clock).add(USER, password, RIGHTS, by=os_account())
        return created.text, password


@contextlib.asynccontextmanager
async def _service(config: Path, overrides: Sequence[str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the service as a process of its own while the context lasts."""
    options = [part for override in overrides for part in ("--set", override)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "engine.cli", "run", "--config", str(config), *options
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            raise SiagaError(f"the service did not stop within {STOP_SECONDS:.0f} s") from None


def _write_summary(file: Path, summary: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n")


def _say(summary: dict[str, Any], outbox: Path, file: Path) -> None:
    alerts, lost = summary["alerts"], summary["unaccounted"]
    levels = ", ".join(f"{number} {level}" for level, number in alerts["by_level"].items())
    console.print(
        f"{summary['events']} kejadian, {alerts['opened']} peringatan ({levels}), {summary['answers']} jawaban. "
        f"Tanpa keterangan: {lost['alerts']} peringatan, {lost['notifications']} pesan.",
        soft_wrap=True,
    )
    console.print(f"Pesan: {outbox}", soft_wrap=True)
    console.print(f"Ringkasan: {file}", soft_wrap=True)


async def living_link(outbox: Path, client: httpx.AsyncClient) -> str:
    """Return the newest link of the messages that still opens, since that of a closed alert ends after a day.

    Empty where none of the newest `LINKS_TRIED` opens.
    """
    links = [letter.link for letter in Mailbox(outbox).new_letters() if letter.link]
    for link in links[: -LINKS_TRIED - 1 : -1]:
        if (await client.get(link)).status_code == httpx.codes.OK:
            return link
    return ""


async def _stay(settings: Settings, outbox: Path, password: str) -> None:
    console.print(
        f"Konsol: {settings.base_url}/console   pengguna: {USER}   kata sandi: {password}", soft_wrap=True
    )
    console.print(f"API: {settings.base_url}/docs   Kesehatan: {settings.base_url}/healthz")
    async with httpx.AsyncClient() as client:
        link = await living_link(outbox, client)
    if link:
        console.print(f"Halaman jawaban seorang pejabat: {link}", soft_wrap=True)
    console.print("Ctrl-C mengakhiri.")
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()


SEED = 2024


def demo(
    exit_: Annotated[
        bool, typer.Option("--exit", help="End after the replay instead of keeping the pages open.")
    ] = False,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
    port: Annotated[int, typer.Option(help="TCP port of the demo's API and pages.")] = 8080,
    seed: Annotated[int, typer.Option(help="Which of the synthetic officials answer what.")] = SEED,
    speed: Annotated[
        str, typer.Option(metavar="N|max", help="How many times faster than real time.")
    ] = "max",
    mail: Annotated[
        bool,
        typer.Option("--mail", help="Send the e-mails through gateways.smtp; their mailboxes are synthetic."),
    ] = False,
) -> None:
    """Replay 115 public facts of the 2024 elections against synthetic officials.

    Everything happens on this machine: messages become files in var/outbox, whatever gateways the settings have, the
    state lies in var/demo, and what an earlier demo left there is removed first. At the end the summary is in
    var/demo/summary.json.

    Example: siaga demo --exit
    """
    pace = speed_of(speed)
    asyncio.run(demonstrate(config, set_ or (), port=port, exit_=exit_, seed=seed, speed=pace, mail=mail))
