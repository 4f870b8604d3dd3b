"""`siaga explain` on an installation that judged something: which gate held back, and the story of an alert."""

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from engine import cli
from engine.app import open_siaga
from engine.core.judging.instant import parse_instant
from engine.settings import load

ROOT = Path(__file__).parents[3]
START, _ = parse_instant("2024-10-01T08:00:00+08:00")


def test_a_rule_says_which_gate_held_it_back_and_when_the_oldest_leaves(options, said):
    """Two of three: the ids counted, and the end of the oldest one's seven days."""
    asked = ["--group", "73.15", "--at", "2024-10-02 08:00 WITA"]
    lines = said("explain", "rule", "netralitas-berulang", *asked, *options).splitlines()
    assert lines[0] == "netralitas-berulang [73.15] 2024-10-02 08:00:00 WITA"
    assert lines[4] == (
        "  TIDAK  angka mencapai ambang (figure_below_limit): "
        "angka 2, ambang 3, yang tertua keluar 2024-10-08 08:00:00 WITA"
    )
    assert lines[5] == "  dihitung: e0, e1"


def test_an_alert_tells_its_story_from_opening_to_what_comes_next(options, said):
    """Opened, the first step, who was told, and the instant of the next step."""
    gates = json.loads(
        said("explain", "rule", "kekerasan-korban-jiwa", "--group", "73.15", "--json", *options)
    )
    assert [(gate["name"], gate["passed"]) for gate in gates["gates"]] == [
        ("effective", True),
        ("active", True),
        ("already_open", False),
    ]
    alert = asyncio.run(only_alert(options))
    story = said("explain", "alert", alert, *options)
    assert "opened" in story
    assert "step_started" in story
    assert story.splitlines()[-1] == "berikutnya: 2024-10-01 10:10:00 WITA"


async def only_alert(options: list[str]) -> str:
    overrides = [value for flag, value in zip(options[::2], options[1::2], strict=True) if flag == "--set"]
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(load(ROOT / "config/siaga.yaml", overrides=overrides), stack)
        (alert,) = await siaga.desk.alerts()
        return alert.id


def test_what_is_not_there_is_said_with_what_is(options, capsys):
    """An unknown rule names the rules there are; the exit code is 2."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["explain", "rule", "netralitas", "--group", "73.15", *options])
    assert ended.value.code == 2
    assert "netralitas-berulang" in capsys.readouterr().err
