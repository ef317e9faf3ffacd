"""Moving, devices, a kick, and what no user must notice: a rotation, a reload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playwright.async_api import expect

from tests.browser.operator import ask
from tests.browser.tabs import Tab

if TYPE_CHECKING:
    import asyncpg

    from tests.browser.tabs import Device
    from tests.support.system import Headcount

# A client in the page itself, whose rotation is due after a moment: it runs through three of them.
ROTATE = """async ([order, token]) => {
    const { Headcount } = await import("/client/src/headcount.js");
    const ticket = ({ resource }) => fetch("/tickets", {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ ...order, resource: resource ?? "site" }),
    }).then((response) => response.json());
    const HOUR = 3_600_000;
    // A page that closes while it connects complains: no rotation may be under way at the end.
    let isThere = false, left = 3, rotate;
    const early = (callback, ms) => {
        if (ms < HOUR) return setTimeout(callback, ms);
        if (isThere && left-- > 0) return setTimeout(callback, 50);
        rotate = callback;
    };
    const statuses = [];
    const headcount = new Headcount({ ticket, setTimeout: early });
    headcount.on("status", ({ status }) => statuses.push(status));
    await headcount.watch("stream");
    // Only now: a rotation that overtakes the watch would join "site" a second time.
    isThere = true;
    rotate();
    const connections = new Set();
    await new Promise((resolve) => headcount.on("welcome", ({ connection_id, session }) => {
        connections.add(connection_id);
        if (connections.size > 3) resolve();
    }));
    return { statuses, connections: connections.size };
}"""


async def presence_events(rows: asyncpg.Connection, user: str) -> list[tuple[str, str]]:
    """The user's events, and those due unless the user returns, as type and resource."""
    found = await rows.fetch(
        "select type::text, resource from presence_events where user_id = $1"
        " union all select type::text, resource from presence_outbox where user_id = $1",
        user,
    )
    return sorted((row["type"], row["resource"]) for row in found)


async def test_a_tab_switches_over_the_same_connection_and_stays_there_after_a_reload(
    headcount: Headcount, device: Device, rows: asyncpg.Connection
) -> None:
    tab = await Tab.open(await device(), headcount, "Abe", "one")
    (connection,) = await rows.fetch(CONNECTIONS, "Abe")
    await tab.watch("two")
    await expect(tab.part("resource")).to_have_text("two")
    await tab.sees("Abe", connections=1)
    assert await rows.fetch(CONNECTIONS, "Abe") == [(connection["connection_id"], "two")]
    await expect(tab.part("sessions")).to_contain_text("moved to another resource")
    await tab.drop_bonus("For two", stock=1)
    await tab.offers("For two")
    await tab.page.reload()
    await tab.is_online()
    await expect(tab.part("resource")).to_have_text("two")
    # If the old page's end had come first, its "offline" would be due by then; it must not be.
    await rows.execute("select finalize(1000, now() + interval '1 minute')")
    assert await presence_events(rows, "Abe") == [
        ("offline", "one"),
        ("online", "one"),
        ("online", "two"),
    ]


async def test_a_switch_to_a_blank_resource_is_refused(
    headcount: Headcount, device: Device
) -> None:
    tab = await Tab.open(await device(), headcount, "Bea", "one")
    await tab.watch("   ")
    await expect(tab.part("switch-problem")).to_contain_text("at least one of them visible")
    await expect(tab.part("resource")).to_have_text("one")


async def test_a_tab_that_lost_its_connection_watches_the_same_resource_again(
    headcount: Headcount, device: Device
) -> None:
    laptop = await device()
    tab = await Tab.open(laptop, headcount, "Cat", "one")
    await tab.watch("two")
    await expect(tab.part("resource")).to_have_text("two")
    assert kick(headcount, "Cat")["closed"] == 1
    await tab.sees("Cat", connections=1)
    await tab.is_online()
    await expect(tab.part("resource")).to_have_text("two")


async def test_devices_are_listed_and_this_tab_is_marked(
    headcount: Headcount, device: Device
) -> None:
    laptop = await Tab.open(await device(), headcount, "Dee", "one")
    phone = await Tab.open(await device(), headcount, "Dee", "two")
    for tab in (laptop, phone):
        await tab.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await expect(tab.part("device")).to_have_count(2)
        await expect(tab.part("device").filter(has_text="This tab")).to_have_count(1)
    mine = laptop.part("device").filter(has_text="This tab")
    await expect(mine).to_contain_text("Chrome on Linux")
    await expect(mine).to_contain_text("watching one")


async def test_a_kicked_user_reads_why_until_they_dismiss_it(
    headcount: Headcount, device: Device, rows: asyncpg.Connection
) -> None:
    other = await Tab.open(await device(), headcount, "Eli", "kick")
    tabs = [await Tab.open(await device(), headcount, "Fay", "kick") for _ in range(2)]
    assert kick(headcount, "Fay", "Be kind.")["closed"] == len(tabs)
    # This page gives a kicked user new tickets, so the user is back, in a new session.
    for tab in tabs:
        await tab.shows_trouble("Removed by the operator: Be kind.")
        await tab.is_online()
        await tab.part("dismiss").click()
        await tab.shows_no_trouble()
    await other.sees("Fay", connections=2)
    ended = await rows.fetch(
        "select ended_by::text from sessions where user_id = 'Fay' order by joined_at"
    )
    assert [row["ended_by"] for row in ended] == ["kicked", None]


async def test_a_rotation_changes_no_status_and_no_session(
    headcount: Headcount, device: Device, rows: asyncpg.Connection
) -> None:
    """The new connection opens before the old one closes, so the session always has one."""
    page = await (await device()).new_page()
    await page.goto(headcount.base_url)
    order = {"user_id": "Gus", "may_watch": "*"}
    result = await page.evaluate(ROTATE, [order, headcount.service_token])
    assert result == {"statuses": ["connecting", "online"], "connections": 4}
    sessions = await rows.fetch(
        "select resource, ended_by::text from sessions where user_id = 'Gus' order by joined_at"
    )
    assert [tuple(row) for row in sessions] == [("site", "moved"), ("stream", None)]
    # A session that loses its last connection has an "offline" waiting from then on.
    assert await presence_events(rows, "Gus") == [
        ("offline", "site"),
        ("online", "site"),
        ("online", "stream"),
    ]


CONNECTIONS = """
select c.connection_id, w.resource from watching_times w, connections(w.nodes) c
 where w.user_id = $1
"""


def kick(headcount: Headcount, user: str, reason: str | None = None) -> Any:
    return ask("POST", headcount, "/kick", {"user_id": user, "reason": reason})
