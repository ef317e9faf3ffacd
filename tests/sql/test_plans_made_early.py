"""A statement that was planned on empty tables still serves a crowd."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.support.bonuses import create_bonus
from tests.support.databases import copied, named
from tests.support.plans import Crowd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

NODE = "gateway.example/live"
TABLES = [
    *("acks", "bonus_stock", "bonuses", "broadcasts", "claims", "ledger_default", "offers"),
    *("corrections", "rollups_due"),
    *("past_sessions_default", "user_events", "user_limits", "user_streams", "watch_totals"),
    "watching_times",
]
# Users with a row or two in each table.
FILL = """
insert into watching_times (user_id, resource, joined_at, seen_at, nodes)
    select user_id, 'site', now(), now(), '{"gateway.example/live": {"tab": {}}}' from names;
insert into user_limits (user_id, free_at, counted_at, kind)
    select user_id, now(), now(), kind from names, unnest(array['message', 'claim', 'ack']) as kind;
insert into bonuses (bonus_id, reward, audience, opens_at, expires_at, stock, created_at,
                     ledger_closed_at)
    select gen_random_uuid(), '{}', 'everyone', now() - interval '2 hours',
           now() - interval '1 hour', 1, now() - interval '2 hours', now() from names;
insert into bonus_stock select bonus_id, 0, 1 from bonuses on conflict do nothing;
insert into broadcasts (broadcast_id, kind, news, audience, at, expires_at)
    select gen_random_uuid(), 'news', '{}', 'users', now(), now() + interval '1 hour' from names;
insert into offers (bonus_id, user_id, expires_at)
    select md5((split_part(user_id, '-', 2)::integer / 3)::text)::uuid, user_id,
           now() + interval '1 hour' from names;
insert into claims (bonus_id, user_id, claim_id, claimed_at)
    select gen_random_uuid(), user_id, 'c', now() from names;
insert into acks (bonus_id, user_id, at) select gen_random_uuid(), user_id, now() from names;
insert into ledger (bonus_id, user_id, entry, at)
    select gen_random_uuid(), user_id, 'claimed', now() from names;
insert into user_streams select user_id, 1 from names;
insert into user_events select user_id, 1, 'like', '{}', now(), 'a1' from names;
insert into past_sessions (id, user_id, resource, joined_at, ended_at, ended_by, ended_within)
    select hashtextextended(user_id, 0), user_id, 'site', now() - interval '2 hours',
           now() - random() * interval '1 hour', 'client', '0' from names;
insert into corrections
    select gen_random_uuid(), hashtextextended(user_id, 1), user_id, 'site', 1, '{}', 'r', 'a',
           now(), now() from names;
insert into watch_totals
    select user_id, resource, '1 hour', now() from names, unnest(array['', 'site']) as resource;
"""
READ = """
select (select coalesce(sum(seq_tup_read), 0) from pg_stat_user_tables where relname = any ($1))
       + (select coalesce(sum(idx_tup_read), 0) from pg_stat_user_indexes where relname = any ($1))
