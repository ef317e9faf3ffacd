"""A socket that speaks WebSocket: bytes in, messages to the node; text in, bytes out.

The protocol is the `websockets` library's sans-IO core (`frames.py`). An idle connection holds no
task, no timer and no protocol object; what is decided about it is decided in `gateway.py`.
"""

from __future__ import annotations

import asyncio
import codecs
import select
from collections import deque
from typing import TYPE_CHECKING, cast
from typing import Protocol as Port

from websockets.frames import Opcode
from websockets.protocol import State

from wsgate.transport.frames import Extensions, Protocol, text_frame
from wsgate.transport.responses import Response, serialize

if TYPE_CHECKING:
    from websockets.frames import Frame
    from websockets.http11 import Response as UpgradeResponse

    from wsgate.model.limits import Limits
    from wsgate.transport.frames import Protocols


class Upgrade:
    """A handshake, looked at: `refusal` is set when it is not WebSocket as RFC 6455 has it."""

    __slots__ = ("descriptor", "early", "extensions", "head", "refusal")

    def __init__(self, answer: bytes | UpgradeResponse, extensions: Extensions) -> None:
        """`answer` is what `Protocols.greet` returns."""
        self.head = answer if isinstance(answer, bytes) else b""
        self.refusal = None if isinstance(answer, bytes) else _refusal(answer)
        self.extensions = extensions
        self.early = b""
        """What the client said before it was answered."""
        self.descriptor = -1
        """The socket's."""


def _refusal(response: UpgradeResponse) -> Response:
    headers = [pair for pair in response.headers.raw_items() if pair[0] in _KEPT]
    return Response(response.status_code, bytes(response.body or b""), tuple(headers))


_CORKED_BYTES = 64 * 1024
_KEPT = frozenset({"Content-Type", "Upgrade", "Allow", "Sec-WebSocket-Version"})


class SocketNode(Port):
    """What a socket tells, and the limits that it keeps."""

    @property
    def limits(self) -> Limits: ...
    @property
    def protocols(self) -> Protocols: ...
    def message(self, socket: Socket, text: str) -> None: ...
    def binary(self, socket: Socket) -> None: ...
    def not_utf8(self, socket: Socket) -> None: ...
    def broken(self, socket: Socket, ending: tuple[int, str]) -> None: ...
    def full(self, socket: Socket) -> None: ...
    def drained(self, socket: Socket) -> None: ...
    def closed(self, socket: Socket, ending: tuple[int, str] | None) -> None: ...


