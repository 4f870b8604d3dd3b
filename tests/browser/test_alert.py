"""The page of one alert in a browser: answering for an official, by mouse and without script."""

import pytest

from tests.browser.browser import DESKTOP, PHONE, faults
from tests.browser.installation import UNREACHED


async def opened_alert(installation, region: str) -> str:
    await installation.user("petugas", "read", "operate")
    await installation.report("conflict.death", region, severity=4, metrics={"dead": 1})
    alert = await installation.alert(region)
    await installation.told(alert)
    return alert


@pytest.mark.parametrize(("region", "script"), [("36.71", True), ("36.72", False)], ids=["script", "without"])
async def test_an_operator_answers_by_proxy(open_page, installation, region, script):
    """What the official said by phone counts as theirs, and the page says what became of it."""
    alert = await opened_alert(installation, region)
    page = await open_page(PHONE, user="petugas", script=script)
    await page.goto(f"/console/alerts/{alert}")
    await page.get_by_text("Catat jawaban lewat telepon").click()
    await page.locator("#person").select_option(index=1)
    await page.get_by_label("Terima: akan menangani").check()
    await page.locator("#proxy-note").fill("Menuju lokasi")
    await page.get_by_role("button", name="Catat jawaban").click()
    await page.get_by_text("Tercatat sebagai diterima.").wait_for()
    assert "Ditangani" in await page.locator("#next .status").inner_text()
    assert "(dicatat oleh petugas)" in await page.locator("#story").inner_text()
    shown = (await installation.client.get(f"/v1/alerts/{alert}")).json()
    assert (shown["status"], shown["takings"][0]["operator"]) == ("acknowledged", "petugas")


async def test_an_answer_appears_on_an_open_page_and_leaves_what_is_typed(open_page, installation):
    alert = await opened_alert(installation, "36.73")
    page = await open_page(DESKTOP, user="petugas")
    await page.goto(f"/console/alerts/{alert}")
    await page.get_by_text("Komentar", exact=True).click()
    await page.locator("#comment-note").fill("belum selesai diket")
    await installation.answer(alert, "taken")
    await page.locator("#next .status", has_text="Ditangani").wait_for()
    assert await page.locator("#comment-note").input_value() == "belum selesai diket"
    assert await page.evaluate("document.activeElement.id") == "comment-note"


async def test_an_operator_silences_an_awas_from_the_page_and_it_waits_for_a_second_person(
    open_page, installation
):
    alert = await opened_alert(installation, "36.74")
    page = await open_page(DESKTOP, user="petugas")
    await page.goto(f"/console/alerts/{alert}")
    await page.locator("#silence summary").click()
    await page.locator("#reason").fill("Gladi di lapangan")
    await page.get_by_role("button", name="Bisukan").click()
    await page.wait_for_url("**/console/proposals/*")
    await page.get_by_text("belum berlaku").first.wait_for()


async def test_whom_no_message_reaches_is_answered_for_with_one_tap(open_page, installation, night):
    page = await open_page(PHONE, user="piket")
    await page.goto(f"/console/alerts/{night.unreached}")
    callee = page.locator(".callees > li").first
    office = await callee.locator("b").inner_text()
    await callee.get_by_role("button", name="Ia menerima").click()
    await page.get_by_text("Tercatat sebagai diterima.").wait_for()
    assert f"{office} ditelepon dan tersambung" in await page.locator("#story").inner_text()
    assert UNREACHED in (await installation.client.get(f"/v1/alerts/{night.unreached}")).json()["region"]


async def test_everything_that_folds_out_is_without_fault(open_page, night):
    page = await open_page(PHONE, user="piket")
    await page.goto(f"/console/alerts/{night.alert}")
    await page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert await faults(page) == []
