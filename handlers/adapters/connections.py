"""API Gateway's connection-management API: post to a connection, ask for it, close it."""

from __future__ import annotations

import asyncio
import random
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from handlers.adapters.management import Management
    from handlers.core.operation import Push

# Calls under way at a time, one kept connection each; further ones wait their turn.
AT_ONCE = 64
# How often a call is made in all, when what failed may be better in a moment.
ATTEMPTS = 4
# Whoever was silent for so long is not asked for much longer.
ATTEMPTS_WHEN_SILENT = 2
DONE, FAILED = range(200, 300), range(500, 600)  # of HTTP's statuses
FIRST_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS = 0.05, 1.0


class Gone(Exception):
    """API Gateway answered 410: the connection is no more, or is not open yet."""


class Undelivered(Exception):
    """The call did not get through, for a reason that may pass."""


class Refused(Undelivered):
    """The gateway answered, and did not do it: it throttles, forbids, or has failed."""

    def __init__(self, status: int, said: str = "") -> None:
        """`status` is HTTP's: 429 throttles, 403 forbids."""
        super().__init__(said or str(status))
        self.status = status


class Unreachable(Undelivered):
    """Nobody answered: there is no way to the gateway, or it is silent."""


class Connections:
    """Posts to connections, asks whether they are open, closes them. Safe to call concurrently.

    It belongs to the event loop of its first call.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        random: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """`endpoint` overrides the connections' own nodes (a custom domain, an emulator)."""
        self._endpoint = endpoint and endpoint.rstrip("/")
        self._random, self._sleep = random, sleep
        self._management: Management | None = None

    async def post(self, push: Push) -> None:
        """Hand a message to a connection's gateway. Raises Gone or Undelivered."""
        await self._call("POST", push.node, push.connection_id, push.data)

    async def is_open(self, node: str, connection_id: str) -> bool:
        """Whether the gateway knows the connection. Raises Refused or Unreachable if it does not
        say, and Undelivered itself when the call never left this machine.
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
        """Let go of what is kept open between calls; the next call begins anew."""
        if self._management is not None:
            management, self._management = self._management, None
            await management.end()

    async def _call(self, method: str, node: str, connection_id: str, body: bytes = b"") -> None:
        """Ask again what may be answered in a moment, as AWS SDKs do."""
        endpoint = self._endpoint or f"https://{node}"
        for attempt in count(1):
            try:
                await self._ask(method, endpoint, connection_id, body)
                return
            except Undelivered as error:
                if attempt >= attempts(error):
                    raise
            await self._sleep(backoff_seconds(attempt, self._random))

    async def _ask(self, method: str, endpoint: str, connection_id: str, body: bytes) -> None:
        if self._management is None:
            from handlers.adapters.management import Management  # noqa: PLC0415  # see there

            self._management = Management(AT_ONCE)
        status, said = await self._management.ask(method, endpoint, connection_id, body)
        if status == HTTPStatus.GONE:
            raise Gone
        if status not in DONE:
            raise Refused(status, said)


def attempts(error: Undelivered) -> int:
    """How often a call is made in all that ends with this."""
    match error:
        case Refused(status=HTTPStatus.TOO_MANY_REQUESTS):
            return ATTEMPTS
        case Refused(status=status):
            return ATTEMPTS if status in FAILED else 1
        case Unreachable(__cause__=TimeoutError()):
            return ATTEMPTS_WHEN_SILENT
        case Unreachable():
            return ATTEMPTS
    return 1


def backoff_seconds(attempt: int, random: Callable[[], float]) -> float:
    """How long to wait after this attempt, the first being 1: full jitter, so that those who were
    refused together do not come back together.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ (2026-11-26)
    """
    return random() * min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0 ** (attempt - 1))
