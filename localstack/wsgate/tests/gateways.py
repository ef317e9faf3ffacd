"""What the gateway's tests share: plans, functions that remember, a machine with its own clock."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from wsgate.core.actions import Accept, Action, Invoke, Note, SendText
from wsgate.core.gateway import Gateway
from wsgate.core.stage import Stage
from wsgate.model.events import Handshake, Place
from wsgate.model.ids import Ids
from wsgate.model.invoke import Invocation, InvokeError, Invoker
from wsgate.model.limits import Limits
from wsgate.model.plan import (
    Authorizer,
    FunctionIntegration,
    HttpApi,
    Integration,
    IntegrationResponse,
    MockIntegration,
    Plan,
    Route,
    WebSocketApi,
)
from wsgate.node.node import Node
from wsgate.node.settings import Settings
from wsgate.transport.http_protocol import HttpProtocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from wsgate.apis.pages import Pages
    from wsgate.core.access import Principal
    from wsgate.core.quotas import Limiter

Event = dict[str, Any]
Function = Callable[[Event], Any]

ARN = "arn:aws:execute-api:eu-west-1:000000000000:a1b2c3d4e5/live/$connect"
T0 = 1_714_484_641_120
SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
TIMEOUT = timedelta(seconds=29)

PONG = MockIntegration(
    "200",
    {"200": '{"statusCode":200}'},
    (
        IntegrationResponse(
            "/200/", "200", {"200": '{"type":"pong","at":$context.requestTimeEpoch}'}
        ),
    ),
    TIMEOUT,
)


def ids() -> Ids:
    """Always the same ones, in the same order."""
    return Ids(Random(7))  # noqa: S311 not a secret


def function(name: str, timeout: timedelta = TIMEOUT) -> FunctionIntegration:
    return FunctionIntegration(name, timeout)


def websocket_api(
    routes: Mapping[str, Integration],
    *,
    two_way: Iterable[str] = (),
    sources: tuple[str, ...] | None = None,
    selection: str = "$request.body.action",
    stage_variables: Mapping[str, str] | None = None,
) -> WebSocketApi:
    """An API on stage `live`; with `sources`, the function `authorize` guards it."""
    return WebSocketApi(
        "a1b2c3d4e5",
        "live",
        selection,
        {key: Route(key, value, key in two_way) for key, value in routes.items()},
        None if sources is None else Authorizer("authorize", sources),
        stage_variables or {},
    )


def plan(
    api: WebSocketApi,
    http: Mapping[str, FunctionIntegration] | None = None,
    *,
    more: tuple[WebSocketApi, ...] = (),
) -> Plan:
    http_api = None if http is None else HttpApi("f6g7h8i9j0", "$default", http)
    return Plan({}, (api, *more), http_api, {}, (), (), "eu-west-1", "000000000000")


def allow(context: Mapping[str, Any] | None = None, resource: str = ARN) -> Event:
    """What an authorizer returns."""
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": resource}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": "ann", "policyDocument": policy, "context": context or {}}


def returned(value: Any) -> Invocation:
    return Invocation(json.dumps(value).encode())


def raised(message: str) -> Invocation:
    failure = {"errorMessage": message, "errorType": "Exception", "stackTrace": []}
    return Invocation(json.dumps(failure).encode(), "Unhandled")


class Functions:
    """An Invoker over Python functions that a test wrote; it remembers every event."""

    def __init__(self, **functions: Function) -> None:
        self._functions = functions
        self.calls: list[tuple[str, Event]] = []
        self.callers: list[tuple[str, str | None]] = []

    async def invoke(self, function: str, payload: bytes, caller: str | None = None) -> Invocation:
        event = json.loads(payload)
        self.calls.append((function, event))
        self.callers.append((function, caller))
        if function not in self._functions:
            raise InvokeError(404, "ResourceNotFoundException", f"Function not found: {function}")
        try:
            value = self._functions[function](event)
            return returned(await value if inspect.isawaitable(value) else value)
        except AssertionError as error:
            return raised(str(error))

    def events(self, name: str) -> list[Event]:
        return [event for called, event in self.calls if called == name]


class Clock:
    """Time, which only moves when a test moves it."""

    def __init__(self) -> None:
        self.now = T0

    def read(self) -> int:
        return self.now


@dataclass
class Machine:
    """A gateway without a socket, and a clock that only the test moves."""

    api: WebSocketApi
    limits: Limits = field(default_factory=Limits)
    now: int = T0
    known: Mapping[str, Principal] = field(default_factory=dict)
    limiter: Limiter | None = None

    def __post_init__(self) -> None:
        place = Place(
            self.api.api_id,
            self.api.stage,
            "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com",
            "eu-west-1",
            "000000000000",
            self.api.stage_variables,
        )
        self.gateway = Gateway(
            [Stage(self.api, place)], ids(), self.limits, self.known, self.limiter
        )

    def handshake(self, query: str = "", **headers: str) -> tuple[str, list[Action]]:
        pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        handshake = Handshake((("Host", "example.org"), *pairs), query, "203.0.113.7")
        connection_id, actions = self.gateway.handshake(handshake, self.now)
        return connection_id, without_notes(actions)

    def connected(self) -> str:
        """A connection that is open: its $connect, if there is one, answered 200."""
        connection_id, actions = self.handshake()
        while isinstance(actions[0], Invoke):
            answer = allow() if actions[0].function == "authorize" else {"statusCode": 200}
            actions = self.answer(actions[0], answer)
        assert actions == [Accept(connection_id, None)]
        return connection_id

    def answer(self, invoke: Action, value: Any) -> list[Action]:
        return self.end(invoke, returned(value))

    def end(self, invoke: Action, invocation: Invocation) -> list[Action]:
        assert isinstance(invoke, Invoke)
        return without_notes(self.gateway.answered(invoke.call, invocation, self.now))

    def fail(self, invoke: Action) -> list[Action]:
        assert isinstance(invoke, Invoke)
        return without_notes(self.gateway.failed(invoke.call, "throttled", self.now))

    def time_out(self, invoke: Action) -> list[Action]:
        assert isinstance(invoke, Invoke)
        return without_notes(self.gateway.timed_out(invoke.call, self.now))

    def say(self, connection_id: str, text: str) -> list[Action]:
        return without_notes(self.gateway.message(connection_id, text, self.now))

    def closed(self, connection_id: str, ending: tuple[int, str] | None = None) -> list[Action]:
        return without_notes(self.gateway.closed(connection_id, ending, self.now))

    def tick(self, at: int) -> list[Action]:
        self.now = at
        return without_notes(self.gateway.tick(at))


def without_notes(actions: list[Action]) -> list[Action]:
    return [action for action in actions if not isinstance(action, Note)]


def event_of(action: Action) -> Event:
    assert isinstance(action, Invoke)
    event: Event = json.loads(action.event)
    return event


def frame_of(action: Action) -> Event:
    assert isinstance(action, SendText)
    frame: Event = json.loads(action.text)
    return frame


@dataclass
class Running:
    """A node that listens."""

    node: Node
    port: int
    log: list[str]

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/live"

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.asynccontextmanager
async def running(
    plan: Plan,
    functions: Invoker,
    *,
    limits: Limits | None = None,
    pages: Pages | None = None,
    clock: Clock | None = None,
    **settings: Any,
) -> AsyncIterator[Running]:
    """A node on a free port, on the test's own loop, ticking as fast as its limits say."""
    log: list[str] = []
    limits = limits or Limits()
    if clock is not None:
        settings["now"] = clock.read
    loop = asyncio.get_running_loop()
    nodes: list[Node] = []
    server = await loop.create_server(lambda: _Served(nodes[0], -1), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    told = Settings(f"127.0.0.1:{port}", limits, pages, log=log.append, **settings)
    node = Node(plan, functions, told)
    nodes.append(node)
    ticking = asyncio.create_task(_tick(node))
    try:
        yield Running(node, port, log)
    finally:
        ticking.cancel()
        server.close()
        node.shut_down()
        await node.emptied(timedelta(seconds=1))
        await node.end(timedelta(seconds=1))


class _Served(HttpProtocol):
    """Of a server of the loop's own, which does not say the descriptor beforehand."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._descriptor = transport.get_extra_info("socket").fileno()
        super().connection_made(transport)


async def _tick(node: Node) -> None:
    while True:
        await asyncio.sleep(node.limits.tick.total_seconds())
        node.tick()
