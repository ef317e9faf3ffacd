"""An operation is a statement and its outcome.

SQL decides, in one statement; a pure function makes the reply and the pushes of its row.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Generic, NewType, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta

    from handlers.core.arrival import Arrival

Row = dict[str, object]
"""A row of a query; JSON columns are text, as PostgreSQL sends them."""


RowT = TypeVar("RowT")

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


@dataclass(frozen=True)
class Query:
    """A named statement of `sql/queries/` and its parameters, in order."""

    name: str
    args: tuple[object, ...]


@dataclass(frozen=True)
class Limit:
    """What one user may say: a message each `gap`, `burst` of them at once; no gap: anything."""

    gap: timedelta
    burst: int


@dataclass(frozen=True)
class Push:
    """One message to one connection."""

    user_id: str
    node: str
    """`domainName/stage`: where the connection's gateway is reached."""
    connection_id: str
    data: bytes


@dataclass(frozen=True)
class Outcome:
    """What a happening says: a reply to the connection it came from, pushes to others."""

    reply: bytes
    pushes: tuple[Push, ...] = ()
    disconnects: bool = False
    """Whoever is told to slow down and goes on regardless loses the connection."""


def message(type_: str, **fields: object) -> bytes:
    """A message to a client. JSON that PostgreSQL made goes in as it is: see `raw`."""
    return msgspec.json.encode({"type": type_, **fields})


def error(re: str | None, code: str, reason: str) -> Outcome:
    """Refuse: `code` is for programs, `reason` one short sentence for people."""
    return Outcome(message("error", re=re, code=code, reason=reason))


def over_limit(re: str, row: Row) -> Outcome | None:
    """What somebody is told whose message was one too many; None if it was not."""
    if row["outcome"] not in ("slow_down", "disconnect"):
        return None
    reply = message(
        "error",
        re=re,
        code="slow_down",
        reason="too many messages of this user",
        retry_after_ms=abs(int(str(row["wait_ms"]))),
    )
    return Outcome(reply, disconnects=row["outcome"] == "disconnect")


def raw(value: object) -> msgspec.Raw:
    """A JSON column for `message`, without reading it."""
    return msgspec.Raw(b"null" if value is None else str(value).encode())


def told(who: Arrival, row: Row, reply_type: str, **reply: object) -> Outcome:
    """Answer the connection it came from, and tell all the user's others: the event, or the bonus
    that is sold out, or nothing where there is neither.

    `row` has server_now, epoch, event and others: what both an action and a claim return. A
    connection that is not among the user's own was ended wrongly, and is told so (see `hello`).
    """
    happened = {
        "server_now": row["server_now"],
        "epoch": row["epoch"],
        "event": raw(row["event"]),
    }
    open_ones = connections(row["others"])
    others = [one for one in open_ones if one != (who.node, who.connection_id)]
    if row["others"] is not None and len(others) == len(open_ones):
        reply["is_counted"] = False
    pushes: tuple[Push, ...] = ()
    if row["event"] is not None:
        pushes = to_connections(who.user_id, others, message("event", **happened))
    elif row.get("bonus") is not None:
        pushes = to_connections(who.user_id, others, bonus_message(row))
    return Outcome(message(reply_type, **reply, **happened), pushes)


def bonus_message(row: Row) -> bytes:
    """A bonus as its audience is told of it; `broadcast` is its place in their stream, if any."""
    return message(
        "bonus",
        server_now=row["server_now"],
        broadcast=raw(row.get("broadcast")),
        bonus=raw(row["bonus"]),
    )


def to_connections(
    user_id: str, connections: Iterable[tuple[str, str]], data: bytes
) -> tuple[Push, ...]:
    """The same message to several connections of a user."""
    return tuple(Push(user_id, node, connection_id, data) for node, connection_id in connections)


def connections(column: object) -> list[tuple[str, str]]:
    """`[[node, connection id], …]`, as SQL lists a user's connections."""
    return [(node, connection_id) for node, connection_id in json.loads(str(column or "[]"))]
