"""prune and keep_days: each row goes when its time is over, and what depends on it stays right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import asyncpg
import pytest

from handlers.adapters.statements import text
from handlers.services.presence import ALWAYS, NEVER
from tests.sql.tabs import T0, Tab, finalize
from tests.support.bonuses import create_bonus, drop
from tests.support.campaigns import begin, judge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECOND, MINUTE, HOUR, DAY = (timedelta(**{n: 1}) for n in ("seconds", "minutes", "hours", "days"))
KEEP_EVENTS, KEEP_BONUSES = DAY, 30 * DAY
END = T0 + MINUTE
"""Of the window of a bonus that is made at T0."""


async def come(db: asyncpg.Connection, *users: str) -> None:
    for user in users:
        assert await Tab(user, user_id=user).connect(db, T0) == "opened"


async def claim(
    db: asyncpg.Connection, user: str, bonus_id: UUID, claim_id: str = "c", now: datetime = T0
) -> str:
    call = "select outcome from claim($1, $2, $3, p_now => $4)"
    outcome: str = await db.fetchval(call, user, claim_id, bonus_id, now)
    return outcome


async def close(db: asyncpg.Connection, now: datetime = END + HOUR) -> None:
    await db.execute("select close_bonuses(1000, $1)", now)


async def prune(db: asyncpg.Connection, now: datetime, limit: int = 100) -> dict[str, int]:
    """What one call removed, and how much."""
    row = await db.fetchrow(
        "select * from prune($1, $2, $3, $4, $5)", KEEP_EVENTS, DAY, KEEP_BONUSES, limit, now
    )
    return {name: count for name, count in row.items() if count}


async def grants(db: asyncpg.Connection) -> list[tuple[UUID, str]]:
    rows = await db.fetch(text("grants"), 0, 0, ALWAYS, NEVER, None)
    return [(row["bonus_id"], row["user_id"]) for row in rows]


async def count(db: asyncpg.Connection, table: str) -> int:
    number: int = await db.fetchval(f"select count(*) from {table}")  # noqa: S608  # ours
    return number


# ---- offers and broadcasts


async def test_offers_and_stock_go_with_their_broadcast(db: asyncpg.Connection) -> None:
    await drop(db, user_ids=["ann", "bob"], stock=7, now=T0)
    await close(db)
    assert await prune(db, END + KEEP_EVENTS) == {}
    assert await prune(db, END + KEEP_EVENTS + SECOND) == {"offers": 2, "broadcasts": 1}
    assert [await count(db, name) for name in ("bonus_stock", "bonuses")] == [0, 1]
    assert await prune(db, END + KEEP_EVENTS + SECOND) == {}


async def test_a_bonus_whose_ledger_is_open_keeps_its_offers(db: asyncpg.Connection) -> None:
    """The schedule of awards may stand still: each offer still gets its last entry."""
    await drop(db, user_ids=["ann"], now=T0)
    assert await prune(db, END + 2 * DAY) == {}
    await close(db, END + 2 * DAY)
    assert await prune(db, END + 2 * DAY) == {"offers": 1, "broadcasts": 1}
    assert await count(db, "ledger where entry = 'expired' and user_id = 'ann'") == 1


async def test_a_broadcast_goes_with_the_last_of_its_offers(db: asyncpg.Connection) -> None:
    await drop(db, user_ids=[f"user-{n}" for n in range(5)], now=T0)
    await close(db)
    later = END + 2 * DAY
    assert await prune(db, later, limit=2) == {"offers": 2}
    assert await prune(db, later, limit=2) == {"offers": 2}
    assert await prune(db, later, limit=2) == {"offers": 1, "broadcasts": 1}


async def test_news_and_cancellations_go_as_well(db: asyncpg.Connection) -> None:
    news = '{"type": "goal", "body": {}}'
    call = "select create_news($1, $2, 'everyone', null, '1 minute', null, $3)"
    await db.execute(call, uuid4(), news, T0)
    bonus_id = await drop(db, now=T0)
    await db.execute("select cancel_bonus($1, $2, $3)", bonus_id, uuid4(), T0)
    assert await prune(db, END + 2 * DAY) == {"broadcasts": 3}


# ---- grants and bonuses


async def test_a_grant_is_read_until_its_bonus_ended_so_long_ago(db: asyncpg.Connection) -> None:
    await come(db, "ann")
    bonus_id = await drop(db, now=T0)
    assert await claim(db, "ann", bonus_id) == "claimed"
    await close(db)
    await prune(db, END + KEEP_BONUSES - SECOND)
    assert await grants(db) == [(bonus_id, "ann")]
    assert await prune(db, END + KEEP_BONUSES + SECOND) == {"grants": 1, "bonuses": 1}
    assert await grants(db) == []


async def test_a_reader_can_see_that_grants_have_gone(db: asyncpg.Connection) -> None:
    await come(db, "ann", "bob")
    bonus_id = await drop(db, now=T0)
    for user in ("ann", "bob"):
        await claim(db, user, bonus_id)
    (last,) = (await db.fetch(text("grants"), 0, 0, ALWAYS, NEVER, None))[1:]
    await close(db)
    await prune(db, END + 2 * DAY)
    await prune(db, END + 40 * DAY)
    log = await db.fetchrow(text("grant_log"))
    assert (log["pruned_xid"], log["pruned_grant_id"]) == (last["xid"], last["grant_id"])


async def test_a_grant_waits_for_those_before_it(db: asyncpg.Connection) -> None:
    """Then a reader behind the pruned ones has missed some, and one before none."""
    await come(db, "ann", "bob", "cat")
    short, long = [await drop(db, window=window, now=T0) for window in (MINUTE, DAY)]
    for user, bonus_id in (("ann", short), ("bob", long), ("cat", short)):
        await claim(db, user, bonus_id)
    await close(db, T0 + 2 * DAY)
    await prune(db, T0 + 3 * DAY)
    assert await prune(db, END + KEEP_BONUSES + SECOND) == {"grants": 1}
    assert [user for _, user in await grants(db)] == ["bob", "cat"]
    assert await prune(db, T0 + DAY + KEEP_BONUSES + SECOND) == {"grants": 2, "bonuses": 2}


async def test_grants_go_in_batches_and_none_before_its_turn(db: asyncpg.Connection) -> None:
    users = [f"user-{n}" for n in range(5)]
    await come(db, *users)
    bonus_id = await drop(db, now=T0)
    for user in users:
        await claim(db, user, bonus_id)
    await close(db)
    later = END + KEEP_BONUSES + SECOND
    pruned = [(await prune(db, later, limit=2)) for _ in range(4)]
    assert [one.get("grants", 0) for one in pruned] == [2, 2, 1, 0]
    assert sum(one.get("bonuses", 0) for one in pruned) == 1


async def test_a_bonus_of_a_wrong_clock_holds_up_no_grant(db: asyncpg.Connection) -> None:
    """Made and claimed while the clock was a thousand years ahead: it seems to be open for long."""
    await come(db, "ann", "bob", "cat")
    wrong = T0 + 365_000 * DAY
    before, bogus, after = [await drop(db, now=now) for now in (T0, wrong, T0)]
    for user, bonus_id, now in (("ann", before, T0), ("bob", bogus, wrong), ("cat", after, T0)):
        assert await claim(db, user, bonus_id, now=now) == "claimed"
    await close(db)
    await prune(db, END + 2 * DAY)
    assert await prune(db, END + KEEP_BONUSES + SECOND) == {"grants": 2, "bonuses": 2}
    assert await claim(db, "bob", bogus, "again", wrong) == "already_claimed"


async def test_a_claim_that_is_repeated_gets_the_same_answer_while_its_grant_is_kept(
    db: asyncpg.Connection,
) -> None:
    await come(db, "ann")
    bonus_id = await drop(db, user_ids=["ann"], now=T0)
    await claim(db, "ann", bonus_id)
    await close(db)
    later = END + 2 * DAY
    pruned = await prune(db, later)
    assert (pruned["offers"], pruned["events"]) == (1, 1)
    assert await claim(db, "ann", bonus_id, now=later) == "claimed"
    assert await claim(db, "ann", bonus_id, "other", later) == "already_claimed"
    assert len(await grants(db)) == 1


async def test_a_claim_after_its_bonus_has_gone_grants_nothing(db: asyncpg.Connection) -> None:
    await come(db, "ann")
    bonus_id = await drop(db, now=T0)
    await claim(db, "ann", bonus_id)
    await close(db)
    later = END + 40 * DAY
    await prune(db, later)
    await prune(db, later)
    assert await claim(db, "ann", bonus_id, now=later) == "unknown_bonus"
    assert await grants(db) == []


async def test_an_order_is_recognised_for_as_long_as_its_grants_are_kept(
    db: asyncpg.Connection,
) -> None:
    bonus_id = uuid4()
    order = {"user_ids": ["ann"], "fingerprint": "the order"}
    await db.execute(*create_bonus(bonus_id, **order, now=T0))
    await close(db)
    last = END + KEEP_BONUSES
    await prune(db, last)
    assert await db.fetchval(*create_bonus(bonus_id, **order, now=last)) == "repeated"
    assert await count(db, "offers") == 0
    later = last + SECOND
    assert await prune(db, later) == {"bonuses": 1}
    assert await db.fetchval(*create_bonus(bonus_id, **order, now=later)) == "created"


async def test_nothing_of_bonuses_is_removed_when_all_is_kept(db: asyncpg.Connection) -> None:
    await come(db, "ann")
    await claim(db, "ann", await drop(db, now=T0))
    await close(db)
    call = "select grants + bonuses from prune($1, $1, null, 100, $2)"
    assert [await db.fetchval(call, DAY, T0 + 9_999 * DAY) for _ in range(2)] == [0, 0]


async def test_one_run_prunes_at_a_time(db: asyncpg.Connection, dsn: str) -> None:
    await drop(db, user_ids=["ann"], now=T0)
    await close(db)
    other = await asyncpg.connect(dsn)
    async with db.transaction():
        assert await prune(db, END + 2 * DAY)
        assert await prune(other, END + 2 * DAY) == {}, "it does not wait"
    await other.close()


# ---- awards


async def award(db: asyncpg.Connection, now: datetime) -> int:
    return await judge(db, now)


@pytest.mark.slow
async def test_a_session_of_days_is_awarded_once_per_interval_while_its_awards_are_pruned(
    db: asyncpg.Connection,
) -> None:
    await come(db, "ann")
    await begin(db, T0, every=6 * 3_600)
    made = 0
    for hours in range(0, 40 * 24, 3):
        now = T0 + hours * HOUR
        made += await award(db, now)
        assert await award(db, now) == 0
        await close(db, now)
        await prune(db, now)
    assert made == 40 * 4 - 1
    assert await count(db, "campaign_progress") == 1
    assert await count(db, "bonuses") <= 31 * 4


async def test_awards_go_a_month_after_their_campaign(db: asyncpg.Connection) -> None:
    await come(db, "ann", "bob")
    await begin(db, T0, every=60)
    assert await award(db, T0 + 5 * MINUTE) == 1
    await Tab("ann", user_id="ann").disconnect(db, T0 + 5 * MINUTE)
    await finalize(db, T0 + 6 * MINUTE)
    assert await prune(db, T0 + 6 * MINUTE) == {}, "ann may be back, on any day"
    assert await award(db, T0 + 5 * MINUTE) == 0, "they had this one"
    await db.execute("update campaigns set settled_at = $1", T0 + 7 * MINUTE)
    assert "awards" not in await prune(db, T0 + 7 * MINUTE + 30 * DAY)
    assert (await prune(db, T0 + 8 * MINUTE + 30 * DAY))["awards"] == 2
    assert await count(db, "campaign_progress") == 0


# ---- the ledger, by days


@pytest.fixture
async def days(own_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A database whose days a test may make and drop."""
    db = await asyncpg.connect(own_dsn)
    yield db
    await db.close()


