"""What-if in a browser: a changed rule is tried on what was received, and the page says what would be different."""

from tests.browser.browser import DESKTOP


async def test_a_changed_rule_is_tried_on_the_past(open_page, installation):
    """Two reports where three are asked for: a limit of two opens one alert more; nothing is saved."""
    await installation.user("kebijakan", "read", "policy")
    for minutes, incident in ((90, "satu"), (30, "dua")):
        await installation.report(
            "neutrality.asn", "63.71", minutes_ago=minutes, severity=2, incident=incident
        )
    page = await open_page(DESKTOP, user="kebijakan")
    await page.goto("/console/rules/netralitas-berulang")
    await page.get_by_role("link", name="Coba ubah aturan ini").click()
    text = page.get_by_label("Aturan yang diubah")
    await text.fill((await text.input_value()).replace("at_least: 3, within: 7d", "at_least: 2, within: 7d"))
    await page.get_by_role("button", name="Coba").click()
    await page.get_by_text("Seandainya sudah berlaku").wait_for()
    alerts = page.get_by_role("region", name="Peringatan yang berbeda")
    assert "baru" in await alerts.locator("tr", has_text="Kota Banjarmasin").inner_text()
    recipients = page.get_by_role("region", name="Pesan bagi tiap penerima")
    assert await recipients.locator("tr", has_text="Sekretaris Daerah Kota Banjarmasin").count() == 1
    assert await page.get_by_text("Aturan ini sah.").is_visible()
    alerts = await installation.client.get("/v1/alerts", params={"region": "63.71"})
    assert alerts.json()["alerts"] == []


async def test_a_mistake_is_named_with_its_line(open_page, installation):
    await installation.user("kebijakan", "read", "policy")
    page = await open_page(DESKTOP, user="kebijakan")
    await page.goto("/console/what-if?rule=netralitas-berulang")
    text = page.get_by_label("Aturan yang diubah")
    await text.fill((await text.input_value()).replace("per: regency", "per: kabupaten"))
    await page.get_by_role("button", name="Coba").click()
    await page.get_by_text("Aturan ini belum sah.").wait_for()
    said = page.locator(".item", has_text="Baris 8:")
    assert "regency" in await said.inner_text()
