"""Runs in the environment of ansible-rulebook: writes a rulebook and a source of its own, and times the whole command.

Here: only the standard library. The source yields `EVENTS` events as quickly as the engine takes them; the last one
matches a rule that shuts the engine down, and the source tells by files when it began and when it was stopped.
Called as `peer_rulebook.py RUNS EVENTS RULES FOLDER`; prints JSON: events/s of each run.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = """
import asyncio, json, os, time

async def main(queue, args):
    number = int(args["events"])
    with open(args["told"], "w") as file:
        file.write(repr(time.time()))
    for place in range(number):
        await queue.put({"kind": "bench.k%d" % (place % 40), "severity": 1, "number": place})
    await queue.put({"kind": "last", "severity": 4})
    try:
        await asyncio.sleep(3600)
    finally:
        with open(args["told"] + ".ended", "w") as file:
            file.write(repr(time.time()))
"""


def rulebook(rules, folder):
    """Return a rulebook of so many rules that no event but the last matches."""
    text = "- name: ukur\n  hosts: all\n  match_multiple_rules: true\n  sources:\n    - ukur_source:\n"
    text += '        events: "{{ events }}"\n        told: "{{ told }}"\n  rules:\n'
    for place in range(rules):
        text += (
            f'    - name: r{place}\n      condition: event.kind == "bench.k{place % 40}" and event.severity >= '
            f"{2 + place % 3}\n      action:\n        none:\n"
        )
    text += '    - name: last\n      condition: event.kind == "last"\n      action:\n        shutdown:\n'
    text += "          delay: 0\n          kind: now\n"
    (folder / "ukur.yml").write_text(text)


def main():
    runs, events, rules = map(int, sys.argv[1:4])
    folder = Path(sys.argv[4])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ukur_source.py").write_text(SOURCE)
    rulebook(rules, folder)
    program = Path(sys.executable).parent / "ansible-rulebook"
    (folder / "inventory.yml").write_text("all:\n  hosts:\n    localhost:\n      ansible_connection: local\n")
    java = Path(shutil.which("java") or "java").resolve()
    environment = {
        **os.environ,
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "JAVA_HOME": os.environ.get("JAVA_HOME") or str(java.parents[1]),
        "ANSIBLE_LOCAL_TEMP": str(folder),
    }
    rates = []
    for _ in range(runs):
        told = folder / "began"
        told.unlink(missing_ok=True)
        (folder / "vars.yml").write_text(json.dumps({"events": events, "told": str(told)}))
        command = [
            str(program),
            "--rulebook",
            "ukur.yml",
            "-S",
            str(folder),
            "--vars",
            "vars.yml",
            "-i",
            "inventory.yml",
        ]
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=240, env=environment, check=False
        )
        if not told.exists():
            sys.exit((done.stderr or done.stdout or "ansible-rulebook did not begin").strip()[-1500:])
        ended = folder / "began.ended"
        if not ended.exists():
            sys.exit(f"ansible-rulebook did not come to the last event: {done.stderr[-200:]}")
        rates.append(events / (float(ended.read_text()) - float(told.read_text())))
        ended.unlink()
    sys.stdout.write(json.dumps(rates))


main()
