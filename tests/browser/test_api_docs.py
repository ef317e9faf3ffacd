"""The API's documentation and our pages in a browser: in no frame, and from their own origin."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect

from tests.support.waiting import until

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from tests.browser.tabs import Device
    from tests.support.system import Headcount


async def test_docs_work_under_their_policy_and_load_nothing_from_elsewhere(
    headcount: Headcount, device: Device
) -> None:
    """`device` fails for each line in the console: a browser writes what it refuses there."""
    page = await (await device()).new_page()
    hosts = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    await page.goto(f"{headcount.base_url}/docs")
    await page.locator("#operations-health-check_health .opblock-summary-control").click()
    await page.get_by_role("button", name="Try it out").click()
    await page.get_by_role("button", name="Execute").click()
    await expect(page.get_by_text('"database": "ok"').first).to_be_visible()
    assert hosts - {""} == {urlsplit(headcount.base_url).netloc}


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json"])
async def test_no_other_page_may_embed_one_of_ours(
    headcount: Headcount, browser: Browser, path: str
) -> None:
    # Of this machine: the gateway refuses one of another site before that.
    other = "http://127.0.0.1:8999/"
    page = await browser.new_page()
    frame = f'<iframe src="{headcount.base_url}{path}"></iframe>'
    await page.route(other, lambda route: route.fulfill(body=frame, content_type="text/html"))
    await page.goto(other)

    await until(lambda: page.frames[1].url != "about:blank")
    assert page.frames[1].url == "chrome-error://chromewebdata/"
    await page.close()
