"""`siaga doctor` on a set-up that is good, with a real Redis of config/redis.conf, and on broken ones."""

import asyncio
import json
import re
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import msgspec
import pytest

from engine import cli
from engine.cli.common.storage import storage
from engine.clock import WallClock
from engine.people.tokens import TABLE, Tokens
from engine.settings import load
from engine.store.codec import encode
from engine.store.port import Put, Write
from tests.credentials import OPERATOR
from tests.integration.namespace import listens, program, until

ROOT = Path(__file__).parents[3]
GATEWAYS = """\
version: 1
gateways:
  - {id: kait, channel: webhook, password_env: UJI_KAIT}
"""


class Site:
    """A set-up in a folder of its own, made from what is shipped."""

    def __init__(self, home: Path, capsys) -> None:
        self.home = home
        self._capsys = capsys
        self.settings = {"paths.var": home / "var", "paths.gateways": home / "gateways.yaml", "http.port": 0}
        (home / "gateways.yaml").write_text(GATEWAYS)

    def doctor(self) -> tuple[int, dict[str, list[dict]]]:
        """Return the exit code and the verdicts by area."""
        options = [part for name, value in self.settings.items() for part in ("--set", f"{name}={value}")]
        with pytest.raises(SystemExit) as ended:
            cli.main(["doctor", "--format", "json", "--config", str(ROOT / "config/siaga.yaml"), *options])
        found: dict[str, list[dict]] = {}
        for verdict in json.loads(self._capsys.readouterr().out):
            found.setdefault(verdict["area"], []).append(verdict)
        return ended.value.code, found

    def typed(self, *words: str) -> None:
        """Run a command on the set-up; it must end well."""
        options = [part for name, value in self.settings.items() for part in ("--set", f"{name}={value}")]
        with pytest.raises(SystemExit) as ended:
            cli.main([*words, "--config", str(ROOT / "config/siaga.yaml"), *options])
        assert ended.value.code == 0
        self._capsys.readouterr()


def faults(found: dict[str, list[dict]]) -> dict[str, list[tuple[str, str]]]:
    """Return what each fault says and its remedy, by area."""
    bad = {
        area: [(v["says"], v["remedy"]) for v in vs if v["state"] == "fault"] for area, vs in found.items()
    }
    return {area: said for area, said in bad.items() if said}


@pytest.fixture
def site(capsys, monkeypatch):
    monkeypatch.setenv("UJI_KAIT", "k" * 32)
    # A short path: a socket's may have 107 bytes, and pytest's own folders are deep.
    with tempfile.TemporaryDirectory(prefix="siaga-test-") as home:
        yield Site(Path(home), capsys)


@pytest.fixture
def redis(site):
    """Start Debian's redis-server with the shipped file, on a free port."""
    if shutil.which("redis-server") is None:
        pytest.skip("not installed: redis-server; as root on Debian `./run test` installs it")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = site.home / "redis"
    folder.mkdir()
    command = ["redis-server", ROOT / "config/redis.conf", "--port", str(port), "--dir", folder]
    with program(command, log=site.home / "redis.log", port=port):
        site.settings["redis.url"] = f"redis://127.0.0.1:{port}"
        yield port


def test_a_good_set_up_has_no_fault(site, redis):
    """With the Redis that is shipped for; what is advice does not count (docs/specification/trust.md#doctor)."""
    site.settings |= {
        "http.base_url": "https://siaga.pilkada.go.id",
        "messages.sender": "Siaga <siaga@pilkada.go.id>",
        "messages.duty_desk": "Posko Nasional, telepon 1500-000",
        "ops.heartbeat_url": "https://hc.pilkada.go.id/siaga",
    }
    code, found = site.doctor()
    assert (code, faults(found)) == (0, {})
    assert [v["state"] for v in found["store"]] == ["good"]
    assert "on its disk before it is answered" in found["store"][0]["says"]
    assert [found[area][0]["state"] for area in ("rules", "base_url", "key", "port", "gateway kait")] == [
        "good"
    ] * 5
    assert not {"durability", "sender", "duty_desk", "heartbeat"} & found.keys()
    assert "no event can come in" in found["desks"][0]["says"]
    assert found["replicas"][0]["state"] == "warning"  # one machine: advice


def test_the_embedded_server_is_good_too(site):
    """Nothing has to be set up for a look; its server is ended again."""
    code, found = site.doctor()
    assert (code, faults(found)) == (0, {})
    assert found["store"][0]["state"] == "good"
    assert not (site.home / "var/redis/server.pid").exists()


