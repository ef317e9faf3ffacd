"""kick: a user's connections are closed from our side, all of them or those of one session."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from handlers.core import forget
from handlers.core.operation import Query

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from handlers.core.operation import Row

# API Gateway answers 410 for a connection whose handshake it has not answered yet, too: `forget`
# spares the same ones.
HANDSHAKE_MS = 60_000


@dataclass(frozen=True)
class Target:
    """A connection that is to be closed."""

    node: str
    connection_id: str
    is_young: bool
    """410 does not say that it is gone: its handshake may be under way."""


@dataclass(frozen=True)
class Closing:
    """What came of the targets; whatever is in neither list is still there."""

    closed: Collection[Target]
    gone: Collection[Target]


def targets(devices: Sequence[Row], session_id: int | None) -> list[Target]:
    """The connections of one session, or all of them."""
    return [
        Target(str(one["node"]), str(one["connection_id"]), int(str(one["age_ms"])) < HANDSHAKE_MS)
        for one in devices
        if session_id in (None, one["session_id"])
    ]


def queries(user_id: str, session_id: int | None, closing: Closing) -> list[Query]:
    """Those that were gone before leave at their last evidence, the others now.

    With nobody left a session is over for good. The $disconnects that follow find it so.
    """
    gone = [forget.Gone(user_id, one.node, one.connection_id) for one in closing.gone]
    ended = Query(
        "end_connections",
        (
            user_id,
            session_id,
            [one.node for one in closing.closed],
            [one.connection_id for one in closing.closed],
        ),
    )
    return [forget.query(gone, timedelta(0)), ended] if gone else [ended]
