"""axe finds nothing on the pages: each state, on a laptop and phones, dark, light and forced."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.operator import TABS, Operator, ask, make_key
from tests.browser.tabs import LONG, Tab
from tests.support.npm import installed

if TYPE_CHECKING:
    from typing import Literal

    import asyncpg
    from playwright.async_api import Page

    from tests.browser.tabs import Device
    from tests.support.system import Headcount

AXE = Path(__file__).parent / "axe"
# A folder to write pictures of all tabs to, to look at.
PICTURES = os.environ.get("PICTURES")
# As the window shows it, not the whole page.
IN_WINDOW = "IN_WINDOW" in os.environ
DANA = "\u05d3\u05e0\u05d4"
# The rules that depend on how a page is looked at.
OF_LOOKS = ["color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size"]
# Of one bonus, so that it has a curve.
CLAIMS = """
insert into claims (bonus_id, user_id, claim_id, claimed_at)
    select bonus_id, 'axe-' || n, 'claim-' || n, opens_at + sqrt(n) * interval '5 seconds'
      from bonuses, generate_series(1, 60) as n where reward ->> 'text' = $1"""
RUN = """async (runOnly) => {
    const { violations } = await axe.run(document, { resultTypes: ["violations"], ...runOnly });
    const found = ({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`);
    return violations.flatMap(found);
}"""


@dataclass(frozen=True)
class Look:
    """How a page is looked at."""

    width: int
    height: int
    colours: Literal["light", "dark"]
    forced: Literal["active", "none"] = "none"
    is_first: bool = False
    """The first of its width: all rules are looked at."""

    async def on(self, page: Page) -> None:
        await page.set_viewport_size({"width": self.width, "height": self.height})
        await page.emulate_media(
            color_scheme=self.colours, forced_colors=self.forced, reduced_motion="reduce"
        )


LOOKS = {
    "laptop-light": Look(1440, 900, "light", is_first=True),
    "laptop-dark": Look(1440, 900, "dark"),
    "phone-light": Look(390, 844, "light", is_first=True),
    "phone-dark": Look(390, 844, "dark"),
    "small": Look(320, 568, "light"),
    "forced": Look(1440, 900, "dark", forced="active"),
}


@cache
def _axe() -> str:
    return (installed(AXE) / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


async def findings(page: Page, state: str) -> dict[str, list[str]]:
    """What axe finds in this state of a page, by look; a picture of each, if they are wanted."""
    await page.evaluate(await asyncio.to_thread(_axe))
    found: dict[str, list[str]] = {}
    for name, look in LOOKS.items():
        await look.on(page)
        found[name] = await page.evaluate(RUN, {} if look.is_first else {"runOnly": OF_LOOKS})
        if PICTURES:
            await page.screenshot(path=f"{PICTURES}/{state}-{name}.png", full_page=not IN_WINDOW)
    return {f"{state}, {name}": problems for name, problems in found.items() if problems}


@pytest.fixture(scope="module")
def show(headcount: Headcount) -> str:
    """Something on every tab, for viewers of their own, and the key to see it."""
    viewers = {"audience": {"kind": "resource", "resource": "axe"}}
    for text in ("Half time", DANA):
        news = {"type": "note", "body": {"text": text}, "expires_in_seconds": LONG}
        ask("POST", headcount, "/news", news | viewers)
        bonus = {"reward": {"text": text}, "window_seconds": LONG}
        ask("POST", headcount, "/bonuses", bonus | viewers)
    milestone = {"watched_seconds": 900, "reward": {"text": "1 coin"}, "claim_within_seconds": 60}
    campaign = {"resources": ["axe"], "milestones": [milestone]}
    ask("POST", headcount, "/campaigns", campaign)
    question = {"text": "Who?", "options": ["Ann", DANA], "window_seconds": LONG}
    ask("POST", headcount, "/questions", question | viewers)
    hook = {"url": "http://127.0.0.1:9/axe", "types": ["bonus.fulfilled"]}
    made = ask("POST", headcount, "/webhooks", hook)
    ask("POST", headcount, f"/webhooks/{made['webhook_id']}/test")
    return str(make_key(headcount, "axe", "read", "order")["token"])


async def test_axe_finds_nothing_on_the_operators_page(
    headcount: Headcount, device: Device, rows: asyncpg.Connection, show: str
) -> None:
    """The key may not kick, so what is disabled and why is looked at, too."""
    await rows.execute(CLAIMS, "Half time")
    operator = await Operator.open(await device(), headcount, show)
    found: dict[str, list[str]] = {}
    for tab in TABS:
        await operator.turn_to(tab)
        await fill(operator, tab)
        found |= await findings(operator.page, tab)
    await operator.part("sign-out").click()
    found |= await findings(operator.page, "gate")
    assert found == {}


async def test_axe_finds_nothing_on_the_demo(
    headcount: Headcount, device: Device, show: str, problems: list[str]
) -> None:
    """A name from right to left; bonuses that are open, claimed and not yet theirs; a kick."""
    laptop = await device()
    tab = await Tab.open(laptop, headcount, DANA, "axe")
    await tab.drop_bonus("50 coins", stock=3)
    await tab.offers("50 coins")
    await tab.claim("50 coins")
    await tab.has_claimed("50 coins")
    await tab.offers("Half time")
    await expect(tab.part("milestone")).not_to_have_count(0)
    await tab.react("heart")
    await tab.part("ledger").locator("summary").click()
    found = await findings(tab.page, "demo")
    ask("POST", headcount, "/kick", {"user_id": DANA, "reason": "Be kind"})
    await tab.shows_trouble("Removed by the operator")
    await expect(tab.part("dismiss")).to_be_visible()
    await laptop.set_offline(True)
    await tab.shows_trouble("This device is offline")
    await tab.bonus("Half time").get_by_test_id("claim").click()
    found |= await findings(tab.page, "demo-offline")
    await laptop.set_offline(False)
    await tab.part("leave").click()
    await expect(tab.part("name-gate")).to_be_visible()
    found |= await findings(tab.page, "demo-name")
    await tab.page.evaluate("sessionStorage.clear()")
    await tab.page.reload()
    await expect(tab.part("token-gate")).to_be_visible()
    found |= await findings(tab.page, "demo-gate")
    assert found == {}
    # What was asked when the network went.
    problems[:] = [one for one in problems if "ERR_INTERNET_DISCONNECTED" not in one]


async def fill(operator: Operator, tab: str) -> None:
    """Wait until a tab shows what it has."""
    if tab == "live":
        await operator.part("chart").locator("svg").wait_for()
    elif tab == "bonuses":
        await operator.row("current", "Half time").get_by_test_id("details-open").click()
        await operator.part("curve").locator("svg").wait_for()
        await operator.page.locator("#curve-table summary").click()
        await operator.part("past").locator("tr").first.wait_for()
    elif tab == "news":
        await operator.part("sent").locator("tr").first.wait_for()
    elif tab == "questions":
        await operator.part("asked").locator("tr").first.wait_for()
    elif tab == "campaigns":
        await operator.part("campaign-edit").first.click()
        await expect(operator.page.locator("#campaign-title")).to_be_focused()
    elif tab == "reports":
        await operator.part("report-submit").click()
        await operator.page.locator("#report-card").wait_for()
    elif tab == "webhooks":
        await operator.part("deliveries-open").first.click()
        await operator.part("deliveries").locator("tr").first.wait_for()
    elif tab == "audit":
        await operator.part("audit-rows").locator("tr").first.wait_for()
    else:
        await operator.part("find-prefix").fill("x")
        await operator.part("find-submit").click()
        await operator.says("find-outcome", "Capitals matter")
