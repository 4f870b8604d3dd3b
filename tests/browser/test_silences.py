"""Silences in a browser: an operator makes one with the keyboard and ends it."""

from tests.browser.browser import PHONE


async def test_an_operator_silences_a_region_and_ends_it(open_page, installation):
    await installation.user("piket-kalteng", "read", "operate", region="62")
    page = await open_page(PHONE, user="piket-kalteng")
    await page.goto("/console")
    await page.get_by_role("link", name="Bisukan").click()
    await page.get_by_label("Daerah").fill("62.71 Kota Palangkaraya")
    await page.get_by_label("Alasan").fill("Listrik padam, laporan menyusul lewat telepon")
    await page.get_by_role("button", name="Bisukan").press("Enter")
    await page.get_by_text("Bisukan berlaku sekarang.").wait_for()
    made = page.locator("article", has_text="Kota Palangkaraya")
    assert "AWAS tetap diberitahukan." in await made.inner_text()
    await made.get_by_role("button", name="Akhiri sekarang").click()
    await page.get_by_text("Bisukan diakhiri.").wait_for()
    assert "Diakhiri lebih awal oleh piket-kalteng." in await page.locator("#silences").inner_text()
