"""What a page learns of its audience, how old it may be, and when it may ask again."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.tabs import Tab, at

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

CROWD = """
insert into watching_times (user_id, resource, joined_at, seen_at, nodes)
    select 'user-' || lpad(n::text, 6, '0'), $2, $3, $3,
           jsonb_build_object('node', jsonb_build_object('tab-' || n, '{}'::jsonb))
      from generate_series(1, $1::integer) n
"""


async def ask(
    db: asyncpg.Connection | asyncpg.Pool,
    now: datetime,
    user: str = "ann",
    resource: str = "site",
    may_list: bool = False,
) -> dict[str, Any]:
    row = await db.fetchrow(
        "select * from audience($1, $2, $3, p_now => $4)", user, resource, may_list, now
    )
    assert row["outcome"] == "counted"
    return {**row, "list": row["list"] and json.loads(row["list"])}


async def crowd(db: asyncpg.Connection, users: int, resource: str = "site") -> None:
    await db.execute(CROWD, users, resource, at(0))


async def counts(db: asyncpg.Connection, seconds: float, **more: Any) -> tuple[int, int]:
    row = await ask(db, at(seconds), **more)
    return row["users"], row["connections"]


async def paces(db: asyncpg.Connection, moments: list[float], **more: Any) -> list[float]:
    return [(await ask(db, at(one), **more))["ask_again_ms"] / 1_000 for one in moments]


async def test_users_and_connections_of_this_resource_are_counted(db: asyncpg.Connection) -> None:
    assert await counts(db, 0) == (0, 0)
    for name, user, resource in [
        *(("a", "ann", "site"), ("b", "ann", "site"), ("c", "bob", "site")),
        *(("d", "bob", "stream"), ("e", "eve", "site")),
    ]:
        await Tab(name, user_id=user, resource=resource).connect(db)
    await Tab("e", user_id="eve").disconnect(db, at(1))
    assert await counts(db, 1) == (2, 3)
    assert await counts(db, 1, resource="stream") == (1, 1)


@pytest.mark.parametrize(("users", "life"), [(1, 5), (25_000, 5), (50_000, 10)])
async def test_a_sample_is_as_old_as_its_size_allows(
    db: asyncpg.Connection, users: int, life: float
) -> None:
    """Its counting is the same share of the database, however many there are."""
    await crowd(db, users)
    assert await counts(db, 0) == (users, users)
    await Tab("late").connect(db, at(1))
    assert await counts(db, life - 0.001) == (users, users)
    assert await counts(db, life) == (users + 1, users + 1)


async def test_a_sample_says_when_it_was_taken(db: asyncpg.Connection) -> None:
    first, second = [await ask(db, at(seconds)) for seconds in (0, 4)]
    # No user watches, so there is no row: nothing is kept under a name that anyone may invent.
    assert (first["sampled_at"], second["sampled_at"]) == (
        first["server_now"],
        second["server_now"],
    )
    assert await db.fetchval("select count(*) from audience_samples") == 0
    await Tab("a").connect(db)
    for seconds in (10, 14.9):
        assert (await ask(db, at(seconds)))["sampled_at"] == first["server_now"] + 10_000


async def test_a_sample_from_the_future_is_taken_again(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    assert await counts(db, 3600) == (1, 1)
    await Tab("b", user_id="bob").connect(db)
    assert await counts(db, 10) == (2, 2)


async def test_many_who_ask_at_once_learn_the_same(
    db: asyncpg.Connection, pool: asyncpg.Pool
) -> None:
    await crowd(db, 1_000)
    for seconds in (0, 60):
        asked = [ask(pool, at(seconds), user=f"user-{n}") for n in range(50)]
        assert {row["users"] for row in await asyncio.gather(*asked)} == {1_000}
        assert await db.fetchval("select sampled_at from audience_samples") == at(seconds)


async def test_while_one_counts_the_others_take_the_old_sample(
    db: asyncpg.Connection, pool: asyncpg.Pool
) -> None:
    await Tab("a").connect(db)
    first = await ask(db, at(0))
    await Tab("b", user_id="bob").connect(db, at(1))
    async with db.transaction():
        assert (await ask(db, at(60)))["users"] == 2
        other = await ask(pool, at(60), user="bob")
        assert (other["users"], other["sampled_at"]) == (1, first["sampled_at"])
    assert (await ask(pool, at(60), user="bob"))["users"] == 2


async def test_the_pace_is_slower_the_longer_nothing_changes(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    assert await paces(db, [0, 20, 60, 240, 900]) == [5, 5, 15, 60, 60]
    bob = Tab("b", user_id="bob", expires_at=at(930))
    await bob.connect(db, at(900))
    assert await paces(db, [906, 910]) == [5, 5]
    await bob.disconnect(db, at(950))
    assert await paces(db, [960]) == [5]


async def test_all_pages_together_ask_no_more_often_than_connections_are_admitted(
    db: asyncpg.Connection,
) -> None:
    await Tab("a").connect(db)
    await db.execute("update line_limits set reconnect_within = $1", timedelta(seconds=345))
    assert await paces(db, [0]) == [345]


async def test_the_connections_of_a_user_share_the_pace(db: asyncpg.Connection) -> None:
    assert await paces(db, [0], user="stranger") == [5]
    for n in range(20):
        await Tab(f"tab-{n}", resource=f"resource-{n % 2}").connect(db)
    assert await paces(db, [0], resource="resource-0") == [100]


async def test_names_are_told_only_to_those_who_may_know_them(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await Tab("b").connect(db)
    await Tab("c", user_id="Zoë 🦊").connect(db, at(1))
    assert (await ask(db, at(2)))["list"] is None
    row = await ask(db, at(2), may_list=True)
    joined_at = row["server_now"] - 2_000
    assert sorted(row["list"], key=lambda one: int(one["joined_at"])) == [
        {"user_id": "ann", "joined_at": joined_at, "connections": 2},
        {"user_id": "Zoë 🦊", "joined_at": joined_at + 1_000, "connections": 1},
    ]


async def test_a_list_follows_joins_and_leaves_and_its_numbers_are_its_own(
    db: asyncpg.Connection,
) -> None:
    await Tab("a").connect(db)
    assert await counts(db, 0, may_list=True) == (1, 1)
    await Tab("b", user_id="bob").connect(db, at(1))
    row = await ask(db, at(2), may_list=True)
    assert [one["user_id"] for one in row["list"]] == ["ann", "bob"]
    assert (row["users"], row["connections"], row["sampled_at"]) == (2, 2, row["server_now"])
    await Tab("a").disconnect(db, at(3))
    row = await ask(db, at(4), may_list=True)
    assert ([one["user_id"] for one in row["list"]], row["users"]) == (["bob"], 1)


@pytest.mark.parametrize(("users", "is_listed"), [(0, True), (50, True), (51, False)])
async def test_no_more_than_fifty_are_listed(
    db: asyncpg.Connection, users: int, is_listed: bool
) -> None:
    await crowd(db, users)
    row = await ask(db, at(0), may_list=True)
    assert (row["users"], row["connections"]) == (users, users)
    assert (row["list"] is not None) == is_listed
    assert len(row["list"] or []) == (users if is_listed else 0)


async def test_a_list_that_grew_since_its_sample_is_not_told_in_part(
    db: asyncpg.Connection,
) -> None:
    await crowd(db, 50)
    await ask(db, at(0))
    await Tab("a").connect(db, at(1))
    row = await ask(db, at(2), may_list=True)
    assert (row["users"], row["connections"], row["list"]) == (50, 50, None)


async def test_asking_counts_against_the_users_limit(db: asyncpg.Connection) -> None:
    call = "select * from audience('ann', 'site', false, '1 second', 2, p_now => $1)"
    outcomes = [(await db.fetchrow(call, at(0)))["outcome"] for _ in range(3)]
    assert outcomes == ["counted", "counted", "slow_down"]


async def test_samples_that_no_page_asks_for_are_pruned(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await ask(db, at(0))
    for seconds, left in [(3_600, 1), (3_601, 0)]:
        await db.execute("select prune('1 day', '1 day', '1 day', 100, $1)", at(seconds))
        assert await db.fetchval("select count(*) from audience_samples") == left
