"""Migrations: twice, at once, and never behind one's back."""

from __future__ import annotations

import asyncio
import re
import shutil
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg
import pytest

from dump_tables import dump
from handlers.adapters.statements import text
from handlers.services.presence import ALWAYS, NEVER
from sql import migrate as runner
from sql import schema
from sql.migrate import MigrationError, migrate
from tests.support.databases import skip_without_pg_dump

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SQL = Path(runner.__file__).parent


@pytest.fixture
async def empty(own_dsn: str) -> AsyncIterator[str]:
    """A database with nothing in it."""
    admin = await asyncpg.connect(own_dsn)
    await admin.execute("create database empty template template0")
    yield urlunsplit(urlsplit(own_dsn)._replace(path="/empty"))
    await admin.execute("drop database empty with (force)")
    await admin.close()


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the SQL files, to change."""
    for folder in ("migrations", "functions"):
        shutil.copytree(SQL / folder, tmp_path / folder)
    shutil.copy(SQL / "roles.sql", tmp_path)
    monkeypatch.setattr(schema, "HERE", tmp_path)
    return tmp_path


async def test_a_second_run_changes_nothing(empty: str) -> None:
    files = [*SQL.glob("migrations/*"), *SQL.glob("functions/**/*.sql"), SQL / "roles.sql"]
    assert len(await migrate(empty)) == len(files)
    assert await migrate(empty) == []


async def test_runs_at_once_apply_each_file_once(empty: str) -> None:
    applied = await asyncio.gather(*(migrate(empty) for _ in range(8)))
    assert sorted(len(names) for names in applied)[:7] == [0] * 7


async def test_transactions_are_read_committed_whatever_the_database_was_set_to(
    own_dsn: str,
) -> None:
    db = await asyncpg.connect(own_dsn)
    name = await db.fetchval("select current_database()")
    await db.execute(f"alter database {name} set default_transaction_isolation = 'serializable'")
    await db.close()
    await runner.set_time_outs(own_dsn)
    db = await asyncpg.connect(own_dsn)
    assert await db.fetchval("show transaction_isolation") == "read committed"
    await db.close()


@pytest.mark.parametrize("place", ["", " in database {}"])
async def test_a_role_with_another_isolation_is_refused_by_its_name(
    own_dsn: str, place: str
) -> None:
    db = await asyncpg.connect(own_dsn)
    place = place.format(await db.fetchval("select current_database()"))
    await db.execute("create role its_functions")
    change = f"alter role its_functions{place}"
    await db.execute(f"{change} set default_transaction_isolation = 'repeatable read'")
    try:
        with pytest.raises(MigrationError, match="the role its_functions does not begin"):
            await runner.set_time_outs(own_dsn)
        await db.execute(f"{change} set default_transaction_isolation = 'read committed'")
        await runner.set_time_outs(own_dsn)
    finally:
        await db.execute(f"{change} reset all; drop role its_functions")
        await db.close()


async def test_a_changed_function_is_replaced(own_dsn: str, files: Path) -> None:
    function = files / "functions" / "stream" / "act.sql"
    function.write_text(function.read_text() + "-- changed\n")
    assert await migrate(own_dsn) == ["functions/stream/act.sql", "roles.sql"]


async def test_a_function_whose_file_moved_runs_under_its_new_name(
    own_dsn: str, files: Path
) -> None:
    (files / "functions" / "stream" / "act.sql").rename(files / "functions" / "bonus" / "act.sql")
    assert await migrate(own_dsn) == ["functions/bonus/act.sql", "roles.sql"]
    assert await migrate(own_dsn) == []


async def test_a_migration_that_changed_is_refused(own_dsn: str, files: Path) -> None:
    first = files / "migrations" / "0001_presence.sql"
    first.write_text(first.read_text() + "-- changed\n")
    with pytest.raises(MigrationError, match=r"0001_presence.sql has changed"):
        await migrate(own_dsn)


async def test_a_file_that_fails_leaves_nothing_behind(own_dsn: str, files: Path) -> None:
    broken = files / "migrations" / "0003_broken.sql"
    broken.write_text("create table half (id int); select 1/0;")
    with pytest.raises(MigrationError, match=r"0003_broken.sql failed: division by zero"):
        await migrate(own_dsn)
    db = await asyncpg.connect(own_dsn)
    assert await db.fetchval("select to_regclass('half')") is None
    await db.close()
    broken.write_text("create table whole (id int);")
    assert await migrate(own_dsn) == ["migrations/0003_broken.sql", "roles.sql"]


INDEX = """-- Outside a transaction.
drop index concurrently if exists claims_again;
create index concurrently if not exists claims_again on claims (claim_id);
"""


async def test_an_index_is_built_outside_a_transaction(own_dsn: str, files: Path) -> None:
    """PostgreSQL refuses it inside of one."""
    (files / "migrations" / "9998_index.sql").write_text(INDEX)
    assert "migrations/9998_index.sql" in await migrate(own_dsn)
    db = await asyncpg.connect(own_dsn)
    made = "select indisvalid from pg_index where indexrelid = to_regclass('claims_again')"
    assert await db.fetchval(made)
    await db.close()
    assert await migrate(own_dsn) == []


WAITS = """
create table waits as select current_setting('lock_timeout')::interval as lock,
                             current_setting('deadlock_timeout')::interval as deadlock;
