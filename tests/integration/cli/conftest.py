"""Commands on an installation that judged something; each leaves the log of the process as it found it."""

import asyncio
import json
import logging
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import structlog

from engine import cli
from engine.app import open_siaga
from engine.core.judging.instant import HOUR, MINUTE, parse_instant
from engine.people.tokens import Scope
from engine.settings import load

ROOT = Path(__file__).parents[3]
NATION = Scope(desks=("*",), rights=frozenset(("submit",)), region="00", token_id="t")
START, _ = parse_instant("2024-10-01T08:00:00+08:00")


@pytest.fixture(autouse=True)
def log_as_found():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def report(number: int, kind: str, **more) -> dict:
    at = f"2024-10-01T{8 + number:02}:00:00+08:00"
    source = {"desk": "73.15", "channel": "desk"}
    return {
        "id": f"e{number}",
        "kind": kind,
        "severity": 2,
        "region": "73.15",
        "occurred_at": at,
        "source": source,
    } | more


@pytest.fixture
def options(tmp_path) -> list[str]:
    """An installation with two reports of different incidents, and one death, judged and told."""
    overrides = [
        f"paths.var={tmp_path}",
        "clock.mode=lock_step",
        "log.level=error",
        "clock.start=2024-10-01T07:00:00+08:00",
    ]

    async def run() -> None:
        async with AsyncExitStack() as stack:
            siaga = await open_siaga(load(ROOT / "config/siaga.yaml", overrides=overrides), stack)
            for event in (
                report(0, "neutrality.asn", incident="a"),
                report(1, "neutrality.asn", incident="b"),
                report(2, "conflict.death"),
            ):
                await siaga.advance(parse_instant(event["occurred_at"])[0])
                await siaga.intake.submit(json.dumps(event).encode(), "application/json", NATION)
            await siaga.advance(START + 2 * HOUR + 5 * MINUTE)

    asyncio.run(run())
    return ["--config", str(ROOT / "config/siaga.yaml"), *[part for o in overrides for part in ("--set", o)]]


@pytest.fixture
def said(capsys):
    """Run a command that must work, and return what it printed."""

    def run(*arguments: str) -> str:
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        printed = capsys.readouterr()
        assert ended.value.code == 0, printed.err
        return printed.out

    return run
