"""What it takes to judge a campaign: `make bench NAME=campaigns`.

150,000 viewers are online, with two past sessions each, of which one overlaps with what goes on.
A campaign of twelve milestones counts two of their three streams. It is judged page by page, by two
connections, as the schedule does it: when all are told how far they are, when no milestone is due,
when each user has reached their first one, again at once, and a second later. Then a campaign of
twelve streaks, in its second month. All awards are compared with those of a brute force in Python,
from the sessions. Exit code 1 when judging without awards takes longer than 5 seconds, or an award
differs.
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
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg

from bench.support.figures import Figures, add_write_option
from bench.support.gateways import cpu_seconds
from handlers.services.award import JUDGED_BATCH_SIZE
from postgres import Postgres
from sql.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Sequence

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
# Twice as many days in a row each; today no user gets there.
STREAKS = [
    one | {"days": 2 * number, "watched_seconds": 72_000}
    for number, one in enumerate(MILESTONES, 1)
]
STREAK_DAYS = 30
LATE_EVERY = 100
"""Of so many users one has not been awarded their streaks yet."""
NODES = '{"gateway.example/live": {"tab": {"at": 0}}}'
NEXT = "select * from next_viewers($1, $2, $2)"
JUDGE = "select judge_viewers($1, $2, $3, $4, p_now => $5)"


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


async def judge(dbs: Sequence[asyncpg.Connection], what: str, now: datetime) -> Run:
    """One run of the schedule, by these connections at once."""
    pids = [await db.fetchval("select pg_backend_pid()") for db in dbs]
    counted = "select coalesce(sum(awarded), 0)::bigint from campaign_milestones"
    before = await dbs[0].fetchval(counted)
    began, used = time.monotonic(), sum(map(cpu_seconds, pids))
    bonuses = sum(await asyncio.gather(*(_judge(db, now) for db in dbs)))
    seconds, used = time.monotonic() - began, sum(map(cpu_seconds, pids)) - used
    return Run(what, seconds, used, bonuses, await dbs[0].fetchval(counted) - before)


async def _judge(db: asyncpg.Connection, now: datetime) -> int:
    """Page by page, as handlers/services/award.py does it. Returns how many bonuses that made."""
    bonuses = 0
    while not (page := await db.fetchrow(NEXT, JUDGED_BATCH_SIZE, now))["is_done"]:
        bonuses += page["made"]
        if page["campaign_id"] is not None:
            names = ("campaign_id", "round", "after", "upto")
            bonuses += await db.fetchval(JUDGE, *(page[name] for name in names), now)
    return bonuses


def longest(days: list[bool]) -> int:
    """How many in a row are true at most."""
    most = row = 0
    for is_watched in days:
        row = row + 1 if is_watched else 0
        most = max(most, row)
    return most


async def fill_streaks(db: asyncpg.Connection, count: int) -> dict[str, int]:
    """Replace the campaign by one of streaks. Return how many each user has reached."""
    await db.execute("update campaigns set settled_at = now()")
    began = BEGINS - timedelta(days=STREAK_DAYS)
    await db.execute(
        "select create_campaign($1, null, false, false, null, null, $2,"
        " p_timezone => 'Europe/Berlin', p_now => $3)",
        *(UUID(int=2), json.dumps(STREAKS), began),
    )
    dice, progress, reached = Random(8), [], {}  # noqa: S311  # no secret
    for number in range(count):
        user = f"viewer-{number:06}"
        days = [dice.random() < 0.85 for _ in range(STREAK_DAYS)]
        reached[user] = min(len(STREAKS), longest(days) // 2)
        awarded = [] if number % LATE_EVERY == 0 else [1] * reached[user]
        daily = [timedelta(hours=24 if is_watched else 1) for is_watched in days]
        progress.append((UUID(int=2), user, timedelta(0), daily, awarded))
    columns = ["campaign_id", "user_id", "watched", "daily", "awarded"]
    await db.copy_records_to_table("campaign_progress", records=progress, columns=columns)
    await db.execute("vacuum analyze campaign_progress")
    return {user: many for user, many in reached.items() if many}


async def count_wrong(db: asyncpg.Connection, crowd: list[Viewer], now: datetime) -> int:
    """Users whose awards are not what their sessions say."""
    seconds = (now - BEGINS).total_seconds()
    wanted = {
        f"viewer-{number:06}": reached
        for number, viewer in enumerate(crowd)
        if (reached := int(viewer.watched(seconds) // 600))
    }
    return await count_others(db, 1, wanted)


async def count_others(db: asyncpg.Connection, campaign: int, wanted: dict[str, int]) -> int:
    """Users who were not awarded so many milestones."""
    found = await db.fetch(
        "select user_id, cardinality(array_remove(awarded, null)) as reached from campaign_progress"
        " where awarded <> '{}' and campaign_id = $1",
        UUID(int=campaign),
    )
    awarded = {row["user_id"]: row["reached"] for row in found}
    return sum(wanted.get(user) != awarded.get(user) for user in wanted.keys() | awarded.keys())


async def measure(dsn: str, count: int) -> tuple[list[Run], int]:
    await migrate(dsn)
    crowd = viewers(count)
    dbs = db, _ = [await asyncpg.connect(dsn) for _ in range(2)]
    await fill(db, crowd)
    reached = NOW + timedelta(minutes=10)
    runs = [
        await judge(dbs, "all are told how far they are", NOW),
        await judge(dbs, "no milestone is due", NOW + timedelta(seconds=1)),
        await judge(dbs, "each user has reached one", reached),
        await judge(dbs, "again, at once", reached),
        await judge(dbs, "a second later", reached + timedelta(seconds=1)),
    ]
    wrong = await count_wrong(db, crowd, reached + timedelta(seconds=1))
    wanted = await fill_streaks(db, count)
    for seconds, what in ((2, "one of a hundred has"), (3, "no user has")):
        now = reached + timedelta(seconds=seconds)
        runs.append(await judge(dbs, f"{what} a streak that is due", now))
    wrong += await count_others(db, 2, wanted)
    for one in dbs:
        await one.close()
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
            f"{run.what:<45}{run.seconds:>7.2f} s{run.processor:>7.2f} s of processor"
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
