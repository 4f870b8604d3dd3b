"""A sheet is read in a child process with bounds, which are held by what its cells become, not by what it weighs."""

import asyncio
import io
import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from engine.core.judging.instant import format_instant
from engine.documents.sheets.sheet import NotASheet, read_sheet
from tests.acceptance.web.conftest import ROOT, START
from tests.unit.documents.workbook import packed, parts

OURS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PATIENCE = 60.0
"""Seconds after which what should have happened never will."""
ROOM = 3 << 29
"""Bytes of address space of the service that a hostile sheet comes to."""
ROWS = "Daerah;Tanggal;Jenis;Tingkat;Keterangan\n" + "73.15;27/11/2024;banjir;info;satu\n"


def shared(text: str, cells: int, *, columns: int = 100, between: str = "") -> bytes:
    """Return a workbook whose cells all refer to one text that is written once."""
    row = "<row>" + ('<c t="s"><v>0</v></c>' + between) * columns + "</row>"
    content: dict[str, str | bytes] = dict(parts(row * (cells // columns)))
    rels = str(content["xl/_rels/workbook.xml.rels"])
    more = f'<Relationship Id="rId3" Type="{OURS}/sharedStrings" Target="sharedStrings.xml"/></Relationships>'
    content["xl/_rels/workbook.xml.rels"] = rels.replace("</Relationships>", more)
    content["xl/sharedStrings.xml"] = f"<sst><si><t>{text}</t></si></sst>"
    return packed(content)


BOMB = shared("A" * 1_000_000, 40_000)
"""3 kB: forty thousand cells of a million characters each."""

SERVICE = """
import asyncio, re, sys
from contextlib import AsyncExitStack
from pathlib import Path

import httpx

from engine.app import open_siaga
from engine.settings import Settings
from engine.store.memory import MemoryStore
from engine.web.app import build
from tests.acceptance.web.conftest import ROOT, Api

async def main(var, directory, start, file):
    settings = Settings.model_validate(
        {"clock": {"mode": "lock_step", "start": start}, "paths": {"var": var, "directory": directory}},
        context={"home": ROOT},
    )
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(settings, stack, store=MemoryStore())
        app = build(siaga)
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://siaga.test")
        api = Api(siaga, app, client, b"")
        await api.sign_in("submit", region="73.15")
        page = await client.get("/lapor/berkas")
        form = {"form_token": re.search(r'name="form_token" value="(\\w{64})"', page.text).group(1), "do": "send"}
        answer = await client.post("/lapor/berkas", data=form, files={"file": ("a.xlsx", Path(file).read_bytes())})
        print("said", answer.status_code, "isi berkas terlalu besar" in answer.text, flush=True)
        sent = await client.post("/v1/events", json=api.event(), headers=await api.bearer("submit"))
        print("said", sent.status_code, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


def test_three_kilobytes_do_not_end_the_service(tmp_path, directory):
    """The service has bounds of its own here, so that the machine of the test is safe."""
    assert len(BOMB) < 6_000
    file = tmp_path / "laporan.xlsx"
    file.write_bytes(BOMB)
    done = subprocess.run(
        [sys.executable, "-c", SERVICE, str(tmp_path), str(directory), format_instant(START), str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM)),
    )
    assert done.returncode == 0, done.stderr[-300:]
    said = [line for line in done.stdout.splitlines() if line.startswith("said ")]
    assert said == ["said 422 True", "said 202"]


def test_what_the_cells_become_is_bounded_before_a_reader_sees_it():
    """Law: docs/specification/trust.md#files-from-people."""
    assert refused(BOMB) == "file_unpacks_too_large"
    assert len(read_sheet(shared("A" * 1_000, 5_000)).rows) == 49
    assert refused(shared("A" * 1_000, 10_000)) == "file_unpacks_too_large"
    assert refused(shared("", 1_000_100, columns=99)) == "file_unpacks_too_large"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<v>0</v>", "<v>00000000000</v>"),
        ("<v>0</v>", "<v>&#48;</v>"),
        ("<v>0</v>", "<v> 0</v>"),
        ("<v>0</v>", "<v>0</v><v>0</v>"),
        ('<c t="s"><v>0</v></c>', '<c t="s"><c t="n"><v>1</v></c><v>0</v></c>'),
        ('<c t="s"><v>0</v></c>', '<x:c xmlns:x="x" t="s"><x:v>0</x:v></x:c>'),
        ('<c t="s"><v>0</v></c>', '<c t="&#115;"><v>0</v></c>'),
    ],
)
def test_a_reference_in_disguise_counts_too(old: str, new: str):
    assert refused(changed(BOMB, "xl/worksheets/sheet1.xml", old, new)) in UNFIT


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<si>", "<si><si>"),
        ("<sst>", '<sst xmlns:x="x">'),
        ("<sst>", "<sst><si/></sst><sst>"),
        ("<t>", "<r><t></t></r><r><t>"),
        ("<si>", "<si><rPh><t>A</t></rPh>"),
    ],
)
def test_a_shared_text_in_disguise_counts_too(old: str, new: str):
    assert refused(changed(BOMB, "xl/sharedStrings.xml", old, new)) in UNFIT


