"""Prometheus' Alertmanager as a peer: its process with one webhook receiver, as Debian installs it.

Here: starting it, giving it alerts and knowing them again at the webhook. Not here: measuring (`latency`).
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tests.bench.installation import Client

PROGRAM = "prometheus-alertmanager"
CONFIG = """route:
  receiver: ukur
  group_by: [alertname, id]
  group_wait: 0s
  group_interval: 5m
  repeat_interval: 4h
receivers:
  - name: ukur
    webhook_configs: [{{url: "http://127.0.0.1:{port}/", send_resolved: false}}]
"""


def why_not() -> str:
    """Say why it cannot be had; empty where it can."""
    return "" if shutil.which(PROGRAM) else f"Alertmanager is not available: no {PROGRAM} here"


@contextmanager
def alertmanager(folder: Path, receiver: int) -> Iterator[int]:
    """Run it while the context lasts; give its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    (folder / "alertmanager.yml").write_text(CONFIG.format(port=receiver), encoding="utf-8")
    with (folder / "alertmanager.log").open("ab") as log:
        process = subprocess.Popen(
            [
                shutil.which(PROGRAM) or PROGRAM,
                f"--config.file={folder}/alertmanager.yml",
                f"--storage.path={folder}/alertmanager",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        yield port
    finally:
        process.terminate()
        process.wait(timeout=20)


async def connected(port: int) -> Client:
    """Return a connection to it, as soon as it answers."""
    for _ in range(200):
        try:
            return await Client(port, "").open()
        except OSError:
            await asyncio.sleep(0.05)
    raise RuntimeError("Alertmanager does not answer")


def alerts(ids: list[str]) -> bytes:
    """Return the body of a request with an alert of each id."""
    return msgspec.json.encode(
        [{"labels": {"alertname": "ukur", "id": id_}, "annotations": {"summary": "sintetis"}} for id_ in ids]
    )


def ids_of(body: bytes) -> list[str]:
    """Return the ids that a webhook tells."""
    return [alert["labels"]["id"] for alert in msgspec.json.decode(body)["alerts"]]
