"""What the page shows when something is missing, wrong, gone, or sent twice."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.tabs import Tab

if TYPE_CHECKING:
    from playwright.async_api import Route, WebSocketRoute

    from tests.browser.tabs import Device
    from tests.support.system import Headcount

SOCKET = re.compile(r"/live\?")
OVERRIDE = "\u202e"


async def test_without_a_network_the_page_shows_it_at_once_and_counts_what_waits(
    headcount: Headcount, device: Device
) -> None:
    laptop = await device()
    tab = await Tab.open(laptop, headcount, "Ola", "offline")
    # What the page asked for by itself would wait, too.
    await expect(tab.page.locator("#campaigns-card")).to_have_attribute("aria-busy", "false")
    await laptop.set_offline(True)
    await tab.shows_trouble("This device is offline")
    await expect(tab.part("status")).to_have_attribute("data-status", "offline")
    await tab.react("heart")
    await tab.react("star")
    await expect(tab.part("waiting")).to_have_text("2 waiting")
    await tab.has_reactions("heart", 0)
    await laptop.set_offline(False)
    await tab.is_online()
    await tab.has_reactions("heart", 1)
    await tab.has_reactions("star", 1)
    await tab.shows_no_trouble()


async def test_a_server_that_cannot_save_shows_while_the_client_tries_again(
    headcount: Headcount, device: Device
) -> None:
    is_gone = True

    async def without_database(page: WebSocketRoute) -> None:
        server = page.connect_to_server()

        def forward(text: str | bytes) -> None:
            message = json.loads(text)
            if is_gone and message["action"] == "act":
                answer = {
                    "type": "error",
                    "re": message["id"],
                    "code": "unavailable",
                    "reason": "-",
                }
                page.send(json.dumps(answer))
            else:
                server.send(text)

        page.on_message(forward)

    laptop = await device()
    await laptop.route_web_socket(SOCKET, without_database)
    tab = await Tab.open(laptop, headcount, "Udo", "unavailable")
    await tab.react("heart")
    await tab.shows_trouble("Online, but the server cannot save right now")
    await expect(tab.part("waiting")).to_have_text("1 waiting")
    is_gone = False
    await tab.has_reactions("heart", 1)
    await tab.shows_no_trouble()


async def test_a_tab_that_cannot_connect_shows_why_and_when_it_tries_again(
    headcount: Headcount, device: Device, problems: list[str]
) -> None:
    async def refused(route: Route) -> None:
        answer = await route.fetch()
        await route.fulfill(response=answer, json={**await answer.json(), "ticket": "wrong"})

    laptop = await device()
    await laptop.route("**/tickets", refused)
    page = await laptop.new_page()
    await page.goto(f"{headcount.base_url}/?user=Ned#token={headcount.page_key}")
    await Tab(page).shows_trouble("The server refused the connection; next try in")
    await laptop.unroute("**/tickets")
    await Tab(page).is_online()
    forgive(problems, "WebSocket connection")


async def test_the_page_shows_that_lists_are_not_up_to_date(
    headcount: Headcount, device: Device, problems: list[str]
) -> None:
    async def unavailable(route: Route) -> None:
        await route.fulfill(status=503, json={"detail": "the database does not answer"})

    laptop = await device()
    await laptop.route("**/connections?*", unavailable)
    tab = await Tab.open(laptop, headcount, "Pia", "lists")
    await tab.shows_trouble("the database does not answer")
    await laptop.unroute("**/connections?*")
    await tab.sees("Pia", connections=1)
    await tab.shows_no_trouble()
    forgive(problems, "503")


async def test_the_page_asks_again_for_a_name_that_is_too_long_or_blank(
    headcount: Headcount, device: Device
) -> None:
    page = await (await device()).new_page()
    long = "n" * 129
    await page.goto(f"{headcount.base_url}/?user={long}#token={headcount.page_key}")
    problem, name = page.get_by_test_id("name-problem"), page.get_by_test_id("name-input")
    await expect(problem).to_contain_text("too long")
    await expect(problem).to_contain_text("1–128")  # noqa: RUF001 - as the page writes a range
    await expect(page.get_by_test_id("token-gate")).to_be_hidden()
    await expect(name).to_have_value(long)
    for refused in (long, "   "):
        await name.fill(refused)
        await page.get_by_test_id("enter").click()
        await expect(problem).to_be_visible()
    await name.fill(long[:-1])
    await page.get_by_test_id("enter").click()
    await Tab(page).is_online()


async def test_the_page_asks_again_for_a_name_that_the_server_refuses_and_shows_the_reason(
    headcount: Headcount, device: Device, problems: list[str]
) -> None:
    page = await (await device()).new_page()
    await page.goto(f"{headcount.base_url}/?user=a%00b#token={headcount.page_key}")
    await expect(page.get_by_test_id("name-problem")).to_contain_text("user_id")
    await expect(page.get_by_test_id("token-gate")).to_be_hidden()
    forgive(problems, "422")


async def test_a_wrong_token_is_refused_where_it_is_entered(
    headcount: Headcount, device: Device, problems: list[str]
) -> None:
    page = await (await device()).new_page()
    await page.goto(headcount.base_url)
    unknown = f"hk_{'0' * 32}_{'0' * 43}"
    for wrong in ("wrong", "with a space", "ключ", headcount.service_token, unknown):
        await page.get_by_test_id("token-input").fill(wrong)
        await page.get_by_role("button", name="Continue").click()
        await expect(page.get_by_test_id("token-problem")).to_contain_text("key")
        await expect(page.get_by_test_id("name-gate")).to_be_hidden()
    assert await page.evaluate("sessionStorage.getItem('headcount.token')") is None
    forgive(problems, "401")


async def test_a_key_that_was_deleted_asks_for_another(
    headcount: Headcount, device: Device, problems: list[str]
) -> None:
    async def refuse(route: Route) -> None:
        await route.fulfill(status=401, json={"detail": "unknown"})

    laptop = await device()
    tab = await Tab.open(laptop, headcount, "Kai", "deleted")
    await laptop.route("**/tickets", refuse)
    await tab.page.reload()
    await expect(tab.part("token-problem")).to_contain_text("The server refused the key")
    await laptop.unroute("**/tickets")
    await tab.part("token-input").fill(headcount.page_key)
    await tab.page.get_by_role("button", name="Continue").click()
    await tab.is_online()
    await expect(tab.part("user")).to_have_text("Kai")
    forgive(problems, "401")


@pytest.mark.parametrize(
    ("status", "words"), [(429, "too many requests"), (503, "cannot answer now")]
)
async def test_a_drop_that_is_refused_says_what_to_do_and_keeps_what_was_typed(
    headcount: Headcount, device: Device, problems: list[str], status: int, words: str
) -> None:
    async def refuse(route: Route) -> None:
        await route.fulfill(status=status, json={"message": "-"})

    tab = await Tab.open(await device(), headcount, "Lio", "refused")
    await tab.page.route(re.compile("/bonuses$"), refuse)
    await tab.drop_bonus("Typed once", stock=3)
    await expect(tab.part("drop-problem")).to_contain_text(words)
    await expect(tab.part("drop-reward")).to_have_value("Typed once")
    forgive(problems, str(status))


async def test_a_page_does_not_keep_the_service_token_of_an_address(
    headcount: Headcount, device: Device
) -> None:
    page = await (await device()).new_page()
    await page.goto(f"{headcount.base_url}/?user=Ned#token={headcount.service_token}")
    await expect(page.get_by_test_id("token-problem")).to_contain_text("Never")
    assert headcount.service_token not in page.url
    assert await page.evaluate("sessionStorage.length") == 0


async def test_a_name_cannot_change_the_direction_of_the_text_beside_it(
    headcount: Headcount, device: Device
) -> None:
    tab = await Tab.open(await device(), headcount, f"{OVERRIDE}nnA", "bidi")
    for place in (tab.part("user"), tab.part("online-user").locator("bdi")):
        await expect(place).to_have_text("\ufffdnnA")
        await expect(place).to_have_css("unicode-bidi", "isolate")


async def test_a_reward_of_blanks_is_refused(headcount: Headcount, device: Device) -> None:
    tab = await Tab.open(await device(), headcount, "Ray", "blank")
    await tab.drop_bonus("   ", stock=1)
    await expect(tab.part("drop-problem")).to_contain_text("needs a visible text")
    await expect(tab.part("bonus")).to_have_count(0)


async def test_a_bonus_sold_out_on_one_device_is_sold_out_on_all_and_for_the_operator(
    headcount: Headcount, device: Device
) -> None:
    first, second, quick = await asyncio.gather(
        Tab.open(await device(), headcount, "Sol", "sold-out"),
        Tab.open(await device(), headcount, "Sol", "sold-out"),
        Tab.open(await device(), headcount, "Tia", "sold-out"),
    )
    await first.drop_bonus("The last one", stock=1)
    await asyncio.gather(*(tab.offers("The last one") for tab in (first, second, quick)))
    await quick.claim("The last one")
    await quick.has_claimed("The last one")
    await expect(first.part("drop-state")).to_have_text("sold out")
    for tab in (first, second):  # told, without a claim of theirs
        await expect(tab.bonus("The last one")).to_have_attribute("data-phase", "sold_out")
        await expect(tab.bonus("The last one").get_by_test_id("claim")).to_be_hidden()
    await quick.has_claimed("The last one")


async def test_the_operators_statistics_survive_a_reload(
    headcount: Headcount, device: Device
) -> None:
    tab = await Tab.open(await device(), headcount, "Uli", "numbers")
    await tab.drop_bonus("Kept", stock=7)
    # The bonus may arrive before the answer to the request that made it.
    await expect(tab.part("drop-left")).to_have_text("7")
    await tab.page.reload()
    await expect(tab.part("drop-left")).to_have_text("7")
    await expect(tab.part("drop-state")).to_have_text("open")


async def test_messages_sent_twice_are_shown_once(headcount: Headcount, device: Device) -> None:
    """Every message arrives twice, as from a queue that delivers twice."""

    async def twice(page: WebSocketRoute) -> None:
        def send_twice(text: str | bytes) -> None:
            page.send(text)
            page.send(text)

        page.connect_to_server().on_message(send_twice)

    laptop = await device()
    await laptop.route_web_socket(SOCKET, twice)
    tab = await Tab.open(laptop, headcount, "Val", "twice")
    await tab.page.evaluate(RECORD)
    await tab.drop_bonus("Only one", stock=7)
    await tab.offers("Only one")
    await expect(tab.bonus("Only one")).to_have_count(1)
    await tab.claim("Only one")
    await tab.has_claimed("Only one")
    assert await tab.page.evaluate("announced") == [
        "A bonus: Only one",
        "Only one: Claimed",
    ]


async def test_a_session_is_shown_beside_the_total_time(
    headcount: Headcount, device: Device
) -> None:
    """And all times have the same format."""
    tab = await Tab.open(await device(), headcount, "Wil", "all")
    await tab.counts_past(0)
    await expect(tab.part("session-time")).not_to_have_text("0:00:00")
    moment = r"\d\d:\d\d:\d\d"
    await expect(tab.part("times-note")).to_contain_text(re.compile(f"since {moment},"))
    await expect(tab.part("online-user")).to_contain_text(re.compile(f"since {moment},"))
    await expect(tab.part("sessions").locator("td").first).to_have_text(re.compile(f"^{moment}$"))


RECORD = """() => {
    window.announced = [];
    const place = document.getElementById("announce");
    new MutationObserver(() => announced.push(place.textContent)).observe(place, {childList: true});
}"""


def forgive(problems: list[str], expected: str) -> None:
    """Remove an expected problem: the console reports every failed request."""
    problems[:] = [problem for problem in problems if expected not in problem]
