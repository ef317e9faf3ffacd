"""What a client sees when a function fails, and that the gateway keeps running."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gateways import Running, function, plan, running, websocket_api
from runners import APP, descriptors
from waiting import in_time, pause, until
from wsgate.functions.environments import Environments
from wsgate.functions.memory import is_enforced
from wsgate.model.plan import Function

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# docs/aws-behaviour.md §2.1: a handler that raises or a Lambda that crashes is 502; §6: later it is
# this frame. Lambda's own time-out ends the invocation with a function error, as a crash does.
BAD = ["raise", "exit 0", "exit 1", "_exit", "abort", "kill", "time"]
BAD += ["memory"] if is_enforced() else []
GOOD = ["well", "with a thread", "with a flood"]


class Gateway:
    """A node with real processes behind it."""

    def __init__(self, node: Running, environments: Environments) -> None:
        self.node, self.environments = node, environments

    async def status(self, how: str) -> int:
        try:
            async with connect(f"{self.node.url}?how={quote(how)}"):
                return 101
        except InvalidStatus as refused:
            return refused.response.status_code

    def processes(self) -> int:
        return sum(len(pool._alive) for pool in self.environments._pools.values())


@asynccontextmanager
async def gateway(handler: str = "ends.handler", **changes: Any) -> AsyncIterator[Gateway]:
    """One function that is $connect and the route `do`, with one process at most."""
    limit = timedelta(seconds=1)
    one = Function("ends", APP, handler, limit, 128, {}, **changes)
    environments = Environments({"ends": one}, log=lambda *_: None, concurrency=1)
    routes = {"$connect": function("ends"), "do": function("ends")}
    async with running(plan(websocket_api(routes, two_way={"do"})), environments) as node:
        yield Gateway(node, environments)
        await environments.close()


async def said(client: Any, how: str) -> str:
    await client.send(json.dumps({"action": "do", "how": how}))
    return str(await in_time(client.recv()))


@pytest.mark.parametrize("how", BAD)
async def test_a_bad_end_is_502_at_connect_and_the_next_is_served(how: str) -> None:
    async with gateway() as at:
        assert [await at.status(how), await at.status("well")] == [502, 101]


@pytest.mark.parametrize("how", BAD)
async def test_a_bad_end_is_an_error_frame_and_the_connection_stays(how: str) -> None:
    async with gateway() as at, connect(f"{at.node.url}?how=well") as client:
        frame = json.loads(await said(client, how))
        assert frame.keys() == {"message", "connectionId", "requestId"}
        assert frame["message"] == "Internal server error"
        assert (await said(client, "well")).isdecimal()


@pytest.mark.parametrize("how", GOOD)
async def test_what_is_left_behind_does_not_disturb_the_next_call(how: str) -> None:
    async with gateway() as at, connect(f"{at.node.url}?how=well") as client:
        assert await said(client, how) == await said(client, how)


@pytest.mark.parametrize(
    "handler", ["absent.handler", "functions.absent", "explodes.handler", "quits.handler"]
)
async def test_a_function_that_cannot_start_is_502(handler: str) -> None:
    async with gateway(handler) as at:
        assert [await at.status("well") for _ in range(2)] == [502, 502]


async def test_no_reserved_concurrency_is_500() -> None:
    """The function never ran: docs/aws-behaviour.md §2.1, §6."""
    async with gateway(reserved=0) as at:
        assert await at.status("well") == 500


async def test_what_waited_behind_a_crash_is_served_and_nothing_is_left() -> None:
    async with gateway() as at, connect(f"{at.node.url}?how=well") as client:
        before = descriptors()
        for how in ("kill", "well", "exit 1", "well", "raise", "well"):
            await client.send(json.dumps({"action": "do", "how": how}))
        answers = [str(await in_time(client.recv())) for _ in range(6)]
        assert sum(answer.isdecimal() for answer in answers) == 3
        assert sum("Internal server error" in answer for answer in answers) == 3
        await until(lambda: at.processes() == 1)
        assert descriptors() == before


async def test_handshakes_at_a_function_that_dies_at_its_start_start_no_storm() -> None:
    async with gateway("quits.handler") as at:
        most, calls = 0, [asyncio.ensure_future(at.status("well")) for _ in range(10)]
        while not all(call.done() for call in calls):
            most = max(most, at.processes())
            await pause()
        assert {call.result() for call in calls} == {502}
        assert most <= 1
