"""A WebSocket client that costs next to nothing, so that a benchmark measures the gateway.

It knows what a gateway sends: a 101, unmasked frames, a ping, a close frame. Its own frames carry a
mask of zeros, which leaves the payload as it is (RFC 6455, section 5.3, asks for a random one; the
cost of taking it off is the same for the server).
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable

_KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455, section 1.3
_SHORT, _MEDIUM = 126, 65536
_TEXT, _CLOSE, _PING, _PONG = 0x81, 0x88, 0x89, 0x8A
_MESSAGES = (_TEXT, _TEXT | 0x40)  # the second one is compressed: RFC 7692, section 6
_HEAD = 2
_BIND_ADDRESS_NO_PORT = 24  # IP_BIND_ADDRESS_NO_PORT of ip(7); Python 3.11 has no name for it


class Refused(Exception):
    """The handshake ended with another status than 101."""


class Client(asyncio.Protocol):
    """One connection. `heard(client, payload)` gets each message; a compressed one as it came."""

    __slots__ = ("_head", "_heard", "_rest", "closed_at", "is_closed", "opened", "transport")

    def __init__(self, head: bytes, heard: Callable[[Client, bytes], None]) -> None:
        self.transport: asyncio.Transport
        self._head, self._heard, self._rest = head, heard, b""
        self.opened: asyncio.Future[None] | None = asyncio.get_running_loop().create_future()
        self.is_closed = False
        self.closed_at = 0.0
        """When the connection was lost, in seconds since the epoch."""

    def say(self, frame: bytes) -> None:
        self.transport.write(frame)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self._head)

    def data_received(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        if self.opened is not None:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._rest = data
                return
            self._open(data[:end])
            data = data[end + 4 :]
        self._rest = self._frames(data) if data else b""

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_closed = True
        self.closed_at = time.time()
        if self.opened is not None and not self.opened.done():
            self.opened.set_exception(Refused(f"connection lost: {exc}"))

    def _open(self, head: bytes) -> None:
        opened, self.opened = self.opened, None
        if opened is None or opened.done():
            return
        if head.startswith(b"HTTP/1.1 101"):
            opened.set_result(None)
        else:
            opened.set_exception(Refused(head.partition(b"\r\n")[0].decode("latin-1")))

    def _frames(self, data: bytes) -> bytes:
        at, end = 0, len(data)
        while end - at >= _HEAD:
            start, size = _payload(data, at)
            if start + size > end:
                break
            if data[at] in _MESSAGES:
                self._heard(self, data[start : start + size])
            elif data[at] == _PING:
                self.say(struct.pack("!BB4x", _PONG, 0x80 | size) + data[start : start + size])
            elif data[at] == _CLOSE:
                self.transport.close()
            at = start + size
        return data[at:]


def _payload(data: bytes, at: int) -> tuple[int, int]:
    """Where the payload of the frame at `at` begins, and its size; more than there is, if cut."""
    size = data[at + 1]
    if size < _SHORT:
        return at + _HEAD, size
    shape, width = ("!H", 2) if size == _SHORT else ("!Q", 8)
    if len(data) - at - _HEAD < width:
        return at, len(data) + 1
    return at + _HEAD + width, struct.unpack_from(shape, data, at + _HEAD)[0]


def text_frame(text: str) -> bytes:
    """A text message of a client, as one frame."""
    payload = text.encode()
    size = len(payload)
    if size < _SHORT:
        head = struct.pack("!BB", _TEXT, 0x80 | size)
    elif size < _MEDIUM:
        head = struct.pack("!BBH", _TEXT, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", _TEXT, 0x80 | 127, size)
    return head + bytes(4) + payload


def close_frame(code: int) -> bytes:
    """The goodbye of a client: 1000 if it left, 4000 if it comes back."""
    return struct.pack("!BBI", _CLOSE, 0x80 | 2, 0) + struct.pack("!H", code)


CLOSE_FRAME = close_frame(1000)


def ignore(client: Client, payload: bytes) -> None:
    """Take no notice."""


async def connect(
    port: int,
    path: str,
    heard: Callable[[Client, bytes], None] = ignore,
    *,
    extensions: str | None = None,
    source: str | None = None,
) -> Client:
    """Open a connection; `source` is the loopback address it comes from. Raises Refused."""
    head = handshake(path, f"127.0.0.1:{port}", extensions)
    sock = await dial(port, source)
    _, client = await asyncio.get_running_loop().create_connection(
        lambda: Client(head, heard), sock=sock
    )
    opened = client.opened
    if opened is not None:
        await opened
    return client


def handshake(path: str, host: str, extensions: str | None = None) -> bytes:
    """The request that opens a connection."""
    offer = f"Sec-WebSocket-Extensions: {extensions}\r\n" if extensions else ""
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {_KEY}\r\nSec-WebSocket-Version: 13\r\n"
        f"User-Agent: bench/1\r\n{offer}\r\n"
    ).encode()


async def dial(port: int, source: str | None = None) -> socket.socket:
    """Reach a port of 127.0.0.1, from the loopback address `source`. Raises OSError."""
    sock = socket.socket()
    try:
        sock.setblocking(False)
        if source is not None:
            # The port is chosen when both ends are known: else each takes a search through all.
            sock.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
            sock.bind((source, 0))
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    except BaseException:
        sock.close()
        raise
    return sock
