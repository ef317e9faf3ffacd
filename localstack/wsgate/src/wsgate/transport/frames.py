"""The `websockets` library's sans-IO core, lent to connections with bytes in flight.

A protocol object weighs more than all else that a connection is made of, and between two messages
it holds nothing. So a connection borrows one when something comes in, and gives it back as soon as
it stands between two messages again. The same holds for compression: zlib's state is 40 KB, and
what a connection really needs to keep of it is the text that the client may still refer to.
"""

from __future__ import annotations

import contextlib
import re
import struct
import time
import zlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake, PayloadTooBig
from websockets.extensions.permessage_deflate import (
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)
from websockets.frames import Frame, Opcode
from websockets.http11 import Request as UpgradeRequest
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.streams import StreamReader
from websockets.utils import accept_key

from wsgate.transport.responses import http_date

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from websockets.extensions import Extension
    from websockets.http11 import Response as UpgradeResponse
    from websockets.typing import ExtensionParameter

    from wsgate.model.limits import Limits
    from wsgate.transport.responses import Request

Extensions = list["Extension"]
NO_EXTENSIONS: Extensions = []

# What API Gateway was seen to answer: it asks its own side for a window of 12 bits
# (docs/aws-behaviour.md §2.2).
_SERVER_WINDOW_BITS = 12
_COMPRESSION = {"memLevel": 5}
_VERSION = "13"
_OF_HANDSHAKE = frozenset(
    {
        "upgrade",
        "connection",
        "origin",
        "sec-websocket-key",
        "sec-websocket-version",
        "sec-websocket-protocol",
        "sec-websocket-extensions",
    }
)
_USUAL_CONNECTION = frozenset({"Upgrade", "upgrade", "keep-alive, Upgrade"})
_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")  # 16 bytes in base64
_SPARE = 64
_TEXT_FRAME = 0x81
_BEGINNINGS = frozenset({Opcode.TEXT, Opcode.BINARY})
_DATA = _BEGINNINGS | {Opcode.CONT}
_DEFLATED_MORE = 64
"""What cannot be compressed grows: 5 bytes for each 16 KB or more, and as many at the end."""
_BYTE_LENGTH, _SHORT_LENGTH = 126, 65536


class Protocols:
    """Lends protocol objects, each in the state of a connection that has just been opened."""

    def __init__(self, limits: Limits, *, compression: bool) -> None:
        self._sizes = (limits.message_bytes, limits.frame_bytes)
        self._spare: list[Protocol] = []
        self._handshake_protocol = ServerProtocol(
            state=State.OPEN,  # it is given requests only, and never a frame
            extensions=[_Deflates(_SERVER_WINDOW_BITS)] if compression else None,
        )

    def greet(self, request: Request) -> tuple[bytes | UpgradeResponse, Extensions]:
        """The answer to a handshake as RFC 6455 has it, and the extensions it agrees on.

        It is the head of a 101 without its last line, or a refusal.
        """
        self._handshake_protocol.extensions = NO_EXTENSIONS
        if (usual := _usual_handshake(request)) is not None:
            with contextlib.suppress(InvalidHandshake):  # the library has words for it
                return self._accept_usual(*usual)
        headers = Headers(request.headers)
        upgrade = UpgradeRequest(request.path, headers, request.method, request.version)
        response = self._handshake_protocol.accept(upgrade)
        if response.status_code == HTTPStatus.BAD_REQUEST and _is_of_another_version(request):
            response = _another_version(self._handshake_protocol)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            return response, NO_EXTENSIONS
        head = response.serialize().removesuffix(b"\r\n")
        return head, self._handshake_protocol.extensions or NO_EXTENSIONS

    def _accept_usual(self, key: str, offer: str | None) -> tuple[bytes, Extensions]:
        """Raises InvalidHandshake."""
        answer, extensions = None, NO_EXTENSIONS
        if offer is not None:
            offered = Headers({"Sec-WebSocket-Extensions": offer})
            answer, extensions = self._handshake_protocol.process_extensions(offered)
        agreed = f"Sec-WebSocket-Extensions: {answer}\r\n" if answer else ""
        head = (
            f"HTTP/1.1 101 Switching Protocols\r\nDate: {http_date(int(time.time()))}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept_key(key)}\r\n{agreed}"
        )
        return head.encode("ascii"), extensions or NO_EXTENSIONS

    def lend(self, extensions: Extensions) -> Protocol:
        """Take one for a connection that stands between two messages."""
        protocol = self._spare.pop() if self._spare else Protocol(self._sizes)
        return protocol.lent(extensions)

    def take_back(self, protocol: Protocol) -> None:
        """It must be at rest."""
        if len(self._spare) < _SPARE:
            self._spare.append(protocol)


def _usual_handshake(request: Request) -> tuple[str, str | None] | None:
    """The key and the extensions offered, where each field is there once and as browsers write it.

    All else is left to the library, which takes five times as long.
    """
    said: dict[str, str] = {}
    for name, value in request.headers:
        small = name.lower()
        if small in _OF_HANDSHAKE:
            if small in said:
                return None
            said[small] = value
    key = said.get("sec-websocket-key", "")
    is_usual = (
        said.get("upgrade") == "websocket"
        and said.get("connection") in _USUAL_CONNECTION
        and said.get("sec-websocket-version") == _VERSION
        and "sec-websocket-protocol" not in said
        and _KEY.fullmatch(key) is not None
        and (request.method, request.version) == ("GET", "HTTP/1.1")
    )
    return (key, said.get("sec-websocket-extensions")) if is_usual else None


