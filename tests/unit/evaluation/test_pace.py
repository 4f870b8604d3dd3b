"""The pace of the evaluator."""

from engine.evaluation.poll import ENTRIES, FEW, LONG_SECONDS, MANY, Pace


def test_long_batches_become_smaller_until_one_entry_is_left() -> None:
    pace = Pace()
    taken = []
    for _ in range(8):
        pace.took(2 * LONG_SECONDS, drained=True)
        taken.append(pace.entries)
    assert taken == [25, 12, 6, 3, 1, 1, 1, 1]


def test_short_batches_bring_the_pace_back() -> None:
    pace = Pace()
    for _ in range(8):
        pace.took(2 * LONG_SECONDS, drained=True)
    for _ in range(8):
        pace.took(LONG_SECONDS / 10, drained=True)
    assert pace.entries == ENTRIES


def test_a_batch_that_is_neither_changes_nothing() -> None:
    pace = Pace()
    pace.took(2 * LONG_SECONDS, drained=True)
    pace.took(LONG_SECONDS / 2, drained=True)
    assert pace.entries == ENTRIES // 2


def test_a_batch_that_came_to_nothing_is_tried_in_halves():
    """It may have outlived the lease; as large once more it would again."""
    pace = Pace()
    for entries in (25, 12, 6, 3, 1, 1):
        pace.broke_off()
        assert pace.entries == entries


def test_what_leaves_something_is_followed_by_more_events_and_what_leaves_nothing_by_fewer() -> None:
    """A burst is judged in batches that grow; where little comes again the next burst begins with few."""
    pace = Pace()
    events = []
    for _ in range(7):
        events.append(pace.events)
        pace.took(0.1, drained=False)
    assert events == [FEW, 500, 1_000, 2_000, 4_000, 8_000, MANY]
    for _ in range(7):
        pace.took(0.1, drained=True)
    assert pace.events == FEW
