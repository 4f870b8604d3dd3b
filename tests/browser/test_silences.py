"""Silences in a browser: an operator makes one with the keyboard and ends it; one of a province waits for another."""

import pytest

from tests.browser.browser import DESKTOP, PHONE, faults


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
    assert "Diakhiri lebih awal oleh pengguna piket-kalteng." in await page.locator("#silences").inner_text()


@pytest.mark.parametrize(("size", "place"), [(PHONE, "61"), (DESKTOP, "65")], ids=["phone", "desktop"])
async def test_a_silence_of_a_province_waits_for_a_second_person(open_page, installation, size, place):
    """Until then the page of silences says so, and everything is told."""
    await installation.user("piket-barat", "read", "operate")
    await installation.user("piket-timur", "read", "operate")
    page = await open_page(size, user="piket-barat")
    await page.goto("/console/silences")
    await page.get_by_label("Daerah").fill(place)
    await page.get_by_label("Alasan").fill("Gladi seluruh provinsi")
    await page.get_by_role("button", name="Bisukan").click()
    await page.get_by_text("Belum berlaku: semua peringatan masih diberitahukan.").wait_for()
    assert await page.get_by_role("button", name="Setujui").count() == 0
    assert await faults(page) == []
    proposal = page.url.partition("?")[0]
    other = await open_page(size, user="piket-timur")
    await other.goto("/console/silences")
    waiting = other.get_by_role("region", name="Menunggu persetujuan orang lain")
    assert "oleh pengguna piket-barat" in (await waiting.inner_text()).lower()
    assert await faults(other) == []
    await waiting.locator(f"a[href='/console/proposals/{proposal.rpartition('/')[2]}']").click()
    assert await faults(other) == []
    await other.get_by_role("button", name="Setujui dan berlakukan").click()
    await other.get_by_text("Disetujui pengguna piket-timur").wait_for()
    await other.goto("/console/silences")
    made = other.locator("#silences article", has_text="Gladi seluruh provinsi").first
    assert "Disetujui pengguna piket-timur." in await made.inner_text()
    await made.get_by_role("button", name="Akhiri sekarang").click()
    await other.get_by_text("Bisukan diakhiri.").wait_for()
    assert await faults(other) == []
