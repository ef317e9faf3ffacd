"""The demo as a viewer sees it: a bonus is always in sight, and each claim says where it is."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.operator import ask
from tests.browser.tabs import LONG, Tab

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.async_api import Route, WebSocketRoute

    from tests.browser.tabs import Device
    from tests.support.system import Headcount

SOCKET = re.compile(r"/live\?")
OVERFLOW = "document.documentElement.scrollWidth - innerWidth"
CROWD, NAMED = 51, 20


@pytest.mark.parametrize("size", [(1440, 900), (390, 844), (320, 568)])
async def test_a_bonus_is_in_sight_wherever_the_page_is_scrolled_to(
    headcount: Headcount, device: Device, size: tuple[int, int]
) -> None:
    width, height = size
    viewers = f"sight-{width}"
    tab = await Tab.open(await device(), headcount, f"Zoe {width}", viewers)
    await tab.page.set_viewport_size({"width": width, "height": height})
    drop(headcount, "A scarf in the colours of the team, of this season", viewers)
    await tab.offers("A scarf")
    claim = tab.bonus("A scarf").get_by_test_id("claim")
    for where in ("0", "document.body.scrollHeight / 2", "document.body.scrollHeight"):
        await tab.page.evaluate(f"scrollTo(0, {where})")
        await expect(claim).to_be_in_viewport(ratio=1)
    assert await tab.page.evaluate(OVERFLOW) <= 0


async def test_the_title_counts_down_while_a_bonus_can_be_claimed(
    headcount: Headcount, device: Device
) -> None:
    tab = await Tab.open(await device(), headcount, "Tim", "title")
    await expect(tab.page).to_have_title("Headcount")
    drop(headcount, "5 coins", "title")
    await expect(tab.page).to_have_title(re.compile("^\\d+:\\d\\d \u2013 5 coins \u2013 "))
    await tab.offers("5 coins")
    await tab.claim("5 coins")
    await tab.has_claimed("5 coins")
    await expect(tab.page).to_have_title("Headcount")


async def test_a_claim_says_that_it_is_under_way_and_its_outcome_has_the_focus(
    headcount: Headcount, device: Device
) -> None:
    """The server is slow to answer."""
    answers: list[Callable[[], None]] = []

    async def slow(page: WebSocketRoute) -> None:
        server = page.connect_to_server()

        def forward(text: str | bytes) -> None:
            if json.loads(text)["action"] == "claim":
                answers.append(lambda: server.send(text))
            else:
                server.send(text)

        page.on_message(forward)

    laptop = await device()
    await laptop.route_web_socket(SOCKET, slow)
    tab = await Tab.open(laptop, headcount, "Cal", "claims")
    drop(headcount, "A ball", "claims")
    await tab.offers("A ball")
    card = tab.bonus("A ball")
    claim, outcome = card.get_by_test_id("claim"), card.get_by_test_id("bonus-outcome")
    await claim.focus()
    await tab.page.keyboard.press("Enter")
    await expect(claim).to_have_text("Claiming…")
    await expect(claim).to_be_disabled()
    await expect(outcome).to_be_focused()
    answers[0]()
    await tab.has_claimed("A ball")
    await expect(outcome).to_have_text("Claimed")
    await expect(outcome).to_be_focused()


async def test_a_claim_without_a_network_is_sent_when_the_viewer_is_back(
    headcount: Headcount, device: Device
) -> None:
    laptop = await device()
    tab = await Tab.open(laptop, headcount, "Cam", "claims-offline")
    drop(headcount, "A cap", "claims-offline")
    await tab.offers("A cap")
    await laptop.set_offline(True)
    await tab.shows_trouble("This device is offline")
    await tab.claim("A cap")
    outcome = tab.bonus("A cap").get_by_test_id("bonus-outcome")
    await expect(outcome).to_have_text("It will be sent when you are back")
    await laptop.set_offline(False)
    await tab.has_claimed("A cap")


async def test_of_a_crowd_twenty_are_named_and_the_page_stays_short(
    headcount: Headcount, device: Device
) -> None:
    people = [
        {"user_id": f"viewer {n}", "resource": "crowded", "joined_at": 1, "connections": 1}
        for n in range(NAMED)
    ]

    async def crowd(page: WebSocketRoute) -> None:
        def enlarge(text: str | bytes) -> None:
            message = json.loads(text)
            if message.get("type") == "audience":
                message |= {"users": CROWD, "list": None}
            page.send(json.dumps(message))

        page.connect_to_server().on_message(enlarge)

    async def online(route: Route) -> None:
        await route.fulfill(json={"items": people, "next": "more"})

    laptop = await device()
    await laptop.route_web_socket(SOCKET, crowd)
    await laptop.route("**/online?*", online)
    tab = await Tab.open(laptop, headcount, "Cy", "crowded")
    await expect(tab.part("online-user")).to_have_count(NAMED)
    await expect(tab.part("online-count")).to_have_text(str(CROWD))
    await expect(tab.part("people-more")).to_have_text(f"and {CROWD - NAMED} more")
    # Half of what it was with a row for each.
    assert await tab.page.evaluate("document.documentElement.scrollHeight") < 2_000


async def test_what_is_not_yet_theirs_says_how_far_they_are(
    headcount: Headcount, device: Device
) -> None:
    milestone = {"watched_seconds": 900, "reward": {"text": "A mug"}, "claim_within_seconds": 60}
    made = ask("POST", headcount, "/campaigns", {"resources": ["far"], "milestones": [milestone]})
    try:
        tab = await Tab.open(await device(), headcount, "Fern", "far")
        drop(headcount, "For the patient", "far", min_watched_seconds=LONG - 1)
        card = tab.bonus("For the patient")
        await expect(card).to_have_attribute("data-phase", "not_yet")
        await expect(card.get_by_test_id("bonus-progress")).to_be_visible()
        await expect(card.get_by_test_id("claim")).to_be_hidden()
        await expect(tab.part("milestone")).to_have_text(re.compile(r"A mug\s+0:00:\d\d of 15 min"))
    finally:
        ask("DELETE", headcount, f"/campaigns/{made['campaign_id']}")


async def test_a_drop_whose_answer_got_lost_is_done_once(
    headcount: Headcount, device: Device, problems: list[str]
) -> None:
    async def lose(route: Route) -> None:
        await route.fetch()
        await route.abort()

    tab = await Tab.open(await device(), headcount, "Ona", "dropped-once")
    await tab.page.route(re.compile("/bonuses$"), lose)
    await tab.drop_bonus("Only one", stock=3)
    await expect(tab.part("drop-problem")).to_contain_text("cannot be reached")
    await expect(tab.part("drop-submit")).to_be_focused()
    await tab.page.unroute(re.compile("/bonuses$"))
    await tab.part("drop-submit").click()
    await expect(tab.part("drop-sent")).to_be_focused()
    await expect(tab.part("drop-sent")).to_have_text("Sent to 1.")
    await expect(tab.bonus("Only one")).to_have_count(1)
    problems[:] = [one for one in problems if "Failed to load resource" not in one]


async def test_the_operators_page_opens_beside_the_demo_with_its_key(
    headcount: Headcount, device: Device
) -> None:
    context = await device()
    tab = await Tab.open(context, headcount, "Opal", "beside")
    async with context.expect_page() as opened:
        await tab.part("operator-link").click()
    operator = await opened.value
    await expect(operator.get_by_test_id("board")).to_be_visible()
    await expect(operator.get_by_test_id("key")).to_be_visible()


async def test_in_forced_colours_a_button_looks_like_one(
    headcount: Headcount, device: Device
) -> None:
    tab = await Tab.open(await device(), headcount, "Flo", "forced")
    await tab.page.emulate_media(forced_colors="active")
    drop(headcount, "Plain to see", "forced")
    await tab.offers("Plain to see")
    claim = tab.bonus("Plain to see").get_by_test_id("claim")
    await expect(claim).to_have_css("border-top-style", "solid")
    await expect(claim).to_have_css("border-top-width", "2px")


def drop(headcount: Headcount, reward: str, resource: str, **more: object) -> None:
    """Drop a bonus for all who watch this resource."""
    audience = {"kind": "resource", "resource": resource}
    bonus = {"reward": {"text": reward}, "window_seconds": LONG, "audience": audience}
    ask("POST", headcount, "/bonuses", bonus | more)
