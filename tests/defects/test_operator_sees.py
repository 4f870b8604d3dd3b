"""Whoever runs Siaga sees which software runs, processes, backups, when people were told, and errors by their name."""

import asyncio
import contextlib
import fcntl
import json
import os
import re
import socket
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import structlog

from engine import cli
from engine.app import Siaga, open_siaga
from engine.clock import ManualClock, WallClock
from engine.core.judging.instant import MINUTE, SECOND, format_instant
from engine.people.tokens import Scope, Tokens
from engine.settings import Settings
from engine.store.memory import MemoryStore
from engine.store.redis.embedded import EmbeddedServer
from engine.store.redis.store import RedisStore
from notifiers.base import DeliveryError, Message
from notifiers.email import Email, EmailSettings
from notifiers.webhook import Webhook, WebhookSettings
from tests.acceptance.test_clock_jumps import CLASH, START
from tests.credentials import OPERATOR
from tests.integration.prometheus.service import Service, running

ROOT = Path(__file__).parents[2]
NOBODY = "http://127.0.0.1:9"
ALL = Scope(desks=("*",), rights=frozenset({"submit"}), region="00", token_id="t")


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A real `siaga run` with its evaluator's process, and an SMS gateway that does not answer."""
    with tempfile.TemporaryDirectory(prefix="siaga-test-") as folder, running(Path(folder), NOBODY) as one:
        yield one


def samples(text: str) -> dict[str, float]:
    """Return the samples of a scrape by name and labels as they are written."""
    lines = [line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


def test_a_scrape_says_which_software_runs(service: Service) -> None:
    """Version, commit and Python as labels."""
    [build] = [name for name in samples(service.metrics()) if name.startswith("siaga_build_info")]
    labels = dict(re.findall(r'(\w+)="([^"]*)"', build))
    assert labels.keys() == {"version", "commit", "python"}
    assert re.fullmatch(r"[0-9a-f]{12}|unknown", labels["commit"])
    assert (ROOT / "pyproject.toml").read_text().count(f'version = "{labels["version"]}"') >= 1


def test_a_scrape_shows_both_processes(service: Service) -> None:
    """Memory, CPU and descriptors of the service and of its evaluator, neither summed nor mixed."""
    found = samples(service.metrics())
    for name in ("process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"):
        assert found[name] > 0
        assert found[f'{name}{{process="evaluator"}}'] > 0
    begun = [found["process_start_time_seconds"], found['process_start_time_seconds{process="evaluator"}']]
    assert all(abs(at - WallClock().now() / SECOND) < 3600 for at in begun)
    assert sum(name.startswith("siaga_build_info") for name in found) == 1


def test_a_scrape_has_no_instants_of_creation(service: Service) -> None:
    """They double the series."""
    assert [name for name in samples(service.metrics()) if "_created" in name] == []


def test_the_version_is_told_by_the_command(capsys) -> None:
    """With commit and Python, and nothing else is done."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert re.fullmatch(r"Siaga \d+\.\d+\.\d+, commit (\w+), Python \d+\.\d+\.\d+\n", capsys.readouterr().out)


# --- when people were told ------------------------------------------------------------------------------------------


def told(siaga: Siaga, level: str) -> tuple[float, float]:
    """Return how many alerts of a level have had their first message, and how many seconds that took in all."""
    registry = siaga.metrics.registry
    found = [
        registry.get_sample_value(f"siaga_first_message_seconds_{part}", {"level": level})
        for part in ("count", "sum")
    ]
    assert None not in found, "there is no such histogram"
    return found[0], found[1]


async def test_the_time_from_event_to_first_message_is_measured_once_an_alert(tmp_path: Path) -> None:
    """From the receipt of the event; the messages after the first one change nothing."""
    settings = Settings.model_validate(
        {"paths": {"var": str(tmp_path)}, "clock": {"mode": "lock_step"}}, context={"home": ROOT}
    )
    clock = ManualClock(START)
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(settings, stack, store=MemoryStore(), clock=clock)
        await siaga.intake.submit(CLASH, "application/json", ALL)
        assert told(siaga, "siaga") == (0, 0)
        await siaga.advance(START + 20 * MINUTE)
        alerts = [alert for alert in await siaga.desk.alerts() if not alert.rule.id.startswith("siaga.")]
        case = await siaga.desk.case(alerts[0].id)
        sent = sorted(one.sent_at for one in case.notifications.values() if one.sent_at is not None)
        assert len(alerts) == 1
        assert len(sent) > 1
        level = {1: "info", 2: "waspada", 3: "siaga", 4: "awas"}[alerts[0].level]
        assert told(siaga, level) == (1, (sent[0] - alerts[0].evidence[0].received_at) / SECOND)


# --- backups --------------------------------------------------------------------------------------------------------


class Place:
    """An installation with an embedded server, and the command line on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.words = {"paths.var": folder / "var", "http.port": 0}
        self.options = ["--config", str(ROOT / "config/siaga.yaml")]
        self.options += [part for name, value in self.words.items() for part in ("--set", f"{name}={value}")]
        self.settings = Settings.model_validate(
            {"paths": {"var": str(folder / "var")}}, context={"home": ROOT}
        )

    def siaga(self, *words: str) -> int:
        with pytest.raises(SystemExit) as ended:
            cli.main([*words, *self.options])
        return ended.value.code


@pytest.fixture
def place() -> Iterator[Place]:
    # A short path: a socket's may have 107 bytes, and pytest's own folders are deep.
    with tempfile.TemporaryDirectory(prefix="siaga-test-") as home:
        yield Place(Path(home))


async def backup_age(place: Place) -> float | None:
    """Return how old the newest backup is in seconds, by the metric of a service; None where it knows of none."""
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(place.settings, stack)
        await siaga.upkeep._auditor.turn()
        at = siaga.metrics.registry.get_sample_value("siaga_backup_timestamp_seconds")
        assert at is not None, "there is no such metric"
        return WallClock().now() / SECOND - at if at else None


def test_a_service_knows_how_old_its_newest_backup_is(place: Place, capsys) -> None:
    """A folder that is not there is made, for its owner alone, and gets a file named by the time."""
    assert asyncio.run(backup_age(place)) is None
    capsys.readouterr()
    folder = place.folder / "deep" / "backups"
    assert place.siaga("backup", "--plain", str(folder)) == 0
    printed = Path(capsys.readouterr().out.strip())
    assert (printed.parent, printed.name.endswith(".tar.gz")) == (folder, True)
    assert folder.stat().st_mode & 0o077 == 0
    age = asyncio.run(backup_age(place))
    assert age is not None
    assert 0 <= age < 600
    named = folder / "named.tar.gz"
    assert place.siaga("backup", "--plain", str(named)) == 0
    assert named.is_file()


# --- lists ----------------------------------------------------------------------------------------------------------


def test_lists_have_an_end_and_say_how_much_more_there_is(place: Place, capsys) -> None:
    """Of tokens and of the audit, which has an entry for each of them."""

    async def fill(many: int) -> None:
        server = EmbeddedServer(place.settings.redis_directory)
        store = RedisStore(await server.start(), place.settings.namespace)
        await store.open()
        for number in range(many):
            await Tokens(store, WallClock()).create(
                ["submit"], "00", f"desk {number}", desks=("*",), by=OPERATOR
            )
        await store.close()
        await server.release()

    asyncio.run(fill(120))
    for words, shown, more in (
        (("token", "list"), 101, "20 more tokens"),
        (("token", "list", "--limit", "5"), 6, "115 more tokens"),
        (("token", "list", "--limit", "0"), 121, ""),
        (("audit", "list", "--limit", "7"), 7, "113 more older entries"),
        (("audit", "list", "--limit", "0"), 120, ""),
    ):
        capsys.readouterr()
        assert place.siaga(*words) == 0
        said = capsys.readouterr()
        assert len(said.out.splitlines()) == shown
        assert (more in said.err) if more else ("more" not in said.err)


def test_status_names_few_alerts_and_those_first_that_nobody_took(place: Place, capsys) -> None:
    """Whether it is safe is judged by all of them."""

    server = EmbeddedServer(place.settings.redis_directory)  # it outlives the service
    asyncio.run(server.start())
    at = format_instant(WallClock().now() - MINUTE, "Asia/Jayapura")
    death = json.loads(CLASH) | {"kind": "conflict.death", "metrics": {"dead": 9}, "occurred_at": at}

    async def open_alerts(many: int) -> None:
        events = [death | {"id": f"E{number}", "region": f"94.{number:02}"} for number in range(1, many + 1)]
        async with AsyncExitStack() as stack:
            siaga = await open_siaga(place.settings, stack)
            await siaga.intake.submit(json.dumps(events).encode(), "application/json", ALL)
            while len(await siaga.desk.alerts()) < many:
                await siaga._evaluate()

    def status(*words: str) -> str:
        capsys.readouterr()
        place.siaga("status", *words)
        return capsys.readouterr().out

    try:
        asyncio.run(open_alerts(3))
        awas = json.loads(status("--format", "json"))["awas"]
        assert len(awas) == 3
        said = status("--limit", "1")
    finally:
        asyncio.run(server.stop())
    assert len(re.findall("^  awas ", said, re.MULTILINE)) == 1
    assert "2 more awas alerts; --limit 0 shows all" in said


# --- errors by their name -------------------------------------------------------------------------------------------

MESSAGE = Message(id="n", channel="email", to="piket@desk.example", text="Uji", subject="Uji", date="")


@pytest.fixture
def no_names(monkeypatch) -> None:
    """A machine whose server of names knows nobody."""

    def unknown(*_args, **_options):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)


