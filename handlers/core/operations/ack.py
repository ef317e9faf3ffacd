"""ack: a device shows a bonus that asks for acknowledgement; no further round reaches its user."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

import msgspec

from handlers.core.operation import Operation, Outcome, Rules, Statement
from handlers.core.reply import encode
from handlers.core.server_message import Acked

if TYPE_CHECKING:
    from handlers.core.connection import Connection
    from handlers.core.message import AckMessage


class AckRow(msgspec.Struct, frozen=True):
    outcome: str
    wait_ms: int | None


class Ack(Statement[AckRow], frozen=True):
    function: ClassVar[str] = "ack"
    user_id: str
    bonus_id: UUID
    gap: timedelta
    burst: int
    keep_out: timedelta


def statement(connection: Connection, message: AckMessage, rules: Rules) -> Ack:
    return Ack(connection.user_id, message.bonus_id, *rules.limit)


def outcome(_connection: Connection, message: AckMessage, _row: AckRow) -> Outcome:
    return Outcome(encode(Acked(re=message.id)))


OPERATION = Operation(statement, outcome)