class Socket(asyncio.Protocol):
    """One WebSocket connection's end of the wire."""

    __slots__ = (
        "_cork",
        "_extensions",
        "_held",
        "_in_flight",
        "_in_flight_bytes",
        "_is_full",
        "_node",
        "_partial",
        "_protocol",
        "_transport",
        "_upgrade",
        "connection_id",
    )

    def __init__(
        self, node: SocketNode, transport: asyncio.Transport, upgrade: Upgrade, descriptor: int
    ) -> None:
        self._node, self._transport = node, transport
        upgrade.descriptor = descriptor
        transport.set_write_buffer_limits(high=node.limits.buffer_bytes)
        self._upgrade: Upgrade | None = upgrade
        """Until the handshake is answered."""
        self._extensions = upgrade.extensions
        self._protocol: Protocol | None = None
        """While a message or the closing is under way."""
        self._cork: bytearray | None = None
        """While frames of one read are heard: the answers that are there at once."""
        self._held: deque[Frame] | None = None
        self._partial: _Partial | None = None
        self._in_flight = self._in_flight_bytes = 0
        self._is_full = False
        self.connection_id = ""

    # What the node asks for.

    def accept(self, subprotocol: str | None) -> None:
        """Send 101 and begin; what the client said too early is heard now."""
        upgrade, self._upgrade = self._upgrade, None
        if upgrade is None:
            return
        chosen = f"Sec-WebSocket-Protocol: {subprotocol}\r\n" if subprotocol is not None else ""
        self._transport.write(upgrade.head + chosen.encode("ascii") + b"\r\n")
        if upgrade.early:
            self.data_received(upgrade.early)

    def refuse(self, status: int) -> None:
        self._transport.write(serialize(Response(status), keep_alive=False))
        self._transport.close()

    def send(self, text: str) -> None:
        """Send a text message. A lone half of a surrogate pair becomes a question mark."""
        if self._transport.is_closing():  # answers come late to who is gone
            return
        protocol = self._protocol
        # A close that is decided but not written yet came after what is answered here.
        if protocol is None or protocol.state is State.OPEN or protocol.writes:
            self._write(text_frame(text.encode(errors="replace"), self._extensions))

    def close(self, code: int, reason: str) -> None:
        protocol = self._borrow()
        if protocol.state is State.OPEN:
            protocol.send_close(code, reason)
            self._flush(protocol)

    def drop(self) -> None:
        self._transport.abort()

    @property
    def has_left(self) -> bool:
        """Whether the client has closed its side, with what it sent still unread.

        Linux tells (poll(2), POLLRDHUP). Elsewhere it is found out once all is read. The transport
        is not asked for its socket: it would keep what it answers for as long as it lives.
        """
        if self._transport.is_closing():
            return True
        hang_up = getattr(select, "POLLRDHUP", None)
        if hang_up is None or self._upgrade is None:
            return False
        poll = select.poll()
        poll.register(self._upgrade.descriptor, hang_up)
        return bool(poll.poll(0))

    def invoked(self, size: int) -> None:
        """An invocation for this connection began, with so many bytes."""
        self._in_flight += 1
        self._in_flight_bytes += size
        self._regulate()

    def answered(self, size: int) -> None:
        """One of them ended."""
        self._in_flight -= 1
        self._in_flight_bytes -= size
        self._take()
        self._regulate()

    # What the loop tells.

    def data_received(self, data: bytes) -> None:
        if self._upgrade is not None:
            self._hear_early(self._upgrade, data)
            return
        protocol = self._borrow()
        protocol.receive_data(data)
        if protocol.writes and protocol.state is State.OPEN:
            self._flush(protocol)
        if protocol.events:
            self._cork = bytearray()
            # After the handshake, all events are frames.
            self._hear(cast("list[Frame]", protocol.events_received()))
            self._uncork()
        if protocol.writes:  # the end, by a close or by a mistake: what came before it counts
            self._flush(protocol)
        if protocol.is_at_rest:
            self._protocol = None
            self._node.protocols.take_back(protocol)

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
        close = None if self._protocol is None else self._protocol.close_rcvd
        self._node.closed(self, None if close is None else (int(close.code), close.reason))

    # Frames.

    def _borrow(self) -> Protocol:
        if self._protocol is None:
            self._protocol = self._node.protocols.lend(self._extensions)
        return self._protocol

    def _hear(self, frames: list[Frame]) -> None:
        """One read may bring thousands."""
        if self._held is not None or len(frames) > 1:
            self._held = deque((*(self._held or ()), *frames))
            self._take()
        elif self._is_busy:
            self._held = deque(frames)
        else:
            self._frame(frames[0])

    def _take(self) -> None:
        """Take what came, as long as not too much is under way."""
        while self._held and not self._is_busy:
            self._frame(self._held.popleft())
        self._held = self._held or None  # an empty deque has its size, and most are idle

    @property
    def _is_busy(self) -> bool:
        limits = self._node.limits
        return (
            self._in_flight >= limits.in_flight or self._in_flight_bytes >= limits.in_flight_bytes
        )

    def _frame(self, frame: Frame) -> None:
        opcode = frame.opcode
        if opcode is Opcode.TEXT:
            self._text(frame)
        elif opcode is Opcode.CONT and self._partial is not None:
            self._continue(self._partial, frame)
        elif opcode is Opcode.BINARY:
            self._node.binary(self)

    def _text(self, frame: Frame) -> None:
        if not frame.fin:
            self._partial = _Partial()
            self._continue(self._partial, frame)
            return
        try:
            text = str(frame.data, "utf-8")
        except UnicodeDecodeError:
            self._node.not_utf8(self)
        else:
            self._node.message(self, text)

    def _continue(self, partial: _Partial, frame: Frame) -> None:
        """The protocol bounds the sum of all fragments; what is not UTF-8 ends it at once."""
        try:
            partial.add(frame)
        except UnicodeDecodeError:
            self._partial = None
            self._node.not_utf8(self)
            return
        if frame.fin:
            self._partial = None
            self._node.message(self, partial.text)

    def _hear_early(self, upgrade: Upgrade, data: bytes) -> None:
        """A client that talks before 101 is kept waiting, up to a bound."""
        upgrade.early += data
        if len(upgrade.early) > self._node.limits.head_bytes:
            self._transport.abort()

    def _flush(self, protocol: Protocol) -> None:
        """One read may bring thousands of pings, and their pongs are one write."""
        writes = protocol.data_to_send()
        self._write(b"".join(writes))
        if not writes[-1]:
            self._end(protocol)

    def _write(self, data: bytes) -> None:
        """Answers to the messages of one read are one write: half of an echo's time is writing."""
        if self._cork is None:
            self._transport.write(data)
            self._check_overflow()
            return
        self._cork += data
        if len(self._cork) > _CORKED_BYTES:
            self._uncork()
            self._cork = bytearray()

    def _uncork(self) -> None:
        corked, self._cork = self._cork, None
        if corked and not self._transport.is_closing():
            self._transport.write(corked)
            self._check_overflow()

    def _check_overflow(self) -> None:
        if self._transport.get_write_buffer_size() > self._node.limits.overflow_bytes:
            self._transport.abort()

    def _end(self, protocol: Protocol) -> None:
        """Close after a closing handshake; half-close after an error, so the peer reads why."""
        if protocol.close_rcvd is not None or not self._transport.can_write_eof():
            self._transport.close()
        elif not self._transport.is_closing():
            self._transport.write_eof()
            sent = protocol.close_sent
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


class _Partial:
    """The fragments of a text message so far."""

    __slots__ = ("_decoder", "_parts")

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._parts: list[str] = []

    def add(self, frame: Frame) -> None:
        """Raises UnicodeDecodeError as soon as no continuation can make it UTF-8."""
        part = self._decoder.decode(bytes(frame.data), frame.fin)
        if part:  # of empty fragments there may be any number
            self._parts.append(part)

    @property
    def text(self) -> str:
        return "".join(self._parts)
