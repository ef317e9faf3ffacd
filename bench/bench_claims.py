"""How fast a bonus is claimed, on the PostgreSQL that `make run` starts: `make bench-claims`.

A   50,000 users claim one bonus with a stock of 1,000
B   while the stock lasts: as many in stock as there are claims

Ours against (a) a single counter row that each claim locks, decides on and decrements, (b) the same
with one conditional update, which locks nothing once the stock is gone; both with all the duties of
ours, done by the same functions. (c), to compare: a conditional update and an insert with no
duties at all.

One database in a temporary folder, one run. Rates of a machine that does other things too are
noisy: all take turns, and the bar is on the ratio of medians. Exit code 1 when ours is below it.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
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
from handlers.core.operations.claim import Claim
from postgres import Postgres
from sql.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BAR_RATIO = 3.0
NODE = "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/live"
WINDOW = timedelta(hours=1)
FOLDER = Path(__file__).parent / "claims"
# What a claim writes, left by the variant measured before.
WRITTEN = "bonus_stock, claims, ledger, user_events, user_limits, user_streams"


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    claims: int
    stock: int
    grants: int
    rounds: int
    clients: int


@dataclass(frozen=True)
class Contender:
    """A way to hand out a bonus."""

    title: str
    call: str
    has_slots: bool = False


def _ours() -> str:
    """The statement that the handler runs, with pgbench's names for its parameters."""
    names = ["'user-' || :user", "'claim'", ":bonus::uuid", "'200 ms'", "50", "'1 minute'"]
    return re.sub(r"\$(\d)", lambda found: names[int(found[1]) - 1], sql_of(Claim)) + ";"


COUNTER = (
    "select * from claim_from_counter("
    "'user-' || :user, 'claim', :bonus::uuid, '200 ms', 50, '1 minute', {});"
)
OURS = Contender("ours", _ours(), has_slots=True)
LOCKED = Contender("(a) counter row, locked", COUNTER.format("true"))
CONDITIONAL = Contender("(b) counter row, conditional update", COUNTER.format("false"))
BARE = Contender(
    "(c) the same without any duty",
    "select claim_bare('user-' || :user, 'claim', :bonus::uuid);",
)
ALL = (OURS, LOCKED, CONDITIONAL, BARE)


def main() -> int:
    """Run all of it; 1 when the bar is missed."""
    interrupt_on_signals()
    given = _given()
    figures = Figures("claims")
    try:
        ratio = asyncio.run(_bench(_size(given), figures))
    except KeyboardInterrupt:
        print("interrupted; the database is ended and removed")
        return 130
    is_met = ratio >= BAR_RATIO
    say(f"\n{'met' if is_met else 'NOT MET':8}A: ours / (a): {ratio:.1f} times, bar {BAR_RATIO}")
    if given.write and not given.quick:
        figures.write()
    return 0 if is_met else 1


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--claims", type=int, default=50_000, help="of as many users, in A")
    parser.add_argument("--stock", type=int, default=1_000, help="in A")
    parser.add_argument("--grants", type=int, default=10_000, help="claims, and stock, in B")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--quick", action="store_true", help="a small trial, in half a minute")
    add_write_option(parser)
    return parser.parse_args()


def _size(given: argparse.Namespace) -> Size:
    small = (5_000, 100, 1_000, 1) if given.quick else None
    claims, stock, grants, rounds = small or (given.claims, given.stock, given.grants, given.rounds)
    return Size(claims, stock, grants, rounds, given.clients)


async def _bench(size: Size, figures: Figures) -> float:
    program = find_pgbench()
    with (
        tempfile.TemporaryDirectory(prefix="bench-claims-") as folder,
        Postgres(Path(folder)) as dsn,
    ):
        await migrate(dsn)
        db = await asyncpg.connect(dsn)
        say(f"{await db.fetchval('select version()')}; {size.clients} clients")
        claims = Claims(db, Pgbench(program, dsn, size.clients), figures)
        await claims.fill(max(size.claims, size.grants))
        say(f"\nA. {size.claims:,} claims of as many users on a stock of {size.stock:,}")
        done = await claims.take_turns(size.rounds, size.claims, size.stock)
        say(f"\nB. While the stock lasts: {size.grants:,} claims, all granted")
        await claims.take_turns(size.rounds, size.grants, size.grants)
        await db.close()
    return _rate(done[OURS]) / _rate(done[LOCKED])


@dataclass(frozen=True)
class Claims:
    """Measures on one database; `pgbench` loads it."""

    db: asyncpg.Connection
    pgbench: Pgbench
    figures: Figures

    async def fill(self, users: int) -> None:
        await self.db.execute(f"set bench.users = {users}; set bench.node = '{NODE}'")
        for name in ("crowd", "counter"):
            await self.db.execute((FOLDER / f"{name}.sql").read_text())
        await self.db.execute("vacuum analyze")

    async def take_turns(self, rounds: int, claims: int, stock: int) -> dict[Contender, list[Load]]:
        """Rounds in turn, so that all see the machine in the same moods."""
        done: dict[Contender, list[Load]] = {who: [] for who in ALL}
        for turn in range(rounds):
            for who in ALL if turn % 2 == 0 else reversed(ALL):
                done[who].append(await self._round(who, claims, stock))
        for who in ALL:
            ratio = _rate(done[OURS]) / _rate(done[who])
            say(f"   {who.title:38} {_all_of(done[who])}   ours: {ratio:4.1f} times")
            what = f"{claims:,} claims of as many users on a stock of {stock:,}: {who.title}"
            bar = f" (bar: {BAR_RATIO:g} times)" if who is LOCKED and stock < claims else ""
            self.figures.add(what + bar, f"{_all_of(done[who])}; ours is {ratio:.1f} times as fast")
        return done

    async def _round(self, who: Contender, claims: int, stock: int) -> Load:
        bonus_id = await self._drop(who, stock)
        each = claims // self.pgbench.clients
        given = {"n": "-1", "each": str(each), "bonus": str(bonus_id)}
        script = (FOLDER / "user.sql").read_text() + who.call
        load = await self.pgbench.run_times(script, each, given)
        await self._must_have_granted(bonus_id, min(stock, load.times))
        return load

    async def _drop(self, who: Contender, stock: int) -> UUID:
        await self.db.execute(f"truncate {WRITTEN}")
        bonus_id = uuid4()
        create = "select create_bonus($1, $2, 'everyone', null, '{}', '0', $3, $4, null)"
        slots = stock if who.has_slots else None
        await self.db.execute(create, bonus_id, '{"coins": 5}', WINDOW, slots)
        await self.db.execute("insert into claim_counter values ($1, $2)", bonus_id, stock)
        await self.db.execute("checkpoint")
        return bonus_id

    async def _must_have_granted(self, bonus_id: UUID, expected: int) -> None:
        grants = "select count(*) from claims where bonus_id = $1"
        granted = await self.db.fetchval(grants, bonus_id)
        if granted != expected:
            raise SystemExit(f"{granted} were granted, not {expected}")


def _rate(loads: Sequence[Load]) -> float:
    return statistics.median(load.per_second for load in loads)


def _all_of(loads: Sequence[Load]) -> str:
    median: Mapping[str, float] = {
        name: statistics.median(getattr(load, name) for load in loads)
        for name in ("p50_ms", "p99_ms", "max_ms")
    }
    return (
        f"{_rate(loads):7,.0f}/s   p50 {median['p50_ms']:6.1f} ms   p99 {median['p99_ms']:6.1f} ms"
        f"   max {median['max_ms']:6.0f} ms"
    )


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
