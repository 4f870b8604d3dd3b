"""`./run screens`: a picture of every page, on a phone and on a desktop, in `var/screens/`.

Here: the command. Not here: which pages there are (`pages`) and what they show (`night`).
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from rich.progress import track

from tests.browser.browser import CHROMIUM, DESKTOP, PHONE, launched, opened
from tests.browser.installation import ROOT, running
from tests.browser.night import passed
from tests.browser.pages import PAGES

SCREENS = ROOT / "var/screens"
SIZES = {"phone": PHONE, "desktop": DESKTOP}


async def taken(wanted: list[str]) -> None:
    """Write the pictures of the pages whose names begin with one of `wanted`; of all where none is named."""
    chosen = [page for page in PAGES if not wanted or page.name.startswith(tuple(wanted))]
    with tempfile.TemporaryDirectory(prefix="siaga-screens-") as folder:
        async with running(Path(folder)) as installation, launched() as browser:
            night = await passed(installation)
            SCREENS.mkdir(parents=True, exist_ok=True)
            for shown in track(chosen, "pictures", console=None):
                for name, size in SIZES.items():
                    async with opened(browser, installation, size, user=shown.user, strict=False) as page:
                        await page.goto(shown.path.format(**night._asdict()))
                        await page.screenshot(path=SCREENS / f"{shown.name}-{name}.png", full_page=True)
    print(f"{2 * len(chosen)} pictures in {SCREENS.relative_to(ROOT)}/")  # noqa: T201 -- a command


if __name__ == "__main__":
    if not Path(CHROMIUM).exists():
        sys.exit(f"siaga: no {CHROMIUM}. As root on Debian: apt-get install --no-install-recommends chromium")
    asyncio.run(taken(sys.argv[1:]))
