"""What installations hold on to is as it was recorded; `python -m tests.golden.house` tells more, and records anew."""

import pytest

from tests.golden.house.parts import PARTS
from tests.golden.house.record import Part, differences, recorded
from tests.golden.house.stored import unread

QUICK = [part for part in PARTS if not (part.slow or part.loose)]
SLOW = [part for part in PARTS if part.slow]
AGAIN = "./run golden record %s"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", QUICK, ids=[part.name for part in QUICK])
def test_a_part_is_as_it_was_recorded(part: Part):
    """Where a difference is meant, record the part again and let the review see what changed."""
    found = differences(recorded(part), part.make())
    assert not found, "\n".join([*found, f"if this is meant: {AGAIN % part.name}"])


@pytest.mark.long
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("part", SLOW, ids=[part.name for part in SLOW])
def test_a_slow_part_is_as_it_was_recorded(part: Part):
    test_a_part_is_as_it_was_recorded(part)


def test_what_is_stored_can_be_read():
    """A store that was written before its classes moved, or got a field with a default, still opens."""
    (stored,) = (part for part in PARTS if part.name == "stored")
    assert unread(recorded(stored)) == []


def test_a_difference_is_shown():
    """A change of one word, a document that is new and one that is gone each have their lines."""
    before = {"satu": "a\nb\nc", "dua": "x"}
    after = {"satu": "a\nB\nc", "tiga": "y"}
    assert differences(before, before) == []
    assert differences(before, after) == [
        "--- dua (gone)",
        "@@ -1 +0,0 @@",
        "-x",
        "--- satu",
        "@@ -1,3 +1,3 @@",
        " a",
        "-b",
        "+B",
        " c",
        "--- tiga (new)",
        "@@ -0,0 +1 @@",
        "+y",
    ]
