"""`siaga demo`: the public facts of 2024 through the real service, with synthetic officials.

Here: a fresh installation under var/demo, the service as a process of its own, the replay with its progress, the
summary. Not here: the replay itself (`rehearsal.replay`). All people, addresses and numbers of the demo are synthetic.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from engine.clock import ManualClock
from engine.errors import ConfigurationError, SiagaError
from engine.judging.instant import local
from engine.rehearsal.replay import Progress as State
from engine.rehearsal.replay import Replay, read_events
from engine.rehearsal.service_client import ServiceClient
from engine.service.app import open_store
from engine.service.tokens import Tokens
from engine.settings import DEFAULT_FILE, Settings, load
from engine.store.redis import RedisStore

SCENARIO = "config/demo/pilkada-2024.jsonl"
NAMESPACE = "demo"
MARK = ".demo"
"""Stands in an outbox that the demo may empty at its next start."""
STOP_SECONDS = 15.0
SEED = 2024

console = Console(stderr=True, highlight=False)


def demo(
    exit_: Annotated[bool, typer.Option("--exit", help="End after the replay instead of keeping the pages open.")] = False,
    config: Annotated[Path, typer.Option(help="The configuration file.")] = DEFAULT_FILE,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Another value for a setting, such as redis.url=redis://localhost.")
    ] = None,
    port: Annotated[int, typer.Option(help="TCP port of the demo's API and pages.")] = 8080,
    seed: Annotated[int, typer.Option(help="Which synthetic officials answer what.")] = SEED,
    speed: Annotated[str, typer.Option(help="How many times faster than real time, or max.")] = "max",
) -> None:
    """Replay 115 public facts of the 2024 elections against synthetic officials.

    Everything happens on this machine: messages become files in var/outbox, the state lies in var/demo, and what an
    earlier demo left there is removed first. At the end the summary is in var/demo/summary.json.

    Example: siaga demo --exit
    """
    settings = load(config, overrides=[*(set_ or ()), f"http.port={port}", f"namespace={NAMESPACE}"])
    asyncio.run(_demo(settings, config, set_ or [], exit_=exit_, seed=seed, speed=_speed(speed)))


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if speed <= 0:
        raise ConfigurationError(f"--speed {text}: give a number above 0, or max")
    return speed


async def _demo(
    settings: Settings, config: Path, further: Sequence[str], *, exit_: bool, seed: int, speed: float | None
) -> None:
    outbox = settings.outbox_directory
    var = settings.paths.var / "demo"
    own = [*further, f"namespace={NAMESPACE}", f"paths.var={var}", f"gateways.outbox.directory={outbox}"]
    own += [f"http.port={settings.http.port}", "clock.mode=lock_step", "log.level=warning"]
    demo_settings = load(config, overrides=own)
    await _clear(demo_settings, var, outbox)
    token = await _token(demo_settings)
    async with _service(config, own) as service:
        console.print(f"Siaga mendengarkan di {demo_settings.base_url} (proses {service.pid})")
        async with ServiceClient(demo_settings.base_url, token) as client:
            home = config.absolute().parent.parent
            events = read_events(home / SCENARIO)
            with _bar() as bar:
                task = bar.add_task("replay", total=len(events), when="")
                replay = Replay(
                    client,
                    events,
                    outbox=outbox,
                    seed=seed,
                    speed=speed,
                    shown=lambda state: _show(bar, task, state),
                )
                await replay.run()
            summary = await client.summary()
            _write_summary(var / "summary.json", summary)
            _say(summary, outbox, var / "summary.json")
            if not exit_:
                await _stay(demo_settings, outbox)


async def _clear(settings: Settings, var: Path, outbox: Path) -> None:
    """Remove what an earlier demo left: its state, its messages, its keys on a server that is not its own."""
    if outbox.exists() and any(outbox.iterdir()) and not (outbox / MARK).exists():
        raise ConfigurationError(
            f"{outbox} holds messages that are not the demo's: move them, or --set gateways.outbox.directory=DIR"
        )
    async with AsyncExitStack() as stack:
        if settings.redis.url is not None or (var / "redis").exists():
            store = await open_store(settings, stack)
            if isinstance(store, RedisStore):
                await store.erase()
    shutil.rmtree(var, ignore_errors=True)
    shutil.rmtree(outbox, ignore_errors=True)
    outbox.mkdir(parents=True)
    (outbox / MARK).touch()


async def _token(settings: Settings) -> str:
    async with AsyncExitStack() as stack:
        store = await open_store(settings, stack)
        created = await Tokens(store, ManualClock(0)).create(["submit", "operate", "read"], label="demo")
        return created.text


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


def _bar() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.completed:>3.0f}/{task.total:.0f} kejadian"),
        BarColumn(),
        TextColumn("{task.fields[when]}"),
        TimeElapsedColumn(),
        console=console,
    )


def _show(bar: Progress, task: Any, state: State) -> None:
    when = f"{local(state.now, 'Asia/Jakarta'):%Y-%m-%d %H:%M} WIB" if state.now else ""
    bar.update(task, completed=state.sent, when=f"{when}  {state.answers} jawaban")


def _write_summary(file: Path, summary: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n")


def _say(summary: dict[str, Any], outbox: Path, file: Path) -> None:
    alerts, lost = summary["alerts"], summary["unaccounted"]
    console.print(
        f"{summary['events']} kejadian, {alerts['opened']} peringatan {alerts['by_level']}, "
        f"{summary['answers']} jawaban, tak terhitung {lost['alerts']} + {lost['notifications']}"
    )
    console.print(f"Pesan: {outbox}   Ringkasan: {file}")


async def _stay(settings: Settings, outbox: Path) -> None:
    newest = max(outbox.glob("*.eml"), default=None)
    console.print(f"API: {settings.base_url}/docs   Kesehatan: {settings.base_url}/healthz")
    if newest is not None:
        console.print(f"Halaman jawaban: buka tautan di {newest}")
    console.print("Ctrl-C mengakhiri.")
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()
