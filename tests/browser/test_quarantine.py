"""The quarantine in a browser: a report is taken in as is offered, mended, or kept from being lowered."""

import pytest

from engine.core.judging.instant import HOUR, format_instant
from tests.browser.browser import DESKTOP, PHONE, faults


async def test_an_operator_accepts_the_corrected_instant(open_page, installation):
    """A desk in Maluku Utara wrote its local time with the offset of Jakarta: two hours ahead of the clock."""
    await installation.user("piket-malut", "read", "operate", region="82")
    local = format_instant(installation.now() + 9 * HOUR)[:19]
    await installation.report("conflict.death", "82.72", occurred_at=f"{local}+07:00", metrics={"dead": 1})
    page = await open_page(DESKTOP, user="piket-malut")
    await page.goto("/console/quarantine")
    await page.locator("article", has_text="Kota Tidore").get_by_role("button").click()
    await page.get_by_text("Laporan diterima dan dinilai.").wait_for()
    assert await page.locator("article", has_text="Kota Tidore").count() == 0
    assert await installation.alert("82.72")


SIZES = pytest.mark.parametrize(
    ("size", "region"), [(PHONE, "82.05"), (DESKTOP, "82.06")], ids=["phone", "desktop"]
)


@SIZES
async def test_a_report_of_an_unknown_kind_is_taken_in_as_what_was_meant_and_both_versions_stay(
    open_page, installation, size, region
):
    """Three dead under a kind with a slip of the pen: the page offers the kind that was meant, by its name."""
    await installation.user("pemeriksa", "read", "operate", "verify")
    await installation.report("conflict.deth", region, severity=4, metrics={"dead": 3})
    page = await open_page(size, user="pemeriksa")
    await page.goto("/console/quarantine")
    held = page.locator("article", has_text="Jenis tidak dikenal “conflict.deth”").first
    assert "posko diberi tahu" in await held.inner_text()
    assert await faults(page) == []
    await held.get_by_role("link").click()
    record = page.url
    assert await faults(page) == []
    await page.get_by_role("button", name="Terima sebagai Bentrok dengan korban jiwa").click()
    await page.get_by_text("Laporan diterima dan dinilai.").wait_for()
    await page.goto(record)
    assert "Diterima dengan perbaikan yang ditawarkan" in await page.locator("article").inner_text()
    assert "oleh pengguna pemeriksa" in await page.locator("article").inner_text()
    assert '"kind": "conflict.deth",' in await page.locator("pre .old").inner_text()
    assert '"kind": "conflict.death",' in await page.locator("pre .new").inner_text()
    assert await faults(page) == []
    assert await installation.alert(region)


async def test_without_the_right_to_verify_nobody_lowers_what_a_report_says(open_page, installation):
    await installation.user("piket-halsel", "read", "operate", region="82.07")
    await installation.report("conflict.deth", "82.07", severity=4, metrics={"dead": 3})
    page = await open_page(PHONE, user="piket-halsel", strict=False)  # the refusal comes with 403
    await page.goto("/console/quarantine")
    await page.locator("article").first.get_by_role("link").click()
    document = page.locator("#document")
    written = (await document.input_value()).replace('"dead": 3', '"dead": 1')
    await document.fill(written.replace("conflict.deth", "conflict.death"))
    await page.locator("form", has=document).get_by_role("button", name="Kirim lagi").click()
    await page.get_by_text("Hanya pengguna dengan hak verifikasi (verify)").wait_for()
    assert '"dead": 1' in await document.input_value()
    assert await faults(page) == []
