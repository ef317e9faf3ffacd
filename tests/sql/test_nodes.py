"""record_nodes, lost: which nodes are lost, and who was on them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tests.sql.tabs import GRACE, Tab, at

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

DEAD, ALIVE = "dead.example/live", "alive.example/live"
NO_GRACE = timedelta(0)


async def note(
    db: asyncpg.Connection,
    now: datetime,
    *,
    reached: tuple[str, ...] = (),
    unreachable: tuple[str, ...] = (),
    grace: timedelta = GRACE,
) -> list[str]:
    rows = await db.fetch(
        "select record_nodes($1, $2, $3, $4) as n", reached, unreachable, grace, now
    )
    return [row["n"] for row in rows]


async def test_a_node_is_lost_when_the_grace_is_over(db: asyncpg.Connection) -> None:
    assert await note(db, at(0), unreachable=(DEAD,)) == []
    assert await note(db, at(29.999), unreachable=(DEAD,)) == []
    assert await note(db, at(30), unreachable=(DEAD,)) == [DEAD]
    assert await note(db, at(31), unreachable=(DEAD,)) == [DEAD], "until all of it is forgotten"


async def test_a_node_that_answers_is_not_lost(db: asyncpg.Connection) -> None:
    await note(db, at(0), unreachable=(DEAD,))
    await note(db, at(20), reached=(DEAD,))
    assert await note(db, at(40), unreachable=(DEAD,)) == []
    assert await note(db, at(70), unreachable=(DEAD,)) == [DEAD]


async def test_a_node_that_was_not_asked_this_time_is_not_evicted(db: asyncpg.Connection) -> None:
    """It was out of reach once, long ago; who ran out of time knows nothing of it."""
    await note(db, at(0), unreachable=(DEAD,))
    assert await note(db, at(600)) == []
    assert await note(db, at(600), unreachable=(ALIVE,)) == []


async def test_without_a_grace_it_takes_two_looks_still(db: asyncpg.Connection) -> None:
    assert await note(db, at(0), unreachable=(DEAD,), grace=NO_GRACE) == []
    assert await note(db, at(60), unreachable=(DEAD,), grace=NO_GRACE) == [DEAD]


async def test_a_node_that_lets_people_in_is_not_lost(db: asyncpg.Connection) -> None:
    """Then our way to it is broken, and not the node."""
    await Tab("before", "ann", node=DEAD).connect(db, at(0))
    await note(db, at(1), unreachable=(DEAD,))
    assert await note(db, at(60), unreachable=(DEAD,)) == [DEAD]
    await Tab("since", "bob", node=DEAD, expires_at=at(90)).connect(db, at(61))
    assert await note(db, at(120), unreachable=(DEAD,)) == []


async def test_two_runs_that_miss_a_node_count_from_the_first(db: asyncpg.Connection) -> None:
    await note(db, at(0), unreachable=(DEAD, DEAD))
    await note(db, at(10), unreachable=(DEAD,))
    assert await note(db, at(30), unreachable=(DEAD,)) == [DEAD]


async def test_who_came_in_speaks_for_the_node_for_ten_minutes(db: asyncpg.Connection) -> None:
    """It may have died after that, and its connections must not hang until they are 2 h old."""
    await note(db, at(0), unreachable=(DEAD,))
    await Tab("since", node=DEAD).connect(db, at(10))
    assert await note(db, at(609.999), unreachable=(DEAD,)) == []
    assert await note(db, at(610), unreachable=(DEAD,)) == [DEAD]


async def test_who_comes_in_through_another_node_says_nothing_of_it(db: asyncpg.Connection) -> None:
    await note(db, at(0), unreachable=(DEAD,))
    await Tab("since", node=ALIVE).connect(db, at(29))
    assert await note(db, at(30), unreachable=(DEAD,)) == [DEAD]
