"""A machine with another secret key does not start, nor one whose key others read; clocks that went back are reported.

Two machines around one store made two keys, and links of the one were dead at the other without a word.
"""

import base64
import json
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import structlog

from engine import cli
from engine.app import Siaga, open_siaga
from engine.bootstrap import clock_of
from engine.clock import LONGEST_LEAD_MS, WallClock
from engine.core.judging.instant import HOUR, MINUTE
from engine.errors import ConfigurationError
from engine.escalation.internal_alerts import OWN
from engine.settings import Settings
from engine.store.memory import MemoryStore
from tests.acceptance.test_clock_jumps import START, Times

ROOT = Path(__file__).parents[2]
OLD, NEW, FOREIGN = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2, 3))
ROLES = ("intake", "evaluator", "escalator", "dispatcher", "auditor")


class Place:
    """One machine: a folder with a key, around a store that others share."""

    def __init__(self, folder: Path, store: MemoryStore) -> None:
        self._folder, self._store = folder, store

    @property
    def key(self) -> Path:
        return self._folder / "secret.key"

    def put_key(self, *keys: str, mode: int = 0o600) -> None:
        self._folder.mkdir(exist_ok=True)
        self.key.write_text("\n".join(keys))
        self.key.chmod(mode)

    async def start(self, *roles: str) -> None:
        """Start and end again."""
        paths = {"var": str(self._folder)}
        apart = {"roles": roles, "redis": {"url": "redis://127.0.0.1:1"}} if roles else {}
        settings = Settings.model_validate({"paths": paths} | apart, context={"home": ROOT})
        async with AsyncExitStack() as stack:
            await open_siaga(settings, stack, store=self._store, clock=WallClock())


@pytest.fixture(autouse=True)
def _no_key_in_the_environment(monkeypatch) -> None:
    monkeypatch.delenv("SIAGA_KEY", raising=False)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def one(tmp_path: Path, store: MemoryStore) -> Place:
    return Place(tmp_path / "one", store)


@pytest.fixture
def other(tmp_path: Path, store: MemoryStore) -> Place:
    return Place(tmp_path / "other", store)


@pytest.mark.parametrize("role", [(), *((role,) for role in ROLES)], ids=str)
async def test_another_key_is_refused_whatever_the_process_does(one: Place, other: Place, role) -> None:
    """With why and what to do; the key stays as it is."""
    one.put_key(OLD)
    other.put_key(FOREIGN)
    await one.start()
    with pytest.raises(
        ConfigurationError, match=r"begun with another key.*Copy secret\.key.*siaga key adopt"
    ):
        await other.start(*role)
    assert other.key.read_text() == FOREIGN
    other.put_key(OLD)
    await other.start(*role)


async def test_a_machine_without_a_key_makes_none_beside_the_one_that_is_known(
    one: Place, other: Place
) -> None:
    """The first machine makes one; a second one asks for it."""
    await one.start()
    with pytest.raises(ConfigurationError, match="does not exist, and the store was begun with another key"):
        await other.start()
    assert not other.key.exists()
    other.put_key(one.key.read_text())
    await other.start()


async def test_a_key_is_replaced_on_one_machine_after_the_other(one: Place, other: Place) -> None:
    """First all know the new one, then it becomes the first; a machine that has the old one alone is refused."""
    one.put_key(OLD)
    await one.start()
    for place in (one, other):
        place.put_key(OLD, NEW)
        await place.start()
    one.put_key(NEW, OLD)
    await one.start()
    await other.start()  # still in the old order: it opens what the other makes
    await one.start()
    other.put_key(OLD)
    with pytest.raises(ConfigurationError, match="replaced on another machine"):
        await other.start()
    for place in (one, other):
        place.put_key(NEW)
        await place.start()


async def test_the_store_can_make_no_link(one: Place, store: MemoryStore) -> None:
    """It keeps neither the key nor anything that a guess of another use of the key would give."""
    one.put_key(OLD)
    await one.start()
    kept = b"".join([record.value for record in (await store.scan("installation")).values()])
    raw = base64.b64decode(OLD)
    assert kept
    assert not any(part in kept for part in (raw, OLD.encode(), raw.hex().encode()))


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
async def test_a_key_that_others_can_read_stops_the_start(one: Place, mode: int) -> None:
    """With the remedy."""
    one.put_key(OLD, mode=mode)
    with pytest.raises(ConfigurationError, match=rf"can be read by others \(mode {mode:04o}\): chmod 600"):
        await one.start()
    one.put_key(OLD)
    await one.start()


