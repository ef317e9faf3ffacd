"""A tab of the operator's page."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playwright.async_api import expect

if TYPE_CHECKING:
    import re

    from playwright.async_api import BrowserContext, Locator, Page

    from tests.support.system import Headcount

ALL_SCOPES = ("tickets", "read", "order", "kick", "pay", "webhooks")
TABS = (
    *("live", "bonuses", "news", "questions", "campaigns"),
    *("users", "reports", "webhooks", "audit"),
)


def ask(method: str, headcount: Headcount, path: str, body: object = None) -> Any:
    """Call the HTTP API with the service token."""
    request = urllib.request.Request(  # noqa: S310  # of this machine
        headcount.base_url + path,
        data=None if body is None else json.dumps(body).encode(),
        method=method,
        headers={
            "authorization": f"Bearer {headcount.service_token}",
            "content-type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
        return json.loads(response.read() or b"null")


def make_key(headcount: Headcount, name: str, *scopes: str) -> dict[str, Any]:
    order = {"name": name, "scopes": scopes or ALL_SCOPES}
    made: dict[str, Any] = ask("POST", headcount, "/keys", order)
    return made


@dataclass(frozen=True)
class Operator:
    page: Page

    @classmethod
    async def open(cls, context: BrowserContext, headcount: Headcount, key: str) -> Operator:
        """Open the page with a key in its address, and wait until it has signed in."""
        tab = cls(await context.new_page())
        await tab.page.goto(f"{headcount.base_url}/operator.html#token={key}")
        await expect(tab.part("board")).to_be_visible()
        return tab

    def part(self, testid: str) -> Locator:
        return self.page.get_by_test_id(testid)

    async def turn_to(self, tab: str) -> None:
        await self.part(f"tab-{tab}").click()
        await expect(self.page.locator(f"#{tab}")).to_be_visible()

    def row(self, table: str, text: str) -> Locator:
        return self.part(table).locator("tr").filter(has_text=text)

    async def fill_drop(self, reward: str, **given: str) -> None:
        """Fill the form in: window, stock, audience, resource, users."""
        await self.part("drop-reward").fill(reward)
        await self.part("drop-stock").fill(given.get("stock", ""))
        await self.part("drop-window").fill(given.get("window", "600"))
        await self.part("drop-audience").select_option(given.get("audience", "everyone"))
        for name in ("resource", "users"):
            if name in given:
                await self.part(f"drop-{name}").fill(given[name])

    async def drop(self, reward: str, **given: str) -> None:
        await self.fill_drop(reward, **given)
        await self.part("drop-submit").click()
        await self.says("drop-outcome", f"Dropped: “{reward}”")

    async def stores(self, button: str) -> str:
        """Press a button that stores a file, and read it."""
        async with self.page.expect_download() as stored:
            await self.part(button).click()
        path = await (await stored.value).path()
        return await asyncio.to_thread(path.read_text, encoding="utf-8")

    async def confirm(self) -> None:
        await self.part("confirm-yes").click()

    async def says(self, outcome: str, text: str | re.Pattern[str]) -> None:
        """Wait until this stands there, where the focus is."""
        place = self.part(outcome)
        await expect(place).to_contain_text(text)
        await expect(place).to_be_focused()
