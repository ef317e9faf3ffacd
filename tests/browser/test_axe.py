"""axe finds nothing on the operator's page: each tab, on a laptop and a phone, dark and light."""

from __future__ import annotations

import asyncio
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.operator import TABS, Operator, ask, make_key
from tests.browser.tabs import LONG
from tests.support.npm import installed

if TYPE_CHECKING:
    from typing import Literal

    from playwright.async_api import Page

    from tests.browser.tabs import Device
    from tests.support.system import Headcount

AXE = Path(__file__).parent / "axe"
# A folder to write pictures of all tabs to, to look at.
PICTURES = os.environ.get("PICTURES")
RUN = """async () => {
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    const found = ({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`);
    return violations.flatMap(found);
}"""
WIDTHS = {"laptop": (1440, 900), "phone": (390, 844)}


@cache
def _axe() -> str:
    return (installed(AXE) / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


async def findings(page: Page) -> list[str]:
    found: list[str] = await page.evaluate(RUN)
    return found


@pytest.fixture(scope="module")
def show(headcount: Headcount) -> str:
    """Something on every tab, for viewers of their own, and the key to see it."""
    viewers = {"audience": {"kind": "resource", "resource": "axe"}}
    for text in ("Half time", "\u05d3\u05e0\u05d4"):
        news = {"type": "note", "body": {"text": text}, "expires_in_seconds": LONG}
        ask("POST", headcount, "/news", news | viewers)
        bonus = {"reward": {"text": text}, "window_seconds": LONG}
        ask("POST", headcount, "/bonuses", bonus | viewers)
    milestone = {"watched_seconds": 900, "reward": {"text": "1 coin"}, "claim_within_seconds": 60}
    campaign = {"resources": ["axe"], "milestones": [milestone]}
    ask("POST", headcount, "/campaigns", campaign)
    return str(make_key(headcount, "axe", "read", "order")["token"])


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("device_kind", WIDTHS)
async def test_axe_finds_nothing(
    headcount: Headcount,
    device: Device,
    show: str,
    device_kind: str,
    colours: Literal["light", "dark"],
) -> None:
    """The key may not kick, so what is disabled and why is looked at, too."""
    source = await asyncio.to_thread(_axe)
    operator = await Operator.open(await device(), headcount, show)
    width, height = WIDTHS[device_kind]
    await operator.page.set_viewport_size({"width": width, "height": height})
    await operator.page.emulate_media(color_scheme=colours)
    await operator.page.evaluate(source)
    found = {}
    for tab in TABS:
        await operator.turn_to(tab)
        await fill(operator, tab)
        found[tab] = await findings(operator.page)
        if PICTURES:
            path = f"{PICTURES}/{tab}-{device_kind}-{colours}.png"
            await operator.page.screenshot(path=path, full_page=True)
    await operator.part("sign-out").click()
    found["gate"] = await findings(operator.page)
    assert found == {place: [] for place in found}


async def fill(operator: Operator, tab: str) -> None:
    """Wait until a tab shows what it has."""
    if tab == "live":
        await operator.part("chart").locator("svg").wait_for()
    elif tab == "bonuses":
        await operator.part("details-open").first.click()
        await operator.page.locator("#bonus-details").wait_for()
        await operator.part("past").locator("tr").first.wait_for()
    elif tab == "news":
        await operator.part("sent").locator("tr").first.wait_for()
    elif tab == "campaigns":
        await operator.part("campaign-rows").locator("tr").first.wait_for()
    elif tab == "reports":
        await operator.part("report-submit").click()
        await operator.page.locator("#report-card").wait_for()
    elif tab == "audit":
        await operator.part("audit-rows").locator("tr").first.wait_for()
    else:
        await operator.part("find-prefix").fill("x")
        await operator.part("find-submit").click()
        await operator.says("find-outcome", "Capitals matter")
