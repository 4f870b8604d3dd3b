"""A proposal in a browser: the second person sees what changes, and approves with one tap."""

from tests.browser.browser import PHONE


async def test_another_person_reads_a_proposal_and_approves_it(open_page, installation):
    await installation.user("pengulas", "read", "policy")
    proposal = await installation.propose("perancang")
    page = await open_page(PHONE, user="pengulas")
    await page.goto("/console/proposals")
    await page.locator(f"a[href='/console/proposals/{proposal}']").first.click()
    shown = page.get_by_role("region", name="Aturan diubah")
    assert "sedikitnya 3" in await shown.inner_text()
    assert "sedikitnya 2" in await shown.inner_text()
    assert await shown.get_by_role("heading", name="Diberi tahu juga").is_visible()
    await page.get_by_role("button", name="Setujui dan berlakukan").click()
    await page.locator(".said").wait_for()
    assert await page.get_by_text("Disetujui pengguna pengulas").is_visible()
