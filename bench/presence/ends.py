"""Part B: the sweep over everyone who is here, and the end of a show."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.presence.world import GRACE, finalize, say
from handlers.adapters.statements import name
from handlers.core.operations import forget
from handlers.core.operations.forget import GoneConnection
from handlers.core.operations.sweep import FinishSweepPage, Sweep

if TYPE_CHECKING:
    import asyncpg

    from handlers.adapters.database import Database
    from handlers.core.operation import RowT, Statement

PAGE = 1_000
ONE_IN = 100
"""One connection in so many is gone."""
LEAVING = 150_000
LEAVING_BATCH_SIZE = 2_000
BAR_SECONDS = 60

# The statement of `disconnect`, for a page of users: each holds a lock until the page is done.
LEAVE = """
with page as materialized (
    select w.user_id, c.node, c.connection_id from watching_times w, connections(w.nodes) c
     where w.user_id > $1 and w.ended_at is null order by w.user_id limit $2
)
select max(user_id) as last, count(*) filter (where disconnect(
           user_id, node, connection_id, 'client', connection_id,
           clock_timestamp() - interval '2 minutes', $3)) as closed
  from page
"""
TOLD = """
select count(*) as told, count(distinct session_id) as sessions
  from presence_events where type = 'offline' and seq > $1
"""


@dataclass
class Ends:
    """Measures on one database, by a connection of its own and as the handlers do."""

    db: asyncpg.Connection
    handlers: Database
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    async def measure(self) -> list[tuple[bool, str]]:
        """Print all numbers of this part; returns what is met, or not, of its bars."""
        await self._sweep()
        return [await self._leave()]

    async def _sweep(self) -> None:
        listed = closed = 0
        began, has_more = time.perf_counter(), True
        while has_more:
            row = await self._one(Sweep(PAGE))
            has_more = row.has_more
            page = json.loads(row.connections)
            gone = [GoneConnection(*one[:3]) for one in page[::ONE_IN]]
            listed += len(page)
            if gone:
                closed += await self._one(forget.statement(gone, GRACE))
            await self.handlers.fetch(FinishSweepPage(row.cycle_started_at, row.page))
        taken = time.perf_counter() - began
        longest = ", ".join(
            f"{name} {max(all_) * 1000:,.0f} ms" for name, all_ in self.seconds.items()
        )
        say(
            f"\nB. One cycle of the sweep: {listed:,} open connections in pages of {PAGE:,}, "
            f"one in {ONE_IN} gone; gateway not included\n"
            f"   {taken:.1f} s, {listed / taken:,.0f} connections/s, {closed:,} sessions closed; "
            f"longest statement: {longest}"
        )

    async def _one(self, statement: Statement[RowT]) -> RowT:
        began = time.perf_counter()
        row = await self.handlers.fetch_one(statement)
        self.seconds[name(statement)].append(time.perf_counter() - began)
        return row

    async def _leave(self) -> tuple[bool, str]:
        swept = await finalize(self.db)
        last_seq = await self.db.fetchval("select last_seq from presence_event_log")
        closed, took = await self._disconnect()
        settled = await finalize(self.db)
        told = await self.db.fetchrow(TOLD, last_seq)
        is_exact = closed == settled.facts == told["told"] == told["sessions"]
        say(
            f"   settled what the sweep closed: {swept.facts:,} facts in {swept.seconds:.1f} s\n"
            f"   {closed:,} leave: disconnected in {took:.1f} s "
            f"({closed / took:,.0f}/s by one backend); all {settled.facts:,} facts there "
            f"{settled.seconds:.1f} s after the grace, "
            f"longest statement {settled.longest * 1000:,.0f} ms; {told['sessions']:,} sessions, "
            f"{told['told']:,} facts"
        )
        said = f"{closed:,} leave: told in {settled.seconds:.1f} s (bar {BAR_SECONDS}), each once"
        return is_exact and settled.seconds <= BAR_SECONDS, said

    async def _disconnect(self) -> tuple[int, float]:
        online = await self.db.fetchval(
            "select count(*) from watching_times where ended_at is null"
        )
        closed, last, began = 0, "", time.perf_counter()
        while last is not None and closed < min(LEAVING, online // 2):
            row = await self.db.fetchrow(LEAVE, last, LEAVING_BATCH_SIZE, GRACE)
            closed, last = closed + row["closed"], row["last"]
        return closed, time.perf_counter() - began
