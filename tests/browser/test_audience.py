"""What a page learns without the service token: who watches, and why its user was sent away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.browser.tabs import CROWD_MILLISECONDS, Tab

if TYPE_CHECKING:
    from playwright.async_api import Page

    from tests.browser.tabs import Device
    from tests.support.system import Headcount

# A client in the page itself; what it is told is kept in `told`.
OPEN = """async (tickets) => {
    const { Headcount } = await import("/client/src/headcount.js");
    const headcount = new Headcount({
        ticket: async () => {
            if (tickets.length === 0) throw Object.assign(new Error("no ticket"), { status: 403 });
            return tickets.shift();
        },
    });
    window.told = { audiences: [], ends: [] };
    headcount.on("audience", (audience) => told.audiences.push(audience));
    headcount.on("status", ({ status, code, reason }) => told.ends.push([status, code, reason]));
    await new Promise((resolve) => headcount.on("welcome", resolve));
}"""
LISTED = """(names) => {
    const list = told.audiences.at(-1)?.list ?? [];
    return JSON.stringify(list.map(({ user_id }) => user_id)) === JSON.stringify(names);
}"""
STOPPED = "() => told.ends.at(-1)[0] === 'stopped'"


async def test_a_page_follows_who_is_there_and_a_kicked_user_reads_why(
    headcount: Headcount, device: Device
) -> None:
    page = await (await device()).new_page()
    await page.goto(headcount.base_url)
    order = {"user_id": "Hal", "resource": "crowd", "may_list": True}
    await page.evaluate(OPEN, [await post(page, headcount, "/tickets", order)])
    await page.wait_for_function(LISTED, arg=["Hal"], timeout=CROWD_MILLISECONDS)
    ivy = await Tab.open(await device(), headcount, "Ivy", "crowd")
    await page.wait_for_function(LISTED, arg=["Hal", "Ivy"], timeout=CROWD_MILLISECONDS)
    await ivy.page.close()
    await page.wait_for_function(LISTED, arg=["Hal"], timeout=CROWD_MILLISECONDS)
    await post(page, headcount, "/kick", {"user_id": "Hal", "reason": "Be kind."})
    await page.wait_for_function(STOPPED)
    ends = await page.evaluate("() => told.ends.filter(([, code]) => code === 'kicked')")
    assert {tuple(end) for end in ends} == {
        ("offline", "kicked", "Be kind."),
        ("connecting", "kicked", "Be kind."),
        ("stopped", "kicked", "Be kind."),
    }


async def post(page: Page, headcount: Headcount, path: str, order: object) -> Any:
    """What a backend does, with the service token."""
    token = {"authorization": f"Bearer {headcount.service_token}"}
    answer = await page.request.post(headcount.base_url + path, data=order, headers=token)
    assert answer.ok, await answer.text()
    return await answer.json()
