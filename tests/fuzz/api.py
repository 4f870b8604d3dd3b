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
from urllib.error import URLError
from urllib.request import urlopen

from tests.acceptance.demo.installation import ROOT, Installation

EXAMPLES = 25
"""Examples of an operation in each phase where nobody says otherwise."""
PATIENCE_SECONDS = 60
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
            done = subprocess.run(
                [
                    PROGRAM,
                    "--config-file",
                    ROOT / "tests/fuzz/schemathesis.toml",
                    "run",
                    f"{runner.url}/openapi.json",
                    f"--header=Authorization: Bearer {token}",
                    f"--max-examples={options.examples}",
                    "--exclude-path=/v1/inbound/bounce",  # a mail; tests/unit/service/test_bounce.py makes those up
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


def wait_for(url: str) -> None:
    """Wait until the service answers."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends:
        try:
            with urlopen(f"{url}/readyz", timeout=5):  # noqa: S310 -- our own service on this machine
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise TimeoutError(f"{url} did not answer in {PATIENCE_SECONDS} s")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
