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
from engine.cli.common.options import os_account
from engine.core.judging.instant import DAY
from engine.operations.case_archiver import CaseArchiver
from engine.people.tokens import Scope
from engine.records.backup_record import BackupRecord, enter_backup
from engine.runtime.keys import secret_keys
from engine.settings import Settings, load
from engine.store.backup.encryption import decrypted
from engine.store.port import Drop, Put, Write
from engine.web.app import build
from tests.acceptance.web.conftest import CLASH, ROOT

SUFFIX = ".tar.gz"
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

    def archived(self) -> list[Path]:
        """Return the day files of the archive of cases."""
        return sorted((self.var / "archive/cases").glob("*.jsonl.gz"))

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


async def erased_behind_a_backup(place: Place, *, kept: bool) -> Path:
    """Back up, erase the person, and back up into the same folder again where `kept`; return the older backup."""
    headers = await asyncio.to_thread(place.token, "submit", "operate", "verify", "read")
    await live(place, headers)
    target = place.var.parent / "backups"
    target.mkdir()
    older = str(target / f"older{SUFFIX}")
    code, out, err = await asyncio.to_thread(run, place.capsys, "backup", "--plain", older, *place.options)
    assert code == 0, err
    code, _, err = await asyncio.to_thread(run, place.capsys, "person", "erase", WHO, "--yes", *place.options)
    assert code == 0, err
    if kept:
        newer = str(target / f"newer{SUFFIX}")
        code, _, err = await asyncio.to_thread(run, place.capsys, "backup", "--plain", newer, *place.options)
        assert code == 0, err
    return Path(out.strip())


def emptied(place: Place) -> None:
    """Move store and archive away, as before a restore on the same machine."""
    for name in ("redis", "archive", "outbox"):
        shutil.rmtree(place.var / name, ignore_errors=True)


@pytest.fixture
def elsewhere(directory, capsys):
    """Another machine, on which nothing is."""
    home = Path(tempfile.mkdtemp(prefix="siaga-other-"))
    yield Place(home, directory, capsys)
    shutil.rmtree(home)


async def restored(place: Place, file: Path, *options: str) -> tuple[int, str]:
    """Restore a backup; return the exit code and what was said."""
    code, _, err = await asyncio.to_thread(run, place.capsys, "restore", str(file), *options, *place.options)
    return code, err


async def doctor(place: Place) -> str:
    """Return what the doctor says of people who must be erased again."""
    _, out, err = await asyncio.to_thread(run, place.capsys, "doctor", *place.options)
    return "\n".join(line for line in (out + err).splitlines() if "erasures" in line)


async def test_a_restore_of_an_older_backup_erases_again_who_was_erased_since(place):
    """The list of erasures lies outside the store, which the restore replaces.

    Law: docs/specification/trust.md#restores-after-erasures.
    """
    older = await erased_behind_a_backup(place, kept=False)
    emptied(place)
    code, err = await restored(place, older)
    assert code == 0, err
    assert f"erased again: {WHO}" in err
    assert holding(place.var) == {name: [] for name in TRACES}
    assert await doctor(place) == ""


async def test_another_machine_finds_the_erasures_beside_the_backups(place, elsewhere):
    """Each backup leaves the list where it lies; it holds no id and no address."""
    older = await erased_behind_a_backup(place, kept=True)
    (kept,) = older.parent.glob("*.jsonl")
    assert WHO not in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0
    code, err = await restored(elsewhere, older)
    assert code == 0, err
    assert f"erased again: {WHO}" in err
    assert holding(elsewhere.var) == {name: [] for name in TRACES}
    code, _, err = await asyncio.to_thread(
        run, elsewhere.capsys, "backup", "--plain", str(elsewhere.var.parent), *elsewhere.options
    )
    assert code == 0, err
    assert list(elsewhere.var.parent.glob("*.jsonl")), "the list goes on with the installation"


async def test_a_restore_that_knows_no_erasures_says_so(place, elsewhere, tmp_path):
    """What happened since the backup is not known there; a list that was kept elsewhere can be named."""
    older = await erased_behind_a_backup(place, kept=False)
    code, err = await restored(elsewhere, older)
    assert code == 0, err
    assert "no list of erasures" in err
    assert any(holding(elsewhere.var).values())
    emptied(elsewhere)
    code, err = await restored(elsewhere, older, "--erasures", str(place.var / "erasures.jsonl"))
    assert code == 0, err
    assert f"erased again: {WHO}" in err
    assert holding(elsewhere.var) == {name: [] for name in TRACES}


async def test_a_damaged_list_of_erasures_stops_a_restore_before_anything_is_brought_back(place):
    older = await erased_behind_a_backup(place, kept=False)
    emptied(place)
    (place.var / "erasures.jsonl").write_text('{"person": "')
    code, err = await restored(place, older)
    assert code != 0
    assert "erasures.jsonl, line 1" in err
    assert not any(holding(place.var).values())


