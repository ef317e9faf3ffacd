"""News, cancelled bonuses, the ledger and the state, in a real browser against the real system."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from playwright.async_api import expect

from tests.browser.operator import ask
from tests.browser.tabs import LONG, Tab

if TYPE_CHECKING:
    import asyncpg

    from tests.browser.tabs import Device
    from tests.support.system import Headcount


async def test_news_shows_on_open_pages_and_on_later_ones_until_it_expires(
    headcount: Headcount, device: Device
) -> None:
    devices = [await device() for _ in range(3)]
    for one in devices:
        await one.clock.install()
    first, elsewhere = await asyncio.gather(
        Tab.open(devices[0], headcount, "Nia", "news"),
        Tab.open(devices[1], headcount, "Ned", "other-news"),
    )
    send_news(headcount, "The second half begins", "news")
    await expect(first.news("The second half begins")).to_have_count(1)
    later = await Tab.open(devices[2], headcount, "Noe", "news")
    await expect(later.news("The second half begins")).to_have_count(1)
    send_news(headcount, "Hurry", "news", seconds=120)
    await asyncio.gather(
        *(expect(tab.news("Hurry")).to_have_count(1) for tab in (first, later)),
    )
    for tab in (first, later):
        await tab.pass_time(121)
        await expect(tab.news("Hurry")).to_have_count(0)
        await expect(tab.news("The second half begins")).to_have_count(1)
    await expect(elsewhere.part("news")).to_be_hidden()


async def test_a_tab_that_switches_shows_the_news_that_is_valid_there(
    headcount: Headcount, device: Device
) -> None:
    here, there = await asyncio.gather(
        Tab.open(await device(), headcount, "Nat", "news-here"),
        Tab.open(await device(), headcount, "Nik", "news-there"),
    )
    send_news(headcount, "For here", "news-here")
    await expect(here.news("For here")).to_have_count(1)
    await there.watch("news-here")
    await expect(there.news("For here")).to_have_count(1)


async def test_a_cancelled_bonus_is_cancelled_on_every_page_except_where_it_was_claimed(
    headcount: Headcount, device: Device
) -> None:
    operator, quick, slow = await asyncio.gather(
        Tab.open(await device(), headcount, "Will", "cancelled"),
        Tab.open(await device(), headcount, "Wanda", "cancelled"),
        Tab.open(await device(), headcount, "Wim", "cancelled"),
    )
    await operator.drop_bonus("A mistake", stock=5)
    await asyncio.gather(*(tab.offers("A mistake") for tab in (operator, quick, slow)))
    await expect(operator.part("drop-sent")).to_have_text("Sent to 3.")
    await quick.claim("A mistake")
    await quick.has_claimed("A mistake")
    await operator.part("cancel-bonus").click()
    for tab in (operator, slow):
        await expect(tab.bonus("A mistake")).to_have_attribute("data-phase", "cancelled")
        await expect(tab.bonus("A mistake").get_by_test_id("claim")).to_be_hidden()
    await quick.has_claimed("A mistake")
    await expect(operator.part("drop-state")).to_have_text("cancelled")
    await expect(operator.part("cancel-bonus")).to_be_hidden()


async def test_the_ledger_lists_the_history_of_a_bonus(
    headcount: Headcount, device: Device
) -> None:
    tab = await Tab.open(await device(), headcount, "Lea", "ledger")
    await tab.drop_bonus("For the ledger", stock=5)
    await tab.offers("For the ledger")
    await tab.claim("For the ledger")
    await tab.has_claimed("For the ledger")
    await tab.part("ledger").locator("summary").click()
    entries = tab.part("ledger-entries").locator("li").filter(has_text="For the ledger")
    await expect(entries).to_contain_text(["Claimed: For the ledger", "Dropped: For the ledger"])


async def test_a_new_tab_shows_the_state_when_its_events_are_gone(
    headcount: Headcount, device: Device, rows: asyncpg.Connection
) -> None:
    laptop = await device()
    first = await Tab.open(laptop, headcount, "Sia", "state")
    await first.react("star")
    await first.has_reactions("star", 1)
    await first.react("star")
    await first.has_reactions("star", 2)
    await first.part("note").fill("Keep this")
    await expect(first.part("activity")).to_contain_text("Keep this")
    await rows.execute("delete from user_events where user_id = 'Sia'")
    second = await Tab.open(laptop, headcount, "Sia", "state")
    await second.has_reactions("star", 2)
    await expect(second.part("note")).to_have_value("Keep this")
    await expect(second.part("activity")).to_be_empty()
    await second.react("star")
    await first.has_reactions("star", 3)
    await second.has_reactions("star", 3)


def send_news(headcount: Headcount, text: str, resource: str, *, seconds: int = LONG) -> None:
    audience = {"kind": "resource", "resource": resource}
    news = {"type": "note", "body": {"text": text}, "expires_in_seconds": seconds}
    ask("POST", headcount, "/news", news | {"audience": audience})
