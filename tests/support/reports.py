"""Past sessions, minutes after a midnight."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncpg

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return MIDNIGHT + timedelta(minutes=minutes)


async def past(  # noqa: PLR0913, PLR0917  # a row has as many columns
    db: asyncpg.Connection,
    joined_at: datetime,
    ended_at: datetime,
    user_id: str = "ann",
    resource: str = "site",
    ended_within: timedelta = timedelta(0),
    ended_by: str = "client",
) -> None:
    await db.execute(
        "insert into past_sessions (id, user_id, resource, joined_at, ended_at, ended_by,"
        " ended_within) select coalesce(max(id), 0) + 1, $1, $2, $3, $4, $5, $6 from past_sessions",
        *(user_id, resource, joined_at, ended_at, ended_by, ended_within),
    )
