"""GET /health: the database answers, with the schema that this code needs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from handlers import http
from handlers.services.health import SchemaRow, compare
from sql import schema
from tests.support.web import call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from handlers.container import Container
    from tests.support.world import World

ONE_LESS = (
    "delete from migrations"
    " where name = (select max(name) from migrations where name like 'migrations/%')"
)


@pytest.fixture
def container_type() -> type[Container]:
    return http.HttpContainer


@contextmanager
def changed(world: World, change: str) -> Iterator[None]:
    """The table `migrations` after a statement, and then again as it was."""
    world.rows("create table kept as table migrations")
    world.rows(change)
    yield
    world.rows("drop table if exists migrations")
    world.rows("alter table kept rename to migrations")
    world.rows("alter table migrations add primary key (name)")
    world.rows("grant select on migrations to headcount_functions")


@pytest.mark.parametrize(
    ("change", "code", "status", "migrations"),
    [
        ("select 1", 200, "ok", "ok"),
        (ONE_LESS, 503, "schema", "behind"),
        ("delete from migrations", 503, "schema", "missing"),
        ("drop table migrations", 503, "schema", "missing"),
        ("insert into migrations values ('migrations/9999', '', now())", 200, "ok", "newer"),
        ("update migrations set digest = 'x'", 200, "ok", "other functions"),
    ],
)
def test_health_compares_the_schema_with_the_code(
    world: World, change: str, code: int, status: str, migrations: str
) -> None:
    with changed(world, change):
        answer = {"status": status, "database": "ok", "migrations": migrations}
        assert call(world, "GET", "/health", token=None) == (code, answer)


def test_a_handshake_on_a_database_without_schema_is_refused_and_the_log_says_why(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    function = world.rows("select pg_get_functiondef('connect'::regproc) as text")[0]["text"]
    signature = world.rows("select 'connect'::regproc::oid::regprocedure::text as name")[0]["name"]
    world.rows(f"drop function {signature}")
    try:
        assert world.come("a1") == 503
    finally:
        world.rows(function)
    assert "the schema is not that of this release: make migrate" in caplog.text


def test_two_branches_that_each_add_a_migration_are_told_apart() -> None:
    """By their number, not by the last name: the one that is missing may have a lower one."""
    assert compare(SchemaRow(2, "a"), schema.Version(3, "b")) == "behind"
