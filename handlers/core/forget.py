"""forget: connections found gone leave their sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from handlers.core.operation import Query

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from handlers.core.operation import Push


@dataclass(frozen=True)
class Gone:
    """A connection that has ended, and how we know: `swept`, `expired` or `node_evicted`."""

    user_id: str
    node: str
    connection_id: str
    ended_by: str = "swept"


def query(gone: Sequence[Gone], grace: timedelta) -> Query:
    return Query(
        "forget",
        (
            [one.user_id for one in gone],
            [one.node for one in gone],
            [one.connection_id for one in gone],
            [one.ended_by for one in gone],
            grace,
        ),
    )


def found_gone(push: Push) -> Gone:
    """A push met 410: the gateway knows the connection no more."""
    return Gone(push.user_id, push.node, push.connection_id)
