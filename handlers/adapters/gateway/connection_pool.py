"""HTTP/1.1 over connections that are kept.

A broadcast to 150,000 users is as many short calls of one API, and a general client took half of
the processor that they need. httptools parses the answers.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, ClassVar, NamedTuple, cast

import httptools

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

CONNECT_SECONDS, SILENT_SECONDS = 1.0, 3.0
MAX_ANSWER_BYTES = 64 * 1024
"""Of an answer with its headers; those of API Gateway are below a kibibyte."""
# A server closes what is idle, and a call that is under way then is lost. Load balancers wait for a
# minute.
KEEP_SECONDS = 15.0
FINAL = 200
"""The statuses below it come before the answer (RFC 9110, section 15.2)."""
FAILED = 400


class Host(NamedTuple):
    """The other end of a connection."""

    name: str
    port: int
    is_tls: bool


class Answer(NamedTuple):
    """What came back. Names of headers are lower-case."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def is_ok(self) -> bool:
        return self.status < FAILED


class NoAnswer(OSError):
    """The connection ended before the answer did, or what came is no answer of HTTP."""


class HttpConnection(asyncio.Protocol):
    """One call at a time. After a call that failed it is closed."""

    def __init__(self, silent_seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._silent_seconds = silent_seconds
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._asked: asyncio.Future[Answer] | None = None
        self._headers: dict[bytes, bytes] = {}
        self._parts: list[bytes] = []
        self._bytes = 0
        self._ends_with_connection = False
        self.idle_since = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it may have another call."""
        return self._transport is not None and not self._transport.is_closing()

    async def call(self, request: bytes) -> Answer:
        """Raises OSError; a TimeoutError when the answer has not come within some seconds."""
        if self._transport is None or not self.is_open:
            raise NoAnswer("the connection was closed")
        asked: asyncio.Future[Answer] = self._loop.create_future()
        self._asked = asked
        self._bytes, silent = 0, TimeoutError(f"no answer in {self._silent_seconds} s")
        silence = self._loop.call_later(self._silent_seconds, self._fail, silent)
        try:
            self._transport.write(request)
            return await asked
        finally:
            silence.cancel()
            if not asked.done() or asked.cancelled() or asked.exception():
                self.abort()
            self._asked = None

    def abort(self) -> None:
        """End it at once, and what is under way on it."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._bytes += len(data)
        if self._asked is None or self._bytes > MAX_ANSWER_BYTES:
            self._fail(NoAnswer("more came than an answer"))
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(NoAnswer(f"not HTTP: {error}"))
            self.abort()

    def eof_received(self) -> None:
        """Called by asyncio, which closes the connection then."""
        if self._ends_with_connection:
            self._complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        self._transport = None
        self._fail(NoAnswer(str(exc or "the connection was closed")))

    def on_message_begin(self) -> None:
        """Called by the parser, also for what was not asked for: the next answer would be that."""
        self._headers, self._parts = {}, []
        if self._asked is None or self._asked.done():
            self.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """Called by the parser. See RFC 9112, section 6.3."""
        is_final = self._parser.get_status_code() >= FINAL
        has_length = {b"content-length", b"transfer-encoding"} & self._headers.keys()
        self._ends_with_connection = is_final and not has_length

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        self._parts.append(body)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        if self._parser.get_status_code() >= FINAL:
            self._complete()

    def _complete(self) -> None:
        self._ends_with_connection = False
        if self._transport is not None and not self._parser.should_keep_alive():
            self._transport.close()
        if self._asked is not None and not self._asked.done():
            body = b"".join(self._parts)
            self._asked.set_result(Answer(self._parser.get_status_code(), self._headers, body))

    def _fail(self, error: OSError) -> None:
        if self._asked is not None and not self._asked.done():
            self._asked.set_exception(error)


class ConnectionPool:
    """Has at most so many calls under way; others wait for their turn, in order."""

    connect_seconds: ClassVar[float] = CONNECT_SECONDS

    def __init__(self, max_calls: int, tls: Callable[[], ssl.SSLContext]) -> None:
        """`tls` is called when the first host has it: to load all authorities takes a while."""
        self._turns = asyncio.Semaphore(max_calls)
        self._tls = tls
        self._idle: defaultdict[Host, deque[HttpConnection]] = defaultdict(deque)
        self._busy: set[HttpConnection] = set()

    @cached_property
    def context(self) -> ssl.SSLContext:
        return self._tls()

    async def call(self, host: Host, request: bytes) -> Answer:
        """Raises OSError without an answer, and ValueError if the host's name cannot be one."""
        async with self._turns:
            connection = self._kept(host) or await self._opened(host)
            self._busy.add(connection)
            try:
                answer = await connection.call(request)
            finally:
                self._busy.discard(connection)
            if connection.is_open:
                connection.idle_since = asyncio.get_running_loop().time()
                self._idle[host].append(connection)
            return answer

    def close(self) -> None:
        """Close all of them; calls that are under way fail."""
        for connection in chain(self._busy, *self._idle.values()):
            connection.abort()
        self._idle.clear()

    def _kept(self, host: Host) -> HttpConnection | None:
        """The one that was used last: so those that are not needed grow old."""
        idle = self._idle[host]
        while idle:
            connection = idle.pop()
            if connection.is_open and not self._is_old(connection):
                return connection
            connection.abort()
        return None

    async def _opened(self, host: Host) -> HttpConnection:
        self._close_old()
        async with asyncio.timeout(self.connect_seconds):
            return await self.connect(host)

    async def connect(self, host: Host) -> HttpConnection:
        """Open a connection. Raises OSError, or ValueError if the host's name cannot be one."""
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: HttpConnection(SILENT_SECONDS),
            host.name,
            host.port,
            ssl=self.context if host.is_tls else None,
        )
        return connection

    def _close_old(self) -> None:
        """Of all hosts, also of those that are not asked any more."""
        for host, idle in list(self._idle.items()):
            while idle and self._is_old(idle[0]):
                idle.popleft().abort()
            if not idle:
                del self._idle[host]

    def _is_old(self, connection: HttpConnection) -> bool:
        return asyncio.get_running_loop().time() - connection.idle_since >= KEEP_SECONDS