async def keep(db: asyncpg.Connection, now: datetime, days: int = 7) -> tuple[list[str], list[str]]:
    row = await db.fetchrow("select * from keep_days($1, $2)", days, now)
    made, dropped = ([name.removeprefix("ledger_") for name in names] for names in row)
    return made, dropped


async def test_today_and_the_next_two_days_are_made(days: asyncpg.Connection) -> None:
    await days.execute("set timezone = 'Pacific/Auckland'")
    made = ["2026_01_01", "2026_01_02", "2026_01_03"]
    assert await keep(days, T0) == (made, [])
    assert await keep(days, T0) == ([], [])


@pytest.mark.parametrize(("after", "dropped"), [(8 * DAY - SECOND, 0), (8 * DAY, 1)])
async def test_a_day_is_dropped_when_it_ended_so_long_ago(
    days: asyncpg.Connection, after: timedelta, dropped: int
) -> None:
    """Seven whole days are kept, and today."""
    midnight = T0 - 12 * HOUR
    await keep(days, midnight)
    assert (await keep(days, midnight + after))[1] == ["2026_01_01"][:dropped]


async def test_a_user_reads_their_ledger_over_all_days(days: asyncpg.Connection) -> None:
    for n in range(12):
        now = T0 + n * DAY
        await keep(days, now)
        await drop(days, user_ids=["ann"], now=now)
    call = "select json_array_length(entries) from ledger_of('ann', p_now => $1)"
    assert await days.fetchval(call, T0 + 11 * DAY) == 8
    partitions = "select count(*) from pg_inherits where inhparent = 'ledger'::regclass"
    assert await days.fetchval(partitions) == 8 + 2 + 1


