"""ledger: what happened to the user's bonuses, a page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.core.operation import Limit, Outcome, Query, Row, message, raw

if TYPE_CHECKING:
    from handlers.core.arrival import Arrival
    from handlers.core.message import Ledger


def query(who: Arrival, said: Ledger, limit: Limit) -> Query:
    return Query("ledger", (who.user_id, said.before, limit.gap, limit.burst))


def outcome(said: Ledger, row: Row) -> Outcome:
    return Outcome(
        message(
            "ledger",
            re=said.id,
            server_now=row["server_now"],
            entries=raw(row["entries"]),
            next=row["next"],
        )
    )
