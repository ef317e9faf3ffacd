"""The product's story, played by a real browser against the real system."""

from __future__ import annotations

import asyncio
import json
import os
import re
from typing import TYPE_CHECKING, Any

import boto3
from playwright.async_api import expect

from tests.browser import picture
from tests.browser.tabs import LONG, Tab
from tests.support.waiting import until_answered

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg
    from playwright.async_api import BrowserContext

    from tests.browser.tabs import Device
    from tests.support.system import Headcount

# Where to write the README's picture: two tabs and a phone.
SCREENSHOT = os.environ.get("SCREENSHOT")

# From the last page's close until its $disconnect is a row: a socket, a function, a statement.


async def test_two_tabs_and_a_device_stay_in_step(
    headcount: Headcount, device: Device, rows: asyncpg.Connection
) -> None:
    """Presence, watch time, an act and a bonus over two connections, up to the closed row."""
    laptop, phone, friends = await device(), await device(), await device()
    before = await now(rows)
    first = await Tab.open(laptop, headcount, "Ann", "final")
    opened = await now(rows)
    second, other, bob = await asyncio.gather(
        Tab.open(laptop, headcount, "Ann", "final"),
        Tab.open(phone, headcount, "Ann", "final"),
        Tab.open(friends, headcount, "Bob", "final"),
    )
    mine = (first, second, other)

    await asyncio.gather(*(tab.sees("Ann", connections=2) for tab in (*mine, bob)))
    await asyncio.gather(*(tab.counts_past(0) for tab in mine))
    await until_answered(lambda: show_the_same_time(mine), "the tabs show different watch times")

    await first.react("heart")
    await second.react("heart")
    for tab in mine:
        await tab.has_reactions("heart", 2)
    await other.part("note").fill("Bring the blue scarf")
    for tab in mine:
        await expect(tab.part("note")).to_have_value("Bring the blue scarf")
    await bob.has_reactions("heart", 0)

    await first.drop_bonus("50 coins", stock=100, seconds=60 if SCREENSHOT else LONG)
    await asyncio.gather(*(tab.offers("50 coins") for tab in (*mine, bob)))
    await asyncio.gather(*(tab.counts_down("50 coins") for tab in (*mine, bob)))
    await second.claim("50 coins")
    await asyncio.gather(*(tab.has_claimed("50 coins") for tab in mine))
    if SCREENSHOT:
        await take_picture(headcount, first, bob, other, friends)
    await expect(first.part("drop-claimed")).to_have_text("1")
    await expect(bob.bonus("50 coins")).to_have_attribute("data-phase", "open")
    assert await claims(rows, "Ann") == 1
    assert await stream(rows, "Ann") == [
        (1, "react"),
        (2, "react"),
        (3, "note"),
        (4, "bonus.claimed"),
    ]

    await second.page.close()
    await phone.close()
    await first.sees("Ann", connections=1)
    assert await open_session(rows, "Ann") is not None
    closing = await now(rows)
    await laptop.close()
    session = await ended(rows, "Ann")
    assert session["nodes"] == "{}"
    assert session["ended_by"] == "client"
    assert before <= session["joined_at"] <= opened
    assert closing <= session["ended_at"] <= await now(rows)


async def test_a_bonus_claimed_on_two_devices_at_once_is_claimed_once(
    headcount: Headcount, device: Device, rows: asyncpg.Connection
) -> None:
    laptop, phone = await asyncio.gather(
        Tab.open(await device(), headcount, "Cleo", "rush"),
        Tab.open(await device(), headcount, "Cleo", "rush"),
    )
    await laptop.drop_bonus("A scarf", stock=5)
    await asyncio.gather(laptop.offers("A scarf"), phone.offers("A scarf"))
    await asyncio.gather(laptop.claim_unseen("A scarf"), phone.claim_unseen("A scarf"))
    await asyncio.gather(laptop.has_claimed("A scarf"), phone.has_claimed("A scarf"))
    await expect(laptop.part("drop-left")).to_have_text("4")
    assert await claims(rows, "Cleo") == 1


async def test_an_unclaimed_bonus_expires_on_the_page(
    headcount: Headcount, device: Device, rows: asyncpg.Connection
) -> None:
    laptop = await device()
    await laptop.clock.install()
    tab = await Tab.open(laptop, headcount, "Eve", "late")
    await tab.drop_bonus("Gone soon", seconds=120, stock=5)
    await tab.offers("Gone soon")
    await tab.pass_time(121)
    await expect(tab.bonus("Gone soon")).to_have_attribute("data-phase", "expired")
    await expect(tab.bonus("Gone soon").get_by_test_id("claim")).to_be_hidden()
    assert await claims(rows, "Eve") == 0


async def test_a_reload_continues_the_session(
    headcount: Headcount, device: Device, rows: asyncpg.Connection
) -> None:
    tab = await Tab.open(await device(), headcount, "Rae", "reload")
    await tab.react("star")
    await tab.counts_past(0)
    before, watched = await open_session(rows, "Rae"), await tab.watched()
    await tab.page.reload()
    await tab.is_online()
    await tab.counts_past(watched)
    await tab.has_reactions("star", 1)
    after = await open_session(rows, "Rae")
    assert before is not None
    assert after is not None
    assert (after["id"], after["joined_at"]) == (before["id"], before["joined_at"])
    assert await rows.fetchval("select count(*) from watching_times where user_id = 'Rae'") == 1