def test_each_promise_that_a_server_does_not_make_is_named_with_its_remedy(site, redis):
    for name, value in (
        ("appendfsync", "everysec"),
        ("maxmemory-policy", "allkeys-lru"),
        ("maxmemory", "100"),
    ):
        subprocess.run(
            ["redis-cli", "-p", str(redis), "config", "set", name, value], check=True, capture_output=True
        )
    site.settings["redis.wait_replicas"] = 1
    code, found = site.doctor()
    bad = faults(found)
    assert code == 1
    assert [(s.split(":")[0], r.split(",")[0]) for s, r in bad["durability"]] == [
        ("appendfsync is 'everysec'", "say CONFIG SET appendfsync always"),
        ("maxmemory-policy is 'allkeys-lru'", "say CONFIG SET maxmemory-policy noeviction"),
    ]
    assert "0 of 1 that are waited for" in bad["replicas"][0][0]
    assert "of its memory is used" in bad["store"][0][0]


def test_a_store_that_does_not_answer_is_named_and_the_rest_is_looked_at_all_the_same(site):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    site.settings["redis.url"] = f"redis://127.0.0.1:{port}"
    code, found = site.doctor()
    assert code == 1
    assert faults(found).keys() == {"store"}
    assert f"127.0.0.1:{port} does not answer" in faults(found)["store"][0][0]
    assert found["gateway kait"][0]["state"] == "good"


def test_broken_files_and_gateways_are_named_with_their_remedies(site):
    """Everything at once: rules, directory, key, folders, port, mail server."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody_there = closed.getsockname()[1]
    rules = site.home / "rules"
    rules.mkdir()
    (rules / "salah.yaml").write_text("version: 1\nrules:\n  - {id: x}\n")
    var = site.home / "var"
    (var / "redis").mkdir(parents=True)
    (var / "archive").mkdir(mode=0o755)
    (var / "secret.key").write_text("bukan kunci")
    (var / "secret.key").chmod(0o644)
    site.settings |= {
        "paths.rules": rules,
        "paths.directory": site.home / "tidak-ada.csv",
        "http.host": "192.0.2.1",
        "gateways.smtp.host": "127.0.0.1",
        "gateways.smtp.port": nobody_there,
    }
    code, found = site.doctor()
    bad = faults(found)
    assert code == 1
    assert bad.keys() == {"rules", "directory", "files", "key", "port", "gateway smtp"}
    assert "salah.yaml:3" in bad["rules"][0][0]
    assert bad["rules"][0][1].startswith("`siaga check")
    assert bad["directory"][0][1] == "`siaga directory import FILE`, or set paths.directory"
    assert (f"chmod 600 {var}/secret.key") in [remedy for _, remedy in bad["files"]]
    assert (f"chmod 700 {var}/archive") in [remedy for _, remedy in bad["files"]]
    assert "bring the key back from your copy" in bad["key"][0][1]
    assert bad["port"][0][1].startswith("set http.host")
    assert bad["gateway smtp"] == [
        (f"refused_connection: SMTPConnectError (127.0.0.1, {nobody_there})", bad["gateway smtp"][0][1])
    ]
    assert "does it run, does a firewall stand between?" in bad["gateway smtp"][0][1]


def test_a_missing_secret_is_named_by_its_variable(site, monkeypatch):
    monkeypatch.delenv("UJI_KAIT")
    code, found = site.doctor()
    assert code == 1
    assert faults(found)["gateways"][0][0] == "gateway kait: the variable UJI_KAIT is not set or empty"


def test_half_a_restore_is_named(site, redis):
    key = "{siaga:siaga}:restoring"
    subprocess.run(["redis-cli", "-p", str(redis), "set", key, "1"], check=True, capture_output=True)
    assert "is not finished" in faults(site.doctor()[1])["store"][0][0]


def test_text_shows_each_remedy_below_its_fault(site, capsys):
    site.settings["paths.directory"] = site.home / "tidak-ada.csv"
    options = [part for name, value in site.settings.items() for part in ("--set", f"{name}={value}")]
    with pytest.raises(SystemExit) as ended:
        cli.main(["doctor", "--config", str(ROOT / "config/siaga.yaml"), *options])
    lines = capsys.readouterr().out.splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith("FAULT"))
    assert ended.value.code == 1
    assert lines[place].startswith("FAULT    directory: none is in force")
    assert lines[place + 1] == "         -> `siaga directory import FILE`, or set paths.directory"
    assert lines[-1].startswith("1 faults, ")


def test_the_example_of_sentinel_is_read_by_sentinel(tmp_path):
    """Debian's redis-server, as Sentinel, with a copy of the file: it watches the primary that it names."""
    if shutil.which("redis-server") is None:
        pytest.skip("not installed: redis-server; as root on Debian `./run test` installs it")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    own = tmp_path / "sentinel.conf"
    text = (ROOT / "config/redis-sentinel.conf").read_text()
    for shipped, here in {
        "port 26379": f"port {port}",
        "/var/lib/redis-siaga": str(tmp_path),
        "@SELF@": "127.0.0.1",
        "@PRIMARY@": "127.0.0.1",
    }.items():
        text = text.replace(shipped, here)
    own.write_text(text)
    with program(["redis-server", own, "--sentinel"], log=tmp_path / "log", port=port):
        asked = ["redis-cli", "-p", str(port), "sentinel", "master", "siaga"]
        until(lambda: listens(port))
        answer = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.split("\n")
    said = dict(zip(answer[::2], answer[1::2], strict=False))
    assert (said["quorum"], said["down-after-milliseconds"], said["parallel-syncs"]) == ("2", "5000", "1")


