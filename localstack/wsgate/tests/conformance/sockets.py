"""A world with sockets: a running gateway, and third-party clients.

The gateway's clock is the case's; functions are given 29 seconds of it, or what the case says.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from conformance.vocabulary import Answered, Attempt, Client, Setup, World
from gateways import Clock, Running, plan, running, websocket_api
from waiting import PATIENCE_SECONDS, in_time, until
from wire import dialed
from wsgate.model.limits import millis
from wsgate.model.plan import FunctionIntegration

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import timedelta

    from websockets.typing import Subprotocol

    from wire import Reply
    from wsgate.model.invoke import Invocation
    from wsgate.model.plan import Integration

HERE = Path(__file__).parent
A_MOMENT = 0.03
"""How long a client listens to be sure that nothing comes; an echo through it comes in a tenth."""


class SocketWorld(World):
    """`dialer` is the client library."""

    def __init__(self, setup: Setup, node: Running, dialer: Dialer, clock: Clock) -> None:
        super().__init__(setup)
        self.node, self._dialer, self._clock = node, dialer, clock

    async def invoke(self, function: str, payload: bytes, caller: str | None = None) -> Invocation:
        event = json.loads(payload)
        self.calls.append((function, event))
        if function in self._held:
            await self._held[function].wait()
        return await self._answer(function, event)

    async def dial(
        self,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        subprotocols: tuple[str, ...] = (),
        path: str | None = None,
    ) -> Attempt:
        url = f"ws://127.0.0.1:{self.node.port}{path or '/live'}"
        url = f"{url}?{query}" if query else url
        opening = asyncio.ensure_future(self._dialer(url, dict(headers or {}), subprotocols))
        return SocketAttempt(self, opening)

    async def manage(
        self, method: str, connection_id: str, body: bytes = b"", path: str | None = None
    ) -> Answered:
        path = path or f"/live/@connections/{connection_id.replace('=', '%3D')}"
        async with dialed(self.node.port) as wire:
            head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            wire.write(head.encode(), body)
            reply = await wire.reply()
        return Answered(reply.status, reply["x-amzn-ErrorType"], reply.body)

    async def sdk(self, method: str, connection_id: str, body: bytes = b"") -> tuple[int, str]:
        client = boto3.client(
            "apigatewaymanagementapi",
            endpoint_url=f"{self.node.http}/live",
            region_name="eu-west-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 not a secret
            config=Config(retries={"total_max_attempts": 1}),
        )
        calls: dict[str, Callable[[], Any]] = {
            "POST": lambda: client.post_to_connection(ConnectionId=connection_id, Data=body),
            "GET": lambda: client.get_connection(ConnectionId=connection_id),
            "DELETE": lambda: client.delete_connection(ConnectionId=connection_id),
        }
        try:
            answer = await asyncio.to_thread(calls[method])
        except ClientError as error:
            answer = cast("dict[str, Any]", error.response)
        status = answer["ResponseMetadata"]["HTTPStatusCode"]
        return status, answer.get("Error", {}).get("Code", "")

    async def raw(self, request: bytes) -> Reply:
        async with dialed(self.node.port) as wire:
            wire.write(request)
            return await wire.reply()

    async def advance(self, span: timedelta) -> None:
        self._clock.now += millis(span)
        self.node.node.tick()
        if self._held and self.setup.timeout.total_seconds() < 1:
            await asyncio.sleep(self.setup.timeout.total_seconds())

    @property
    def now(self) -> int:
        return self._clock.now

    async def until(self, condition: Callable[[], Any]) -> None:
        await until(condition)


@dataclass
class SocketAttempt:
    world: SocketWorld
    opening: asyncio.Future[Client | int]

    @property
    def is_answered(self) -> bool:
        return self.opening.done()

    async def opened(self) -> Client:
        client = await in_time(self.opening)
        assert not isinstance(client, int), client
        told = self.world.events("connect") or [{"requestContext": {"connectionId": ""}}]
        client.id = told[-1]["requestContext"]["connectionId"]
        return client

    async def refused(self) -> int:
        status = await in_time(self.opening)
        assert isinstance(status, int), "it was opened"
        return status

    async def give_up(self) -> None:
        self.opening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.opening


Dialer = Callable[[str, dict[str, str], tuple[str, ...]], Awaitable[Client | int]]


class Library(Protocol):
    """Clients that offer permessage-deflate, or do not."""

    def __call__(self, *, compression: bool) -> contextlib.AbstractAsyncContextManager[Dialer]: ...


@contextlib.asynccontextmanager
async def world(setup: Setup, library: Library, *, compression: bool) -> AsyncIterator[SocketWorld]:
    """A gateway that runs, and the clients of one library; all is ended with it."""
    routes = {key: _in_time(value, setup.timeout) for key, value in setup.routes.items()}
    api = websocket_api(
        routes,
        two_way=setup.two_way,
        sources=setup.sources,
        selection=setup.selection,
        stage_variables=setup.stage_variables,
    )
    worlds: list[SocketWorld] = []
    clock = Clock()

    async with (
        library(compression=compression) as dialer,
        running(
            plan(setup.make(api)),
            _Functions(worlds),
            limits=setup.limits,
            quotas=setup.quotas,
            clock=clock,
        ) as node,
    ):
        worlds.append(SocketWorld(setup, node, dialer, clock))
        yield worlds[0]


class _Functions:
    """The world is made after the gateway that it is about."""

    def __init__(self, worlds: list[SocketWorld]) -> None:
        self._worlds = worlds

    async def invoke(self, function: str, payload: bytes, caller: str | None = None) -> Invocation:
        return await self._worlds[0].invoke(function, payload)


def _in_time(integration: Integration, timeout: timedelta) -> Integration:
    if isinstance(integration, FunctionIntegration):
        return replace(integration, timeout=min(timeout, integration.timeout))
    return integration


# The `websockets` library.


@dataclass
class PythonClient:
    connection: ClientConnection
    subprotocol: str | None
    id: str = ""

    async def say(self, text: str) -> None:
        await self.connection.send(text)

    async def say_bytes(self, text: str) -> None:
        await self.connection.send(text.encode())

    async def say_fragments(self, texts: list[str]) -> None:
        await self.connection.send(texts)

    async def ping(self) -> None:
        await in_time(await self.connection.ping())

    async def hear(self) -> str:
        text = await in_time(self.connection.recv())
        assert isinstance(text, str)
        return text

    async def hears_nothing(self) -> None:
        try:
            text = await asyncio.wait_for(self.connection.recv(), A_MOMENT)
        except TimeoutError:
            return
        raise AssertionError(text)

    async def close(self, code: int | None = None, reason: str = "") -> None:
        if code is None:
            self.connection.transport.write(Frame(Opcode.CLOSE, b"").serialize(mask=True))
            await self.connection.wait_closed()
        else:
            await self.connection.close(code, reason)

    async def lose(self) -> None:
        self.connection.transport.abort()

    async def ending(self) -> tuple[int, str]:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    await self.connection.recv()
        except ConnectionClosed as closed:
            assert closed.rcvd is not None
            return closed.rcvd.code, closed.rcvd.reason


@contextlib.asynccontextmanager
async def python_clients(*, compression: bool) -> AsyncIterator[Dialer]:
    clients: list[ClientConnection] = []

    async def dial(
        url: str, headers: dict[str, str], subprotocols: tuple[str, ...]
    ) -> Client | int:
        try:
            client = await connect(
                url,
                additional_headers=headers,
                user_agent_header=None,
                subprotocols=cast("list[Subprotocol]", list(subprotocols)) or None,
                compression="deflate" if compression else None,
                ping_interval=None,
                process_exception=lambda error: error,
            )
        except InvalidStatus as refusal:
            return refusal.response.status_code
        clients.append(client)
        return PythonClient(client, client.subprotocol)

    try:
        yield dial
    finally:
        for client in clients:
            client.transport.abort()


# The `ws` package, in a node process that all tests share.


@dataclass
class NodeClient:
    order: Callable[..., None]
    loop: asyncio.AbstractEventLoop
    subprotocol: str | None = None
    id: str = ""
    happened: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    closed: tuple[int, str] | None = None

    def take(self, event: dict[str, Any]) -> None:
        if event["event"] == "close":
            self.closed = (event["code"], event["reason"])
        self.happened.put_nowait(event)

    async def next(self, *kinds: str) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (event := await self.happened.get())["event"] not in kinds:
                pass
        return event

    async def say(self, text: str) -> None:
        self.order("say", text=text)

    async def say_bytes(self, text: str) -> None:
        self.order("bytes", text=text)

    async def say_fragments(self, texts: list[str]) -> None:
        self.order("fragments", texts=texts)

    async def ping(self) -> None:
        self.order("ping", text="?")
        assert (await self.next("pong"))["text"] == "?"

    async def hear(self) -> str:
        event = await self.next("message")
        assert not event["isBinary"]
        text: str = event["text"]
        return text

    async def hears_nothing(self) -> None:
        await asyncio.sleep(A_MOMENT)
        assert self.happened.empty()

    async def close(self, code: int | None = None, reason: str = "") -> None:
        self.order("close", code=code, reason=reason)

    async def lose(self) -> None:
        self.order("lose")

    async def ending(self) -> tuple[int, str]:
        await until(lambda: self.closed)
        assert self.closed is not None
        return self.closed


class NodeProcess:
    """`client.mjs`; a thread reads what it tells, as each test has a loop of its own."""

    def __init__(self, program: str) -> None:
        self._compression = False
        self._process = subprocess.Popen(
            [program, str(HERE / "client.mjs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._clients: dict[int, NodeClient] = {}
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def end(self) -> None:
        with self._process:
            self._process.kill()
        self._reading.join()

    def client(self) -> NodeClient:
        number = len(self._clients)
        order = partial(self._order, number)
        self._clients[number] = NodeClient(order, asyncio.get_running_loop())
        return self._clients[number]

    async def dial(
        self, url: str, headers: dict[str, str], subprotocols: tuple[str, ...]
    ) -> Client | int:
        client, protocols = self.client(), list(subprotocols)
        compression = self._compression
        client.order("open", url=url, headers=headers, protocols=protocols, compression=compression)
        try:
            event = await client.next("open", "refused", "error")
        except asyncio.CancelledError:
            await client.lose()
            raise
        if event["event"] == "refused":
            status: int = event["status"]
            return status
        assert event["event"] == "open", event
        client.subprotocol = event["protocol"] or None
        return client

    @contextlib.asynccontextmanager
    async def dialer(self, *, compression: bool) -> AsyncIterator[Dialer]:
        before, self._compression = len(self._clients), compression
        try:
            yield self.dial
        finally:
            for number in range(before, len(self._clients)):
                self._order(number, "lose")

    def _order(self, number: int, op: str, **what: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps({'op': op, 'id': number, **what})}\n")
        self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event = json.loads(line)
            client = self._clients[event["id"]]
            with contextlib.suppress(RuntimeError):  # the test is over, and its loop closed
                client.loop.call_soon_threadsafe(client.take, event)
