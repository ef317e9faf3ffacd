"""What presence costs, on the PostgreSQL that `make run` starts: `make bench-presence`.

A   a session's two writes (connect and disconnect), against the counter that this design descends
    from, and against a heartbeat per user
B   the sweep over everyone who is here, and the end of a show: 150,000 leave in a minute
C   each report, over ten million past sessions

One database in a temporary folder, one run. Exit code 1 when something is below its bar. Rates of
a machine that does other things too are noisy: ours and the counter take turns, and the bar is on
the ratio of their medians.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import asyncpg

from bench.presence.ends import Ends
from bench.presence.reports import Reports, fill_past
from bench.presence.world import SAID, Size, fill, say
from bench.presence.writes import Writes
from bench.support.figures import Figures, add_write_option
from bench.support.interrupts import interrupt_on_signals
from bench.support.pgbench import Pgbench, find_pgbench
from handlers.adapters.database import Database
from handlers.adapters.deadline import Deadline
from postgres import Postgres
from sql.migrate import migrate


def main() -> int:
    """Run all of it; 1 when a bar is missed."""
    interrupt_on_signals()
    given = _given()
    try:
        bars = asyncio.run(_bench(_size(given)))
    except KeyboardInterrupt:
        print("interrupted; the database is ended and removed")
        return 130
    if given.write and not given.quick:
        Figures("presence", lines=SAID).write()
    return 0 if all(met for met, _ in bars) else 1


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=800_000, help="open sessions")
    parser.add_argument("--past", type=int, default=10_000_000, help="past sessions, for reports")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=8, help="of each round")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--session-minutes", type=float, default=20, help="to compare with beats")
    parser.add_argument("--quick", action="store_true", help="a small trial, in less than a minute")
    add_write_option(parser)
    return parser.parse_args()


def _size(given: argparse.Namespace) -> Size:
    small = (50_000, 100_000, 2, 2) if given.quick else None
    rows, past, rounds, seconds = small or (given.rows, given.past, given.rounds, given.seconds)
    session = timedelta(minutes=given.session_minutes)
    return Size(rows, past, rounds, seconds, given.clients, session)


def _minutes(size: Size) -> float:
    """About, on two cores: pgbench's rounds and their settling, and filling 20,000 rows/s."""
    rounds = 2 * size.rounds + 4 * max(1, size.rounds // 3) + 3
    return (rounds * (size.seconds + 3) + size.rows / 10_000 + size.past / 60_000) / 60


async def _bench(size: Size) -> list[tuple[bool, str]]:
    program = find_pgbench()
    with (
        tempfile.TemporaryDirectory(prefix="bench-presence-") as folder,
        Postgres(Path(folder)) as dsn,
    ):
        await migrate(dsn)
        db = await asyncpg.connect(dsn)
        say(f"{await db.fetchval('select version()')}")
        say(f"about {_minutes(size):.0f} min; first the crowd:")
        await fill(db, size)
        bars = await Writes(db, Pgbench(program, dsn, size.clients), size).measure()
        deadline = Deadline()
        deadline.begin(timedelta(days=1).total_seconds())
        handlers = Database(dsn, deadline)
        bars += await Ends(db, handlers).measure()
        await fill_past(db, size)
        bars += await Reports(handlers).measure()
        await handlers.close()
        await db.close()
    say("")
    for met, bar in bars:
        say(f"{'met' if met else 'NOT MET':8}{bar}")
    return bars


if __name__ == "__main__":
    sys.exit(main())
