"""act: something the user did, told to their other connections in the order of their stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from handlers.core.message import MAX_MESSAGE
from handlers.core.operation import Limit, Outcome, Query, Row, error, told

if TYPE_CHECKING:
    from handlers.core.arrival import Arrival
    from handlers.core.message import Act


MAX_STATE = 16_384


def query(who: Arrival, said: Act, limit: Limit) -> Query:
    patch = None if said.patch is None else _json(said.patch)
    return Query(
        "act",
        (who.user_id, said.id, said.type, _json(said.body), patch, limit.gap, limit.burst),
    )


def outcome(who: Arrival, said: Act, row: Row) -> Outcome:
    if row["outcome"] == "conflict":
        return error(said.id, "conflict", "this id was used for something else")
    if row["outcome"] == "too_large":
        return error(said.id, "too_large", f"as JSON of ours, a body has {MAX_MESSAGE} bytes")
    if row["outcome"] == "state_too_large":
        return error(said.id, "state_too_large", f"a user's state has at most {MAX_STATE} bytes")
    return told(who, row, "acted", re=said.id)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
