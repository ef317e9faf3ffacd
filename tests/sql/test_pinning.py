"""No function sends what pins a connection of RDS Proxy.

Of all that tests run as the functions' role, the fixtures of tests/conftest.py look at the end.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

import asyncpg

import handlers.core.operations
import handlers.services
from handlers.adapters.statements import noted_sql_of, sql_of
from handlers.core.operation import Statement
from tests.support.pinning import pinning

for package in (handlers.core.operations, handlers.services):
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        import_module(module.name)
# Tests have statements of their own.
STATEMENTS = [one for one in Statement.__subclasses__() if one.__module__.startswith("handlers.")]


async def test_the_driver_asks_nothing_about_the_types_of_a_statement(dsn: str) -> None:
    """Of some, asyncpg asks the database, and calls `set_config` before and after."""
    db = await asyncpg.connect(dsn)
    asked: list[str] = []
    with db.query_logger(lambda query: asked.append(query.query)):
        for statement in STATEMENTS:
            await db.prepare(sql_of(statement))
            assert asked == [], statement.__name__
            if statement.order_of:
                await db.prepare(noted_sql_of(statement))
                assert asked == [], f"{statement.__name__}, noted"
    await db.close()


async def test_what_pins_is_found(db: asyncpg.Connection, dsn: str) -> None:
    await db.fetchval("select set_config('jit', 'off', false)")
    await db.execute("set jit to on")
    await db.execute("begin read only; commit")
    await db.fetchval("select limit_report(0)")
    found = await pinning(dsn, role="headcount")
    assert "select set_config($1, $2, $3)" in found
    assert any(query.startswith("set jit") for query in found)
    assert not {"select limit_report($1)", "begin read only"} & set(found)
