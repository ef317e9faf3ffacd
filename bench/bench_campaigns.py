"""What it takes to judge a campaign: `make bench NAME=campaigns`.

150,000 viewers are online, with two past sessions each, of which one overlaps with what goes on.
A campaign of twelve milestones counts two of their three streams. It is judged page by page, as the
schedule does it: when all are told how far they are, when no milestone is due, when each user has
reached their first one, again at once, and a second later. All awards are compared with those of a
brute force in Python, from the sessions. Exit code 1 when judging without awards takes longer than
5 seconds, or an award differs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import UUID

import asyncpg

from bench.support.figures import Figures, add_write_option
from bench.support.gateways import cpu_seconds
from handlers.services.award import JUDGED_BATCH_SIZE
from postgres import Postgres
from sql.migrate import migrate

BAR_SECONDS = 5.0
BEGINS = datetime(2026, 3, 1, 18, tzinfo=UTC)
NOW = BEGINS + timedelta(minutes=9)
STREAMS = ("one", "two", "three")
COUNTED = {"one", "two"}
MILESTONES = [
    {
        "milestone": n,
        "watched_seconds": n * 600,
        "repeats": False,
        "reward": {"coins": n},
        "claim_within_seconds": 60,
    }
    for n in range(1, 13)
]
NODES = '{"gateway.example/live": {"tab": {"at": 0}}}'
PAGE = "select * from judge_campaigns($1, $2, $3)"


@dataclass(frozen=True)
class Run:
    what: str
    seconds: float
    processor: float
    """Seconds of PostgreSQL."""
    bonuses: int
    awards: int


@dataclass(frozen=True)
class Viewer:
    """Streams, and from when to when in seconds since the campaign began; the last one is open."""

    stays: tuple[tuple[str, float, float | None], ...]

    def watched(self, now: float, *, is_past: bool = False) -> float:
        """On what counts, each moment once; also only in past sessions."""
        total, reached = 0.0, 0.0
        counted = [
            (begins, ends)
            for stream, begins, ends in self.stays
            if stream in COUNTED and not (is_past and ends is None)
        ]
        for begins, ends in sorted(counted, key=lambda one: one[0]):
            until = now if ends is None else min(ends, now)
            total += max(0.0, until - max(begins, reached))
            reached = max(reached, until)
        return total


def viewers(count: int) -> list[Viewer]:
    dice = Random(7)  # noqa: S311  # no secret
    found = []
    for _ in range(count):
        since = dice.randrange(1, 500)
        found.append(
            Viewer(
                (
                    (dice.choice(STREAMS[1:]), -600.0, dice.randrange(1, 60)),
                    ("two", 70.0, 70.0 + dice.randrange(1, 400)),
                    ("one", float(since), None),
                )
            )
        )
    return found


async def fill(db: asyncpg.Connection, crowd: list[Viewer]) -> None:
    """As if all past sessions had been finalized: that takes longer than all that is measured."""
    await db.execute(
        "select create_campaign($1, $2, false, false, null, null, $3, p_now => $4)",
        *(UUID(int=1), sorted(COUNTED), json.dumps(MILESTONES), BEGINS),
    )

    def at(second: float) -> datetime:
        return BEGINS + timedelta(seconds=second)

    past: list[tuple[object, ...]] = []
    now: list[tuple[object, ...]] = []
    progress: list[tuple[object, ...]] = []
    for number, viewer in enumerate(crowd):
        user = f"viewer-{number:06}"
        if watched := viewer.watched(math.inf, is_past=True):
            progress.append((UUID(int=1), user, timedelta(seconds=watched)))
        for stream, begins, ends in viewer.stays:
            if ends is None:
                now.append((user, stream, at(begins), at(begins), NODES))
            else:
                names = (3 * number + len(past) % 3, user, stream, at(begins), at(ends))
                past.append((*names, "client", timedelta(0)))
    await db.copy_records_to_table(
        "watching_times",
        records=now,
        columns=["user_id", "resource", "joined_at", "seen_at", "nodes"],
    )
    await db.execute("set session_replication_role = replica")  # without triggers
    columns = ["id", "user_id", "resource", "joined_at", "ended_at", "ended_by", "ended_within"]
    await db.copy_records_to_table("past_sessions", records=past, columns=columns)
    columns = ["campaign_id", "user_id", "watched"]
    await db.copy_records_to_table("campaign_progress", records=progress, columns=columns)
    await db.execute("set session_replication_role = origin; analyze")


async def judge(db: asyncpg.Connection, what: str, now: datetime) -> Run:
    """One run of the schedule."""
    pid = await db.fetchval("select pg_backend_pid()")
    counted = "select coalesce(sum(awarded), 0)::bigint from campaign_milestones"
    before = await db.fetchval(counted)
    began, used = time.monotonic(), cpu_seconds(pid)
    bonuses, since = 0, None
    while True:
        row = await db.fetchrow(PAGE, JUDGED_BATCH_SIZE, since, now)
        if row["is_done"]:
            break
        bonuses, since = bonuses + row["made"], row["since"]
    seconds, used = time.monotonic() - began, cpu_seconds(pid) - used
    return Run(what, seconds, used, bonuses, await db.fetchval(counted) - before)


async def count_wrong(db: asyncpg.Connection, crowd: list[Viewer], now: datetime) -> int:
    """Users whose awards are not what their sessions say."""
    seconds = (now - BEGINS).total_seconds()
    wanted = {
        f"viewer-{number:06}": reached
        for number, viewer in enumerate(crowd)
        if (reached := int(viewer.watched(seconds) // 600))
    }
    found = await db.fetch(
        "select user_id, cardinality(array_remove(awarded, null)) as reached from campaign_progress"
        " where awarded <> '{}'"
    )
    awarded = {row["user_id"]: row["reached"] for row in found}
    return sum(wanted.get(user) != awarded.get(user) for user in wanted.keys() | awarded.keys())


async def measure(dsn: str, count: int) -> tuple[list[Run], int]:
    await migrate(dsn)
    crowd = viewers(count)
    db = await asyncpg.connect(dsn)
    await fill(db, crowd)
    reached = NOW + timedelta(minutes=10)
    runs = [
        await judge(db, "all are told how far they are", NOW),
        await judge(db, "no milestone is due", NOW + timedelta(seconds=1)),
        await judge(db, "each user has reached one", reached),
        await judge(db, "again, at once", reached),
        await judge(db, "a second later", reached + timedelta(seconds=1)),
    ]
    wrong = await count_wrong(db, crowd, reached + timedelta(seconds=1))
    await db.close()
    return runs, wrong


def main() -> int:
    """1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, default=150_000)
    add_write_option(parser)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        Postgres(Path(folder) / "postgres", durable=False) as dsn,
    ):
        runs, wrong = asyncio.run(measure(dsn, given.viewers))
    for run in runs:
        print(
            f"{run.what:<30}{run.seconds:>7.2f} s{run.processor:>7.2f} s of processor"
            f"{run.bonuses:>5} bonuses{run.awards:>9,} awards"
        )
    print(f"{wrong} of {given.viewers:,} viewers have other awards than a brute force says")
    if given.write:
        write(runs, wrong, given.viewers)
    return 1 if wrong or runs[1].processor > BAR_SECONDS else 0


def write(runs: list[Run], wrong: int, count: int) -> None:
    figures = Figures("campaigns")
    for run in runs:
        figures.add(
            f"{count:,} viewers, 12 milestones; {run.what}",
            f"{run.seconds:.1f} s, {run.processor:.1f} s of processor; {run.awards:,} awards",
        )
    figures.add("viewers with other awards than a brute force says", f"{wrong}")
    figures.write()


if __name__ == "__main__":
    sys.exit(main())