# --- the commands ---------------------------------------------------------------------------------------------------


@pytest.fixture
def var() -> Iterator[Path]:
    # A short path: a socket's may have 107 bytes, and pytest's own folders are deep.
    with tempfile.TemporaryDirectory(prefix="siaga-test-") as home:
        yield Path(home) / "var"


def siaga(var: Path, *words: str) -> int:
    options = [
        "--config",
        str(ROOT / "config/siaga.yaml"),
        "--set",
        f"paths.var={var}",
        "--set",
        "http.port=0",
    ]
    with pytest.raises(SystemExit) as ended:
        cli.main([*words, *options])
    return ended.value.code


def test_doctor_and_key_show_name_another_key_and_adopt_begins_with_it(var: Path, capsys) -> None:
    """A lost key: all that it made is dead, and Siaga starts again."""

    def faults() -> list[str]:
        capsys.readouterr()
        siaga(var, "doctor", "--format", "json")
        verdicts = json.loads(capsys.readouterr().out)
        return [one["says"] for one in verdicts if (one["area"], one["state"]) == ("key", "fault")]

    assert siaga(var, "key", "adopt") == 0
    assert faults() == []
    key = var / "secret.key"
    key.write_bytes(base64.b64encode(secrets.token_bytes(32)))
    [said] = faults()
    assert said.startswith("the store was begun with another key")
    assert siaga(var, "key", "show") == 1
    assert siaga(var, "key", "adopt") == 0
    assert faults() == []
    capsys.readouterr()
    assert siaga(var, "key", "show") == 0
    shown = [line.split()[0] for line in capsys.readouterr().out.splitlines()[:2]]
    assert shown[0] == shown[1]
    key.unlink()
    [said] = faults()
    assert said.startswith("the store was begun with another key")


# --- the clock ------------------------------------------------------------------------------------------------------


async def own_alerts(siaga: Siaga) -> int:
    """Beat once, and return how many own alerts were asked for by it."""
    before = dict(await siaga.store.planned(OWN))
    with structlog.testing.capture_logs() as logs:
        await siaga.upkeep.pulse.beat()
    asked = {member for member in await siaga.store.planned(OWN) if member not in before}
    assert bool(asked) == any(line["event"] == "clock_jumped" for line in logs)
    return len(asked)


def clock_at(times: Times, not_before: int = 0) -> WallClock:
    return WallClock(not_before, wall_ns=times.wall_ns, monotonic_ns=times.monotonic_ns)


@pytest.mark.parametrize("back", [HOUR, LONGEST_LEAD_MS + HOUR, 400 * 24 * HOUR])
async def test_a_start_behind_the_store_is_reported(tmp_path: Path, store: MemoryStore, back: int) -> None:
    """However far: one that is too far behind to go on from there was silent."""
    settings = Settings.model_validate({"paths": {"var": str(tmp_path)}}, context={"home": ROOT})
    times = Times()
    async with AsyncExitStack() as stack:
        first = await open_siaga(settings, stack, store=store, clock=clock_at(times))
        await first.upkeep.pulse.beat()
    times.ahead = -back
    assert await clock_of(settings, store) is not None
    async with AsyncExitStack() as stack:
        again = await open_siaga(settings, stack, store=store, clock=clock_at(times, START))
        assert await own_alerts(again) == 1
        assert await own_alerts(again) == 0  # once for each jump


@pytest.mark.parametrize("way", [-1, 1])
async def test_a_second_jump_is_reported_too(tmp_path: Path, store: MemoryStore, way: int) -> None:
    """In either direction; the first one of an hour does not hide the next."""
    settings = Settings.model_validate({"paths": {"var": str(tmp_path)}}, context={"home": ROOT})
    times = Times()
    async with AsyncExitStack() as stack:
        opened = await open_siaga(settings, stack, store=store, clock=clock_at(times))
        assert await own_alerts(opened) == 0
        for number in range(1, 3):
            times.measured += 5_000_000_000
            times.ahead = way * number * HOUR
            with structlog.testing.capture_logs() as logs:
                await opened.upkeep.pulse.beat()
            [line] = [line for line in logs if line["event"] == "clock_jumped"]
            assert abs(line["ahead_ms"] - way * number * HOUR) < MINUTE
    assert line["direction"] == ("forward" if way > 0 else "back")
