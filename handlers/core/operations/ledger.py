"""ledger: what happened to the user's bonuses, a page at a time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

import msgspec

from handlers.core.operation import Json, Operation, Outcome, Rules, Statement
from handlers.core.reply import encode, raw
from handlers.core.server_message import LedgerPage

if TYPE_CHECKING:
    from handlers.core.connection import Connection
    from handlers.core.message import LedgerMessage


class LedgerRow(msgspec.Struct, frozen=True):
    outcome: str
    wait_ms: int | None
    server_now: int
    entries: Json | None
    next: int | None


class Ledger(Statement[LedgerRow], frozen=True):
    function: ClassVar[str] = "ledger_of"
    user_id: str
    before: int | None
    """An entry's id; None: from the newest."""
    gap: timedelta
    burst: int
    keep_out: timedelta


def statement(connection: Connection, message: LedgerMessage, rules: Rules) -> Ledger:
    return Ledger(connection.user_id, message.before, *rules.limit)


def outcome(_connection: Connection, message: LedgerMessage, row: LedgerRow) -> Outcome:
    return Outcome(
        encode(
            LedgerPage(
                re=message.id,
                server_now=row.server_now,
                entries=raw(row.entries),
                next=row.next,
            )
        )
    )


OPERATION = Operation(statement, outcome)
