"""The shipped rule tests and policy tests, each file run once in a session, whoever asks."""

from pathlib import Path

from engine.simulation import suite
from engine.simulation.simulator import TestInstallation

HERE = Path(__file__).parent
HOME = HERE.parent.parent
PREMISES = TestInstallation(HOME / "config" / "siaga.yaml")
FILES = suite.test_files([HOME / "rules", HOME / "config", HERE / "policy", HERE / "rules"])
POLICY_FILES = [file for file in FILES if file.name.endswith(".policy-test.yaml")]

_reports: dict[Path, suite.SuiteReport] = {}


async def report(path: Path) -> suite.SuiteReport:
    """Return what came of a file."""
    if path not in _reports:
        _reports[path] = await suite.run_suite([path], PREMISES)
    return _reports[path]
