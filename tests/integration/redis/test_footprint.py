"""The bench of the memory that states of rules take: it stores what it says, through the real code."""

from pathlib import Path

from engine.core.judging.instant import DAY
from engine.core.judging.window import within_of
from tests.bench.footprint import CONDITIONS, footprint


async def test_every_state_holds_all_of_its_events(tmp_path: Path) -> None:
    """No event has left its window when the state is stored, and the server needs memory for each."""
    told: list[int] = []
    found = await footprint(
        tmp_path / "redis", rules_=len(CONDITIONS), states=12, events=20, step=told.append
    )
    assert (found.rules, found.states, found.points, sum(told)) == (len(CONDITIONS), 12, 240, 12)
    assert 100 < found.bytes_a_point < 2_000
    assert max(within_of(condition) or 0 for condition in CONDITIONS) == 30 * DAY