"""


@pytest.mark.parametrize("before", ["", schema.OUTSIDE], ids=["in a transaction", "outside"])
async def test_a_migration_gives_up_a_lock_before_a_user_has_to(
    own_dsn: str, files: Path, before: str
) -> None:
    """After deadlock_timeout PostgreSQL looks for a victim, and that may be a user's statement."""
    (files / "migrations" / "9998_waits.sql").write_text(before + WAITS)
    await migrate(own_dsn)
    db = await asyncpg.connect(own_dsn)
    assert await db.fetchval("select lock > '0' and lock < deadlock from waits")
    await db.close()


async def test_what_runs_outside_a_transaction_is_repeated_from_its_beginning(
    own_dsn: str, files: Path
) -> None:
    broken = files / "migrations" / "9998_index.sql"
    broken.write_text(INDEX + "select 1/0;\n")
    with pytest.raises(MigrationError, match=r"9998_index.sql failed: division by zero"):
        await migrate(own_dsn)
    broken.write_text(INDEX)
    assert "migrations/9998_index.sql" in await migrate(own_dsn)


def test_what_runs_in_a_transaction_runs_in_one_and_before_all_else() -> None:
    texts = {f"migrations/{n}": schema.OUTSIDE * (n in (2, 4)) for n in range(5)}
    first, *others = schema.groups(texts | {"functions/a": "", "roles.sql": ""})
    assert first == ["migrations/0", "migrations/1", "migrations/3", "functions/a", "roles.sql"]
    assert others == [["migrations/2"], ["migrations/4"]]


def test_what_runs_outside_a_transaction_builds_and_drops_indexes_alone() -> None:
    for name, sql in schema.files().items():
        if schema.is_migration(name) and schema.runs_outside(sql):
            statements = re.sub(r"^\s*--.*$", "", sql, flags=re.MULTILINE).split(";")
            for statement in filter(str.strip, statements):
                words = r"\s*(create( unique)?|drop) index concurrently if (not )?exists "
                assert re.match(words, statement), name


async def test_a_database_of_a_newer_release_stays_as_it_is(
    own_dsn: str, files: Path, caplog: pytest.LogCaptureFixture
) -> None:
    function = files / "functions" / "stream" / "act.sql"
    function.write_text("raise an error")
    db = await asyncpg.connect(own_dsn)
    await db.execute("insert into migrations values ('migrations/9999_new.sql', '', now())")
    assert await migrate(own_dsn) == []
    assert "of a newer release (sql/migrations/9999_new.sql): nothing is changed" in caplog.text
    await db.close()


async def test_a_run_waits_for_another_one_but_not_for_ever(own_dsn: str) -> None:
    other = await asyncpg.connect(own_dsn)
    await other.execute("select pg_advisory_lock($1)", runner.LOCK)
    with pytest.raises(MigrationError, match="another run is still under way"):
        await migrate(own_dsn, patience_seconds=0)
    await other.close()
    assert await migrate(own_dsn) == []


def test_the_committed_tables_are_what_the_migrations_make(own_dsn: str) -> None:
    """`make schema` writes them."""
    skip_without_pg_dump()
    assert (SQL / "tables.sql").read_text() == dump(own_dsn)


def take_away(files: Path, first: str) -> dict[Path, str]:
    """The migrations from there on, and the functions: to be put back later."""
    migrations = [path for path in (files / "migrations").glob("*.sql") if path.name >= first]
    later = [*migrations, *(files / "functions").rglob("*.sql")]
    kept = {path: path.read_text() for path in later}
    for path in kept:
        path.unlink()
    return kept


async def put_back(kept: dict[Path, str], dsn: str) -> None:
    """These migrations and functions again, and apply them."""
    for path, words in kept.items():
        path.write_text(words)
    await migrate(dsn)


