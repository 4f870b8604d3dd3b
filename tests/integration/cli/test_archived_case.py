"""An alert of the first month that is in the archive of cases: handed over, shown, linked to and proved."""

import asyncio
import gzip
import json
import re
import shutil
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from engine import cli
from engine.app import open_siaga
from engine.core.alerting.alert import NOTICES
from engine.core.judging.instant import DAY, MINUTE, parse_instant
from engine.operations.case_archiver import CaseArchiver
from engine.records.alert_repository import ALERTS
from engine.runtime.keys import secret_keys
from engine.settings import Settings, load
from engine.texts.answer_link_token import token_for
from engine.web.app import build
from tests.credentials import OPERATOR

ROOT = Path(__file__).parents[3]
START, _ = parse_instant("2024-10-01T08:00:00+08:00")
REPORT = {
    "id": "e1",
    "kind": "conflict.death",
    "severity": 4,
    "region": "73.15",
    "occurred_at": "2024-10-01T08:00:00+08:00",
    "source": {"desk": "73.15", "channel": "desk"},
}


class Archived:
    """An installation, what was known of its alert while it was in the store, and headers of a token."""

    def __init__(self, settings: Settings, options: list[str]) -> None:
        self.settings = settings
        self.options = options
        self.headers: dict[str, str] = {}
        self.alert = ""
        self.link = ""
        self.history: list[str] = []
        self.messages: set[str] = set()


async def _client(siaga, stack: AsyncExitStack) -> httpx.AsyncClient:
    app = build(siaga)
    stack.push_async_callback(app.state.asked.close)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return await stack.enter_async_context(
        httpx.AsyncClient(transport=transport, base_url="http://siaga.test")
    )


async def _live(place: Archived) -> None:
    """Let the alert open, be told, taken with a note and closed; 40 days later it leaves the store."""
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(place.settings, stack)
        rights = ["submit", "read", "operate"]
        made = await siaga.tokens.create(rights, desks=("*",), by=OPERATOR)
        place.headers = {"Authorization": f"Bearer {made.text}"}
        client = await _client(siaga, stack)
        taken_in = await client.post("/v1/events", json=REPORT, headers=place.headers)
        assert taken_in.status_code == 202
        await siaga.advance(START + 5 * MINUTE)
        place.alert = (await siaga.desk.alerts())[0].id
        case = await siaga.desk.case(place.alert)
        told = next(one for one in case.notifications.values() if one.kind in NOTICES and one.reference)
        place.link = (
            f"/a/{token_for(secret_keys(place.settings.key_file, {}).current, told.id, told.channel)}"
        )
        path = f"/v1/alerts/{place.alert}"
        by = {"via": "proxy", "person": told.person}
        taking = by | {"says": "taken", "note": "Sudah di lokasi."}
        assert (await client.post(f"{path}/answers", json=taking, headers=place.headers)).status_code == 200
        closing = by | {"says": "resolved", "confirm": True, "reason": "Selesai."}
        assert (await client.post(f"{path}/answers", json=closing, headers=place.headers)).status_code == 200
        await siaga.advance(START + 10 * MINUTE)
        place.history = [entry.digest for entry in await siaga.desk.history(place.alert)]
        place.messages = set((await siaga.desk.case(place.alert)).notifications)
        keys = secret_keys(place.settings.key_file, {})
        archivist = CaseArchiver(
            siaga.store, siaga.clock, siaga.metrics, siaga.past, keys, place.settings.retention
        )
        for day in (35, 36, 70):  # an alert leaves once judging has forgotten its group
            await siaga.advance(START + day * DAY)
            while await archivist.turn():
                pass
        archivist.release()
        assert (await siaga.store.get(ALERTS, [place.alert])) == [None]


