"""The situation in a browser: what happens appears by itself, and what is read there is not disturbed."""

from tests.browser.browser import DESKTOP, PHONE


async def test_a_new_alert_appears_without_reload(open_page, installation):
    """On the map, in the list, in the counts and in the title; the page itself was never loaded again."""
    await installation.user("piket-sumbar", "read", region="13")
    page = await open_page(DESKTOP, user="piket-sumbar")
    await page.goto("/console")
    await page.evaluate("window.mine = 'still the same page'")
    await page.get_by_text("Tidak ada peringatan terbuka di wilayah ini.").wait_for()
    await installation.report("conflict.death", "13.71", severity=4, metrics={"dead": 1})
    await page.locator(".row", has_text="Kota Padang").wait_for()
    await page.locator(".tile.level-4", has_text="Kota Padang").wait_for()
    assert await page.locator(".counts .level-4 b").inner_text() == "1"
    assert await page.title() == "(1) Provinsi Sumatera Barat · Siaga"
    assert await page.evaluate("window.mine") == "still the same page"


async def test_the_focus_stays_where_it_was(open_page, installation):
    await installation.user("piket-bengkulu", "read", region="17")
    page = await open_page(DESKTOP, user="piket-bengkulu")
    await page.goto("/console")
    await page.locator('a[href="/console/regions/17.71"]').focus()
    await installation.report("conflict.death", "17.02", severity=4, metrics={"dead": 1})
    await page.locator(".row").wait_for()
    focused = await page.evaluate("document.activeElement.getAttribute('href')")
    assert focused == "/console/regions/17.71"


async def test_what_is_left_is_counted_down(open_page, installation):
    await installation.user("piket-riau", "read", region="14")
    await installation.report("conflict.death", "14.71", severity=4, metrics={"dead": 1})
    page = await open_page(PHONE, user="piket-riau")
    await page.goto("/console")
    time = page.locator(".row time")
    await time.wait_for()
    before = await time.inner_text()
    await page.wait_for_function(
        "before => document.querySelector('.row time').textContent !== before", arg=before
    )
    assert [part.isdigit() for part in before.split(":")] == [True, True]


async def test_the_page_says_when_it_can_follow_no_more(open_page, installation):
    await installation.user("piket-jambi", "read", region="15")
    page = await open_page(DESKTOP, user="piket-jambi", strict=False)
    await page.goto("/console")
    assert not await page.locator("#offline").is_visible()
    await page.context.set_offline(True)
    await page.locator("#offline").wait_for(state="visible")
    await page.context.set_offline(False)
    await page.locator("#offline").wait_for(state="hidden")


async def test_without_script_all_of_it_is_there_after_a_reload(open_page, installation):
    await installation.user("piket-sumsel", "read", region="16")
    page = await open_page(PHONE, user="piket-sumsel", script=False)
    await page.goto("/console")
    await installation.report("conflict.death", "16.71", severity=4, metrics={"dead": 1})
    await installation.alert("16.71")
    await page.reload()
    assert "Kota Palembang" in await page.locator(".row").inner_text()
    assert "menit" in await page.locator(".row time").inner_text()