async def test_presence_before_settling_is_kept(empty: str, files: Path) -> None:
    """0003 on a database in which people are here, and others were."""
    kept = take_away(files, "0003")
    await migrate(empty)
    db = await asyncpg.connect(empty)
    await db.execute(
        "insert into watching_times"
        " (user_id, resource, join_at, terminate_at, nodes, seen_at, ended_by, ended_within) values"
        " ('ann', 'site', '2026-01-01', null, '{\"n\": {\"a\": {\"at\": 1767225600}}}',"
        "  '2026-01-01', null, null),"
        " ('ann', 'site', '2025-12-01', '2025-12-02', '{}', '2025-12-02', 'idle', '5 s')"
    )
    await put_back(kept, empty)
    told = (
        "select user_id, joined_at < '2026-01-01' as is_old, ended_by::text"
        " from sessions order by 2"
    )
    assert [tuple(row) for row in await db.fetch(told)] == [
        ("ann", False, None),
        ("ann", True, "idle"),
    ]
    assert await db.fetchval("select events from finalize(10)") == 1
    assert await db.fetchval("select made from keep_months(0, '2026-01-15')") == [
        f"past_sessions_{month}" for month in ("2025_12", "2026_01", "2026_02", "2026_03")
    ]
    await db.close()


async def test_bonuses_that_are_open_are_broadcasts_afterwards(empty: str, files: Path) -> None:
    """0005: messages in the queue name them, and claims in the ledger are grants to be read."""
    kept = take_away(files, "0005")
    await migrate(empty)
    db = await asyncpg.connect(empty)
    await db.execute(
        "insert into bonuses (reward, audience, resource, opens_at, closes_at, created_at)"
        " select '{}', audience, resource, now(), now() + n * interval '1 hour', now()"
        "   from (values ('everyone', null, 1), ('resource', 's', 2), ('users', null, 3))"
        "         as b (audience, resource, n);"
        " insert into ledger (bonus_id, user_id, entry, at)"
        "     select bonus_id, 'ann', 'claimed', now() from bonuses where audience = 'everyone';"
        " insert into claims select bonus_id, user_id, 'c1', at from ledger"
    )
    await put_back(kept, empty)
    made = await db.fetch(
        "select audience, seq, follows from broadcasts join bonuses using (bonus_id, audience)"
        " where kind = 'offer' and broadcast_id = bonus_id order by bonuses.expires_at"
    )
    assert [row["audience"] for row in made] == ["everyone", "resource", "users"]
    assert {(row["seq"], row["follows"]) for row in made} == {(1, 0), (2, 0), (None, None)}
    assert await db.fetchval("select seq from broadcast_stream") == 2
    grants = await db.fetch(text("grants"), 0, 0, ALWAYS, NEVER, 10)
    assert [grant["user_id"] for grant in grants] == ["ann"]
    await db.close()


async def test_the_words_of_0006_keep_what_is_there(empty: str, files: Path) -> None:
    """0006 renames columns and tables: sessions, presence events and bonuses stay as they were."""
    kept = take_away(files, "0006")
    await migrate(empty)
    db = await asyncpg.connect(empty)
    await db.execute(
        "insert into watching_times (user_id, resource, join_at, seen_at, nodes)"
        " values ('ann', 'site', '2026-01-01', '2026-01-01', '{}');"
        " insert into past_sessions values"
        " (7, 'bob', 'site', '2026-01-01', '2026-01-02', 'node_lost', '5 s');"
        " insert into pending_facts (due_at, fact, session_id, user_id, resource, at)"
        " values (now(), 'online', 1, 'ann', 'site', now());"
        " insert into presence_facts values (1, 'offline', 7, 'bob', 'site', now(), now());"
        " update fact_log set last_seq = 1;"
        " create function settle(p_limit integer) returns integer language sql as 'select 1'"
    )
    await put_back(kept, empty)
    assert await db.fetchval("select ended_by::text from sessions where user_id = 'bob'") == (
        "node_evicted"
    )
    assert await db.fetchval("select events from finalize(10)") == 1
    events = await db.fetch("select seq, type::text, user_id from presence_events order by seq")
    assert [tuple(row) for row in events] == [(1, "offline", "bob"), (2, "online", "ann")]
    assert not await db.fetchval("select exists (select from pg_proc where proname = 'settle')")
    await db.close()


