"""Changed rules on a running service: real processes and a server of their own.

A broken file changes nothing and says why; a good one is proposed by the account of the machine and comes into force
when another person approves, or alone where the settings say so; a start goes on with what was in force.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import pytest

from engine.core.judging.instant import format_instant

ROOT = Path(__file__).parents[3]
TRIES, PAUSE = 300, 0.1
"""How often and how many seconds apart a process is looked at before a test gives up."""
RULE = """
version: 1
rules:
  - id: bentrok
    title: {title}
    short_title: Bentrok
    owner: Kesbangpol
    why: Uji.
    guide: docs/sop/bentrok.md
    watch: {{kind: conflict.clash}}
    per: regency
    alert_when: {condition}
    level: siaga
    escalate: kekerasan
"""
EVERY = "every_event"
TWO = "{count: {at_least: 2, within: 7d}}"


class Running:
    """One installation in a short folder, its service as a process."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "rules").mkdir()
        (home / "config").mkdir()
        for name in ("policies.yaml", "calendar.yaml", "directory.csv", "regions.csv", "kinds.yaml"):
            shutil.copy(ROOT / "config" / name, home / "config" / name)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = int(listener.getsockname()[1])
        (home / "config/siaga.yaml").write_text(
            f"paths: {{templates: '{ROOT}/templates'}}\nhttp: {{port: {self.port}}}\n"
        )
        self.process: subprocess.Popen[bytes] | None = None
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)

    def rule(self, condition: str = EVERY, title: str = "Bentrok") -> None:
        (self.home / "rules/bentrok.yaml").write_text(RULE.format(condition=condition, title=title))

    def siaga(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-m",
            "engine.cli",
            *words,
            "--config",
            str(self.home / "config/siaga.yaml"),
        ]
        env = {key: value for key, value in os.environ.items() if not key.startswith("SIAGA_")}
        return subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False
        )

    def start(self) -> None:
        with (self.home / "service.log").open("ab") as log:
            command = [sys.executable, "-m", "engine.cli", "run"]
            command += ["--config", str(self.home / "config/siaga.yaml"), "--set", "log.format=json"]
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        self.see(lambda: self.health()["rules"]["in_force"])

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(timeout=30)
            self.process = None

    def see(self, what):
        """Look until something is so."""
        for _ in range(TRIES):
            assert self.process is None or self.process.poll() is None, (
                self.home / "service.log"
            ).read_text()
            try:
                if found := what():
                    return found
            except httpx.TransportError:
                pass
            time.sleep(PAUSE)
        log = (self.home / "service.log").read_text()
        return pytest.fail("\n".join(line for line in log.splitlines() if "siaga.http" not in line))

    def health(self):
        return self.http.get("/healthz").json()

    def files(self, state: str):
        return self.see(lambda: self.health()["rules"]["files"] == state)

    def token(self, *rights: str, person: str = "") -> dict[str, str]:
        words = [part for right in rights for part in ("--right", right)]
        words += ["--person", person] * bool(person)
        made = self.siaga("token", "create", *words, "--desk=*")
        return {"Authorization": f"Bearer {made.stdout.strip()}"}

    def report(self, token, id_: str) -> None:
        event = {
            "id": id_,
            "kind": "conflict.clash",
            "severity": 2,
            "region": "73.15",
            "occurred_at": format_instant(time.time_ns() // 1_000_000),
            "reported_at": format_instant(time.time_ns() // 1_000_000),
            "source": {"desk": "7315"},
        }
        answer = self.http.post("/v1/events", json=event, headers=token)
        assert (answer.status_code, answer.json()["accepted"]) == (202, 1), answer.text

    def alerts(self, token):
        """Return the alerts of the desks' events; a rejected reload is one of Siaga's own."""
        alerts = self.http.get("/v1/alerts", headers=token).json()["alerts"]
        return [alert for alert in alerts if not alert["rule"].startswith("siaga.")]


@pytest.fixture
def running():
    with tempfile.TemporaryDirectory(prefix="siaga-") as home:
        service = Running(Path(home))
        yield service
        service.stop()
        service.http.close()


def test_a_broken_file_is_told_and_a_good_one_comes_into_force(running):
    running.rule()
    running.start()
    token = running.token("submit", "read")
    running.report(token, "satu")
    (first,) = running.see(lambda: running.alerts(token))
    before = running.http.get("/v1/rules", headers=token).json()

    (running.home / "rules/bentrok.yaml").write_text(
        "version: 1\nrules: [{id: bentrok, watch: {kind: tiada}}]\n"
    )
    running.files("invalid")
    assert running.health()["rules"]["errors"] > 0
    assert "unknown_kind" in (running.home / "service.log").read_text()
    refused = running.siaga("reload", "--lang", "en")
    assert refused.returncode == 1
    assert "bentrok.yaml:2:" in refused.stdout
    running.report(token, "dua")
    running.see(lambda: running.alerts(token)[0]["evidence_count"] == 2)
    assert running.http.get("/v1/rules", headers=token).json() == before

    running.rule(TWO, title="Bentrok berulang")
    running.files("differ")
    shown = running.siaga("reload", "--dry-run", "--lang", "en")
    assert (shown.returncode, "bentrok: title, alert_when (judged anew from the past)" in shown.stdout) == (
        0,
        True,
    )
    assert "Open alerts that keep their version: 1." in shown.stdout
    made = running.siaga("reload", "--lang", "en", "--format", "json")
    proposal = json.loads(made.stdout)["proposal"]
    assert (made.returncode, proposal in running.siaga("proposals", "list").stdout) == (0, True)
    said = running.siaga("proposals", "show", proposal, "--lang", "en").stdout
    assert "+ title: Bentrok berulang" in said
    own = running.siaga("proposals", "approve", proposal, "--lang", "en")
    assert (own.returncode, "another person must" in own.stdout) == (1, True)
    assert running.http.get("/v1/rules", headers=token).json() == before
    other = running.token("policy", person="sekda-7315")
    body = {"compared_with": before["rule_set"]}
    done = running.http.post(f"/v1/proposals/{proposal}/approve", json=body, headers=other)
    assert (done.status_code, done.json()["state"]) == (200, "approved")
    running.see(lambda: running.http.get("/v1/rules", headers=token).json()["rule_set"] != before["rule_set"])
    after = running.http.get("/v1/rules", headers=token).json()
    assert after["rules"]["bentrok"]["author"].startswith("os:")
    assert after["rules"]["bentrok"]["approved_by"] == done.json()["decided_by"]
    assert after["rules"]["bentrok"]["version"] != before["rules"]["bentrok"]["version"]
    running.files("in_force")
    (kept,) = running.alerts(token)
    assert (kept["id"], kept["rule_version"]) == (first["id"], before["rules"]["bentrok"]["version"])
    history = running.http.get(f"/v1/alerts/{first['id']}/history", headers=token).json()
    assert [entry["reason"] for entry in history["entries"] if entry["name"] == "reload_kept"] == [
        "rule_changed"
    ]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_start_goes_on_with_what_was_in_force(running, number):
    running.rule()
    running.start()
    token = running.token("submit", "read")
    before = running.http.get("/v1/rules", headers=token).json()
    running.stop(number)
    running.rule(TWO)
    running.start()
    running.files("differ")
    assert running.http.get("/v1/rules", headers=token).json() == before
    running.report(token, "satu")
    running.see(lambda: running.alerts(token))
    metrics = running.http.get("/metrics").text
    assert "siaga_rule_files_differ 1.0" in metrics


def test_who_has_the_right_puts_files_in_force_over_the_api(running):
    running.rule(TWO)
    running.start()
    token = running.token("submit", "read", "policy")
    running.report(token, "satu")
    running.rule(EVERY)
    looked = running.http.post("/v1/reload", json={"dry_run": True}, headers=token).json()
    assert (looked["outcome"], looked["revision"]["rebuilt"]) == ("previewed", ["bentrok"])
    made = running.http.post("/v1/reload", json={}, headers=token).json()
    body = {"compared_with": running.http.get("/v1/rules", headers=token).json()["rule_set"]}
    path = f"/v1/proposals/{made['proposal']}/approve"
    same = running.http.post(path, json=body, headers=token)
    assert (same.status_code, same.json()["type"]) == (409, "urn:siaga:problem:one_person")
    done = running.siaga("proposals", "approve", made["proposal"], "--lang", "en")
    assert (done.returncode, done.stdout.rstrip().endswith("In force.")) == (0, True), (
        done.stdout + done.stderr
    )
    assert running.http.get("/v1/rules", headers=token).json()["approved_by"].startswith("os:")
    (hidden,) = running.see(lambda: running.alerts(token))
    assert (hidden["hidden"], hidden["status"]) == ("before_rule", "resolved")
    running.report(token, "dua")
    running.see(lambda: [alert for alert in running.alerts(token) if alert["status"] == "open"])


def test_where_one_person_works_alone_the_audit_says_so(running):
    """The setting of the starter: the account of the machine puts rules in force without a second person."""
    running.rule()
    settings = running.home / "config/siaga.yaml"
    settings.write_text(settings.read_text() + "reload: {four_eyes: false}\n")
    running.start()
    token = running.token("read")
    running.rule(title="Judul baru")
    done = running.siaga("reload", "--lang", "en")
    assert (done.returncode, done.stdout.rstrip().endswith("In force.")) == (0, True), (
        done.stdout + done.stderr
    )
    assert "without a second person" in done.stdout
    assert running.http.get("/v1/rules", headers=token).json()["approved_by"] == "alone"
    said = running.siaga("audit", "list", "--json").stdout
    assert re.search(r'"what":\s*"rules".*"by":\s*"os:[^"/]+/alone"', said)


def test_trials_reload_by_themselves(running):
    """With `reload.auto` and without four eyes, also at SIGHUP; what has errors changes nothing even so."""
    running.rule()
    settings = running.home / "config/siaga.yaml"
    settings.write_text(settings.read_text() + "reload: {auto: true, four_eyes: false}\n")
    running.start()
    token = running.token("read")
    running.rule(title="Judul baru")
    running.process.send_signal(signal.SIGHUP)
    seen = running.see(
        lambda: (found := running.http.get("/v1/rules", headers=token).json())["approved_by"] and found
    )
    assert (seen["author"], seen["approved_by"]) == ("service:files", "alone")
