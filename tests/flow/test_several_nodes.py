"""The whole system behind two gateway nodes, as `NODES=2 make run` starts it."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from websockets.exceptions import ConnectionClosed

from bench.support.gateways import command
from tests.support.browser import Browser, ask, hear, hello
from tests.support.processes import descendants
from tests.support.system import Headcount, running
from tests.support.waiting import until, until_answered
from wsgate.model.ids import node_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.asyncio.client import ClientConnection

NODES = 2
TABS = 12
"""Of one user. That all come to one node happens once in two thousand times: `tabs` tries again."""


@pytest.fixture(scope="module")
def headcount(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Headcount]:
    with running(tmp_path_factory.mktemp("nodes"), NODES=str(NODES)) as system:
        yield system


async def tabs(browser: Browser) -> dict[str, ClientConnection]:
    """Tabs of one user on every node, by connection id; each has said hello."""
    found: dict[str, ClientConnection] = {}
    while len(found) < TABS or len({node_of(each) for each in found}) < NODES:
        tab = await browser.tab()
        found[(await hello(tab))["connection_id"]] = tab
    return found


async def fresh_requests(browser: Browser, path: str) -> list[Any]:
    """The same request on connections of their own, so that each node is asked."""
    return [await browser.api("GET", path) for _ in range(TABS)]


async def test_what_one_tab_does_reaches_those_on_the_other_node(browser: Browser) -> None:
    found = await tabs(browser)
    one, *others = found.values()
    acted = await ask(one, {"action": "act", "id": "a1", "type": "like", "body": {"n": 1}})
    told = [await hear(tab) for tab in others]
    assert [each["event"] for each in told] == [acted["event"]] * len(others)


async def test_a_bonus_reaches_every_tab(browser: Browser) -> None:
    found = await tabs(browser)
    audience = {"kind": "users", "user_ids": [browser.user_id]}
    order = {"reward": {"text": "5 coins"}, "audience": audience, "window_seconds": 60}
    bonus = await browser.api("POST", "/bonuses", order)
    offers = [await hear(tab) for tab in found.values()]
    assert {each["event"]["body"]["bonus_id"] for each in offers} == {bonus["bonus_id"]}


async def test_each_node_serves_the_api_and_the_console(browser: Browser) -> None:
    found = await tabs(browser)
    answers_of_api = await fresh_requests(browser, f"/sessions?user_id={browser.user_id}")
    assert all(each["online"] for each in answers_of_api)
    for view in await fresh_requests(browser, "/_wsgate/look"):
        assert view["about"]["nodes"] == NODES
        assert found.keys() <= {each["id"] for each in view["connections"]["shown"]}


@pytest.mark.slow
async def test_a_killed_node_takes_only_its_own_connections_and_the_sweep_ends_them(
    headcount: Headcount,
) -> None:
    """One user has tabs on both nodes, another only on the node that dies."""
    async with AsyncExitStack() as stack:
        both, alone = Browser(headcount, stack), Browser(headcount, stack)
        found = await tabs(both)
        victim, lonely = 0, await alone.tab()
        while node_of(left := (await hello(lonely))["connection_id"]) != victim:
            await lonely.close()
            alone = Browser(headcount, stack)
            lonely = await alone.tab()
        before = nodes_of(headcount)
        os.kill(min(before), signal.SIGKILL)  # they were started in their order
        lost = {each for each, tab in found.items() if not await answers(tab)}
        assert {node_of(each) for each in lost} == {victim}
        assert not await answers(lonely)
        await until(lambda: len(nodes_of(headcount) - before) == 1)

        await age(alone, left)
        functions = boto3.Session("local", "local", region_name="us-east-1").client(
            "lambda", endpoint_url=headcount.base_url
        )

        async def is_swept() -> bool:
            await asyncio.to_thread(functions.invoke, FunctionName="SweepFunction", Payload=b"{}")
            row = await session(alone)
            return bool(row["ended_by"] == "swept")

        await until_answered(is_swept)
        assert (await session(both))["ended_by"] is None
        later = await tabs(Browser(headcount, stack))
        assert victim in {node_of(each) for each in later}


def nodes_of(headcount: Headcount) -> set[int]:
    """The processes of the gateway's nodes."""
    return {pid for pid in descendants(headcount.pid) if "wsgate.node.process" in command(pid)}


async def answers(tab: ClientConnection) -> bool:
    try:
        await ask(tab, {"action": "ping"})
    except ConnectionClosed:
        return False
    return True


async def age(browser: Browser, connection_id: str) -> None:
    """Let the user's only connection be an hour old: the sweep asks about no younger one."""
    node = browser.headcount.websocket_url.removeprefix("ws://")
    await browser.rows(
        "update watching_times set joined_at = joined_at - interval '1 hour',"
        " seen_at = seen_at - interval '1 hour', nodes = with_connection('{}', $2, $3,"
        "  jsonb_build_object('at', extract(epoch from now() - interval '1 hour')))"
        " where user_id = $1",
        browser.user_id,
        node,
        connection_id,
    )


async def session(browser: Browser) -> dict[str, Any]:
    (row,) = await browser.rows("select * from sessions where user_id = $1", browser.user_id)
    return row
