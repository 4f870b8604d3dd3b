"""`siaga audit`: a flipped byte, a removed and an inserted entry are found, in the log and in an alert's history."""

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import redis

from engine import cli
from engine.app import open_siaga
from engine.core.judging.instant import MINUTE, parse_instant
from engine.people.tokens import Scope
from engine.settings import load
from engine.store.redis.embedded import EmbeddedServer

ROOT = Path(__file__).parents[3]
NATION = Scope(desks=("*",), rights=frozenset(("submit",)), region="00", token_id="t")
START, _ = parse_instant("2024-10-01T08:00:00+08:00")
LOG = "{siaga:siaga}:log:audit"


@pytest.fixture
def options(tmp_path) -> list[str]:
    """An installation in which one alert was opened and told."""
    overrides = [
        f"paths.var={tmp_path}",
        "clock.mode=lock_step",
        "log.level=error",
        "clock.start=2024-10-01T08:00:00+08:00",
    ]
    report = {
        "id": "e1",
        "kind": "conflict.death",
        "severity": 4,
        "region": "73.15",
        "occurred_at": "2024-10-01T08:00:00+08:00",
        "source": {"desk": "73.15", "channel": "desk"},
    }

    async def run() -> None:
        async with AsyncExitStack() as stack:
            siaga = await open_siaga(load(ROOT / "config/siaga.yaml", overrides=overrides), stack)
            await siaga.intake.submit(json.dumps(report).encode(), "application/json", NATION)
            await siaga.advance(START + 5 * MINUTE)

    asyncio.run(run())
    return ["--config", str(ROOT / "config/siaga.yaml"), *[part for o in overrides for part in ("--set", o)]]


def siaga(capsys, *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main(list(arguments))
    return ended.value.code, capsys.readouterr().out


@pytest.fixture
def tamper(options, tmp_path):
    """Do something to the server itself, as somebody with access to it would."""

    def do(deed) -> None:
        async def run() -> None:
            server = EmbeddedServer(load(ROOT / "config/siaga.yaml", overrides=[options[3]]).redis_directory)
            where = await server.start()
            try:
                deed(redis.Redis(unix_socket_path=where))
            finally:
                await server.release()

        asyncio.run(run())

    return do


def test_an_untouched_log_is_whole_and_tells_what_was_done(options, capsys):
    code, said = siaga(capsys, "audit", "verify", *options)
    assert (code, said.split(":")[0]) == (0, "Utuh")
    _, listed = siaga(capsys, "audit", "list", "--json", *options)
    whats = [json.loads(line)["what"] for line in listed.splitlines()]
    assert {"directory", "rules", "history"} <= set(whats)
    assert f"{len(whats)} entri" in said


def flip(server) -> None:
    entry = server.lindex(LOG, 3)
    server.lset(LOG, 3, entry[:-3] + bytes([entry[-3] ^ 1]) + entry[-2:])


def remove(server) -> None:
    server.lset(LOG, 4, b"gone")
    server.lrem(LOG, 1, b"gone")


def insert(server) -> None:
    server.linsert(LOG, "BEFORE", server.lindex(LOG, 2), server.lindex(LOG, 1))


def cut_off(server) -> None:
    server.rpop(LOG)


@pytest.mark.parametrize(
    ("deed", "said"),
    [
        (flip, "entry 4, or one before it, was changed, inserted or removed"),
        (remove, "entry 5, or one before it, was changed, inserted or removed"),
        (insert, "entry 3, or one before it, was changed, inserted or removed"),
        (cut_off, "are missing"),
    ],
)
def test_whatever_is_done_to_the_log_is_found(options, capsys, tamper, deed, said):
    tamper(deed)
    code, answer = siaga(capsys, "audit", "verify", "--lang", "en", *options)
    assert code == 1
    assert said in answer


def test_a_history_that_does_not_agree_with_the_log_is_found(options, capsys, tamper):
    def shorten(server) -> None:
        (history,) = server.keys("*:log:history:*")
        server.rpop(history)

    tamper(shorten)
    code, answer = siaga(capsys, "audit", "verify", "--lang", "en", *options)
    assert code == 1
    assert "the history at" in answer


def test_a_log_that_was_written_anew_lacks_the_mark_that_was_kept(options, capsys, tamper):
    _, kept = siaga(capsys, "audit", "head", *options)
    assert siaga(capsys, "audit", "verify", "--head", kept, *options)[0] == 0
    code, answer = siaga(capsys, "audit", "verify", "--head", "f" * 40, "--lang", "en", *options)
    assert code == 1
    assert "written anew" in answer


def test_a_case_is_exported_proved_anywhere_and_the_export_is_in_the_audit(options, capsys, tmp_path):
    _, listed = siaga(capsys, "audit", "list", "--json", *options)
    subjects = [
        entry["subject"] for line in listed.splitlines() if (entry := json.loads(line))["what"] == "history"
    ]
    alert_id, file = subjects[0].partition(".")[0], tmp_path / "kasus.json"
    assert siaga(capsys, "case", "export", alert_id, str(file), *options)[0] == 0
    _, key = siaga(capsys, "case", "key", *options)
    code, said = siaga(capsys, "case", "verify", str(file), "--key", key)
    assert (code, said.partition(":")[0]) == (0, "Sah")
    assert alert_id in said
    file.write_bytes(file.read_bytes().replace(b'"level":4', b'"level":3', 1))
    code, said = siaga(capsys, "case", "verify", str(file), "--lang", "en")
    assert code == 1
    assert "not what was signed" in said
    _, listed = siaga(capsys, "audit", "list", "--subject", alert_id, "--json", *options)
    assert json.loads(listed.splitlines()[-1])["what"] == "exported"
    assert siaga(capsys, "audit", "verify", *options)[0] == 0
