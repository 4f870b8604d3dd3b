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


def test_each_gateway_of_the_file_is_checked_by_its_own_profile(tmp_path: Path):
    (tmp_path / "adapters").symlink_to(ROOT / "config/adapters")
    entry = "adapter: kannel.yaml, url: http://a.example, callback_env: A"
    (tmp_path / "gateways.yaml").write_text(
        "version: 1\ngateways:\n"
        f"  - {{id: satu, channel: sms, {entry}, profile: {{two_way: true}}}}\n"
        f"  - {{id: dua, channel: sms, {entry}, profile: {{banned_words: [mohon]}}}}\n"
    )
    code, printed = check("--set", f"paths.gateways={tmp_path}/gateways.yaml", "--most", "1")
    assert code == 1
    sums = [line for line in printed if " rules, " in line]
    assert sums[0].startswith("satu: ")
    assert sums[0].endswith("two-way, with codes: 0 findings")
    assert sums[1].startswith("dua: ")
    assert not sums[1].endswith(" 0 findings")
