"""`siaga records`: what cannot be read is listed with what helps, and helped."""

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from engine import cli
from engine.app import open_siaga
from engine.cli.common.storage import storage
from engine.settings import Settings, load
from engine.store.port import Put, Write
from tests.integration.cli.conftest import START

ROOT = Path(__file__).parents[3]
BAD = b"\x01\xc1"


@pytest.fixture
def settings(options) -> Settings:
    overrides = [one for one in options[2:] if one != "--set"]
    return load(ROOT / "config/siaga.yaml", overrides=overrides)


def corrupt(settings: Settings, *records: tuple[str, str]) -> None:
    async def work() -> None:
        async with storage(settings) as store:
            puts = tuple(Put(table, id_, BAD) for table, id_ in records)
            await store.write(Write(name="forget", puts=puts))

    asyncio.run(work())


def groups(settings: Settings) -> list[str]:
    async def work() -> list[str]:
        async with storage(settings) as store:
            return sorted(await store.scan("groups"))

    return asyncio.run(work())


def judge(settings: Settings) -> None:
    """Let the service run for a moment."""

    async def work() -> None:
        async with AsyncExitStack() as stack:
            siaga = await open_siaga(settings, stack)
            await siaga.advance(max(START, siaga.clock.now()) + 60_000)

    asyncio.run(work())


def test_where_all_is_well_nothing_is_listed(said, options, capsys):
    capsys.readouterr()
    assert said("records", "list", *options) == ""


def test_an_unreadable_group_and_user_are_listed_with_what_helps_and_helped(said, options, settings, capsys):
    group = next(one for one in groups(settings) if "kekerasan" in one)
    corrupt(settings, ("groups", group), ("users", "lama"))
    capsys.readouterr()
    shown = [json.loads(line) for line in said("records", "list", "--json", *options).splitlines()]
    assert {row["record"]: row["remedy"] for row in shown} == {
        f"groups/{group}": "rebuild",
        "users/lama": "remove",
    }
    table = said("records", "list", *options)
    assert f"groups/{group}" in table
    said("records", "rebuild", f"groups/{group}", *options)
    said("records", "remove", "users/lama", "--yes", *options)
    judge(settings)
    capsys.readouterr()
    assert said("records", "list", *options) == ""


def test_what_can_be_read_is_not_removed(options, settings, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["records", "remove", f"groups/{groups(settings)[0]}", "--yes", *options])
    assert ended.value.code == 1
    assert "can be read" in capsys.readouterr().err
