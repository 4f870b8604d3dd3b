"""A proposal in a browser: the second person sees what changes, and approves with one tap; rolling back is one, too."""

import pytest

from tests.browser.browser import DESKTOP, PHONE, faults

SIZES = pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])


@SIZES
async def test_another_person_reads_a_proposal_approves_it_and_a_third_rolls_it_back(
    open_page, installation, size
):
    """The rule set is at the end what it was, since other tests judge by it."""
    await installation.user("pengulas", "read", "policy")
    await installation.user("peninjau", "read", "policy")
    proposal = await installation.propose("perancang")
    page = await open_page(size, user="pengulas")
    await page.goto("/console/proposals")
    assert await faults(page) == []
    await page.locator(f"a[href='/console/proposals/{proposal}']").first.click()
    shown = page.get_by_role("region", name="Aturan diubah")
    assert await shown.locator("mark.old").all_inner_texts() == ["3"]
    assert await shown.locator("mark.new").all_inner_texts() == ["2"]
    for heading in ("Sebelum", "Sesudah", "Diberi tahu juga", "Tidak lagi diberi tahu"):
        assert await shown.get_by_role("heading", name=heading).is_visible()
    words = shown.locator("pre.words")
    assert any("at_least: 3" in line for line in await words.locator(".old").all_inner_texts())
    assert any("at_least: 2" in line for line in await words.locator(".new").all_inner_texts())
    assert await faults(page) == []
    await page.get_by_role("button", name="Setujui dan berlakukan").click()
    await page.locator(".said").wait_for()
    assert await page.get_by_text("Disetujui pengguna pengulas").is_visible()
    await rolled_back(open_page, page, size)


async def in_force(page, sign) -> None:
    """Look at the history until it shows a sign: what was approved counts once its rules have read the past."""
    await page.goto("/console/rule-sets")
    while not await sign.count():
        await page.reload()


async def rolled_back(open_page, page, size) -> None:
    """Propose the former rule set with one tap, and let another person approve it."""
    former = page.locator("article", has_text="Berkas apa adanya saat Siaga pertama dijalankan.").last
    back = former.get_by_role("button", name="Usulkan kembali ke aturan ini")
    await in_force(page, back)
    assert await faults(page) == []
    await back.click()
    await page.get_by_text("Perubahan berlaku setelah orang lain menyetujuinya.").wait_for()
    assert await page.get_by_text("Yang dapat menyetujui:").is_visible()
    assert await page.get_by_role("button", name="Setujui").count() == 0  # not who proposed it
    assert await faults(page) == []
    other = await open_page(size, user="peninjau")
    await other.goto(page.url.partition("?")[0])
    assert await other.locator("mark.new").all_inner_texts() == ["3"]
    await other.get_by_role("button", name="Setujui dan berlakukan").click()
    await other.locator(".said").wait_for()
    assert await other.get_by_text("Disetujui pengguna peninjau").is_visible()
    now = other.locator("article", has_text="berlaku sekarang")
    await in_force(other, now.get_by_text("Diusulkan pengguna pengulas, disetujui pengguna peninjau."))
    assert await faults(other) == []
