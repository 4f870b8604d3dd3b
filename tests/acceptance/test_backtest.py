"""`siaga backtest`: the events of 2024 past the shipped rules, and past a copy with one changed threshold."""

import asyncio
import json
import shutil
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.app import open_siaga
from engine.cli import app
from engine.core.judging.instant import MINUTE
from engine.errors import ConfigurationError
from engine.people.tokens import Scope
from engine.settings import load
from engine.simulation.backtest import Backtest
from engine.simulation.replay import AFTERWARDS, Recording, read_events
from engine.store.memory import MemoryStore

HOME = Path(__file__).parents[2]
CONFIG = HOME / "config" / "siaga.yaml"
SCENARIO = HOME / "config" / "demo" / "pilkada-2024.jsonl"


FEWER = {
    **{
        (role, code): 2
        for role in ("asisten_pem", "bpbd", "kepala_daerah", "sekda")
        for code in ("12.07", "12.75")
    },
    **{(role, "00"): 8 for role in ("dirjen_otda", "posko_nasional", "wamendagri")},
    ("asisten_pem", "12"): 8,
    ("sekda", "12"): 12,
}
"""E-mails and SMS of both alerts when nobody answers: step 1, steps 2 and 3 twice, then `unreachable`.

The sekda of the province was informed of step 1, and the national posko of the beginning and the end.
"""


def command(*words: str, code: int = 0):
    """Run the command on the facts of 2024, unless other events are named; return what it printed."""
    events = () if "--events" in words else ("--events", str(SCENARIO))
    done = CliRunner().invoke(app, ["backtest", "--config", str(CONFIG), *events, *words])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done


async def backtest(**how):
    run = Backtest(load(CONFIG), Recording(SCENARIO).part(), **how)
    return await run.run(run.rule_set())


def copy_of_rules(tmp_path: Path, name: str, before: str, after: str) -> Path:
    """Copy the rules with one threshold changed."""
    rules = tmp_path / "rules"
    shutil.copytree(HOME / "rules", rules)
    file = rules / name
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == 1
    file.write_text(text.replace(before, after), encoding="utf-8")
    return rules


async def test_live_equals_backtest(tmp_path):
    """The service itself, fed event by event as `siaga demo` is but without answers, opens the same alerts.

    Law: docs/specification/trust.md#same-openings-everywhere.
    """
    overrides = [
        f"paths.var={tmp_path}",
        "clock.mode=lock_step",
        f"gateways.outbox.directory={tmp_path / 'out'}",
    ]
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(load(CONFIG, overrides=overrides), stack, store=MemoryStore())
        scope = Scope(desks=("*",), rights=frozenset(("submit",)), region="00", token_id="demo")
        at = 0
        for recorded in read_events(SCENARIO):
            at = recorded.at
            await siaga.advance(at)
            await siaga.intake.submit(recorded.event, "application/json", scope)
            await siaga.advance(at)
        await siaga.advance(at + AFTERWARDS)
        live = [
            (a.rule.id, a.group, a.ordinal, a.happened_at, a.detected_at, a.level)
            for a in await siaga.desk.alerts()
        ]
        summary = await siaga.desk.summary()
    ledger = await backtest()
    assert live
    assert sorted(live) == sorted(
        (c.rule, c.group, c.ordinal, c.happened_at, c.detected_at, c.level) for c in ledger.courses
    )
    sms = sum(one.channel == "sms" for one in ledger.told)
    assert sms == summary.notifications["sms"]["sent"]


