"""bonuses: all that are for the user, a page at a time; the welcome shows the first of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

import msgspec

from handlers.core.operation import Json, Operation, Outcome, Rules, Statement
from handlers.core.reply import encode, raw
from handlers.core.server_message import BonusesPage

if TYPE_CHECKING:
    from handlers.core.connection import Connection
    from handlers.core.message import BonusesMessage


class BonusesRow(msgspec.Struct, frozen=True):
    outcome: str
    wait_ms: int | None
    server_now: int
    bonuses: Json | None
    next: str | None


class ListOffers(Statement[BonusesRow], frozen=True):
    function: ClassVar[str] = "list_offers"
    user_id: str
    after: str | None
    """The `next` of the page before; None: from the start."""
    gap: timedelta
    burst: int
    keep_out: timedelta


def statement(connection: Connection, message: BonusesMessage, rules: Rules) -> ListOffers:
    return ListOffers(connection.user_id, message.after, *rules.limit)


def outcome(_connection: Connection, message: BonusesMessage, row: BonusesRow) -> Outcome:
    return Outcome(
        encode(
            BonusesPage(
                re=message.id,
                server_now=row.server_now,
                bonuses=raw(row.bonuses),
                next=row.next,
            )
        )
    )


OPERATION = Operation(statement, outcome)
