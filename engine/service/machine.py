"""The machine under an installation: its clock, zones, disk, files and port, as far as Siaga leans on them.

Here: one judgement each, without changing anything. Not here: the store, the gateways and the rules
(`service.checkup`, `service.probe`).
"""

from __future__ import annotations

import os
import shutil
import socket
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.clock import WallClock, synchronised
from engine.core.judging.instant import SECOND, Instant, Millis, format_duration
from engine.core.judging.region import RegionTable
from engine.errors import ConfigurationError
from engine.service.key import ENVIRONMENT, written_keys
from engine.service.verdict import Verdict, fault, good, warning
from engine.settings import Settings

ROOM, LITTLE_ROOM = 200 * 2**20, 2 * 2**30
"""Bytes free on a disk below which it is a fault, and a warning."""
APART: Millis = 2 * SECOND
"""How far the clocks of two machines may be apart."""


def clocks(wall: WallClock, servers: Instant | None, newest: Instant) -> Iterator[Verdict]:
    """Judge the clock: kept by somebody, equal to that of the store's server, not behind what it has stamped already.

    `servers` is what the server says it is now (None: it is on this machine), `newest` the newest instant in the store.
    """
    now = wall.now()
    kept = synchronised()
    if kept:
        yield good("clock", "kept by a server of time")
    else:
        says = "the kernel does not say" if kept is None else "nothing keeps this machine's clock right"
        remedy = "install chrony or switch on systemd-timesyncd (timedatectl set-ntp true)"
        yield warning("clock", f"{says}: steps and deadlines drift with it", remedy)
    if abs(wall.jump_ms) > APART:
        remedy = "see who sets the clock; Siaga follows a jump forward only after ten minutes"
        yield fault("clock", f"it jumped by {format_duration(abs(wall.jump_ms))} just now", remedy)
    if servers is not None and abs(servers - now) > APART:
        ahead = "ahead of" if servers > now else "behind"
        says = f"the store's machine is {format_duration(abs(servers - now))} {ahead} this one"
        yield fault("clock", says, "let the same server of time keep both")
    if newest > now + APART:
        says = f"the store holds events received {format_duration(newest - now)} from now"
        yield fault("clock", says, "set the clock right; until then new events are stamped with that instant")


def zones(regions: RegionTable) -> Verdict:
    """Judge whether the zones of all regions are known here."""
    wanted = sorted({region.timezone for region in regions})
    missing = []
    for zone in wanted:
        try:
            ZoneInfo(zone)
        except ZoneInfoNotFoundError:
            missing.append(zone)
    if missing:
        return fault("zones", f"unknown: {', '.join(missing)}", "install the package tzdata")
    return good("zones", ", ".join(wanted))


def disk(area: str, folder: Path) -> Verdict:
    """Judge the room on the disk of a folder, which need not be there yet."""
    place = _nearest(folder)
    usage = shutil.disk_usage(place)
    says = f"{usage.free / 2**30:.1f} of {usage.total / 2**30:.0f} GiB free at {place}"
    if usage.free < ROOM:
        return fault(area, says, "make room: without any the store refuses every event")
    if usage.free < LITTLE_ROOM:
        return warning(area, says, "make room before an election night")
    return good(area, says)


def files(settings: Settings, environment: Mapping[str, str]) -> Iterator[Verdict]:
    """Judge the folders and the key: writable by us, closed to others."""
    var = settings.paths.var
    place = _nearest(var)
    if not os.access(place, os.W_OK | os.X_OK):
        remedy = f"chown -R {_user()} {place}, or set paths.var to a folder of ours"
        yield fault("files", f"{place} cannot be written by {_user()}", remedy)
        return
    open_ones = [
        path
        for path in (settings.redis_directory, settings.archive_directory, settings.key_file)
        if path is not None and path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    for path in open_ones:
        remedy = f"chmod {'700' if path.is_dir() else '600'} {path}"
        says = f"{path} can be read by others: it holds what lets them read or answer"
        yield fault("files", says, remedy)
    foreign = [p for p in _within(var) if p.stat().st_uid != os.geteuid() and os.geteuid() != 0]
    for path in foreign:
        yield fault("files", f"{path} belongs to another user", f"chown -R {_user()} {path}")
    if not open_ones and not foreign:
        yield good("files", f"{var} is ours alone")
    yield _key(settings.key_file, environment)


def port(settings: Settings) -> Verdict:
    """Judge whether the port of the API is free, or something listens there already."""
    host, number = settings.http.host, settings.http.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as caller:
        caller.settimeout(2)
        if number and caller.connect_ex((host, number)) == 0:
            return good("port", f"something listens at {host}:{number}; if that is not Siaga, set http.port")
    try:
        with socket.create_server((host, number), family=family):
            return good("port", f"{host}:{number} is free")
    except OSError as error:
        remedy = "set http.host to an address of this machine, and http.port to one we may use"
        return fault("port", f"cannot listen at {host}:{number} ({error.strerror})", remedy)


def _key(file: Path, environment: Mapping[str, str]) -> Verdict:
    try:
        keys = written_keys(file, environment, guarded=False)  # `files` judges who may read it
    except FileNotFoundError:
        return good("key", f"{file} will be made at the first start; then keep a copy of it elsewhere")
    except OSError as error:
        return fault("key", f"{file} cannot be read ({error.strerror})", f"chown {_user()} {file}")
    except ConfigurationError as error:
        return fault("key", str(error), "bring the key back from your copy; without it old links never open")
    origin = ENVIRONMENT if environment.get(ENVIRONMENT) else str(file)
    more = f", and {len(keys.previous)} before it that are still accepted" if keys.previous else ""
    return good("key", f"read from {origin}{more}")


def _nearest(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


def _within(var: Path) -> list[Path]:
    return [var, *var.iterdir()] if var.is_dir() else []


def _user() -> str:
    return os.environ.get("USER") or f"user {os.geteuid()}"
