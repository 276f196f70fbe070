"""A browser for all tests of this folder; without one they are skipped, and say how to get it."""

from collections.abc import AsyncGenerator, Generator

import pytest
from playwright.async_api import Browser

from . import chat


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Playwright needs asyncio."""
    return "asyncio"


@pytest.fixture(scope="module")
async def browser() -> AsyncGenerator[Browser]:
    """A headless Chromium."""
    if not chat.chromium():
        pytest.skip(chat.HOW_TO_GET_IT)
    async with chat.browsing() as found:
        yield found


@pytest.fixture(scope="module")
def port() -> Generator[int]:
    """Where the host's pages are served."""
    with chat.pages() as found:
        yield found
