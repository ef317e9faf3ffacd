"""Chromium under Playwright, and a list of everything that went wrong in its pages."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page

# The shell first: it draws nothing, and needs half the processor.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_SECONDS = 30
"""The bound on what a page does; a busy machine needs some of it."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Start Chromium once, or skip."""
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    if executable is None:
        pytest.skip("no Chromium on PATH: install chromium or google-chrome")
    from playwright.async_api import async_playwright, expect  # noqa: PLC0415

    expect.set_options(timeout=PATIENCE_SECONDS * 1_000)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
def problems() -> list[str]:
    """Errors of pages and consoles. A test removes those that it expects."""
    return []


@pytest_asyncio.fixture(loop_scope="session")
async def device(
    browser: Browser, problems: list[str]
) -> AsyncIterator[Callable[[], Awaitable[BrowserContext]]]:
    """Make another device: a browser context, whose tabs share nothing with other contexts'."""
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

    page.on("console", record)
    page.on("pageerror", lambda error: problems.append(str(error)))