def test_a_member_that_asks_for_a_gibibyte_to_be_unpacked_is_refused():
    """LZMA: the archive says how large a dictionary its reader must reserve."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("xl/a.xml", "<a/>")
    assert refused(data.getvalue()) == "file_unknown"


async def test_others_are_served_while_a_sheet_is_read_in_a_child(api):
    await api.sign_in("submit", region="73.15")
    bearer = await api.bearer("submit")
    page = await api.client.get("/lapor/berkas")
    form = {"form_token": page.text.partition('name="form_token" value="')[2][:64], "do": "check"}
    sheet = ROWS.encode() + b"73.15;27/11/2024;banjr;info;dua\n" * 4_000
    upload = asyncio.create_task(
        api.client.post("/lapor/berkas", data=form, files={"file": ("a.csv", sheet, "text/csv")})
    )
    async with asyncio.timeout(PATIENCE):
        while not (readers := children()) and not upload.done():  # noqa: ASYNC110 -- nobody tells of a child
            await asyncio.sleep(0.001)
    assert readers, "it was read in the service itself"
    sent = await api.client.post("/v1/events", json=api.event(), headers=bearer)
    assert (sent.status_code, upload.done()) == (202, False)
    assert "1 baris" in (await upload).text
    assert children() == set()


@pytest.mark.parametrize(
    "bounds", [{"memory": 48 << 20}, {"cpu_seconds": 0}, {"seconds": 0.001}, {"descriptors": 3}], ids=str
)
async def test_a_child_that_dies_or_is_ended_is_said_to_the_person(api, bounds):
    from engine.intake.sheet_worker import SheetReader
    from engine.runtime.worker import Bounds, Workers

    api.app.state.forms.reporting = reporting(
        api, SheetReader(Workers(), api.siaga.settings, Bounds(**bounds))
    )
    await api.sign_in("submit", region="73.15")
    page = await api.client.get("/lapor/berkas")
    form = {"form_token": page.text.partition('name="form_token" value="')[2][:64], "do": "send"}
    answer = await api.client.post("/lapor/berkas", data=form, files={"file": ("a.csv", ROWS.encode())})
    assert answer.status_code == 422
    assert "terlalu rumit" in answer.text
    sent = await api.client.post("/v1/events", json=api.event(), headers=await api.bearer("submit"))
    assert sent.status_code == 202


async def test_who_finds_the_places_taken_waits_for_one_and_not_for_ever():
    from engine.runtime.worker import Bounds, Workers, WorkersBusyError

    pool = Workers(most=1)
    first = await pool.begin("a", "tests.waiting", "", Bounds(seconds=PATIENCE))
    with pytest.raises(WorkersBusyError):
        await pool.begin("b", "tests.waiting", "", Bounds(), patience=0.05)
    waits = asyncio.create_task(pool.begin("b", "tests.waiting", "", Bounds(), patience=PATIENCE))
    await asyncio.sleep(0)
    assert not waits.done()
    await first.end()
    second = await waits
    assert first.over
    await second.end()


async def test_no_more_wait_than_may():
    from engine.runtime.worker import MOST_WAITING, Bounds, Workers, WorkersBusyError

    pool = Workers(most=1)
    first = await pool.begin("a", "tests.waiting", "", Bounds(seconds=PATIENCE))
    waiting = [
        asyncio.create_task(pool.begin(f"b{n}", "tests.waiting", "", Bounds(), patience=PATIENCE))
        for n in range(MOST_WAITING)
    ]
    await asyncio.sleep(0)
    with pytest.raises(WorkersBusyError):
        await pool.begin("c", "tests.waiting", "", Bounds(), patience=PATIENCE)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await first.end()
    assert (await pool.begin("c", "tests.waiting", "", Bounds(), patience=PATIENCE)) is not None
    await pool.close()


# --- what they share --------------------------------------------------------------------------------------------------

UNFIT = ("file_unpacks_too_large", "file_unknown")


def refused(data: bytes) -> str:
    with pytest.raises(NotASheet) as wrong:
        read_sheet(data)
    return wrong.value.reason


def changed(data: bytes, part: str, old: str, new: str) -> bytes:
    """Return an archive one of whose parts has other words."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        content = {name: archive.read(name).decode() for name in archive.namelist()}
    assert old in content[part]
    return packed(content | {part: content[part].replace(old, new)})


def children() -> set[int]:
    """Return the children of this process that read sheets."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            if b"engine.intake.sheet_worker" in words:
                found.add(int(pid))
    return found


def reporting(api, sheets):
    from engine.intake.event_forms import EventForms
    from engine.intake.event_schema import EventSchema
    from engine.intake.form_input import Givens

    siaga = api.siaga
    known = siaga.books.regions, siaga.books.kinds, siaga.settings.intake
    schema, givens = EventSchema(*known), Givens(*known)
    return EventForms(siaga.store, siaga.clock, siaga.intake, givens, schema, siaga.settings, sheets)
