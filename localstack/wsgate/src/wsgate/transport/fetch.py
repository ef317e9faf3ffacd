"""Endpoints of HTTP integrations: one request, one answer, in a thread beside the loop."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from wsgate.core.integrations import HttpAnswer, HttpRequest
from wsgate.threads import in_thread

if TYPE_CHECKING:
    from datetime import timedelta

    from urllib3 import BaseHTTPResponse, HTTPHeaderDict, PoolManager

# The payload quota of REST and HTTP APIs. GUESS: here too.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html (2026-11-24)
MAX_BYTES: Final = 10 * 1024 * 1024
CONCURRENCY: Final = 50
"""Requests under way at once; more wait, and their time runs."""


class FetchError(Exception):
    """No answer: connection refused or lost, TLS refused, or the answer was too large."""


Fetched = HttpAnswer | FetchError | TimeoutError
"""The outcome of a request: an answer, a failure, or no answer in time."""


class Fetcher:
    """Asks endpoints. Nothing is imported or opened before the first request."""

    def __init__(self) -> None:
        self._pool: PoolManager | None = None
        self._places: asyncio.Semaphore | None = None

    async def fetch(self, request: HttpRequest, within: timedelta) -> HttpAnswer:
        """One request, without retries or redirects. Raises FetchError."""
        if self._places is None:
            self._places = asyncio.Semaphore(CONCURRENCY)
        async with self._places:
            return await in_thread(self._fetch, request, within.total_seconds())

    def close(self) -> None:
        """Drop the connections that wait for a next request."""
        if self._pool is not None:
            self._pool.clear()

    def _fetch(self, request: HttpRequest, seconds: float) -> HttpAnswer:
        from urllib3 import Timeout  # noqa: PLC0415 only a template with HTTP integrations needs it
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        ends = time.monotonic() + seconds
        try:
            response = self._connections().request(
                request.method,
                request.url,
                headers=_fields(request),
                body=request.body or None,
                timeout=Timeout(total=seconds),
                retries=False,
                redirect=False,
                preload_content=False,
            )
            try:
                body = _read(response, ends)
            finally:
                response.close()
        except (HTTPError, OSError, ValueError) as error:
            # A ValueError is what urllib3 and http.client say of a URL or a header that is none.
            raise FetchError(f"{type(error).__name__}: {error}") from error
        return HttpAnswer(response.status, tuple(response.headers.items()), body)

    def _connections(self) -> PoolManager:
        from urllib3 import PoolManager  # noqa: PLC0415

        if self._pool is None:
            self._pool = PoolManager(maxsize=CONCURRENCY)
        return self._pool


def _read(response: BaseHTTPResponse, ends: float) -> bytes:
    """The whole body. A time-out of the socket alone would let it drip for hours."""
    body = bytearray()
    while chunk := response.read(64 * 1024, decode_content=True):
        body += chunk
        if len(body) > MAX_BYTES:
            raise FetchError(f"the answer has more than {MAX_BYTES} bytes")
        if time.monotonic() > ends:
            raise FetchError("the answer did not end in time")
    return bytes(body)


def _fields(request: HttpRequest) -> HTTPHeaderDict:
    """Headers on the wire are bytes: what is not Latin-1 goes as UTF-8, as browsers send it."""
    from urllib3 import HTTPHeaderDict  # noqa: PLC0415

    fields = HTTPHeaderDict()
    for name, value in request.headers:
        fields.add(name, value.encode().decode("latin-1"))
    return fields
