"""ack: a device shows a bonus that wants to be acknowledged; its user is not told again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.core.operation import Limit, Outcome, Query, message

if TYPE_CHECKING:
    from handlers.core.arrival import Arrival
    from handlers.core.message import Ack


def query(who: Arrival, said: Ack, limit: Limit) -> Query:
    return Query("ack", (who.user_id, said.bonus_id, limit.gap, limit.burst))


def outcome(said: Ack) -> Outcome:
    return Outcome(message("acked", re=said.id))
