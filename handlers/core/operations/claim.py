"""claim: one bonus for one user, whichever device asks first; the user's other devices learn it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar, cast
from uuid import UUID

import msgspec
from msgspec import UNSET

from handlers.core.operation import Json, Operation, Outcome, Rules, Statement
from handlers.core.reply import bonus_message, error, raw, reply_and_notify
from handlers.core.server_message import ClaimAnswer

if TYPE_CHECKING:
    from handlers.core.connection import Connection
    from handlers.core.message import ClaimMessage
    from handlers.core.server_message import ClaimOutcome

CONFLICT = "this id was used for an action or another claim: give each claim an id of its own"
ANOTHER_USER = "user_id is another user's: leave it out, a connection claims for its own user"


class ClaimRow(msgspec.Struct, frozen=True):
    outcome: str
    wait_ms: int | None
    server_now: int
    epoch: UUID | None
    event: Json | None
    bonus: Json | None
    """Sold out, if there are other connections that shall see it so."""
    others: Json | None
    progress: Json | None
    """How far the user is towards the least watch time, if that is missing."""
    broadcast_id: UUID | None
    """Tells the audience what is left of the stock: to be enqueued."""


class Claim(Statement[ClaimRow], frozen=True):
    function: ClassVar[str] = "claim"
    user_id: str
    claim_id: str
    bonus_id: UUID
    gap: timedelta
    burst: int
    keep_out: timedelta


def refusal(connection: Connection, message: ClaimMessage) -> Outcome | None:
    """A user cannot claim for another. The ticket says which user this is."""
    if message.user_id in (None, connection.user_id):
        return None
    return error(message.id, "not_allowed", ANOTHER_USER)


def statement(connection: Connection, message: ClaimMessage, rules: Rules) -> Claim:
    return Claim(connection.user_id, message.id, message.bonus_id, *rules.limit)


def outcome(connection: Connection, message: ClaimMessage, row: ClaimRow) -> Outcome:
    """Granted, the other devices get the event; sold out, they get the bonus as sold out."""
    if row.outcome == "conflict":
        return error(message.id, "conflict", CONFLICT)
    reply = partial(
        ClaimAnswer,
        re=message.id,
        bonus_id=message.bonus_id,
        outcome=cast("ClaimOutcome", row.outcome),
        progress=UNSET if row.progress is None else raw(row.progress),
    )
    sold_out = None if row.bonus is None else bonus_message(row.server_now, row.bonus)
    answer = reply_and_notify(connection, row, reply, sold_out)
    return replace(answer, claim=row.outcome, broadcast_id=row.broadcast_id)


OPERATION = Operation(statement, outcome, refusal)
