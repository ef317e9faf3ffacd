"""Campaigns for tests, each with what the test cares about."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg

WHO_IS_DUE = (
    "select user_id, milestone, nth from campaigns c, due_milestones(c, '', '~', false, $1)"
    " where milestone is not null"
)


def milestones(
    *watched: float, every: float | None = None, reward: str = "coin", claim_within: float = 60
) -> list[dict[str, Any]]:
    """After so many seconds each; and one that repeats `every` so many."""
    lengths = [(one, False) for one in watched] + [(every, True)] * (every is not None)
    return [
        {
            "milestone": number,
            "watched_seconds": length,
            "repeats": repeats,
            "reward": {reward: number},
            "claim_within_seconds": claim_within,
        }
        for number, (length, repeats) in enumerate(lengths, 1)
    ]


async def begin(
    db: asyncpg.Connection,
    now: datetime,
    *watched: float,
    every: float | None = None,
    resources: Sequence[str] | None = None,
    **order: Any,
) -> UUID:
    """Create a campaign at that moment and return its id. `order` has parameters by name."""
    given: dict[str, Any] = {
        "campaign_id": uuid4(),
        "resources": resources,
        "is_visible": False,
        "is_each": False,
        "starts_at": None,
        "ends_at": None,
        "milestones": json.dumps(milestones(*watched, every=every)),
        "now": now,
        **order,
    }
    named = ", ".join(f"p_{name} => ${n}" for n, name in enumerate(given, 1))
    assert await db.fetchval(f"select create_campaign({named})", *given.values()) == "created"
    campaign_id: UUID = given["campaign_id"]
    return campaign_id


async def judge(db: asyncpg.Connection | asyncpg.Pool, now: datetime, limit: int = 100) -> int:
    """One run of the schedule. How many bonuses it made."""
    made, since = 0, None
    while True:
        row = await db.fetchrow("select * from judge_campaigns($1, $2, $3)", limit, since, now)
        if row["is_done"]:
            return made
        made, since = made + row["made"], row["since"]


QUARTERS_OF_AN_HOUR = """
select create_campaign(gen_random_uuid(), null, false, false, null, null,
    '[{"milestone": 1, "watched_seconds": 900, "repeats": true, "reward": {},
       "claim_within_seconds": 60}]',
    p_now => now() - interval '1 hour')
"""
"""For all since an hour ago: a bonus for each 15 minutes."""
