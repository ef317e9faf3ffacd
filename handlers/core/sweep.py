"""sweep: which connections are gone, and when they were last known to be open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from handlers.core.forget import Gone
from handlers.core.happening import Query, Row

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


@dataclass(frozen=True)
class Listed:
    """A connection that a session lists as open."""

    user_id: str
    node: str
    connection_id: str
    opened_at: datetime
    probed_since: datetime
    expired_at: datetime
    expired: bool

    @property
    def seen_at(self) -> datetime:
        """It was open when it opened, and when the last whole cycle of the sweep probed it."""
        return min(max(self.opened_at, self.probed_since), self.expired_at)


def query(limit: int) -> Query:
    return Query("sweep", (limit,))


def listed(rows: Sequence[Row]) -> list[Listed]:
    return [Listed(**row) for row in rows]  # type: ignore[arg-type]  # the columns are the fields


def expired(connection: Listed) -> Gone:
    """Two hours old: API Gateway has ended it, nobody needs to ask."""
    return Gone(
        connection.user_id,
        connection.node,
        connection.connection_id,
        "expired",
        connection.seen_at,
        connection.expired_at,
    )


def swept(connection: Listed) -> Gone:
    """Asked, and gone: it ended somewhere between the last evidence and now."""
    return Gone(
        connection.user_id,
        connection.node,
        connection.connection_id,
        "swept",
        connection.seen_at,
    )
