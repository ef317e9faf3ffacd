"""act: something the user did goes to their other connections, in the order of their stream."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

import msgspec

from handlers.core.message import MAX_MESSAGE_BYTES
from handlers.core.operation import Json, Operation, Outcome, Rules, Statement
from handlers.core.reply import error, reply_and_notify
from handlers.core.server_message import Acted

if TYPE_CHECKING:
    from handlers.core.connection import Connection
    from handlers.core.message import ActMessage


MAX_STATE_BYTES = 16_384

REFUSALS = {
    "conflict": "this id was used for another action or a claim: give each action an id of its own",
    # As PostgreSQL writes it, a body may be longer than it was sent: 1e308 has 309 digits.
    "too_large": f"body is larger than {MAX_MESSAGE_BYTES} bytes once stored as JSON: send less",
    "state_too_large": (
        f"with this patch the user's state is larger than {MAX_STATE_BYTES} bytes: "
        "remove keys by setting them to null"
    ),
}


class ActRow(msgspec.Struct, frozen=True):
    outcome: str
    """`acted`, or one of REFUSALS."""
    wait_ms: int | None
    server_now: int
    epoch: UUID | None
    event: Json | None
    others: Json | None


class Act(Statement[ActRow], frozen=True):
    function: ClassVar[str] = "act"
    user_id: str
    action_id: str
    type: str
    body: Json
    patch: Json | None
    gap: timedelta
    burst: int
    keep_out: timedelta


def statement(connection: Connection, message: ActMessage, rules: Rules) -> Act:
    return Act(
        connection.user_id,
        message.id,
        message.type,
        _json(message.body),
        None if message.patch is None else _json(message.patch),
        *rules.limit,
    )


def outcome(connection: Connection, message: ActMessage, row: ActRow) -> Outcome:
    if reason := REFUSALS.get(row.outcome):
        return error(message.id, row.outcome, reason)
    return reply_and_notify(connection, row, partial(Acted, re=message.id))


def _json(value: dict[str, Any]) -> Json:
    return Json(msgspec.json.encode(value).decode())


OPERATION = Operation(statement, outcome)
