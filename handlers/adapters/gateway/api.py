"""API Gateway's connection-management API: post to a connection, look it up, close it."""

from __future__ import annotations

import asyncio
import random
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING

from handlers.adapters.deadline import STATEMENT_SECONDS
from handlers.adapters.gateway.errors import GatewayRejected, Gone, Undelivered, Unreachable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from handlers.adapters.deadline import Deadline
    from handlers.adapters.gateway.http import GatewayHttp
    from handlers.core.operation import Push

# A call in all, with the wait for its turn and all attempts.
CALL_SECONDS = 10.0
# Calls under way at a time, one kept connection each; further ones wait.
MAX_CONCURRENT_CALLS = 64
# How often a call is made in all, when what failed may work in a moment.
MAX_ATTEMPTS = 4
# A silent gateway has cost seconds already: a second attempt is the last.
MAX_ATTEMPTS_WHEN_SILENT = 2
DONE = range(200, 300)  # of HTTP's statuses
FIRST_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS = 0.05, 1.0


class GatewayApi:
    """Post to connections, ask whether they are open, close them. Safe to call concurrently.

    It belongs to the event loop of its first call.
    """

    def __init__(
        self,
        deadline: Deadline,
        endpoint: str | None = None,
        random: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """`endpoint` overrides the connections' own nodes (a custom domain, an emulator)."""
        self._deadline = deadline
        self._endpoint = endpoint and endpoint.rstrip("/")
        self._random, self._sleep = random, sleep
        self._http: GatewayHttp | None = None

    async def post(self, push: Push) -> None:
        """Hand a message to a connection's gateway. Raises Gone or Undelivered."""
        await self._call("POST", push.node, push.connection_id, push.data)

    async def is_open(self, node: str, connection_id: str) -> bool:
        """Whether the gateway knows the connection.

        Raises GatewayRejected or Unreachable without a clear answer, and Undelivered itself when
        the call never left this machine.
        """
        try:
            await self._call("GET", node, connection_id)
        except Gone:
            return False
        return True

    async def close(self, node: str, connection_id: str) -> None:
        """Have the gateway close a connection. Raises Gone or Undelivered."""
        await self._call("DELETE", node, connection_id)

    async def aclose(self) -> None:
        """Close the connections that are kept between calls; the next call opens new ones."""
        if self._http is not None:
            http, self._http = self._http, None
            await http.aclose()

    async def _call(self, method: str, node: str, connection_id: str, body: bytes = b"") -> None:
        seconds = self._deadline.allow(CALL_SECONDS, leaving_seconds=STATEMENT_SECONDS)
        try:
            async with asyncio.timeout(seconds):
                await self._attempts(
                    method, self._endpoint or f"https://{node}", connection_id, body
                )
        except TimeoutError as error:
            raise Unreachable("no answer in time") from error

    async def _attempts(self, method: str, endpoint: str, connection_id: str, body: bytes) -> None:
        """Retry what may work in a moment, as AWS SDKs do."""
        for attempt in count(1):
            try:
                await self._attempt(method, endpoint, connection_id, body)
                return
            except Undelivered as error:
                if attempt >= max_attempts(error):
                    raise
            await self._sleep(backoff_seconds(attempt, self._random))

    async def _attempt(self, method: str, endpoint: str, connection_id: str, body: bytes) -> None:
        if self._http is None:
            from handlers.adapters.gateway.http import GatewayHttp  # noqa: PLC0415  # see there

            self._http = GatewayHttp(MAX_CONCURRENT_CALLS)
        status, answer = await self._http.call(method, endpoint, connection_id, body)
        if status == HTTPStatus.GONE:
            raise Gone
        if status not in DONE:
            raise GatewayRejected(status, answer)


def max_attempts(error: Undelivered) -> int:
    """How often a call that ends with this error is made in all."""
    if isinstance(error, Unreachable) and isinstance(error.__cause__, TimeoutError):
        return MAX_ATTEMPTS_WHEN_SILENT
    return MAX_ATTEMPTS if error.may_pass else 1


def backoff_seconds(attempt: int, random: Callable[[], float]) -> float:
    """How long to wait after this attempt, the first being 1. Full jitter: calls that were refused
    together are not retried together.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ (2026-11-26)
    """
    return random() * min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0 ** (attempt - 1))
