"""`siaga test --format json` over all rule tests and policy tests, and the timeline of each test beside it."""

import asyncio

from engine.simulation.result import TestResult
from engine.simulation.suite import as_json
from tests.acceptance.shipped import FILES, report
from tests.golden.house.plain import HOME, plain, written
from tests.golden.house.record import Documents


def results() -> Documents:
    """Return for each file of tests what `siaga test --format json` says, and what came when in each test."""
    return asyncio.run(_results())


async def _results() -> Documents:
    found = {}
    for file in FILES:
        came = await report(file)
        said = plain(written(as_json(came, "id")), folder=file.parent)
        lines = [line for result in came.results for line in _timeline(result)]
        found[file.name] = f"{said}\n" + plain("\n".join(lines), folder=file.parent, home=HOME)
    assert len(found) == len(FILES), "two files of tests have one name"
    return found


def _timeline(result: TestResult) -> list[str]:
    """Return what a test reached, and its rows: the offset in milliseconds, what was expected, what there was."""
    lines = [f"{result.name}", f"  reached: {' '.join(sorted(result.touched | result.reached))}"]
    for row in result.rows:
        sides = (row.act, row.expected, row.got)
        texts = [" ".join(side.text("id").split()) if side else "-" for side in sides]
        lines.append(f"  {row.at} {' | '.join(texts)}")
    return lines
