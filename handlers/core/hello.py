"""hello: the client speaks first and is answered with everything it needs to draw itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.core.operation import Limit, Outcome, Query, Row, message, raw

if TYPE_CHECKING:
    from handlers.core.arrival import Arrival
    from handlers.core.message import Hello


def query(who: Arrival, said: Hello, limit: Limit) -> Query:
    return Query(
        "hello",
        (
            who.user_id,
            who.node,
            who.connection_id,
            said.since,
            said.epoch,
            said.broadcasts_since,
            limit.gap,
            limit.burst,
        ),
    )


def outcome(who: Arrival, said: Hello, row: Row) -> Outcome:
    return Outcome(
        message(
            "welcome",
            re=said.id,
            server_now=row["server_now"],
            user_id=who.user_id,
            resource=row["resource"] or who.resource,
            connection_id=who.connection_id,
            # False: it was ended wrongly, its node being out of reach. A new one is counted.
            is_counted=row["resource"] is not None,
            session={"joined_at": row["joined_at"], "connections": row["connections"]},
            watched_ms=row["watched_ms"],
            epoch=row["epoch"],
            seq=row["seq"],
            recovered=row["recovered"],
            events=raw(row["events"]),
            state=raw(row["state"]),
            bonuses=raw(row["bonuses"]),
            broadcasts=raw(row["broadcasts"]),
        )
    )
