"""Debian's Chromium: under Playwright with a list of all errors, and as a user has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest
from playwright.async_api import async_playwright, expect

from tests.browser.windows import opened
from tests.support.chromium import ARGUMENTS, chromium, chromium_with_windows
from tests.support.contracts import check_server_frame
from tests.support.waiting import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page

    from tests.browser.windows import Window
    from tests.support.system import Headcount


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    executable = chromium()
    expect.set_options(timeout=PATIENCE_SECONDS * 1_000)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
def problems() -> list[str]:
    """Errors and warnings of pages and their consoles."""
    return []


@pytest.fixture
async def device(
    browser: Browser, problems: list[str]
) -> AsyncIterator[Callable[[], Awaitable[BrowserContext]]]:
    """Make another device: a browser context, which shares nothing with others."""
    made: list[BrowserContext] = []

    async def make() -> BrowserContext:
        context = await browser.new_context(
            viewport={"width": 1280, "height": 1000}, locale="en-GB", reduced_motion="reduce"
        )
        context.set_default_timeout(PATIENCE_SECONDS * 1_000)
        context.on("page", lambda page: _watch(page, problems))
        made.append(context)
        return context

    yield make
    for context in made:
        await context.close()
    assert problems == []


def _watch(page: Page, problems: list[str]) -> None:
    def record(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            problems.append(f"{message.text} ({message.location})")

    def check(frame: str | bytes) -> None:
        try:
            check_server_frame(frame)
        except AssertionError as error:
            problems.append(str(error))

    page.on("console", record)
    page.on("websocket", lambda socket: socket.on("framereceived", check))
    page.on("pageerror", lambda error: problems.append(str(error)))


@pytest.fixture
async def window(tmp_path: Path) -> AsyncIterator[Window]:
    """Of a browser of the test's own, whose tabs can be hidden, frozen and made to crash."""
    async with opened(chromium_with_windows(), tmp_path) as window:
        yield window


@pytest.fixture
async def rows(headcount: Headcount) -> AsyncIterator[asyncpg.Connection]:
    """A connection to the running system's database."""
    connection = await asyncpg.connect(headcount.database_url)
    yield connection
    await connection.close()
