"""act: something the user did, told to their other connections in the order of their stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from handlers.core.happening import Outcome, Query, Row, error, told
from handlers.core.message import LONGEST_MESSAGE

if TYPE_CHECKING:
    from handlers.core.arrival import Arrival
    from handlers.core.message import Act


def query(who: Arrival, said: Act) -> Query:
    return Query("act", (who.user_id, said.id, said.type, msgspec.json.encode(said.body).decode()))


def outcome(who: Arrival, said: Act, row: Row) -> Outcome:
    if row["outcome"] == "conflict":
        return error(said.id, "conflict", "this id was used for something else")
    if row["outcome"] == "too_large":
        return error(said.id, "too_large", f"as JSON of ours, a body has {LONGEST_MESSAGE} bytes")
    return told(who, row, "acted", re=said.id)
