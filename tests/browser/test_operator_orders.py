"""What an operator orders beside bonuses and news: questions, draws, reveals, campaigns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.async_api import expect

from tests.browser.operator import Operator, ask, make_key
from tests.browser.tabs import Tab

if TYPE_CHECKING:
    from tests.browser.tabs import Device
    from tests.support.system import Headcount

# A client of its own in the viewer's page answers.
ANSWER = """async ([token, question_id]) => {
    const { Headcount } = await import("/client/src/headcount.js");
    const ticket = () => fetch("/tickets", {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ user_id: "Quin", resource: "quiz" }),
    }).then((response) => response.json());
    const headcount = new Headcount({ ticket, shareConnection: false });
    const { outcome } = await headcount.request({ action: "answer", question_id, option: 1 });
    headcount.close();
    return outcome;
}"""


async def test_a_question_is_asked_followed_and_cancelled(
    headcount: Headcount, device: Device
) -> None:
    key = make_key(headcount, "quiz")["token"]
    operator = await Operator.open(await device(), headcount, key)
    await operator.turn_to("questions")
    await operator.part("ask-text").fill("Who scores next?")
    await operator.part("ask-options").fill("Ann\nBen\n")
    await operator.part("ask-correct").select_option(label="Ben")
    await operator.part("ask-seconds").fill("600")
    await operator.part("ask-audience").select_option("resource")
    await operator.part("ask-resource").fill("quiz")
    await operator.part("ask-submit").click()
    await operator.says("ask-outcome", "Asked: “Who scores next?”.")
    row = operator.row("asked", "Who scores next?")
    await expect(row).to_contain_text("Ann: 0 · ✓ Ben: 0")
    asked = ask("GET", headcount, "/questions")["items"][0]
    assert (asked["text"], asked["ordered_by"]) == ("Who scores next?", "quiz")
    viewer = await (await device()).new_page()
    await viewer.goto(headcount.base_url)
    given = await viewer.evaluate(ANSWER, [headcount.service_token, asked["question_id"]])
    assert given == "answered"
    await expect(row).to_contain_text("Ann: 0 · ✓ Ben: 1")
    await row.get_by_test_id("cancel-question").click()
    await operator.confirm()
    await operator.says("asked-outcome", "“Who scores next?” is cancelled.")
    await expect(row).to_contain_text("cancelled")


async def test_winners_are_drawn_among_the_viewers_and_among_claims(
    headcount: Headcount, device: Device, problems: list[str]
) -> None:
    key = make_key(headcount, "draws")["token"]
    viewer = await Tab.open(await device(), headcount, "Drew", "draws")
    operator = await Operator.open(await device(), headcount, key)
    await operator.turn_to("bonuses")
    await operator.part("draw-among").select_option("resource")
    await operator.part("draw-resource").fill("draws")
    await operator.part("draw-reward").fill("The ball")
    await operator.part("draw-submit").click()
    await operator.confirm()
    await operator.says("draw-outcome", "Drawn: 1 of 1 candidate win “The ball”.")
    await expect(operator.part("draw-details")).to_contain_text(re.compile("Seed[0-9a-f]{64}"))
    assert "Drew" in await operator.stores("draw-csv")
    await viewer.offers("The ball")
    await operator.part("draw-among").select_option("claims")
    option = operator.part("draw-bonus").locator("option").filter(has_text="The ball")
    await operator.part("draw-bonus").select_option(await option.get_attribute("value"))
    await operator.part("draw-submit").click()
    await operator.confirm()
    await operator.says("draw-outcome", "can still be claimed")
    problems[:] = [one for one in problems if "409" not in one]


async def test_a_reveal_is_ordered_and_cancelled(headcount: Headcount, device: Device) -> None:
    operator = await Operator.open(await device(), headcount, make_key(headcount, "veil")["token"])
    await operator.turn_to("news")
    await operator.part("reveal-text").fill("The line-up")
    await operator.part("reveal-seconds").fill("600")
    await operator.part("reveal-audience").select_option("resource")
    await operator.part("reveal-resource").fill("veiled")
    await operator.part("reveal-submit").click()
    await operator.says("reveal-outcome", "On its way, sealed: “The line-up”.")
    row = operator.row("reveals", "The line-up")
    await expect(row).to_contain_text("sealed")
    await row.get_by_test_id("reveal-cancel").click()
    await operator.confirm()
    await operator.says("reveal-outcome", "“The line-up” is cancelled.")
    await expect(row).to_contain_text("cancelled")
    await expect(row.get_by_test_id("reveal-cancel")).to_be_disabled()


async def test_a_campaign_is_made(headcount: Headcount, device: Device) -> None:
    operator = await Operator.open(await device(), headcount, make_key(headcount, "camp")["token"])
    await operator.turn_to("campaigns")
    await operator.part("campaign-new").click()
    await operator.part("campaign-resources").fill("camp-a\ncamp-b")
    milestone = operator.part("milestone")
    await milestone.get_by_label("Minutes watched").fill("15")
    await milestone.get_by_label("Reward").fill("A mug")
    await operator.part("campaign-submit").click()
    await operator.says("save-outcome", "Created: the campaign of camp-a, camp-b is running.")
    made = ask("GET", headcount, "/campaigns")["items"][0]
    assert made["resources"] == ["camp-a", "camp-b"]
    assert made["milestones"][0]["watched_seconds"] == 900
    ask("DELETE", headcount, f"/campaigns/{made['campaign_id']}")


async def test_an_edit_keeps_what_the_form_does_not_show(
    headcount: Headcount, device: Device, problems: list[str]
) -> None:
    """A reward of more than a text, and a cool-down."""
    reward = {"text": "A mug", "sku": 7}
    milestone = {"watched_seconds": 900, "reward": reward, "claim_within_seconds": 90}
    order = {
        "resources": ["camp-c"],
        "milestones": [milestone],
        "limits": {"cool_down_seconds": 60},
    }
    before = ask("POST", headcount, "/campaigns", order)
    path = f"/campaigns/{before['campaign_id']}"
    key = make_key(headcount, "editor")["token"]
    operator = await Operator.open(await device(), headcount, key)
    await operator.turn_to("campaigns")
    await operator.row("campaign-rows", "camp-c").get_by_test_id("campaign-edit").click()
    await expect(operator.part("milestone").get_by_label("Minutes to claim")).to_have_value("1.5")
    await operator.part("campaign-ends").fill("2099-01-01T00:00:00")
    await operator.part("campaign-submit").click()
    await operator.says("save-outcome", "Saved: the campaign of camp-c is running.")
    after = ask("GET", headcount, path)
    assert after["ends_at"] is not None
    for name in ("starts_at", "limits", "milestones"):
        assert after[name] == before[name]
    await operator.part("campaign-clock").select_option("visible")
    await operator.part("campaign-submit").click()
    await operator.says("save-outcome", "clock")
    await expect(operator.part("campaign-clock")).to_have_value("visible")
    ask("DELETE", headcount, path)
    problems[:] = [one for one in problems if "409" not in one]
