"""A server with users of its own keeps every record over a restart and a failover, set up by docs/redis.md alone.

A server replays its append-only file as the user `default`. Redis drops each transaction this user may not run.
"""

import asyncio
import itertools
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import cli
from engine.errors import StoreUnavailableError, WeakDurabilityError
from engine.store.port import START, Append, Arrival, Plan, Put, Write
from engine.store.redis.client import RedisClient
from engine.store.redis.embedded import EmbeddedServer
from engine.store.redis.store import RedisStore
from tests.defects.redis_by_the_docs import ROOT, Machine, blocks, free_port, program_of, until
from tests.integration.processes.place import Counting, Place

SIAGA = "+@all -@dangerous +info +config|get +client +keys"
"""What the user of Siaga may do besides asking for the rights of others."""


@pytest.fixture
def folder() -> Iterator[Path]:
    # A short path: a socket's may have 107 bytes, and pytest's own folders are deep.
    with tempfile.TemporaryDirectory(prefix="siaga-test-") as name:
        yield Path(name)


def installed(product: str) -> str:
    if program_of(product) is None:
        pytest.skip(f"{product}-server is not installed")
    return product


@pytest.fixture(params=["redis", "valkey"])
def product(request) -> str:
    return installed(request.param)


def prepare(machine: Machine, passwords: str | None = None) -> None:
    """Type the users of the page; the passwords are those of another machine where they are given."""
    machine.type_shipped()
    root, once, each = blocks("sh")["The users"]
    machine.type(root)
    if passwords is None:
        machine.type(once)
    else:
        machine.passwords.write_text(passwords)
    machine.type(each)


@pytest.fixture
def one(folder: Path, product: str) -> Iterator[Machine]:
    """A machine with the server of the section `One server`, not started yet."""
    machine = Machine(folder / "m", product, "127.0.0.1", free_port("127.0.0.1"), free_port("127.0.0.1"))
    prepare(machine)
    yield machine
    machine.stop()


def address(machine: Machine, heading: str) -> str:
    """Return the address that the page writes into the settings of Siaga."""
    [settings] = blocks("yaml")[heading]
    line = next(line for line in settings.splitlines() if "url:" in line)
    return machine.here(line.split("url: ")[1].replace("PASSWORD", machine.password("SIAGA")))


async def fill(url: str, namespace: str, many: int) -> None:
    """Write every kind of record, a lease among them that outlives the test."""
    store = RedisStore(url, namespace)
    await store.open()
    for number in range(many):
        await store.append([Arrival(number.to_bytes(12), b"c" * 8, b'{"n":%d}' % number)], number, 0)
        await store.append_entry("gap", b"{}", number)
        await store.write(
            Write(
                name="put",
                puts=(Put(f"t{number % 3}", str(number), b"%d" % number, 0),),
                plans=(Plan("s", str(number), number),),
                appends=(Append("l", (b"%d" % number,)),),
                counts={"c": 1},
            )
        )
    await store.lease("somebody", 3_600_000)
    await store.close()


@pytest.mark.timeout(180)
async def test_a_restart_by_the_page_keeps_every_record(one: Machine, tmp_path: Path) -> None:
    """A store that a service filled: all keys are the same afterwards, and the service goes on."""
    start, restart = blocks("sh")["One server"]
    one.type(start)
    url = address(one, "One server")
    async with Counting().open() as mailbox:
        place = Place(tmp_path, mailbox, url)
        service = await place.desk.start()
        assert await place.report(service, 3) == 202
        await place.mails(3)
        await service.stop()
        await fill(url, "other", 20)
        before = one.records()
        one.type(restart)
        after = one.records()
        assert {key for key in before if before[key] != after.get(key)} == set()
        assert len(before) == len(after) > 25
        service = await place.desk.start()
        assert await place.report(service) == 202
        await place.mails(4)
        await place.desk.stop()


