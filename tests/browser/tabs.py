"""A tab of the demo page, and the database behind it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from playwright.async_api import expect

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from playwright.async_api import BrowserContext, Locator, Page

    from tests.support.system import Headcount

    Device = Callable[[], Awaitable[BrowserContext]]

# Longer than a test takes on any machine, in seconds.
LONG = 600

# A page asks who is there every five seconds, but after a minute (and a fifth) when the server was
# too busy to answer or nothing has changed for a while, and that for each of two connections. So
# this is two of its longest turns.
CROWD_MILLISECONDS = 300_000

CLAIMED = re.compile("^(claimed|already_claimed)$")


@dataclass(frozen=True)
class Tab:
    page: Page

    @classmethod
    async def open(
        cls, context: BrowserContext, headcount: Headcount, user: str, resource: str
    ) -> Tab:
        """Open the printed address as this user, and wait until the page is online."""
        tab = cls(await context.new_page())
        query = f"user={quote(user)}&resource={quote(resource)}"
        await tab.page.goto(f"{headcount.base_url}/?{query}#token={headcount.page_key}")
        await tab.is_online()
        return tab

    def part(self, testid: str) -> Locator:
        return self.page.get_by_test_id(testid)

    async def shows_trouble(self, trouble: str) -> None:
        await expect(self.part("trouble")).to_be_visible()
        await expect(self.part("trouble")).to_contain_text(trouble)

    async def shows_no_trouble(self) -> None:
        await expect(self.part("trouble")).to_be_hidden()
        await expect(self.part("waiting")).to_be_hidden()

    async def is_online(self) -> None:
        await expect(self.part("status")).to_have_attribute("data-status", "online")

    async def sees(self, user: str, connections: int) -> None:
        """Wait until this user is listed as online with so many connections."""
        await self.page.wait_for_function(
            """([user, connections]) => {
                const people = [...document.querySelectorAll('[data-testid="online-user"]')];
                const person = people.find((one) => one.dataset.user === user);
                return person?.dataset.connections === connections;
            }""",
            arg=[user, str(connections)],
            polling=200,
            timeout=CROWD_MILLISECONDS,
        )

    async def watched(self) -> int:
        """The watch time as shown, in seconds."""
        hours, minutes, seconds = (await self.part("watch-time").inner_text()).split(":")
        return int(hours) * 3600 + int(minutes) * 60 + int(seconds)

    async def counts_past(self, seconds: int) -> None:
        await expect(self.part("watch-time")).not_to_have_text("0:00:00")
        await self.page.wait_for_function(
            """seconds => {
                const text = document.querySelector('[data-testid="watch-time"]').textContent;
                return text.split(':').reduce((sum, part) => 60 * sum + Number(part), 0) > seconds;
            }""",
            arg=seconds,
        )

    async def react(self, kind: str) -> None:
        await self.part(f"react-{kind}").click()

    async def has_reactions(self, kind: str, count: int) -> None:
        await expect(self.part(f"react-{kind}")).to_have_text(str(count))

    async def drop_bonus(self, reward: str, *, stock: int, seconds: int = LONG) -> None:
        """Drop a bonus as the operator, for all users who watch this tab's resource."""
        await self.part("drop-reward").fill(reward)
        await self.part("drop-window").fill(str(seconds))
        await self.part("drop-stock").fill(str(stock))
        await self.part("drop-audience").select_option("resource")
        await self.part("drop-submit").click()

    def news(self, text: str) -> Locator:
        return self.part("news").locator("li").filter(has_text=text)

    def bonus(self, reward: str) -> Locator:
        return self.part("bonus").filter(has_text=reward)

    async def offers(self, reward: str) -> None:
        """Wait until the bonus can be claimed."""
        card = self.bonus(reward)
        await expect(card).to_have_attribute("data-phase", "open")
        await expect(card.get_by_test_id("claim")).to_be_enabled()

    async def counts_down(self, reward: str) -> None:
        countdown = self.bonus(reward).get_by_test_id("bonus-countdown")
        shown = await countdown.inner_text()
        assert shown.isdigit()
        await expect(countdown).not_to_have_text(shown)

    async def claim(self, reward: str) -> None:
        await self.bonus(reward).get_by_test_id("claim").click()

    async def watch(self, resource: str) -> None:
        """Switch to another resource."""
        await self.part("switch-to").fill(resource)
        await self.part("switch").click()

    async def pass_time(self, seconds: int) -> None:
        """Move the page's clock, on a device whose clock is installed.

        Less than the four minutes to the next ping: its answer would set the clock right.
        """
        await self.page.clock.fast_forward(seconds * 1_000)

    async def claim_unseen(self, reward: str) -> None:
        """Click without waiting for the button: another device's claim may just have hidden it."""
        await self.bonus(reward).get_by_test_id("claim").evaluate("button => button.click()")

    async def has_claimed(self, reward: str) -> None:
        card = self.bonus(reward)
        await expect(card).to_have_attribute("data-phase", CLAIMED)
        await expect(card.get_by_test_id("claim")).to_be_hidden()
