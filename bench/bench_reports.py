"""Sums over all users, and audiences, over a day, a week and a month: `make bench-reports`.

A year of past sessions (`bench/reports/past.sql`) and users who are online are rolled up as the
sweep does it. Then each report is asked for, as the HTTP API does, of an interval that ends now and
of one that ended a month ago, and compared with the same report from the sessions alone. Exit code
1 when one takes more than a second, or is not equal: an estimate may be wrong by up to four
standard errors, which is twice what the answer says.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg

from bench.presence.reports import INDEXES
from bench.support.figures import Figures, add_write_option
from bench.support.interrupts import interrupt_on_signals
from handlers.adapters.database import Database, TooSlow
from handlers.adapters.deadline import Deadline
from handlers.adapters.statements import sql_of, values_of
from handlers.core.operations.maintenance import RollUp
from handlers.services.audience import (
    ALL_USERS,
    ReadAudience,
    choose_resolution,
    error_percent,
    read_audience,
)
from handlers.services.reports import (
    REPORT_TIMEOUT,
    Concurrency,
    Interval,
    WatchTimeByName,
    WatchTimeByPeriod,
    WatchTimeOfAll,
    choose_steps,
)
from handlers.services.sweep import ROLL_UP_BATCH_SIZE
from postgres import Postgres
from sql.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Callable

    from handlers.core.operation import Statement

    Report = Callable[[datetime, datetime, datetime], "Asked"]
    """The report of an interval, asked for at a moment."""

FOLDER = Path(__file__).parent / "reports"
ZONE = "Europe/Berlin"
NEVER = datetime.min.replace(tzinfo=UTC)
LENGTHS = {"a day": 1, "a week": 7, "a month": 30}
CATCH_UP = 7 * 96
"""Quarter hours of a call: each call reads all who are online, so a few large ones are quicker."""
EVERYTHING = 1_000_000.0  # seconds: no event bounds the calls
IN_SESSIONS = """
select ms(at) as at, viewers, peak_viewers, ms(peak_at) as peak_at
  from viewers_in_sessions($1, $2, $3, $4, $5, $6) as counted order by counted.at
"""
SIZE = """
select pg_size_pretty(pg_total_relation_size('rollups')) as size, count(*) as rows,
       pg_total_relation_size('rollups') / greatest(count(*), 1) as each
  from rollups
