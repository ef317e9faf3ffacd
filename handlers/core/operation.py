"""An operation is a statement and its outcome.

SQL decides, in one statement; a pure function makes the reply and the pushes from its row.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, NewType, Protocol, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from handlers.core.server_message import BonusPush, Error, EventPush, ServerMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import timedelta
    from uuid import UUID

    from handlers.core.connection import Connection

RowT = TypeVar("RowT")
MessageT = TypeVar("MessageT")

Json = NewType("Json", str)
"""A JSON column: its text, as PostgreSQL sends it."""


class Statement(msgspec.Struct, Generic[RowT], frozen=True):
    """What the database is asked, and the type of the rows that it answers with.

    A subclass sets `function`, a function of `sql/functions/` whose parameters are named as the
    fields are, with `p_` before them; or `query`, a file `sql/queries/<query>.sql` that has the
    fields as $1, $2, … in their order. `RowT` is a frozen `msgspec.Struct` whose fields are columns
    of the answer; or the type of its only column; or None for a function that returns nothing.
    """

    function: ClassVar[str] = ""
    query: ClassVar[str] = ""
    order_of: ClassVar[str] = ""
    """Of an order: the field that says what it is about. The HTTP API notes each in the audit."""


class Note(msgspec.Struct, frozen=True):
    """Who orders what, for the audit."""

    author: str
    """The name of the key."""
    source: str | None
    """The address that the request came from."""
    operation: str
    subject: str
    reason: str | None = None


@dataclass(frozen=True)
class Push:
    """One message to one connection."""

    user_id: str
    node: str
    """`domainName/stage`: where the connection's gateway is reached."""
    connection_id: str
    data: bytes


@dataclass
class DeliveryCounts:
    """How many pushes were delivered, and which ones met a connection that is gone."""

    sent: int = 0
    gone: list[Push] = field(default_factory=list)
    undelivered: int = 0
    again: list[Push] = field(default_factory=list)
    """The undelivered ones that may get through if they are tried again."""

    def __str__(self) -> str:
        return f"{self.sent} sent, {len(self.gone)} gone, {self.undelivered} undelivered"


@dataclass(frozen=True)
class Outcome:
    """What an operation leads to: a reply to the connection that asked, and pushes to others."""

    reply: bytes
    pushes: tuple[Push, ...] = ()
    kept_out_for: timedelta | None = None
    """The user kept sending beyond the rate limit: close the connection, and refuse every message
    of theirs for so long."""
    code: str | None = None
    """Of an error."""
    claim: str | None = None
    """The outcome of a claim."""
    broadcast_id: UUID | None = None
    """Of a broadcast that it has made, to be enqueued."""


class Limit(NamedTuple):
    """A message each `gap`, and `burst` of them at once; without a gap there is no limit.

    A user who has another `burst` refused is kept out for `keep_out`.
    """

    gap: timedelta
    burst: int
    keep_out: timedelta


@dataclass(frozen=True)
class Rules:
    """What the operator has set for all users."""

    limit: Limit
    grace: timedelta
    """How long after its last connection a session can be continued."""


@dataclass(frozen=True)
class Operation(Generic[MessageT, RowT]):
    """How one type of message is answered."""

    statement: Callable[[Connection, MessageT, Rules], Statement[RowT]]
    outcome: Callable[[Connection, MessageT, RowT], Outcome]
    refusal: Callable[[Connection, MessageT], Outcome | None] | None = None
    """The answer to what the connection's ticket alone forbids, if it can forbid anything."""


class StreamRow(Protocol):
    """What an action and a claim return: the event in the user's stream, and the connections."""

    @property
    def server_now(self) -> int: ...
    @property
    def epoch(self) -> UUID | None: ...
    @property
    def event(self) -> Json | None: ...
    @property
    def others(self) -> Json | None:
        """`[[node, connection id], …]`: all of the user's open connections."""


def encode(message: ServerMessage) -> bytes:
    """A message to a client. A JSON column goes in as it is: see `raw`."""
    return msgspec.json.encode(message)


def error(
    re: str | None,
    code: str,
    reason: str,
    *,
    retry_after_ms: int | UnsetType = UNSET,
    words: str | UnsetType | None = UNSET,
) -> Outcome:
    """Refuse: `code` is for programs, `reason` one short sentence for people."""
    message = Error(re=re, code=code, reason=reason, retry_after_ms=retry_after_ms, words=words)
    return Outcome(encode(message), code=code)


def raw(column: Json | None) -> Any:
    """A JSON column for `encode`, which copies it unparsed: the field's type says what it holds."""
    return msgspec.Raw(b"null" if column is None else column.encode())


def reply_and_notify(
    connection: Connection,
    row: StreamRow,
    reply: Callable[..., ServerMessage],
    notice: bytes | None = None,
) -> Outcome:
    """Reply to a connection; push the event to the user's others, or `notice` if there is none.

    `reply` makes an `InStream`, all but what the row says. A connection that is missing among the
    user's own was ended by mistake: the reply has `is_counted` false then (see `hello`).
    """
    event = dict[str, Any](server_now=row.server_now, epoch=row.epoch, event=raw(row.event))
    own = (connection.node, connection.connection_id)
    connections = [(node, connection_id) for node, connection_id in json.loads(row.others or "[]")]
    is_lost = row.others is not None and own not in connections
    data = notice if row.event is None else encode(EventPush(**event))
    others = [] if data is None else [one for one in connections if one != own]
    return Outcome(
        encode(reply(is_counted=False if is_lost else UNSET, **event)),
        to_connections(connection.user_id, others, data or b""),
    )


def bonus_message(server_now: int, bonus: Json | None, broadcast: Json | None = None) -> bytes:
    """A bonus for its audience; `broadcast` is its place in their stream of broadcasts, if any."""
    push = BonusPush(server_now=server_now, broadcast=raw(broadcast), bonus=raw(bonus))
    return encode(push)


def to_connections(
    user_id: str, connections: Iterable[tuple[str, str]], data: bytes
) -> tuple[Push, ...]:
    """The same message to several connections of a user."""
    return tuple(Push(user_id, node, connection_id, data) for node, connection_id in connections)
