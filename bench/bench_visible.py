"""What it costs that viewers are hidden and shown: `make bench NAME=visible`.

150,000 users are here, with 0 to 19 visible times behind them, and change one after the other as
fast as PostgreSQL writes it. Each change is the whole statement of a message: it counts against the
user's limit, takes their lock, and writes their row; each twentieth time a part of the session
becomes past. pgbench runs on the same processors. Exit code 1 when fewer changes a second are
written than 150,000 viewers make who change twice a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from bench.support.figures import Figures, add_write_option
from bench.support.interrupts import interrupt_on_signals
from bench.support.pgbench import Pgbench, find_pgbench
from postgres import Postgres
from sql.migrate import migrate

if TYPE_CHECKING:
    from bench.support.pgbench import Load

CHANGES_PER_MINUTE = 2
SCRIPTS = Path(__file__).parent / "visible"
ROW = """
select avg(pg_column_size(w.*))::integer as mean, max(pg_column_size(w.*)) as largest,
       (select count(*) from past_sessions) as parts
  from watching_times w
"""
HOT = """
select n_tup_hot_upd::float8 / nullif(n_tup_upd, 0) from pg_stat_user_tables
 where relname = 'watching_times'
"""


@dataclass(frozen=True)
class Measured:
    load: Load
    wal_bytes: int
    mean_row: int
    largest_row: int
    parts: int
    hot: float
    """The share of updates that touched no index."""


def main() -> int:
    """1 when the bar is missed."""
    interrupt_on_signals()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=150_000)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--clients", type=int, default=8)
    add_write_option(parser)
    given = parser.parse_args()
    needed = given.users * CHANGES_PER_MINUTE / 60
    try:
        with (
            tempfile.TemporaryDirectory(prefix="bench-visible-") as folder,
            Postgres(Path(folder)) as dsn,
        ):
            measured = asyncio.run(_measure(dsn, given.users, given.seconds, given.clients))
    except KeyboardInterrupt:
        print("interrupted; the database is ended and removed")
        return 130
    figures = Figures("visible")
    for what, figure in _rows(measured, given.users, needed):
        print(f"{what:56} {figure}")
        figures.add(what, figure)
    is_met = measured.load.per_second >= needed
    print(f"\n{'met' if is_met else 'NOT MET'}: {needed:,.0f} changes/s")
    if given.write:
        figures.write()
    return 0 if is_met else 1


async def _measure(dsn: str, users: int, seconds: float, clients: int) -> Measured:
    await migrate(dsn)
    db = await asyncpg.connect(dsn)
    await db.execute(f"set statement_timeout = 0; set bench.users = {users}")
    print(f"filling the table with {users:,} users", flush=True)
    await db.execute((SCRIPTS / "crowd.sql").read_text("utf-8"))
    await db.execute("vacuum analyze")
    await db.execute("checkpoint")
    before = await db.fetchval("select pg_current_wal_insert_lsn()")
    print(f"changing for {seconds:.0f} s", flush=True)
    of_each = {"turn": "-1", "clients": f"{clients}", "users_of_a_client": f"{users // clients}"}
    script = (SCRIPTS / "change.sql").read_text("utf-8")
    load = await Pgbench(find_pgbench(), dsn, clients).run(script, seconds, of_each)
    wal = await db.fetchval("select pg_current_wal_insert_lsn() - $1::pg_lsn", before)
    row = await db.fetchrow(ROW)
    await db.execute("select pg_stat_force_next_flush()")
    hot = await db.fetchval(HOT)
    await db.close()
    assert row is not None
    return Measured(load, int(wal), row["mean"], row["largest"], row["parts"], hot or 0)


def _rows(measured: Measured, users: int, needed: float) -> list[tuple[str, str]]:
    load = measured.load
    wal = measured.wal_bytes / load.times
    return [
        (
            "changes of visibility",
            f"{load.per_second:,.0f}/s (bar: {needed:,.0f}); p50 {load.p50_ms:.1f} ms,"
            f" p99 {load.p99_ms:.1f} ms",
        ),
        (
            f"viewers who change {CHANGES_PER_MINUTE} times a minute",
            f"{load.per_second * 60 / CHANGES_PER_MINUTE:,.0f} at that rate,"
            f" {load.per_second / needed:.1f} times {users:,}",
        ),
        (
            "WAL",
            f"{wal:,.0f} bytes a change; {wal * needed / 1e6:.1f} MB/s for {users:,} viewers",
        ),
        (
            "a user's row",
            f"{measured.mean_row:,} bytes, the largest {measured.largest_row:,};"
            f" {measured.hot:.0%} of the updates touch no index",
        ),
        ("parts that became past", f"{measured.parts / load.times:.1%} of the changes"),
    ]


if __name__ == "__main__":
    sys.exit(main())
