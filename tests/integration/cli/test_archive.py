"""`siaga archive` on an installation whose stream was trimmed: verified, exported, damaged."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from engine import cli
from engine.app import open_siaga
from engine.core.judging.instant import DAY, parse_instant
from engine.operations.event_archiver import EventArchiver
from engine.people.tokens import Scope
from engine.settings import load
from engine.store.archive.events import Archive

ROOT = Path(__file__).parents[3]
NATION = Scope(desks=("*",), rights=frozenset(("submit",)), region="00", token_id="t")
START, _ = parse_instant("2024-10-01T08:00:00+08:00")


def report(number: int) -> dict:
    return {
        "id": f"e{number}",
        "kind": "neutrality.asn",
        "severity": 2,
        "region": "73.15",
        "occurred_at": f"2024-10-{1 + number:02}T08:00:00+08:00",
        "source": {"desk": "73.15", "channel": "desk"},
        "reported_at": f"2024-10-{1 + number:02}T08:30:00+09:00",
        "metrics": {"count": number},
        "photos": ["a", "b"],
    }


@pytest.fixture
def var(tmp_path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def options(var) -> list[str]:
    """Eight days with a report each, all but the last four gone from the stream."""
    overrides = [
        f"paths.var={var}",
        "clock.mode=lock_step",
        "log.level=error",
        "clock.start=2024-10-01T07:00:00+08:00",
    ]
    settings = load(ROOT / "config/siaga.yaml", overrides=overrides)

    async def run() -> None:
        async with AsyncExitStack() as stack:
            siaga = await open_siaga(settings, stack)
            for number in range(8):
                await siaga.advance(START + number * DAY + DAY // 24)
                await siaga.intake.submit(json.dumps(report(number)).encode(), "application/json", NATION)
            await siaga.advance(START + 8 * DAY)
            archive = Archive(var / "archive", "siaga")
            archivist = EventArchiver(siaga.store, siaga.clock, siaga.metrics, archive, lambda: 4 * DAY)
            while await archivist.turn():
                pass
            archivist.release()
            assert len(await siaga.store.read("0-0", 100)) == 4

    asyncio.run(run())
    return ["--config", str(ROOT / "config/siaga.yaml"), *[part for o in overrides for part in ("--set", o)]]


def said(capsys, *arguments: str, code: int = 0) -> str:
    with pytest.raises(SystemExit) as ended:
        cli.main(["archive", *arguments])
    printed = capsys.readouterr()
    assert ended.value.code == code, printed.err
    return printed.out


def test_a_whole_archive_is_said_to_be_whole(capsys, options):
    shown = said(capsys, "verify", *options, "--lang", "en")
    assert re.search(r"^The archive is whole: \d+ files, \d+ entries, 8 events$", shown, re.MULTILINE)
    assert "Arsip utuh: " in said(capsys, "verify", *options)


def test_a_damage_is_told_with_its_place(capsys, options, var):
    path = var / "archive" / "2024-10-05.jsonl.gz"
    content = bytearray(path.read_bytes())
    content[60] ^= 1
    path.write_bytes(content)
    (var / "archive" / "2024-10-08.jsonl.gz").unlink()
    shown = said(capsys, "verify", *options, "--lang", "en", code=1)
    assert "  2024-10-05.jsonl.gz, after line 0: bytes of the file were changed\n" in shown
    assert "  2024-10-07.jsonl.gz, after line 2: what the store says is archived is not there\n" in shown


def test_what_is_exported_is_what_came_in(capsys, options, tmp_path):
    """The same documents, from archive and stream, in the offsets of their region.

    Law: docs/specification/rules.md#exports.
    """
    file = tmp_path / "out.jsonl"
    said(capsys, "export", *options, "--from", "2024-10-03 00:00 WITA", "--output", str(file))
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for number, line in enumerate(lines, start=2):
        sent = report(number)
        assert line.pop("received_at") == f"2024-10-{1 + number:02}T09:00:00+08:00"
        assert line.pop("reported_at") == f"2024-10-{1 + number:02}T07:30:00+08:00"
        del sent["reported_at"]
        sent["source"]["token"] = "token:t"  # Siaga names the credential; a sender cannot
        assert line == sent | {"photos": {"0": "a", "1": "b"}}
    assert len(lines) == 6


def test_a_backtest_without_a_file_takes_what_was_received(capsys, options):
    """From the archive and the stream, and of a span of them."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["backtest", *options, "--lang", "en", "--answers", "recorded"])
    assert (ended.value.code, "Events: 8 accepted, 0 repeats" in capsys.readouterr().out) == (0, True)
    span = ["--from", "2024-10-03 00:00 WITA", "--to", "2024-10-06 00:00 WITA"]
    with pytest.raises(SystemExit) as ended:
        cli.main(["backtest", *options, "--lang", "en", *span, "--against", str(ROOT / "rules")])
    printed = capsys.readouterr().out
    assert (ended.value.code, "Events: 3 accepted" in printed, "Nothing changes." in printed) == (
        0,
        True,
        True,
    )
