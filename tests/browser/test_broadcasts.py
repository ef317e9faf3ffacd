"""News, withdrawn bonuses, the ledger and the state, in a real browser against the real system."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.tabs import Tab

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import asyncpg
    from playwright.async_api import BrowserContext

    from tests.browser.tabs import System

    Device = Callable[[], Awaitable[BrowserContext]]

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_news_reaches_who_is_there_and_who_comes_later_until_it_is_over(
    headcount: System, device: Device
) -> None:
    first, elsewhere = await asyncio.gather(
        Tab.open(await device(), headcount, "Nia", "news"),
        Tab.open(await device(), headcount, "Ned", "other-news"),
    )
    await first.tell("The second half begins", seconds=60)
    await expect(first.news("The second half begins")).to_have_count(1)
    later = await Tab.open(await device(), headcount, "Noe", "news")
    await expect(later.news("The second half begins")).to_have_count(1)
    await first.tell("Hurry", seconds=8)
    await asyncio.gather(
        *(expect(tab.news("Hurry")).to_have_count(1) for tab in (first, later)),
    )
    for tab in (first, later):
        await expect(tab.news("Hurry")).to_have_count(0)
        await expect(tab.news("The second half begins")).to_have_count(1)
    await expect(elsewhere.part("news")).to_be_hidden()


async def test_whoever_switches_sees_the_news_that_is_good_there(
    headcount: System, device: Device
) -> None:
    here, there = await asyncio.gather(
        Tab.open(await device(), headcount, "Nat", "news-here"),
        Tab.open(await device(), headcount, "Nik", "news-there"),
    )
    await here.tell("For here", seconds=60)
    await expect(here.news("For here")).to_have_count(1)
    await there.part("switch-to").fill("news-here")
    await there.part("switch").click()
    await expect(there.news("For here")).to_have_count(1)


async def test_a_withdrawn_bonus_is_withdrawn_on_every_page_and_stays_with_who_has_it(
    headcount: System, device: Device
) -> None:
    operator, quick, slow = await asyncio.gather(
        Tab.open(await device(), headcount, "Will", "withdrawn"),
        Tab.open(await device(), headcount, "Wanda", "withdrawn"),
        Tab.open(await device(), headcount, "Wim", "withdrawn"),
    )
    await operator.drop_bonus("A mistake", seconds=60, stock=5)
    await asyncio.gather(*(tab.offers("A mistake") for tab in (operator, quick, slow)))
    await expect(operator.part("drop-sent")).to_have_text("Sent to 3.")
    await quick.claim("A mistake")
    await quick.has_claimed("A mistake")
    await operator.part("withdraw").click()
    for tab in (operator, slow):
        await expect(tab.bonus("A mistake")).to_have_attribute("data-phase", "cancelled")
        await expect(tab.bonus("A mistake").get_by_test_id("claim")).to_be_hidden()
    await quick.has_claimed("A mistake")
    await expect(operator.part("drop-state")).to_have_text("cancelled")
    await expect(operator.part("withdraw")).to_be_hidden()


async def test_the_ledger_says_what_happened_to_a_bonus(headcount: System, device: Device) -> None:
    tab = await Tab.open(await device(), headcount, "Lea", "ledger")
    await tab.drop_bonus("For the ledger", seconds=60, stock=5)
    await tab.offers("For the ledger")
    await tab.claim("For the ledger")
    await tab.has_claimed("For the ledger")
    await tab.part("ledger").locator("summary").click()
    entries = tab.part("ledger-entries").locator("li").filter(has_text="For the ledger")
    await expect(entries).to_contain_text(["Claimed: For the ledger", "Dropped: For the ledger"])


async def test_a_new_tab_draws_from_the_state_what_is_no_longer_among_the_events(
    headcount: System, device: Device, rows: asyncpg.Connection
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
