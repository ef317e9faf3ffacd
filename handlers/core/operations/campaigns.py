"""campaigns: those that are for the user, and how far they are in each, a page at a time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

import msgspec

from handlers.core.operation import Json, Operation, Outcome, Rules, Statement
from handlers.core.reply import encode, raw
from handlers.core.server_message import CampaignsPage

if TYPE_CHECKING:
    from handlers.core.connection import Connection
    from handlers.core.message import CampaignsMessage


class CampaignsRow(msgspec.Struct, frozen=True):
    outcome: str
    wait_ms: int | None
    server_now: int
    campaigns: Json | None
    next: UUID | None


class ListCampaignsOf(Statement[CampaignsRow], frozen=True):
    function: ClassVar[str] = "list_campaigns"
    user_id: str
    after: UUID | None
    """The `next` of the page before; None: from the start."""
    gap: timedelta
    burst: int
    keep_out: timedelta


def statement(connection: Connection, message: CampaignsMessage, rules: Rules) -> ListCampaignsOf:
    return ListCampaignsOf(connection.user_id, message.after, *rules.limit)


def outcome(_connection: Connection, message: CampaignsMessage, row: CampaignsRow) -> Outcome:
    return Outcome(
        encode(
            CampaignsPage(
                re=message.id,
                server_now=row.server_now,
                campaigns=raw(row.campaigns),
                next=row.next,
            )
        )
    )


OPERATION = Operation(statement, outcome)
