"""hello: the client speaks first, and the answer is everything it needs to draw itself."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

import msgspec

from handlers.core.operation import Json, Operation, Outcome, Rules, Statement
from handlers.core.reply import encode, raw
from handlers.core.server_message import Here, Welcome

if TYPE_CHECKING:
    from handlers.core.connection import Connection
    from handlers.core.message import HelloMessage


class HelloRow(msgspec.Struct, frozen=True):
    outcome: str
    wait_ms: int | None
    server_now: int
    resource: str | None
    """What the connection watches; None: it is in no session."""
    joined_at: int | None
    connections: int
    watched_ms: int
    visible_ms: int
    epoch: UUID
    seq: int
    recovered: bool
    events: Json
    state: Json
    bonuses: Json
    broadcasts: Json
    reconnect_within_ms: int
    """After a loss: the time within which to come back."""
    ping_every_ms: int
    rotate_within_ms: int
    """The age by which a connection must have been replaced."""
    has_more_bonuses: bool
    """`ListOffers` has all of them."""


class Hello(Statement[HelloRow], frozen=True):
    function: ClassVar[str] = "hello"
    user_id: str
    node: str
    connection_id: str
    since: int | None
    """The last event that the client has seen; None: its first hello."""
    epoch: str | None
    broadcasts_since: int | None
    """The same of broadcasts; None: all that are not over."""
    gap: timedelta
    burst: int
    keep_out: timedelta
    visible: bool | None = None
    """See `visibility`; None: the client does not say."""
    change: int | None = None


def statement(connection: Connection, message: HelloMessage, rules: Rules) -> Hello:
    return Hello(
        connection.user_id,
        connection.node,
        connection.connection_id,
        message.since,
        message.epoch,
        message.broadcasts_since,
        *rules.limit,
        message.visible,
        message.change,
    )


def outcome(connection: Connection, message: HelloMessage, row: HelloRow) -> Outcome:
    return Outcome(
        encode(
            Welcome(
                re=message.id,
                server_now=row.server_now,
                user_id=connection.user_id,
                resource=row.resource or connection.resource,
                connection_id=connection.connection_id,
                # False: it was ended by mistake, while its node was out of reach. A new one is
                # counted.
                is_counted=row.resource is not None,
                session=Here(joined_at=row.joined_at, connections=row.connections),
                watched_ms=row.watched_ms,
                visible_ms=row.visible_ms,
                reconnect_within_ms=row.reconnect_within_ms,
                ping_every_ms=row.ping_every_ms,
                rotate_within_ms=row.rotate_within_ms,
                epoch=row.epoch,
                seq=row.seq,
                recovered=row.recovered,
                events=raw(row.events),
                state=raw(row.state),
                bonuses=raw(row.bonuses),
                has_more_bonuses=row.has_more_bonuses,
                broadcasts=raw(row.broadcasts),
            )
        )
    )


OPERATION = Operation(statement, outcome)
