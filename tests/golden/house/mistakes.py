"""`siaga check`: its findings on several hundred files with mistakes, and on some without.

The files are those that the tests of the readers were given in November 2026. They lie in `mistakes.jsonl`, so that
they stay the same when those tests change. `premises/` is the small installation that they refer to.
"""

import json
import tempfile
from pathlib import Path

from engine.core.judging.instant import parse_instant
from engine.documents.check import inspect
from engine.documents.finding import advice_first
from engine.settings import Paths
from tests.golden.house.plain import plain
from tests.golden.house.record import Documents

HERE = Path(__file__).parent
NOW, _ = parse_instant("2024-11-27T00:00:00Z")


def findings() -> Documents:
    """Return the findings on each file: its text, then what is said in both languages."""
    premises = HERE / "premises"
    places = Paths(
        rules=premises / "rules",
        policies=premises / "policies.yaml",
        calendar=premises / "calendar.yaml",
        directory=premises / "none.csv",
        regions=premises / "regions.csv",
        desks=premises / "none-desks.yaml",
        expected=premises / "expected.yaml",
        tables=premises / "tables",
        kinds=premises / "kinds.yaml",
        gateways=premises / "none-gateways.yaml",
    )
    found = {}
    with tempfile.TemporaryDirectory(prefix="siaga-golden-") as folder:
        lines = (HERE / "mistakes.jsonl").read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, start=1):
            case = json.loads(line)
            place = Path(folder) / str(number)
            place.mkdir()
            file = place / case["file"]
            file.write_text(case["text"], encoding="utf-8", newline="")
            inspected = inspect([file], places, NOW)
            counted = ("rules", "policies", "people", "errors", "warnings")
            said = [", ".join(f"{what} {getattr(inspected, what)}" for what in counted)]
            for finding in advice_first(inspected.findings):
                said += [
                    f"{finding.severity} {finding.code} {finding.line}:{finding.column}",
                    finding.format("id"),
                    finding.format("en"),
                ]
            found[f"{case['file']} {number:04}"] = plain("\n".join(said), folder=place)
    return found
