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
    assert "(dicatat oleh pengguna petugas)" in await page.locator("#story").inner_text()
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


SIZES = pytest.mark.parametrize(
    ("size", "region"), [(PHONE, "36.03"), (DESKTOP, "36.04")], ids=["phone", "desktop"]
)


@SIZES
async def test_an_operator_closes_an_awas_with_a_reason_and_opens_it_again(
    open_page, installation, size, region
):
    alert = await opened_alert(installation, region)
    page = await open_page(size, user="petugas")
    await page.goto(f"/console/alerts/{alert}")
    await page.locator("#resolve summary").click()
    await page.get_by_label("Alasan menutup").fill("Korban sudah dibawa pulang, lokasi aman.")
    await page.get_by_label("Ya, tutup. Saya tahu ini AWAS").check()
    assert await faults(page) == []
    await page.locator("#resolve button").click()
    await page.get_by_text("Tercatat sebagai selesai.").wait_for()
    assert "Korban sudah dibawa pulang" in await page.locator("#story").inner_text()
    await page.locator("#reopen summary").click()
    await page.get_by_label("Alasan membuka kembali").fill("Bentrok pecah lagi.")
    assert await faults(page) == []
    await page.locator("#reopen button").click()
    await page.get_by_text("Peringatan dibuka kembali.").first.wait_for()
    assert "Belum ditangani" in await page.locator("#next .status").inner_text()
    assert "Dibuka kembali oleh pengguna petugas" in await page.locator("#story").inner_text()
    assert await faults(page) == []


async def test_a_closing_by_phone_without_its_reason_is_asked_for_again_and_keeps_what_was_entered(
    open_page, installation
):
    """Nothing falls back to the first choice: the second tap would enter another answer than the official gave."""
    alert = await opened_alert(installation, "36.02")
    page = await open_page(PHONE, user="petugas", strict=False)  # a refusal comes with 409
    await page.goto(f"/console/alerts/{alert}")
    await page.locator("#proxy summary").click()
    await page.locator("#person").select_option(index=1)
    person = await page.locator("#person").input_value()
    await page.get_by_label("Sudah selesai", exact=True).check()
    await page.locator("#proxy-note").fill("Menurut camat sudah aman")
    await page.get_by_role("button", name="Catat jawaban").click()
    await page.get_by_text("Peringatan belum ditutup").wait_for()
    assert await page.locator("#person").input_value() == person
    assert await page.get_by_label("Sudah selesai", exact=True).is_checked()
    assert await page.locator("#proxy-note").input_value() == "Menurut camat sudah aman"
    assert not await page.locator("#resolve-note").is_visible()
    assert await faults(page) == []
    await page.locator("#proxy input[name=confirm]").check()
    await page.get_by_role("button", name="Catat jawaban").click()
    await page.get_by_text("Tercatat sebagai selesai.").wait_for()


async def test_each_line_of_the_story_says_by_whom(open_page, night):
    page = await open_page(PHONE, user="piket")
    await page.goto(f"/console/alerts/{night.alert}")
    lines = page.locator("#story .entry")
    said = await page.locator("#story .entry .who").all_inner_texts()
    assert len(said) == await lines.count() > 3
    assert not [one for one in said if "tidak tercatat" in one]
    assert {"oleh Siaga (penilaian)", "oleh Siaga (pengiriman)"} <= set(said)
