"""The code of the release before runs on the schema of this one: nothing that it uses is missing.

What it calls may be in the middle of a function while the schema changes under it, so this holds
for all functions, not only for those that its code calls by itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import asyncpg
import pytest

from sql import schema as files
from sql.migrate import migrate

if TYPE_CHECKING:
    from tests.support.base import Base

FUNCTIONS = """
select p.proname::text as name,
       p.prorettype = 'trigger'::regtype as is_trigger,
       coalesce(p.proargnames[:p.pronargs], array_fill(''::text, array[p.pronargs::int])) as names,
       array(select format_type(t, null) from unnest(p.proargtypes) as t) as types
  from pg_proc p
 where p.pronamespace = 'public'::regnamespace and p.prokind = 'f'
   and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
"""
COLUMNS = """
select c.relname::text as relation, a.attname::text as name, format_type(a.atttypid, null) as type,
       a.attnotnull and not a.atthasdef and a.attidentity = '' as is_needed
  from pg_class c join pg_attribute a on a.attrelid = c.oid
 where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v')
   and not c.relispartition and a.attnum > 0 and not a.attisdropped
   and c.relname <> 'migrations'
"""

Answer = dict[str, str]
"""The columns of an answer, and their types."""


class Schema(NamedTuple):
    """What the code of the release before relies on."""

    answers: dict[str, Answer | str]
    """Of its statements and its functions; or why one cannot be prepared."""
    columns: dict[str, dict[str, asyncpg.Record]]


async def test_the_code_before_finds_all_that_it_uses(base: Base, base_dsn: str) -> None:
    db = await asyncpg.connect(base_dsn)
    asked = base.statements() | {
        f"{row['name']}({', '.join(row['types'])})": call(row)
        for row in await db.fetch(FUNCTIONS)
        if not row["is_trigger"] and row["name"] not in base.kept_for_its_own_base()
    }
    before = await schema(db, asked)
    assert [why for why in before.answers.values() if isinstance(why, str)] == []
    await migrate(base_dsn)
    await db.reload_schema_state()
    assert missing(before, await schema(db, asked), base.words()) == []
    await db.close()


def call(function: asyncpg.Record) -> str:
    """A statement that calls a function as the functions and queries do: by name, or by place."""
    given = [
        f"{name} => null::{kind}" if name else f"null::{kind}"
        for name, kind in zip(function["names"], function["types"], strict=True)
    ]
    return f"select * from {function['name']}({', '.join(given)})"  # noqa: S608  # our own names


async def schema(db: asyncpg.Connection, asked: dict[str, str]) -> Schema:
    answers: dict[str, Answer | str] = {}
    for name, sql in asked.items():
        try:
            prepared = await db.prepare(sql)
            answers[name] = {one.name: one.type.name for one in prepared.get_attributes()}
        except asyncpg.PostgresError as error:
            answers[name] = str(error)
    columns: dict[str, dict[str, asyncpg.Record]] = {}
    for row in await db.fetch(COLUMNS):
        columns.setdefault(row["relation"], {})[row["name"]] = row
    return Schema(answers, columns)


def missing(before: Schema, after: Schema, words: str) -> list[str]:
    """What the code before would miss, each in a sentence."""
    found = []
    for name, answer in before.answers.items():
        now = after.answers[name]
        if isinstance(now, str):
            found.append(f"{name} fails: {now}")
        elif lost := [one for one in dict(answer).items() if one not in now.items()]:  # type: ignore[arg-type]
            found.append(f"{name} answers without {lost}")
    for relation, columns in before.columns.items():
        now_there = after.columns.get(relation, {})
        for name, column in columns.items():
            is_there = name in now_there and now_there[name]["type"] == column["type"]
            if not is_there and re.search(rf"\b{name}\b", words):
                found.append(f"{relation}.{name} is gone or of another type")
        found += [
            f"{relation}.{name} is new, and an insert that does not name it fails"
            for name, column in now_there.items()
            if name not in columns and column["is_needed"]
        ]
    return found


BEFORE_IT = 44
"""The last migration that was written before functions were set aside."""


def test_no_migration_drops_a_function() -> None:
    """A call that is under way would fail: it asks for what it has looked up before."""
    dropping = [
        path.name
        for path in (files.HERE / "migrations").glob("*.sql")
        if int(path.name[:4]) > BEFORE_IT
        and re.search(
            r"\bdrop (function|routine)\b", path.read_text(encoding="utf-8"), re.IGNORECASE
        )
    ]
    assert dropping == []


async def test_a_function_that_is_set_aside_can_still_be_called(db: asyncpg.Connection) -> None:
    transaction = db.transaction()
    await transaction.start()
    await db.execute("create function said(p_n integer) returns integer return p_n")
    name = await db.fetchval("select set_aside('said(integer)')")
    await db.execute(
        "create function said(p_n integer, out n integer, out m integer) return (2, 3)"
    )
    assert await db.fetchval(f"select {name}(1)") == 1  # our own name
    assert tuple(await db.fetchrow("select * from said(1)")) == (2, 3)
    await transaction.rollback()


async def test_a_function_that_is_not_there_need_not_be_set_aside(db: asyncpg.Connection) -> None:
    assert await db.fetchval("select set_aside('said(integer)')") is None


def row(**columns: Any) -> Any:
    return {"type": "text", "is_needed": False} | columns


@pytest.mark.parametrize(
    ("after", "finding"),
    [
        (Schema({"act": "no function act"}, {"t": {"c": row()}}), "act fails: no function act"),
        (
            Schema({"act": {"outcome": "int4"}}, {"t": {"c": row()}}),
            "act answers without [('outcome', 'text')]",
        ),
        (Schema({"act": {"outcome": "text"}}, {"t": {}}), "t.c is gone or of another type"),
        (Schema({"act": {"outcome": "text"}}, {}), "t.c is gone or of another type"),
        (
            Schema({"act": {"outcome": "text"}}, {"t": {"c": row(), "d": row(is_needed=True)}}),
            "t.d is new, and an insert that does not name it fails",
        ),
    ],
)
def test_what_is_missing_is_found(after: Schema, finding: str) -> None:
    before = Schema({"act": {"outcome": "text"}}, {"t": {"c": row(), "unused": row()}})
    assert missing(before, after, "select c from t") == [finding]
