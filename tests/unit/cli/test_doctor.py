"""`siaga doctor matcher` says which matcher serves, with durable-rules and without."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BLOCKED = (
    "import sys; sys.modules['durable_rules_engine'] = None; from engine.cli import main; main(sys.argv[1:])"
)


def doctor(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command, "doctor", "matcher"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return done.stdout


def test_the_durable_matcher_serves_and_agrees_with_the_native_one_on_the_facts():
    """Built for every supported Python, it is the default; both give the same matches."""
    pytest.importorskip("durable_rules_engine", reason="durable-rules is not available", exc_type=ImportError)
    printed = doctor("-m", "engine.cli")
    assert printed.startswith("matcher: durable, checked by native\n")
    assert "0 differences" in printed


def test_without_durable_rules_the_native_matcher_serves_and_says_so():
    """Where it cannot be built nothing else is lacking, and the reason is printed with a remedy."""
    printed = doctor("-c", BLOCKED)
    assert printed.startswith("matcher: native (durable-rules is not available")
    assert "install a C compiler" in printed
