"""What one user asks reads the rows that it shows, however much there is of others or of the past.

PostgreSQL counts what each table and index has given to a transaction.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import pytest

from handlers.core.operations.ack import Ack
from handlers.core.operations.campaigns import ListCampaignsOf
from handlers.core.operations.claim import Claim
from handlers.core.operations.connect import Connect
from handlers.core.operations.hello import Hello
from handlers.core.operations.ledger import Ledger
from handlers.core.operations.visibility import Visibility
from handlers.core.operations.watch import Watch
from handlers.services.presence import ALWAYS, NEVER, ListSessions, ReadTotals
from tests.support.databases import copied
from tests.support.statements import asked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from handlers.core.operation import Statement

NODE = "gateway.example/live"
# Ann has 10,000 past sessions on 1,000 resources, and 10,000 offers. 5,000 bonuses each are for
# everyone, for her resource, and for another; a fifth of all are cancelled, and none is over. As
# many entries in the ledger, and 10,000 news.
FULL = """
insert into watching_times (user_id, resource, joined_at, seen_at, nodes)
    select user_id, resource, now() - interval '1 minute', now(),
           '{"gateway.example/live": {"tab": {}}}'
      from (select 'user-' || n, 'stream-' || n % 1000 from generate_series(1, 5000) n
            union all select 'ann', 'site') as here (user_id, resource);
insert into past_sessions
    select n, 'ann', 'stream-' || n % 1000, at, at + interval '1 minute', 'client', interval '0'
      from generate_series(1, 10000) n,
           lateral (select now() - n * interval '1 minute' as at) as began;
insert into bonuses (bonus_id, reward, audience, resource, opens_at, expires_at, min_watched,
                     acknowledge, created_at, cancelled_at)
    select gen_random_uuid(), '{}', audience, resource, now(), now() + n * interval '1 hour',
           case when n % 3 = 0 then interval '1 second' end, true, now(),
           case when n % 5 = 0 then now() end
      from generate_series(1, 5000) n,
           (values ('everyone', null), ('resource', 'site'), ('resource', 'stream-1'),
                   ('users', null), ('users', null)) as one (audience, resource);
insert into offers select bonus_id, 'ann', null, expires_at from bonuses where audience = 'users';
insert into claims select bonus_id, 'user-1', 'c', now() from bonuses;
insert into ledger (bonus_id, user_id, entry, at, audience, resource)
    select bonus_id, null, 'created', now(), nullif(audience, 'users'), resource from bonuses
    union all select bonus_id, user_id, 'offered', now(), null, null from offers;
insert into broadcasts (broadcast_id, kind, news, audience, resource, seq, at, expires_at)
    select gen_random_uuid(), 'news', '{}', case when n % 2 = 0 then 'everyone' else 'resource' end,
           case when n % 2 = 1 then 'stream-' || n % 10 end, n, now(),
           now() + (n % 3 - 1) * interval '1 hour'
      from generate_series(1, 10000) n;
update broadcast_stream set seq = 10000;
select create_campaign(gen_random_uuid(), case when n > 1 then array['site', 'stream-' || n] end,
    false, false, null, null, '[{"milestone": 1, "watched_seconds": 900, "repeats": true,
    "reward": {}, "claim_within_seconds": 60}]', p_timezone => 'UTC') from generate_series(1, 3) n;
insert into campaign_progress (campaign_id, user_id)
    select campaign_id, 'user-' || n from campaigns, generate_series(1, 3000) n;
-- One that can be claimed, and acknowledged.
select create_bonus('00000000-0000-0000-0000-000000000001', '{}', 'everyone', null, '{}', '0',
                    '1 minute', 5, '10 seconds', p_acknowledge => true);
"""
BONUS = UUID(int=1)
LIMIT = (timedelta(seconds=1), 50, timedelta(minutes=1))
SOON = datetime.now(UTC) + timedelta(hours=1)
ASKED: dict[str, Statement[Any]] = {
    "hello": Hello("ann", NODE, "tab", None, None, None, *LIMIT),
    "ledger": Ledger("ann", None, *LIMIT),
    "next page of the ledger": Ledger("ann", 20_000, *LIMIT),
    "campaigns": ListCampaignsOf("ann", None, *LIMIT),
    "claim": Claim("ann", "c", BONUS, *LIMIT),
    "ack": Ack("ann", BONUS, *LIMIT),
    "watch": Watch("ann", NODE, "tab", "stream-1", timedelta(seconds=30), *LIMIT),
    "watch where one is": Watch("ann", NODE, "tab", "site", timedelta(seconds=30), *LIMIT),
    "hello, hidden": Hello("ann", NODE, "tab", None, None, None, *LIMIT, visible=False, change=1),
    "visibility": Visibility("ann", NODE, "tab", False, 1, *LIMIT),
    "connect": Connect("ann", "site", NODE, "t", "t", SOON, timedelta(seconds=30), 50, None),
    "connect elsewhere": Connect(
        "ann", "stream-2", NODE, "t", "t", SOON, timedelta(seconds=30), 50, None
    ),
    "watch time": ReadTotals("ann"),
    "sessions": ListSessions(ALWAYS, NEVER, user_id="ann", limit=50),
}
READ = """
select relname, pg_stat_get_xact_tuples_returned(oid) as read from pg_class
 where relnamespace = 'public'::regnamespace and relkind in ('r', 'i')
"""


async def _fill(db: asyncpg.Connection) -> None:
    await db.execute(FULL)
    await db.execute("vacuum analyze")


@pytest.fixture(scope="module")
def filled_dsn(template_dsn: str) -> Iterator[str]:
    with copied(template_dsn, "filled", _fill) as dsn:
        yield dsn


@pytest.fixture
async def filled(filled_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """What a test does is undone."""
    db = await asyncpg.connect(filled_dsn)
    # A function's statement is planned for whatever parameters after its fifth call.
    await db.execute("set plan_cache_mode = force_generic_plan")
    transaction = db.transaction()
    await transaction.start()
    yield db
    await transaction.rollback()
    await db.close()


@pytest.mark.parametrize("what", ASKED)
async def test_a_user_s_question_reads_what_it_shows(filled: asyncpg.Connection, what: str) -> None:
    if what == "sessions":  # a report, which is planned for its parameters
        await filled.execute("set plan_cache_mode = force_custom_plan")
    before = dict(await filled.fetch(READ))
    await filled.fetch(*asked(ASKED[what]))
    read = {name: count - before[name] for name, count in await filled.fetch(READ)}
    assert sum(read.values()) > 0
    # A welcome looks at some thirty of each audience for eleven that can be claimed.
    assert sum(read.values()) < 300, sorted((count, name) for name, count in read.items())[-9:]


async def test_reading_a_whole_table_would_be_seen(filled: asyncpg.Connection) -> None:
    before = dict(await filled.fetch(READ))
    await filled.fetch("select count(*) from bonuses where reward <> 'null'")
    after = dict(await filled.fetch(READ))
    assert after["bonuses"] - before["bonuses"] > 20_000
