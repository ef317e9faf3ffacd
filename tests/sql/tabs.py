"""Tabs of users at moments of a test's choosing, and what the tables say of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)
GRACE = timedelta(seconds=30)
NODE = "gateway.example/live"
TICKET_LIFE = timedelta(seconds=30)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


@dataclass(frozen=True)
class Tab:
    """One connection of a user, with the ticket that opens it."""

    name: str
    user_id: str = "ann"
    resource: str = "site"
    node: str = NODE
    expires_at: datetime = T0 + TICKET_LIFE

    async def connect(
        self, db: asyncpg.Connection, now: datetime | None = T0, most: int = 100
    ) -> str:
        outcome: str = await db.fetchval(
            "select connect($1, $2, $3, $4, $5, $6, $7, p_max_connections => $8, p_now => $9)",
            self.user_id,
            self.resource,
            self.node,
            self.name,
            f"ticket-{self.name}",
            self.expires_at,
            GRACE,
            most,
            now,
        )
        return outcome

    async def disconnect(
        self, db: asyncpg.Connection, now: datetime | None = T0, ended_by: str = "client"
    ) -> bool:
        closed: bool = await db.fetchval(
            "select disconnect($1, $2, $3, $4, $5, $6, p_grace => $7, p_now => $8)",
            self.user_id,
            self.node,
            self.name,
            ended_by,
            f"ticket-{self.name}",
            self.expires_at,
            GRACE,
            now,
        )
        return closed

    async def watch(
        self, db: asyncpg.Connection, resource: str, now: datetime | None
    ) -> dict[str, Any]:
        return dict(
            await db.fetchrow(
                "select * from watch($1, $2, $3, $4, $5, p_now => $6)",
                *(self.user_id, self.node, self.name, resource, GRACE, now),
            )
        )


async def says(
    db: asyncpg.Connection, tab: Tab, visible: bool, change: int, now: datetime | None = T0
) -> str:
    outcome: str = await db.fetchval(
        "select (visibility($1, $2, $3, $4, $5, p_now => $6)).outcome",
        *(tab.user_id, tab.node, tab.name, visible, change, now),
    )
    return outcome


async def hello(
    db: asyncpg.Connection, tab: Tab, visible: bool, change: int, now: datetime | None = T0
) -> Any:
    return await db.fetchrow(
        "select * from hello($1, $2, $3, null, null, null, p_visible => $4, p_change => $5,"
        " p_now => $6)",
        *(tab.user_id, tab.node, tab.name, visible, change, now),
    )


async def rows(db: asyncpg.Connection) -> list[dict[str, Any]]:
    return [
        {**row, "nodes": json.loads(row["nodes"])}
        for row in await db.fetch("select * from watching_times order by joined_at, id")
    ]


async def the_row(db: asyncpg.Connection) -> dict[str, Any]:
    (row,) = await rows(db)
    return row


def open_connections(row: dict[str, Any]) -> set[str]:
    return {name for node in row["nodes"].values() for name in node}


async def forget(db: asyncpg.Connection, tabs: Sequence[Tab], now: datetime) -> int:
    closed: int = await db.fetchval(
        "select forget($1, $2, $3, $4, p_now => $5)",
        [tab.user_id for tab in tabs],
        [tab.node for tab in tabs],
        [tab.name for tab in tabs],
        ["swept"] * len(tabs),
        now,
    )
    return closed


async def probed(db: asyncpg.Connection, since: datetime) -> None:
    """A whole cycle of the sweep, begun then, found everyone alive."""
    await db.execute("update sweep_cursor set probed_since = $1", since)


# Empty, unless a total is not the time of the sessions that are over, by either clock. No moment
# counts twice.
WRONG_TOTALS = """
with stays as (
    select user_id, resource, false as is_visible, tstzrange(joined_at, ended_at) as stay
      from past_sessions where replaced_by is null
    union all
    select user_id, resource, true, shown
      from past_sessions, tstzmultirange(tstzrange(joined_at, ended_at)) as whole,
           unnest(coalesce(visible, whole)) as shown
     where replaced_by is null
),
united as (
    select user_id, coalesce(resource, '') as resource, is_visible, range_agg(stay) as times
      from stays group by grouping sets ((user_id, is_visible), (user_id, resource, is_visible))
),
lengths as (
    select user_id, resource, is_visible,
           (select coalesce(sum(upper(one) - lower(one)), '0') from unnest(times) as one) as length
      from united
)
select * from (select user_id, resource, sum(length) filter (where not is_visible) as past,
                      coalesce(sum(length) filter (where is_visible), '0') as shown
                 from lengths group by user_id, resource) as sums
    full join watch_totals using (user_id, resource)
 where watched is distinct from past or watched - hidden is distinct from shown
"""


async def finalize(
    db: asyncpg.Connection, now: datetime | None, limit: int = 1_000
) -> tuple[int, bool]:
    """(facts, is_behind)"""
    row = await db.fetchrow("select * from finalize($1, $2)", limit, now)
    return row["events"], row["is_behind"]


async def facts(db: asyncpg.Connection, user_id: str = "ann") -> list[tuple[str, str, datetime]]:
    """(fact, resource, at) of a user, in order."""
    found = await db.fetch(
        "select type, resource, at from presence_events where user_id = $1 order by seq", user_id
    )
    return [tuple(row) for row in found]


async def sessions(db: asyncpg.Connection, user_id: str = "ann") -> list[dict[str, Any]]:
    """All of a user's: open, within their grace, and past."""
    found = await db.fetch("select * from sessions_of($1) order by joined_at, id", user_id)
    return [dict(row) for row in found]
