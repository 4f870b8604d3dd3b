"""Killed at any write, any mail and any answer of a gateway, the service ends as the undisturbed one.

`docs/reliability.md` tells how many cases there are. A write that the scenario does not do fails the first test: give
it its occasion in `acts`.
"""

import random
import re
from collections import Counter
from itertools import product
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from engine.people.proposal_records import ProposalStep
from engine.records.quarantine_acts import QuarantineAct
from engine.store.backup.copy import name_of
from engine.store.write_names import ServiceWrite, StreamWrite
from tests.crash.acts import ACTS, guesses, keys
from tests.crash.cases import deaths, faults, outcome
from tests.crash.story import differences
from tests.crash.world import ANSWER, DATA, Death, World

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

POINTS = {*get_args(ServiceWrite), *get_args(StreamWrite), DATA, ANSWER}
SIDES = ("before", "after")
SAMPLE = 5


async def test_every_named_write_has_its_occasion(world: World) -> None:
    """The list in `store.write_names` is that of the crash points, and each of them is crossed on both sides."""
    crossed = {point for left in world.undisturbed for point in left.crossed}
    assert crossed == set(product(POINTS, SIDES))
    assert all(left.ends == [0] for left in world.undisturbed)


SINCE_THE_TRIALS = {
    "token_storm": {"troubles"},
    "sweep_codes": {"umbrella", "taken_back", "guesses"},
    "backed_up": {"archive"},
    "propose": {"rules", "proposals", "two_people"},
    "decide_proposal": {"proposals", "two_people"},
    "disown_token": {"keys", "disowned"},
    "key": {"begin"},
    "mend_record": {"mend"},
    "case_archived": {"forget"},
    "expire": {"forget"},
    "forget_identities": {"forget"},
    "index_alerts": {"begin"},
    "index_quarantine": {"begin"},
    "key_links": {"begin"},
}
"""The names that came with the defects found by the trials, and the acts that must cross each of them."""


async def test_every_write_that_came_with_the_trials_is_crossed_by_its_acts(world: World) -> None:
    """Whoever takes one of these acts away, or its write out of it, sees it here."""
    assert SINCE_THE_TRIALS.keys() <= POINTS
    crossing = {
        name: {
            act.__name__
            for act, left in zip(ACTS, world.undisturbed, strict=True)
            if (name, "after") in left.crossed
        }
        for name in SINCE_THE_TRIALS
    }
    assert {name: acts - crossing[name] for name, acts in SINCE_THE_TRIALS.items()} == {
        name: set() for name in SINCE_THE_TRIALS
    }


NEVER_BY_PEOPLE = {"redacted", "resubmitted", "compared", "lapsed", "postponed", "not_told"}
"""A record sent as it was, one that an erasure redacted, and four steps of the write `decide_proposal`."""


async def test_each_step_of_a_proposal_and_each_act_with_the_quarantine_is_in_the_scenario(
    world: World,
) -> None:
    """The same write stands for several of them, so the name alone would not show that one is missing."""
    entries = [msgspec.json.decode(entry) for entry in world.undisturbed[-1].story["log audit"]]
    done = {
        subject.rpartition("/")[2] for _, what, subject, *_ in entries if what in ("proposal", "quarantine")
    }
    assert done == {*get_args(ProposalStep), *get_args(QuarantineAct)} - NEVER_BY_PEOPLE
    said = {what for _, what, *_ in entries}
    assert {"stop_asked", "code_guessed", "directory", "rules", "silence", "erased"} <= said


async def test_alerts_are_taken_back_reopened_and_refuted_by_a_disowned_token(world: World) -> None:
    """What people do with an alert, by its history and record."""
    story = world.undisturbed[ACTS.index(guesses)].story
    entries = [entry for key, log in story.items() if key.startswith("log history:") for entry in log]
    reopened = [entry["by"] for entry in entries if entry["name"] == "reopened"]
    assert sorted(by.partition(":")[0] for by in reopened) == ["phone", "token"]
    alerts = [record for key, record in story.items() if key.startswith("alerts ")]
    refuted = [alert["id"] for alert in alerts if alert.get("resolved_reason") == "refuted"]
    told = {
        record["alert"]
        for key, record in story.items()
        if key.startswith("notifications ") and record["kind"] == "correction"
    }
    assert len(refuted) == 2
    assert set(refuted) <= told


INVENTORY = Path(__file__).parents[2] / "docs" / "retention.md"


async def test_the_inventory_of_what_stays_how_long_has_every_key_of_a_filled_store(world: World) -> None:
    """What the acts left at any time, by the names under which a backup counts it."""
    rows = [line.split("|") for line in INVENTORY.read_text().splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`([a-z_:]+)`", row[1])}
    assert all(row[2].strip() and row[3].strip() for row in rows)
    base = world.base.encode() + b":"
    copied = [checkpoint.store for checkpoint in world.checkpoints] + [await world.copied()]
    there = {name_of(key.removeprefix(base).decode()) for store in copied for key in store}
    assert there - named == set()
    assert len(there) > 30
    constants = [text for file in sorted(ENGINE.rglob("*.py")) for text in NAMES.findall(file.read_text())]
    assert {f"{kind.lower()}:{name}" for name, kind in constants} - named == set()
    assert len(constants) > 25


ENGINE = Path(__file__).parents[2] / "engine"
NAMES = re.compile(r'^[A-Z_]+ = "([a-z_]+)"\n"""(Table|Schedule|Log)\b', re.MULTILINE)
"""Constants that name something of the store, and what their words say it is."""


async def test_clean_restarts_change_nothing(world: World) -> None:
    """One life for all acts behind the keys, which are random and stand in the audit, ends as one for each act."""
    after = ACTS.index(keys) + 1
    left = await world.run(after, end=len(ACTS))
    assert left.ends == [0]
    assert differences(world.undisturbed[-1].story, left.story) == []
    assert left.messages == sum((calm.messages for calm in world.undisturbed[after:]), start=Counter())


async def test_a_sample_of_kills_changes_nothing(world: World) -> None:
    """Other points at each run; the seed in the head of the run brings them back."""
    cases = [(act, death) for act, left in enumerate(world.undisturbed) for death in deaths(left)]
    found = []
    for act, death in random.sample(cases, SAMPLE):
        found += await outcome(world, act, death)
    assert found == []


@pytest.mark.parametrize(
    ("act", "death"),
    [
        ("clash", Death("attempted", "before")),
        ("clash", Death(DATA, "after")),
        ("clash", Death(ANSWER, "after")),
        ("summary", Death("settle_digest", "before")),
    ],
    ids=str,
)
async def test_two_kills_at_the_worst_moment_repeat_twice(world: World, act: str, death: Death) -> None:
    """The same point again, in the life that goes on: at most one repeat for each kill."""
    number = [one.__name__ for one in ACTS].index(act)
    left = await world.run(number, death, death)
    assert faults(world, number, left, kills=2) == []