async def test_rights_that_come_back_after_a_restart_bring_the_records_back(one: Machine) -> None:
    """As the page says, as long as the server has not rewritten its file."""
    start, restart = blocks("sh")["One server"]
    one.type(start)
    await fill(address(one, "One server"), "n", 5)
    before = one.records()
    good = one.users.read_text()
    one.users.write_text(good.replace("off ~* &* +@all", "off"))
    one.type(restart)
    if one.operator().info("server")["redis_version"].startswith("8."):
        assert len(one.records()) < len(before)  # what this is about; Valkey 9 replays all the same
    one.users.write_text(good)
    one.type(restart)
    assert one.records() == before


@pytest.fixture
def running(folder: Path, product: str) -> Iterator[str]:
    """A server with the users `operator` and `siaga`, the latter without `acl|getuser`; its socket."""
    server = EmbeddedServer(folder / "redis", program=program_of(product))
    socket = asyncio.run(server.start())
    for user in (f"siaga on >p ~{{siaga:*}}* &{{siaga:*}}* {SIAGA}", "operator on >p ~* &* +@all"):
        command(f"unix://{socket}", "ACL SETUSER", *user.split())
    yield socket
    command(f"unix://operator:p@{socket}", "ACL SETUSER", "default", "on", "nopass", "~*", "&*", "+@all")
    asyncio.run(server.stop())


def command(url: str, *words: str) -> None:
    async def send() -> None:
        link = RedisClient(url, timeout=5, wait_replicas=0)
        await link.command(*words)
        await link.aclose()

    asyncio.run(send())


def opened(url: str, *, accept: bool) -> RedisStore:
    """Open a store as each start of Siaga does, and let go of it again."""
    store = RedisStore(url, "n", accept_weaker_durability=accept)

    async def look() -> None:
        try:
            await store.open()
        finally:
            await store.close()

    asyncio.run(look())
    return store


def doctor(folder: Path, url: str, capsys) -> list[tuple[str, str]]:
    """Return state and remedy of each verdict that speaks of the user `default`."""
    options = ["--set", f"paths.var={folder / 'var'}", "--set", f"redis.url={url}", "--set", "http.port=0"]
    with pytest.raises(SystemExit):
        cli.main(["doctor", "--format", "json", "--config", str(ROOT / "config/siaga.yaml"), *options])
    verdicts = json.loads(capsys.readouterr().out)
    return [(one["state"], one["remedy"]) for one in verdicts if "user default" in one["says"]]


REMEDY = r"user default.*restart loses records.*ACL SETUSER default ~\* &\* \+@all"


@pytest.mark.parametrize(
    "rights", ["off resetkeys -@all", "off ~* -@all", "~* +@all -hset", "off resetkeys ~{siaga:other}* +@all"]
)
def test_a_server_whose_default_user_lacks_rights_is_refused(
    running: str, folder: Path, capsys, rights
) -> None:
    """At each start and by doctor, with the remedy; no setting accepts it."""
    operator, login = f"unix://operator:p@{running}", f"unix://siaga:p@{running}"
    command(operator, "ACL SETUSER", "siaga", "+acl|getuser")
    command(operator, "ACL SETUSER", "default", *rights.split())
    for accept in (False, True):
        with pytest.raises(WeakDurabilityError, match=REMEDY):
            opened(login, accept=accept)
    [(state, remedy)] = doctor(folder, login, capsys)
    assert state == "fault"
    assert remedy.startswith("say ACL SETUSER default ~* &* +@all before any restart")


@pytest.mark.parametrize(
    "rights", ["off ~* &* +@all", "off ~* +@all -@admin", "~* +@all -config -client|pause"]
)
def test_a_default_user_that_may_all_that_a_file_holds_is_good(
    running: str, folder: Path, capsys, rights
) -> None:
    """As it is shipped, and without what is never written into the file."""
    operator, login = f"unix://operator:p@{running}", f"unix://siaga:p@{running}"
    command(operator, "ACL SETUSER", "siaga", "+acl|getuser")
    command(operator, "ACL SETUSER", "default", "resetkeys", "resetchannels", *rights.split())
    assert opened(login, accept=False).unknown == ()
    assert doctor(folder, login, capsys) == []


