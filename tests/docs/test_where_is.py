"""The answers to a newcomer's questions lead to a file that there is, and to a name in it."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
QUESTIONS = yaml.safe_load(Path(__file__).with_name("where_is.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("one", QUESTIONS, ids=[one["question"] for one in QUESTIONS])
def test_the_answer_is_where_it_is_said_to_be(one: dict[str, str]):
    path, _, name = one["answer"].partition(" ")
    text = (ROOT / path).read_text(encoding="utf-8")
    assert not name or re.search(rf"^(?:async def |def |class )?{name}\b", text, re.MULTILINE)


def test_there_are_twenty_questions():
    assert len({one["question"] for one in QUESTIONS}) == 20
