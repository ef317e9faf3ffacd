"""TLS on a connection that has begun: a transport for the protocol above, on the one below.

It is the standard library's `ssl.SSLObject` between two buffers. What is not for it passes through:
addresses, buffer limits, and the calls that hold a writer back.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from pathlib import Path

RECORD: Final = b"\x16"
"""How a TLS connection begins, and HTTP cannot: a handshake record (RFC 8446, section 5.1)."""
_READ_BYTES: Final = 64 * 1024


def server_context(certificate: Path) -> ssl.SSLContext:
    """Speak TLS 1.2 and 1.3, as API Gateway does, with a key and its chain.

    docs/aws-behaviour.md §1.3.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # costs the server much and the client little
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(certificate)
    return context


class TlsTransport(asyncio.Transport, asyncio.Protocol):
    """Between a socket's transport, whose protocol it becomes, and the protocol it serves."""

    def __init__(
        self, below: asyncio.Transport, above: asyncio.Protocol, context: ssl.SSLContext
    ) -> None:
        super().__init__()
        self._below, self._above = below, above
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._is_ready, self._is_paused, self._is_closing = False, False, False
        self._has_ended, self._is_kept = False, False
        below.set_protocol(self)

    # What the socket's transport tells.

    def data_received(self, data: bytes) -> None:
        """Take in encrypted bytes, and hand on what they say."""
        self._incoming.write(data)
        self._advance()

    def eof_received(self) -> bool:
        """Nothing more will come. The protocol above says whether it has an answer to give."""
        if self._is_ready:
            self._end_reading()
        return self._is_kept

    def pause_writing(self) -> None:
        """The client does not read."""
        self._above.pause_writing()

    def resume_writing(self) -> None:
        """It does again."""
        self._above.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        self._is_closing = True
        self._above.connection_lost(exc)

    # What the protocol above asks for.

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and send."""
        if self._is_closing:
            return
        rest = memoryview(data).cast("B")
        try:
            while rest:
                rest = rest[self._tls.write(rest) :]
        except ssl.SSLError:
            self.abort()
            return
        self._flush()

    def close(self) -> None:
        """Send close_notify, and close when everything is sent."""
        if not self._is_closing:
            self._is_closing = True
            self._send_close_notify()
            self._below.close()

    def can_write_eof(self) -> bool:
        """Return True: TLS closes one direction by close_notify."""
        return True

    def write_eof(self) -> None:
        """Send close_notify, and still read what arrives."""
        self._send_close_notify()
        if self._below.can_write_eof():
            self._below.write_eof()

    def abort(self) -> None:
        """Drop the connection."""
        self._is_closing = True
        self._below.abort()

    def is_closing(self) -> bool:
        """Say whether nothing more can be sent."""
        return self._is_closing or self._below.is_closing()

    def is_reading(self) -> bool:
        """Say whether what comes is handed on."""
        return not self._is_paused

    def pause_reading(self) -> None:
        """Hand on nothing more; the socket is not read either, so what waits is bounded."""
        if not self._is_paused:
            self._is_paused = True
            self._below.pause_reading()

    def resume_reading(self) -> None:
        """Resume reading, with the buffered data first."""
        if self._is_paused:
            self._is_paused = False
            self._below.resume_reading()
            asyncio.get_running_loop().call_soon(self._advance)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What the socket's transport knows."""
        return self._below.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Serve another protocol from now on: an upgraded one."""
        self._above = cast("asyncio.Protocol", protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the one that is served."""
        return self._above

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Pass on: encryption adds next to nothing to what waits."""
        self._below.set_write_buffer_limits(high, low)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Pass on."""
        return self._below.get_write_buffer_limits()

    def get_write_buffer_size(self) -> int:
        """Pass on."""
        return self._below.get_write_buffer_size()

    # TLS.

    def _advance(self) -> None:
        try:
            if not self._is_ready:
                self._tls.do_handshake()
                self._is_ready = True
            self._deliver()
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError:
            self._flush()  # the alert that says why
            self._is_closing = True
            self._below.close()
        else:
            self._flush()

    def _deliver(self) -> None:
        while not (self._is_paused or self._is_closing or self._has_ended):
            data = self._tls.read(_READ_BYTES)
            if not data:
                self._end_reading()
                if not self._is_kept:
                    self.close()
                return
            self._above.data_received(data)

    def _end_reading(self) -> None:
        if not self._has_ended:
            self._has_ended = True
            self._is_kept = bool(self._above.eof_received())

    def _send_close_notify(self) -> None:
        if not self._is_ready:
            return
        # `unwrap` then wants the peer's close_notify, which this side does not wait for.
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()
        self._flush()

    def _flush(self) -> None:
        data = self._outgoing.read()
        if data and not self._below.is_closing():
            self._below.write(data)
