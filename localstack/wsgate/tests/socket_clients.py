"""A gateway with a few routes, and clients of it that are not ours."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateways import PONG, Clock, Event, Functions, Running, function, plan, running, websocket_api
from waiting import in_time

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from types_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient
    from types_boto3_lambda import LambdaClient

    from wsgate.model.limits import Limits
    from wsgate.model.plan import Integration

FUNCTION_ROUTES: dict[str, Integration] = {
    "$connect": function("connect"),
    "$disconnect": function("disconnect"),
    "echo": function("echo"),
    "ping": PONG,
}


def ok(event: Event) -> Event:
    return {"statusCode": 200}


def echo(event: Event) -> Event:
    return {"statusCode": 200, "body": event["body"]}


def gateway(
    limits: Limits | None = None, *, clock: Clock | None = None, **functions: Any
) -> tuple[Any, Functions]:
    """An API with $connect, $disconnect, echo and ping, ready to run."""
    invoker = Functions(**{"connect": ok, "disconnect": ok, "echo": echo, **functions})
    api = websocket_api(FUNCTION_ROUTES, two_way={"echo", "ping"})
    return running(
        plan(api, {"$default": function("web")}), invoker, limits=limits, clock=clock
    ), invoker


def management(node: Running, stage: str = "live") -> ApiGatewayManagementApiClient:
    """The SDK as a handler would build it, without retries."""
    return boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=f"{node.http}/{stage}",
        region_name="eu-west-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 not a secret
        config=Config(retries={"total_max_attempts": 1}),
    )


def functions_client(node: Running) -> LambdaClient:
    return boto3.client(
        "lambda",
        endpoint_url=node.http,
        region_name="eu-west-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 not a secret
    )


async def id_of(client: ClientConnection) -> str:
    """Return a connection's id: the Forbidden frame names it."""
    await client.send("{}")
    connection_id: str = json.loads(await client.recv())["connectionId"]
    return connection_id


async def closed(client: ClientConnection) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as caught:
        while True:
            await in_time(client.recv())
    received = caught.value.rcvd
    assert received is not None
    return received.code, received.reason


def gated(
    answer: Callable[[Event], Event],
) -> tuple[asyncio.Event, Callable[[Event], Awaitable[Event]]]:
    """A gate, and a function that answers when it is open."""
    gate = asyncio.Event()

    async def slow(event: Event) -> Event:
        await gate.wait()
        return answer(event)

    return gate, slow


async def refused(url: str, **options: Any) -> int:
    with pytest.raises(InvalidStatus) as caught:
        async with connect(url, **options):
            pass
    return caught.value.response.status_code


async def get(node: Running, path: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    response = await reader.read()
    writer.close()
    await writer.wait_closed()
    return response.partition(b"\r\n\r\n")[2]
