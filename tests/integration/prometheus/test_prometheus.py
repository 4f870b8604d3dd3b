"""The Prometheus rules, the dashboard and the examples, checked by the real tools and by a real Prometheus."""

import asyncio
import importlib.util
import json
import re
import shutil
import subprocess
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
import yaml

from tests.integration.prometheus.service import asked, prometheus, running

ROOT = Path(__file__).parents[3]
RULES = ROOT / "config/prometheus/siaga-alerts.yaml"
DASHBOARD = ROOT / "config/grafana/siaga.json"
LOOKS = 100
"""How often Prometheus is asked until everything has data; two scrapes are needed, a second apart."""
COMPARISON = re.compile(r"(?<![=!<>~])(==|!=|>=|<=|>|<)(?![=~])")


def tool(name: str, *arguments: str | Path, text: str | None = None) -> subprocess.CompletedProcess:
    """Run a tool of Prometheus; skip the test, saying why, where it is not installed."""
    if shutil.which(name) is None:
        pytest.skip(f"not installed: {name}; as root on Debian `./run test` installs prometheus")
    return subprocess.run(
        [name, *map(str, arguments)], input=text, capture_output=True, text=True, check=False
    )


def rules() -> dict[str, str]:
    """Return the expression of each alert."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}


def panels() -> list[tuple[str, str]]:
    """Return title and expression of each line of the dashboard."""
    shown = json.loads(DASHBOARD.read_text())["panels"]
    return [(panel["title"], target["expr"]) for panel in shown for target in panel.get("targets", ())]


def as_values(expression: str) -> str:
    """Return an alert's expression so that it gives 0 or 1 where it gave nothing or something."""
    parts = re.split(r'(\{[^}]*\}|"[^"]*")', expression)  # comparisons of labels stay what they are
    return "".join(p if n % 2 else COMPARISON.sub(r"\1 bool ", p) for n, p in enumerate(parts))


def test_the_rules_are_valid():
    done = tool("promtool", "check", "rules", RULES)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules())} rules found" in done.stdout


def test_the_rules_fire_when_they_should_and_only_then():
    """On an installation that is well none fires; where everything is wrong each does."""
    done = tool("promtool", "test", "rules", Path(__file__).with_name("alerts.test.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_its_unit_test():
    """An alert that is added is made to fire by the tests above, too."""
    fired = re.findall(r'alertname="(\w+)"', Path(__file__).with_name("alerts.test.yaml").read_text())
    assert sorted(fired) == sorted(rules())


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("promtool", ["check", "config", "config/prometheus/prometheus.yml"]),
        ("amtool", ["check-config", "config/prometheus/alertmanager.yml"]),
    ],
)
def test_the_examples_are_valid(name, arguments):
    done = tool(name, *arguments[:-1], ROOT / arguments[-1])
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_is_what_its_script_writes():
    """Nobody edited the JSON by hand, and nobody forgot to run the script."""
    spec = importlib.util.spec_from_file_location("build", ROOT / "config/grafana/build.py")
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    assert DASHBOARD.read_text() == build.text()


def test_no_panel_lies_on_another_and_each_has_a_title_of_its_own():
    shown = json.loads(DASHBOARD.read_text())["panels"]
    cells = [
        (x, y)
        for panel in shown
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in shown}) == len({panel["title"] for panel in shown}) == len(shown)


class Prepaid(BaseHTTPRequestHandler):
    """A gateway that takes every SMS and says what is left."""

    def do_GET(self):
        self._answer({"balance": 5_000})

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self._answer({"status": "accepted", "message_id": "m"})

    def _answer(self, said: dict) -> None:
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def gateway():
    with ThreadingHTTPServer(("127.0.0.1", 0), Prepaid) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(scope="module")
def service(gateway):
    # A short path: a socket's may have 107 bytes, and pytest's own folders are deep.
    with (
        tempfile.TemporaryDirectory(prefix="siaga-test-") as folder,
        running(Path(folder), gateway) as running_,
    ):
        yield running_


def test_the_metrics_are_in_order(service):
    """By the judgement of Prometheus itself."""
    done = tool("promtool", "check", "metrics", text=service.metrics())
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_every_expression_finds_data(service, tmp_path):
    """Each line of the dashboard and each alert, of a Prometheus that scrapes this Siaga: no name or label is wrong."""
    if shutil.which("prometheus") is None:
        pytest.skip("not installed: prometheus; as root on Debian `./run test` installs it")
    expressions = [*(e for _, e in panels()), *(as_values(e) for e in rules().values())]
    with prometheus(tmp_path, service.url) as api:
        pause, empty = threading.Event(), expressions
        for _ in range(LOOKS):
            answers = asyncio.run(asked(api, expressions))
            if not (empty := [expression for expression, result in answers.items() if not result]):
                break
            pause.wait(0.5)
        assert empty == [], "no data"
        taken = asyncio.run(asked(api, ['siaga_events_total{result="accepted"}', "siaga_gateway_balance"]))
        assert [one["value"][1] for result in taken.values() for one in result] == ["1", "5000"]
        groups = httpx.get(f"{api}/rules").json()["data"]["groups"]
        health = {
            rule["name"]: (rule["health"], rule.get("lastError")) for g in groups for rule in g["rules"]
        }
        assert set(health.values()) == {("ok", None)}
        assert health.keys() == rules().keys()
