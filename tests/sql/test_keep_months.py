"""keep_months: past sessions have a table per month, made in time and dropped when old."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.support.campaigns import begin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

JANUARY = datetime(2026, 1, 15, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


@pytest.fixture
async def months(own_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A database whose months a test may make and drop."""
    db = await asyncpg.connect(own_dsn)
    yield db
    await db.close()


async def keep(
    db: asyncpg.Connection, now: datetime, months: int = 0
) -> tuple[list[str], list[str]]:
    row = await db.fetchrow("select * from keep_months($1, $2)", months, now)
    made, dropped = ([name.removeprefix("past_sessions_") for name in names] for names in row)
    return made, dropped


async def past(db: asyncpg.Connection, *ends: datetime) -> None:
    for number, end in enumerate(ends):
        await db.execute(
            "insert into past_sessions values ($1, 'ann', 'site', $2, $2, 'client', '0')",
            number,
            end,
        )


async def place(db: asyncpg.Connection, number: int = 0) -> str:
    name: str = await db.fetchval(
        "select tableoid::regclass::text from past_sessions where id = $1", number
    )
    return name.removeprefix("past_sessions_")


async def test_this_month_and_the_next_two_are_made(months: asyncpg.Connection) -> None:
    assert await keep(months, JANUARY) == (["2026_01", "2026_02", "2026_03"], [])


async def test_a_second_time_there_is_nothing_to_do(months: asyncpg.Connection) -> None:
    await keep(months, JANUARY)
    assert await keep(months, JANUARY) == ([], [])
    assert await keep(months, JANUARY + timedelta(days=31)) == (["2026_04"], [])


async def test_names_of_other_tables_are_not_read_whatever_the_plan(
    months: asyncpg.Connection,
) -> None:
    await keep(months, JANUARY)
    for way in ("indexscan", "indexonlyscan", "bitmapscan", "nestloop"):
        await months.execute(f"set enable_{way} = off")
    assert await keep(months, JANUARY + timedelta(days=62), 1) == (
        ["2026_04", "2026_05"],
        ["2026_01"],
    )


async def test_months_are_made_across_the_year(months: asyncpg.Connection) -> None:
    made, _ = await keep(months, datetime(2026, 11, 30, 23, 59, tzinfo=UTC))
    assert made == ["2026_11", "2026_12", "2027_01"]


async def test_a_month_begins_at_midnight_utc(months: asyncpg.Connection) -> None:
    await months.execute("set timezone = 'Pacific/Auckland'")
    await keep(months, JANUARY)
    february = datetime(2026, 2, 1, tzinfo=UTC)
    await past(months, february - MILLISECOND, february, february + MILLISECOND)
    assert [await place(months, n) for n in range(3)] == ["2026_01", "2026_02", "2026_02"]


async def test_what_has_no_month_yet_waits_in_the_default(months: asyncpg.Connection) -> None:
    await past(months, JANUARY)
    assert await place(months) == "default"


async def test_what_has_gathered_in_the_default_gets_its_month(months: asyncpg.Connection) -> None:
    await past(months, datetime(2025, 7, 1, tzinfo=UTC), JANUARY)
    made, _ = await keep(months, JANUARY)
    assert made == ["2025_07", "2026_01", "2026_02", "2026_03"]
    assert [await place(months, n) for n in range(2)] == ["2025_07", "2026_01"]


@pytest.mark.parametrize(
    ("now", "dropped"),
    [
        (datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC), []),
        (datetime(2026, 3, 1, tzinfo=UTC), ["2026_01"]),
        (datetime(2026, 4, 1, tzinfo=UTC), ["2026_01", "2026_02"]),
    ],
)
async def test_a_month_is_dropped_when_it_ended_so_long_ago(
    months: asyncpg.Connection, now: datetime, dropped: list[str]
) -> None:
    await keep(months, JANUARY)
    assert (await keep(months, now, months=1))[1] == dropped


async def test_with_its_month_a_session_is_gone(months: asyncpg.Connection) -> None:
    await keep(months, JANUARY)
    await past(months, JANUARY, JANUARY + timedelta(days=31))
    await keep(months, datetime(2026, 3, 1, tzinfo=UTC), months=1)
    assert await months.fetchval("select array_agg(id) from sessions") == [1]


async def test_none_is_dropped_when_all_are_kept(months: asyncpg.Connection) -> None:
    await keep(months, JANUARY)
    assert (await keep(months, JANUARY + timedelta(days=3_650), months=0))[1] == []


async def test_the_indexes_of_all_are_the_indexes_of_each(months: asyncpg.Connection) -> None:
    await keep(months, JANUARY)
    count = "select count(*) from pg_index where indrelid = $1::regclass"
    wanted = await months.fetchval(count, "past_sessions")
    assert await months.fetchval(count, "past_sessions_2026_02") == wanted


async def test_it_waits_for_a_report_a_second_at_most(
    months: asyncpg.Connection, own_dsn: str
) -> None:
    """Then it fails, changes nothing, and the next time it does it."""
    report = await asyncpg.connect(own_dsn)
    async with report.transaction():
        await report.execute("lock table past_sessions_default in access share mode")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await keep(months, JANUARY)
    await report.close()
    assert (await keep(months, JANUARY))[0] == ["2026_01", "2026_02", "2026_03"]


@pytest.mark.parametrize(("now", "kept"), [(date(2026, 3, 31), 2), (date(2026, 4, 1), 0)])
async def test_a_total_is_kept_while_its_user_goes_on_watching(
    months: asyncpg.Connection, now: date, kept: int
) -> None:
    """It also counts what was in a month that is dropped; then it is forgotten as a whole."""
    await begin(months, JANUARY, every=3_600)
    for joined_at in (JANUARY, JANUARY + timedelta(days=30)):
        await months.execute(
            "insert into past_sessions values (1, 'ann', 'site', $1, $2, 'client', '0')",
            *(joined_at, joined_at + timedelta(hours=30)),
        )
    await keep(months, datetime(now.year, now.month, now.day, tzinfo=UTC), months=1)
    totals = await months.fetch("select resource, watched from watch_totals order by resource")
    total = timedelta(hours=60)
    assert [tuple(row) for row in totals] == [("", total), ("site", total)][:kept]
    progress = await months.fetch("select watched from campaign_progress")
    assert [row["watched"] for row in progress] == [total][:kept]