async def test_what_a_restore_could_not_erase_whole_is_a_warning_of_the_doctor_until_it_is(place):
    """A note that cannot be read may hold something of the person."""
    headers = await asyncio.to_thread(place.token, "submit", "operate", "verify", "read")
    await live(place, headers)
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(place.settings, stack)
        put = Put("notes", "A/odd", b"\xff", 0)
        await siaga.store.write(Write(name="erase_note", puts=(put,)))
    older = str(place.var.parent / f"older{SUFFIX}")
    erase = ("person", "erase", WHO, "--yes", *place.options)
    code, _, err = await asyncio.to_thread(run, place.capsys, "backup", "--plain", older, *place.options)
    assert code == 0, err
    code, _, err = await asyncio.to_thread(run, place.capsys, *erase)
    assert "notes/A/odd" in err
    emptied(place)
    code, err = await restored(place, Path(older))
    assert code == 1
    assert f"not erased again whole: {WHO}" in err
    assert "notes/A/odd" in err
    assert f"{WHO} was erased at" in await doctor(place)
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(place.settings, stack)
        version = (await siaga.store.get("notes", ["A/odd"]))[0].version
        await siaga.store.write(Write(name="erase_note", drops=(Drop("notes", "A/odd", version),)))
    await asyncio.to_thread(run, place.capsys, *erase)
    assert await doctor(place) == ""


async def filled_archive(place: Place, alert: str, headers: dict[str, str]) -> None:
    """Close the alert and let it leave the store for the archive, with its messages and notes."""
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(place.settings, stack)
        app = build(siaga)
        stack.push_async_callback(app.state.asked.close)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        client = await stack.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url="http://siaga.test")
        )
        begun = siaga.clock.now()
        closing = {"says": "resolved", "via": "proxy", "person": WHO, "confirm": True, "reason": "Selesai."}
        closed = await client.post(f"/v1/alerts/{alert}/answers", json=closing, headers=headers)
        assert closed.status_code == 200, closed.text
        keys = secret_keys(place.settings.key_file, {})
        archivist = CaseArchiver(
            siaga.store, siaga.clock, siaga.metrics, siaga.past, keys, place.settings.retention
        )
        for day in (35, 36, 70):  # an alert leaves once judging has forgotten its group
            await siaga.advance(begun + day * DAY)
            while await archivist.turn():
                pass
        archivist.release()


async def test_an_encrypted_backup_of_after_an_erasure_holds_nothing_also_of_archived_cases(place, tmp_path):
    """Opened with its identity: neither store, nor day files, nor the index of the archive of cases."""
    headers = await asyncio.to_thread(place.token, "submit", "operate", "verify", "read")
    alert = await live(place, headers)
    await filled_archive(place, alert, headers)
    identity = tmp_path / "identity"
    code, public, err = await asyncio.to_thread(run, place.capsys, "backup-key", str(identity))
    assert code == 0, err
    held = []
    for name in ("before", "after"):
        file = place.var.parent / f"{name}{SUFFIX}.age"
        arguments = ("backup", "--recipient", public.strip(), str(file), *place.options)
        code, _, err = await asyncio.to_thread(run, place.capsys, *arguments)
        assert code == 0, err
        assert file.read_bytes().startswith(b"age-encryption.org/v1\n")
        with decrypted(file, identity, tmp_path) as plain:
            content = members(plain)
        assert alert.encode() in content
        held.append({trace for trace, found in TRACES.items() if found in content})
        if name == "before":
            assert place.archived(), "the case is in the archive"
            erase = ("person", "erase", WHO, "--yes", *place.options)
            code, _, err = await asyncio.to_thread(run, place.capsys, *erase)
            assert code == 0, err
            assert file.name in err
    assert held == [set(TRACES), set()]


async def test_a_backup_stands_in_the_audit_before_its_file_is_there(place, tmp_path):
    """All personal data leaves with it: who took it, and the name of the file, also where it could not be written."""
    headers = await asyncio.to_thread(place.token, "submit")
    assert headers
    file = tmp_path / f"kept{SUFFIX}"
    for _ in range(2):  # the second finds the file
        await asyncio.to_thread(run, place.capsys, "backup", "--plain", str(file), *place.options)
    arguments = ("audit", "list", "--json", *place.options)
    _, out, _ = await asyncio.to_thread(run, place.capsys, *arguments)
    entries = [json.loads(line) for line in out.splitlines()]
    made = [one for one in entries if one["what"] == "exported"]
    assert [(one["subject"], one["by"]) for one in made] == [(f"backup/{file.name}", str(os_account()))]
    assert file.name in {one.name for one in tmp_path.iterdir()}
    content = members(file)
    assert f"backup/{file.name}".encode() in content, "the entry lies in the backup itself"
