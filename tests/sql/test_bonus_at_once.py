"""Bonuses and streams when all of it happens at the same moment, over connections of their own."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections import Counter
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.support import bonuses
from tests.support.databases import AT_ONCE
from tests.support.waiting import pause_at_random

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Sequence

NODE = "gateway.example/live"
T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)
WINDOW = timedelta(seconds=10)
SECOND = timedelta(seconds=1)
DEVICES = 8


@pytest.fixture
async def others(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection for a transaction that is under way."""
    db = await asyncpg.connect(dsn)
    yield db
    await db.close()


async def come(db: asyncpg.Connection, users: Sequence[str]) -> None:
    await db.execute(
        "insert into watching_times (user_id, resource, joined_at, seen_at, nodes)"
        " select user_id, 'site', $2, $2, $3 from unnest($1::text[]) as user_id",
        *(users, T0, json.dumps({NODE: {f"device-{n}": {} for n in range(DEVICES)}})),
    )


async def drop(db: asyncpg.Connection, stock: int | None = None, users: Sequence[str] = ()) -> UUID:
    return await bonuses.drop(db, user_ids=users, window=WINDOW, stock=stock, now=T0)


async def claim(
    db: asyncpg.Connection, user: str, claim_id: str, bonus_id: UUID, now: datetime = T0
) -> str:
    query = "select outcome from claim($1, $2, $3, p_now => $4)"
    outcome: str = await db.fetchval(query, user, claim_id, bonus_id, now)
    return outcome


async def act(db: asyncpg.Connection, user: str, action_id: str) -> str:
    call = "select outcome from act($1, $2, 'like', '{}', '{\"n\": 1}', p_now => $3)"
    outcome: str = await db.fetchval(call, user, action_id, T0)
    return outcome


async def cancel(db: asyncpg.Connection, bonus_id: UUID) -> str:
    outcome: str = await db.fetchval("select cancel_bonus($1, $2, $3)", bonus_id, uuid4(), T0)
    return outcome


async def close(db: asyncpg.Connection, now: datetime = T0 + 2 * WINDOW) -> int:
    closed: int = await db.fetchval("select close_bonuses(100, $1)", now)
    return closed


async def later(step: Awaitable[object]) -> None:
    """At some moment among the others."""
    await pause_at_random()
    await step


async def waits(db: asyncpg.Pool, other: asyncpg.Connection, does: asyncio.Future[Any]) -> None:
    """Until what it does waits for a lock; which it must."""
    waiting = "select wait_event_type = 'Lock' from pg_stat_activity where pid = $1"
    while not await db.fetchval(waiting, other.get_server_pid()):
        assert not does.done()


async def must_be_consistent(db: asyncpg.Pool) -> None:
    """What holds whatever happened; of the tables alone."""
    assert not await db.fetch(
        "select user_id from user_streams s full join ("
        "    select user_id, array_agg(seq order by seq) as seqs from user_events group by 1) e"
        " using (user_id) where seqs is distinct from array(select generate_series(1, s.seq))"
    ), "a gap in a stream"
    assert not await db.fetch(
        "select bonus_id, user_id from ledger where entry <> 'offered' and user_id is not null"
        " group by 1, 2 having count(*) > 1"
    ), "claimed, and cancelled or expired as well"
    assert not await db.fetch(
        "select bonus_id from ledger where user_id is null and entry <> 'created'"
        " group by 1 having count(*) > 1"
    ), "closed twice"
    assert not await db.fetch(
        "select b.bonus_id from bonuses b where b.ledger_closed_at is not null and exists ("
        "    select from offers o where o.bonus_id = b.bonus_id and not exists ("
        "        select from ledger l where l.bonus_id = b.bonus_id and l.user_id = o.user_id"
        "           and l.entry <> 'offered'))"
    ), "an offer without its last entry"
    grants = await db.fetchrow(
        "select (select count(*) from claims) as claims,"
        "       (select count(*) from ledger where entry = 'claimed') as entries,"
        "       (select count(*) from user_events where type = 'bonus.claimed') as events"
    )
    assert len(set(grants.values())) == 1


