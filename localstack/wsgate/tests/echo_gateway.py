"""A gateway that echoes, for the tests that speak the protocol by hand."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

from gateways import Clock, Event, Functions, Running, function, plan, running, websocket_api
from wire import Wire, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from wsgate.model.limits import Limits


def echo(event: Event) -> Event:
    return {"statusCode": 200, "body": event["body"]}


def gateway(
    limits: Limits | None = None, *, clock: Clock | None = None, **functions: Any
) -> tuple[AbstractAsyncContextManager[Running], Functions]:
    """Whatever is said comes back; how a connection ended is remembered."""
    ok = {"statusCode": 200}
    invoker = Functions(
        **{"connect": lambda _: ok, "echo": echo, "disconnect": lambda _: ok, **functions}
    )
    routes = {
        "$connect": function("connect"),
        "$default": function("echo"),
        "$disconnect": function("disconnect"),
    }
    api = websocket_api(routes, two_way={"$default"})
    return running(plan(api), invoker, limits=limits, clock=clock), invoker


@asynccontextmanager
async def talking(*lines: str, limits: Limits | None = None) -> AsyncIterator[Wire]:
    """An open connection to a gateway that echoes."""
    start, _ = gateway(limits)
    async with start as node, opened(node.port, *lines) as wire:
        yield wire
