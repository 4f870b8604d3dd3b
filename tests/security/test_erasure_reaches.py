"""After an erasure no file of the installation holds a phone, a mailbox or a note of the person, on a real server."""

import asyncio
import base64
import gzip
import json
import re
import shutil
import tarfile
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from engine import cli
from engine.app import open_siaga
from engine.people.tokens import Scope
from engine.records.backup_record import BackupRecord, enter_backup
from engine.settings import Settings, load
from engine.web.app import build
from tests.acceptance.web.conftest import CLASH, ROOT

WHO = "sekda-9402"
PHONE, MAILBOX = "+6281100940202", "sekda@9402.example"
NOTE = "Saya sedang di rumah sakit Jayapura bersama keluarga."
TRACES = {
    "phone": b"81100940202",
    "spaced phone": b"0811-0094-0202",
    "mailbox": MAILBOX.encode(),
    "note": NOTE.encode(),
}
REFUSED = "belum bisa dihubungi"


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    """Give a command; return its exit code, output and errors."""
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    return int(ended.value.code or 0), *capsys.readouterr()


def holding(var: Path) -> dict[str, list[str]]:
    """Return which files hold which trace; packed ones are looked into."""
    found: dict[str, list[str]] = {name: [] for name in TRACES}
    for path in sorted(var.rglob("*")):
        if not path.is_file():
            continue
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for name, trace in TRACES.items():
            if trace in content:
                found[name].append(str(path.relative_to(var)))
    return found


class Place:
    """An installation with an embedded server in a folder of a short path, and its commands."""

    def __init__(self, home: Path, directory: Path, capsys) -> None:
        self.var = home / "var"
        self.capsys = capsys
        overrides = [
            f"paths.var={self.var}",
            f"paths.directory={directory}",
            "clock.mode=lock_step",
            "clock.start=2024-11-27T12:00:00+09:00",
            "log.level=error",
        ]
        self.settings: Settings = load(ROOT / "config/siaga.yaml", overrides=overrides)
        self.options = (
            "--config",
            str(ROOT / "config/siaga.yaml"),
            *(p for one in overrides for p in ("--set", one)),
        )

    def token(self, *rights: str) -> dict[str, str]:
        """Return the header of a new token."""
        asked = [part for right in rights for part in ("--right", right)]
        code, out, err = run(self.capsys, "token", "create", *asked, "--desk", "94.02", *self.options)
        assert code == 0, err
        return {"Authorization": f"Bearer {re.search(r'siaga_[^ ]+', out)[0].strip()}"}


@pytest.fixture
def place(directory, capsys):
    home = Path(tempfile.mkdtemp(prefix="siaga-erase-"))
    yield Place(home, directory, capsys)
    shutil.rmtree(home)


async def live(place: Place, headers: dict[str, str]) -> str:
    """Let the person be told and leave a note, and others write of them; return the alert."""
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(place.settings, stack)
        app = build(siaga)
        stack.push_async_callback(app.state.asked.close)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        client = await stack.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url="http://siaga.test")
        )
        grave = CLASH | {"summary": "Bentrok"}
        assert (await client.post("/v1/events", json=grave, headers=headers)).status_code == 202
        await siaga.advance(siaga.clock.now() + 60_000)
        alert = (await siaga.desk.alerts())[0].id
        told = {"says": "taken", "via": "proxy", "person": WHO, "note": NOTE}
        answered = await client.post(f"/v1/alerts/{alert}/answers", json=told, headers=headers)
        assert answered.status_code == 200, answered.text
        remark = {"note": f"Sekda {REFUSED}: 0811-0094-0202 atau {MAILBOX}"}
        commented = await client.post(f"/v1/alerts/{alert}/comments", json=remark, headers=headers)
        assert commented.status_code == 200, commented.text
        for number in (2, 3):
            odd = CLASH | {"id": f"E{number}", "region": "9402", "summary": f"Hubungi {PHONE}"}
            kept = await client.post("/v1/events", json=odd, headers=headers)
            record = kept.json()["quarantined"][0]["id"]
        path = f"/v1/quarantine/{record}/resubmit"
        mended = odd | {"region": "94.02", "summary": "Hubungi sekda"}
        assert (await client.post(path, json={"event": mended}, headers=headers)).status_code == 200
        silence = {
            "match": {"region": ["94.02.01"]},
            "until": "2024-11-28T12:00:00+09:00",
            "reason": f"uji {PHONE}",
        }
        assert (await client.post("/v1/silences", json=silence, headers=headers)).status_code == 201
        await siaga.advance(siaga.clock.now() + 60_000)
        return alert


