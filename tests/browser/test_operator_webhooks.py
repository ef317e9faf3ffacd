"""Webhooks on the operator's page: how each does, and how it is tested, switched and sent again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import expect

from tests.browser.operator import Operator, ask, make_key
from tests.support.receiver import receiving
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.async_api import Route

    from tests.browser.tabs import Device
    from tests.support.receiver import Receiver
    from tests.support.system import Headcount


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def webhook(headcount: Headcount, receiver: Receiver) -> Iterator[dict[str, Any]]:
    """A webhook that is told of payouts, of which there are none."""
    order = {"url": f"{receiver.origin}/show", "types": ["bonus.fulfilled"]}
    made = ask("POST", headcount, "/webhooks", order)
    yield made
    ask("DELETE", headcount, f"/webhooks/{made['webhook_id']}")


async def opened(headcount: Headcount, device: Device, *scopes: str) -> Operator:
    key = make_key(headcount, "-".join(("hooks", *scopes)), *scopes)["token"]
    operator = await Operator.open(await device(), headcount, key)
    await operator.turn_to("webhooks")
    return operator


@pytest.mark.usefixtures("webhook")
async def test_a_webhook_is_tested_switched_off_and_on_and_sent_again(
    headcount: Headcount, device: Device, receiver: Receiver
) -> None:
    receiver.always(500)
    operator = await opened(headcount, device, "read", "webhooks")
    row = operator.row("webhook-rows", receiver.origin)
    await row.get_by_test_id("webhook-test").click()
    await operator.says("webhook-outcome", "A test is on its way")
    delivery = operator.row("deliveries", "webhook.test")
    await expect(delivery).to_contain_text("answered 500")
    await expect(delivery).to_contain_text("waiting")
    await operator.part("deliveries-state").select_option("dead")
    await expect(delivery).to_have_count(0)
    await operator.part("deliveries-state").select_option("")
    await operator.turn_to("live")
    await expect(operator.part("health-errors")).to_contain_text("webhooks, status: 1, last ")
    await operator.turn_to("webhooks")
    await row.get_by_test_id("webhook-switch").click()
    await operator.confirm()
    await operator.says("webhook-outcome", "is off.")
    await expect(row).to_contain_text("off: by order")
    receiver.always(204)
    await row.get_by_test_id("webhook-switch").click()
    await operator.says("webhook-outcome", "is on, and goes on where it was.")
    await expect(delivery).to_contain_text("delivered")
    await operator.part("replay-submit").click()
    await operator.confirm()
    await operator.says("replay-outcome", "Events have the ids that they had.")
    await until(lambda: [one["type"] for one in receiver.events].count("webhook.test") > 2)
    assert len(set(receiver.ids)) == 1
    await operator.turn_to("audit")
    await expect(operator.part("audit-rows")).to_contain_text("replay_webhook")


async def test_a_key_that_may_only_read_sees_deliveries_and_cannot_act(
    headcount: Headcount, device: Device, receiver: Receiver, webhook: dict[str, Any]
) -> None:
    receiver.always(500)
    ask("POST", headcount, f"/webhooks/{webhook['webhook_id']}/test")
    operator = await opened(headcount, device, "read")
    await expect(operator.page.locator("#webhooks .reason")).to_contain_text("“webhooks”")
    row = operator.row("webhook-rows", receiver.origin)
    for order in ("webhook-test", "webhook-switch"):
        await expect(row.get_by_test_id(order)).to_be_disabled()
    await row.get_by_test_id("deliveries-open").click()
    await expect(operator.page.locator("#deliveries-title")).to_be_focused()
    await expect(operator.row("deliveries", "webhook.test")).to_contain_text("answered 500")
    await expect(operator.part("replay-submit")).to_be_disabled()


@pytest.mark.usefixtures("webhook")
async def test_a_test_whose_answer_gets_lost_is_not_said_to_be_sent_once(
    headcount: Headcount, device: Device, receiver: Receiver, problems: list[str]
) -> None:
    operator = await opened(headcount, device, "read", "webhooks")

    async def lose(route: Route) -> None:
        await route.fetch()
        await route.abort()

    await operator.page.route(re.compile("/test$"), lose)
    await operator.row("webhook-rows", receiver.origin).get_by_test_id("webhook-test").click()
    await operator.says("webhook-outcome", "it would be sent once more")
    await until(lambda: len(receiver.ids) == 1)
    problems[:] = [one for one in problems if not one.startswith("Failed to load resource")]
