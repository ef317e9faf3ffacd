"""claim: one bonus for one user, whichever device asks first; every other device is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.core.happening import Outcome, Query, Row, error, told

if TYPE_CHECKING:
    from handlers.core.arrival import Arrival
    from handlers.core.message import Claim


def query(who: Arrival, said: Claim) -> Query:
    return Query("claim", (who.user_id, said.id, said.bonus_id))


def outcome(who: Arrival, said: Claim, row: Row) -> Outcome:
    if row["outcome"] == "conflict":
        return error(said.id, "conflict", "this id was used for something else")
    return told(who, row, "claim", re=said.id, bonus_id=said.bonus_id, outcome=row["outcome"])
