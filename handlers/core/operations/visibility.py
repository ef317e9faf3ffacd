"""visibility: the client says whether its user can see it, and the second clock follows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

import msgspec

from handlers.core.operation import Operation, Outcome, Rules, Statement
from handlers.core.reply import encode, error
from handlers.core.server_message import Noted

if TYPE_CHECKING:
    from handlers.core.connection import Connection
    from handlers.core.message import VisibilityMessage

NOT_CONNECTED = (
    "this connection was ended and is in no session, so nothing is noted: connect again, and say "
    "it with the first hello"
)


class VisibilityRow(msgspec.Struct, frozen=True):
    outcome: str
    """`not_connected`: the connection is in no session."""
    wait_ms: int | None
    server_now: int


class Visibility(Statement[VisibilityRow], frozen=True):
    function: ClassVar[str] = "visibility"
    user_id: str
    node: str
    connection_id: str
    visible: bool
    change: int
    """Numbers the states that this connection tells: an older one never overrides a newer one."""
    gap: timedelta
    burst: int
    keep_out: timedelta


def statement(connection: Connection, message: VisibilityMessage, rules: Rules) -> Visibility:
    return Visibility(
        connection.user_id,
        connection.node,
        connection.connection_id,
        message.visible,
        message.change,
        *rules.limit,
    )


def outcome(_connection: Connection, message: VisibilityMessage, row: VisibilityRow) -> Outcome:
    """A repeated message, or one that was overtaken, gets the same answer."""
    if row.outcome == "not_connected":
        return error(message.id, "not_connected", NOT_CONNECTED)
    noted = Noted(re=message.id, server_now=row.server_now, change=message.change)
    return Outcome(encode(noted))


OPERATION = Operation(statement, outcome)
