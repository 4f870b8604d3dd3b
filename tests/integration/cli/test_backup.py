"""A backup, rehearsed: an installation is brought into a second one in the middle of 2024, and both end the same."""

import asyncio
import tarfile
import tempfile
from collections import Counter
from contextlib import AsyncExitStack, aclosing
from pathlib import Path

import pytest

from engine import cli
from engine.app import Siaga, open_siaga
from engine.core.judging.instant import DAY, MINUTE
from engine.operations import audit_proof
from engine.operations.case_archiver import CaseArchiver
from engine.operations.event_archiver import EventArchiver
from engine.people.tokens import Scope
from engine.records.statistics import summarise, take
from engine.runtime.keys import Keys
from engine.settings import load
from engine.settings_sections import RetentionSection
from engine.simulation.replay import RecordedEvent, read_events
from engine.store.archive.events import Archive
from engine.store.backup.copy import Namespace
from tests.integration.cli.few_people import few_people

ROOT = Path(__file__).parents[3]
NATION = Scope(desks=("*",), rights=frozenset(("submit", "verify")), region="00", token_id="t")
FACTS = read_events(ROOT / "config/demo/pilkada-2024.jsonl")
BEFORE, AFTER = FACTS[56:76], FACTS[76:88]


class Installation:
    """An installation in a folder of its own, by a clock moved by hand."""

    def __init__(self, home: Path) -> None:
        self.var = home / "var"
        home.mkdir(exist_ok=True)
        people = few_people(home, "94.02", "52.72", "12.71")
        self.overrides = [
            f"paths.var={self.var}",
            f"paths.directory={people}",
            "clock.mode=lock_step",
            "log.level=error",
        ]
        self.settings = load(ROOT / "config/siaga.yaml", overrides=self.overrides)

    @property
    def options(self) -> list[str]:
        overrides = [part for one in self.overrides for part in ("--set", one)]
        return ["--config", str(ROOT / "config/siaga.yaml"), *overrides]

    async def go_on(self, events: list[RecordedEvent], *, backup: Path | None = None) -> None:
        """Let events come in at their instants; then, while the service is open, archive and back up."""
        async with AsyncExitStack() as stack:
            siaga = await open_siaga(self.settings, stack)
            for event in events:
                await siaga.advance(event.at)
                await siaga.intake.submit(event.event, "application/json", NATION)
            await siaga.advance(events[-1].at + 20 * MINUTE)
            await self._archive(siaga)
            if backup is not None:
                await asyncio.to_thread(
                    cli_ended, "backup", str(backup), "--plain", "--with-key", *self.options
                )

    async def _archive(self, siaga: Siaga) -> None:
        archivist = EventArchiver(
            siaga.store, siaga.clock, siaga.metrics, Archive(self.var / "archive", "siaga"), lambda: 4 * DAY
        )
        while await archivist.turn():
            pass
        archivist.release()
        assert siaga.past is not None
        cases = CaseArchiver(
            siaga.store, siaga.clock, siaga.metrics, siaga.past, Keys(b"k"), RetentionSection(audit_days=1)
        )
        while await cases.turn():
            pass
        cases.release()

    async def stands(self) -> dict[str, object]:
        """Return everything that the store and the archive hold, and what is counted and proved of it."""
        async with AsyncExitStack() as stack:
            siaga = await open_siaga(self.settings, stack)
            census = await take(siaga.store)
            proved = await audit_proof.verify(siaga.store, siaga.past)
            assert proved.fault is None
            assert Archive(self.var / "archive", "siaga").verify().damages == ()
            where = str(self.var / "redis/redis.sock")
            namespace = await stack.enter_async_context(aclosing(Namespace(where, "siaga")))
            held: dict[str, list[bytes]] = {}
            async for part, _ in namespace.parts(await namespace.keys(), Counter()):
                if part.key != "state":  # its epoch tells how many evaluators there were
                    held.setdefault(part.key, []).extend(
                        part.items if part.kind in ("list", "stream") else sorted(pairs(part.items))
                    )
            return {
                "held": held,
                "archive": {path.name: path.read_bytes() for path in (self.var / "archive").rglob("2*")},
                "open": sorted(alert.id for alert in census.alerts if alert.unresolved),
                "due": sorted(census.timers),
                "summary": summarise(census, await siaga.store.counters()),
                "mark": proved.mark,
            }


def pairs(items: tuple[bytes, ...]) -> list[tuple[bytes, bytes]]:
    return list(zip(items[::2], items[1::2], strict=True))