"""


@dataclass(frozen=True)
class Asked:
    """A report, and the SQL and arguments that answer it from the sessions alone."""

    statement: Statement[Any]
    sql: str
    arguments: tuple[Any, ...]


def watch_time(
    period: str | None, resource: str | None = None, *, by_resource: bool, is_visible: bool = False
) -> Report:
    def asked(begins: datetime, ends: datetime, now: datetime) -> Asked:
        names = ["resource"] if by_resource else []
        of_all = WatchTimeOfAll(
            *(begins, ends, period, ZONE, by_resource, resource, NEVER),
            limit=10_000,
            now=now,
            is_visible=is_visible,
        )
        other: Statement[Any] = (
            WatchTimeByName(
                begins, ends, names, resource=resource, limit=10_000, now=now, is_visible=is_visible
            )
            if period is None
            else WatchTimeByPeriod(
                *(begins, ends, period, ZONE, names, None, resource, NEVER),
                limit=10_000,
                now=now,
                is_visible=is_visible,
            )
        )
        return Asked(of_all, sql_of(type(other)), tuple(values_of(other)))

    return asked


def viewers(resource: str | None) -> Report:
    """In steps of whole quarters: a day has them if it is asked to."""

    def asked(begins: datetime, ends: datetime, now: datetime) -> Asked:
        steps = choose_steps(Interval(begins, ends), 3_600)
        arguments = (begins, ends, steps.step, resource)
        statement = Concurrency(*arguments, steps.resolution, now)
        return Asked(statement, IN_SESSIONS, (*arguments, steps.resolution, now))

    return asked


def audience(
    period: str | None,
    resource: str | None = None,
    *,
    min_length: timedelta = timedelta(0),
    is_visible: bool = False,
) -> Report:
    def asked(begins: datetime, ends: datetime, now: datetime) -> Asked:
        statement = ReadAudience(
            *(begins, ends, period, ZONE, [resource] if resource else None, min_length),
            choose_resolution(ends - begins),
            now,
            is_visible,
        )
        return Asked(statement, sql_of(ReadAudience), tuple(values_of(statement)))

    return asked


REPORTS: dict[str, Report] = {
    "watch time by resource": watch_time(None, by_resource=True),
    "watch time by day": watch_time("day", by_resource=False),
    "watch time by hour": watch_time("hour", by_resource=False),
    "watch time by day and resource": watch_time("day", by_resource=True),
    "visible time by day": watch_time("day", by_resource=False, is_visible=True),
    "visible time by resource": watch_time(None, by_resource=True, is_visible=True),
    "watch time of a resource by day": watch_time("day", "stream-7", by_resource=False),
    "viewers at once by hour": viewers(None),
    "viewers of a resource by hour": viewers("stream-7"),
    "audience": audience(None),
    "audience of ten minutes at least, by day": audience("day", min_length=timedelta(minutes=10)),
    "visible audience by hour": audience("hour", is_visible=True),
    "audience of a resource by day": audience("day", "stream-7"),
}


def main() -> int:
    """Run all of it; 1 when a report is too slow or wrong."""
    interrupt_on_signals()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=10_000_000, help="in the past year")
    parser.add_argument("--online", type=int, default=640_000, help="users who are online")
    add_write_option(parser)
    given = parser.parse_args()
    figures = Figures("reports")
    try:
        with (
            tempfile.TemporaryDirectory(prefix="bench-reports-") as folder,
            Postgres(Path(folder)) as dsn,
        ):
            is_met = asyncio.run(_bench(dsn, given.sessions, given.online, figures))
    except KeyboardInterrupt:
        print("interrupted; the database is ended and removed")
        return 130
    if given.write:
        figures.write()
    return 0 if is_met else 1


async def _bench(dsn: str, sessions: int, online: int, figures: Figures) -> bool:
    await migrate(dsn)
    db = await asyncpg.connect(dsn)
    deadline = Deadline()
    deadline.begin(EVERYTHING)
    handlers = Database(dsn, deadline)
    try:
        await _fill(db, sessions, online)
        await _roll_up(db, handlers, figures)
        is_met = True
        for title, report in REPORTS.items():
            cells = []
            for until in (timedelta(0), timedelta(days=30)):
                for name, days in LENGTHS.items():
                    cell, is_right = await _compare(db, handlers, report, until, days)
                    is_met &= is_right
                    cells.append(f"{name}{' a month ago' if until else ''}: {cell}")
            say(f"   {title:34}{'; '.join(cells)}")
            figures.add(title, "; ".join(cells))
    finally:
        await handlers.close()
        await db.close()
    say(f"\n{'met' if is_met else 'NOT MET':8}each within a second, and equal to the sessions")
    return is_met


async def _fill(db: asyncpg.Connection, sessions: int, online: int) -> None:
    """Without indexes first: they are built at the end, in a fraction of the time."""
    began = time.perf_counter()
    await db.execute(
        f"set bench.sessions = {sessions}; set bench.online = {online};"
        " set maintenance_work_mem = '512MB'; set statement_timeout = 0"
    )
    indexes = await db.fetch(INDEXES)
    for index in indexes:
        kind = (
            "alter table past_sessions drop constraint" if index["is_constraint"] else "drop index"
        )
        await db.execute(f"{kind} {index['name']}")
    await db.execute((FOLDER / "past.sql").read_text("utf-8"))
    for index in indexes:
        await db.execute(index["definition"])
    await db.execute((FOLDER / "online.sql").read_text("utf-8"))
    await db.execute("vacuum analyze")
    say(f"{sessions:,} past sessions, {online:,} online, in {time.perf_counter() - began:.0f} s")


async def _roll_up(db: asyncpg.Connection, handlers: Database, figures: Figures) -> None:
    """A year, week by week; then the last quarters, one each, as the sweep does."""
    began, quarters, slowest = time.perf_counter(), 0, 0.0
    while (row := await db.fetchrow("select * from roll_up($1)", CATCH_UP))["is_behind"]:
        quarters += row["quarters"]
    seconds = time.perf_counter() - began
    await db.execute("update rollup_state set rolled_up_to = rolled_up_to - interval '2 hours'")
    for limit in (1, 1, 1, 1, ROLL_UP_BATCH_SIZE):
        asked = time.perf_counter()
        await handlers.fetch_one(RollUp(limit))
        slowest = max(slowest, time.perf_counter() - asked)
    await db.execute("vacuum analyze rollups")
    size = await db.fetchrow(SIZE)
    kept = f"{size['rows']:,} rows, {size['size']}, {size['each']} bytes each"
    said = (
        f"{quarters:,} quarters in {seconds:.0f} s, the slowest call of the sweep {slowest:.2f} s"
    )
    say(f"   rolled up: {said}; {kept}")
    figures.add("rolled up", f"{said}; {kept}")


async def _compare(
    db: asyncpg.Connection,
    handlers: Database,
    report: Report,
    until: timedelta,
    days: int,
) -> tuple[str, bool]:
    now = datetime.now(UTC)
    # Up to now, or up to an hour of that day.
    ends = now if not until else (now - until).replace(minute=0, second=0, microsecond=0)
    begins = (ends - timedelta(days=days)).replace(minute=0, second=0, microsecond=0)
    asked = report(begins, ends, now)
    began = time.perf_counter()
    rows: list[Any]
    try:
        if isinstance(asked.statement, ReadAudience):
            rows = [*await read_audience(handlers, asked.statement)]
        else:
            rows = await handlers.report(asked.statement, REPORT_TIMEOUT)
    except TooSlow:
        return "refused", False
    took = time.perf_counter() - began
    async with db.transaction(readonly=True):
        await db.fetch("select limit_report(0)")
        began = time.perf_counter()
        expected = await db.fetch(asked.sql, *asked.arguments)
        brute = time.perf_counter() - began
    said = f"sessions: {brute * 1_000:,.0f}"
    if rows and getattr(rows[0], "sample_percent", 100) < 100:
        is_equal, how = _is_near(rows, expected)
        said += f"; {how}"
    else:
        is_equal = _is_equal(rows, expected)
    cell = f"{took * 1_000:,.0f} ms ({said})"
    if took > REPORT_TIMEOUT.total_seconds():  # an audience is two statements
        return f"{cell}, TOO SLOW", False
    return cell if is_equal else f"{cell}, NOT EQUAL", is_equal


def _is_near(rows: list[Any], expected: list[asyncpg.Record]) -> tuple[bool, str]:
    """Whether estimates are no further off than four standard errors, and how far they are. Sums of
    a month that is over are the same; now, what roll-ups do not know is estimated.
    """
    is_near, furthest = len(rows) == len(expected), 0.0
    sums = {"views": 0.0, "sessions": 0.0, "watched_ms": 0.0}
    for row, record in zip(rows, expected, strict=False):
        allowed = 2 * (row.error_percent or 100) / 100
        off = _off(row.unique_viewers, record["unique_viewers"])
        furthest = max(furthest, off)
        is_near &= off <= allowed
        # Of sums and peaks nothing is known but the sample.
        sample = round(row.sample_percent * ALL_USERS / 100)
        allowed = 2 * (error_percent(row.unique_viewers, sample) or 100) / 100
        is_near &= row.peak_viewers >= record["peak_viewers"] * (1 - allowed)
        for name, most in sums.items():
            off = _off(getattr(row, name), record[name])
            is_near &= off <= allowed
            sums[name] = max(most, off)
    share = f"of {rows[0].sample_percent:g} % of the users"
    said = max(row.error_percent or 0 for row in rows)
    return is_near, f"{share}, viewers {furthest:.2%} off, said {said:.2f}%; " + (
        "sums equal" if not any(sums.values()) else f"sums {max(sums.values()):.2%} off"
    )


def _off(found: float, expected: float) -> float:
    return abs(found - expected) / max(expected, 1)


def _is_equal(rows: list[Any], expected: list[asyncpg.Record]) -> bool:
    """Whether all that the sessions say is the same. A peak may be higher: roll-ups see each
    coming and going, sessions are counted at one moment in a resolution."""
    # A part of no length, whose session is counted before, may have a row of nothing.
    rows = [row for row in rows if getattr(row, "watched_ms", 1) or row.sessions]
    expected = [record for record in expected if record.get("watched_ms", 1) or record["sessions"]]
    if len(rows) != len(expected):
        return False
    for row, record in zip(rows, expected, strict=True):
        for name in row.__struct_fields__:  # the record may also have what estimates are made of
            value, found = record.get(name, getattr(row, name)), getattr(row, name)
            if (name == "peak_viewers" and found > value) or name == "peak_at":
                continue
            if found != value:
                return False
    return True


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