async def test_an_entry_without_a_day_waits_in_the_default(days: asyncpg.Connection) -> None:
    await drop(days, now=T0)
    assert await count(days, "ledger_default") == 1
    await keep(days, T0)
    assert [await count(days, name) for name in ("ledger_default", "ledger_2026_01_01")] == [0, 1]


async def test_claims_do_not_wait_long_for_a_new_day(
    days: asyncpg.Connection, own_dsn: str
) -> None:
    """A dump reads the ledger for an hour: the day is not made meanwhile, and claims go on."""
    dump = await asyncpg.connect(own_dsn)
    async with dump.transaction():
        await dump.execute("lock table ledger_default in access share mode")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await keep(days, T0)
        await drop(days, now=T0)
    await dump.close()
    assert len((await keep(days, T0))[0]) == 3


# ---- how far behind


async def test_the_lag_is_how_long_the_oldest_has_been_due(db: asyncpg.Connection) -> None:
    call = "select prune_lag($1, $2, $3, $4)"
    keep = (KEEP_EVENTS, 7 * DAY, KEEP_BONUSES)
    assert await db.fetchval(call, *keep, T0) == 0
    await drop(db, user_ids=["ann"], now=T0)
    assert await db.fetchval(call, *keep, END + KEEP_EVENTS) == 0
    assert await db.fetchval(call, *keep, END + KEEP_EVENTS + HOUR) == 3_600
    await close(db)
    await prune(db, END + KEEP_EVENTS + HOUR)
    assert await db.fetchval(call, *keep, END + KEEP_EVENTS + HOUR) == 0


