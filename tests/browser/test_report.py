"""A desk operator reports from a phone, with scripts off: nothing in one tap, a clash by its form, a sheet."""

import pytest_asyncio

from engine.core.judging.instant import local
from engine.documents.sheets.sheet import read_sheet
from tests.browser.browser import PHONE, faults


@pytest_asyncio.fixture(loop_scope="session")
async def desk(open_page, installation):
    """The first page of a desk in Papua Selatan, which keeps the time of WIT. A 422 is an error on a console."""
    await installation.user("desk-9301", "submit", region="93.01")
    page = await open_page(PHONE, user="desk-9301", script=False, strict=False)
    await page.goto("/lapor")
    return page


async def test_nothing_to_report_is_one_tap(desk):
    assert " WIT" in await desk.locator(".where").inner_text()
    await desk.get_by_role("button", name="Nihil").tap()
    await desk.get_by_role("heading", name="Diterima").wait_for()
    assert "Laporan harian Desk Pilkada, Kab. Merauke" in await desk.locator(".said").inner_text()


async def test_a_clash_is_reported_in_words_and_comes_in(desk, installation):
    await desk.get_by_text("Keamanan dan ketertiban").tap()
    await desk.get_by_role("link", name="Bentrok dengan korban jiwa").tap()
    await desk.locator(".choice", has_text="AWAS").tap()
    await desk.get_by_role("textbox", name="Meninggal").fill("dua")
    await desk.get_by_label("Ringkasan").fill("Dugaan bentrok di pasar")
    await desk.get_by_role("button", name="Kirim laporan").tap()
    assert "Meninggal: `dua` bukan angka" in await desk.get_by_role("alert").inner_text()
    assert await desk.get_by_label("Ringkasan").input_value() == "Dugaan bentrok di pasar"
    await desk.get_by_role("textbox", name="Meninggal").fill("2")
    await desk.get_by_role("button", name="Kirim laporan").tap()
    await desk.get_by_role("heading", name="Diterima").wait_for()
    alert = await installation.alert("93.01")
    assert (await installation.client.get(f"/v1/alerts/{alert}")).json()["level"] == "awas"


async def test_a_sheet_goes_in_row_by_row_and_the_wrong_rows_come_back(desk, installation, tmp_path):
    at = local(installation.now() - 3_600_000, "WIT")
    rows = "Daerah;Tanggal;Jam;Jenis;Tingkat\n93.01;{0};{1};banjir;waspada\n93.01;{0};{1};bnjir;waspada\n"
    file = tmp_path / "laporan.csv"
    file.write_text(rows.format(f"{at:%d/%m/%Y}", f"{at:%H.%M}"))
    await desk.get_by_role("link", name="Unggah CSV atau XLSX").tap()
    await desk.get_by_label("Berkas CSV atau XLSX").set_input_files(file)
    await desk.get_by_role("button", name="Kirim Baris").tap()
    said = await desk.get_by_role("status").inner_text()
    assert "1 baris diterima" in said
    assert "1 baris perlu diperbaiki" in said
    async with desk.expect_download() as download:
        await desk.get_by_role("link", name="Unduh baris yang perlu diperbaiki").tap()
    (row,) = read_sheet((await (await download.value).path()).read_bytes()).rows
    assert row.cells[3] == "bnjir"


async def test_what_was_said_of_a_report_is_without_fault(open_page, installation):
    """The pages behind the buttons, which no path leads to; axe needs scripts."""
    await installation.user("desk-9302", "submit", region="93.02")
    page = await open_page(PHONE, user="desk-9302", strict=False)
    await page.goto("/lapor/jenis/disaster.flood")
    await page.locator(".choice", has_text="WASPADA").tap()
    await page.get_by_role("textbox", name="TPS").fill("tiga")
    await page.get_by_role("button", name="Kirim laporan").tap()
    await page.get_by_role("alert").filter(has_text="TPS").wait_for()
    assert await faults(page) == []
    await page.get_by_role("textbox", name="TPS").fill("3")
    await page.get_by_role("button", name="Kirim laporan").tap()
    await page.get_by_role("heading", name="Diterima").wait_for()
    assert await faults(page) == []
