"""HTTP/1.1 on a socket: requests one after the other, each bound in size and time."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol, cast

import httptools

from wsgate.model.limits import millis
from wsgate.transport import request_head, responses
from wsgate.transport.request_head import BAD_REQUEST
from wsgate.transport.responses import Request, Response, serialize
from wsgate.transport.tls import RECORD, TlsTransport
from wsgate.transport.websocket import Socket, SocketNode, Upgrade

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable
    from datetime import timedelta

    from wsgate.model.events import Pairs
    from wsgate.model.ids import Millis

HEAD_TOO_LARGE = responses.message(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "Request Header Fields Too Large"
)
BODY_TOO_LARGE = responses.message(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Request Entity Too Large")
_LINE_OVERHEAD = 4  # ": " and CR LF


@dataclass(frozen=True, slots=True)
class _Turn:
    """A request that waits for its turn, and how the connection continues after it."""

    request: Request
    keep_alive: bool
    upgrade: bool


class HttpNode(SocketNode, Protocol):
    """What answers requests and takes upgraded sockets."""

    @property
    def clients(self) -> dict[HttpProtocol, None]:
        """The oldest first."""
        ...

    @property
    def tls(self) -> ssl.SSLContext | None: ...
    def body_limit(self, path: str) -> int: ...
    def answer(self, request: Request) -> Response | Awaitable[Response]: ...
    def upgrade(self, request: Request) -> Upgrade | Response: ...
    def handshake(self, socket: Socket, request: Request) -> None: ...
    def now(self) -> Millis: ...


class HttpProtocol(asyncio.Protocol):
    """Reads requests, answers them in order, and hands the socket over when one upgrades."""

    def __init__(self, node: HttpNode, descriptor: int) -> None:
        self._node, self._descriptor = node, descriptor
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._source_ip = ""
        self._url, self._headers, self._body = b"", list[tuple[str, str]](), bytearray()
        self._fields: dict[str, str] = {}  # by small names, the first of each
        self._head_bytes, self._fields_bytes = 0, 0
        self._body_bytes, self._body_limit, self._gap_bytes = 0, 0, 0
        self._in_head, self._too_large = False, False
        self._refusal: Response | None = None
        self._turns: deque[_Turn] = deque()
        self._task: asyncio.Future[Response] | None = None
        self._is_full, self._upgrade_bytes = False, b""
        self._is_upgrading, self._is_over, self._is_left = False, False, False
        self._is_between = True
        self.deadline = 0

    # What the loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are like asyncio's and do not inherit from them.
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._source_ip = peer[0] if isinstance(peer, tuple) else ""
        self._node.clients[self] = None
        self._wait(self._node.limits.keep_alive)

    def data_received(self, data: bytes) -> None:
        if self._is_over:
            return
        if self._is_upgrading:
            self._keep_for_upgrade(data)
            return
        if self._in_head:
            self._head_bytes += len(data)
        self._gap_bytes += len(data)
        self._feed(data)
        most = self._node.limits.head_bytes
        if self._in_head and self._head_bytes > most:
            self._refuse(HEAD_TOO_LARGE)
        elif not self._in_head and self._gap_bytes > most:
            self._refuse(BAD_REQUEST)
        self._take_turns()

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        self._take_turns()

    def eof_received(self) -> bool:
        """The client may still read: stay until what it asked for is answered."""
        self._is_left = True
        return self._task is not None or bool(self._turns)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the request under way finish; its answer is dropped."""
        self._is_over = True
        self._turns.clear()
        self._node.clients.pop(self, None)
        del self._parser  # it refers back to us, and we hold what was sent

    # What the node asks for.

    @property
    def is_busy(self) -> bool:
        return self._task is not None

    @property
    def is_idle(self) -> bool:
        """Whether it is open and between requests."""
        return self._is_between and not self._is_over

    def expire(self) -> None:
        """The time for a request, or between requests, or for reading a response, is over."""
        self._is_over = True
        self._transport.abort()

    # What the parser tells.

    def on_message_begin(self) -> None:
        self._url, self._headers, self._body = b"", [], bytearray()
        self._fields = {}
        self._head_bytes, self._in_head, self._too_large = 0, True, False
        self._fields_bytes = self._gap_bytes = 0
        self._is_between = False
        if not self.is_busy:
            self._wait(self._node.limits.head)

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """White space around a value is none of it (RFC 9110, section 5.5).

        One read may bring many times what a head may have: of that nothing is kept. Fields after a
        chunked body are none of the head: they are dropped (RFC 9110, section 6.5.1).
        """
        self._fields_bytes += len(name) + len(value) + _LINE_OVERHEAD
        if self._fields_bytes > self._node.limits.head_bytes:
            self._headers.clear()
            self._fields.clear()
            self._refuse(HEAD_TOO_LARGE)
        elif self._in_head:
            key, text = name.decode("latin-1"), value.strip(b" \t").decode("latin-1")
            self._headers.append((key, text))
            self._fields.setdefault(key.lower(), text)

    def on_headers_complete(self) -> None:
        self._in_head, self._gap_bytes = False, 0
        if len(self._url) + self._fields_bytes > self._node.limits.head_bytes:
            self._refuse(HEAD_TOO_LARGE)
            return
        self._check_head()
        self._body_limit = self._node.body_limit(self._path)
        if self._content_length > self._node.limits.http_body_bytes:
            self._refuse(BODY_TOO_LARGE)
        elif self._fields.get("expect", "").lower() == "100-continue" and not self.is_busy:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not self.is_busy:
            self._wait(self._node.limits.request)

    def on_chunk_header(self) -> None:
        """What stands between chunks, or after the last, is bound as a head is."""
        self._gap_bytes = 0

    def on_body(self, body: bytes) -> None:
        """Read a body too large for its path to its end, so that the client gets the reason."""
        self._gap_bytes = 0
        if self._too_large:
            self._body_bytes += len(body)
        elif len(self._body) + len(body) > self._body_limit:
            self._too_large, self._body_bytes = True, len(self._body) + len(body)
            self._body = bytearray()
        else:
            self._body += body
        if self._too_large and self._body_bytes > self._node.limits.http_body_bytes:
            self._refuse(BODY_TOO_LARGE)

    def on_message_complete(self) -> None:
        if self._refusal is not None:
            return
        said = self._fields.get("upgrade", "").lower()
        upgrade = self._parser.should_upgrade() and said == "websocket"
        keep_alive = self._parser.should_keep_alive() and not self._parser.should_upgrade()
        self._turns.append(_Turn(self._request(), keep_alive or upgrade, upgrade))
        self._is_upgrading = upgrade

    # Requests in turn.

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._is_upgrading:
                self._upgrade_bytes = data[upgrade.args[0] :]
            else:  # another protocol than WebSocket: answered as plain HTTP, and that was it
                self._is_over = True
        except httptools.HttpParserError:
            if not (data.startswith(RECORD) and self._begin_tls(data)):
                self._refuse(BAD_REQUEST)

    def _check_head(self) -> None:
        """Refuse what two readers could understand in two ways."""
        headers, version = self._headers, self._parser.get_http_version()
        target = request_head.origin_form(self._url.decode("latin-1"), headers)
        self._url = target.encode("latin-1")
        refusal = request_head.refusal(self._method, target, version, headers)
        if refusal is not None:
            self._refuse(refusal)

    def _begin_tls(self, data: bytes) -> bool:
        """Read the rest of a connection that begins with TLS through it, if this node has a key."""
        context, below = self._node.tls, self._transport
        if context is None or self._url or isinstance(below, TlsTransport):
            return False
        self._parser, self._in_head = httptools.HttpRequestParser(self), False
        self._wait(self._node.limits.head)
        transport = TlsTransport(below, self, context)
        self._transport = transport
        transport.data_received(data)
        return True

    def _take_turns(self) -> None:
        while self._turns and self._task is None and not self._is_full:
            turn = self._turns.popleft()
            if turn.upgrade:
                self._upgrade(turn.request)
                return
            answer = self._node.answer(turn.request)
            if isinstance(answer, Response):
                self._write(turn, answer)
            else:
                self._start(turn, answer)
        if self._task is None and not self._turns:
            if self._refusal is not None:
                self._finish(self._refusal)
            elif self._is_left:
                self._transport.close()
        self._regulate()

    def _start(self, turn: _Turn, answer: Awaitable[Response]) -> None:
        self._task = asyncio.ensure_future(answer)
        self.deadline = 0  # the function's own time-out bounds it
        self._task.add_done_callback(lambda task: self._answered(turn, task))

    def _answered(self, turn: _Turn, task: asyncio.Future[Response]) -> None:
        self._task = None
        if task.cancelled() or self._transport.is_closing():
            return
        self._write(turn, task.result())
        self._take_turns()

    def _write(self, turn: _Turn, response: Response) -> None:
        without_body = turn.request.method == "HEAD"
        self._transport.write(
            serialize(response, keep_alive=turn.keep_alive, without_body=without_body)
        )
        self._wait(self._node.limits.keep_alive)
        self._is_between = not self._turns and not self._in_head
        if not turn.keep_alive:
            self._turns.clear()
            self._is_over = True
            self._transport.close()

    def _refuse(self, refusal: Response) -> None:
        """Answer once what came before is answered, and listen no more."""
        self._refusal = self._refusal or refusal
        self._is_over = True

    def _finish(self, refusal: Response) -> None:
        """Half-close, so that a client that is still sending can read the answer."""
        self._refusal = None
        self._transport.write(serialize(refusal, keep_alive=False))
        self._wait(self._node.limits.closing)
        if self._transport.can_write_eof():
            self._transport.write_eof()

    # Upgrades.

    def _upgrade(self, request: Request) -> None:
        upgrade = self._node.upgrade(request)
        if isinstance(upgrade, Response):
            self._write(_Turn(request, keep_alive=False, upgrade=False), upgrade)
            return
        socket = Socket(self._node, self._transport, upgrade, self._descriptor)
        self._node.clients.pop(self, None)
        self._transport.set_protocol(socket)
        self._transport.resume_reading()  # a request before may have paused it
        self._node.handshake(socket, request)
        if self._upgrade_bytes:
            socket.data_received(self._upgrade_bytes)
        del self._parser  # it refers back to us

    def _keep_for_upgrade(self, data: bytes) -> None:
        self._upgrade_bytes += data
        if len(self._upgrade_bytes) > self._node.limits.head_bytes:
            self._transport.abort()

    # Small things.

    def _regulate(self) -> None:
        """While a request is answered no further one is read."""
        if self._transport.is_closing() or self._transport.get_protocol() is not self:
            return
        if self._task is not None or self._turns:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _wait(self, span: timedelta) -> None:
        self.deadline = self._node.now() + millis(span)

    @property
    def _method(self) -> str:
        method: bytes = self._parser.get_method()
        return method.decode("ascii")

    @property
    def _path(self) -> str:
        return self._url.partition(b"?")[0].decode("latin-1")

    @property
    def _content_length(self) -> int:
        text = self._fields.get("content-length", "")
        return int(text) if text.isdecimal() else 0

    def _request(self) -> Request:
        headers: Pairs = tuple(self._headers)
        path, _, query = self._url.decode("latin-1").partition("?")
        body = bytes(self._body)
        version = f"HTTP/{self._parser.get_http_version()}"
        return Request(
            self._method, path, query, headers, body, self._source_ip, self._too_large, version
        )
