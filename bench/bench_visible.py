"""What it costs that viewers are hidden and shown: `make bench NAME=visible`.

150,000 users are here, with 0 to 19 visible times behind them, and change one after the other as
fast as PostgreSQL writes it. Each change is the whole statement of a message: it counts against the
user's limit, takes their lock, and writes their row; each twentieth time a part of the session
becomes past. pgbench runs on the same processors, and so may others: how many a second they leave
is one figure, and what PostgreSQL uses of a processor for each is another, which says how many two
cores of its own bear. Exit code 1 when those are fewer than 150,000 viewers make who change twice a
minute. Where there is no /proc (macOS), the first figure is taken for the second.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from bench.support.figures import Figures, add_write_option
from bench.support.gateways import cpu_seconds, family
from bench.support.interrupts import interrupt_on_signals
from bench.support.pgbench import Pgbench, find_pgbench
from postgres import Postgres
from sql.migrate import migrate

if TYPE_CHECKING:
    from bench.support.pgbench import Load

CHANGES_PER_MINUTE = 2
CORES = 2
IMAGES_SHARE = 0.25
"""How long the second round is, which writes no images of whole pages into the WAL."""
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
    wal_each: float
    """Bytes of WAL a change, with the images of pages that the last checkpoint had written."""
    record_each: float
    """The same without those images."""
    processor_ms: float | None
    """Of PostgreSQL, for a change."""
    mean_row: int
    largest_row: int
    parts: int
    hot: float
    """The share of updates that touched no index."""

    @property
    def borne(self) -> float:
        """How many changes a second two processors bear that are PostgreSQL's alone."""
        if not self.processor_ms:
            return self.load.per_second
        return CORES * 1_000 / self.processor_ms


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
            measured = asyncio.run(_measure(dsn, given, Path(folder)))
    except KeyboardInterrupt:
        print("interrupted; the database is ended and removed")
        return 130
    figures = Figures("visible")
    for what, figure in _rows(measured, given.users, needed):
        print(f"{what:56} {figure}")
        figures.add(what, figure)
    is_met = measured.borne >= needed
    print(f"\n{'met' if is_met else 'NOT MET'}: {needed:,.0f} changes/s")
    if given.write:
        figures.write()
    return 0 if is_met else 1


async def _measure(dsn: str, given: argparse.Namespace, folder: Path) -> Measured:
    await migrate(dsn)
    db = await asyncpg.connect(dsn)
    await db.execute(f"set statement_timeout = 0; set bench.users = {given.users}")
    await _fill(db, given.users)
    used = _processor_seconds(folder)
    load, wal_each = await _change(db, dsn, given, given.seconds)
    used = None if used is None else (_processor_seconds(folder) or 0) - used
    row = await db.fetchrow(ROW)
    await db.execute("select pg_stat_force_next_flush()")
    hot = await db.fetchval(HOT)
    await db.execute("alter system set full_page_writes = off")
    await db.execute("select pg_reload_conf()")
    await _fill(db, given.users)
    _, record_each = await _change(db, dsn, given, given.seconds * IMAGES_SHARE)
    await db.close()
    assert row is not None
    return Measured(
        load=load,
        wal_each=wal_each,
        record_each=record_each,
        processor_ms=None if used is None else used * 1_000 / load.times,
        mean_row=row["mean"],
        largest_row=row["largest"],
        parts=row["parts"],
        hot=hot or 0,
    )


async def _fill(db: asyncpg.Connection, users: int) -> None:
    print(f"filling the table with {users:,} users", flush=True)
    await db.execute("truncate watching_times")
    await db.execute((SCRIPTS / "crowd.sql").read_text("utf-8"))
    await db.execute("vacuum analyze")
    await db.execute("checkpoint")


async def _change(
    db: asyncpg.Connection, dsn: str, given: argparse.Namespace, seconds: float
) -> tuple[Load, float]:
    """What pgbench did, and the bytes of WAL for each change."""
    print(f"changing for {seconds:.0f} s", flush=True)
    clients = given.clients
    of_each = {
        "turn": "-1",
        "clients": f"{clients}",
        "users_of_a_client": f"{given.users // clients}",
    }
    before = await db.fetchval("select pg_current_wal_insert_lsn()")
    script = (SCRIPTS / "change.sql").read_text("utf-8")
    load = await Pgbench(find_pgbench(), dsn, clients).run(script, seconds, of_each)
    wal = await db.fetchval("select pg_current_wal_insert_lsn() - $1::pg_lsn", before)
    return load, int(wal) / load.times


def _processor_seconds(folder: Path) -> float | None:
    """What the server has used so far, with all backends that have ended; None without /proc."""
    postmaster = int((folder / "data" / "postmaster.pid").read_text().split()[0])
    stat = Path(f"/proc/{postmaster}/stat")
    if not stat.exists():
        return None
    ended = sum(int(one) for one in stat.read_text().rpartition(")")[2].split()[13:15])
    return ended / os.sysconf("SC_CLK_TCK") + sum(map(cpu_seconds, family(postmaster)))


def _rows(measured: Measured, users: int, needed: float) -> list[tuple[str, str]]:
    load, record = measured.load, measured.record_each
    per_viewer = 60 / CHANGES_PER_MINUTE
    processor = f"{measured.processor_ms:.2f} ms" if measured.processor_ms else "not known"
    return [
        (
            "changes of visibility",
            f"{load.per_second:,.0f}/s beside pgbench and all else here; p50 {load.p50_ms:.1f} ms,"
            f" p99 {load.p99_ms:.1f} ms",
        ),
        (
            "processor of PostgreSQL for a change",
            f"{processor}: two cores of its own bear {measured.borne:,.0f}/s (bar: {needed:,.0f})",
        ),
        (
            f"viewers who change {CHANGES_PER_MINUTE} times a minute",
            f"{measured.borne * per_viewer:,.0f} on two cores,"
            f" {measured.borne / needed:.1f} times {users:,}",
        ),
        (
            "WAL",
            f"{record:,.0f} bytes a change, {record * needed / 1e6:.1f} MB/s for {users:,} viewers;"
            f" {measured.wal_each:,.0f} bytes with full pages right after a checkpoint",
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