async def test_a_dropped_connection_is_replaced_and_misses_nothing(
    headcount: Headcount, device: Device, rows: asyncpg.Connection
) -> None:
    """The gateway ends the second device's connection; the first acts meanwhile."""
    first = await Tab.open(await device(), headcount, "Dan", "drop")
    known = await connections(rows, "Dan")
    second = await Tab.open(await device(), headcount, "Dan", "drop")
    before = await open_session(rows, "Dan")
    (doomed,) = await connections(rows, "Dan") - known
    await asyncio.to_thread(end_connection, headcount, doomed)
    await first.react("bolt")
    await second.has_reactions("bolt", 1)
    await second.is_online()
    after = await open_session(rows, "Dan")
    assert before is not None
    assert after is not None
    assert after["id"] == before["id"]
    assert doomed not in await connections(rows, "Dan")


async def test_without_a_token_the_page_explains_what_to_do(
    headcount: Headcount, device: Device
) -> None:
    page = await (await device()).new_page()
    await page.goto(headcount.base_url)
    await expect(page.get_by_test_id("token-gate")).to_contain_text("make run")
    await page.get_by_test_id("token-input").fill(headcount.page_key)
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_test_id("name-input").fill("Kim")
    await page.get_by_test_id("enter").click()
    await Tab(page).is_online()
    await expect(page.get_by_test_id("user")).to_have_text("Kim")


async def test_the_token_is_removed_from_the_address(headcount: Headcount, device: Device) -> None:
    tab = await Tab.open(await device(), headcount, "Lou", "address")
    assert headcount.page_key not in tab.page.url


async def test_a_token_pasted_into_an_open_tab_is_taken(
    headcount: Headcount, device: Device
) -> None:
    page = await (await device()).new_page()
    await page.goto(headcount.base_url)
    await expect(page.get_by_test_id("token-gate")).to_be_visible()
    await page.evaluate("key => { location.hash = `token=${key}`; }", headcount.page_key)
    await expect(page.get_by_test_id("name-gate")).to_be_visible()
    assert headcount.page_key not in page.url


async def test_the_page_links_to_the_api(headcount: Headcount, device: Device) -> None:
    tab = await Tab.open(await device(), headcount, "Noa", "docs")
    await tab.part("docs-link").click()
    await expect(tab.page).to_have_title(re.compile("Headcount"))
    await expect(tab.page.get_by_text("/tickets", exact=True).first).to_be_visible()


async def test_a_phone_shows_the_page_without_scrolling_sideways(
    headcount: Headcount, device: Device
) -> None:
    tab = await Tab.open(await device(), headcount, "Mia", "phone")
    await tab.page.set_viewport_size({"width": 360, "height": 740})
    wider = await tab.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wider <= 0


async def take_picture(
    headcount: Headcount, tab: Tab, friend: Tab, phone: Tab, friends: BrowserContext
) -> None:
    """Ann has claimed on one of her tabs, so on all; Bob still may."""
    company = [await Tab.open(friends, headcount, name, "final") for name in ("Chidi", "Dana Kern")]
    for one in (tab, friend, phone):
        await one.sees("Dana Kern", connections=1)
    shots = [
        picture.Shot(tab.page),
        picture.Shot(friend.page, colours="dark"),
        picture.Shot(phone.page, is_phone=True),
    ]
    await picture.take(friends, shots, str(SCREENSHOT))
    for one in company:
        await one.page.close()


async def show_the_same_time(tabs: tuple[Tab, ...]) -> bool:
    """Whether the watch times differ by a second at most, when read at about the same moment."""
    shown = await asyncio.gather(*(tab.watched() for tab in tabs))
    return max(shown) - min(shown) <= 1


# The database.


async def now(rows: asyncpg.Connection) -> datetime:
    time: datetime = await rows.fetchval("select clock_timestamp()")
    return time


async def claims(rows: asyncpg.Connection, user: str) -> int:
    count: int = await rows.fetchval("select count(*) from claims where user_id = $1", user)
    return count


async def stream(rows: asyncpg.Connection, user: str) -> list[tuple[int, str]]:
    found = await rows.fetch(
        "select seq, type from user_events where user_id = $1 order by seq", user
    )
    return [(row["seq"], row["type"]) for row in found]


async def open_session(rows: asyncpg.Connection, user: str) -> asyncpg.Record | None:
    return await rows.fetchrow(
        "select * from watching_times where user_id = $1 and ended_at is null", user
    )


async def connections(rows: asyncpg.Connection, user: str) -> set[str]:
    session = await open_session(rows, user)
    nodes: dict[str, dict[str, Any]] = json.loads(session["nodes"]) if session else {}
    return {connection for node in nodes.values() for connection in node}


async def ended(rows: asyncpg.Connection, user: str) -> asyncpg.Record:
    """The user's only session, after it ended."""

    async def is_closed() -> bool:
        return await open_session(rows, user) is None

    await until_answered(is_closed)
    (session,) = await rows.fetch("select * from watching_times where user_id = $1", user)
    return session


def end_connection(headcount: Headcount, connection_id: str) -> None:
    """End it as an operator does: DELETE @connections."""
    management = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=f"{headcount.base_url}/live",
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - the local gateway checks none
    )
    management.delete_connection(ConnectionId=connection_id)
    management.close()
