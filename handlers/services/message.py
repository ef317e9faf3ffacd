"""Answer a client's message: one statement, a reply, and pushes to the user's other connections."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from handlers.adapters.database import Unavailable, Unstorable
from handlers.adapters.gateway.errors import Gone, Undelivered
from handlers.core.message import BadMessage, parse
from handlers.core.operation import error
from handlers.core.operations.table import OPERATIONS
from handlers.core.rate_limit import over_limit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handlers.core.connection import Connection
    from handlers.core.message import Message
    from handlers.core.operation import Outcome, Push, RowT, Rules, Statement

log = logging.getLogger(__name__)

# The client's reply waits for the pushes: Lambda does nothing after it.
PUSH_TIMEOUT_SECONDS = 3.0

UNSTORABLE = "a value in this message cannot be stored, such as a NUL character: remove it"
UNAVAILABLE = "the service cannot reach its database: send the same message again in a moment"


class Database(Protocol):
    async def fetch_one(self, statement: Statement[RowT], /) -> RowT:
        """Raises Unavailable or Unstorable."""
        ...


class Delivery(Protocol):
    async def deliver(self, pushes: Sequence[Push], within_seconds: float) -> object: ...


class Gateway(Protocol):
    async def close(self, node: str, connection_id: str) -> None:
        """Raises Gone or Undelivered."""
        ...


class Messages:
    """Answers messages by the operations of OPERATIONS."""

    def __init__(
        self, database: Database, delivery: Delivery, gateway: Gateway, rules: Rules
    ) -> None:
        self._database, self._delivery, self._gateway = database, delivery, gateway
        self._rules = rules

    async def answer(self, connection: Connection, body: str) -> bytes:
        """The reply to a message. Whatever is wrong with the message, the connection stays."""
        message: Message | None = None
        try:
            message = parse(body)
            outcome = await self._operate(connection, message)
            await self._delivery.deliver(outcome.pushes, PUSH_TIMEOUT_SECONDS)
            if outcome.disconnects:
                await self._close(connection)
        except BadMessage as bad:
            outcome = error(bad.re, bad.code, str(bad))
        except Unstorable:
            outcome = error(message.id if message else None, "bad_request", UNSTORABLE)
        except Unavailable as unavailable:
            log.error("message: %s", unavailable)
            outcome = error(message.id if message else None, "unavailable", UNAVAILABLE)
        return outcome.reply

    async def _operate(self, connection: Connection, message: Message) -> Outcome:
        operation = OPERATIONS[type(message)]
        if refusal := operation.refusal(connection, message):
            return refusal
        statement = operation.statement(connection, message, self._rules)
        row = await self._database.fetch_one(statement)
        return over_limit(message.id, row) or operation.outcome(connection, message, row)

    async def _close(self, connection: Connection) -> None:
        log.warning("closing %s: rate limit exceeded by two bursts", connection.user_id)
        try:
            await self._gateway.close(connection.node, connection.connection_id)
        except (Gone, Undelivered) as error:
            log.warning("cannot close %s: %s", connection.connection_id, error)
