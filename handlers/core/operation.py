"""An operation is a statement and its outcome.

SQL decides, in one statement; a pure function makes the reply and the pushes from its row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Generic, NamedTuple, NewType, Protocol, TypeVar

import msgspec

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


def to_connections(
    user_id: str, connections: Iterable[tuple[str, str]], data: bytes
) -> tuple[Push, ...]:
    """The same message to several connections of a user."""
    return tuple(Push(user_id, node, connection_id, data) for node, connection_id in connections)
