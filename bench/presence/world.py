"""What all parts of the presence benchmark share: its size, its crowd, and settling."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncpg

NODE = "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/live"
GRACE = timedelta(seconds=30)
SETTLE_BATCH_SIZE = 5_000
SAID: list[str] = []
"""All that was printed, for the documentation."""


@dataclass(frozen=True)
class Size:
    """How much is measured, and for how long."""

    rows: int
    past: int
    rounds: int
    seconds: float
    clients: int
    session: timedelta


@dataclass(frozen=True)
class Settled:
    """What it took to finalize all that was due."""

    facts: int
    seconds: float
    longest: float
    """Of one statement, in seconds."""
    wal_bytes: int


async def fill(db: asyncpg.Connection, size: Size) -> None:
    """The same crowd, and the same history, for everybody who is measured."""
    await db.execute(f"set bench.rows = {size.rows}; set bench.node = '{NODE}'")
    for name in ("crowd", "ours", "counter", "beats"):
        began = time.perf_counter()
        await db.execute(script(name))
        say(f"   {name:8} filled in {time.perf_counter() - began:5.1f} s")
    await db.execute("vacuum (analyze)")


async def finalize(db: asyncpg.Connection) -> Settled:
    """Settle until nothing is due, as of when every grace is over."""
    facts, longest, wal, began = 0, 0.0, await wal_position(db), time.perf_counter()
    is_behind = True
    while is_behind:
        asked = time.perf_counter()
        made, is_behind = await db.fetchrow(
            "select events, is_behind from finalize($1, clock_timestamp() + 2 * $2::interval)",
            SETTLE_BATCH_SIZE,
            GRACE,
        )
        facts += made
        longest = max(longest, time.perf_counter() - asked)
    seconds = time.perf_counter() - began
    return Settled(facts, seconds, longest, await wal_position(db) - wal)


async def wal_position(db: asyncpg.Connection) -> int:
    """How many bytes of write-ahead log there have ever been."""
    position: int = await db.fetchval("select (pg_current_wal_insert_lsn() - '0/0')::bigint")
    return position


def script(name: str) -> str:
    return (Path(__file__).parent / f"{name}.sql").read_text()


def say(line: str) -> None:
    print(line, flush=True)
    SAID.append(line)