async def left(db: asyncpg.Pool, bonus_id: UUID) -> int:
    remaining = "select coalesce(sum(remaining), 0) from bonus_stock where bonus_id = $1"
    found: int = await db.fetchval(remaining, bonus_id)
    return found


# One user, many devices.


@pytest.mark.parametrize("end", [cancel, close])
async def test_a_user_claims_from_everywhere_while_it_ends(pool: asyncpg.Pool, end: Any) -> None:
    await come(pool, ["ann"])
    seen = Counter[str]()
    for turn in range(25):
        bonus_id = await drop(pool, users=["ann", "bob"])
        ids = [f"{turn}-{n % DEVICES}" for n in range(AT_ONCE - 8)]
        outcomes = await asyncio.gather(
            *(claim(pool, "ann", one, bonus_id) for one in ids),
            *(later(act(pool, "ann", f"act-{turn}-{n}")) for n in range(4)),
            later(end(pool, bonus_id) if end is cancel else end(pool)),
        )
        seen += Counter(one for one in outcomes if one)
        granted = await pool.fetchval("select count(*) from claims where bonus_id = $1", bonus_id)
        assert granted == ("claimed" in outcomes)
    await must_be_consistent(pool)
    assert seen["claimed"] >= 1


async def test_the_same_claim_twice_at_once_is_one_grant_and_both_hear_so(
    pool: asyncpg.Pool,
) -> None:
    await come(pool, ["ann"])
    for turn in range(50):
        bonus_id = await drop(pool, stock=5)
        both = "select outcome, event from claim('ann', $1, $2, p_now => $3)"
        answers = await asyncio.gather(
            *(pool.fetchrow(both, f"claim-{turn}", bonus_id, T0) for _ in range(2))
        )
        assert [answer["outcome"] for answer in answers] == ["claimed", "claimed"]
        assert answers[0]["event"] == answers[1]["event"]
        assert await left(pool, bonus_id) == 4
    await must_be_consistent(pool)


async def test_other_devices_hear_that_it_is_the_users_and_not_sold_out(
    pool: asyncpg.Pool,
) -> None:
    await come(pool, ["ann"])
    for turn in range(50):
        bonus_id = await drop(pool, stock=1)
        ids = [f"{turn}-{n}" for n in range(DEVICES)]
        outcomes = await asyncio.gather(*(claim(pool, "ann", one, bonus_id) for one in ids))
        assert Counter(outcomes) == {"claimed": 1, "already_claimed": DEVICES - 1}


@pytest.mark.parametrize("table", ["bonus_stock", "claims", "user_events"])
@pytest.mark.parametrize(
    ("claim_id", "outcome"), [("phone", "claimed"), ("laptop", "already_claimed")]
)
async def test_a_look_that_meets_the_last_grant_sees_all_of_it(
    pool: asyncpg.Pool, others: asyncpg.Connection, table: str, claim_id: str, outcome: str
) -> None:
    """Stopped where it could see a half: the stock gone, or the claim's event, and no claim."""
    await come(pool, ["ann", "bob"])
    bonus_id = await drop(pool, stock=1)
    # The first call of a session stops at the types of its variables.
    assert await claim(others, "bob", "tablet", await drop(pool)) == "claimed"
    async with pool.acquire() as first:
        transaction = first.transaction()
        await transaction.start()
        await first.execute(f"lock table {table} in access exclusive mode")
        assert await claim(first, "ann", "phone", bonus_id) == "claimed"
        looking = asyncio.create_task(claim(others, "ann", claim_id, bonus_id))
        await waits(pool, others, looking)
        await transaction.commit()
    assert await looking == outcome


# Many users, one stock.


