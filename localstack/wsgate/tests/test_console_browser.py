"""The page at /_wsgate in a real browser, with third-party clients."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from gateways import PONG, Functions, allow, function, plan, running, websocket_api
from waiting import in_time, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from playwright.async_api import BrowserContext, Locator, Page

    from gateways import Running
    from wsgate.model.plan import FunctionIntegration, Integration

    Device = Callable[[], Awaitable[BrowserContext]]

pytestmark = pytest.mark.asyncio(loop_scope="session")

SAID = '{"action":"echo","text":"<b>no markup</b> ä"}'


def functions() -> Functions:
    return Functions(
        connect=lambda _: {"statusCode": 200},
        disconnect=lambda _: {"statusCode": 200},
        echo=lambda event: {"statusCode": 200, "body": event.get("body", "")},
        authorize=lambda _: allow({"user": "ann"}),
    )


@asynccontextmanager
async def gateway(
    invoker: Functions, http: Mapping[str, FunctionIntegration] | None = None
) -> AsyncIterator[Running]:
    """Ann may connect; `echo` answers, `ping` is MOCK."""
    routes: dict[str, Integration] = {
        "$connect": function("connect"),
        "$disconnect": function("disconnect"),
        "echo": function("echo"),
        "ping": PONG,
    }
    api = websocket_api(routes, two_way={"echo", "ping"}, sources=())
    async with running(plan(api, http), invoker) as node:
        yield node


@asynccontextmanager
async def opened(
    device: Device,
    invoker: Functions | None = None,
    http: Mapping[str, FunctionIntegration] | None = None,
) -> AsyncIterator[tuple[Running, Page]]:
    """A gateway and its page, which is closed first: it would complain of the silence."""
    context = await device()
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    async with gateway(invoker or functions(), http) as node:
        page = await context.new_page()
        await page.goto(f"{node.http}/_wsgate")
        await expect(page.locator("#link")).to_have_text("live")
        yield node, page
        await page.close()


def events(page: Page, route: str) -> Locator:
    """The lines of this route."""
    route_cell = page.locator(".route", has_text=route)
    return page.locator("#event-list > li:not([hidden])").filter(has=route_cell)


async def copied(page: Page) -> str:
    text: str = await page.evaluate("navigator.clipboard.readText()")
    return text


async def test_a_connection_from_its_beginning_to_its_end(device: Device) -> None:
    async with opened(device) as (node, page):
        connections = page.locator("#connections > li")
        await expect(page.locator("#connections-none")).to_be_visible()
        async with connect(node.url, user_agent_header="example-client/1.0") as client:
            await expect(connections).to_have_count(1)
            await expect(page.locator("#figure-connections")).to_have_text("1")
            await expect(connections).to_contain_text("ann")
            await connections.locator(".connection").click()
            await expect(connections).to_contain_text("example-client/1.0")

            await connections.locator("textarea").fill("hello from the page")
            await connections.get_by_role("button", name="Send").click()
            assert await in_time(client.recv()) == "hello from the page"
            await expect(page.locator("#toast")).to_have_text("Sent")
            await expect(events(page, "page send")).to_have_count(1)
            await expect(connections.locator(".traffic")).to_have_text("↑0 ↓1")

            await connections.get_by_role("button", name="Close").click()
            with pytest.raises(ConnectionClosed) as caught:
                await in_time(client.recv())
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1000
        await expect(connections).to_have_count(0)
        await expect(events(page, "$disconnect")).to_contain_text("1000")


async def test_an_event_is_read_and_copied_as_a_fixture(device: Device) -> None:
    invoker = functions()
    async with opened(device, invoker) as (node, page), connect(node.url) as client:
        await client.send(SAID)
        await client.recv()
        line = events(page, "echo")
        await expect(line).to_have_count(1)
        await line.locator(".quick").click()
        await expect(page.locator("#toast")).to_have_text("Copied the event of echo")
        fixture = await copied(page)
        [got] = invoker.events("echo")
        assert json.loads(fixture) == got
        assert fixture == json.dumps(got, indent=2, ensure_ascii=False) + "\n"

        await line.locator(".event").click()
        await expect(line.locator("pre").first).to_contain_text('"routeKey": "echo"')
        await expect(line.locator("pre").last).to_contain_text("<b>no markup</b> ä")
        await line.get_by_role("button", name="Copy as fixture").click()
        assert await copied(page) == fixture


async def test_events_are_filtered_and_paused_by_keyboard(device: Device) -> None:
    async with (
        opened(device) as (node, page),
        connect(node.url) as one,
        connect(node.url) as other,
    ):
        for client in (one, other):
            await client.send('{"action":"ping"}')
            await client.recv()
        await expect(events(page, "ping")).to_have_count(2)
        await page.keyboard.press("/")
        await page.keyboard.type("ping")
        await expect(page.locator("#event-list > li:not([hidden])")).to_have_count(2)
        await expect(page.locator("#events-count")).to_have_text("2 of 6")
        await page.keyboard.press("Escape")
        await expect(page.locator("#events-count")).to_have_text("6")

        first = page.locator("#connections > li").first
        await first.locator(".connection").press("Enter")
        await first.get_by_role("button", name="Its events").press("Enter")
        await expect(events(page, "ping")).to_have_count(1)
        await page.keyboard.press("Escape")

        await page.keyboard.press("p")
        await expect(page.locator("#link")).to_have_text("paused")
        await one.send('{"action":"ping"}')
        await expect(page.locator("#pause")).to_have_text("Resume, 1 new")
        await expect(events(page, "ping")).to_have_count(2)
        await page.keyboard.press("p")
        await expect(events(page, "ping")).to_have_count(3)


async def test_events_are_filtered_by_kind_and_user_and_said_again(device: Device) -> None:
    async with opened(device) as (node, page), connect(node.url) as client:
        shown = page.locator("#event-list > li:not([hidden])")
        await client.send(SAID)
        await client.recv()
        await expect(events(page, "echo")).to_have_count(1)
        await page.get_by_label("Kind of events").select_option("connections")
        await expect(events(page, "echo")).to_have_count(0)
        await expect(events(page, "$connect")).to_have_count(1)
        await page.get_by_label("Kind of events").select_option("messages")
        await page.locator("#filter").fill("ann")
        await expect(shown).to_have_count(1)
        await page.locator("#filter").fill("eve")
        await expect(shown).to_have_count(0)
        await page.locator("#filter").fill("")
        await events(page, "echo").locator(".event").click()
        await events(page, "echo").get_by_role("button", name="Say again").click()
        assert await in_time(client.recv()) == SAID
        await expect(events(page, "echo")).to_have_count(2)


async def test_a_message_is_saved_and_said_in_the_place_of_the_client(device: Device) -> None:
    async with opened(device) as (node, page), connect(node.url) as client:
        connection = page.locator("#connections > li")
        await connection.locator(".connection").click()
        await connection.locator("textarea").fill('{"action":"ping"}')
        await connection.get_by_role("button", name="Save").click()
        await page.reload()
        await connection.locator(".connection").click()
        await connection.get_by_label("Saved messages").select_option('{"action":"ping"}')
        await connection.get_by_role("button", name="Say as client").click()
        assert json.loads(await in_time(client.recv()))["type"] == "pong"


async def test_requests_that_look_again_and_again_are_one_line(device: Device) -> None:
    async with opened(device, http={"$default": function("echo")}) as (node, page):
        for _ in range(3):
            await page.request.get(f"{node.http}/online")
        await expect(events(page, "GET /online")).to_have_count(1)
        await expect(events(page, "GET /online").locator(".times")).to_have_text("\u00d73")


async def test_faults_are_set_as_they_describe_themselves(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[bool] = []
    async with opened(device) as (node, page):
        monkeypatch.setattr(node.node, "kill", lambda: killed.append(True))
        faults = node.node.faults
        await expect(page.locator("#faults-count")).to_have_text("what may go wrong on purpose")
        await page.locator("#faults-card summary").click()
        await page.get_by_label("disconnect_lost").fill("0.25")
        await page.get_by_label("disconnect_late").fill("1.5")
        await page.get_by_label("disconnect_late").blur()
        await expect(page.locator("#faults-count")).to_have_text("2 on")
        await expect(page.locator("#faults output").first).to_have_text("25 %")
        assert faults.changed() == {"disconnect_lost": 0.25, "disconnect_late": 1.5}
        await page.get_by_role("button", name="Do it: node_kill").click()
        await until(lambda: killed)
        await page.get_by_label("disconnect_late").fill("901")
        await page.get_by_label("disconnect_late").blur()
        await expect(page.locator("#toast")).to_contain_text("must be from 0 to 900")
        await expect(page.get_by_label("disconnect_late")).to_have_value("1.5")


async def test_the_page_is_as_wide_as_its_window(device: Device) -> None:
    async with opened(device) as (node, page), connect(node.url) as client:
        await client.send(SAID)
        await events(page, "echo").locator(".event").click()
        await page.locator(".connection").click()
        for width in (320, 700, 900, 1600):
            await page.set_viewport_size({"width": width, "height": 800})
            wide = await page.evaluate("document.documentElement.scrollWidth")
            assert wide == width


async def test_a_gateway_that_ends_is_told_and_one_that_begins_is_shown(
    device: Device, problems: list[str]
) -> None:
    async with opened(device) as (node, page):
        async with connect(node.url):
            await expect(events(page, "$connect")).to_have_count(1)
        path = f"{node.http}/_wsgate/**"
        await page.route(path, lambda route: route.abort())
        await expect(page.locator("#link")).to_have_text("wsgate does not answer")
        await page.unroute(path)
        await expect(page.locator("#link")).to_have_text("live")
        await expect(events(page, "$connect")).to_have_count(1)
    problems.clear()  # the browser's own word for each request that failed
