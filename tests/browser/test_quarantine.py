"""The quarantine in a browser: an operator takes a report in by the instant that is offered."""

from engine.judging.instant import HOUR, format_instant
from tests.browser.browser import DESKTOP


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
