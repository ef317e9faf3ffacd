"""The statements that run for each event, or over everyone, find their rows by an index."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from handlers.adapters.database import text

if TYPE_CHECKING:
    import asyncpg


async def plan(db: asyncpg.Connection, query: str) -> list[str]:
    """How the statement runs, whatever its parameters; a sequential scan is the last resort."""
    await db.execute("set enable_seqscan = off; set plan_cache_mode = force_generic_plan")
    await db.execute(f"prepare asked as {text(query)}")
    parameters = ", ".join(["null"] * max(int(n) for n in re.findall(r"\$(\d)", text(query))))
    return [line for (line,) in await db.fetch(f"explain execute asked({parameters})")]


@pytest.mark.parametrize("query", ["hello", "sessions", "watch_time", "online", "push", "sweep"])
async def test_no_statement_reads_the_whole_table(db: asyncpg.Connection, query: str) -> None:
    scans = [line for line in await plan(db, query) if "Seq Scan on" in line]
    assert not [line for line in scans if "watching_times" in line or "user_events" in line]


async def test_a_sweep_begins_where_the_last_one_ended(db: asyncpg.Connection) -> None:
    """The cursor is a condition of the index: the last page costs what the first one costs."""
    conditions = [line for line in await plan(db, "sweep") if "Index Cond" in line]
    assert any("ROW(user_id, resource) >" in line for line in conditions), conditions


async def test_settling_joins_nothing_of_unknown_size(db: asyncpg.Connection) -> None:
    """The planner expects one row of each step, and a loop over two of them is quadratic."""
    source = await db.fetchval("select prosrc from pg_proc where proname = 'settle'")
    (statement,) = re.findall(r"with due .*?(?= into facts)", source, re.S)
    for variable, value in {"v_log.last_seq": "0", "p_limit": "1000", "v_now": "now()"}.items():
        statement = statement.replace(variable, value)
    lines = [line for (line,) in await db.fetch(f"explain {statement}")]
    assert any("watching_times" in line for line in lines)
    assert not [line for line in lines if ".place = " in line]
