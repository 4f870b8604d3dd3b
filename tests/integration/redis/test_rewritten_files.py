"""A server writes its append-only file anew where it may be asked to; where not, an erasure says what to do."""

import asyncio
import tempfile
from pathlib import Path

import pytest

from engine import cli
from engine.errors import StoreError
from engine.store.port import Drop, Put, Write
from engine.store.redis.client import RedisClient
from engine.store.redis.embedded import EmbeddedServer
from engine.store.redis.store import RedisStore

ROOT = Path(__file__).parents[3]
RIGHTS = "on >p ~{siaga:*}* &{siaga:*}* +@all -@dangerous +info +config|get +client +keys +acl|getuser"
SECRET = b"+6281100940202 " * 3


@pytest.fixture
def folder():
    # A short path: a socket's may have 107 bytes, and pytest's own folders are deep.
    with tempfile.TemporaryDirectory(prefix="siaga-test-") as name:
        yield Path(name)


@pytest.fixture
async def server(folder):
    """A server with a user `siaga` that may not rewrite its file; the path of its socket."""
    embedded = EmbeddedServer(folder / "redis")
    socket = await embedded.start()
    await say(f"unix://{socket}", "ACL SETUSER", "siaga", *RIGHTS.split())
    yield socket
    await embedded.stop()


async def say(url: str, *words: str) -> None:
    link = RedisClient(url, timeout=5, wait_replicas=0)
    await link.command(*words)
    await link.aclose()


def holding(folder: Path) -> list[str]:
    """Return the append-only files that hold the secret."""
    return [path.name for path in folder.rglob("*aof*") if path.is_file() and SECRET in path.read_bytes()]


async def test_what_was_dropped_is_gone_from_the_files_once_they_are_rewritten(server, folder):
    await say(f"unix://{server}", "ACL SETUSER", "siaga", "+bgrewriteaof")
    store = RedisStore(f"unix://siaga:p@{server}", "n")
    await store.open()
    await store.write(Write(name="bench", puts=(Put("t", "a", SECRET), Put("t", "b", b"stays"))))
    await store.write(Write(name="bench", drops=(Drop("t", "a"),)))
    assert holding(folder)
    await asyncio.gather(store.rewrite_files(), store.rewrite_files())
    for _ in range(100):  # the old file is removed behind the answer
        if not holding(folder):
            break
        await asyncio.to_thread(list, folder.rglob("*"))
    assert holding(folder) == []
    assert set(await store.scan("t")) == {"b"}
    await store.close()


async def test_a_login_that_may_not_is_told_so(server):
    store = RedisStore(f"unix://siaga:p@{server}", "n")
    await store.open()
    with pytest.raises(StoreError, match=r"(?i)bgrewriteaof"):
        await store.rewrite_files()
    await store.close()


async def test_an_erasure_on_such_a_server_says_what_its_operator_must_do(server, folder, capsys):
    options = ["--set", f"paths.var={folder / 'var'}", "--set", f"redis.url=unix://siaga:p@{server}"]
    arguments = [
        "person",
        "erase",
        "sekda-9402",
        "--yes",
        "--config",
        str(ROOT / "config/siaga.yaml"),
        *options,
    ]

    def erase() -> int:
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        return int(ended.value.code)

    assert await asyncio.to_thread(erase) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "BGREWRITEAOF, on each replica too" in said
