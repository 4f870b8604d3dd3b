"""Signing in with a keyboard alone, on a phone and without script."""

import pytest

from tests.browser.browser import DESKTOP, PHONE
from tests.browser.installation import PASSWORD


async def test_an_operator_signs_in_by_keyboard_and_out_again(open_page, installation):
    await installation.user("piket-papan", "read")
    page = await open_page(DESKTOP)
    await page.goto("/console")
    await page.locator("#user:focus").wait_for()
    await page.keyboard.type("piket-papan")
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/console")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.className") == "skip"
    await page.get_by_role("button", name="Keluar").click()
    await page.wait_for_url("**/console/sign-in")


@pytest.mark.parametrize("language", ["id", "en"])
async def test_signing_in_needs_no_script(open_page, installation, language):
    await installation.user("piket-polos", "read")
    page = await open_page(PHONE, language=language, script=False)
    await page.goto("/console")
    await page.locator("#user").fill("piket-polos")
    await page.locator("#password").fill(PASSWORD)
    await page.locator("main button").click()
    await page.wait_for_url("**/console")
    assert await page.locator("html").get_attribute("lang") == language