@pytest.fixture
def place(tmp_path) -> Archived:
    rules = tmp_path / "rules"
    rules.mkdir()
    shutil.copy(ROOT / "rules/kekerasan.yaml", rules)
    overrides = [
        f"paths.var={tmp_path}/var",
        f"paths.rules={rules}",
        "clock.mode=lock_step",
        "log.level=error",
        "clock.start=2024-10-01T08:00:00+08:00",
    ]
    settings = load(ROOT / "config/siaga.yaml", overrides=overrides)
    options = [
        "--config",
        str(ROOT / "config/siaga.yaml"),
        *[part for o in overrides for part in ("--set", o)],
    ]
    found = Archived(settings, options)
    asyncio.run(_live(found))
    return found


def siaga(capsys, *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main(list(arguments))
    return ended.value.code, capsys.readouterr().out


def test_its_case_file_is_whole_and_names_a_credential_in_each_entry(capsys, place, tmp_path):
    file = tmp_path / "kasus.json"
    assert siaga(capsys, "case", "export", place.alert, str(file), *place.options)[0] == 0
    code, said = siaga(capsys, "case", "verify", str(file), "--lang", "en")
    assert (code, "Genuine: " in said) == (0, True)
    assert f"history {len(place.history)}, messages {len(place.messages)}" in said
    contents = json.loads(file.read_text())
    text = json.dumps(contents)
    assert all(digest in text for digest in place.history)
    assert all(message in text for message in place.messages)
    entries, evidence = _found(contents, "history"), _found(contents, "evidence")
    assert [entry["digest"] for entry in entries] == place.history
    assert all(entry["by"] for entry in entries)
    assert [one["id"] for one in evidence] == ["e1"]
    assert evidence[0]["token"].startswith("token:")
    assert "Sudah di lokasi." not in text


def _found(contents: object, name: str) -> list[dict]:
    """Return the first list of this name in a case file, however deep."""
    if isinstance(contents, str) and contents.startswith("{"):
        contents = json.loads(contents)
    if isinstance(contents, dict):
        if isinstance(contents.get(name), list):
            return contents[name]
        contents = list(contents.values())
    for one in contents if isinstance(contents, list) else []:
        if found := _found(one, name):
            return found
    return []


def test_it_is_shown_by_command_api_and_console_and_its_link_says_that_it_is_over(capsys, place):
    code, said = siaga(capsys, "explain", "alert", place.alert, *place.options)
    assert (code, "e1" in said) == (0, True)

    async def look() -> None:
        async with AsyncExitStack() as stack:
            siaga = await open_siaga(place.settings, stack)
            client = await _client(siaga, stack)
            answer = await client.get(f"/v1/alerts/{place.alert}", headers=place.headers)
            assert (answer.status_code, answer.json()["status"]) == (200, "resolved")
            refused = await client.post(
                f"/v1/alerts/{place.alert}/comments", json={"note": "lagi"}, headers=place.headers
            )
            assert (refused.status_code, refused.json()["type"]) == (409, "urn:siaga:problem:archived")
            page = await client.get(place.link)
            assert page.status_code == 404  # a link ends with its message
            assert "Halaman tidak ditemukan" in page.text
            assert not re.search(r'name="says"', page.text)
            pressed = await client.post(place.link, data={"says": "reopened"})
            assert pressed.status_code == 404
            await siaga.users.add("piket", "sandi yang panjang", ["read"], by=OPERATOR)
            await client.post("/console/sign-in", data={"user": "piket", "password": "sandi yang panjang"})
            shown = await client.get(f"/console/alerts/{place.alert}")
            assert (shown.status_code, place.alert in shown.text) == (200, True)

    asyncio.run(look())


def test_the_audit_proves_it_until_a_line_of_the_archive_is_changed(capsys, place):
    code, said = siaga(capsys, "audit", "verify", *place.options, "--lang", "en")
    assert (code, "Whole: " in said) == (0, True)
    changed = 0
    for path in sorted(Path(place.settings.paths.var).rglob("*.jsonl.gz")):
        content = gzip.decompress(path.read_bytes()).decode()
        if place.alert in content:
            changed += 1
            path.write_bytes(
                gzip.compress(content.replace('\\"acknowledged\\"', '\\"acknowledgeD\\"').encode())
            )
    assert changed
    code, said = siaga(capsys, "audit", "verify", *place.options, "--lang", "en")
    assert (code, "BROKEN: " in said) == (1, True)
