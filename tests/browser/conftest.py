"""Pages in a real browser on a real installation. One loop, one installation and one browser serve all these tests."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.browser.browser import CHROMIUM, launched, opened
from tests.browser.installation import Installation, running
from tests.browser.night import Night, passed

HERE = Path(__file__).parent
Opener = Callable[..., AbstractAsyncContextManager[Page]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let these tests share one event loop, since a browser belongs to the loop that started it."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            if not Path(CHROMIUM).exists():
                item.add_marker(pytest.mark.skip(reason=f"no {CHROMIUM}: apt-get install chromium"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def installation(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    """An installation that runs by itself; tests keep apart by their regions."""
    async with running(tmp_path_factory.mktemp("siaga")) as installation:
        yield installation


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def night(installation: Installation) -> Night:
    """The night of the pictures, on that installation."""
    return await passed(installation)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium."""
    async with launched() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser, installation: Installation) -> AsyncIterator[Opener]:
    """Open pages: `await open_page(PHONE, user="piket")`; at the end none may have an error on its console."""
    async with AsyncExitStack() as stack:

        async def open_(*arguments, **options) -> Page:
            return await stack.enter_async_context(
                partial(opened, browser, installation)(*arguments, **options)
            )

        yield open_
