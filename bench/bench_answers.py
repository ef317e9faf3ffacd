"""How many answers are taken, and how soon they are tallied: `make bench NAME=answers`.

Users answer as fast as the machine takes it, each once and one in ten twice, while the question is
open and a little longer; a worker waits for its end, as in production. Then the same with 150,000
answers to count. Exit code 1 when a tally comes later than a second after the end, or is not exact.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import asyncpg

from bench.support.figures import Figures, add_write_option
from bench.support.interrupts import interrupt_on_signals
from bench.support.pgbench import Load, Pgbench, find_pgbench
from handlers.adapters.statements import sql_of
from handlers.core.operations.answer import Answer
from postgres import Postgres
from sql.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Sequence

BAR_MS = 1_000
NODE = "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/live"
FOLDER = Path(__file__).parent
MOST = 150_000
# Answers go on for so long behind the end.
LATE_SECONDS = 2
# Every tenth is sent again, as by a second device.
SCRIPT = r"""
\set n :n + 1
\set user :client_id * :each + :n - :n / 10
"""


def main() -> int:
    """0 when each tally is exact and in time, 1 otherwise."""
    interrupt_on_signals()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=10, help="the window; default: 10")
    parser.add_argument("--counted", type=int, default=MOST, help="default: 150,000")
    parser.add_argument("--clients", type=int, default=32)
    add_write_option(parser)
    given = parser.parse_args()
    figures = Figures("answers")
    try:
        late_ms = asyncio.run(_bench(given, figures))
    except KeyboardInterrupt:
        print("interrupted; the database is ended and removed")
        return 130
    for what, measured in figures.rows:
        print(f"{what}: {measured}")
    if given.write:
        figures.write()
    return 0 if max(late_ms) <= BAR_MS else 1


async def _bench(given: argparse.Namespace, figures: Figures) -> Sequence[int]:
    program = find_pgbench()
    with (
        tempfile.TemporaryDirectory(prefix="bench-answers-") as folder,
        Postgres(Path(folder)) as dsn,
    ):
        await migrate(dsn)
        async with asyncpg.create_pool(dsn, min_size=2, max_size=2) as db:
            answers = Answers(db, Pgbench(program, dsn, given.clients), given.seconds)
            await answers.fill(max(MOST, given.counted))
            taken = await answers.play()
            figures.add(f"as many as the machine takes in {given.seconds} s", _result(taken))
            counted = await answers.play(given.counted)
            figures.add(f"the same with {given.counted:,} that were there before", _result(counted))
    return taken.late_ms, counted.late_ms


@dataclass(frozen=True)
class Played:
    """What became of one question."""

    load: Load
    tallied: int
    late_ms: int
    """How long after the end the tally could be read."""


def _result(played: Played) -> str:
    load = played.load
    return (
        f"{load.per_second:,.0f} messages/s, p50 {load.p50_ms:.1f} ms, p99 {load.p99_ms:.1f} ms; "
        f"{played.tallied:,} tallied {played.late_ms} ms after the end"
    )


@dataclass(frozen=True)
class Answers:
    """Plays questions on one database; `pgbench` answers them."""

    db: asyncpg.Pool
    pgbench: Pgbench
    seconds: int

    async def fill(self, users: int) -> None:
        async with self.db.acquire() as db:
            await db.execute(f"set bench.users = {users}; set bench.node = '{NODE}'")
            await db.execute((FOLDER / "claims" / "crowd.sql").read_text())
            await db.execute("vacuum analyze")

    async def play(self, already: int = 0) -> Played:
        """Ask, let all answer until after the end, and wait for the tally as a worker does.

        `already`: so many have answered before, the last of all users.
        """
        await self.db.execute("truncate answers, user_limits")
        question_id, result_id = uuid4(), uuid4()
        await self.db.execute(
            "select create_question($1, 'Who?', array['a', 'b', 'c'], null, 'everyone', null, '0',"
            " $2, null, null, null, $3, gen_random_uuid(), null)",
            *(question_id, timedelta(seconds=self.seconds), result_id),
        )
        await self.db.execute(
            "insert into answers select $1, 'before-' || n, n % 3, now()"
            " from generate_series(1, $2::integer) as n",
            *(question_id, already),
        )
        load, late_ms = await asyncio.gather(
            self._answer(question_id), self._close(question_id, result_id)
        )
        return Played(load, await self._must_be_exact(question_id), late_ms)

    async def _answer(self, question_id: UUID) -> Load:
        names = ["'user-' || :user", ":question::uuid", ":n % 3", "'200 ms'", "50", "'1 minute'"]
        call = re.sub(r"\$(\d)", lambda found: names[int(found[1]) - 1], sql_of(Answer))
        given = {
            **{"n": "-1", "each": str(MOST // self.pgbench.clients)},
            **{"question": str(question_id)},
        }
        return await self.pgbench.run(SCRIPT + call + ";", self.seconds + LATE_SECONDS, given)

    async def _close(self, question_id: UUID, result_id: UUID) -> int:
        """A worker's part. Returns how late it was, in milliseconds by the database's clock."""
        ask = "select make_scheduled($1)"
        while wait_ms := await self.db.fetchval(ask, result_id):  # noqa: ASYNC110  # as a worker
            await asyncio.sleep(wait_ms / 1000)
        late: timedelta = await self.db.fetchval(
            "select clock_timestamp() - expires_at from questions where question_id = $1",
            question_id,
        )
        return round(late / timedelta(milliseconds=1))

    async def _must_be_exact(self, question_id: UUID) -> int:
        told, counted, after = await self.db.fetchrow(
            "select q.tally, array(select count(*)::integer from answers a"
            " where a.question_id = q.question_id group by option order by option),"
            " (select count(*) from answers a where a.answered_at > last_answer_at(q))"
            " from questions q where question_id = $1",
            question_id,
        )
        if told != counted or after:
            raise SystemExit(f"told {told}, stored {counted}, of which {after} came too late")
        return sum(told)


if __name__ == "__main__":
    sys.exit(main())
