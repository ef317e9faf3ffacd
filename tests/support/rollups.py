"""Roll-ups as the sweep makes them, and what there is of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

ROWS = """
select is_visible, resource, starts_at, watched, uncertain, went_on, began, came_back, viewers,
       peak_viewers, peak_at, peak_users, peak_users_at
  from rollups order by starts_at, resource, is_visible
"""


async def has_swept(db: asyncpg.Connection, since: datetime) -> None:
    """A whole cycle of the sweep has ended, which began then."""
    await db.execute("update sweep_cursor set probed_since = $1", since)


async def roll_up(db: asyncpg.Connection, now: datetime, limit: int = 7) -> int:
    """As the sweep does it, until there is nothing to do. Returns how many quarters."""
    quarters: int = 0
    while True:
        row = await db.fetchrow("select * from roll_up($1, $2)", limit, now)
        quarters += int(row["quarters"])
        if not row["is_behind"]:
            return quarters
