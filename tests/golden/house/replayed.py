"""The slow parts: the demo as a process of its own on a real server, and backtests of the facts of 2024."""

import asyncio
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.settings import load
from engine.store.redis.embedded import EmbeddedServer
from tests.golden.house.commands import ENVIRONMENT, environment, said
from tests.golden.house.keyspace import keyspace
from tests.golden.house.plain import HOME, plain
from tests.golden.house.record import Documents

CONFIG = HOME / "config" / "siaga.yaml"
EVENTS = "config/demo/pilkada-2024.jsonl"
KEY = "11" * 32
"""The secret key of an installation: it decides the tokens of answer links."""
PORT = 18_931
"""The demo's port, which stands in its messages. One demo at a time has it (`_alone`)."""
WHOLE = ("archive.enabled=false", "retention.resolved_days=3650", "retention.audit_days=3650")
"""So that everything is in the store at the end, however far the archivist has come by then."""
SECONDS = 900
_ACCOUNT = re.compile(r"\bos:[\w.-]+")
_OUTSIDE = (":entries", ":log:audit", ":table:archive", ":table:users", ":table:sessions", ":table:layout")
"""Keys of the store whose content depends on how far the archivist is, or on chance."""


def demo() -> Documents:
    """Return the summary of `siaga demo`, every message byte for byte, and all that is in its store at the end."""
    with _alone(), tempfile.TemporaryDirectory(prefix="siaga-golden-") as folder:
        var, outbox = Path(folder) / "var", Path(folder) / "outbox"
        words = ["demo", "--exit", "--port", str(PORT), "--config", str(CONFIG)]
        words += ["--set", f"paths.var={var}", "--set", f"gateways.outbox.directory={outbox}"]
        words += [part for setting in WHOLE for part in ("--set", setting)]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SIAGA_")}
        done = subprocess.run(
            [sys.executable, "-m", "tests.golden.house.seeded", *words],
            cwd=HOME,
            env=clean | ENVIRONMENT | {"SIAGA_KEY": KEY},
            check=False,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found = {"summary.json": (var / "demo/summary.json").read_text(encoding="utf-8")}
        for file in sorted(outbox.iterdir()):
            if not file.name.startswith("."):
                day, _, rest = file.name.partition("T")
                found[f"outbox/{day} {rest}"] = file.read_bytes().decode()
        return found | asyncio.run(_store(var))


async def _store(var: Path) -> Documents:
    """Return what the demo left in its store."""
    settings = load(CONFIG, overrides=["namespace=demo", f"paths.var={var / 'demo'}"])
    server = EmbeddedServer(settings.redis_directory)
    where = await server.start()
    try:
        return {
            _named(name): _ACCOUNT.sub("os:ACCOUNT", plain(text))
            for name, text in keyspace(where, bare=True)
            if not any(part in name for part in _OUTSIDE)
        }
    finally:
        await server.stop()


def _named(key: str) -> str:
    """Return the name of a key's document, by which all keys of a kind are one group."""
    kind, _, rest = key.partition("}:")[2].partition(":")
    return f"store/{kind}:{rest}" if kind == "table" else f"store/{kind} {rest}"


@contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other demo of this kind runs on the machine."""
    with Path(tempfile.gettempdir(), "siaga-golden-demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def backtests() -> Documents:
    """Return what `siaga backtest` prints: with other rules, with answers, and of synthetic events."""
    with tempfile.TemporaryDirectory(prefix="siaga-golden-") as folder:
        rules = Path(folder) / "rules"
        shutil.copytree(HOME / "rules", rules)
        file = rules / "bencana.yaml"
        before = "watch: {kind: voting.postponed, metrics.tps: {at_least: 20}}"
        text = file.read_text(encoding="utf-8")
        assert text.count(before) == 1
        file.write_text(text.replace(before, before.replace("20", "35")), encoding="utf-8")
        base = ["backtest", "--config", str(CONFIG)]
        runs = {
            "against other rules, json": ["--events", EVENTS, "--against", str(rules), "--format", "json"],
            "against other rules, text": ["--events", EVENTS, "--against", str(rules), "--lang", "en"],
            "with answers, text": ["--events", EVENTS, "--answers", "after:30m"],
            "synthetic, json": ["--synthetic", "300", "--format", "json"],
        }
        with environment():
            return {name: said([*base, *words], HOME, folder) for name, words in runs.items()}
