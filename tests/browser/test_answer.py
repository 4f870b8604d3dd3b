"""An official answers on a small phone with scripts off: the first look, the tap, a wrong tap taken back, the end."""

import pytest_asyncio

from engine.rehearsal.mailbox import Mailbox
from tests.browser.browser import faults

SMALL = (360, 640)
REGION = "82.01"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def link(installation) -> str:
    """The path of a link that went by letter to somebody who must act on a death in a regency."""
    await installation.report("conflict.death", REGION, severity=4, metrics={"dead": 1})
    alert = await installation.alert(REGION)
    await installation.told(alert)
    mailbox, acts = Mailbox(installation.settings.outbox_directory), {}
    while True:
        found = (await installation.client.get(f"/v1/alerts/{alert}")).json()["notifications"]
        acts |= {one["id"]: not one["informing"] for one in found}
        for letter in mailbox.new_letters():
            if letter.link and acts.get(letter.notification):
                return "/a/" + letter.link.rpartition("/a/")[2]


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