# ---- plans

GROWN = """
insert into user_events select 'user-' || n, 1, 'like', '{}', $1::timestamptz, 'a'
  from generate_series(1, 20000) n;
insert into acks
    select gen_random_uuid(), 'user-' || n, $1::timestamptz from generate_series(1, 20000) n;
insert into bonuses (reward, audience, opens_at, expires_at, created_at, ledger_closed_at)
    select '{}', 'users', t, t + interval '1 minute', t, t
      from (select $1::timestamptz as t from generate_series(1, 20000)) n;
insert into broadcasts (broadcast_id, kind, bonus_id, audience, at, expires_at)
    select bonus_id, 'offer', bonus_id, audience, created_at, expires_at from bonuses;
insert into offers (bonus_id, user_id) select bonus_id, 'ann' from bonuses;
insert into claims (bonus_id, user_id, claim_id, claimed_at)
    select bonus_id, 'ann', 'c', created_at from bonuses;
insert into presence_events select n, 'online', n, 'ann', 'site', $1::timestamptz, $1::timestamptz
  from generate_series(1, 20000) n;
"""
PRUNED = [
    *("user_events", "acks", "bonuses", "broadcasts", "offers", "claims", "presence_events"),
    "bonus_stock",
]


async def _read(db: asyncpg.Connection) -> tuple[int, int]:
    """How many rows have been read from whole tables, and by indexes."""
    await db.execute("select pg_stat_force_next_flush()")
    row = await db.fetchrow(
        "select sum(seq_tup_read)::bigint, sum(coalesce(idx_tup_fetch, 0))::bigint"
        " from pg_stat_user_tables where relname = any ($1)",
        PRUNED,
    )
    return tuple(row)