def test_rights_that_a_login_may_not_see_are_said_to_be_unknown(running: str, folder: Path, capsys) -> None:
    """By doctor, as a warning with what to allow; a start says so in its log."""
    login = f"unix://siaga:p@{running}"
    [unknown] = opened(login, accept=False).unknown
    assert "cannot be read" in unknown
    [(state, remedy)] = doctor(folder, login, capsys)
    assert state == "warning"
    assert remedy.startswith("allow this login +acl|getuser")


# --- three machines -------------------------------------------------------------------------------------------------


@pytest.fixture(params=["redis", pytest.param("valkey", marks=pytest.mark.long)])
def three(request, folder: Path) -> Iterator[list[Machine]]:
    """Three machines on three addresses of the loopback, set up and started by the page."""
    product = installed(request.param)
    addresses = ["127.0.0.2", "127.0.0.3", "127.0.0.4"]
    port, sentinel = free_port(*addresses), free_port(*addresses)
    machines = [Machine(folder / one[-1], product, one, port, sentinel) for one in addresses]
    [block] = blocks("sh")["Three machines"]
    try:
        for machine in machines:
            prepare(machine, None if machine is machines[0] else machines[0].passwords.read_text())
            machine.type(block.replace("SELF=10.20.0.1", f"SELF={machine.address}"))
        until(lambda: all(_knows_all(machine) for machine in machines))
        yield machines
    finally:
        for machine in machines:
            machine.stop()


def _knows_all(machine: Machine) -> bool:
    state = machine.sentinel().execute_command("SENTINEL", "MASTER", "siaga")
    return (int(state["num-slaves"]), int(state["num-other-sentinels"])) == (2, 2)


def _primary(machine: Machine) -> str:
    return str(machine.sentinel().execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "siaga")[0])


def _follows(machine: Machine) -> bool:
    said = machine.operator().info("replication")
    return said["role"] == "slave" and said["master_link_status"] == "up"


async def report(store: RedisStore, numbers: Iterator[int], answered: list[bytes], many: int) -> None:
    """Report until so many more events were answered; what was not is sent again, as every client does."""
    for number in itertools.islice(numbers, many):
        value = b"%d" % number
        while True:
            try:
                await store.append([Arrival(number.to_bytes(12), b"c" * 8, value)], 0, 0)
                break
            except StoreUnavailableError:
                await store.wait(["never"], 0.1)
        answered.append(value)


@pytest.mark.timeout(240)
async def test_a_failover_by_the_page_loses_nothing_that_was_answered(three: list[Machine]) -> None:
    """The first primary dies under reports; it comes back as a replica that has every record of the new primary."""
    first, *others = three
    url = address(first, "Three machines")
    await fill(url, "other", 20)
    before = first.records()
    store = RedisStore(url, "n", wait_replicas=1, timeout=1.0)
    await store.open()
    numbers, answered = itertools.count(1), []
    await report(store, numbers, answered, 20)
    first.kill()
    await report(store, numbers, answered, 20)
    found = [value for entry in await store.read(START, 1_000) for value in entry.values]
    await store.close()
    assert set(answered) <= set(found)
    assert len(found) == len(set(found))
    first.type(
        "\n".join(
            line for line in blocks("sh")["Three machines"][0].splitlines() if line.startswith("redis-")
        )
    )
    until(lambda: _follows(first))
    [primary] = [machine for machine in others if machine.address == _primary(machine)]
    until(lambda: primary.operator().info("replication")["connected_slaves"] == 2)
    now = primary.records()
    assert {
        key for key in before if not key.startswith(b"{siaga:n}") and now.get(key) != before[key]
    } == set()
    until(lambda: all(machine.records() == now for machine in three))