USER = re.compile(r"^(user (?:siaga|default) .*)$", re.MULTILINE)


def test_the_user_that_the_file_proposes_can_do_all_that_siaga_does(site, redis, capsys):
    """Checked, written to, backed up and restored with the rights of config/redis-users.acl, and no others."""
    shipped = (ROOT / "config/redis-users.acl").read_text().replace("@SIAGA@", "PASSWORD")
    off, siaga = USER.findall(shipped)
    asked = ["redis-cli", "-p", str(redis), "acl", "setuser"]
    for line in (siaga, off):
        done = subprocess.run([*asked, *line.split()[1:]], check=True, capture_output=True, text=True)
        assert done.stdout == "OK\n", done.stdout
    site.settings["redis.url"] = f"redis://siaga:PASSWORD@127.0.0.1:{redis}"
    code, found = site.doctor()
    assert (code, faults(found)) == (0, {})
    options = [part for name, value in site.settings.items() for part in ("--set", f"{name}={value}")]
    options = ["--config", str(ROOT / "config/siaga.yaml"), *options]

    def siaga_ends(*arguments: str) -> int:
        with pytest.raises(SystemExit) as ended:
            cli.main([*arguments, *options])
        return ended.value.code

    assert siaga_ends("token", "create", "--right", "submit") == 0
    capsys.readouterr()
    assert "desks" not in site.doctor()[1]
    assert siaga_ends("backup", "--plain", str(site.home / "b.tar.gz")) == 0, capsys.readouterr().err
    asked = ["redis-cli", "-p", str(redis), "--user", "siaga", "--pass", "PASSWORD", "--no-auth-warning"]
    keys = subprocess.run([*asked, "--scan"], check=True, capture_output=True, text=True).stdout.split("\n")
    subprocess.run([*asked, "unlink", *filter(None, keys)], check=True, capture_output=True)
    assert siaga_ends("restore", str(site.home / "b.tar.gz")) == 0, capsys.readouterr().err
    assert siaga_ends("audit", "verify") == 0


def test_a_server_that_forbids_the_pause_is_told_by_the_backup(site, redis, capsys):
    """Hosted servers do; nothing is written then."""
    subprocess.run(
        ["redis-cli", "-p", str(redis), "acl", "setuser", "default", "-client|pause"],
        check=True,
        capture_output=True,
    )
    options = [part for name, value in site.settings.items() for part in ("--set", f"{name}={value}")]
    with pytest.raises(SystemExit) as ended:
        cli.main(["backup", "--plain", str(site.home), "--config", str(ROOT / "config/siaga.yaml"), *options])
    assert ended.value.code == cli.FAILED
    assert "allow CLIENT PAUSE and UNPAUSE" in capsys.readouterr().err
    assert list(site.home.glob("*.tar.gz*")) == []


def test_tokens_of_before_the_bound_to_desks_are_named_with_what_to_type(site):
    """Those alone that report: a token of today, one that only reads and one that has ended are none of them."""

    async def kept() -> str:
        options = [f"{name}={value}" for name, value in site.settings.items()]
        async with storage(load(ROOT / "config/siaga.yaml", overrides=options)) as store:
            tokens = Tokens(store, WallClock())
            old = await tokens.create(("submit",), "73.15", label="Desk Pinrang", by=OPERATOR)
            reads = await tokens.create(("read",), "73.15", by=OPERATOR)
            ended = await tokens.create(("submit",), "73.15", by=OPERATOR)
            for one in (old, reads, ended):  # as a store of before holds them
                record = (await store.get(TABLE, [one.token.id]))[0]
                before = msgspec.structs.replace(one.token, desks=None)
                put = Put(TABLE, one.token.id, encode(before), expected=record.version)
                await store.write(Write(name="revoke_token", puts=(put,)))
            await tokens.revoke(ended.token.id, by=OPERATOR)
            await tokens.create(("submit",), "73", desks=("*",), by=OPERATOR)
            return old.token.id

    token = asyncio.run(kept())
    _code, found = site.doctor()
    (verdict,) = found["tokens"]
    assert verdict["state"] == "warning"
    assert verdict["says"].startswith(f"{token} (Desk Pinrang) of region 73.15 ")
    assert f"`siaga token rotate {token} --overlap 7d --desk 73.15`" in verdict["remedy"]
    site.typed("token", "rotate", token, "--overlap", "7d", "--desk", "73.15")
    assert "tokens" not in site.doctor()[1]