def cli_ended(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    return ended.value.code


@pytest.fixture(scope="module")
def ground():
    # A short path: a socket's may have 107 bytes, and pytest's own folders are deep.
    with tempfile.TemporaryDirectory(prefix="siaga-test-") as home:
        yield Path(home)


@pytest.fixture(scope="module")
def first(ground) -> Installation:
    """Half of 2024 judged and told, then backed up while the service was open."""
    first = Installation(ground / "a")
    asyncio.run(first.go_on(BEFORE, backup=ground / "half.tar.gz"))
    return first


@pytest.fixture
def backup(first, ground) -> Path:
    return ground / "half.tar.gz"


@pytest.fixture
def busy(ground, backup) -> Installation:
    """An installation of this test alone to back up: the store lists its backups, so `first` must have no more."""
    busy = Installation(Path(tempfile.mkdtemp(dir=ground)))
    assert cli_ended("restore", str(backup), *busy.options) == 0
    return busy


@pytest.fixture
def second(ground) -> Installation:
    return Installation(Path(tempfile.mkdtemp(dir=ground)))


def test_both_go_on_to_the_same_end(first, second, backup, capsys):
    """After the second half of 2024 both hold the same, byte for byte, and are proved whole."""
    assert cli_ended("restore", str(backup), *second.options) == 0, capsys.readouterr().err
    assert "days of the archive, with the secret key" in capsys.readouterr().err
    assert second.settings.key_file.stat().st_mode & 0o077 == 0
    assert asyncio.run(second.stands()) == asyncio.run(first.stands())
    for installation in (first, second):
        asyncio.run(installation.go_on(AFTER))
    ended, brought = asyncio.run(first.stands()), asyncio.run(second.stands())
    assert ended["open"]
    assert ended["due"]
    assert len(ended["archive"]) > 1
    assert brought == ended


def test_nothing_is_mixed(first, second, backup, capsys):
    """Where a namespace holds anything, or an archive lies, nothing is restored."""
    assert cli_ended("restore", str(backup), *first.options) == cli.FAILED
    assert "keys already, and a restore never mixes" in capsys.readouterr().err
    (second.var / "archive").mkdir(parents=True)
    (second.var / "archive/2024-01-01.jsonl.gz").write_bytes(b"")
    assert cli_ended("restore", str(backup), *second.options) == cli.FAILED
    assert "holds an archive already" in capsys.readouterr().err
    assert asyncio.run(held(second)) == []


def test_another_key_is_not_overwritten(second, backup, capsys):
    second.settings.key_file.parent.mkdir(parents=True)
    second.settings.key_file.write_text("another")
    assert cli_ended("restore", str(backup), *second.options) == cli.FAILED
    assert "is another key than the backup's" in capsys.readouterr().err
    assert second.settings.key_file.read_text() == "another"
    assert asyncio.run(held(second)) == []


def test_a_backup_without_asking_has_no_key(busy, ground, capsys):
    """It says so, and where to find the key; nobody else may read the file."""
    folder = Path(tempfile.mkdtemp(dir=ground))
    assert cli_ended("backup", str(folder), "--plain", *busy.options) == 0
    printed = capsys.readouterr()
    file = Path(printed.out.strip())
    assert file.parent == folder
    assert f"without {busy.settings.key_file}: keep a copy of it" in printed.err
    with tarfile.open(file) as tar:
        assert "secret.key" not in tar.getnames()
        assert busy.settings.key_file.read_bytes().strip() not in tar.extractfile("store.jsonl").read()
    assert file.stat().st_mode & 0o077 == 0
    assert [path for path in folder.iterdir() if path != file] == []
    assert cli_ended("backup", str(file), "--plain", *busy.options) == cli.FAILED
    assert "is there already" in capsys.readouterr().err


def test_without_a_public_key_nothing_is_written_unless_somebody_says_plain(busy, ground, capsys):
    """Law: docs/specification/trust.md#backups."""
    folder = Path(tempfile.mkdtemp(dir=ground))
    assert cli_ended("backup", str(folder), *busy.options) == cli.WRONG
    assert "siaga backup-key" in capsys.readouterr().err
    assert list(folder.iterdir()) == []
    assert cli_ended("backup", str(folder), "--plain", *busy.options) == 0
    assert "NOT ENCRYPTED" in capsys.readouterr().err


@pytest.fixture
def keys(ground, capsys) -> tuple[Path, str]:
    """An identity, and its public key."""
    identity = Path(tempfile.mkdtemp(dir=ground)) / "identity"
    assert cli_ended("backup-key", str(identity)) == 0
    assert identity.stat().st_mode & 0o077 == 0
    return identity, capsys.readouterr().out.strip()


def test_an_encrypted_backup_opens_with_its_identity_alone(busy, second, ground, keys, capsys):
    """No phone or mailbox lies in the file or is left beside it; a restore brings the same as a plain one."""
    identity, public = keys
    folder = Path(tempfile.mkdtemp(dir=ground))
    setting = ("--set", f"backup.recipients={public}")
    assert cli_ended("backup", str(folder), "--with-key", *setting, *busy.options) == 0, (
        capsys.readouterr().err
    )
    (file,) = folder.iterdir()
    assert Path(capsys.readouterr().out.strip()) == file
    assert file.name.endswith(".tar.gz.age")
    assert file.stat().st_mode & 0o077 == 0
    content = file.read_bytes()
    assert content.startswith(b"age-encryption.org/v1\n")
    assert b"store.jsonl" not in content
    assert [path.name for path in busy.var.iterdir() if path.name.startswith(".siaga")] == []
    assert cli_ended("restore", str(file), *second.options) == cli.WRONG
    assert "--identity" in capsys.readouterr().err
    other = ground / "another-identity"
    assert cli_ended("backup-key", str(other)) == 0
    assert cli_ended("restore", str(file), "--identity", str(other), *second.options) == cli.WRONG
    assert asyncio.run(held(second)) == []
    opened = ("--identity", str(identity))
    assert cli_ended("restore", "--check", str(file), *opened, *second.options) == 0, capsys.readouterr().err
    assert cli_ended("restore", str(file), *opened, *second.options) == 0, capsys.readouterr().err
    assert [path.name for path in second.var.iterdir() if path.name.startswith(".siaga")] == []
    assert asyncio.run(second.stands()) == asyncio.run(busy.stands())


def test_a_changed_byte_of_an_encrypted_backup_is_found(busy, second, ground, keys, capsys):
    identity, public = keys
    file = ground / "sealed.tar.gz.age"
    assert cli_ended("backup", str(file), "--recipient", public, *busy.options) == 0
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    capsys.readouterr()
    assert cli_ended("restore", str(file), "--identity", str(identity), *second.options) == cli.FAILED
    assert "damaged" in capsys.readouterr().err
    assert asyncio.run(held(second)) == []


def test_an_identity_is_never_overwritten(keys, capsys):
    identity, _ = keys
    before = identity.read_bytes()
    assert cli_ended("backup-key", str(identity)) == cli.WRONG
    assert identity.read_bytes() == before


@pytest.mark.parametrize("at", [0.2, 0.5, 0.9])
def test_a_changed_byte_is_found_before_anything_is_written(second, backup, ground, capsys, at):
    """Anywhere in the file."""
    damaged = ground / f"damaged-{at}.tar.gz"
    content = bytearray(backup.read_bytes())
    content[int(len(content) * at)] ^= 1
    damaged.write_bytes(content)
    assert cli_ended("restore", str(damaged), *second.options) == cli.FAILED
    assert "damaged" in capsys.readouterr().err
    assert asyncio.run(held(second)) == []


def test_a_backup_can_be_looked_at_without_a_server(backup, capsys):
    assert cli_ended("restore", "--check", str(backup)) == 0
    assert "namespace siaga: " in capsys.readouterr().err


def test_an_interrupted_restore_is_said_again(second, backup, capsys, monkeypatch):
    """Half of it is opened by nobody; the second time it is whole."""
    whole = Namespace.end_stream

    async def killed(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Namespace, "end_stream", killed)
    assert cli_ended("restore", str(backup), *second.options) == cli.INTERRUPTED
    assert cli_ended("token", "list", *second.options) == cli.FAILED
    assert "is not finished: wait, or restore again" in capsys.readouterr().err
    monkeypatch.setattr(Namespace, "end_stream", whole)
    assert cli_ended("restore", str(backup), *second.options) == 0, capsys.readouterr().err
    assert cli_ended("audit", "verify", *second.options) == 0
    assert cli_ended("archive", "verify", *second.options) == 0


async def held(installation: Installation) -> list[str]:
    """Return the keys that an installation's server holds."""
    from engine.cli.common.storage import server_of

    async with server_of(installation.settings) as where, aclosing(Namespace(where, "siaga")) as namespace:
        return await namespace.keys()
