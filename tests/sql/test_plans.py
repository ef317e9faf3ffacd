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
    parameters = ", ".join(["null"] * max(int(n) for n in re.findall(r"\$(\d+)", text(query))))
    return [line for (line,) in await db.fetch(f"explain execute asked({parameters})")]


@pytest.mark.parametrize("query", ["hello", "watch_time", "online", "push", "sweep"])
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


BEGINS, ENDS = "'2026-10-10'::timestamptz", "'2026-10-11'::timestamptz"
INTERVAL = f"{BEGINS}, {ENDS}"
REPORTS = {
    "sessions": f"{INTERVAL}, null, null, null, null, null, null, null, 100, null",
    "sessions of a user": "'-infinity', 'infinity', 'u'" + ", null" * 8,
    "sessions of a resource": f"{INTERVAL}, null, 'r', null, null, null, {BEGINS}, 7, 100, null",
    "watch_time_by": f"{INTERVAL}, '{{resource}}', null, null, '', '', 100, null",
    "watch_time_by user": f"{INTERVAL}, '{{user}}', null, null, 'u', '', 100, null",
    "watch_time_in": f"{INTERVAL}, '1 hour', '{{}}', null, null, '-infinity', '', '', 100, null",
    "concurrency": f"{INTERVAL}, '1 minute', null, '1 microsecond', null",
    "concurrency of a resource": f"{INTERVAL}, '1 minute', 'r', '1 microsecond', null",
}


@pytest.mark.parametrize("report", REPORTS)
async def test_a_report_reads_no_more_of_the_past_than_its_interval(
    db: asyncpg.Connection, report: str
) -> None:
    """A bound below the ends is not enough, there must be one above them; and months before the
    interval are left out."""
    await db.execute("select keep_months(0, '2026-09-15')")
    async with db.transaction():
        await db.fetch(text("report_limits"), 60_000)
        await db.execute("set local enable_seqscan = off")
        await db.execute(f"prepare reported as {text(report.split(maxsplit=1)[0])}")
        lines = [line for (line,) in await db.fetch(f"explain execute reported({REPORTS[report]})")]
    await db.execute("deallocate reported")
    plan_of_it = "\n".join(lines)
    assert "Seq Scan on past_sessions" not in plan_of_it
    if "user" not in report.split()[1:] and "'-infinity'" not in REPORTS[report][:12]:
        assert "past_sessions_2026_09" not in plan_of_it
    conditions = [line for line in lines if "Index Cond" in line]
    assert any("user_id = " in line or "terminate_at <" in line for line in conditions), conditions
