"""`siaga templates check`: 0 where every message fits and arrives, 1 with the findings where one does not."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def check(*options: str) -> tuple[int, list[str]]:
    command = [sys.executable, "-m", "engine.cli", "templates", "check", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True)
    return done.returncode, done.stdout.splitlines()


def test_the_shipped_messages_fit_and_arrive_on_both_kinds_of_route():
    code, printed = check()
    assert (code, printed[-1].partition(", ")[2]) == (0, "one-way, with links: 0 findings")
    code, printed = check("--set", "gateways.sms.two_way=true")
    assert (code, printed[-1].partition(", ")[2]) == (0, "two-way, with codes: 0 findings")


def test_findings_say_which_message_and_what():
    code, printed = check("--set", "gateways.sms.banned_words=mohon", "--most", "1")
    assert code == 1
    assert len(printed) == 3
    assert printed[0].startswith("sms.notice id: banned_word: ")
    assert printed[1].startswith("... and ")
