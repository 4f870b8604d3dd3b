"""Debian's Chromium, driven by playwright.

Here: starting it, its two sizes, and what must hold of every page. Not here: the installation it looks at
(`installation`) and which pages there are (`pages`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.browser.installation import Installation

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE, DESKTOP = (360, 740), (1440, 900)
Size = tuple[int, int]


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    """Run a browser while the context lasts."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def opened(
    browser: Browser,
    installation: Installation,
    size: Size,
    *,
    user: str = "",
    language: str = "id",
    script: bool = True,
    strict: bool = True,
) -> AsyncIterator[Page]:
    """Open a page at a size, signed in as a user if one is named.

    At its end no error may stand on its console, unless it is not `strict`: an answer 404 is an error there.
    """
    width, height = size
    context = await browser.new_context(
        base_url=installation.address,
        viewport={"width": width, "height": height},
        java_script_enabled=script,
        has_touch=size == PHONE,
        timezone_id="Asia/Jakarta",
        reduced_motion="reduce",  # axe would measure the contrast of what is still fading in
    )
    context.set_default_timeout(60_000)
    cookies = [{"name": "siaga-language", "value": language, "url": installation.address}]
    if user:
        cookies.append(await installation.cookie(user))
    await context.add_cookies(cookies)  # type: ignore[arg-type]
    errors = overheard(context)
    try:
        yield await context.new_page()
    finally:
        await context.close()
    assert not strict or errors == []


def overheard(context: BrowserContext) -> list[str]:
    """Return a list to which every error of the context's consoles and scripts is added."""
    errors: list[str] = []
    context.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    context.on("weberror", lambda error: errors.append(str(error.error)))
    return errors


async def faults(page: Page) -> list[str]:
    """Return what axe finds that is serious or critical, and what is wider than the window."""
    found = await Axe().run(page)
    grave = [
        f"{fault['id']}: {node['html'][:200]} {node.get('failureSummary', '')}"
        for fault in found.response["violations"]
        if fault["impact"] in {"serious", "critical"}
        for node in fault["nodes"]
    ]
    beyond = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return [*grave, *([f"the page is {beyond} px wider than the window"] if beyond > 0 else [])]
