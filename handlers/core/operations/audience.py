"""audience: a page asks how many watch what its user may watch, and learns when to ask again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

import msgspec

from handlers.core.operation import Json, Operation, Outcome, Rules, Statement
from handlers.core.reply import encode, error, raw
from handlers.core.server_message import AudienceAnswer

if TYPE_CHECKING:
    from handlers.core.connection import Connection
    from handlers.core.message import AudienceMessage

NOT_ALLOWED = (
    "the ticket of this connection does not allow this resource: send its own, or one that it "
    "names in may_watch"
)


class AudienceRow(msgspec.Struct, frozen=True):
    outcome: str
    wait_ms: int | None
    server_now: int
    users: int | None
    connections: int | None
    sampled_at: int | None
    list: Json | None
    """[{user_id, joined_at, connections}, …]; None: not allowed, or too many."""
    ask_again_ms: int | None


class Audience(Statement[AudienceRow], frozen=True):
    function: ClassVar[str] = "audience"
    user_id: str
    resource: str
    may_list: bool
    gap: timedelta
    burst: int
    keep_out: timedelta


def refusal(connection: Connection, message: AudienceMessage) -> Outcome | None:
    """What a connection may not watch, it may not count either."""
    if connection.allows(message.resource):
        return None
    return error(message.id, "not_allowed", NOT_ALLOWED)


def statement(connection: Connection, message: AudienceMessage, rules: Rules) -> Audience:
    return Audience(connection.user_id, message.resource, connection.may_list, *rules.limit)


def outcome(_connection: Connection, message: AudienceMessage, row: AudienceRow) -> Outcome:
    return Outcome(
        encode(
            AudienceAnswer(
                re=message.id,
                server_now=row.server_now,
                resource=message.resource,
                users=row.users,
                connections=row.connections,
                sampled_at=row.sampled_at,
                list=raw(row.list),
                ask_again_ms=row.ask_again_ms,
            )
        )
    )


OPERATION = Operation(statement, outcome, refusal)
