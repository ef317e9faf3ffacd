"""The functions' role: what it may do is what the functions do, and nothing else."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

import asyncpg
import pytest

from sql.migrate import main, migrate
from sql.roles import FUNCTIONS, WrongRoleError, as_functions, password_of_functions
from tests.support.databases import named, of_functions
from tests.support.pinning import forget

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def functions(own_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(of_functions(own_dsn))
    yield connection
    await connection.close()
    await forget(own_dsn)


async def test_the_role_is_no_superuser_and_owns_nothing(functions: asyncpg.Connection) -> None:
    role = await functions.fetchrow("select * from pg_roles where rolname = current_user")
    assert role["rolname"] == FUNCTIONS
    assert not any(role[f"rol{right}"] for right in ("super", "createrole", "createdb"))
    owned = "select count(*) from pg_class where relowner = current_user::regrole"
    assert await functions.fetchval(owned) == 0


@pytest.mark.parametrize(
    "statement",
    [
        "create table mine (id integer)",
        "drop table claims",
        "truncate user_events",
        "alter table claims add column mine text",
        "create or replace function finalize(p_limit integer) returns void language sql as ''",
        "create index on claims (claim_id)",
        "copy claims to program 'true'",
        "set session_replication_role = replica",
        "create role another",
        "delete from ledger",
        "update ledger set user_id = 'me'",
        "update payouts set state = 'rejected'",
        "update audit set author = 'another'",
        "delete from audit",
        "delete from past_sessions",
        "update past_sessions set user_id = 'me'",
        "update stream_epoch set epoch = gen_random_uuid()",
        "delete from migrations",
        "select from past_sessions_default",
        "select keep_partitions('past_sessions', 'ended_at', 'month', 1, '1 second', null)",
        "select setval('ledger_id_seq', 1)",
    ],
)
async def test_what_functions_do_not_do_is_refused(
    functions: asyncpg.Connection, statement: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await functions.execute(statement)


async def test_the_functions_keep_months_with_the_rights_of_the_owner(
    functions: asyncpg.Connection,
) -> None:
    made = "select made from keep_months(0, '2026-01-15')"
    assert await functions.fetchval(made) == [
        f"past_sessions_{month}" for month in ("2026_01", "2026_02", "2026_03")
    ]
    kept = await functions.fetchval("select dropped from keep_months(1, '2026-03-15')")
    assert kept == ["past_sessions_2026_01"]


async def test_no_other_role_keeps_months(own_dsn: str) -> None:
    name = f"stranger_{uuid.uuid4().hex}"
    owner = await asyncpg.connect(own_dsn)
    await owner.execute(f"create role {name}; set role {name}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await owner.execute("select keep_months(1)")
    await owner.execute(f"reset role; drop role {name}")
    await owner.close()


async def test_a_temporary_table_is_not_taken_for_ours(functions: asyncpg.Connection) -> None:
    await functions.execute("create temporary table past_sessions_default (ended_at timestamptz)")
    await functions.execute("insert into pg_temp.past_sessions_default values ('2020-01-01')")
    made = await functions.fetchval("select made from keep_months(0, '2026-01-15')")
    assert "past_sessions_2020_01" not in made


async def test_rights_are_granted_again_with_each_change(own_dsn: str) -> None:
    owner = await asyncpg.connect(own_dsn)
    await owner.execute("revoke all on claims from headcount_functions")
    assert await migrate(own_dsn) == []
    await owner.execute("update migrations set digest = 'old' where name = 'roles.sql'")
    assert await migrate(own_dsn) == ["roles.sql"]
    assert await owner.fetchval(f"select has_table_privilege('{FUNCTIONS}', 'claims', 'insert')")
    await owner.close()


async def test_a_role_that_has_no_rights_gets_them(own_dsn: str) -> None:
    owner = await asyncpg.connect(own_dsn)
    await owner.execute("revoke all on all tables in schema public from headcount_functions")
    assert await migrate(own_dsn) == ["roles.sql"]
    assert await owner.fetchval(f"select has_table_privilege('{FUNCTIONS}', 'claims', 'insert')")
    await owner.close()


async def test_the_functions_role_may_run_on_a_database_that_is_up_to_date(own_dsn: str) -> None:
    assert await migrate(of_functions(own_dsn)) == []
    await forget(own_dsn)


async def test_an_owner_who_may_make_no_roles_migrates_without_them(own_dsn: str) -> None:
    """The role is there already in this cluster: this owner's database gives it its rights."""
    name = f"owner_{uuid.uuid4().hex}"
    admin = await asyncpg.connect(own_dsn)
    await admin.execute(f"create role {name} login password 'owner'")
    await admin.execute(f"create database {name} owner {name}")
    dsn = named(own_dsn, name).replace("//headcount:", f"//{name}:")
    dsn = dsn.replace(dsn.partition(f"{name}:")[2].partition("@")[0], "owner")
    assert "roles.sql" in await migrate(dsn)
    functions = await asyncpg.connect(of_functions(dsn))
    assert await functions.fetchval("select count(*) from claims") == 0
    await functions.execute("select keep_months(0)")
    await functions.close()
    await admin.execute(f"drop database {name} with (force)")
    await admin.execute(f"drop role {name}")
    await admin.close()


async def test_migrate_gives_the_role_its_password(
    own_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own password again: the role is of all databases of this server, and of other tests."""
    url = of_functions(own_dsn)
    owner = await asyncpg.connect(own_dsn)
    await owner.execute("alter role headcount_functions nologin")
    monkeypatch.setattr("sys.argv", ["migrate", own_dsn])
    monkeypatch.setenv("FUNCTIONS_DATABASE_URL", url)
    assert await asyncio.to_thread(main) == 0
    functions = await asyncpg.connect(url)
    assert await functions.fetchval("select count(*) from claims") == 0
    await functions.close()
    await owner.close()


@pytest.mark.parametrize("url", ["nonsense", "postgresql://ann:secret@host/x", "postgresql://[/"])
def test_another_role_is_not_given_a_password(url: str) -> None:
    with pytest.raises(WrongRoleError) as refused:
        password_of_functions(url)
    assert "secret" not in str(refused.value)


def test_a_password_may_hold_any_character() -> None:
    dsn = as_functions("postgresql://headcount:a@127.0.0.1:5432/headcount", "p@ss:/w?rd")
    assert dsn == "postgresql://headcount_functions:p%40ss%3A%2Fw%3Frd@127.0.0.1:5432/headcount"
    assert password_of_functions(dsn) == "p@ss:/w?rd"
