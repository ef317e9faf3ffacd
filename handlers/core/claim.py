"""claim: one bonus for one user, whichever device asks first; every other device is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.core.operation import Limit, Outcome, Query, Row, error, told

if TYPE_CHECKING:
    from handlers.core.arrival import Arrival
    from handlers.core.message import Claim


def is_allowed(who: Arrival, said: Claim) -> bool:
    """Nobody claims in another's name. Who claims is who the ticket says."""
    return said.user_id in (None, who.user_id)


def refusal(said: Claim) -> Outcome:
    return error(said.id, "not_allowed", "the ticket of this connection is another user's")


def query(who: Arrival, said: Claim, limit: Limit) -> Query:
    return Query("claim", (who.user_id, said.id, said.bonus_id, limit.gap, limit.burst))


def outcome(who: Arrival, said: Claim, row: Row) -> Outcome:
    """Granted, the other devices get the event; sold out, they get the bonus with that outcome."""
    if row["outcome"] == "conflict":
        return error(said.id, "conflict", "this id was used for something else")
    return told(who, row, "claim", re=said.id, bonus_id=said.bonus_id, outcome=row["outcome"])
