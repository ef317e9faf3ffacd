"""Bonuses for tests, each with what the test cares about."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

if TYPE_CHECKING:
    import asyncpg

MINUTE = timedelta(minutes=1)


def create_bonus(bonus_id: UUID, **order: object) -> tuple[Any, ...]:
    """A statement that creates a bonus, and its arguments: `db.fetchval(*create_bonus(…))`.

    `order` has parameters of the SQL function by name. Without them the bonus is for everyone, or
    for the `user_ids`, opens at once, and can be claimed for a minute without a stock.
    """
    audience = "users" if order.get("user_ids") else "everyone"
    given = {
        "bonus_id": bonus_id,
        "reward": "{}",
        "audience": audience,
        "resource": None,
        "user_ids": [],
        "opens_in": timedelta(0),
        "window": MINUTE,
        "stock": None,
        "min_watched": None,
        **order,
    }
    named = ", ".join(f"p_{name} => ${n}" for n, name in enumerate(given, start=1))
    return f"select create_bonus({named})", *given.values()


async def drop(db: asyncpg.Connection | asyncpg.Pool, **order: object) -> UUID:
    """Create a bonus and return its id."""
    bonus_id = uuid4()
    assert await db.fetchval(*create_bonus(bonus_id, **order)) == "created"
    return bonus_id
