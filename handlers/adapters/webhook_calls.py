"""Calls of webhooks: to addresses that were checked, without following redirects, within bounds."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from time import time
from typing import TYPE_CHECKING, ClassVar

from handlers.adapters.gateway.connection_pool import ConnectionPool, Host, HttpConnection
from handlers.core.webhook import MAX_WEBHOOKS, Answer, BadUrl, answer_of, is_public, target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

CALL_SECONDS = 10.0
"""A call in all: the name, the connection, the answer."""
CONNECT_SECONDS = 4.0
MAX_CALLS = 20
"""Of one webhook at once."""
MAX_ADDRESSES = 3
"""Of one name, that are tried."""
USER_AGENT = "Headcount"


class ForbiddenAddress(Exception):
    """The name leads to an address that is not public."""


class Unresolved(Exception):
    """The name leads nowhere."""


# By what was raised; the first that it is counts.
ERRORS = {
    BadUrl: "forbidden_url",
    ForbiddenAddress: "forbidden_address",
    Unresolved: "unresolved",
    UnicodeError: "unresolved",
    TimeoutError: "timeout",
    ssl.SSLCertVerificationError: "certificate",
    OSError: "unreachable",
    ValueError: "unreachable",
}


class WebhookCalls:
    """Each webhook has connections of its own, so that one that hangs delays no other."""

    def __init__(self, *, is_any: bool) -> None:
        """Call it within the event loop that it is for. `is_any`: see `core.webhook.target`."""
        self._is_any = is_any
        self._pools: defaultdict[UUID, _CheckedPool] = defaultdict(self._new_pool)

    async def post(
        self, webhook_id: UUID, url: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        """Send one event. Whatever the other end does becomes an answer, and none is an error."""
        try:
            to = target(url, is_any=self._is_any)
            request = _request(to.authority, to.path, headers, body)
            async with asyncio.timeout(CALL_SECONDS):
                answer = await self._pools[webhook_id].call(
                    Host(to.host, to.port, to.is_tls), request
                )
        except tuple(ERRORS) as error:
            return Answer(error=next(ERRORS[kind] for kind in ERRORS if isinstance(error, kind)))
        return answer_of(answer.status, _retry_after(answer.headers.get(b"retry-after", b"")))

    def close(self) -> None:
        """Close all connections; calls that are under way fail."""
        for pool in self._pools.values():
            pool.close()

    def _new_pool(self) -> _CheckedPool:
        return _CheckedPool(self._tls, self._names, is_any=self._is_any)

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def _tls(self) -> ssl.SSLContext:
        return self._context

    @cached_property
    def _names(self) -> ThreadPoolExecutor:
        """For looking up names: one at a time of each webhook."""
        return ThreadPoolExecutor(MAX_WEBHOOKS, "names")


class _CheckedPool(ConnectionPool):
    """Connects to the very address that was checked: the name is not looked up once more."""

    connect_seconds: ClassVar[float] = CONNECT_SECONDS

    def __init__(
        self, tls: Callable[[], ssl.SSLContext], names: ThreadPoolExecutor, *, is_any: bool
    ) -> None:
        super().__init__(MAX_CALLS, tls)
        self._names, self._is_any = names, is_any
        self._looking_up = asyncio.Lock()

    async def connect(self, host: Host) -> HttpConnection:
        """Raises OSError, ForbiddenAddress or Unresolved."""
        error: OSError | None = None
        for address in (await self._addresses(host))[:MAX_ADDRESSES]:
            try:
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: HttpConnection(CALL_SECONDS),
                    address,
                    host.port,
                    ssl=self.context if host.is_tls else None,
                    server_hostname=host.name if host.is_tls else None,
                )
            except ssl.SSLCertVerificationError:
                raise
            except OSError as failed:
                error = failed
            else:
                return connection
        raise error or Unresolved

    async def _addresses(self, host: Host) -> list[str]:
        """All addresses of a host. One that is not public refuses all."""
        loop = asyncio.get_running_loop()
        try:
            async with self._looking_up:
                found = await loop.run_in_executor(self._names, _look_up, host.name, host.port)
        except socket.gaierror as error:
            raise Unresolved from error
        if not self._is_any and not all(is_public(address) for address in found):
            raise ForbiddenAddress
        return found


def _look_up(name: str, port: int) -> list[str]:
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _request(authority: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        f"host: {authority}",
        f"user-agent: {USER_AGENT}",
        f"content-length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _retry_after(value: bytes) -> timedelta:
    """RFC 9110, section 10.2.3: seconds, or a date."""
    text = value.decode(errors="replace")
    if text.isdecimal():
        return timedelta(seconds=min(int(text[:9]), 10**9))
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return timedelta()
    now = datetime.fromtimestamp(time(), UTC)
    return max(at.astimezone(UTC) - now, timedelta()) if at.tzinfo else timedelta()
