"""What handlers may expect of the management API: of our tests' fake as of the real client."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from websockets.exceptions import ConnectionClosedOK

from handlers.adapters.gateway.api import GatewayApi
from handlers.adapters.gateway.errors import GatewayRejected, Gone, Undelivered, Unreachable
from handlers.core.operation import Push
from tests.contract.servers import answering, saying
from tests.support.browser import Browser, hear, hello
from tests.support.world import FakeConnections, ample

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from websockets.asyncio.client import ClientConnection

    from tests.support.system import Headcount

NODE = "gateway.example/live"
# Well-formed, and of no connection (localstack/wsgate/docs/aws-behaviour.md §4.2).
UNKNOWN = "AAAAAAAAAgAAAAA="


class Api(Protocol):
    async def post(self, push: Push) -> None: ...
    async def is_open(self, node: str, connection_id: str) -> bool: ...
    async def close(self, node: str, connection_id: str) -> None: ...


@dataclass
class Side:
    """One implementation, a connection that is open, and what that has heard."""

    api: Api
    open_id: str
    tab: ClientConnection | None = None

    async def heard(self) -> Any:
        if self.tab:
            return await hear(self.tab)
        assert isinstance(self.api, FakeConnections)
        return self.api.inbox[-1][1]


@pytest.fixture(params=["fake", "real"])
async def side(request: pytest.FixtureRequest) -> AsyncIterator[Side]:
    if request.param == "fake":
        yield Side(FakeConnections(gone={UNKNOWN}), "open")
        return
    system: Headcount = request.getfixturevalue("headcount")
    async with AsyncExitStack() as stack:
        tab = await Browser(system, stack).tab()
        endpoint = system.websocket_url.replace("ws://", "http://")
        api = await stack.enter_async_context(aclosing(GatewayApi(ample(), endpoint)))
        yield Side(api, (await hello(tab))["connection_id"], tab)


def push(connection_id: str, said: object = None) -> Push:
    return Push("ann", NODE, connection_id, json.dumps(said).encode())


async def test_a_post_reaches_an_open_connection(side: Side) -> None:
    await side.api.post(push(side.open_id, {"message": "hé"}))
    assert await side.heard() == {"message": "hé"}


async def test_a_post_to_an_unknown_connection_is_gone(side: Side) -> None:
    with pytest.raises(Gone):
        await side.api.post(push(UNKNOWN))


async def test_an_open_connection_is_found(side: Side) -> None:
    assert await side.api.is_open(NODE, side.open_id) is True
    assert await side.api.is_open(NODE, UNKNOWN) is False


async def test_a_closed_connection_is_gone_and_cannot_be_closed_twice(side: Side) -> None:
    await side.api.close(NODE, side.open_id)
    assert await side.api.is_open(NODE, side.open_id) is False
    with pytest.raises(Gone):
        await side.api.close(NODE, side.open_id)
    with pytest.raises(Gone):
        await side.api.close(NODE, UNKNOWN)
    if side.tab:
        with pytest.raises(ConnectionClosedOK) as caught:
            await hear(side.tab)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1000


async def test_a_push_to_an_unreachable_gateway_is_undelivered_and_not_gone() -> None:
    async with aclosing(GatewayApi(ample(), "http://127.0.0.1:1/live")) as unreachable:
        with pytest.raises(Unreachable):
            await unreachable.post(push(UNKNOWN))
        with pytest.raises(Unreachable):
            await unreachable.is_open(NODE, UNKNOWN)
        with pytest.raises(Unreachable):
            await unreachable.close(NODE, UNKNOWN)


@pytest.mark.parametrize("status", [400, 403, 429, 500, 502])
async def test_a_gateway_that_answers_any_status_is_reached(status: int) -> None:
    async with (
        answering(saying(status)) as server,
        aclosing(GatewayApi(ample(), server.endpoint)) as api,
    ):
        with pytest.raises(GatewayRejected):
            await api.is_open(NODE, UNKNOWN)


async def test_a_gateway_that_closes_during_tls_is_unreachable() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    node = f"127.0.0.1:{server.sockets[0].getsockname()[1]}/live"
    async with server, aclosing(GatewayApi(ample())) as api:
        with pytest.raises(Unreachable):
            await api.is_open(node, UNKNOWN)


async def test_a_call_that_was_not_sent_does_not_make_the_gateway_unreachable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(Undelivered) as caught:
        await GatewayApi(ample(), "http://127.0.0.1:1/live").is_open(NODE, UNKNOWN)
    assert type(caught.value) is Undelivered
