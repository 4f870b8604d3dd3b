"""An official answers on a small phone with scripts off: the first look, the tap, a wrong tap taken back, the end."""

import pytest_asyncio

from engine.rehearsal.mailbox import Mailbox
from tests.browser.browser import faults

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


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def link(installation) -> str:
    """The path of a link about a death in a regency."""
    await installation.report("conflict.death", REGION, severity=4, metrics={"dead": 1})
    alert = await installation.alert(REGION)
    await installation.told(alert)
    return await first_link(installation, alert)


async def test_an_official_takes_the_matter_takes_it_back_and_ends_it(open_page, link):
    page = await open_page(SMALL, script=False)
    await page.goto(link)
    take = page.get_by_role("button", name="Terima")
    place = await take.bounding_box()
    assert place["y"] + place["height"] <= SMALL[1]  # what is wanted most stands on the first screen
    head = await page.locator("header").inner_text()
    assert "Kab. Halmahera Barat" in head
    assert " WIT" in head
    await take.click()
    await page.get_by_text("Tercatat: Anda menangani peringatan ini.").wait_for()
    await page.get_by_role("button", name="Batal").click()
    await page.get_by_text("Tercatat: Anda tidak jadi menangani.").wait_for()
    await page.get_by_role("button", name="Terima").click()
    await page.get_by_text("Tercatat: Anda menangani peringatan ini.").wait_for()
    await page.get_by_role("button", name="Selesai").click()
    await page.get_by_text("Tercatat: peringatan ini selesai.").wait_for()
    assert await page.get_by_role("button").count() == 0


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
