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


def test_a_batch_that_came_to_nothing_is_tried_in_halves():
    """It may have outlived the lease; as large once more it would again."""
    pace = Pace()
    for entries in (25, 12, 6, 3, 1, 1):
        pace.broke_off()
        assert pace.entries == entries