def _is_of_another_version(request: Request) -> bool:
    return request.fields.get("sec-websocket-version") != _VERSION


def _another_version(handshake: ServerProtocol) -> UpgradeResponse:
    """Say which one is spoken here (RFC 6455, sections 4.2.2 and 4.4)."""
    text = f"This server speaks version {_VERSION} of the WebSocket protocol.\n"
    response = handshake.reject(HTTPStatus.UPGRADE_REQUIRED, text)
    response.headers["Upgrade"] = "websocket"
    response.headers["Sec-WebSocket-Version"] = _VERSION
    return response


class Protocol(ServerProtocol):
    """One end of an open connection that knows when it holds nothing of it."""

    def __init__(self, sizes: tuple[int, int]) -> None:
        self._message_bytes, self._frame_bytes = sizes
        super().__init__(state=State.OPEN, max_size=None)
        self._reader = _Reader()
        self.reader = self._reader
        self.parser = self.parse()
        next(self.parser)

    def lent(self, extensions: Extensions) -> Protocol:
        """Serve a connection with these extensions."""
        self.extensions = extensions
        self.max_fragment_size = self._frame_bytes + (_DEFLATED_MORE if extensions else 0)
        return self

    def recv_frame(self, frame: Frame) -> None:
        """A close may come between two fragments: the message is over as well (section 5.4)."""
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None
        elif frame.opcode in _DATA:
            self._measure(len(frame.data), self.current_size or 0)
        super().recv_frame(frame)

    def _measure(self, size: int, before: int) -> None:
        """Hold data to the limits (docs/aws-behaviour.md §9.1) as the client wrote it.

        The library takes the room that is left in a message for the limit of whatever comes next:
        of a ping between two fragments, and of an empty fragment that compression makes a byte of.
        """
        if size > self._frame_bytes:
            raise PayloadTooBig(size, self._frame_bytes)
        if before + size > self._message_bytes:
            raise PayloadTooBig(size, self._message_bytes - before)  # it adds what came before

    @property
    def is_at_rest(self) -> bool:
        """True between two messages, with nothing to send and no close under way."""
        return (
            self._reader.is_between_frames
            and self.current_size is None
            and self._state is State.OPEN
            and not self.writes
            and not self.events
        )


class _Reader(StreamReader):
    """The parser asks for the end of the stream between two frames, and nowhere else."""

    is_between_frames = False

    def at_eof(self) -> Generator[None, None, bool]:
        while not self.buffer and not self.eof:
            self.is_between_frames = True
            yield
        self.is_between_frames = False
        return not self.buffer


def text_frame(data: bytes, extensions: Extensions) -> bytes:
    """A text message as one frame of a server (RFC 6455, section 5.2).

    Without extensions it is a header and the data. Written here for speed: every reply is one, and
    the library's general way takes four times as long.
    """
    if extensions:
        return Frame(Opcode.TEXT, data).serialize(mask=False, extensions=extensions)
    size = len(data)
    if size < _BYTE_LENGTH:
        return bytes((_TEXT_FRAME, size)) + data
    if size < _SHORT_LENGTH:
        return struct.pack("!BBH", _TEXT_FRAME, 126, size) + data
    return struct.pack("!BBQ", _TEXT_FRAME, 127, size) + data


class _Deflates(ServerPerMessageDeflateFactory):
    """Negotiates as the library does."""

    def __init__(self, window_bits: int) -> None:
        super().__init__(server_max_window_bits=window_bits, compress_settings=_COMPRESSION)

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], PerMessageDeflate]:
        agreed, usual = super().process_request_params(params, accepted_extensions)
        return agreed, _Deflate(usual)


class _Deflate(PerMessageDeflate):
    """permessage-deflate that keeps no zlib state between two messages (RFC 7692, section 7.2).

    Compressing, each message stands for itself: a server may always do so, whatever was agreed.
    Decompressing, zlib starts each message with the text that came last, which is all that its
    state amounts to where a message ends.
    """

    def __init__(self, usual: PerMessageDeflate) -> None:
        self._keeps_window = not usual.remote_no_context_takeover
        self._window = b""
        super().__init__(
            remote_no_context_takeover=True,
            local_no_context_takeover=True,
            remote_max_window_bits=usual.remote_max_window_bits,
            local_max_window_bits=usual.local_max_window_bits,
            compress_settings=usual.compress_settings,
        )
        # The decoder is made below, where its window is known.
        self.remote_no_context_takeover = False

    def decode(self, frame: Frame, *, max_size: int | None = None) -> Frame:
        begins = frame.rsv1 and frame.opcode in _BEGINNINGS
        if begins:
            self.decoder = zlib.decompressobj(-self.remote_max_window_bits, self._window)
        is_ours = begins or (frame.opcode is Opcode.CONT and self.decode_cont_data)
        decoded = super().decode(frame, max_size=max_size)
        if is_ours:
            self._remember(decoded)
        return decoded

    def _remember(self, frame: Frame) -> None:
        if self._keeps_window:
            size = 1 << self.remote_max_window_bits
            self._window = (self._window + bytes(frame.data))[-size:]
        if frame.fin:
            del self.decoder

    decoder: Any
    """There only while a compressed message is under way."""