async def test_grants_of_the_ledger_are_claims_afterwards(empty: str, files: Path) -> None:
    """0010 divides the ledger by days: positions of grants and ids of entries stay, and go on."""
    kept = take_away(files, "0010")
    await migrate(empty)
    db = await asyncpg.connect(empty)
    bonus_id = await db.fetchval(
        "insert into bonuses (reward, audience, opens_at, expires_at, created_at)"
        " values ('{}', 'users', now(), now() + interval '1 hour', now()) returning bonus_id"
    )
    await db.execute(
        "insert into ledger (bonus_id, user_id, entry, at) select $1, u, e, now()"
        "  from (values (null, 'created'), ('ann', 'offered'), ('ann', 'claimed')) as l (u, e)",
        bonus_id,
    )
    await db.execute("insert into claims values ($1, 'ann', 'c1', now())", bonus_id)
    before = "select id, xid from ledger where entry = 'claimed'"
    (position,) = await db.fetch(before)
    await put_back(kept, empty)
    (grant,) = await db.fetch(text("grants"), 0, 0, ALWAYS, NEVER, 10)
    assert (grant["grant_id"], grant["xid"]) == tuple(position)
    assert await db.fetchval("select array_agg(id order by id) from ledger") == [1, 2, 3]
    assert await db.fetchval("select nextval('ledger_id_seq')") == 4
    await db.close()


async def test_what_was_there_before_0013_is_found_by_its_indexes(empty: str, files: Path) -> None:
    """0013 gives past sessions their totals, offers their end, and entries their audience."""
    kept = take_away(files, "0013")
    await migrate(empty)
    db = await asyncpg.connect(empty)
    await db.execute(
        "insert into past_sessions"
        " select n, 'ann', case when n = 3 then 'stream' else 'site' end,"
        "        now() - n * interval '1 hour', now() - (n - 1) * interval '1 hour', 'client', '0'"
        "   from generate_series(1, 3) as n;"
        " insert into bonuses (reward, audience, resource, opens_at, expires_at, created_at)"
        " select '{}', audience, resource, now(), now() + interval '1 hour', now()"
        "   from (values ('everyone', null), ('resource', 's'), ('users', null))"
        "         as b (audience, resource);"
        " insert into offers (bonus_id, user_id)"
        "     select bonus_id, 'ann' from bonuses where audience = 'users';"
        " insert into ledger (bonus_id, entry, at) select bonus_id, 'created', now() from bonuses"
    )
    await put_back(kept, empty)
    hours = "select extract(epoch from watched) / 3600 from watch_totals order by resource"
    assert [hour for (hour,) in await db.fetch(hours)] == [3, 2, 1]
    assert await db.fetchval("select expires_at > now() + interval '1 minute' from offers")
    entries = "select audience, resource from ledger order by audience nulls last"
    assert [tuple(row) for row in await db.fetch(entries)] == [
        ("everyone", None),
        ("resource", "s"),
        (None, None),
    ]
    await db.close()


async def test_what_was_summed_before_0018_belongs_to_a_person(empty: str, files: Path) -> None:
    """Bob's hours lie side by side, ann's over each other; a month of carl's is gone."""
    kept = take_away(files, "0018")
    await migrate(empty)
    db = await asyncpg.connect(empty)
    await db.execute(
        "insert into past_sessions"
        " select row_number() over (), name, resource,"
        "        '2026-03-01'::timestamptz + h * '1 hour'::interval,"
        "        '2026-03-01'::timestamptz + (h + 2) * '1 hour'::interval, 'client', '0'"
        "   from (values ('ann', 'site', 0), ('ann', 'stream', 1), ('ann', 'stream', 5),"
        "                ('bob', 'site', 0), ('bob', 'stream', 2),"
        "                ('carl', 'site', 0), ('carl', 'stream', 1)) as s (name, resource, h);"
        " update watch_totals set watched = watched + '10 hours' where user_id = 'carl'"
    )
    await put_back(kept, empty)
    hours = (
        "select user_id, extract(epoch from watched)::int / 3600 from watch_totals"
        " where resource = '' order by user_id"
    )
    assert [tuple(row) for row in await db.fetch(hours)] == [("ann", 5), ("bob", 4), ("carl", 13)]
    await db.close()


