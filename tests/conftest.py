"""What every test suite shares: the option `--all`, and hypothesis without a stopwatch.

Fixtures of one suite belong in that suite's own conftest; nothing here starts a server or replaces code.
"""

import faulthandler
import logging
import os
import sys
import threading
from collections.abc import Generator, Iterator

import pytest
import structlog
from hypothesis import HealthCheck, is_hypothesis_test, settings

settings.register_profile(
    "short", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("long", settings.get_profile("short"), max_examples=2_000)
LONG_SECONDS = 2_400
"""How long a property with 2,000 examples may take: twenty times the 120 s that 100 have."""

STUCK_SECONDS = 150
"""How long a test may go on after its time limit has interrupted it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all", action="store_true", help="run the long tests too, with 2,000 examples a property"
    )


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("long" if config.getoption("--all") else "short")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests marked `long` out unless `--all` is given or one is named by its full id.

    With `--all` properties have longer, each as its own mark says or `LONG_SECONDS`.
    """
    if config.getoption("--all"):
        for item in items:
            if is_hypothesis_test(getattr(item, "obj", None)) and not item.get_closest_marker("timeout"):
                item.add_marker(pytest.mark.timeout(LONG_SECONDS))
        return
    if any("::" in argument for argument in config.args):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """End a test that its time limit did not end, with the stacks of all threads.

    pytest-timeout interrupts a test once. A teardown that then waits for ever would hang the whole run; this ends the
    process instead. pytest-xdist reports the test as failed and replaces its worker.
    """
    marker = item.get_closest_marker("timeout")
    limit = float(marker.args[0] if marker and marker.args else item.config.getini("timeout"))
    watch = threading.Timer(limit + STUCK_SECONDS, _end_process, (item.nodeid,))
    watch.daemon = True
    watch.start()
    try:
        return (yield)
    finally:
        watch.cancel()


def _end_process(nodeid: str) -> None:
    assert sys.__stderr__ is not None
    sys.__stderr__.write(f"\n{nodeid} goes on {STUCK_SECONDS} s after its time limit: this process ends\n")
    sys.__stderr__.flush()
    faulthandler.dump_traceback(sys.__stderr__)
    os._exit(70)


@pytest.fixture(autouse=True)
def log_of_its_own() -> Iterator[None]:
    """A command sets up the log of its whole process; the next test begins without that."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def pytest_report_header(config: pytest.Config) -> str:
    return f"siaga: {'all tests' if config.getoption('--all') else 'short tests'}, {os.cpu_count()} cores"
