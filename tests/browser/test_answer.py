"""An official answers on a small phone with scripts off: the first look, the tap, a wrong tap taken back, the end."""

import pytest
import pytest_asyncio

from engine.core.judging.instant import MINUTE, local, parse_instant
from engine.simulation.respondents import Mailbox
from tests.browser.browser import DESKTOP, faults

SMALL = (360, 640)
REGION = "82.01"


async def first_link(installation, alert: str) -> str:
    """The path of a link that went by letter to somebody who must act on an alert."""
    mailbox, acts = Mailbox(installation.settings.outbox_directory), {}
    while True:
        found = (await installation.client.get(f"/v1/alerts/{alert}")).json()["notifications"]
        acts |= {one["id"]: not one["informing"] for one in found}
        for letter in mailbox.new_letters():
            if letter.link and acts.get(letter.notification):
                return "/a/" + letter.link.rpartition("/a/")[2]


async def told_by_letter(installation, region: str) -> tuple[str, str]:
    """The path of a link about a death in a region, and the id of the alert."""
    await installation.report("conflict.death", region, severity=4, metrics={"dead": 1})
    alert = await installation.alert(region)
    await installation.told(alert)
    return await first_link(installation, alert), alert


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def link(installation) -> str:
    """The path of a link about a death in a regency."""
    return (await told_by_letter(installation, REGION))[0]


async def test_an_official_takes_the_matter_takes_it_back_and_ends_it(open_page, link):
    page = await open_page(SMALL, script=False, strict=False)  # the question comes with 409
    await page.goto(link)
    take = page.get_by_role("button", name="Terima")
    place = await take.bounding_box()
    assert place["y"] + place["height"] <= SMALL[1]  # what is wanted most stands on the first screen
    head = await page.locator("header").inner_text()
    assert "Kab. Halmahera Barat" in head
    assert " WIT" in head
    await take.click()
    await page.get_by_text("Tercatat: Anda menangani peringatan ini.").wait_for()
    await page.get_by_role("button", name="Batal menangani").click()
    await page.get_by_text("Tercatat: Anda tidak jadi menangani.").wait_for()
    await page.get_by_role("button", name="Terima").click()
    await page.get_by_text("Tercatat: Anda menangani peringatan ini.").wait_for()
    await page.get_by_role("button", name="Selesai").click()
    await page.get_by_text("Peringatan ini belum ditutup").wait_for()
    yes = page.get_by_role("button")
    assert (await yes.all_inner_texts())[0].startswith("Ya, tutup peringatan ini")
    assert await yes.count() == 1  # nothing else is offered: "Batal menangani" would be read as the no
    await page.get_by_role("link", name="Tidak, kembali tanpa menutup").click()
    await page.get_by_role("button", name="Selesai").click()
    await page.get_by_label("Mengapa sudah selesai?").fill("Korban sudah dievakuasi, lokasi aman.")
    await page.get_by_role("button", name="Ya, tutup").click()
    await page.get_by_text("Tercatat: peringatan ini selesai.").wait_for()
    assert await page.get_by_role("button").count() == 1


@pytest.mark.parametrize(("size", "region"), [(SMALL, "82.03"), (DESKTOP, "82.04")], ids=["phone", "desktop"])
async def test_who_closed_it_takes_that_back_within_a_quarter_of_an_hour(
    open_page, installation, size, region
):
    """The page says until when, and afterwards the alert waits for an answer as before."""
    link, alert = await told_by_letter(installation, region)
    page = await open_page(size, strict=False)  # axe needs scripts, the page none
    await page.goto(link)
    await page.get_by_role("button", name="Selesai").click()
    reason = page.get_by_label("Mengapa sudah selesai?")
    await reason.wait_for()
    assert await faults(page) == []
    await reason.fill("Salah baca, sudah aman.")
    await page.get_by_role("button", name="Ya, tutup").click()
    back = page.get_by_role("button", name="Batalkan penutupan")
    await back.wait_for()
    assert await faults(page) == []
    shown = (await installation.client.get(f"/v1/alerts/{alert}")).json()
    until = local(parse_instant(shown["resolved_at"])[0] + 15 * MINUTE, "Asia/Jayapura")
    assert f"Bisa sampai pukul {until:%H.%M} WIT" in await back.inner_text()
    await back.click()
    await page.get_by_text("Tercatat: penutupan dibatalkan.").wait_for()
    assert await page.get_by_role("button", name="Terima").is_visible()
    assert await faults(page) == []
    assert (await installation.client.get(f"/v1/alerts/{alert}")).json()["status"] == "open"


async def test_the_page_is_without_fault(open_page, link):
    page = await open_page(SMALL)
    await page.goto(link)
    assert await faults(page) == []


async def test_the_procedure_opens_with_one_tap(open_page, installation):
    """Folded at first, so that the buttons stay where they are; open it is as readable as the rest."""
    await installation.report("conflict.death", "82.02", severity=4, metrics={"dead": 1})
    alert = await installation.alert("82.02")
    await installation.told(alert)
    page = await open_page(SMALL)
    await page.goto(await first_link(installation, alert))
    step = page.get_by_text("Sepuluh menit pertama")
    assert not await step.is_visible()
    await page.locator("summary").click()
    await step.wait_for(state="visible")
    assert await page.locator("details ol li").count() > 3
    assert await faults(page) == []
