"""$disconnect: a connection leaves its user's session, and why."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from handlers.core.operation import Query

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handlers.core.arrival import Arrival

# API Gateway ends a connection two hours after it opened (APIGW.md §9.7); the event of that close
# looks like the one of an idle close, so the connection's age tells them apart.
LIFE = timedelta(hours=2)
SLACK = timedelta(minutes=1)


def query(who: Arrival, request: Mapping[str, Any], grace: timedelta) -> Query:
    return Query(
        "disconnect",
        (
            who.user_id,
            who.node,
            who.connection_id,
            ended_by(request),
            who.ticket_id,
            who.ticket_expires_at,
            grace,
        ),
    )


def ended_by(request: Mapping[str, Any]) -> str:
    """`client`, `idle`, `expired` or `kicked`, from the close code and reason (APIGW.md §10.3)."""
    closed = (request.get("disconnectStatusCode"), request.get("disconnectReason"))
    if closed == (1000, "Connection Closed Normally"):
        return "kicked"
    if closed != (1001, "Going away"):
        return "client"
    age = timedelta(milliseconds=request["requestTimeEpoch"] - request["connectedAt"])
    return "expired" if age >= LIFE - SLACK else "idle"
