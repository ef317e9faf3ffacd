"""A bonus that is not for a user does not exist for them: first who it is for, then the time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from handlers.core.operations.ack import Ack
from handlers.core.operations.claim import Claim
from handlers.core.operations.hello import Hello
from handlers.core.operations.ledger import Ledger
from handlers.services.bonuses import CancelBonus
from tests.support.bonuses import drop
from tests.support.statements import asked

if TYPE_CHECKING:
    import asyncpg

NODE = "gateway.example/live"
NO_LIMIT = (timedelta(0), 1, timedelta(minutes=1))
ENTER = """
insert into watching_times (user_id, resource, joined_at, seen_at, nodes)
    select $1::text, $2, clock_timestamp(), clock_timestamp(),
           jsonb_build_object($3::text, jsonb_build_object($1::text, '{}'::jsonb))
"""
HOUR = timedelta(hours=1)
TIMES = ("upcoming", "open", "sold out", "cancelled", "over")
OTHERS: dict[str, dict[str, Any]] = {
    "another user": {"user_ids": ["bob"]},
    "another resource": {"audience": "resource", "resource": "stream"},
}


async def watches(db: asyncpg.Connection, user: str, resource: str) -> None:
    await db.execute(ENTER, user, resource, NODE)


async def leaves(db: asyncpg.Connection, user: str, resource: str) -> None:
    leave = "delete from watching_times where user_id = $1 and resource = $2"
    await db.execute(leave, user, resource)


async def claims(db: asyncpg.Connection, bonus_id: UUID, user: str = "ann") -> object:
    return await db.fetchval(*asked(Claim(user, uuid4().hex, bonus_id, *NO_LIMIT)))


async def shown(db: asyncpg.Connection, user: str = "ann") -> list[tuple[UUID, str | None]]:
    row = await db.fetchrow(*asked(Hello(user, NODE, user, None, None, None, *NO_LIMIT)))
    return [(UUID(b["bonus_id"]), b["outcome"]) for b in json.loads(row["bonuses"])]


async def listed(db: asyncpg.Connection, user: str = "ann") -> set[UUID]:
    row = await db.fetchrow(*asked(Ledger(user, None, *NO_LIMIT)))
    return {UUID(entry["bonus_id"]) for entry in json.loads(row["entries"])}


async def acks(db: asyncpg.Connection, bonus_id: UUID, user: str = "ann") -> bool:
    """Whether it counts."""
    assert await db.fetchval(*asked(Ack(user, bonus_id, *NO_LIMIT))) == "acked"
    count = "select count(*) from acks where bonus_id = $1 and user_id = $2"
    return bool(await db.fetchval(count, bonus_id, user))


async def at(db: asyncpg.Connection, when: str, **order: Any) -> UUID:
    """A bonus that is upcoming, open, … now."""
    if when == "upcoming":
        order["opens_in"] = HOUR
    if when == "over":
        order["now"] = datetime.now(UTC) - HOUR
    bonus_id = await drop(db, acknowledge=True, stock=1, **order)
    if when == "sold out":
        await db.execute("delete from bonus_stock where bonus_id = $1", bonus_id)
    if when == "cancelled":
        await db.execute(*asked(CancelBonus(bonus_id, uuid4())))
    return bonus_id


@pytest.mark.parametrize("when", TIMES)
@pytest.mark.parametrize("for_", OTHERS)
async def test_a_bonus_for_others_does_not_exist(
    db: asyncpg.Connection, when: str, for_: str
) -> None:
    await watches(db, "ann", "site")
    bonus_id = await at(db, when, **OTHERS[for_])
    assert await claims(db, bonus_id) == await claims(db, uuid4()) == "unknown_bonus"
    assert await shown(db) == []
    assert await listed(db) == set()
    assert not await acks(db, bonus_id)


@pytest.mark.parametrize("when", TIMES)
async def test_for_everyone_is_for_those_who_watch(db: asyncpg.Connection, when: str) -> None:
    bonus_id = await at(db, when)
    assert await claims(db, bonus_id) == "unknown_bonus"
    assert await shown(db) == []
    assert not await acks(db, bonus_id)


REFUSALS = {
    "upcoming": "too_early",
    "open": "claimed",
    "sold out": "sold_out",
    "cancelled": "cancelled",
    "over": "expired",
}
MINE: list[dict[str, Any]] = [
    {},
    {"user_ids": ["ann"]},
    {"audience": "resource", "resource": "site"},
]


@pytest.mark.parametrize("when", TIMES)
@pytest.mark.parametrize("order", MINE)
async def test_a_bonus_for_a_user_says_its_time(
    db: asyncpg.Connection, order: dict[str, Any], when: str
) -> None:
    await watches(db, "ann", "site")
    bonus_id = await at(db, when, **order)
    outcome = {"sold out": "sold_out", "cancelled": "cancelled"}.get(when)
    assert await shown(db) == ([] if when == "over" else [(bonus_id, outcome)])
    assert await acks(db, bonus_id) is (when not in ("cancelled", "over"))
    assert await listed(db) == {bonus_id}
    assert await claims(db, bonus_id) == REFUSALS[when]


async def test_a_resource_is_an_audience_and_watch_time_a_condition(db: asyncpg.Connection) -> None:
    """On another device of theirs they watch it: that counts."""
    bonus_id = await drop(db, audience="resource", resource="stream", min_watched=HOUR)
    await watches(db, "ann", "site")
    assert await claims(db, bonus_id) == "unknown_bonus"
    await watches(db, "ann", "stream")
    assert await claims(db, bonus_id) == "not_eligible"
    assert await shown(db) == [(bonus_id, None)]


async def test_a_claim_that_was_granted_stays_theirs(db: asyncpg.Connection) -> None:
    """The list of what is for them has it while it is; the answer to a claim is about the grant."""
    await watches(db, "ann", "site")
    await watches(db, "ann", "stream")
    bonus_id = await drop(db, audience="resource", resource="stream")
    assert await claims(db, bonus_id) == "claimed"
    assert await shown(db) == [(bonus_id, "claimed")]
    await leaves(db, "ann", "stream")
    assert await claims(db, bonus_id) == "already_claimed"
    assert await shown(db) == []
    assert await listed(db) == {bonus_id}
