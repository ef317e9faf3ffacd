"""Connections that listen, for each kind of server, and a process full of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import time
import traceback
import zlib
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import uvloop

from bench.support.clients import CLOSE_FRAME, Client, Refused, connect, text_frame
from wsgate.open_files import raise_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection

BROWSER_OFFER = "permessage-deflate; client_max_window_bits"
_END_OF_MESSAGE = b"\x00\x00\xff\xff"  # RFC 7692, section 7.2.2


class Listener:
    """A connection to a server that sends plain messages, and what came over it.

    `heard(count)` is called with each message: it is the connection's so-and-so-many-th.
    """

    path = "/"
    __slots__ = ("_heard", "client", "payloads")

    def __init__(self, heard: Callable[[int], None]) -> None:
        self._heard = heard
        self.client: Client | None = None
        self.payloads: list[bytes] = []

    async def open(self, port: int, source: str) -> None:
        """Connect as a browser does. Raises Refused or OSError."""
        self.client = await connect(
            port, self.path, self.hear, extensions=BROWSER_OFFER, source=source
        )

    def hear(self, client: Client, payload: bytes) -> None:
        self.payloads.append(payload)
        self._heard(len(self.payloads))

    def leave(self) -> None:
        if self.client is not None and not self.client.is_closed:
            self.client.say(CLOSE_FRAME)
            self.client.transport.close()

    def has_heard(self, texts: Sequence[str]) -> bool:
        """Whether these messages came, in this order, and nothing else."""
        expected = [self.packet(text) for text in texts]
        return self.payloads == expected or self.inflated() == b"".join(expected)

    def packet(self, text: str) -> bytes:
        """A message as the server puts it on the wire."""
        return text.encode()

    def inflated(self) -> bytes | None:
        """The messages of a compressed connection, all in one; None if they are not compressed."""
        return _inflated(self.payloads)


class SocketIoListener(Listener):
    """A connection to Socket.IO: its packets begin with digits.

    https://socket.io/docs/v4/socket-io-protocol/ (read on 2026-11-29)
    """

    path = "/socket.io/?EIO=4&transport=websocket"
    __slots__ = ("_joined",)

    async def open(self, port: int, source: str) -> None:
        """Connect, and join the main namespace: only then does the server send to it."""
        self._joined = asyncio.get_running_loop().create_future()
        await super().open(port, source)
        await self._joined

    def hear(self, client: Client, payload: bytes) -> None:
        if payload.startswith(b"42"):
            super().hear(client, payload)
        elif payload.startswith(b"40"):
            self._joined.set_result(None)
        elif payload.startswith(b"0"):
            client.say(text_frame("40"))
        elif payload == b"2":
            client.say(text_frame("3"))

    def packet(self, text: str) -> bytes:
        packed = json.dumps(["message", text], separators=(",", ":"), ensure_ascii=False)
        return b"42" + packed.encode()


class GatewayListener(Listener):
    """A connection to wsgate, which is reached by its id: the refusal of a message tells it."""

    path = "/live?ticket=ann"
    __slots__ = ("_refusal",)

    async def learn_id(self) -> str:
        assert self.client is not None
        self._refusal: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.client.say(text_frame("{}"))
        refusal = await self._refusal
        connection_id: str = json.loads(_inflated([refusal]) or refusal)["connectionId"]
        return connection_id

    def hear(self, client: Client, payload: bytes) -> None:
        if self._refusal.done():
            super().hear(client, payload)
        else:
            self._refusal.set_result(payload)

    def inflated(self) -> bytes | None:
        """As above; what is compressed may refer to the refusal before it."""
        refusal = self._refusal.result()
        every = _inflated([refusal, *self.payloads])
        return every and every.removeprefix(_inflated([refusal]) or b"")


KINDS: dict[str, type[Listener]] = {
    "plain": Listener,
    "socketio": SocketIoListener,
    "wsgate": GatewayListener,
}


def _inflated(payloads: Sequence[bytes]) -> bytes | None:
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    with contextlib.suppress(zlib.error):
        return b"".join(inflate.decompress(each + _END_OF_MESSAGE) for each in payloads)
    return None


@dataclass(frozen=True)
class Opened:
    """How it went to open many connections."""

    began: float
    """By the clock that all processes of a machine share, in seconds."""
    ended: float
    latencies_ms: list[float]
    refused: int


class Room:
    """The listeners of a process. Each public method is an order that the parent may give."""

    def __init__(self, port: int, source: str, kind: str) -> None:
        self._port, self._source, self._kind = port, source, KINDS[kind]
        self._listeners: list[Listener] = []
        self._moments: defaultdict[int, list[float]] = defaultdict(list)

    async def open(self, many: int, at_once: int) -> Opened:
        """Open so many, a few at a time."""
        gate = asyncio.Semaphore(at_once)

        async def one() -> float | None:
            async with gate:
                return await self._connect()

        began = time.monotonic()
        latencies = await asyncio.gather(*(one() for _ in range(many)))
        return _opened(began, latencies)

    async def open_at(self, per_second: float, seconds: float, stay_seconds: float) -> Opened:
        """Open at a rate, however long each takes; each leaves after a while."""

        async def visit(after: float) -> float | None:
            await asyncio.sleep(after)
            latency = await self._connect()
            await asyncio.sleep(stay_seconds)
            return latency

        began = time.monotonic()
        many = round(per_second * seconds)
        latencies = await asyncio.gather(*(visit(n / per_second) for n in range(many)))
        await self.leave()
        return _opened(began, latencies)

    async def learn_ids(self) -> list[str]:
        """The connection ids; wsgate's listeners have some."""
        return [
            await listener.learn_id()
            for listener in self._listeners
            if isinstance(listener, GatewayListener)
        ]

    async def moments(self, count: int, timeout_seconds: float) -> list[float]:
        """When each has heard its so-and-so-many-th message; those that have not are missing."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                while len(self._moments[count]) < len(self._listeners):  # noqa: ASYNC110  # thousands of clients, no event for all
                    await asyncio.sleep(0.01)
        return self._moments[count]

    async def wrong(self, texts: list[str]) -> int:
        """How many have not heard exactly these messages."""
        return sum(not listener.has_heard(texts) for listener in self._listeners)

    async def leave(self) -> None:
        for listener in self._listeners:
            listener.leave()
        self._listeners.clear()
        await asyncio.sleep(0)

    async def _connect(self) -> float | None:
        listener, began = self._kind(self._hear), time.monotonic()
        try:
            await listener.open(self._port, self._source)
        except (Refused, OSError):
            return None
        self._listeners.append(listener)
        return (time.monotonic() - began) * 1000

    def _hear(self, count: int) -> None:
        self._moments[count].append(time.monotonic())


def _opened(began: float, latencies: Sequence[float | None]) -> Opened:
    done = [latency for latency in latencies if latency is not None]
    return Opened(began, time.monotonic(), done, len(latencies) - len(done))


def work(orders: Connection, port: int, source: str, kind: str) -> None:
    """Be a process of listeners: do what the parent orders, until it has gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it
    raise_limit()
    uvloop.run(_obey(orders, Room(port, source, kind)))


async def _obey(orders: Connection, room: Room) -> None:
    while True:
        try:
            order, arguments = await asyncio.to_thread(orders.recv)
        except (EOFError, OSError):
            return
        answer: tuple[str, Any]
        try:
            answer = "done", await getattr(room, order)(*arguments)
        except Exception:  # the parent raises it
            answer = "failed", traceback.format_exc()
        orders.send(answer)
