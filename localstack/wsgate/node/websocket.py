"""A socket that speaks WebSocket: bytes in, messages to the node; text in, bytes out.

The protocol is the `websockets` library's sans-IO core. An idle connection holds no task and no
timer; what is decided about it is decided in `gateway.py`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, cast

from websockets.datastructures import Headers
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import Opcode
from websockets.http11 import Request as UpgradeRequest
from websockets.protocol import State
from websockets.server import ServerProtocol

from wsgate.node.responses import Request, Response, serialize

if TYPE_CHECKING:
    from websockets.frames import Frame
    from websockets.http11 import Response as UpgradeResponse

    from wsgate.limits import Limits
    from wsgate.node.node import Node

# What API Gateway was seen to answer (APIGW.md §2.2). It asks its own side for a window of 12 bits,
# which is also what keeps a compressed connection small here.
DEFLATE = ServerPerMessageDeflateFactory(
    server_max_window_bits=12, compress_settings={"memLevel": 5}
)
_SWITCHING_PROTOCOLS = 101


class Upgrade:
    """A handshake, looked at: `refusal` is set when it is not WebSocket as RFC 6455 has it."""

    def __init__(self, request: Request, limits: Limits, *, compression: bool) -> None:
        self.protocol = ServerProtocol(
            state=State.OPEN,  # it is given the request below, and then starts with frames
            extensions=[DEFLATE] if compression else None,
            max_size=(limits.message_bytes, limits.frame_bytes),
        )
        upgrade = UpgradeRequest(request.path, Headers(request.headers))
        self.response: UpgradeResponse = self.protocol.accept(upgrade)

    @property
    def refusal(self) -> Response | None:
        if self.response.status_code == _SWITCHING_PROTOCOLS:
            return None
        headers = [pair for pair in self.response.headers.raw_items() if pair[0] in _KEPT]
        return Response(self.response.status_code, bytes(self.response.body or b""), tuple(headers))


_KEPT = frozenset({"Content-Type", "Upgrade", "Allow"})


class Socket(asyncio.Protocol):
    """One WebSocket connection's end of the wire."""

    __slots__ = (
        "_early",
        "_held",
        "_in_flight",
        "_is_full",
        "_node",
        "_partial",
        "_protocol",
        "_response",
        "_transport",
        "connection_id",
    )

    def __init__(self, node: Node, transport: asyncio.Transport, upgrade: Upgrade) -> None:
        self._node, self._transport = node, transport
        transport.set_write_buffer_limits(high=node.limits.buffer_bytes)
        self._protocol = upgrade.protocol
        self._response: UpgradeResponse | None = upgrade.response
        self._early: bytes | None = b""
        self._held: deque[Frame] | None = None
        self._partial: bytearray | None = None
        self._in_flight, self._is_full = 0, False
        self.connection_id = ""

    # What the node asks for.

    def accept(self, subprotocol: str | None) -> None:
        """Send 101 and begin; what the client said too early is heard now."""
        response, self._response = self._response, None
        early, self._early = self._early, None
        if response is None:
            return
        if subprotocol is not None:
            response.headers["Sec-WebSocket-Protocol"] = subprotocol
        self._transport.write(response.serialize())
        if early:
            self.data_received(early)

    def refuse(self, status: int) -> None:
        self._transport.write(serialize(Response(status), keep_alive=False))
        self._transport.close()

    def send(self, text: str) -> None:
        """Send a text message. A lone half of a surrogate pair becomes a question mark."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_text(text.encode(errors="replace"))
            self._flush()

    def close(self, code: int, reason: str) -> None:
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code, reason)
            self._flush()

    def drop(self) -> None:
        self._transport.abort()

    def invoked(self, change: int) -> None:
        """An invocation for this connection began (1) or ended (-1)."""
        self._in_flight += change
        if change < 0:
            self._take()
        self._regulate()

    # What the loop tells.

    def data_received(self, data: bytes) -> None:
        if self._early is not None:
            self._hear_early(data)
            return
        self._protocol.receive_data(data)
        self._flush()
        # After the handshake, all events are frames.
        frames = cast("list[Frame]", self._protocol.events_received())
        if frames:
            self._held = deque((*(self._held or ()), *frames))
            self._take()

    def eof_received(self) -> None:
        """Nothing more will come; the transport closes itself."""

    def pause_writing(self) -> None:
        self._is_full = True
        self._node.full(self)
        self._regulate()

    def resume_writing(self) -> None:
        self._is_full = False
        self._node.drained(self)
        self._regulate()

    def connection_lost(self, exc: Exception | None) -> None:
        close = self._protocol.close_rcvd
        self._node.closed(self, None if close is None else (int(close.code), close.reason))

    # Frames.

    def _take(self) -> None:
        """Take what came, as long as not too much is under way: one read may bring thousands."""
        while self._held and not self._is_busy:
            self._frame(self._held.popleft())
        self._held = self._held or None  # an empty deque has its size, and most are idle

    @property
    def _is_busy(self) -> bool:
        return self._in_flight >= self._node.limits.in_flight

    def _frame(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.TEXT if frame.fin:
                self._text(frame.data)
            case Opcode.TEXT:
                self._partial = bytearray(frame.data)
            case Opcode.CONT if self._partial is not None:
                self._continue(self._partial, frame)
            case Opcode.BINARY:
                self._node.binary(self)

    def _continue(self, partial: bytearray, frame: Frame) -> None:
        """The protocol bounds the sum of all fragments."""
        partial += frame.data
        if frame.fin:
            self._partial = None
            self._text(partial)

    def _text(self, data: bytes | bytearray | memoryview) -> None:
        try:
            text = str(data, "utf-8")
        except UnicodeDecodeError:
            self._node.not_utf8(self)
        else:
            self._node.message(self, text)

    def _hear_early(self, data: bytes) -> None:
        """A client that talks before 101 is kept waiting, up to a bound."""
        self._early = (self._early or b"") + data
        if len(self._early) > self._node.limits.head_bytes:
            self._transport.abort()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._end()
        if self._transport.get_write_buffer_size() > self._node.limits.overflow_bytes:
            self._transport.abort()

    def _end(self) -> None:
        """Close after a closing handshake; half-close after an error, so the peer reads why."""
        if self._protocol.close_rcvd is not None or not self._transport.can_write_eof():
            self._transport.close()
        elif not self._transport.is_closing():
            self._transport.write_eof()
            sent = self._protocol.close_sent
            if sent is not None:
                self._node.broken(self, (int(sent.code), sent.reason))

    def _regulate(self) -> None:
        """Read nothing more from a client that does not read, or that has too much under way."""
        if self._transport.is_closing():
            return
        if self._is_full or self._is_busy:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()