@pytest.mark.parametrize("days", [0, 40])
async def test_a_run_reads_what_it_removes_and_not_the_rest(own_dsn: str, days: int) -> None:
    """Planned on empty tables, as by a process that has been there since the night."""
    db = await asyncpg.connect(own_dsn)
    for table in PRUNED:
        await db.execute(f"alter table {table} set (autovacuum_enabled = off)")
    await db.execute("set plan_cache_mode = force_generic_plan")
    await prune(db, T0)
    for statement in GROWN.split(";")[:-1]:
        moment = f"'{T0.isoformat()}'"
        await db.execute(statement.replace("$1", moment))
    before = await _read(db)
    pruned = await prune(db, T0 + days * DAY)
    after = await _read(db)
    assert bool(pruned) == bool(days)
    whole, by_index = (b - a for a, b in zip(before, after, strict=True))
    assert (whole, by_index < 10_000) == (0, True)
    await db.close()


async def act(db: asyncpg.Connection, user: str, now: datetime, action_id: str = "a") -> int:
    """The number of the event."""
    call = "select event ->> 'seq' from act($1, $2, 'like', '{}', p_now => $3)"
    return int(await db.fetchval(call, user, action_id, now))


async def prune_streams(db: asyncpg.Connection, now: datetime, limit: int = 100) -> int:
    pruned: int = await db.fetchval("select prune_streams(2, $1, $2)", limit, now)
    return pruned


async def test_a_stream_goes_so_many_whole_months_after_its_last_event(
    db: asyncpg.Connection,
) -> None:
    """By months of UTC, whatever the role's zone; the later events keep it."""
    await db.execute("set timezone = 'Pacific/Kiritimati'")
    january, march = (datetime(2026, month, 31, 23, 59, 59, tzinfo=UTC) for month in (1, 3))
    await act(db, "idle", january)
    await act(db, "back", january)
    await act(db, "back", january + SECOND, "b")
    await db.execute("delete from user_events")
    assert await prune_streams(db, march) == 0
    assert await prune_streams(db, march + SECOND) == 1
    assert await db.fetchval("select user_id from user_streams") == "back"
    assert await act(db, "idle", march) == 1, "a new stream"


async def test_a_stream_stays_as_long_as_one_of_its_events(db: asyncpg.Connection) -> None:
    for user in ("one", "other"):
        await act(db, user, T0)
    later = T0 + 200 * DAY
    assert await prune_streams(db, later) == 0
    await db.execute("delete from user_events")
    assert [await prune_streams(db, later, limit=1) for _ in range(3)] == [1, 1, 0]


async def test_an_offer_keeps_a_stream_as_an_action_does(db: asyncpg.Connection) -> None:
    bonus_id = await drop(db, user_ids=["ann"], now=T0)
    await db.execute(
        "select tell_offers(b, array['ann'], $2) from bonuses b where bonus_id = $1", bonus_id, T0
    )
    month = await db.fetchval("select last_month from user_streams")
    assert (month.year, month.month, month.day) == (T0.year, T0.month, 1)


async def test_what_is_kept_for_ever_is_not_pruned(db: asyncpg.Connection) -> None:
    await act(db, "ann", T0)
    bonus_id = await drop(db, user_ids=["ann"], acknowledge=True, now=T0)
    await db.execute("insert into acks values ($1, 'ann', $2)", bonus_id, T0)
    await close(db)
    row = await db.fetchrow("select * from prune(null, null, null, 100, $1)", T0 + 1000 * DAY)
    assert not any(row.values())