"""


@pytest.fixture
async def db(own_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """To a database that was vacuumed while it had a few users, and is not looked after since."""
    db = await asyncpg.connect(own_dsn)
    for table in TABLES:
        await db.execute(f"alter table {table} set (autovacuum_enabled = off)")
    await db.execute("create table names (user_id text)")
    await _fill(own_dsn, "early", 9)
    await db.execute("vacuum analyze")
    # A function's statements are planned for whatever parameters after their fifth call.
    await db.execute("set plan_cache_mode = force_generic_plan")
    yield db
    await db.close()


Call = Callable[[asyncpg.Connection, str, UUID], Awaitable[object]]


async def claim(db: asyncpg.Connection, user: str, bonus: UUID) -> object:
    return (await db.fetchval("select claim($1, 'c', $2, '1 second', 50)", user, bonus))[0]


async def act(db: asyncpg.Connection, user: str, _bonus: UUID) -> object:
    call = "select act($1, $2, 'like', '{}', '{\"a\": 1}', '1 second', 50)"
    return (await db.fetchval(call, user, uuid4().hex))[0]


async def hello(db: asyncpg.Connection, user: str, _bonus: UUID) -> object:
    call = "select outcome from hello($1, $2, 'tab', 0, 'x', 0, '1 second', 50)"
    return await db.fetchval(call, user, NODE)


async def ledger(db: asyncpg.Connection, user: str, _bonus: UUID) -> object:
    return await db.fetchval("select outcome from ledger_of($1, null, '1 second', 50)", user)


async def connect(db: asyncpg.Connection, user: str, _bonus: UUID) -> object:
    """Also for a user who is here already, with another tab."""
    call = "select connect($1, 'site', $2, $3, $3, now() + interval '1 minute', '30 seconds')"
    return await db.fetchval(call, user, NODE, uuid4().hex)


async def disconnect(db: asyncpg.Connection, user: str, _bonus: UUID) -> object:
    call = "select disconnect($1, $2, 'tab', 'client', $3, now() + interval '1 minute')"
    return await db.fetchval(call, user, NODE, uuid4().hex)


async def watch(db: asyncpg.Connection, user: str, _bonus: UUID) -> object:
    call = "select outcome from watch($1, $2, 'tab', 'stream', '30 seconds')"
    return await db.fetchval(call, user, NODE)


async def visibility(db: asyncpg.Connection, user: str, _bonus: UUID) -> object:
    call = "select outcome from visibility($1, $2, 'tab', false, 1, '1 second', 50)"
    return await db.fetchval(call, user, NODE)


async def ack(db: asyncpg.Connection, user: str, bonus: UUID) -> object:
    return (await db.fetchval("select ack($1, $2, '1 second', 50)", user, bonus))[0]


async def reject(db: asyncpg.Connection, user: str, _bonus: UUID) -> object:
    return (await db.fetchval("select reject($1, 1, '1 second', 50)", user))[0]


async def end_connections(db: asyncpg.Connection, user: str, _bonus: UUID) -> object:
    call = "select end_connections($1, null, array[$2], array['tab'])"
    return await db.fetchval(call, user, NODE)


async def suspect(db: asyncpg.Connection, user: str, _bonus: UUID) -> object:
    call = "select suspect(array[$1], array[$2], array['tab'], array[true]) is not null"
    return await db.fetchval(call, user, NODE)


async def finalize(db: asyncpg.Connection, user: str, _bonus: UUID) -> object:
    """The session goes to the past ones, and what it has is added to what its user has watched."""
    await db.execute(
        "select disconnect($1, $2, 'tab', 'client', $3, now() + interval '1 minute', '0')",
        user,
        NODE,
        uuid4().hex,
    )
    return await db.fetchval("select events from finalize(100, now())")


async def watched(db: asyncpg.Connection, user: str, _bonus: UUID) -> object:
    return await db.fetchval("select watched($1, null, now()) > interval '0'", user)


async def forget(db: asyncpg.Connection, user: str, _bonus: UUID) -> object:
    call = "select forget($1, $2, array['tab'], array['swept'])"
    return await db.fetchval(call, [user], [NODE])


async def correct(db: asyncpg.Connection, user: str, _bonus: UUID) -> object:
    call = (
        "select outcome from create_correction(gen_random_uuid(), $1, hashtextextended($1, 0), 0,"
        " '{}', '{}', 'reason', 'author', 'digest')"
    )
    return await db.fetchval(call, user)


async def push(
    db: asyncpg.Connection, audience: str, user_ids: list[str], limit: int = 10
) -> object:
    """The first page of a new bonus. Its shard is there: to plan it takes a sample."""
    bonus, resource = uuid4(), "site" if audience == "resource" else None
    await db.execute(*create_bonus(bonus, audience=audience, resource=resource, user_ids=user_ids))
    outcome = await _page(db, bonus, 1, limit)
    assert await _page(db, bonus, 2, limit) == outcome
    return outcome


async def _page(db: asyncpg.Connection, bonus: UUID, round_: int, limit: int) -> object:
    async with db.transaction():
        await db.execute("select prefer_indexes()")  # the check of its broadcast is planned, too
        await db.execute(
            "insert into broadcast_shards values ($1, $2, 1, 0, '', '')", bonus, round_
        )
    call = "select outcome from broadcast_page($1, $2, gen_random_uuid(), $3, 1000000)"
    return await db.fetchval(call, bonus, round_, limit)


async def create_and_cancel(db: asyncpg.Connection, user: str, _bonus: UUID) -> object:
    bonus = uuid4()
    await db.execute(*create_bonus(bonus, audience="users", user_ids=[user], stock=1))
    return await db.fetchval("select cancel_bonus($1, gen_random_uuid())", bonus)


async def news(db: asyncpg.Connection, _user: str, _bonus: UUID) -> object:
    call = "select create_news(gen_random_uuid(), '{}', 'everyone', null, '1 second', null)"
    return await db.fetchval(call)


async def push_to_everyone(db: asyncpg.Connection, _user: str, _bonus: UUID) -> object:
    return await push(db, "everyone", [])


async def push_to_a_resource(db: asyncpg.Connection, _user: str, _bonus: UUID) -> object:
    return await push(db, "resource", [])


async def push_to_listed(db: asyncpg.Connection, user: str, _bonus: UUID) -> object:
    return await push(db, "users", [user])


@pytest.mark.parametrize(
    "call",
    [
        claim,
        act,
        hello,
        ledger,
        connect,
        disconnect,
        watch,
        visibility,
        ack,
        reject,
        end_connections,
        suspect,
        finalize,
        watched,
        forget,
        correct,
        push_to_everyone,
        push_to_a_resource,
        push_to_listed,
        create_and_cancel,
        news,
    ],
)
async def test_who_comes_with_a_crowd_reads_their_own_rows(
    db: asyncpg.Connection, own_dsn: str, call: Call
) -> None:
    bonus = uuid4()
    # In as many slots, which each look at what is left reads.
    await db.execute(*create_bonus(bonus, stock=20))
    for n in range(3):
        await call(db, f"early-{n}", bonus)
    await _fill(own_dsn, "user", 5_000)
    before = await _read(db)
    outcomes = {await call(db, f"user-{n}", bonus) for n in range(4_990, 5_000)}
    assert outcomes <= {
        "claimed",
        "acted",
        "welcome",
        "listed",
        "joined",
        True,
        "opened",
        "noted",
        "acked",
        "rejected",
        0,
        "page",
        "cancelled",
        "created",
    }
    assert await _read(db) - before < 1_000


async def finalize_all(db: asyncpg.Connection, users: list[str]) -> None:
    end = "select disconnect($1, $2, 'tab', 'client', $1, now() + interval '1 minute', '0')"
    await db.executemany(end, [(user, NODE) for user in users])
    assert await db.fetchval("select events from finalize(1000, now())") == len(users)


async def push_to_all_listed(db: asyncpg.Connection, users: list[str]) -> None:
    await push(db, "users", users, limit=500)


@pytest.mark.parametrize("call", [finalize_all, push_to_all_listed])
async def test_a_crowd_in_one_call_reads_each_row_a_few_times(
    db: asyncpg.Connection,
    own_dsn: str,
    call: Callable[[asyncpg.Connection, list[str]], Awaitable[None]],
) -> None:
    for n in range(3):
        await call(db, [f"early-{3 * n + k}" for k in range(3)])
    await _fill(own_dsn, "user", 300)
    before = await _read(db)
    await call(db, [f"user-{n}" for n in range(300)])
    # Each of them beside each other one would be 90,000.
    assert await _read(db) - before < 10_000


async def _fill(dsn: str, prefix: str, count: int) -> None:
    """By another connection: to go without triggers throws away the plans that were made."""
    db = await asyncpg.connect(dsn)
    await db.execute("set session_replication_role = replica")
    await db.execute("delete from names")
    names = "insert into names select $1 || '-' || n from generate_series(0, $2 - 1) n"
    await db.execute(names, prefix, count)
    await db.execute(FILL)
    await db.close()


async def _read(db: asyncpg.Connection) -> int:
    """How many rows, or entries of an index, have been read. A wrong index is as slow as none."""
    await db.execute("select pg_stat_force_next_flush()")
    read: int = await db.fetchval(READ, TABLES)
    return read


async def test_a_crowd_ends_after_an_analyze_that_saw_pages_without_rows(own_dsn: str) -> None:
    """As one does that comes while the rows are being written: it keeps that pages have none."""
    users = 1_000
    db, other = await asyncpg.connect(own_dsn), await asyncpg.connect(own_dsn)
    tables = "watch_totals", "past_sessions_default"
    for table in tables:
        await db.execute(f"alter table {table} set (autovacuum_enabled = off)")
    writing = other.transaction()
    await writing.start()
    await other.execute(ENDED, users)
    for table in tables:
        await db.execute(f"analyze {table}")
    await writing.rollback()
    await db.execute("set track_functions = 'all'")
    await db.execute(ENDED, users)
    await db.execute("select pg_stat_force_next_flush()")
    calls = await db.fetchval(
        "select sum(calls)::bigint from pg_stat_user_functions where funcname = 'length_of'"
    )
    await db.close()
    await other.close()
    assert 0 < calls <= 10 * users


ENDED = """
insert into past_sessions (id, user_id, resource, joined_at, ended_at, ended_by, ended_within)
    select n, 'user-' || n, 'site', now() - interval '1 hour', now(), 'client', '0'
      from generate_series(1, $1::integer) n
