"""One connection. Only what is received proves that it works."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Protocol

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

if TYPE_CHECKING:
    from collections.abc import Callable

# In seconds. After a request nothing came for so long: ask. Then nothing: it is dead.
ASK_AFTER = 5.0
ANSWER_WITHIN = 5.0
PING_EVERY = 240.0
# A ping that was not answered though the line works.
FORGOTTEN_AFTER = 10.0
# Close codes. The server waits for a client that comes back as for all that lost their line, and
# for one that left for its grace alone.
LEFT = 1000
COMES_BACK = 4000


class LineClosed(Exception):
    """The other side closed the connection, or the network did."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason or f"the connection closed ({code})")
        self.code = code


class Socket(Protocol):
    """What the client needs of a WebSocket. `recv` raises LineClosed."""

    async def send(self, text: str) -> None: ...
    async def recv(self) -> str | bytes: ...
    async def close(self, code: int) -> None: ...


class _WebSocket:
    def __init__(self, websocket: Any) -> None:
        self._websocket = websocket

    async def send(self, text: str) -> None:
        try:
            await self._websocket.send(text)
        except ConnectionClosed as closed:
            raise _closed(closed) from closed

    async def recv(self) -> str | bytes:
        try:
            received: str | bytes = await self._websocket.recv()
        except ConnectionClosed as closed:
            raise _closed(closed) from closed
        return received

    async def close(self, code: int) -> None:
        await self._websocket.close(code)


async def dial(url: str) -> Socket:
    """Open a WebSocket. Raises OSError, TimeoutError or websockets.InvalidHandshake."""
    # The client's own pings reach the server's functions; the protocol's would not.
    return _WebSocket(await connect(url, ping_interval=None, max_size=None, close_timeout=1))


def _closed(closed: ConnectionClosed) -> LineClosed:
    frame = closed.rcvd
    return LineClosed(frame.code, frame.reason) if frame else LineClosed(1006, "")


class Line:
    """Sends and receives messages, asks when it is quiet, and ends when it is dead."""

    def __init__(self, socket: Socket, received: Callable[[dict[str, Any]], None]) -> None:
        self._socket = socket
        self._received = received
        self._loop = asyncio.get_running_loop()
        self._outgoing: asyncio.Queue[str] = asyncio.Queue()
        self._ping_every = PING_EVERY
        self._timer: asyncio.TimerHandle | None = None
        self._is_expecting = False
        self._asked: list[float] = []
        self._ended: asyncio.Future[LineClosed] = self._loop.create_future()

    def send(self, message: dict[str, Any]) -> None:
        """Send a message, which is something to be answered."""
        if self._ended.done():
            return
        self._outgoing.put_nowait(json.dumps(message, ensure_ascii=True, separators=(",", ":")))
        if not self._is_expecting:
            self._is_expecting = True
            self._after(ASK_AFTER, self.ask)

    def ping_every(self, seconds: float) -> None:
        """Ask when nothing was received for so long."""
        self._ping_every = seconds
        self._proved()

    def end(self, code: int, reason: str) -> None:
        """End it; `run` returns."""
        if not self._ended.done():
            self._ended.set_result(LineClosed(code, reason))

    def ask(self) -> None:
        """Send a ping. Without an answer the line is dead."""
        self._is_expecting = True
        now = self._loop.time()
        self._asked = [*(one for one in self._asked if now - one < FORGOTTEN_AFTER), now]
        self._outgoing.put_nowait('{"action":"ping"}')
        self._after(ANSWER_WITHIN, lambda: self.end(COMES_BACK, "the server does not answer"))

    @property
    def asked_at(self) -> float | None:
        """When the ping was sent that a pong answers; None: more than one is under way."""
        return self._asked[0] if len(self._asked) == 1 else None

    async def run(self) -> LineClosed:
        """Send and receive until it ends. Return how."""
        tasks = [self._loop.create_task(self._write()), self._loop.create_task(self._read())]
        try:
            self._proved()
            await asyncio.wait([self._ended])
        finally:
            if self._timer:
                self._timer.cancel()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return self._ended.result()

    async def close(self, code: int) -> None:
        """Close the socket. A dead one may take a second."""
        await self._socket.close(code)

    async def _write(self) -> None:
        try:
            while True:
                await self._socket.send(await self._outgoing.get())
        except LineClosed as closed:
            self.end(closed.code, str(closed))

    async def _read(self) -> None:
        try:
            while True:
                frame = await self._socket.recv()
                self._proved()
                if (message := _parsed(frame)) is not None:
                    self._received(message)
                    if message.get("type") == "pong":
                        del self._asked[:1]
        except LineClosed as closed:
            self.end(closed.code, str(closed))

    def _proved(self) -> None:
        self._is_expecting = False
        self._after(self._ping_every, self.ask)

    def _after(self, seconds: float, call: Callable[[], None]) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, call)


def _parsed(frame: str | bytes) -> dict[str, Any] | None:
    """The JSON object in a frame; None if a server sent nonsense."""
    try:
        message = json.loads(frame)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None