def test_one_changed_threshold_shows_what_it_does(tmp_path):
    """With 35 instead of 20 TPS, Deli Serdang (31) and Binjai (20) open no alert; Medan and Yahukimo do as before."""
    before = "watch: {kind: voting.postponed, metrics.tps: {at_least: 20}}"
    rules = copy_of_rules(tmp_path, "bencana.yaml", before, before.replace("20", "35"))
    found = json.loads(command("--against", str(rules), "--format", "json").stdout)["difference"]
    gone = [(one["rule"], one["group"]) for one in found["only_before"]]
    assert gone == [("pemungutan-tertunda", "12.07"), ("pemungutan-tertunda", "12.75")]
    assert (found["only_after"], found["redated"], found["level_changed"]) == ([], [], [])
    fewer = {(one["role"], one["region"]): one["fewer"] for one in found["recipients"]}
    assert fewer == FEWER
    assert all(one["more"] == one["earlier"] == one["later"] == 0 for one in found["recipients"])
    assert (found["messages"], found["sms_parts"]) == (-sum(fewer.values()), -sum(fewer.values()) // 2)
    text = command("--against", str(rules), "--lang", "en").stdout
    assert "  - gone: pemungutan-tertunda [12.07 Kab. Deli Serdang] awas, 2024-11-27 18.00 WIB\n" in text
    assert f"Messages -{sum(fewer.values())}, SMS parts -{sum(fewer.values()) // 2}\n" in text


def test_a_lower_threshold_tells_people_earlier(tmp_path):
    """Kota Bima: of one unrest on 18 November, not only when somebody died on the 21st; Puncak Jaya a day before."""
    before = "count: {at_least: 2, within: 4d}"
    rules = copy_of_rules(tmp_path, "ketertiban.yaml", before, before.replace("2", "1"))
    found = json.loads(command("--against", str(rules), "--format", "json").stdout)["difference"]
    dates = [
        (pair["after"]["group"], pair["before"]["happened_at"][:10], pair["after"]["happened_at"][:10])
        for pair in found["redated"]
    ]
    assert dates == [("52.72", "2024-11-21", "2024-11-18"), ("94.02", "2024-11-28", "2024-11-27")]
    bima = [one for one in found["recipients"] if one["region"] == "52.72"]
    assert {one["role"]: one["earlier"] for one in bima} == {"kesbangpol": 2, "satpolpp": 2, "sekda": 2}
    assert all(one["fewer"] == one["later"] == 0 for one in found["recipients"])


def test_the_same_rules_change_nothing():
    done = command("--against", str(HOME / "rules"), "--lang", "en")
    assert "Nothing changes.\n" in done.stdout
    assert "115/115" in done.stderr


async def test_with_answers_every_alert_finds_its_end():
    """Whoever takes a matter spares the posko the message that nobody does, and settles it in the end."""
    silent, answered = await backtest(), await backtest(answers=5 * MINUTE)
    unheard, heard = (
        {one.alert for one in run.told if one.kind == "unreachable"} for run in (silent, answered)
    )
    assert unheard >= {course.id for course in silent.courses if course.closed_at is None} > set()
    assert heard == set()
    assert all(course.closed_at is not None for course in answered.courses)


def test_messages_are_counted_by_role_and_region():
    """Nobody is named: neither persons nor addresses are printed."""
    done = command("--format", "json")
    recipients = json.loads(done.stdout)["run"]["messages"]
    ledger = asyncio.run(backtest())
    assert sum(sum(one["channels"].values()) for one in recipients) == len(ledger.told)
    people = {one.person for one in ledger.told}
    assert people
    assert not [person for person in people if f'"{person}"' in done.stdout]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--answers", "recorded"), "only this installation"),
        (("--answers", "after:soon"), "not a duration"),
        (("--answers", "all"), "after:30m"),
        (("--from", "yesterday"), "--from yesterday"),
        (("--from", "2030-01-01T00:00:00Z"), "no event"),
        (("--events", "nothing.jsonl"), "cannot be read"),
    ],
)
def test_wrong_usage_is_said_in_one_line(words, said):
    with pytest.raises(ConfigurationError, match=said):
        command(*words)


def test_a_line_that_is_no_event_is_named_and_the_run_not_whole(tmp_path):
    file = tmp_path / "events.jsonl"
    first = SCENARIO.read_text(encoding="utf-8").splitlines()[0]
    file.write_text(first + '\n{"received_at": "2024-11-27T07:00:00Z"}\n', encoding="utf-8")
    done = command("--events", str(file), "--lang", "en", code=1)
    assert "1 accepted, 0 repeats, 1 in quarantine" in done.stdout
    assert "  line 2: id missing\n" in done.stdout


def test_a_folder_without_rules_is_not_run(tmp_path):
    with pytest.raises(ConfigurationError, match="there is no rule file"):
        command("--against", str(tmp_path))
