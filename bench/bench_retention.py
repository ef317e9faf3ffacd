"""How large the tables get, and whether pruning keeps up: `make bench NAME=retention`.

The campaign: 150,000 viewers, each with a bonus every 15 minutes that half of them acknowledge and
claim, and a session of an hour. A part of it is written in bulk, as the functions leave it. Sizes
are what that takes on disk with its indexes, times what is kept: rows grow with time and nothing
else. Pruning is measured as the sweep does it, a minute of the campaign per run.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

from bench.support.figures import Figures, add_write_option
from handlers.services.sweep import PRUNE_BATCH_SIZE
from postgres import Postgres
from sql.migrate import migrate

FILL = Path(__file__).parent / "retention" / "fill.sql"
RUNS = 10
INTERVAL_SECONDS = 60
# A run has other things to do: pruning may take this share of the interval.
BAR_SHARE = 0.25
DAY_MINUTES = 24 * 60
MONTH_DAYS = 30.4
KEEP = timedelta(hours=1)
GIB = 2**30

# Days that rows of a table are kept, with the defaults of template.yaml and what is not full yet;
# None: as many rows as there are viewers.
KEPT_DAYS: dict[str, float | None] = {
    "offers": 1,
    "acks": 1,
    "user_events": 1,
    "broadcasts": 1,
    "broadcast_shards": 1,
    "presence_events": 7,
    "ledger": 8,
    "claims": 30,
    "bonuses": 30,
    "past_sessions": 4 * MONTH_DAYS,
    "watching_times": None,
    "campaign_progress": None,
    "user_streams": None,
}
SIZES = """
select name, rows, pg_total_relation_size(name::regclass) + coalesce(
           (select sum(pg_total_relation_size(relid))::bigint from pg_partition_tree(name::regclass)
             where level > 0), 0) as bytes
  from unnest($1::text[], $2::bigint[]) as counted(name, rows)
"""


@dataclass(frozen=True)
class Table:
    name: str
    rows: int
    size: int

    def kept(self, minutes: int) -> tuple[float, float]:
        """Rows and bytes once as much is removed as is added."""
        days = KEPT_DAYS[self.name]
        factor = 1.0 if days is None else days * DAY_MINUTES / minutes
        return self.rows * factor, self.size * factor


def main() -> int:
    """1 when pruning does not keep up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, default=150_000)
    parser.add_argument("--minutes", type=int, default=60, help="of the campaign that are written")
    add_write_option(parser)
    given = parser.parse_args()
    figures = Figures("retention")
    with (
        tempfile.TemporaryDirectory(prefix="bench-retention-") as folder,
        Postgres(Path(folder) / "postgres") as dsn,
    ):
        asyncio.run(migrate(dsn))
        keeps_up = asyncio.run(_bench(dsn, given.viewers, given.minutes, figures))
    for what, measured in figures.rows:
        print(f"{what:<64} {measured}")
    if given.write:
        figures.write()
    return 0 if keeps_up else 1


async def _bench(dsn: str, viewers: int, minutes: int, figures: Figures) -> bool:
    db = await asyncpg.connect(dsn)
    begins = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    begins -= timedelta(days=3)
    await db.execute("select keep_days(0, $1)", begins)
    await db.execute("select keep_months(0, $1)", begins)
    settings = {"viewers": viewers, "minutes": minutes, "begins": begins.isoformat()}
    for name, value in settings.items():
        await db.execute(f"set bench.{name} = '{value}'")
    print(f"writing {minutes} minutes of {viewers:,} viewers", flush=True)
    await db.execute(FILL.read_text())
    await _sizes(db, minutes, figures)
    longest = await _prune(db, begins, figures)
    await _catch_up(db, begins + timedelta(minutes=minutes), figures)
    await _drop(db, begins, figures)
    await db.close()
    return longest <= BAR_SHARE * INTERVAL_SECONDS


async def _sizes(db: asyncpg.Connection, minutes: int, figures: Figures) -> None:
    counts = [await db.fetchval(f"select count(*) from {name}") for name in KEPT_DAYS]  # noqa: S608
    rows = await db.fetch(SIZES, list(KEPT_DAYS), counts)
    tables = {row["name"]: Table(row["name"], row["rows"], row["bytes"]) for row in rows}
    total, offers = 0.0, tables["offers"].rows
    for name, days in KEPT_DAYS.items():
        table = tables[name]
        kept_rows, kept_bytes = table.kept(minutes)
        total += kept_bytes
        per_minute = "" if days is None else f"{table.rows / minutes:,.0f} rows a minute, "
        figures.add(
            f"`{name}`"
            + ("" if days is None else f", {days:.0f} days".replace(" 1 days", " a day")),
            f"{per_minute}{table.size / table.rows:,.0f} bytes each; "
            f"{kept_rows / 1e6:,.1f} million rows, {kept_bytes / GIB:,.1f} GiB",
        )
    figures.add("all of it, after a year and after ten", f"{total / GIB:,.0f} GiB")
    lasting = sum(tables[name].size for name in ("offers", "ledger", "claims"))
    figures.add("bytes per offer, kept longest (offer, ledger, grant)", f"{lasting / offers:,.0f}")


async def _run(db: asyncpg.Connection, now: datetime) -> tuple[int, float]:
    """One run's pruning: how many rows, and in how many seconds."""
    call = "select * from prune($1, $1, $1, $2, $3)"
    rows, began, is_full = 0, time.perf_counter(), True
    while is_full:
        row = await db.fetchrow(call, KEEP, PRUNE_BATCH_SIZE, now)
        rows += sum(row.values())
        is_full = PRUNE_BATCH_SIZE in row.values()
    return rows, time.perf_counter() - began


async def _prune(db: asyncpg.Connection, begins: datetime, figures: Figures) -> float:
    """A minute of the campaign per run, of all tables at once."""
    runs = []
    for minute in range(RUNS):
        now = begins + KEEP + timedelta(minutes=minute, seconds=1)
        runs.append(await _run(db, now))
    seconds = [took for _, took in runs]
    figures.add(
        f"pruning of one run, {runs[-1][0]:,} rows: as many as a minute makes "
        f"(bar: {BAR_SHARE * INTERVAL_SECONDS:.0f} s)",
        f"{statistics.median(seconds):.1f} s, at most {max(seconds):.1f} s",
    )
    return max(seconds)


async def _catch_up(db: asyncpg.Connection, ends: datetime, figures: Figures) -> None:
    """All that is left, as after an outage of the sweep."""
    rows, seconds = await _run(db, ends + KEEP)
    left = await db.fetchval("select count(*) from offers") + await db.fetchval(
        "select count(*) from claims"
    )
    figures.add("pruning behind by the rest of it", f"{rows / seconds:,.0f} rows/s, {left} left")
    began = time.perf_counter()
    for name in ("offers", "acks", "user_events", "claims", "presence_events"):
        await db.execute(f"vacuum {name}")
    took = time.perf_counter() - began
    figures.add("vacuum of what that left behind", f"{rows / took:,.0f} rows/s")


async def _drop(db: asyncpg.Connection, begins: datetime, figures: Figures) -> None:
    began = time.perf_counter()
    dropped = await db.fetchval("select dropped from keep_days(1, $1)", begins + timedelta(days=2))
    took = time.perf_counter() - began
    figures.add(f"a day of the ledger is dropped ({len(dropped)})", f"{1000 * took:.0f} ms")


if __name__ == "__main__":
    sys.exit(main())
