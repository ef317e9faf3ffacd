"""$disconnect: a connection leaves its user's session, and why."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from handlers.core.limits import AGE_LIMIT
from handlers.core.operation import Statement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handlers.core.connection import Connection

# The event of a close after two hours looks like an idle close; the connection's age tells them
# apart. localstack/wsgate/docs/aws-behaviour.md §9.7
SLACK = timedelta(minutes=1)
# Closed without a frame (https://www.rfc-editor.org/rfc/rfc6455#section-7.1.5), or by a client that
# comes back, as after a ping without an answer (COMES_BACK in client/src/connection.js): its line
# is as good as cut.
LOST = (1006, 4000)


class Disconnect(Statement[bool], frozen=True):
    """Returns whether that closed the session."""

    function: ClassVar[str] = "disconnect"
    user_id: str
    node: str
    connection_id: str
    ended_by: str
    ticket_id: str
    ticket_expires_at: datetime
    grace: timedelta


def statement(connection: Connection, request: Mapping[str, Any], grace: timedelta) -> Disconnect:
    return Disconnect(
        connection.user_id,
        connection.node,
        connection.connection_id,
        ended_by(request),
        connection.ticket_id,
        connection.ticket_expires_at,
        grace,
    )


def ended_by(request: Mapping[str, Any]) -> str:
    """`client`, `lost`, `idle`, `expired` or `kicked`, from the close code and reason.

    localstack/wsgate/docs/aws-behaviour.md §10.3
    """
    closed = (request.get("disconnectStatusCode"), request.get("disconnectReason"))
    if closed == (1000, "Connection Closed Normally"):
        return "kicked"
    if closed != (1001, "Going away"):
        return "lost" if closed[0] in LOST else "client"
    age = timedelta(milliseconds=request["requestTimeEpoch"] - request["connectedAt"])
    return "expired" if age >= AGE_LIMIT - SLACK else "idle"
