"""kick: we close a user's connections, all of them or those of one session."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

import msgspec

from handlers.core.operation import Push, Statement
from handlers.core.operations import forget
from handlers.core.reply import error

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

# API Gateway answers 410 for a connection whose handshake it has not answered yet, too: `forget`
# spares the same ones.
HANDSHAKE_MS = 60_000

KICKED = (
    "your service closed this connection: wait for retry_after_ms, then connect again with a new "
    "ticket, if it gives you one"
)
RETRY_AFTER_MS = 2_000


class OpenConnection(msgspec.Struct, frozen=True):
    connection_id: str
    node: str
    device: str | None
    session_id: int
    resource: str
    opened_at: int
    age_ms: int


class ListConnections(Statement[OpenConnection], frozen=True):
    """A user's open connections, the oldest first."""

    query: ClassVar[str] = "connections"
    user_id: str


class EndConnections(Statement[int], frozen=True):
    """Returns how many sessions that closed. The lists are in step."""

    function: ClassVar[str] = "end_connections"
    user_id: str
    session_id: int | None
    """None: all of the user's."""
    nodes: list[str]
    connection_ids: list[str]


@dataclass(frozen=True)
class Target:
    """A connection to be closed."""

    node: str
    connection_id: str
    is_young: bool
    """410 does not mean that it is gone: its handshake may be under way."""


@dataclass(frozen=True)
class Closing:
    """Which targets were closed and which were gone; those in neither list are still open."""

    closed: Collection[Target]
    gone: Collection[Target]


def targets(connections: Sequence[OpenConnection]) -> list[Target]:
    return [Target(one.node, one.connection_id, one.age_ms < HANDSHAKE_MS) for one in connections]


def farewell(user_id: str, target: Target, words: str | None) -> Push:
    """The last message of a connection: a close of API Gateway's has no reason of ours.

    `words`: the operator's, for the user.
    """
    said = error(None, "kicked", KICKED, words=words, retry_after_ms=RETRY_AFTER_MS).reply
    return Push(user_id, target.node, target.connection_id, said)


def statements(
    user_id: str, session_id: int | None, closing: Closing
) -> list[forget.Forget | EndConnections]:
    """Connections that were gone before leave at their last evidence, the others now.

    A session without connections is over for good then. Late $disconnects find it so.
    """
    gone = [forget.GoneConnection(user_id, one.node, one.connection_id) for one in closing.gone]
    ended = EndConnections(
        user_id,
        session_id,
        [one.node for one in closing.closed],
        [one.connection_id for one in closing.closed],
    )
    return [forget.statement(gone, timedelta(0)), ended] if gone else [ended]