async def test_awards_of_sessions_become_progress_of_users_in_0019(empty: str, files: Path) -> None:
    """A rule of two hours is 10 hours old; ann was here for 3 and is for 2, beside another tab."""
    kept = take_away(files, "0019")
    await migrate(empty)
    db = await asyncpg.connect(empty)
    await db.execute(
        "insert into award_rules (reward, every, claim_within, created_at, ended_at)"
        " values ('{}', '2 hours', '1 minute', now() - interval '10 hours', null),"
        "        ('{}', '1 hour', '1 minute', now() - interval '10 hours', now());"
        " insert into past_sessions select 1, 'ann', 'site', now() - interval '12 hours',"
        "        now() - interval '7 hours', 'client', '0';"
        " insert into watching_times (user_id, resource, joined_at, seen_at, nodes)"
        " select 'ann', resource, now() - interval '2 hours', now(), '{\"n\": {\"c\": {}}}'"
        "   from unnest(array['one', 'two']) as resource;"
        " insert into awards select rule_id, id, 1 from award_rules, watching_times"
    )
    await put_back(kept, empty)
    assert await db.fetchval("select array_agg(awarded[1]) from campaign_progress") == [2]
    progress = "select extract(epoch from watched)::int / 3600 from campaign_progress"
    assert [hours for (hours,) in await db.fetch(progress)] == [3]
    assert await db.fetchval("select award(10)") == 0
    later = "select award(10, now() + $1 * interval '1 minute')"
    assert [await db.fetchval(later, n) for n in (59, 61)] == [0, 1]
    await db.close()


async def test_what_was_hidden_before_0032_is_known_after_it(empty: str, files: Path) -> None:
    """Two sessions of ann lie over each other; in one of their three hours she saw neither page."""
    kept = take_away(files, "0032")
    await migrate(empty)
    db = await asyncpg.connect(empty)
    await db.execute(
        "insert into past_sessions"
        " (id, user_id, resource, joined_at, ended_at, ended_by, ended_within, visible)"
        " select row_number() over (), name, resource, begins, begins + '2 hours', 'client', '0',"
        "        visible"
        "   from (values ('ann', 'site', 0, '{}'::tstzmultirange),"
        "                ('ann', 'stream', 1, null),"
        "                ('bob', 'site', 0, null)) as s (name, resource, h, visible),"
        "        lateral (select '2026-03-01'::timestamptz + h * '1 hour'::interval) as l (begins)"
    )
    await put_back(kept, empty)
    hours = (
        "select user_id, resource, extract(epoch from watched)::int / 3600,"
        " extract(epoch from hidden)::int / 3600 from watch_totals order by 1, 2"
    )
    assert [tuple(row) for row in await db.fetch(hours)] == [
        ("ann", "", 3, 1),
        ("ann", "site", 2, 2),
        ("ann", "stream", 2, 0),
        ("bob", "", 2, 0),
        ("bob", "site", 2, 0),
    ]
    await db.close()


async def test_a_rule_becomes_a_campaign_in_0051(empty: str, files: Path) -> None:
    """With the progress towards its next award, and without a second one of those made before."""
    kept = take_away(files, "0051")
    await migrate(empty)
    db = await asyncpg.connect(empty)
    await db.execute(
        "insert into award_rules (reward, every, claim_within, resource, created_at, ended_at)"
        " values ('{\"n\": 1}', '1 hour', '1 minute', 'site', now() - interval '9 hours', null),"
        "        ('{}', '1 hour', '1 minute', null, now() - interval '10 hours', now());"
        " insert into award_progress select rule_id, 'ann', '2.5 hours' from award_rules;"
        " insert into awards select rule_id, 'ann', 2 from award_rules;"
        " insert into watching_times (user_id, resource, joined_at, seen_at, nodes)"
        " values ('ann', 'site', now() - interval '29 minutes', now(), '{\"n\": {\"c\": {}}}')"
    )
    await put_back(kept, empty)
    row = await db.fetchrow(
        "select c.resources, c.is_visible, m.watched, m.is_repeated, m.reward, p.awarded"
        "  from campaigns c join campaign_milestones m using (campaign_id)"
        "  join campaign_progress p using (campaign_id)"
    )
    assert tuple(row) == (["site"], False, timedelta(hours=1), True, '{"n": 1}', [2])
    assert await db.fetchval("select award(10)") == 0
    assert await db.fetchval("select award(10, now() + interval '1 minute')") == 1
    await db.close()


async def test_a_rule_of_the_release_before_is_a_campaign_at_once(dsn: str) -> None:
    db = await asyncpg.connect(dsn)
    await db.execute(
        "insert into award_rules (rule_id, reward, every, claim_within, created_at)"
        " values ($1, '{}', '1 hour', '1 minute', now() - interval '1 minute')",
        UUID(int=1),
    )
    state = "select campaign_state(c, clock_timestamp()) from campaigns c"
    assert await db.fetchval(state) == "running"
    for _ in range(2):
        await db.execute("update award_rules set ended_at = coalesce(ended_at, now())")
    assert await db.fetchval(state) == "over"
    assert await db.fetchval("select upper(times) = ends_at from campaigns")
    await db.close()
