"""The operator's page against the real system: an evening, and what goes wrong in one."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.operator import TABS, Operator, ask, make_key
from tests.browser.tabs import LONG, Tab
from tests.support.waiting import until_answered

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import asyncpg
    from playwright.async_api import Route

    from tests.browser.tabs import Device
    from tests.support.system import Headcount

# A name that is written from right to left, and one that would turn the words after it round.
DANA, TURNING = "\u05d3\u05e0\u05d4 \u05db\u05d4\u05df", "\u202emallory"
TOO_MANY = 429
NOTHING_YET = "\u2013"
HIDE = """() => {
    Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""
SHOW = """() => {
    delete document.visibilityState;
    document.dispatchEvent(new Event("visibilitychange"));
}"""
FEW = {"kind": "resource", "resource": "few"}
INTERVAL = "Eve pauses for ten minutes"
NEWS_BODY = {"type": "note", "audience": FEW, "expires_in_seconds": LONG}


async def test_an_evening(headcount: Headcount, device: Device, rows: asyncpg.Connection) -> None:
    """Three bonuses at once, news taken back, a user found and kicked, a report stored."""
    key = make_key(headcount, "evening")["token"]
    ann, dana = await asyncio.gather(
        Tab.open(await device(), headcount, "eve-ann", "eve"),
        Tab.open(await device(), headcount, DANA, "eve"),
    )
    operator = await Operator.open(await device(), headcount, key)
    assert key not in operator.page.url
    await expect(operator.row("resources", "eve")).to_contain_text("2")
    drawn = operator.part("chart").locator("svg")
    await expect(drawn).to_have_attribute("aria-label", re.compile("^Viewers over 15 min"))
    await expect(operator.part("health")).to_contain_text("answers")
    await three_bonuses(operator, ann, dana)
    await news_taken_back(operator, ann)
    await the_day_has_its_marks(operator)
    phone = await Tab.open(await device(), headcount, "eve-ann", "eve")
    await ann_is_kicked(operator, rows, phone)
    await a_report_is_stored(operator)


async def three_bonuses(operator: Operator, ann: Tab, dana: Tab) -> None:
    """One is sold out, one cancelled, and one for Ann alone."""
    await operator.turn_to("bonuses")
    await operator.fill_drop("Eve's scarf", audience="resource", resource="eve", stock="1")
    estimate = "2 people on 2 connections, told within a second."
    await expect(operator.part("estimate")).to_have_text(estimate)
    await operator.part("drop-submit").click()
    await operator.says("drop-outcome", "Dropped: “Eve's scarf”")
    await operator.drop("Too much", audience="resource", resource="eve")
    await operator.drop("For Ann", audience="users", users="eve-ann\n")
    await ann.offers("Eve's scarf")
    await ann.claim("Eve's scarf")
    await ann.has_claimed("Eve's scarf")
    await expect(operator.row("current", "Eve's scarf")).to_contain_text("1 of 1")
    await expect(operator.row("current", "Eve's scarf")).to_contain_text("sold out")
    await operator.row("current", "Too much").get_by_test_id("cancel").click()
    await operator.confirm()
    await operator.says("bonus-outcome", "“Too much” is cancelled: 0 claims.")
    await expect(operator.row("current", "Too much")).to_have_count(0)
    await expect(dana.bonus("Too much")).to_have_attribute("data-phase", "cancelled")
    await expect(dana.bonus("For Ann")).to_have_count(0)
    await operator.row("current", "Eve's scarf").get_by_test_id("details-open").click()
    await expect(operator.row("claims", "eve-ann")).to_contain_text("pending")
    curve = operator.part("curve").locator("svg")
    await expect(curve).to_have_attribute("aria-label", re.compile("^Claims per second over "))
    await operator.page.locator("#curve-table summary").click()
    await expect(operator.part("curve-rows").locator("tr").last).to_contain_text("1")
    claims = await operator.stores("claimants-csv")
    assert claims.startswith("user_id,claimed_at,state\neve-ann,")


async def news_taken_back(operator: Operator, ann: Tab) -> None:
    await operator.turn_to("news")
    await operator.part("send-text").fill(INTERVAL)
    await operator.part("send-audience").select_option("resource")
    await operator.part("send-resource").fill("eve")
    await operator.part("send-submit").click()
    await operator.says("send-outcome", f"Sent: “{INTERVAL}”.")
    await expect(ann.news(INTERVAL)).to_be_visible()
    await operator.row("sent", INTERVAL).get_by_test_id("cancel-news").click()
    await operator.confirm()
    await operator.says("news-outcome", f"“{INTERVAL}” is cancelled.")
    await expect(ann.news(INTERVAL)).to_have_count(0)


async def the_day_has_its_marks(operator: Operator) -> None:
    await operator.turn_to("live")
    await operator.page.get_by_label("24 h").check()
    drawn = operator.part("chart").locator("svg")
    await expect(drawn).to_have_attribute("aria-label", re.compile("^Viewers over 24 h"))
    marks = operator.part("marks").locator("li")
    for text in ("Bonus: Eve's scarf", "Bonus: For Ann", f"News: {INTERVAL}"):
        await expect(marks.filter(has_text=text)).to_have_count(1)
    for kind in ("bonus", "news"):
        await expect(drawn.locator(f".mark.{kind}")).not_to_have_count(0)


async def ann_is_kicked(operator: Operator, rows: asyncpg.Connection, phone: Tab) -> None:
    """First from her phone alone, which is told why; she goes on watching on the other device."""
    await operator.turn_to("users")
    await operator.part("find-prefix").fill("eve-a")
    await operator.part("find-submit").click()
    await operator.part("found-user").click()
    connections = operator.part("user-connections").locator("tr")
    await expect(connections).to_have_count(2)
    await expect(operator.row("user-grants", "Eve's scarf")).to_contain_text("pending")
    await expect(operator.row("user-ledger", "Eve's scarf")).to_contain_text("claimed")
    await expect(operator.row("user-events", "bonus.claimed")).to_contain_text("Eve's scarf")
    await operator.part("kick-reason").fill("One device is enough")
    await connections.last.get_by_test_id("close-connection").click()
    await expect(operator.part("confirm")).to_contain_text("Their other connections stay open")
    await operator.confirm()
    await operator.says("kick-outcome", "1 connection closed.")
    await expect(connections).to_have_count(1)
    await phone.shows_trouble("Removed by the operator: One device is enough")
    await operator.part("kick-reason").fill("The show is over")
    await operator.part("kick-submit").click()
    await operator.confirm()
    await operator.says("kick-outcome", "1 connection closed.")
    ended = "select ended_by::text from sessions where user_id = 'eve-ann' and ended_at is not null"
    await until_answered(lambda: has(rows, ended, "kicked"), "the session goes on")
    await operator.turn_to("audit")
    kick = operator.row("audit-rows", "kick_user").filter(has_text="eve-ann")
    await expect(kick).to_contain_text("The show is over")
    await expect(kick).to_contain_text("evening")
    await expect(operator.row("audit-rows", "One device")).to_contain_text("close_connection")


async def a_report_is_stored(operator: Operator) -> None:
    await operator.turn_to("reports")
    await operator.part("report-kind").select_option("sessions")
    await operator.part("report-resource").fill("eve")
    await operator.part("report-to").fill("2099-01-01T00:00:00")
    await operator.part("report-submit").click()
    await operator.says("report-outcome", re.compile(r"\d rows?\."))
    await expect(operator.row("report-rows", DANA)).to_have_count(1)
    assert DANA in await operator.stores("report-csv")


async def has(rows: asyncpg.Connection, query: str, value: str) -> bool:
    return value in [row[0] for row in await rows.fetch(query)]


async def test_a_curve_of_claims_goes_on_while_its_bonus_is_open(
    headcount: Headcount, device: Device
) -> None:
    viewer = await Tab.open(await device(), headcount, "eve-curve", "curve")
    operator = await Operator.open(await device(), headcount, make_key(headcount, "curve")["token"])
    await operator.turn_to("bonuses")
    await operator.drop("A curve", audience="resource", resource="curve")
    await operator.row("current", "A curve").get_by_test_id("details-open").click()
    await expect(operator.page.locator("#no-curve")).to_be_visible()
    await viewer.claim("A curve")
    await expect(operator.part("curve").locator("svg")).to_be_visible()
    await expect(operator.page.locator("#no-curve")).to_be_hidden()


async def test_a_key_that_may_only_read_sees_and_cannot_act(
    headcount: Headcount, device: Device
) -> None:
    await Tab.open(await device(), headcount, "eve-reader", "few")
    ask("POST", headcount, "/news", NEWS_BODY | {"body": {"text": "Read me"}})
    operator = await Operator.open(
        await device(), headcount, make_key(headcount, "reader", "read")["token"]
    )
    await operator.turn_to("bonuses")
    await expect(operator.part("drop-submit")).to_be_disabled()
    await expect(operator.page.locator("#drop .reason")).to_contain_text("“order”")
    await operator.turn_to("news")
    cancel = operator.row("sent", "Read me").get_by_test_id("cancel-news")
    await expect(cancel.first).to_be_disabled()
    await operator.turn_to("users")
    await operator.part("find-prefix").fill("eve-reader")
    await operator.part("find-submit").click()
    await operator.part("found-user").click()
    for order in ("close-connection", "end-session"):
        await expect(operator.part(order)).to_be_disabled()


async def test_a_key_that_is_deleted_asks_for_another_and_loses_nothing_typed(
    headcount: Headcount, device: Device, problems: list[str]
) -> None:
    made = make_key(headcount, "brief")
    operator = await Operator.open(await device(), headcount, made["token"])
    await operator.turn_to("bonuses")
    await operator.fill_drop("Typed before")
    await operator.page.route("**/online/counts", refuse(401, {"detail": "unknown"}))
    await expect(operator.part("gate-problem")).to_contain_text("The server refused the key")
    await operator.page.unroute("**/online/counts")
    await operator.part("gate-key").fill(make_key(headcount, "another")["token"])
    await operator.part("gate-submit").click()
    await expect(operator.part("drop-reward")).to_have_value("Typed before")
    forget_refusals(problems)


async def test_a_key_in_the_address_is_taken_out_also_later(
    headcount: Headcount, device: Device
) -> None:
    page = await (await device()).new_page()
    await page.goto(f"{headcount.base_url}/operator.html")
    await expect(page.get_by_test_id("gate")).to_be_visible()
    key = make_key(headcount, "late")["token"]
    await page.evaluate("key => { location.hash = `token=${key}`; }", key)
    await expect(page.get_by_test_id("board")).to_be_visible()
    assert key not in page.url
    await page.evaluate("location.hash = 'token=the-service-token'")
    await expect(page.get_by_test_id("gate-problem")).to_contain_text("begins with hk_")
    assert await page.evaluate("sessionStorage.getItem('headcount.token')") is None


@pytest.mark.parametrize(
    ("status", "words"),
    [(503, "cannot answer now"), (429, "too many requests"), (0, "does not answer")],
)
async def test_an_order_without_an_answer_is_done_once(
    headcount: Headcount, device: Device, problems: list[str], status: int, words: str
) -> None:
    """The order takes effect and its answer gets lost: asked for again, it is done once."""
    reward = f"Once {status}"
    key = make_key(headcount, f"once{status}")["token"]
    operator = await Operator.open(await device(), headcount, key)
    await operator.turn_to("bonuses")
    await operator.fill_drop(reward, audience="resource", resource="once")

    async def lose(route: Route) -> None:
        if route.request.method != "POST":
            return await route.continue_()
        if status != TOO_MANY:
            await route.fetch()
        return await (route.abort() if status == 0 else refuse(status, None)(route))

    await operator.page.route(re.compile("/bonuses$"), lose)
    await operator.part("drop-submit").click()
    await operator.says("drop-outcome", words)
    await expect(operator.part("drop-reward")).to_have_value(reward)
    await operator.page.unroute(re.compile("/bonuses$"))
    await operator.part("drop-submit").click()
    await operator.says("drop-outcome", f"Dropped: “{reward}”")
    bonuses = ask("GET", headcount, "/bonuses?current=true")["items"]
    assert [one["reward"] for one in bonuses].count({"text": reward}) == 1
    forget_refusals(problems)


async def test_polls_pause_while_the_page_is_hidden(headcount: Headcount, device: Device) -> None:
    context = await device()
    await context.clock.install()
    operator = await Operator.open(context, headcount, make_key(headcount, "pause")["token"])
    await expect(operator.part("people")).not_to_have_text(NOTHING_YET)
    await operator.page.evaluate(HIDE)
    await operator.page.wait_for_load_state("networkidle")
    asked: list[str] = []
    operator.page.on("request", lambda request: asked.append(request.url))
    await operator.page.clock.run_for(60_000)
    assert asked == []
    async with operator.page.expect_request("**/online/counts"):
        await operator.page.evaluate(SHOW)


async def test_above_a_thousand_people_the_page_asks_before_it_drops(
    headcount: Headcount, device: Device, rows: asyncpg.Connection
) -> None:
    operator = await Operator.open(await device(), headcount, make_key(headcount, "many")["token"])
    counts = ask("GET", headcount, "/online/counts") | {"users": 150_000, "connections": 160_000}
    await operator.page.route("**/online/counts", refuse(200, counts))
    await operator.turn_to("bonuses")
    await operator.fill_drop("Not for all", window="10")
    await expect(operator.part("estimate")).to_contain_text("150,000 people on 160,000 connections")
    await operator.part("drop-submit").click()
    await expect(operator.part("confirm")).to_contain_text("150,000 people")
    await operator.part("confirm-no").click()
    await operator.says("drop-outcome", "Not dropped.")
    count = "select count(*) from bonuses where reward ->> 'text' = 'Not for all'"
    assert await rows.fetchval(count) == 0


async def test_no_table_grows_beyond_two_hundred_rows(headcount: Headcount, device: Device) -> None:
    """A thousand resources and nodes, which is what the API lists at most."""
    key = make_key(headcount, "rows")["token"]
    each = [{"users": 1, "connections": 1, "resource": f"r{n}"} for n in range(1_000)]
    nodes = [{"node": f"n{n}", "connections": 1} for n in range(1_000)]
    counts = ask("GET", headcount, "/online/counts") | {"resources": each, "nodes": nodes}
    context = await device()
    await context.route("**/online/counts", refuse(200, counts))
    operator = await Operator.open(context, headcount, key)
    await expect(operator.part("resources").locator("tr")).to_have_count(200)
    await expect(operator.part("nodes").locator("tr")).to_have_count(200)
    rows = "Math.max(...[...document.querySelectorAll('tbody')].map((one) => one.rows.length))"
    assert await operator.page.evaluate(rows) == 200


async def test_two_operators_see_what_the_other_orders(
    headcount: Headcount, device: Device
) -> None:
    """Both cancel the same bonus: the second is told that it is cancelled, and nothing breaks."""
    first, second = await asyncio.gather(
        Operator.open(await device(), headcount, make_key(headcount, "first")["token"]),
        Operator.open(await device(), headcount, make_key(headcount, "second")["token"]),
    )
    for one in (first, second):
        await one.turn_to("bonuses")
    await first.drop("Of both", audience="resource", resource="both")
    await expect(second.row("current", "Of both")).to_contain_text("first")
    for one in (first, second):
        await one.row("current", "Of both").get_by_test_id("cancel").click()
    await first.confirm()
    await first.says("bonus-outcome", "“Of both” is cancelled")
    await second.confirm()
    await second.says("bonus-outcome", "“Of both” is cancelled")
    await expect(second.row("past", "Of both")).to_contain_text("cancelled")


@pytest.mark.parametrize("width", [320, 390])
async def test_no_part_is_wider_than_a_phone(
    headcount: Headcount, device: Device, width: int
) -> None:
    news = NEWS_BODY | {"body": {"text": f"{DANA} {TURNING} " + "wide" * 40}}
    ask("POST", headcount, "/news", news)
    key = make_key(headcount, f"w{width}")["token"]
    operator = await Operator.open(await device(), headcount, key)
    await operator.page.set_viewport_size({"width": width, "height": 740})
    for tab in TABS:
        await operator.turn_to(tab)
        wider = "document.documentElement.scrollWidth - innerWidth"
        assert await operator.page.evaluate(wider) <= 0, tab


async def test_a_chart_is_drawn_again_when_the_page_becomes_narrower(
    headcount: Headcount, device: Device
) -> None:
    operator = await Operator.open(await device(), headcount, make_key(headcount, "turn")["token"])
    drawn = operator.part("chart").locator("svg")
    await expect(drawn).to_have_attribute("viewBox", re.compile("^0 0 1[01]"))
    await operator.page.set_viewport_size({"width": 390, "height": 844})
    await expect(drawn).to_have_attribute("viewBox", re.compile("^0 0 3"))


async def test_the_tabs_are_walked_by_keyboard(headcount: Headcount, device: Device) -> None:
    operator = await Operator.open(await device(), headcount, make_key(headcount, "keys")["token"])
    await operator.part("tab-live").focus()
    for tab in (*TABS[1:], TABS[0]):
        await operator.page.keyboard.press("ArrowRight")
        await expect(operator.part(f"tab-{tab}")).to_be_focused()
        await expect(operator.page.locator(f"#{tab}")).to_be_visible()
    await operator.page.keyboard.press("Tab")
    await expect(operator.page.locator("#live")).to_be_focused()


def forget_refusals(problems: list[str]) -> None:
    """A browser logs each answer that is an error; what the page made of it was looked at."""
    problems[:] = [one for one in problems if not one.startswith("Failed to load resource")]


def refuse(status: int, body: object) -> Callable[[Route], Awaitable[None]]:
    async def answer(route: Route) -> None:
        await route.fulfill(status=status, json=body)

    return answer