@pytest.mark.parametrize(
    ("host", "reason"), [("tidak-ada.invalid", "unknown_host"), ("127.0.0.1", "refused_connection")]
)
async def test_a_host_without_an_address_is_no_refused_connection(host: str, reason: str, request) -> None:
    """Of mail servers and of receivers of webhooks."""
    if host != "127.0.0.1":
        request.getfixturevalue("no_names")
    port = free_port() if host == "127.0.0.1" else 25
    mail = Email(
        EmailSettings(name="smtp", host=host, port=port, tls="none", sender="Siaga <s@desk.example>")
    )
    hook = Webhook(WebhookSettings(name="hook", key="k" * 32, private_addresses=True))
    to = {"email": "piket@desk.example", "webhook": f"http://{host}:{port}/"}
    for notifier in (mail, hook):
        message = Message(
            id="n", channel=notifier.channel, to=to[notifier.channel], text="Uji", subject="Uji"
        )
        with pytest.raises(DeliveryError) as failed:
            await notifier.send(message)
        assert failed.value.reason == reason
        await notifier.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


# --- locks ----------------------------------------------------------------------------------------------------------


async def test_a_start_that_waits_for_a_lock_says_so(place: Place) -> None:
    """Once, with what it waits for; it goes on when the lock is free."""
    directory = place.folder / "redis"
    directory.mkdir()
    lock = os.open(directory / "USERS", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    server = EmbeddedServer(directory, patience=3)
    with structlog.testing.capture_logs() as logs, contextlib.suppress(Exception):
        await server.start()
    os.close(lock)
    said = [line for line in logs if line["event"] == "embedded_server_waited_for"]
    assert len(said) == 1
    assert "USERS" in said[0]["waits_for"]