@pytest.mark.parametrize("is_cancelled", [False, True])
@pytest.mark.parametrize("stock", [1, 7, 127, 128, 129, 200, 201])
async def test_stock_is_neither_oversold_nor_undersold(
    pool: asyncpg.Pool, stock: int, is_cancelled: bool
) -> None:
    users = [f"user-{n}" for n in range(200)]
    await come(pool, users)
    bonus_id = await drop(pool, stock)
    claims = [claim(pool, user, f"claim-{n}", bonus_id) for user in users for n in range(2)]
    ends = [later(cancel(pool, bonus_id))] if is_cancelled else []
    outcomes = Counter(await asyncio.gather(*claims, *ends))
    granted = await pool.fetchval("select count(*) from claims")
    assert granted + await left(pool, bonus_id) == stock or granted == stock
    assert granted <= stock
    assert outcomes["claimed"] == granted
    if not is_cancelled:
        assert granted == min(stock, len(users))
        assert outcomes["sold_out"] == 2 * max(0, len(users) - stock)
    await must_be_consistent(pool)


async def test_listed_users_claim_while_it_is_cancelled(pool: asyncpg.Pool) -> None:
    """Each of them ends with one last entry: claimed or cancelled."""
    users = [f"user-{n}" for n in range(200)]
    bonus_id = await drop(pool, users=users)
    claims = [claim(pool, user, "claim", bonus_id) for user in users]
    await asyncio.gather(*claims, later(cancel(pool, bonus_id)))
    await must_be_consistent(pool)
    entries = "select count(*) from ledger where entry in ('claimed', 'cancelled')"
    assert await pool.fetchval(f"{entries} and user_id is not null") == len(users)


@asynccontextmanager
async def undone(db: asyncpg.Connection) -> AsyncIterator[None]:
    transaction = db.transaction()
    await transaction.start()
    yield
    await transaction.rollback()


async def test_a_rolled_back_grant_gives_its_stock_back_to_who_waits(
    pool: asyncpg.Pool, others: asyncpg.Connection
) -> None:
    """The last one is held by a claim that fails: not sold out."""
    await come(pool, ["ann", "bob"])
    bonus_id = await drop(pool, stock=1)
    async with pool.acquire() as first, undone(first):
        assert await claim(first, "ann", "phone", bonus_id) == "claimed"
        claiming = asyncio.create_task(claim(others, "bob", "laptop", bonus_id))
        await waits(pool, others, claiming)
    assert await claiming == "claimed"
    assert await claim(pool, "ann", "phone", bonus_id) == "sold_out"


# A claim under way, and the end of its bonus.


async def _cancels(db: asyncpg.Connection, bonus_id: UUID) -> str:
    return await cancel(db, bonus_id)


async def _closes(db: asyncpg.Connection, _bonus_id: UUID) -> int:
    return await close(db, T0 + WINDOW + 1.1 * SECOND)


@pytest.mark.parametrize("end", [_cancels, _closes])
async def test_the_end_of_a_bonus_waits_for_the_claims_under_way(
    pool: asyncpg.Pool, others: asyncpg.Connection, end: Any
) -> None:
    """Without `share_bonus` the ledger would say claimed, and cancelled or expired too."""
    bonus_id = await drop(pool, users=["ann", "bob"])
    in_time = T0 + WINDOW + SECOND / 4
    async with pool.acquire() as first:
        transaction = first.transaction()
        await transaction.start()
        assert await claim(first, "ann", "phone", bonus_id, in_time) == "claimed"
        ending = asyncio.create_task(end(others, bonus_id))
        await waits(pool, others, ending)
        await transaction.commit()
    assert await ending in ("cancelled", 1)
    await must_be_consistent(pool)
    last = "select user_id from ledger where entry in ('cancelled', 'expired') order by user_id"
    assert [row["user_id"] for row in await pool.fetch(last)] == ["bob", None]


async def test_a_claim_behind_the_end_of_its_bonus_waits_and_is_refused(
    pool: asyncpg.Pool, others: asyncpg.Connection
) -> None:
    bonus_id = await drop(pool, users=["ann"])
    async with pool.acquire() as first:
        transaction = first.transaction()
        await transaction.start()
        assert await cancel(first, bonus_id) == "cancelled"
        claiming = asyncio.create_task(claim(others, "ann", "phone", bonus_id))
        await waits(pool, others, claiming)
        await transaction.commit()
    assert await claiming == "cancelled"
    await must_be_consistent(pool)


