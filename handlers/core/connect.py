"""$connect: a connection joins its user's session. It is told nothing: it is not open yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.core.operation import Query

if TYPE_CHECKING:
    from datetime import timedelta

    from handlers.core.arrival import Arrival


def query(who: Arrival, grace: timedelta, most_connections: int) -> Query:
    return Query(
        "connect",
        (
            who.user_id,
            who.resource,
            who.node,
            who.connection_id,
            who.ticket_id,
            who.ticket_expires_at,
            grace,
            most_connections,
            who.device,
        ),
    )


def status(outcome: object) -> int:
    """The status of the handshake: a spent ticket is 401, as a bad one is; 429 for one too many."""
    return {"refused": 401, "too_many": 429}.get(str(outcome), 200)