async def test_no_file_holds_what_was_erased_and_the_colleagues_note_keeps_its_words(place):
    """Law: docs/specification/trust.md#erasing-a-person."""
    headers = await asyncio.to_thread(place.token, "submit", "operate", "verify", "read")
    await live(place, headers)
    before = holding(place.var)
    assert all(before.values()), before
    code, _, err = await asyncio.to_thread(run, place.capsys, "person", "erase", WHO, "--yes", *place.options)
    assert code == 0, err
    assert holding(place.var) == {name: [] for name in TRACES}
    assert "0 person" not in err
    code, out, err = await asyncio.to_thread(run, place.capsys, "audit", "verify", *place.options)
    assert code == 0, out + err
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(place.settings, stack)
        notes = [record.value for record in (await siaga.store.scan("notes")).values()]
        assert len(notes) == 1
        assert REFUSED.encode() in notes[0]


async def test_older_backups_are_named_and_a_report_in_the_archive_too(place):
    """What is in a hash chain cannot be taken out of it: whoever erases is told where it is."""
    headers = await asyncio.to_thread(place.token, "submit", "operate", "verify", "read")
    await live(place, headers)
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(place.settings, stack)
        for file, at in (("siaga-1.tar.gz", 1), ("siaga-2.tar.gz", 2)):
            await enter_backup(siaga.store, BackupRecord(taken_at=at, bytes=1, file=file))
        grave = CLASH | {"id": "E9", "summary": f"Hubungi {PHONE}"}
        scope = Scope(rights=frozenset(("submit",)), region="00", token_id="t", desks=("*",))
        await siaga.intake.submit(json.dumps(grave).encode(), "application/json", scope)
        await siaga.advance(siaga.clock.now() + 60_000)
    code, _, err = await asyncio.to_thread(run, place.capsys, "person", "erase", WHO, "--yes", *place.options)
    assert code == 1
    assert "still holds an address: record entries" in err
    assert "siaga-1.tar.gz" in err
    assert "siaga-2.tar.gz" in err
    assert "1 person" in err
    again, _, err = await asyncio.to_thread(
        run, place.capsys, "person", "erase", WHO, "--yes", *place.options
    )
    assert again != 0
    assert PHONE not in err


def members(file: Path) -> bytes:
    """Return all that a plain backup holds, unpacked; records of the store stand in it as base64."""
    found: list[bytes] = []
    with tarfile.open(file) as packed:
        for one in packed.getmembers():
            part = packed.extractfile(one) if one.isfile() else None
            content = part.read() if part is not None else b""
            found.append(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)
            if one.name.endswith("store.jsonl"):
                found += [
                    base64.b64decode(text)
                    for text in re.findall(rb'"([A-Za-z0-9+/]{8,}=*)"', content)
                    if len(text) % 4 == 0
                ]
    return b"\n".join(found)


async def test_a_backup_of_before_holds_the_person_and_one_of_after_does_not(place):
    headers = await asyncio.to_thread(place.token, "submit", "operate", "verify", "read")
    await live(place, headers)
    held = []
    for folder in ("before", "after"):
        target = place.var.parent / folder
        target.mkdir()
        code, _, err = await asyncio.to_thread(
            run, place.capsys, "backup", "--plain", str(target), *place.options
        )
        assert code == 0, err
        (file,) = [one for one in target.iterdir() if tarfile.is_tarfile(one)]
        content = members(file)
        held.append({name for name, trace in TRACES.items() if trace in content})
        if folder == "before":
            code, _, err = await asyncio.to_thread(
                run, place.capsys, "person", "erase", WHO, "--yes", *place.options
            )
            assert code == 0, err
            assert file.name in err
    assert held == [set(TRACES), set()]
