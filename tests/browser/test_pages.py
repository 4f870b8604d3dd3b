"""Every page, in both sizes: no error on the console, nothing serious that axe finds, nothing beyond the window."""

import pytest

from tests.browser.browser import DESKTOP, PHONE, faults
from tests.browser.pages import PAGES

ERRORS = {"bukan-wewenang": 403, "tidak-ada": 404}


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize(
    "shown", [page for page in PAGES if page.name not in ERRORS], ids=lambda page: page.name
)
async def test_a_page_is_without_fault(open_page, night, shown, size):
    page = await open_page(size, user=shown.user)
    answer = await page.goto(shown.path.format(**night._asdict()))
    assert answer.status == 200
    assert await faults(page) == []
