"""Reports over an interval find their rows by an index."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from handlers.adapters.statements import text

if TYPE_CHECKING:
    import asyncpg

BEGINS, ENDS = "'2026-10-10'::timestamptz", "'2026-10-11'::timestamptz"
INTERVAL = f"{BEGINS}, {ENDS}"
REPORTS = {
    "sessions": f"{INTERVAL}, null, null, null, null, null, null, null, 100, null",
    "sessions of a user": "'-infinity', 'infinity', 'u'" + ", null" * 8,
    "sessions of a resource": f"{INTERVAL}, null, 'r', null, null, null, {BEGINS}, 7, 100, null",
    "watch_time_by": f"{INTERVAL}, '{{resource}}', null, null, '', '', 100, null, false",
    "watch_time_by user": f"{INTERVAL}, '{{user}}', null, null, 'u', '', 100, null, false",
    "watch_time_in": f"{INTERVAL}, 'hour', 'UTC', '{{}}', null, null, '-infinity', '', '', 9"
    ", null, false",
    "audience of each user": f"{INTERVAL}, 'hour', 'UTC', null, '0', '1 second', null, true",
    "audience of each sampled user": f"{INTERVAL}, null, 'UTC', null, '0', '1 s', null, false",
    "audience of a resource's user": f"{INTERVAL}, null, 'UTC', '{{r}}', '0', '1 s', null, false",
    "viewers_in_sessions": f"{INTERVAL}, '1 minute', null, '1 microsecond', now()",
    "viewers_in_sessions of a resource": f"{INTERVAL}, '1 minute', 'r', '1 microsecond', now()",
    "sums_of_sessions": f"{INTERVAL}, now(), {BEGINS}, array[{INTERVAL}], '{{}}', null, null"
    ", false",
    "sums_of_sessions at once": f"{INTERVAL}, now(), {BEGINS}, array[{INTERVAL}], '{{}}', null"
    ", null, true",
}
# Behind is_corrected: of how many in 1,024 users; whose open sessions are not summed at once.
MORE = {
    "audience": ", 1024",
    "audience of each sampled user": ", 64",
    "sums_of_sessions": ", null",
    "sums_of_sessions at once": ", '{u}'",
}
# Those that have no query of their own: concurrency and watch_time_of_all call them.
CALLS = {
    "viewers_in_sessions": "select * from viewers_in_sessions($1, $2, $3, $4, $5, $6, $7)",
    "sums_of_sessions": "select *"
    " from sums_of_sessions($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
}


@pytest.mark.parametrize("report", REPORTS)
async def test_a_report_reads_no_more_of_the_past_than_its_interval(
    db: asyncpg.Connection, report: str
) -> None:
    """A bound below the ends is not enough, there must be one above them; and months before the
    interval are left out."""
    await db.execute("select keep_months(0, '2026-09-15')")
    async with db.transaction():
        await db.fetch("select limit_report(60000)")
        await db.execute("set local enable_seqscan = off")
        name = report.split(maxsplit=1)[0]
        await db.execute(f"prepare reported as {CALLS.get(name) or text(name)}")
        more = MORE.get(report) or MORE.get(name, "")
        explain = f"explain execute reported({REPORTS[report]}, true{more})"
        lines = [line for (line,) in await db.fetch(explain)]
    await db.execute("deallocate reported")
    plan_of_it = "\n".join(lines)
    assert "Seq Scan on past_sessions" not in plan_of_it
    if "user" not in report.split()[1:] and "'-infinity'" not in REPORTS[report][:12]:
        assert "past_sessions_2026_09" not in plan_of_it
    conditions = [line for line in lines if "Index Cond" in line]
    assert any("user_id = " in line or "ended_at <" in line for line in conditions), conditions
