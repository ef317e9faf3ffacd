"""An evening by keyboard alone: Tab, arrows, Enter, Escape, and what is typed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playwright.async_api import expect

from tests.browser.operator import Operator, ask, make_key
from tests.browser.tabs import Tab

if TYPE_CHECKING:
    from playwright.async_api import Page

    from tests.browser.tabs import Device
    from tests.support.system import Headcount

# More than a page has to stop at.
MAX_STOPS = 150
FOCUSED = """() => {
    const { dataset, id } = document.activeElement;
    const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
    const label = document.activeElement.getAttribute("aria-label") ?? "";
    return [dataset.testid ?? id, label, outlineStyle !== "none" && outlineWidth !== "0px"];
}"""


@dataclass(frozen=True)
class Hands:
    """On the keyboard of a page."""

    page: Page

    async def reach(self, testid: str, key: str = "Tab", *, label: str = "") -> None:
        """Press Tab until the part has the focus, which can be seen; of many by its label."""
        passed = []
        for _ in range(MAX_STOPS):
            await self.page.keyboard.press(key)
            name, has_label, is_seen = await self.page.evaluate(FOCUSED)
            if name == testid and label in has_label:
                assert is_seen, f"{testid} has the focus, and does not show it"
                return
            passed.append(name)
        raise AssertionError(f"Tab does not lead to {testid}, but through {passed}")

    async def write(self, testid: str, text: str) -> None:
        await self.reach(testid)
        await self.page.keyboard.press("ControlOrMeta+a")
        await self.page.keyboard.type(text)

    async def press(self, testid: str, *, label: str = "") -> None:
        await self.reach(testid, label=label)
        await self.page.keyboard.press("Enter")

    async def choose(self, testid: str, *keys: str) -> None:
        """An option of a list, by arrows."""
        await self.reach(testid)
        for key in keys:
            await self.page.keyboard.press(key)

    async def turn_to(self, tab: str) -> None:
        """Go back to the tabs, and along them."""
        while not (await self.page.evaluate(FOCUSED))[0].startswith("tab-"):
            await self.page.keyboard.press("Shift+Tab")
        await self.reach(f"tab-{tab}", "ArrowRight")


async def test_an_evening_by_keyboard(headcount: Headcount, device: Device) -> None:
    kit = await Tab.open(await device(), headcount, "keys-kit", "keys")
    page = await (await device()).new_page()
    await page.goto(f"{headcount.base_url}/operator.html")
    operator, hands = Operator(page), Hands(page)
    await expect(operator.part("gate-key")).to_be_focused()
    await page.keyboard.type(make_key(headcount, "hands")["token"])
    await page.keyboard.press("Enter")
    await expect(operator.part("board")).to_be_visible()
    await expect(operator.part("tab-live")).to_be_focused()
    await a_bonus_is_dropped_and_cancelled(operator, hands, kit)
    await news_is_sent(operator, hands, kit)
    await kit_is_kicked(operator, hands, kit)
    await a_report_is_read(operator, hands)
    await a_webhook_is_tested(headcount, operator, hands)


async def a_bonus_is_dropped_and_cancelled(operator: Operator, hands: Hands, kit: Tab) -> None:
    await hands.turn_to("bonuses")
    await hands.write("drop-reward", "By hand")
    await hands.choose("drop-audience", "ArrowDown")
    await hands.write("drop-resource", "keys")
    await hands.press("drop-submit")
    await operator.says("drop-outcome", "Dropped: “By hand”")
    viewer = Hands(kit.page)
    await kit.offers("By hand")
    await viewer.press("skip-to-bonuses")
    await expect(kit.part("tray")).to_be_focused()
    await viewer.press("claim", label="By hand")
    await kit.has_claimed("By hand")
    cancel = operator.row("current", "By hand").get_by_test_id("cancel")
    await expect(cancel).to_be_visible()
    await hands.press("cancel", label="By hand")
    await expect(operator.part("confirm-no")).to_be_focused()
    await hands.press("confirm-yes")
    await operator.says("bonus-outcome", "“By hand” is cancelled: 1 claim.")


async def news_is_sent(operator: Operator, hands: Hands, kit: Tab) -> None:
    await hands.turn_to("news")
    await hands.write("send-text", "From the keyboard")
    await hands.choose("send-audience", "ArrowDown")
    await hands.write("send-resource", "keys")
    await hands.press("send-submit")
    await operator.says("send-outcome", "Sent: “From the keyboard”.")
    await expect(kit.news("From the keyboard")).to_be_visible()


async def kit_is_kicked(operator: Operator, hands: Hands, kit: Tab) -> None:
    """Escape calls an order off."""
    await hands.turn_to("users")
    await hands.write("find-prefix", "keys-")
    await hands.page.keyboard.press("Enter")
    await operator.says("find-outcome", "1 user.")
    await hands.press("found-user")
    await expect(operator.page.locator("#user-title")).to_be_focused()
    await hands.reach("close-connection", label="on keys")
    await hands.page.keyboard.press("Enter")
    await expect(operator.part("confirm-no")).to_be_focused()
    await hands.page.keyboard.press("Escape")
    await expect(operator.part("confirm")).to_be_hidden()
    await hands.write("kick-reason", "Good night")
    await hands.page.keyboard.press("Enter")
    await expect(operator.part("confirm-no")).to_be_focused()
    await hands.page.keyboard.press("Escape")
    await operator.says("kick-outcome", "Not kicked.")
    await hands.reach("kick-submit", "Shift+Tab")
    await hands.page.keyboard.press("Enter")
    await hands.press("confirm-yes")
    await operator.says("kick-outcome", "1 connection closed.")
    await kit.shows_trouble("Removed by the operator: Good night")


async def a_report_is_read(operator: Operator, hands: Hands) -> None:
    await hands.turn_to("reports")
    await hands.choose("report-kind", "End")
    await hands.write("report-resource", "keys")
    await hands.press("report-submit")
    await operator.says("report-outcome", re.compile(r"\d+ rows?\."))
    await hands.turn_to("audit")
    await hands.write("audit-author", "hands")
    await hands.page.keyboard.press("Enter")
    await expect(operator.row("audit-rows", "Good night")).to_contain_text("kick_user")


async def a_webhook_is_tested(headcount: Headcount, operator: Operator, hands: Hands) -> None:
    url = "http://127.0.0.1:9/keys"
    made = ask("POST", headcount, "/webhooks", {"url": url, "types": ["bonus.fulfilled"]})
    await hands.turn_to("webhooks")
    await expect(operator.row("webhook-rows", url)).to_be_visible()
    await hands.press("webhook-test", label=url)
    await operator.says("webhook-outcome", "A test is on its way")
    await hands.reach("deliveries-open", "Shift+Tab", label=url)
    await hands.page.keyboard.press("Enter")
    await expect(operator.page.locator("#deliveries-title")).to_be_focused()
    await expect(operator.row("deliveries", "webhook.test")).to_contain_text("waiting")
    await hands.press("replay-submit")
    await expect(operator.part("confirm-no")).to_be_focused()
    await hands.press("confirm-yes")
    await operator.says("replay-outcome", "Events have the ids that they had.")
    ask("DELETE", headcount, f"/webhooks/{made['webhook_id']}")
