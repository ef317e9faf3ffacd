"""All happens to a few users at once: nothing fails, waits for ever, or contradicts itself."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg

from handlers.adapters.statements import text
from handlers.core.operation import Json
from handlers.core.operations.act import Act
from handlers.core.operations.claim import Claim
from handlers.core.operations.connect import Connect
from handlers.core.operations.disconnect import Disconnect
from handlers.core.operations.maintenance import JudgeViewers, NextViewers, Prune
from tests.support.bonuses import create_bonus
from tests.support.campaigns import begin
from tests.support.statements import NO_LIMIT, asked

NODE = "gateway.example/live"
WORKERS, TURNS = 16, 90
USERS = [f"user-{n}" for n in range(12)]
STOCKS = (3, 40)
GRACE = timedelta(seconds=30)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


class Crowd:
    """What happens at random, to users who have several tabs each."""

    def __init__(self, pool: asyncpg.Pool, bonuses: list[UUID], seed: int) -> None:
        self.pool, self.bonuses, self.dice = pool, bonuses, random.Random(seed)  # noqa: S311
        self.opened: list[tuple[str, str]] = []
        self.steps = [
            *[self.come] * 6,
            *[self.go] * 4,
            *[self.act] * 4,
            *[self.claim] * 6,
            *[self.forget] * 2,
            *[self.schedule],
        ]

    async def live(self) -> None:
        for _ in range(TURNS):
            await self.dice.choice(self.steps)()

    async def come(self) -> None:
        user, tab = self.dice.choice(USERS), uuid4().hex
        self.opened.append((user, tab))
        expires_at = datetime.now(UTC) + MINUTE
        resource = self.dice.choice(["site", "stream"])
        await self.pool.fetch(
            *asked(Connect(user, resource, NODE, tab, tab, expires_at, GRACE, 50, None))
        )

    async def go(self) -> None:
        if self.opened:
            user, tab = self.dice.choice(self.opened)
            expires_at = datetime.now(UTC) + MINUTE
            await self.pool.fetch(
                *asked(Disconnect(user, NODE, tab, "client", tab, expires_at, GRACE))
            )

    async def act(self) -> None:
        user, action = self.dice.choice(USERS), f"a{self.dice.randint(0, 50)}"
        await self.pool.fetch(*asked(Act(user, action, "like", Json("{}"), None, *NO_LIMIT)))

    async def claim(self) -> None:
        user, bonus = self.dice.choice(USERS), self.dice.choice(self.bonuses)
        claim_id = f"c-{bonus}-{self.dice.randint(0, 2)}"
        await self.pool.fetch(*asked(Claim(user, claim_id, bonus, *NO_LIMIT)))

    async def forget(self) -> None:
        gone = self.dice.sample(self.opened, min(len(self.opened), 20))
        users, tabs = [user for user, _ in gone], [tab for _, tab in gone]
        # As if all were old enough: the first minute is another test.
        later = datetime.now(UTC) + 2 * MINUTE
        await self.pool.fetch(
            "select forget($1, $2, $3, $4, p_now => $5)",
            *(users, [NODE] * len(gone), tabs, ["swept"] * len(gone), later),
        )

    async def schedule(self) -> None:
        (page,) = await self.pool.fetch(*asked(NextViewers(5, None)))
        if page["campaign_id"] is not None:
            place = page["campaign_id"], page["round"], page["after"], page["upto"]
            await self.pool.fetch(*asked(JudgeViewers(*place)))
        await self.pool.fetch(text("sweep"), 5)
        await self.pool.fetch(*asked(Prune(SECOND, SECOND, None, 10)))


async def test_nothing_waits_for_ever_and_nothing_is_contradicted(dsn: str) -> None:
    async with asyncpg.create_pool(dsn, min_size=WORKERS, max_size=WORKERS) as pool:
        bonuses = [uuid4() for _ in STOCKS]
        for bonus, stock in zip(bonuses, STOCKS, strict=True):
            await pool.execute(*create_bonus(bonus, window=10 * MINUTE, stock=stock))
        await begin(pool, datetime.now(UTC), every=1)
        crowd = (Crowd(pool, bonuses, seed) for seed in range(WORKERS))
        await asyncio.gather(*(one.live() for one in crowd))

        for bonus, stock in zip(bonuses, STOCKS, strict=True):
            row = await pool.fetchrow(text("bonus"), bonus, False)
            granted = "select count(*) from ledger where bonus_id = $1 and entry = 'claimed'"
            assert row["claimed"] + row["left"] == stock
            assert await pool.fetchval(granted, bonus) == row["claimed"]
        assert not await pool.fetch(
            "select user_id from user_streams s"
            " where seq <> (select coalesce(max(seq), s.seq) from user_events e"
            "                where e.user_id = s.user_id)"
        ), "the head of a stream is its last event"
        assert not await pool.fetch(
            "select a.id from watching_times a join watching_times b"
            "    on a.user_id = b.user_id and a.resource = b.resource and a.id < b.id"
            " where tstzrange(a.joined_at, a.ended_at) && tstzrange(b.joined_at, b.ended_at)"
        ), "sessions of one user and resource do not overlap"
