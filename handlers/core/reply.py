"""What goes to clients, as bytes: replies, refusals, and bonuses.

Apart from `operation`, so that a function without a message of its own imports none of their types.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType

from handlers.core.operation import Outcome, to_connections
from handlers.core.server_message import BonusPush, Error, EventPush

if TYPE_CHECKING:
    from collections.abc import Callable

    from handlers.core.connection import Connection
    from handlers.core.operation import Json, StreamRow
    from handlers.core.server_message import ServerMessage


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
