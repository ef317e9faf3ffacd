"""A restored or copied database is noticed once, and nothing else is taken for one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.support.bonuses import drop
from tests.support.databases import of_functions
from tests.support.modules import ROOT

NOTICE = "select is_restored from notice_restore($1, 100)"
EPOCH = "select epoch from stream_epoch"


async def notices(db: asyncpg.Connection, cluster: str | None = None) -> bool:
    """Whether it says so, which must be as true as the epoch is new."""
    before: UUID = await db.fetchval(EPOCH)
    is_restored = await db.fetchval(NOTICE, cluster)
    is_new = bool(await db.fetchval(EPOCH) != before)
    assert is_new == is_restored
    return is_new


@pytest.fixture
async def own_db(own_dsn: str) -> asyncpg.Connection:
    """Whose server nothing has asked for yet."""
    connection = await asyncpg.connect(own_dsn)
    yield connection
    await connection.close()


async def test_a_database_that_stays_where_it_is_is_not_restored(
    own_db: asyncpg.Connection,
) -> None:
    assert [await notices(own_db) for _ in range(3)] == [False] * 3


@pytest.mark.parametrize("place", [0, 1])
async def test_another_system_identifier_or_timeline_is_noticed_once(
    own_db: asyncpg.Connection, place: int
) -> None:
    await notices(own_db)
    server = (await own_db.fetchval("select server from stream_epoch")).split("/")
    server[place] = "00000F00"
    await own_db.execute("update stream_epoch set server = $1", "/".join(server))
    assert [await notices(own_db) for _ in range(2)] == [True, False]


async def test_a_cluster_is_known_by_its_name_alone(own_db: asyncpg.Connection) -> None:
    """Aurora's storage outlives each of its servers: a failover loses nothing."""
    said = [await notices(own_db, name) for name in ("cluster-A", "cluster-A", "cluster-B")]
    assert said == [False, False, True]
    assert await notices(own_db), "it went on to a server of the user's"
    assert await notices(own_db, "cluster-B"), "and came back"


async def test_where_the_server_cannot_be_asked_nothing_is_concluded(
    own_db: asyncpg.Connection, own_dsn: str
) -> None:
    await notices(own_db)
    functions = await asyncpg.connect(of_functions(own_dsn))
    assert "/" in await functions.fetchval("select server_of(null)")
    await own_db.execute("revoke execute on function pg_control_system() from public")
    assert await functions.fetchval("select server_of(null)") is None
    await functions.close()
    await own_db.execute(
        "create or replace function server_of(p_cluster text) returns text language sql"
        " as 'select null'"
    )
    assert not await notices(own_db)
    assert await own_db.fetchval("select server is not null from stream_epoch")


async def has_claimed(db: asyncpg.Connection, *users: str) -> None:
    bonus_id = await drop(db, user_ids=list(users))
    for user in users:
        claimed = "select outcome from claim($1, 'c1', $2)"
        assert await db.fetchval(claimed, user, bonus_id) == "claimed"


GRANTS = "select user_id from claims order by xid, grant_id"


async def test_grants_of_another_cluster_come_first_and_in_order(
    db: asyncpg.Connection,
) -> None:
    """Even if it is not known which: their transaction ids are those of no transaction here."""
    await has_claimed(db, *"edcba")
    await db.execute("update claims set xid = xid + (1::bigint << 40)")
    await db.execute("update grant_log set pruned_xid = 1::bigint << 40, pruned_grant_id = 7")
    await has_claimed(db, "f")
    epoch = await db.fetchval(EPOCH)
    said = [await db.fetchrow("select * from notice_restore(null, 3)") for _ in range(3)]
    assert [row["renumbered"] for row in said] == [3, 2, 0]
    assert [row["is_restored"] for row in said] == [True, True, False]
    assert await db.fetchval(EPOCH) != epoch
    assert [row["user_id"] for row in await db.fetch(GRANTS)] == list("edcbaf")
    assert tuple(await db.fetchrow("select pruned_xid, pruned_grant_id from grant_log")) == (0, 0)


async def test_the_last_grant_to_be_put_in_order_brings_the_new_epoch(
    db: asyncpg.Connection,
) -> None:
    """Before it a reader gets 503: no cursor is made between."""
    await has_claimed(db, *"abcd")
    await db.execute("update claims set xid = xid + (1::bigint << 40)")
    said = [await db.fetchval("select is_restored from notice_restore(null, 3)") for _ in range(3)]
    assert said == [False, True, False]


async def test_grants_of_an_earlier_time_of_this_server_keep_their_order(
    db: asyncpg.Connection,
) -> None:
    await has_claimed(db, *"abc")
    before = await db.fetch("select xid, grant_id from claims order by 1, 2")
    await db.execute("update stream_epoch set server = 'another'")
    assert await notices(db)
    assert await db.fetch("select xid, grant_id from claims order by 1, 2") == before


async def test_the_next_broadcast_follows_one_that_no_client_has_seen(
    db: asyncpg.Connection,
) -> None:
    """So those who stayed connected say hello. The one after it follows it, as ever."""

    async def news() -> tuple[int, int]:
        broadcast_id = uuid4()
        create = "select create_news($1, '{}', 'everyone', null, '1 minute', 'print', now())"
        await db.execute(create, broadcast_id)
        find = "select seq, follows from broadcasts where broadcast_id = $1"
        return tuple(await db.fetchrow(find, broadcast_id))

    first, second = await news(), await news()
    assert (first[1], second[1]) == (0, first[0])
    await db.execute("update stream_epoch set server = 'another'")
    assert await notices(db)
    known: int = json.loads(await db.fetchval("select news_of('site', 0, now())"))["seq"]
    third, fourth = await news(), await news()
    assert third[0] - 1 == third[1] == known > second[0] + 1_000_000
    assert fourth[1] == third[0]


# ---- the command


def ran(dsn: str, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "sql.restored", *arguments],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": dsn},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


async def test_the_command_does_what_is_needed_and_a_second_time_nothing(
    own_db: asyncpg.Connection, own_dsn: str
) -> None:
    await notices(own_db)
    await own_db.execute("update stream_epoch set server = '1/00000001'")
    code, said = ran(own_dsn)
    assert (code, "was restored" in said, "erase again" in said) == (0, True, True)
    epoch = await own_db.fetchval(EPOCH)
    code, said = ran(own_dsn)
    assert (code, "nothing was changed" in said) == (0, True)
    assert await own_db.fetchval(EPOCH) == epoch


async def test_the_command_believes_who_says_yes_and_the_sweep_then_does_not_begin_again(
    own_db: asyncpg.Connection, own_dsn: str
) -> None:
    """Of a cluster's name the command knows nothing."""
    await notices(own_db, "cluster-A")
    assert "nothing was changed" in ran(own_dsn)[1]
    epoch = await own_db.fetchval(EPOCH)
    assert "was restored" in ran(own_dsn, "--yes")[1]
    assert await own_db.fetchval(EPOCH) != epoch
    assert not await notices(own_db, "cluster-B")


def test_the_command_wants_the_schema_first(template_dsn: str) -> None:
    code, said = ran(template_dsn.rpartition("/")[0] + "/postgres")
    assert (code, "run make migrate" in said) == (2, True)