@pytest.mark.parametrize(
    ("claim_id", "outcome"), [("phone", "claimed"), ("laptop", "already_claimed")]
)
async def test_a_claim_after_the_end_waits_for_one_from_before_it(
    pool: asyncpg.Pool, others: asyncpg.Connection, claim_id: str, outcome: str
) -> None:
    """Of the same user: one device must not say "expired" of what another is just granted."""
    bonus_id = await drop(pool, users=["ann"])
    in_time = T0 + WINDOW + SECOND / 2
    async with pool.acquire() as first:
        transaction = first.transaction()
        await transaction.start()
        assert await claim(first, "ann", "phone", bonus_id, in_time) == "claimed"
        late = in_time + timedelta(milliseconds=1)
        claiming = asyncio.create_task(claim(others, "ann", claim_id, bonus_id, late))
        await waits(pool, others, claiming)
        await transaction.commit()
    assert await claiming == outcome


async def test_bonuses_are_closed_once_by_many_at_once(pool: asyncpg.Pool) -> None:
    """All with the same end, so nothing but their ids can put them in order."""
    users = [f"user-{n}" for n in range(5)]
    for _ in range(5):
        ids = [await drop(pool, users=users) for _ in range(20)]
        await pool.execute(
            "update bonuses set queued_at = now() where bonus_id = any ($1)", ids[::2]
        )
        closed = await asyncio.gather(*(_close_with(pool, n % 2 == 0) for n in range(8)))
        assert sum(closed) == len(ids)
    await must_be_consistent(pool)


async def _close_with(pool: asyncpg.Pool, has_index: bool) -> int:
    """The planner may read them in the order of the index, or in that of the table."""
    async with pool.acquire() as db:
        await db.execute(
            f"set enable_indexscan = {has_index}; set enable_seqscan = {not has_index}"
        )
        await db.execute(f"set enable_bitmapscan = {not has_index}")
        return await close(db)


# Crashes.


@pytest.mark.parametrize(
    "table", ["user_limits", "bonus_stock", "claims", "ledger", "user_streams", "user_events"]
)
async def test_a_crash_in_the_middle_of_a_claim_leaves_nothing_behind(
    dsn: str, pool: asyncpg.Pool, table: str
) -> None:
    await come(pool, ["ann"])
    bonus_id = await drop(pool, stock=2)
    crashing, barring = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    async with barring.transaction():
        await barring.execute(f"lock table {table} in share mode")
        call = "select outcome from claim('ann', 'phone', $1, '1 second', 5, p_now => $2)"
        claiming = asyncio.create_task(crashing.fetchval(call, bonus_id, T0))
        await waits(pool, crashing, claiming)
        await pool.execute("select pg_terminate_backend($1, 5000)", crashing.get_server_pid())
        with pytest.raises((asyncpg.PostgresError, OSError)):
            await claiming
    crashing.terminate()
    await barring.close()
    await must_be_consistent(pool)
    assert await left(pool, bonus_id) == 2
    assert await pool.fetchval("select count(*) from user_streams") == 0
    assert await claim(pool, "ann", "phone", bonus_id) == "claimed"
    assert await cancel(pool, bonus_id) == "cancelled"


# Streams.


async def test_streams_have_no_gap_when_everything_writes_to_them(pool: asyncpg.Pool) -> None:
    users = ["ann", "bob", "cat"]
    bonuses = [await drop(pool, users=users) for _ in range(8)]
    told = "select tell_offers(b, $2, $3) from bonuses b where bonus_id = $1"

    async def tell(bonus_id: UUID) -> None:
        """Two that tell the same offer: one fails, and comes again (see `tell_offers`)."""
        for _ in range(2):
            with suppress(asyncpg.UniqueViolationError):
                await pool.execute(told, bonus_id, users, T0)

    everything = [
        *(act(pool, user, f"act-{n % 20}") for user in users for n in range(40)),
        *(claim(pool, user, f"claim-{n}", n) for user in users for n in bonuses),
        *(tell(bonus_id) for bonus_id in bonuses * 2),
    ]
    random.shuffle(everything)
    await asyncio.gather(*everything)
    await must_be_consistent(pool)
    expected = len(users) * (20 + 2 * len(bonuses))
    assert await pool.fetchval("select sum(seq) from user_streams") == expected


