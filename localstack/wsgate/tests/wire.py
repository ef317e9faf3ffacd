"""A WebSocket client of bare bytes: it says what no library would, and shows what comes back.

Nothing of the gateway and nothing of a WebSocket library is used here, so that a test of the
protocol (RFC 6455, RFC 7692) depends on neither.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import itertools
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from waiting import PATIENCE_SECONDS, in_time

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
KEY = base64.b64encode(bytes(range(16))).decode()
ACCEPT = base64.b64encode(
    hashlib.sha1(f"{KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()  # noqa: S324 RFC 6455
).decode()
MASK = b"\xa1\xb2\xc3\xd4"


def frame(  # noqa: PLR0913 a frame has that many parts
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = MASK,
    width: int | None = None,
) -> bytes:
    """A frame's bytes. `width` (0, 2 or 8 bytes of extended length) may be wider than needed."""
    size = len(payload)
    if width is None:
        width = 0 if size < 126 else 2 if size < 1 << 16 else 8
    short = {0: size, 2: 126, 8: 127}[width]
    head = bytes([fin << 7 | rsv << 4 | opcode, (mask is not None) << 7 | short])
    head += size.to_bytes(width, "big") if width else b""
    return head + (payload if mask is None else mask + masked(payload, mask))


def masked(payload: bytes, mask: bytes) -> bytes:
    key = (mask * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(
        len(payload), "big"
    )


def close(code: int | None = None, reason: bytes = b"") -> bytes:
    return frame(CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason)


def upgrade(path: str = "/live", *lines: str, start: str = "GET {} HTTP/1.1") -> bytes:
    """A handshake's bytes; a line here replaces the standard one of the same name."""
    standard = {
        "host": "Host: gateway.localhost",
        "connection": "Connection: Upgrade",
        "upgrade": "Upgrade: websocket",
        "sec-websocket-key": f"Sec-WebSocket-Key: {KEY}",
        "sec-websocket-version": "Sec-WebSocket-Version: 13",
    }
    for line in lines:
        standard.pop(line.partition(":")[0].lower(), None)
    # A line without a value only takes the standard one away.
    said = [*standard.values(), *(line for line in lines if not line.endswith(":"))]
    return "\r\n".join((start.format(path), *said, "", "")).encode("latin-1")


@dataclass(frozen=True)
class Heard:
    """A frame that came."""

    opcode: int
    payload: bytes
    fin: bool = True
    rsv: int = 0


@dataclass(frozen=True)
class Reply:
    """The answer to a handshake."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def __getitem__(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None


@dataclass
class Wire:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    log: list[Heard] = field(default_factory=list)

    def write(self, *pieces: bytes) -> None:
        self.writer.write(b"".join(pieces))

    async def in_pieces(self, data: bytes, size: int = 1) -> None:
        """Send, so that the gateway reads no more than `size` bytes at a time."""
        for at in range(0, len(data), size):
            self.writer.write(data[at : at + size])
            await self.writer.drain()
            await asyncio.sleep(0)

    async def reply(self) -> Reply:
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = await self.reader.readuntil(b"\r\n\r\n")
            start, *lines = head.decode("latin-1").split("\r\n")[:-2]
            pairs = [line.partition(":")[::2] for line in lines]
            headers = tuple((name, value.strip()) for name, value in pairs)
            reply = Reply(int(start.split()[1]), headers, b"")
            body = await self.reader.readexactly(int(reply["content-length"] or 0))
        return Reply(reply.status, headers, body)

    async def frame(self) -> Heard:
        """The next frame; a server never masks, and so nothing else is understood here."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            first, second = await self.reader.readexactly(2)
            assert second < 128, "a server must not mask"
            width = {126: 2, 127: 8}.get(second, 0)
            size = int.from_bytes(await self.reader.readexactly(width), "big") if width else second
            payload = await self.reader.readexactly(size)
        heard = Heard(first & 15, payload, first >= 128, first >> 4 & 7)
        self.log.append(heard)
        return heard

    async def text(self) -> str:
        """The next text message, whole; control frames in between are kept in `log`."""
        parts, opcode = [], None
        while True:
            heard = await self.frame()
            if heard.opcode >= CLOSE:
                assert heard.opcode != CLOSE, heard
                continue
            assert heard.rsv == 0
            opcode = heard.opcode if opcode is None else opcode
            parts.append(heard.payload)
            if heard.fin:
                assert opcode == TEXT
                return b"".join(parts).decode()

    async def ending(self) -> tuple[int | None, str]:
        """The close frame's code and reason, or (None, "") when the socket ends without one."""
        try:
            while (heard := await self.frame()).opcode != CLOSE:
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            return None, ""
        code = int.from_bytes(heard.payload[:2], "big") if heard.payload else 1005
        return code, heard.payload[2:].decode()

    async def end(self) -> bytes:
        """What comes until the gateway ends its side of the socket."""
        with contextlib.suppress(ConnectionError):
            return await in_time(self.reader.read())
        return b""


@contextlib.asynccontextmanager
async def dialed(port: int) -> AsyncIterator[Wire]:
    """A socket on which nothing was said yet."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def opened(port: int, *lines: str, path: str = "/live") -> AsyncIterator[Wire]:
    """A connection that is open."""
    async with dialed(port) as wire:
        wire.write(upgrade(path, *lines))
        reply = await wire.reply()
        assert reply.status == 101, reply
        yield wire


class Deflate:
    """permessage-deflate of the client's side, by hand (RFC 7692, section 7.2)."""

    def __init__(
        self,
        *,
        window: int = 15,
        takeover: bool = True,
        their_window: int = 15,
        their_takeover: bool = True,
    ) -> None:
        self._window, self._takeover = window, takeover
        self._their_window, self._their_takeover = their_window, their_takeover
        self._out = zlib.compressobj(wbits=-window)
        self._in = zlib.decompressobj(wbits=-their_window)

    def deflate(self, payload: bytes) -> bytes:
        if not self._takeover:
            self._out = zlib.compressobj(wbits=-self._window)
        data = self._out.compress(payload) + self._out.flush(zlib.Z_SYNC_FLUSH)
        return data.removesuffix(b"\x00\x00\xff\xff")

    def inflate(self, payload: bytes) -> bytes:
        if not self._their_takeover:
            self._in = zlib.decompressobj(wbits=-self._their_window)
        return self._in.decompress(payload + b"\x00\x00\xff\xff")

    def frames(self, payload: bytes, sizes: tuple[int, ...] = ()) -> bytes:
        """A compressed text message, cut after so many bytes."""
        data = self.deflate(payload)
        cuts = [0, *[cut for cut in sizes if cut < len(data)], len(data)]
        parts = [data[a:b] for a, b in itertools.pairwise(cuts)]
        return b"".join(
            frame(
                CONT if index else TEXT,
                part,
                fin=index == len(parts) - 1,
                rsv=0 if index else 4,
            )
            for index, part in enumerate(parts)
        )

    async def text(self, wire: Wire) -> str:
        """The next text message of the gateway, compressed or not."""
        parts: list[Heard] = []
        while not (parts and parts[-1].fin):
            heard = await wire.frame()
            if heard.opcode < CLOSE:
                parts.append(heard)
        data = b"".join(part.payload for part in parts)
        return (self.inflate(data) if parts[0].rsv == 4 else data).decode()


def fragments(first: bytes, *rest: bytes) -> list[bytes]:
    frames = [frame(TEXT, first, fin=not rest)]
    for left, piece in zip(range(len(rest) - 1, -1, -1), rest, strict=True):
        frames.append(frame(CONT, piece, fin=left == 0))
    return frames
