"""watch: a connection moves to another resource; its user leaves the one and joins the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.core.arrival import ANYTHING
from handlers.core.operation import Limit, Outcome, Query, Row, error, message

if TYPE_CHECKING:
    from datetime import timedelta

    from handlers.core.arrival import Arrival
    from handlers.core.message import Watch


def is_allowed(who: Arrival, said: Watch) -> bool:
    """Whether the connection's ticket lets it watch this: its own resource always."""
    return (
        said.resource == who.resource or who.may_watch == ANYTHING or said.resource in who.may_watch
    )


def refusal(said: Watch) -> Outcome:
    return error(
        said.id, "not_allowed", "the ticket of this connection does not name this resource"
    )


def query(who: Arrival, said: Watch, grace: timedelta, limit: Limit) -> Query:
    where = (who.user_id, who.node, who.connection_id, said.resource)
    return Query("watch", (*where, grace, limit.gap, limit.burst))


def outcome(said: Watch, row: Row) -> Outcome:
    """Twice, it answers twice: the connection is there already.

    In no session, the connection moves nowhere, and is told so in the words of `hello`.
    """
    return Outcome(
        message(
            "watching",
            re=said.id,
            server_now=row["server_now"],
            resource=said.resource,
            is_counted=row["outcome"] != "not_connected",
            session={"joined_at": row["joined_at"], "connections": row["connections"]},
            watched_ms=row["watched_ms"],
        )
    )