# Limits.


async def spend(
    db: asyncpg.Connection, now: datetime = T0, gap: timedelta = SECOND, burst: int = 20
) -> int:
    wait_ms: int = await db.fetchval("select spend('ann', $1, $2, '1 minute', $3)", gap, burst, now)
    return wait_ms


async def test_a_limit_is_exact_however_many_come_at_once(pool: asyncpg.Pool) -> None:
    call = "select outcome from act('ann', $1, 'like', '{}', null, '1 second', 20, p_now => $2)"
    answers = await asyncio.gather(*(pool.fetchval(call, f"act-{n}", T0) for n in range(AT_ONCE)))
    assert Counter(answers) == {"acted": 20, "slow_down": 20, "kept_out": AT_ONCE - 40}
    assert await pool.fetchval("select count(*) from user_events") == 20


OWN_LIMITS = ("claim(", "ack(")


async def test_all_messages_but_claims_and_acks_count_against_one_limit(
    db: asyncpg.Connection,
) -> None:
    """Whatever they say, and from whatever device."""
    limit = "'1 second', 3, p_now => $1"
    steps = [
        f"act('ann', 'a', 'like', '{{}}', null, {limit})",
        f"claim('ann', 'c', gen_random_uuid(), {limit})",
        f"ack('ann', gen_random_uuid(), {limit})",
        f"hello('ann', 'node', 'phone', 0, 'x', 0, {limit})",
        f"ledger_of('ann', null, {limit})",
        f"watch('ann', 'node', 'laptop', 'stream', '30 seconds', {limit})",
    ]
    for order in itertools.islice(itertools.permutations(steps), 0, None, 60):
        await db.execute("delete from user_limits; delete from user_events")
        rows = [await db.fetchrow(f"select * from {call}", T0) for call in order]  # noqa: S608
        said = [(row["outcome"] == "slow_down", row["wait_ms"]) for row in rows]
        own = [one for call, one in zip(order, said, strict=True) if call.startswith(OWN_LIMITS)]
        rest = [
            one for call, one in zip(order, said, strict=True) if not call.startswith(OWN_LIMITS)
        ]
        assert own == [(False, 0)] * 2
        assert rest == [(False, 0)] * 3 + [(True, 2_000)]


@pytest.mark.parametrize(("after_ms", "wait_ms"), [(999, 1_001), (1_000, 0), (1_001, 0)])
async def test_the_next_message_is_let_through_when_its_time_has_come(
    db: asyncpg.Connection, after_ms: int, wait_ms: int
) -> None:
    assert [await spend(db) for _ in range(20)] == [0] * 20
    assert await spend(db, T0 + timedelta(milliseconds=after_ms)) == wait_ms


@pytest.mark.parametrize("messages", [21, 25, 41, 200])
@pytest.mark.parametrize("gap_us", [1_000_000, 200_000, 333_333])
async def test_a_user_who_waits_as_long_as_told_is_let_through(
    db: asyncpg.Connection, messages: int, gap_us: int
) -> None:
    """And not a moment before, up to the whole milliseconds that it is told in."""
    gap = timedelta(microseconds=gap_us)
    waits_ms = [await spend(db, gap=gap) for _ in range(messages)]
    told = timedelta(milliseconds=abs(waits_ms[-1]))
    kept = await db.fetchval("select free_at from user_limits")
    assert await spend(db, T0 + told - timedelta(milliseconds=1), gap) != 0
    await db.execute("update user_limits set free_at = $1", kept)
    assert await spend(db, T0 + told, gap) == 0


async def test_a_user_who_goes_on_by_another_burst_is_kept_out(db: asyncpg.Connection) -> None:
    waits_ms = [await spend(db) for _ in range(200)]
    assert waits_ms[19:41] == [0, *range(2_000, 22_000, 1_000), -60_000]
    assert set(waits_ms[41:]) == {-60_000}, "they can do nothing to prolong it"


async def test_no_gap_is_no_limit(db: asyncpg.Connection) -> None:
    assert {await spend(db, gap=timedelta(0)) for _ in range(100)} == {0}
    assert await db.fetchval("select count(*) from user_limits") == 0
