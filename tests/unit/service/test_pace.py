"""The pace of the evaluator."""

from engine.service.pace import ENTRIES, LONG_SECONDS, Pace


def test_long_batches_become_smaller_until_one_entry_is_left() -> None:
    pace = Pace()
    taken = []
    for _ in range(8):
        pace.took(2 * LONG_SECONDS)
        taken.append(pace.entries)
    assert taken == [25, 12, 6, 3, 1, 1, 1, 1]


def test_short_batches_bring_the_pace_back() -> None:
    pace = Pace()
    for _ in range(8):
        pace.took(2 * LONG_SECONDS)
    for _ in range(8):
        pace.took(LONG_SECONDS / 10)
    assert pace.entries == ENTRIES


def test_a_batch_that_is_neither_changes_nothing() -> None:
    pace = Pace()
    pace.took(2 * LONG_SECONDS)
    pace.took(LONG_SECONDS / 2)
    assert pace.entries == ENTRIES // 2
