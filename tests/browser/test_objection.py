"""An official objects to a change of their contacts on a small phone, scripts off."""

from engine.simulation.respondents import Mailbox
from tests.browser.browser import DESKTOP, faults

SMALL = (360, 640)


async def link_of_notice(installation, region: str) -> str:
    """Add a mailbox to the Sekda of a region; return the path of the link in the notice to the old one."""
    who = next(
        line.split(",")
        for line in (installation.settings.paths.directory).read_text().splitlines()
        if line.startswith(f"{region},sekda,")
    )
    mailbox = Mailbox(installation.settings.outbox_directory)
    mailbox.new_letters()
    body = {"person": who[2], "channel": "email", "value": "baru@contoh.example"}
    made = await installation.client.post("/v1/contacts", json=body)
    assert made.status_code == 201, made.text
    while True:
        for letter in mailbox.new_letters():
            path = "/a/" + letter.link.rpartition("/a/")[2] if letter.link else ""
            if path and "Saya keberatan" in (await installation.client.get(path)).text:
                return path  # messages of alerts that other tests reported come in meanwhile


async def test_one_tap_objects_on_a_small_phone(open_page, installation):
    page = await open_page(SMALL, script=False)
    await page.goto(await link_of_notice(installation, "82.03"))
    button = page.get_by_role("button", name="Saya keberatan")
    place = await button.bounding_box()
    assert place["y"] + place["height"] <= SMALL[1]
    await button.click()
    await page.get_by_text("Keberatan tercatat.").wait_for()
    assert await page.get_by_role("button").count() == 0


async def test_the_page_is_without_fault(open_page, installation):
    link = await link_of_notice(installation, "82.04")
    for size in (SMALL, DESKTOP):
        page = await open_page(size)
        await page.goto(link)
        assert await faults(page) == []
