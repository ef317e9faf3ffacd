"""Part A, too: what the roll-ups of the sessions cost that were written."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bench.presence.world import say

if TYPE_CHECKING:
    import asyncpg

QUARTER = timedelta(minutes=15)
BAR_SHARE = 0.05
MIN_SESSIONS = 50_000
"""Of fewer, most is the planning, which is the same for any number: a trial meets the bar."""
# A quarter in which nothing was written, and nothing ended: all are there who are online.
QUIET = "select quarter_from(clock_timestamp() + interval '1 hour')"
WRITTEN = "select quarter_of(min(at)), quarter_from(max(at)) from presence_events"


@dataclass(frozen=True)
class RollUps:
    """Measures on the database in which `ours` was written and finalized."""

    db: asyncpg.Connection

    async def measure(self, sessions: int, rate: float) -> tuple[bool, str]:
        """Print what a quarter hour takes; returns what is met, or not, of the bar.

        Each quarter reads all who are online, and each session of it adds to that. `sessions`: how
        many were written; `rate`: a second.
        """
        quiet = await self.db.fetchval(QUIET)
        of_online = await self._seconds(quiet, quiet + QUARTER)
        begins, ends = await self.db.fetchrow(WRITTEN)
        of_all = await self._seconds(begins, ends)
        each = max(0.0, of_all - of_online * ((ends - begins) / QUARTER)) / sessions
        share = of_online / QUARTER.total_seconds() + each * rate
        say(
            f"   roll-up  {of_online:.1f} s a quarter hour for all who are online, and "
            f"{each * 1e6:.1f} us for each session: {share:.1%} of a processor at ours' rate"
        )
        said = f"roll-ups take {share:.1%} of a processor beside ours, bar {BAR_SHARE:.0%}"
        return share <= BAR_SHARE or sessions < MIN_SESSIONS, said

    async def _seconds(self, begins: datetime, ends: datetime) -> float:
        """The lesser of two times: the first may find cold caches. Nothing of it is kept."""
        return min([await self._once(begins, ends) for _ in range(2)])

    async def _once(self, begins: datetime, ends: datetime) -> float:
        transaction = self.db.transaction()
        await transaction.start()
        began = time.perf_counter()
        await self.db.execute("select roll_up_quarters($1, $2, $2)", begins, ends)
        seconds = time.perf_counter() - began
        await transaction.rollback()
        return seconds
