"""The commands on an installation with a server of its own, alone and beside somebody who uses the same server."""

import asyncio
import json
import tempfile
from pathlib import Path

import pytest

from engine import cli
from engine.cli.common.options import os_account
from engine.clock import WallClock
from engine.core.judging.instant import format_instant
from engine.people.tokens import Tokens
from engine.settings import load
from engine.store.redis.embedded import EmbeddedServer
from engine.store.redis.store import RedisStore

ROOT = Path(__file__).parents[3]


class Installation:
    """A configuration in a short folder (a socket's path is short), and the command line upon it."""

    def __init__(self, home: Path, capsys) -> None:
        self.home = home
        self._capsys = capsys
        self.file = home / "config" / "siaga.yaml"
        self.file.parent.mkdir()
        self.file.write_text(
            f"paths: {{regions: '{ROOT}/config/regions.csv', kinds: '{ROOT}/config/kinds.yaml'}}\n"
        )

    def siaga(self, *arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            cli.main([*arguments, "--config", str(self.file)])
        printed = self._capsys.readouterr()
        return ended.value.code, printed.out, printed.err

    @property
    def server_lives(self) -> bool:
        return (self.home / "var" / "redis" / "server.pid").exists()

    async def with_store(self, work):
        """Use the store as a running service would, and hold on to it while `work` goes on."""
        settings = load(self.file)
        server = EmbeddedServer(settings.redis_directory)
        store = RedisStore(await server.start(), settings.namespace)
        await store.open()
        try:
            return await work(store)
        finally:
            await store.close()
            await server.release()


@pytest.fixture
def installation(capsys, monkeypatch):
    import os

    for variable in [name for name in os.environ if name.startswith("SIAGA_")]:
        monkeypatch.delenv(variable)
    with tempfile.TemporaryDirectory(prefix="siaga-test-") as home:
        yield Installation(Path(home), capsys)


def test_a_token_is_made_listed_and_ended(installation):
    code, text, said = installation.siaga(
        "token", "create", "--right", "submit", "--region", "73.15", "--label", "Pinrang"
    )
    token_id = text.split("_")[1]
    assert code == 0
    assert f"token {token_id}: submit in 73.15" in said
    code, listed, _ = installation.siaga("token", "list")
    assert code == 0
    assert token_id in listed
    assert text.strip() not in listed
    assert installation.siaga("token", "revoke", token_id)[0] == 0
    assert installation.siaga("token", "revoke", "nobody")[::2] == (
        cli.FAILED,
        "siaga: there is no token nobody; `siaga token list` shows all\n",
    )


def test_a_token_is_disowned_after_it_was_said_what_that_changes(installation):
    _, text, _ = installation.siaga("token", "create", "--right", "submit", "--desk", "73.15", "--desk", "b")
    token_id = text.split("_")[1]
    disown = ("token", "disown", token_id, "--since", "2024-11-27 11:00 WITA")
    code, _, said = installation.siaga(*disown, "--dry-run")
    assert (code, said.splitlines()) == (
        0,
        [
            f"0 events of token {token_id} would be refuted.",
            "Open alerts that rest on them: none; on nothing else: none.",
        ],
    )
    assert "73.15 b" in installation.siaga("token", "list")[1]
    code, _, said = installation.siaga(*disown, "--yes", "--keep")
    assert (code, said.splitlines()[-1]) == (
        0,
        f"token {token_id} is kept; 0 events are refuted now, 0 were refuted before",
    )
    assert installation.siaga(*disown[:2], "nobody", *disown[3:], "--yes")[0] == cli.FAILED


def test_a_server_that_nobody_else_uses_is_ended_again(installation):
    installation.siaga("token", "list")
    assert not installation.server_lives


def test_a_token_is_made_beside_a_running_service_which_knows_it_at_once(installation):
    """The server of the service is shared and still there afterwards."""

    async def work(store):
        _, text, _ = await asyncio.to_thread(installation.siaga, "token", "create", "--right", "read")
        return await Tokens(store, WallClock()).check(f"Bearer {text.strip()}")

    scope = asyncio.run(installation.with_store(work))
    assert scope.rights == {"read"}
    assert not installation.server_lives


def test_what_was_kept_aside_is_listed_and_sent_again(installation):
    from engine.cli.quarantine import _intake, operator

    event = {
        "id": "a",
        "kind": "conflict.clash",
        "severity": 9,
        "region": "73.15",
        "occurred_at": format_instant(WallClock().now(), "WITA"),
        "source": {"desk": "73.15"},
    }

    async def submit():
        async with _intake(load(installation.file)) as intake:
            return await intake.submit(json.dumps(event).encode(), "application/json", operator())

    (line,) = asyncio.run(submit()).quarantined
    installation.siaga("token", "list")  # takes away what was printed so far
    code, text, _ = installation.siaga("quarantine", "list", "--json")
    assert code == 0
    assert json.loads(text)["id"] == line.id
    assert json.loads(json.loads(text)["raw"]) == event
    assert installation.siaga("quarantine", "list", "--region", "33", "--json")[1] == ""
    assert installation.siaga("quarantine", "resubmit", line.id)[::2] == (
        cli.FAILED,
        "siaga: still no event: severity: out_of_range\n",
    )
    mended = installation.home / "mended.json"
    mended.write_text(json.dumps(event | {"severity": 4}))
    code, _, said = installation.siaga("quarantine", "resubmit", line.id, "--event", str(mended))
    assert (code, said) == (0, f"{line.id}: accepted\n")
    assert installation.siaga("quarantine", "resubmit", line.id)[0] == cli.FAILED


def test_a_directory_goes_in_and_comes_out_the_same(installation):
    source = installation.home / "directory.csv"
    source.write_text(
        "region,role,person,status,language,sms,email,deputy\n"
        "73.15,sekda,sekda-7315,pj,id,+6281100000001,sekda@pinrang.example,asisten-7315\n"
        "73.15,asisten_pem,asisten-7315,definitif,en,+6281100000002,,\n"
    )
    exported = installation.home / "out.yaml"
    assert installation.siaga("directory", "export", str(exported))[0] == cli.FAILED
    counts = "people: 2 new, 0 changed, 0 gone; offices held: 2 new, 0 gone\n"
    rehearsed = installation.siaga("directory", "import", str(source), "--dry-run")
    assert rehearsed == (0, "", f"nothing was changed\n{counts}")
    assert installation.siaga("directory", "export", str(exported))[0] == cli.FAILED
    code, text, said = installation.siaga("directory", "import", str(source))
    assert (code, text) == (0, "")
    assert said == f"version 1 is in force\n{counts}"
    assert installation.siaga("directory", "export", str(exported))[0] == 0
    assert exported.stat().st_mode & 0o077 == 0
    assert installation.siaga("directory", "export", str(exported))[0] == cli.WRONG
    assert installation.siaga("directory", "import", str(exported))[2].startswith("version 2 ")
    again = installation.home / "again.yaml"
    installation.siaga("directory", "export", str(again))
    assert again.read_text() == exported.read_text()
    table = installation.home / "again.csv"
    assert installation.siaga("directory", "export", str(table))[0] == 0
    assert [
        line.removesuffix(",,") for line in table.read_text().splitlines()[1:]
    ] == source.read_text().splitlines()[1:]


def test_a_directory_is_changed_entry_by_entry_and_an_earlier_version_comes_back(installation):
    source = installation.home / "directory.csv"
    source.write_text(
        "region,role,person,status,language,sms,email,deputy\n"
        "73.15,sekda,sekda-7315,definitif,id,+6281100000001,sekda@pinrang.example,\n"
        "73.15,asisten_pem,asisten-7315,definitif,en,+6281100000002,,\n"
    )
    assert installation.siaga("directory", "import", str(source))[0] == 0
    plh = ("73.15", "sekda", "asisten-7315", "--status", "plh", "--until", "2099-01-01")
    assert installation.siaga("directory", "assign", *plh)[2].startswith("version 2 ")
    night = ("00", "posko_nasional", "asisten-7315", "--until", "2099-01-01 06:00 WIB")
    assert installation.siaga("directory", "shift", *night)[2].startswith("version 3 ")
    assert installation.siaga("directory", "shift", *night[:3])[0] == cli.WRONG  # without an end
    assert installation.siaga("directory", "assign", "73.15", "sekda", "siapa")[0] == cli.FAILED
    assert installation.siaga("contact", "remove", "sekda-7315/email/1")[0] == 0
    table = installation.home / "out.csv"
    code, _, said = installation.siaga("directory", "export", str(table))
    assert (code, "shifts of the roster" in said, table.exists()) == (cli.FAILED, True, False)
    assert installation.siaga("directory", "export", str(table), "--version", "1")[0] == 0
    assert installation.siaga("directory", "export", str(table), "--version", "9")[0] == cli.FAILED
    assert "sekda@pinrang.example" in table.read_text()
    listed = installation.siaga("audit", "list")[1].splitlines()
    assert [line.split("  ", 1)[1] for line in listed if "directory  v" in line][:2] == [
        f"directory  v1  {os_account()}",
        f"directory  v2  {os_account()}",
    ]
    assert sum("seen  directory/" in line for line in listed) >= 1


def test_a_directory_with_a_mistake_changes_nothing(installation):
    source = installation.home / "directory.csv"
    source.write_text(
        "region,role,person,status,language,sms,email,deputy\n99.99,sekda,x,definitif,id,123,,\n"
    )
    code, _, said = installation.siaga("directory", "import", str(source))
    assert code == cli.WRONG
    assert "123" not in said.replace(str(source), "")
    assert installation.siaga("directory", "export", str(installation.home / "none.yaml"))[0] == cli.FAILED
