"""`python -m sql.roll_up`, as an operator runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import asyncpg
import pytest

from tests.support.modules import ROOT
from tests.support.reports import at, past
from tests.support.rollups import ROWS, has_swept
from tests.support.waiting import until_answered

WAITS = """
select count(*) > 0 from pg_stat_activity
 where wait_event_type = 'Lock' and query like '%rebuild_rollups%'
"""


def started(dsn: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "sql.roll_up", *arguments],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": dsn},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ran(dsn: str, *arguments: str) -> tuple[int, list[str]]:
    """Its exit code, and what it says at the end of all."""
    with started(dsn, *arguments) as running:
        out, said = running.communicate()
    assert out == ""
    return running.returncode, said.splitlines()


async def rollups(db: asyncpg.Connection) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await db.fetch(ROWS)]


async def test_it_makes_all_that_is_final_and_a_second_time_the_same(
    db: asyncpg.Connection, dsn: str
) -> None:
    for n in range(3):
        await past(db, at(n), at(600 + n), f"user-{n}")
    await has_swept(db, at(2_000))
    code, said = ran(dsn)
    assert (code, said[-1].endswith("quarter hours in all")) == (0, True)
    made = await rollups(db)
    assert len(made) == 41 * 4  # two clocks; all, and one resource
    assert ran(dsn)[0] == 0
    assert await rollups(db) == made


async def test_it_mends_an_interval_and_nothing_else(db: asyncpg.Connection, dsn: str) -> None:
    await past(db, at(0), at(600))
    await has_swept(db, at(2_000))
    ran(dsn)
    await db.execute("update rollups set began = began + 1000")
    await db.execute("select roll_up_again($1, $2)", at(0), at(600))
    code, said = ran(dsn, "--from", "2026-03-02T01:00", "--to", "2026-03-02T02:00Z")
    assert (code, said[-1]) == (0, "roll_up: 4 quarter hours in all")
    mended = "select array_agg(distinct starts_at order by starts_at) from rollups where began < 9"
    assert await db.fetchval(mended) == [at(60), at(75), at(90), at(105)]
    assert await db.fetchval("select count(*) from rollups_due") == 41 - 4


async def test_interrupted_it_says_where_to_go_on(db: asyncpg.Connection, dsn: str) -> None:
    await past(db, at(0), at(600))
    await has_swept(db, at(2_000))
    ran(dsn)
    await db.execute("update rollups set began = began + 1000")
    other = await asyncpg.connect(dsn)
    async with other.transaction():
        await other.execute("select from rollup_state for update")
        with started(dsn, "--from", "2026-03-02") as running:

            async def it_waits() -> bool:
                return bool(await db.fetchval(WAITS))

            await until_answered(it_waits)
            running.send_signal(signal.SIGINT)
            _, said = running.communicate()
        assert (running.returncode, said) == (130, "roll_up: interrupted after 0 quarter hours\n")
    await other.close()
    assert ran(dsn, "--from", "2026-03-02")[0] == 0
    assert await db.fetchval("select max(began) from rollups") == 1


async def test_of_dropped_months_it_leaves_the_roll_ups(own_dsn: str) -> None:
    db = await asyncpg.connect(own_dsn)
    await db.execute("select keep_months(0, $1)", at(0))
    await past(db, at(0), at(60))
    await has_swept(db, at(2_000))
    ran(own_dsn)
    before = await rollups(db)
    await db.execute("select keep_months(1, $1)", at(70 * 1_440))
    code, said = ran(own_dsn, "--from", "2026-03-01")
    gone = "roll_up: before 2026-04-01T00:00Z sessions are gone: those roll-ups stay as they are"
    assert (code, said[0]) == (0, gone)
    assert before
    assert await rollups(db) == before
    await db.close()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--from", "yesterday"),
        ("--from", "2026-03-03", "--to", "2026-03-02"),
        ("--to", "9" * 30),
        ("all",),
    ],
)
def test_what_it_does_not_understand_it_says(dsn: str, arguments: tuple[str, ...]) -> None:
    code, said = ran(dsn, *arguments)
    assert code == 2
    assert "error: " in said[-1]


@pytest.mark.parametrize(
    ("dsn", "reason"), [("", "Give a DATABASE_URL"), ("postgresql://ann@127.0.0.1:1/x", "reached")]
)
def test_without_a_database_it_says_so(dsn: str, reason: str) -> None:
    code, said = ran(dsn)
    assert (code, len(said)) == (2, 1)
    assert reason in said[0]
