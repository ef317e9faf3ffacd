"""$connect: a connection joins its user's session. Nothing is pushed to it: it is not open yet."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from handlers.core.operation import Statement

if TYPE_CHECKING:
    from handlers.core.connection import Connection

STATUS = {"refused": 401, "too_many": 429, "kept_out": 429}
REASONS = {"refused": "used_ticket", "too_many": "too_many", "kept_out": "kept_out"}
"""Of refusals, in the metric `handshakes_refused`."""


class Connect(Statement[str], frozen=True):
    """Returns opened, continued, joined, repeated, refused, too_many or kept_out."""

    function: ClassVar[str] = "connect"
    user_id: str
    resource: str
    node: str
    connection_id: str
    ticket_id: str
    ticket_expires_at: datetime
    grace: timedelta
    max_connections: int
    device: str | None


def statement(connection: Connection, grace: timedelta, max_connections: int) -> Connect:
    return Connect(
        connection.user_id,
        connection.resource,
        connection.node,
        connection.connection_id,
        connection.ticket_id,
        connection.ticket_expires_at,
        grace,
        max_connections,
        connection.device,
    )


def status(outcome: str) -> int:
    """The status of the handshake: 401 for a spent ticket, as for a bad one; 429 for a user who
    has as many connections as one may have, or is kept out.
    """
    return STATUS.get(outcome, 200)
