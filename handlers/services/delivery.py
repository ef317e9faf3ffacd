"""Post pushes, and forget connections that turn out to be gone. A failure stops no other push."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from handlers.adapters.concurrency import gather_within
from handlers.adapters.database import Unavailable
from handlers.adapters.gateway.errors import Gone, Undelivered
from handlers.core.operation import DeliveryCounts
from handlers.core.operations import forget

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from handlers.core.operation import Push, RowT, Statement

log = logging.getLogger(__name__)


class Posts(Protocol):
    async def post(self, push: Push) -> None:
        """Raises Gone or Undelivered."""
        ...


class Database(Protocol):
    async def fetch(self, statement: Statement[RowT], /) -> list[RowT]:
        """Raises Unavailable."""
        ...


class Delivery:
    """Delivers pushes by way of a gateway, which bounds how many go at once."""

    def __init__(self, gateway: Posts, database: Database, grace: timedelta) -> None:
        self._gateway, self._database, self._grace = gateway, database, grace

    async def deliver(self, pushes: Sequence[Push], within_seconds: float) -> DeliveryCounts:
        """Post all of them together, and count how they went. Raises nothing that a gateway does.

        A push without an answer `within_seconds` is undelivered: a slow gateway must not hold up
        the client that waits for its reply.
        """
        counts, again = DeliveryCounts(), dict(enumerate(pushes))

        async def post(number: int, push: Push) -> None:
            try:
                await self._gateway.post(push)
                counts.sent += 1
            except Gone:
                counts.gone.append(push)
            except Undelivered as error:
                log.warning("push to %s failed: %s", push.connection_id, error)
                if error.may_pass:
                    return
            del again[number]

        await gather_within([post(*one) for one in enumerate(pushes)], within_seconds)
        counts.undelivered = len(pushes) - counts.sent - len(counts.gone)
        counts.again = list(again.values())
        if counts.gone:
            await self._forget(counts.gone)
        return counts

    async def _forget(self, pushes: Sequence[Push]) -> None:
        gone = [forget.found_gone(push) for push in pushes]
        try:
            await self._database.fetch(forget.statement(gone, self._grace))
        except Unavailable as error:
            log.warning("%d gone connections are left to the sweep: %s", len(gone), error)
