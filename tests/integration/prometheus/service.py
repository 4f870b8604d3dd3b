"""A real `siaga run` with some demo events behind it, and a real Prometheus that scrapes it, on free loopback ports."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import yaml

from engine.clock import WallClock
from engine.core.judging.instant import MINUTE, format_instant
from tests.integration.namespace import program, until

ROOT = Path(__file__).parents[3]
GATEWAYS = """\
version: 1
gateways:
  - {{id: pulsa, channel: sms, adapter: {adapter}, url: "{url}", low_balance: 1, password_env: UJI, callback_env: UJI}}
"""


class Service:
    """Where a running Siaga listens, and what it answers."""

    def __init__(self, url: str) -> None:
        self.url = url

    def metrics(self) -> str:
        return httpx.get(f"{self.url}/metrics").raise_for_status().text


@contextmanager
def running(folder: Path, gateway_url: str) -> Iterator[Service]:
    """Run Siaga on a free port with a prepaid SMS gateway; send it events good and bad, and let it judge them."""
    (folder / "gateways.yaml").write_text(
        GATEWAYS.format(adapter=ROOT / "config/adapters/json.yaml", url=gateway_url)
    )
    settings = {
        "paths.var": folder / "var",
        "paths.gateways": folder / "gateways.yaml",
        "http.port": 0,
        "log.format": "json",
    }
    options = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    command = [sys.executable, "-m", "engine.cli"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "UJI": "k"}
    log = folder / "siaga.log"
    with program([*command, "run", *options], log=log, cwd=ROOT, env=environment) as service:
        found = until(
            lambda: re.search(r'"address":\s*"(http[^"]+)"', log.read_text()) or service.poll() is not None
        )
        assert service.poll() is None, log.read_text()
        made = subprocess.run(
            [*command, "token", "create", "--right", "submit", "--desk=*", *options],
            cwd=ROOT,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        url = found.group(1)
        _report(url, made.stdout.strip())
        yield Service(url)


def _report(url: str, token: str) -> None:
    now = WallClock().now()
    event = {
        "id": "uji",
        "kind": "conflict.death",
        "severity": 4,
        "region": "73.15",
        "occurred_at": format_instant(now - MINUTE, "Asia/Makassar"),
        "source": {"desk": "73.15", "channel": "desk"},
        "metrics": {"dead": 1},
    }
    bad = {**event, "id": "rusak", "severity": 9}
    sent = httpx.post(
        f"{url}/v1/events", json=[event, event, bad, "x"], headers={"Authorization": f"Bearer {token}"}
    )
    assert sent.status_code == 202, sent.text


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[str]:
    """Run Prometheus with the shipped rules, each second asking Siaga; give the address of its API."""
    shipped = yaml.safe_load((ROOT / "config/prometheus/prometheus.yml").read_text())
    shipped["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    shipped["rule_files"] = [str(ROOT / "config/prometheus/siaga-alerts.yaml")]
    shipped["alerting"] = {}
    shipped["scrape_configs"][0]["static_configs"][0]["targets"] = [target.removeprefix("http://")]
    (folder / "prometheus.yml").write_text(json.dumps(shipped))  # JSON is YAML
    log = folder / "prometheus.log"
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        "--web.listen-address=127.0.0.1:0",
    ]
    with program(command, log=log, cwd=folder) as server:
        found = until(
            lambda: (
                re.search(r'"?Listening on"?.*address=(127\.0\.0\.1:[1-9]\d*)', log.read_text())
                or server.poll() is not None
            )
        )
        assert server.poll() is None, log.read_text()
        yield f"http://{found.group(1)}/api/v1"


async def asked(api: str, expressions: list[str]) -> dict[str, list]:
    """Return what Prometheus answers to each expression now."""
    async with httpx.AsyncClient(timeout=30) as client:
        answers = await asyncio.gather(
            *(client.get(f"{api}/query", params={"query": expression}) for expression in expressions)
        )
    for expression, answer in zip(expressions, answers, strict=True):
        assert answer.status_code == 200, f"{expression}: {answer.text}"
    return {e: a.json()["data"]["result"] for e, a in zip(expressions, answers, strict=True)}
