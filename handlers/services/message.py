"""Answer a client's message: one statement, a reply, and pushes to the user's other connections."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from handlers.adapters.database import Unavailable, Unstorable
from handlers.adapters.gateway.errors import Gone, Undelivered
from handlers.adapters.metrics import Metrics
from handlers.adapters.queue import NotQueued
from handlers.core.message import UNSTORABLE
from handlers.core.operation import Push
from handlers.core.operations.broadcast import Broadcast
from handlers.core.operations.table import read, refused
from handlers.core.overload import OVERLOADED, UNAVAILABLE, is_too_late, unavailable
from handlers.core.rate_limit import over_limit
from handlers.core.reply import error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from handlers.core.connection import Connection
    from handlers.core.operation import DeliveryCounts, Outcome, RowT, Rules, Statement
    from handlers.core.operations.table import Request
    from handlers.core.rate_limit import KeptOut

log = logging.getLogger(__name__)

# The client's reply waits for the pushes: Lambda does nothing after it.
PUSH_TIMEOUT_SECONDS = 3.0


class Database(Protocol):
    async def fetch_one(self, statement: Statement[RowT], /) -> RowT:
        """Raises Unavailable or Unstorable."""
        ...


class Delivery(Protocol):
    async def deliver(self, pushes: Sequence[Push], within_seconds: float) -> DeliveryCounts: ...


class Queue(Protocol):
    async def enqueue(self, broadcast: Broadcast) -> None:
        """Raises NotQueued."""
        ...


class Gateway(Protocol):
    async def post(self, push: Push) -> None:
        """Raises Gone or Undelivered."""
        ...

    async def close(self, node: str, connection_id: str) -> None:
        """Raises Gone or Undelivered."""
        ...


class Messages:
    """Answers messages. Each is counted by the database before it leads to anything."""

    def __init__(  # noqa: PLR0913 what a message leads to, and the rules of that
        self,
        database: Database,
        delivery: Delivery,
        gateway: Gateway,
        kept_out: KeptOut,
        rules: Rules,
        *,
        queue: Queue,
        metrics: Metrics | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._database, self._delivery, self._gateway = database, delivery, gateway
        self._kept_out, self._rules, self._draw = kept_out, rules, draw
        self._queue, self._metrics = queue, metrics or Metrics()

    async def answer(
        self, connection: Connection, body: str, age: timedelta, now: datetime
    ) -> bytes:
        """The reply to a message that has waited for so long since it came to the gateway.

        Only a user who is kept out loses the connection by it.
        """
        began = time.monotonic()
        if known := self._kept_out.refusal(connection.user_id, now):
            self._count("$default", known)
            await self._close(connection, known.reply)
            return known.reply
        request = read(connection, body, self._rules)
        outcome = await self._ask(connection, body, request, age)
        self._count(request.action, outcome)
        if outcome.kept_out_for is not None:
            self._kept_out.learn(connection.user_id, outcome.kept_out_for, now)
            await self._close(connection, outcome.reply)
        counts, _ = await asyncio.gather(
            self._delivery.deliver(outcome.pushes, PUSH_TIMEOUT_SECONDS), self._enqueue(outcome)
        )
        if outcome.pushes:
            log.info("%s: pushes: %s", request.action, counts)
            self._count_pushes(counts, age + timedelta(seconds=time.monotonic() - began))
        return outcome.reply

    async def _enqueue(self, outcome: Outcome) -> None:
        """Should it fail, the schedule of awards finds a broadcast that no worker works on."""
        if outcome.broadcast_id is None:
            return
        try:
            await self._queue.enqueue(Broadcast(str(outcome.broadcast_id)))
        except NotQueued as error:
            log.warning("broadcast %s is left to the schedule: %s", outcome.broadcast_id, error)

    def _count(self, action: str, outcome: Outcome) -> None:
        refusal = "unavailable" if outcome.code == "unavailable" else "refused"
        self._metrics.count("messages", Route=action, Outcome=refusal if outcome.code else "done")
        if outcome.claim:
            is_granted = outcome.claim == "claimed"
            self._metrics.count("claims_granted" if is_granted else "claims_refused")

    def _count_pushes(self, counts: DeliveryCounts, after: timedelta) -> None:
        self._metrics.count("pushes_sent", counts.sent)
        self._metrics.count("pushes_gone", len(counts.gone))
        self._metrics.count("pushes_undelivered", counts.undelivered)
        self._metrics.observe("pushed_after_ms", round(after / timedelta(milliseconds=1)))

    async def _ask(
        self, connection: Connection, body: str, request: Request, age: timedelta
    ) -> Outcome:
        began = time.monotonic()
        if is_too_late(age):
            log.warning("message: not handled, for it has waited %.1f s", age.total_seconds())
            self._metrics.count("messages_too_late")
            return unavailable(request.id, OVERLOADED, age, self._draw())
        try:
            try:
                return await self._operate(request)
            except Unstorable:
                # The count was undone with the rest of the statement.
                refusal = error(request.id, "bad_request", UNSTORABLE)
                return await self._operate(
                    refused(connection, body, request.id, refusal, self._rules)
                )
        except Unavailable as reason:
            log.error("message: %s", reason)
            age += timedelta(seconds=max(time.monotonic() - began, reason.silent_seconds))
            return unavailable(request.id, UNAVAILABLE, age, self._draw())

    async def _operate(self, request: Request) -> Outcome:
        row = await self._database.fetch_one(request.statement)
        return over_limit(request.id, row) or request.outcome(row)

    async def _close(self, connection: Connection, reply: bytes) -> None:
        """Say why, then close. A reply in the route response would come after the close.

        Each process that has one of its messages does so, and most find it gone. Their $disconnect
        tells the database.
        """
        node, connection_id = connection.node, connection.connection_id
        if not self._kept_out.is_to_close(connection.user_id, connection_id):
            return
        log.warning("closing %s: %s kept sending", connection_id, connection.user_id)
        push = Push(connection.user_id, node, connection_id, reply)
        with contextlib.suppress(Gone):
            await _within(self._gateway.post(push), f"{connection_id} does not learn why")
            await _within(self._gateway.close(node, connection_id), f"cannot close {connection_id}")


async def _within(call: Awaitable[None], otherwise: str) -> None:
    """Wait for a call as long as for pushes. Raises Gone."""
    try:
        async with asyncio.timeout(PUSH_TIMEOUT_SECONDS):
            await call
    except (Undelivered, TimeoutError) as error:
        log.warning("%s: %s", otherwise, str(error) or "no answer in time")
