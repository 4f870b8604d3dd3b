"""What-ifs and previews run in workers: one for each user, bounded, never orphaned, and one line in the log."""

import asyncio
import shutil
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from engine.app import open_siaga
from engine.store.memory import MemoryStore
from engine.web.app import build
from tests.acceptance.web.conftest import ROOT, Api, directory, settings

__all__ = ["directory", "settings"]
RULE = "id: coba\n"
DAY = 86_400_000
PATIENCE = 60.0
"""Seconds after which a process that should have ended never will."""


@pytest.fixture
async def api(settings):
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(settings, stack, store=MemoryStore())
        app = build(siaga)
        stack.push_async_callback(app.state.asked.close)
        yield Api(siaga, app, None, b"")


def workers() -> set[int]:
    """Return the children of this process that answer what-ifs."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            if b"engine.simulation.what_if" in words:
                found.add(int(pid))
    return found


async def taken(asked, user: str) -> bool:
    """Ask a question; say whether it was taken."""
    return await asked.ask(user, RULE, DAY) in (True, ("", 0))


async def ended(pid: int) -> None:
    """Wait until a process is gone, or only its parent's look at it is missing."""
    async with asyncio.timeout(PATIENCE):
        while _lives(pid):  # noqa: ASYNC110 -- no process tells the parent of its parent
            await asyncio.sleep(0.01)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_a_question_that_is_sent_twice_has_one_worker_and_one_answer(api):
    """As by a double click: the second takes the place of the first, whose process is gone before."""
    asked = api.app.state.asked
    assert await asyncio.gather(*(taken(asked, "piket") for _ in range(3))) == [True] * 3
    most, waiting = 0, asyncio.create_task(asked.of("piket").wait())
    async with asyncio.timeout(PATIENCE):
        while not waiting.done():
            most = max(most, len(workers()))
            await asyncio.sleep(0.01)
    assert most == 1
    assert asked.of("piket").answer is not None
    assert workers() == set()


async def test_a_question_that_finds_no_place_leaves_the_last_answer(api):
    asked = api.app.state.asked
    assert await taken(asked, "piket")
    await asked.of("piket").wait()
    answer = asked.of("piket").answer
    assert answer is not None
    assert [await taken(asked, user) for user in ("a", "b", "piket")] == [True, True, False]
    assert asked.of("piket").answer == answer


async def test_a_what_if_that_raises_writes_no_traceback_into_the_log(api, capfd, tmp_path):
    """The rules are gone, so that the worker raises: one line says the type and the place, and no text of it."""
    paths = api.siaga.settings.paths.model_copy(update={"rules": tmp_path / "none-of-this-name"})
    api.siaga.settings = api.siaga.settings.model_copy(update={"paths": paths})
    asked = api.app.state.asked
    await asked.ask("piket", RULE, DAY)
    await asked.of("piket").wait()
    assert asked.of("piket").failed
    said = capfd.readouterr()
    assert "Traceback" not in said.err + said.out
    assert "none-of-this-name" not in said.err
    assert "what_if_failed" in said.err + said.out


# --- bounds -----------------------------------------------------------------------------------------------------------

HANGS = """
import asyncio, os
from engine.runtime.worker import serve

async def work(order, share):
    share(0.5)
    what = order.decode().strip('"')
    if what == "memory":
        return len(bytearray(3 << 30))
    while what == "cpu":
        pass
    await asyncio.sleep(3600 if what == "hangs" else 0)
    if what == "raises":
        raise ValueError("the text of a report")
    return what

if __name__ == "__main__":
    serve(work)
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A worker that does what it is told, wrong things too."""
    (tmp_path / "worker_of_tests.py").write_text(HANGS)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    return "worker_of_tests"


@pytest.mark.parametrize(
    ("order", "says"),
    [
        ("memory", "MemoryError"),
        ("cpu", "ended with -"),
        ("hangs", "longer than"),
        ("raises", "^ValueError at "),
    ],
)
async def test_a_worker_that_takes_too_much_or_raises_ends(module, order, says):
    from engine.runtime.worker import Bounds, WorkerFailedError, Workers

    pool = Workers()
    seconds = 2.0 if order == "hangs" else PATIENCE
    bounds = Bounds(memory=1 << 30, cpu_seconds=3, seconds=seconds)
    job = await pool.begin("a", module, order, bounds)
    with pytest.raises(WorkerFailedError, match=says) as failed:
        await job.result()
    assert "report" not in str(failed.value)
    assert not _lives(job.pid)


async def test_a_worker_gives_its_result_and_its_place(module):
    from engine.runtime.worker import Bounds, Workers, WorkersBusyError

    pool = Workers(most=1)
    job = await pool.begin("a", module, "hangs", Bounds())
    with pytest.raises(WorkersBusyError):
        await pool.begin("b", module, "done", Bounds())
    again = await pool.begin("a", module, "done", Bounds())
    assert job.over
    assert await again.result() == b'"done"'
    assert await (await pool.begin("b", module, "done", Bounds())).result() == b'"done"'


PARENT = """
import asyncio, sys
from engine.runtime.worker import Bounds, Workers

async def main():
    job = await Workers().begin("a", "worker_of_tests", "hangs", Bounds())
    while job.done == 0.0:
        await asyncio.sleep(0.01)
    print(job.pid, flush=True)
    await job.result()

asyncio.run(main())
"""


async def test_a_worker_does_not_outlive_a_parent_that_is_killed(module):
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    pid = int(await parent.stdout.readline())
    assert _lives(pid)
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    await ended(pid)
    assert not _lives(pid)


# --- previews ---------------------------------------------------------------------------------------------------------


async def test_a_preview_is_found_by_a_worker_and_says_what_this_process_would(settings, tmp_path):
    from engine.bootstrap import history_of
    from engine.rule_sets.rollout import RuleSetRollout
    from engine.rule_sets.rule_files import as_they_lie
    from engine.runtime.worker import Bounds, WorkersBusyError

    rules = tmp_path / "rules"
    shutil.copytree(ROOT / "rules", rules)
    paths = settings.paths.model_copy(update={"rules": rules})
    async with AsyncExitStack() as stack:
        given = settings.model_copy(update={"paths": paths})
        siaga = await open_siaga(given, stack)
        changed = next(file for file in sorted(rules.rglob("*.yaml")) if "at_least: 3" in file.read_text())
        changed.write_text(changed.read_text().replace("at_least: 3", "at_least: 2"))
        loaded = as_they_lie(paths)
        here = RuleSetRollout(
            siaga.store,
            siaga.clock,
            siaga.books,
            siaga.metrics,
            max_told=0,
            history=history_of(given, siaga.store),
        )
        found = await siaga.approval.preview(loaded, "piket")
        assert found.outcome == "previewed"
        assert found.preview.revision.changed
        assert found == await here.preview(loaded)
        for owner in ("a", "b"):
            await siaga.workers.begin(owner, "tests.waiting", "", Bounds(seconds=PATIENCE))
        with pytest.raises(WorkersBusyError):
            await siaga.approval.preview(loaded, "piket")