"""


# ---- what one statement does for many

# $1 users: each is online on a resource of their own, has had two sessions, offers and claims of
# three bonuses, of which one is over, and progress in two campaigns; beside each are one who has
# just left and one who came last in 2020.
MANY = [
    """
    insert into watching_times (user_id, resource, joined_at, seen_at, nodes)
        select 'user-' || n, 'r-' || n, now() - interval '100 minutes', now(),
               jsonb_build_object('gateway.example/live', jsonb_build_object('tab-' || n,
                   jsonb_build_object('at', extract(epoch from now() - interval '100 minutes'))))
          from generate_series(1, $1::integer) n""",
    """
    insert into watching_times (user_id, resource, joined_at, seen_at, nodes, ended_at, ended_by,
                                ended_within, back_by)
        select 'gone-' || n, 'r-' || n, now() - interval '100 minutes', now(), '{}',
               now() - interval '1 hour', 'client', '0', now()
          from generate_series(1, $1::integer) n""",
    """
    insert into presence_outbox (due_at, type, session_id, user_id, resource, at)
        select now() - interval '10 minutes', 'offline', id, user_id, resource, ended_at
          from watching_times where ended_at is not null and $1::integer > 0""",
    """
    insert into past_sessions (id, user_id, resource, joined_at, ended_at, ended_by, ended_within)
        select -2 * n - k, 'user-' || n, 'r-' || n, now() - (4 + k) * interval '1 hour',
               now() - (3 + k) * interval '1 hour' - n * interval '1 ms', 'client', '0'
          from generate_series(1, $1::integer) n, generate_series(0, 1) k""",
    """
    insert into bonuses (bonus_id, reward, audience, opens_at, expires_at, created_at)
        select lpad(n::text, 32, '0')::uuid, '{}', 'users', now() - interval '2 hours',
               now() + (n - 1.5) * interval '1 hour', now() - interval '2 hours'
          from generate_series(1, 3) n where $1::integer > 0""",
    """
    insert into broadcasts (broadcast_id, kind, bonus_id, audience, at, expires_at)
        select bonus_id, 'offer', bonus_id, 'users', now(), now() + interval '1 hour'
          from bonuses where $1::integer > 0""",
    """
    insert into broadcast_shards (broadcast_id, round, shard, page, after_user_id, after_resource)
        select bonus_id, 1, 1, 0, '', '' from bonuses where $1::integer > 0""",
    """
    insert into offers (bonus_id, user_id, expires_at)
        select bonus_id, 'user-' || n, expires_at
          from bonuses, generate_series(1, $1::integer) n""",
    """
    insert into claims (bonus_id, user_id, claim_id, claimed_at)
        select bonus_id, 'user-' || n, 'c', now()
          from bonuses, generate_series(1, $1::integer) n""",
    """
    insert into campaigns (campaign_id, resources, is_visible, is_each, starts_at, times,
                           created_at)
        select gen_random_uuid(), resources, false, false, begins,
               tstzmultirange(tstzrange(begins, null)), begins
          from (values (now() - interval '3 hours')) as v(begins),
               (select null::text[] union all select array['r-1', 'r-2']) as s(resources)
         where $1::integer > 0""",
    """
    insert into campaign_milestones (campaign_id, milestone, watched, is_repeated, reward,
                                     claim_within)
        select campaign_id, n, n * n * n * interval '30 minutes', n = 1, '{}', '1 minute'
          from campaigns, generate_series(1, 12) n where $1::integer > 0""",
    """
    insert into campaign_progress (campaign_id, user_id, watched, awarded)
        select campaign_id, name || n, '1 minute', '{1}'
          from campaigns, unnest(array['user-', 'old-']) name,
               generate_series(1, $1::integer) n""",
    """
    insert into watch_totals (user_id, resource, watched, last_month)
        select 'old-' || n, resource, '1 hour', '2020-01-01'
          from generate_series(1, $1::integer) n, unnest(array['', 'site']) resource""",
]
FILLED = [
    *("watching_times", "presence_outbox", "past_sessions", "bonuses", "broadcasts"),
    *("broadcast_shards", "offers", "claims", "campaign_progress", "campaign_milestones"),
    *("campaigns", "watch_totals"),
]
USERS = 300


async def _fill_unnoticed(db: asyncpg.Connection, dsn: str, state: str) -> None:
    """The planner takes the database for empty, with many in it."""
    other = await asyncpg.connect(dsn)
    for table in await db.fetch(
        "select oid::regclass as name from pg_class where relkind = 'r'"
        " and relnamespace = 'public'::regnamespace"
    ):
        await db.execute(f"alter table {table['name']} set (autovacuum_enabled = off)")
    await db.execute("set session_replication_role = replica")
    writing = db.transaction()
    await writing.start()
    await _write(db, 5 if state == "few_rows" else USERS)
    if state == "pages_without_rows":
        await other.execute("analyze")
        await writing.rollback()
    else:
        await writing.commit()
        await db.execute("vacuum analyze")
        for table in FILLED:
            await db.execute(f"delete from {table}")  # noqa: S608  # ours
    await _write(db, USERS)
    await other.close()


async def _write(db: asyncpg.Connection, users: int) -> None:
    for statement in MANY:
        await db.execute(statement, users)


@pytest.fixture(scope="module", params=["few_rows", "pages_without_rows"])
def many_dsn(request: pytest.FixtureRequest, template_dsn: str) -> Iterator[str]:
    dsn = named(template_dsn, request.param)
    with copied(template_dsn, request.param, lambda db: _fill_unnoticed(db, dsn, request.param)):
        yield dsn


@pytest.fixture
async def many(many_dsn: str) -> AsyncIterator[Crowd]:
    async with Crowd.of(many_dsn) as crowd:
        yield crowd


PAGE = "select outcome from broadcast_page($1, 1, gen_random_uuid(), 500, 1000000)"
NAMED = "(select array_agg('{}' || n) from generate_series(1, 300) n)"
TABS = f"{NAMED.format('user-')}, array_fill($1::text, '{{300}}'), {NAMED.format('tab-')}"


@pytest.mark.parametrize(
    "call",
    [
        ("select * from finalize(1000)",),
        ("select close_bonuses(10)",),
        ("select judge_campaigns(1000)",),
        (PAGE, UUID(int=2)),
        ("select * from keep_months(3)",),
        ("select page from sweep(1000)",),
        (f"select forget({TABS}, array_fill('swept'::text, '{{300}}'))", NODE),
        (f"select suspect({TABS}, array_fill(true, '{{300}}'))", NODE),
        ("select * from prune('1 day', '7 days', '30 days', 1000)",),
    ],
    ids=lambda call: call[0].split("(")[0].split()[-1],
)
async def test_a_call_for_many_looks_at_each_row_a_few_times(
    many: Crowd, call: tuple[object, ...]
) -> None:
    """Also at those of its own steps, which no statistics of tables know."""
    nodes = await many.does(str(call[0]), *call[1:])
    looked_at = sum(
        node["Actual Loops"]
        * sum(
            node.get(rows, 0)
            for rows in ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter")
        )
        for node in nodes
    )
    # Each beside each other one would be 90,000 in every step.
    assert USERS < looked_at < 100 * USERS
