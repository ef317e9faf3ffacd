"""The scheduled awards: bonuses for watching, the ends of bonuses, and broadcasts left behind."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

from handlers.adapters.database import Unavailable
from handlers.adapters.queue import NotQueued
from handlers.core.operations.broadcast import WAITING_KINDS, Broadcast
from handlers.core.operations.maintenance import (
    CloseBonuses,
    JudgeViewers,
    ListOrphanedBroadcasts,
    MarkBroadcastQueued,
    NextViewers,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from handlers.core.operation import RowT, Statement
    from handlers.core.operations.maintenance import ViewersRow

log = logging.getLogger(__name__)

# Users per statement: each may have reached all twelve milestones of a campaign at once.
JUDGED_BATCH_SIZE = 5_000
# Bonuses per statement: each may have been offered to ten thousand.
CLOSE_BATCH_SIZE = 10
RESERVE_MS = 10_000


class Database(Protocol):
    async def fetch(self, statement: Statement[RowT], /) -> list[RowT]: ...
    async def fetch_one(self, statement: Statement[RowT], /) -> RowT: ...


class Queue(Protocol):
    async def enqueue(self, broadcast: Broadcast) -> None: ...


class Awards:
    """One run. It begins nothing new in its last ten seconds."""

    def __init__(
        self, databases: Sequence[Database], queue: Queue, remaining_ms: Callable[[], int]
    ) -> None:
        """Campaigns are judged by all of `databases` at once, and the first one does the rest."""
        self._databases, self._database = databases, databases[0]
        self._queue, self._remaining_ms = queue, remaining_ms
        self.numbers: dict[str, int] = {}

    async def run(self) -> dict[str, int]:
        """Do all steps, each though another has failed. Returns made and closed (bonuses), queued
        (broadcasts); raises the first failure.
        """
        steps = {
            "made": self._judge_campaigns,
            "closed": self._close_bonuses,
            "queued": self._queue_orphans,
        }
        failures = []
        for name, step in steps.items():
            try:
                self.numbers[name] = await step()
            except (NotQueued, Unavailable) as error:
                log.error("%s: %s", name, error)
                failures.append(error)
        if failures:
            raise failures[0]
        return self.numbers

    async def _judge_campaigns(self) -> int:
        """Page by page. Returns how many bonuses that made."""
        page = await self._database.fetch_one(NextViewers(JUDGED_BATCH_SIZE, None))
        if page.is_done:
            return 0
        made = await asyncio.gather(
            self._judge(self._database, page),
            *(self._judge_others(one, page.since) for one in self._databases[1:]),
            return_exceptions=True,
        )
        for one in made:
            if isinstance(one, BaseException):
                raise one
        return sum(one for one in made if isinstance(one, int))

    async def _judge_others(self, database: Database, since: datetime) -> int:
        return await self._judge(
            database, await database.fetch_one(NextViewers(JUDGED_BATCH_SIZE, since))
        )

    async def _judge(self, database: Database, page: ViewersRow) -> int:
        """This page, and on until all are taken."""
        total = 0
        while not page.is_done:
            total += page.made
            if page.campaign_id is not None:
                viewers = JudgeViewers(page.campaign_id, page.round, page.after, page.upto)
                total += await database.fetch_one(viewers)
            if not self._has_time():
                break
            page = await database.fetch_one(NextViewers(JUDGED_BATCH_SIZE, page.since))
        return total

    async def _close_bonuses(self) -> int:
        total, closed = 0, CLOSE_BATCH_SIZE
        while closed == CLOSE_BATCH_SIZE and self._has_time():
            closed = await self._database.fetch_one(CloseBonuses(CLOSE_BATCH_SIZE))
            total += closed
        return total

    async def _queue_orphans(self) -> int:
        """Each is sent before it is marked: it may go out twice, but never not at all."""
        queued = 0
        for one in await self._database.fetch(ListOrphanedBroadcasts()):
            if not self._has_time():
                break
            broadcast = Broadcast(str(one.broadcast_id), one.round, one.kind in WAITING_KINDS)
            await self._queue.enqueue(broadcast)
            await self._database.fetch(MarkBroadcastQueued(one.broadcast_id))
            queued += 1
        return queued

    def _has_time(self) -> bool:
        return self._remaining_ms() > RESERVE_MS
