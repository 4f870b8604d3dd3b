"""Schemathesis against a whole service on this machine: `./run fuzz [--examples N] [ARGUMENTS of schemathesis run]`.

Here: an installation of its own in a folder that is gone afterwards, its service on a free port of the loopback, a
token with all rights, and the run against it. Not here: the environment of schemathesis, which `./run` makes, since its
own dependencies are no part of Siaga's. The service sends nothing: its messages go to an outbox in the same folder, and
the clock stands, so that everything that the API can do is done without waiting.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance.demo.installation import ROOT, Installation

EXAMPLES = 25
"""Examples of an operation in each phase where nobody says otherwise."""
PATIENCE_SECONDS = 60
CLASH = {
    "id": "E1",
    "kind": "conflict.clash",
    "severity": 4,
    "region": "94.02",
    "occurred_at": "2024-11-27T12:00:00+09:00",
    "source": {"desk": "94.02", "channel": "polri"},
    "metrics": {"injured": 94},
}
CONFIG = ROOT / "tests/fuzz/schemathesis.toml"
PROGRAM = Path(os.environ.get("SCHEMATHESIS", ROOT / ".venv-fuzz/bin/schemathesis"))


def main(arguments: list[str]) -> int:
    """Run once; return the exit status: 0 where nothing was found."""
    parser = argparse.ArgumentParser(prog="./run fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--examples", type=int, default=EXAMPLES, help=f"of an operation (default {EXAMPLES})"
    )
    options, further = parser.parse_known_args(arguments)
    with tempfile.TemporaryDirectory(prefix="siaga-fuzz-") as folder:
        runner = Installation(Path(folder), "clock.start=2024-11-27T05:00:00Z", "log.level=error")
        runner.start()
        try:
            wait_for(runner.url)
            token = runner.token_of("submit", "verify", "operate", "policy", "read", "inbound")
            known = seeded(runner.url, token)
            config = Path(folder, "schemathesis.toml")
            parameters = "".join(f'"path.{name}" = "{value}"\n' for name, value in known.items())
            config.write_text(f"{CONFIG.read_text()}\n[parameters]\n{parameters}")
            done = subprocess.run(
                [
                    PROGRAM,
                    "--config-file",
                    config,
                    "run",
                    f"{runner.url}/openapi.json",
                    f"--header=Authorization: Bearer {token}",
                    f"--max-examples={options.examples}",
                    "--exclude-path=/v1/inbound/bounce",  # a mail; tests/unit/answers/test_bounce.py makes those up
                    "--continue-on-failure",
                    *further,
                ],
                cwd=folder,
                check=False,
            )
        finally:
            runner.stop()
        log = runner.log.read_text()
    if log.strip():
        sys.stderr.write(log)
    return done.returncode or int("request_failed" in log)


def seeded(url: str, token: str) -> dict[str, str]:
    """Let there be an alert, a record in quarantine and a silence; return what parameters of paths name them."""
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:

        def asked(method: str, path: str, body: object = None) -> dict[str, Any]:
            answer = client.request(method, path, json=body)
            answer.raise_for_status()
            found: dict[str, Any] = answer.json()
            return found

        kept = asked("POST", "/v1/events", [CLASH, {**CLASH, "id": "E2", "occurred_at": "kemarin"}])
        asked("POST", "/v1/clock", {"advance_to": "2024-11-27T05:10:00Z"})
        silence = {
            "match": {"region": ["94.02"]},
            "until": "2024-11-28T05:00:00Z",
            "reason": "uji",
        }
        return {
            "alert_id": asked("GET", "/v1/alerts")["alerts"][0]["id"],
            "record_id": kept["quarantined"][0]["id"],
            "silence_id": asked("POST", "/v1/silences", silence)["id"],
            "person": "sekda-9402",
        }


def wait_for(url: str) -> None:
    """Wait until the service answers."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends:
        try:
            if httpx.get(f"{url}/readyz", timeout=5).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise TimeoutError(f"{url} did not answer in {PATIENCE_SECONDS} s")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
