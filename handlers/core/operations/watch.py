"""watch: a connection moves to another resource; its user leaves the one and joins the other."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

import msgspec

from handlers.core.operation import Operation, Outcome, Rules, Statement
from handlers.core.reply import encode, error
from handlers.core.server_message import Here, Watching

if TYPE_CHECKING:
    from handlers.core.connection import Connection
    from handlers.core.message import WatchMessage

NOT_ALLOWED = (
    "the ticket of this connection does not allow this resource: connect with a ticket for it, "
    "or with one that names it in may_watch"
)


class WatchRow(msgspec.Struct, frozen=True):
    outcome: str
    """`not_connected`: the connection is in no session, and so it moved nowhere."""
    wait_ms: int | None
    server_now: int
    joined_at: int | None
    connections: int | None
    watched_ms: int | None
    visible_ms: int | None


class Watch(Statement[WatchRow], frozen=True):
    function: ClassVar[str] = "watch"
    user_id: str
    node: str
    connection_id: str
    resource: str
    grace: timedelta
    gap: timedelta
    burst: int
    keep_out: timedelta


def refusal(connection: Connection, message: WatchMessage) -> Outcome | None:
    """A connection watches what its ticket names, and always the ticket's own resource."""
    if connection.allows(message.resource):
        return None
    return error(message.id, "not_allowed", NOT_ALLOWED)


def statement(connection: Connection, message: WatchMessage, rules: Rules) -> Watch:
    return Watch(
        connection.user_id,
        connection.node,
        connection.connection_id,
        message.resource,
        rules.grace,
        *rules.limit,
    )


def outcome(_connection: Connection, message: WatchMessage, row: WatchRow) -> Outcome:
    """A repeated message gets the same answer: the connection is there already."""
    return Outcome(
        encode(
            Watching(
                re=message.id,
                server_now=row.server_now,
                resource=message.resource,
                is_counted=row.outcome != "not_connected",
                session=Here(joined_at=row.joined_at, connections=row.connections),
                watched_ms=row.watched_ms,
                visible_ms=row.visible_ms,
            )
        )
    )


OPERATION = Operation(statement, outcome, refusal)
