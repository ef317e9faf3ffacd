"""The scheduled awards: bonuses for watching, the ends of bonuses, and broadcasts left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from handlers.core.operations.broadcast import Broadcast
from handlers.core.operations.maintenance import (
    Award,
    CloseBonuses,
    ListOrphanedBroadcasts,
    MarkBroadcastQueued,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from handlers.core.operation import RowT, Statement

# Sessions per rule and statement.
AWARD_BATCH_SIZE = 10_000
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

    def __init__(self, database: Database, queue: Queue, remaining_ms: Callable[[], int]) -> None:
        self._database, self._queue, self._remaining_ms = database, queue, remaining_ms

    async def run(self) -> dict[str, int]:
        """Do all steps. Returns made and closed (bonuses), queued (broadcasts)."""
        made = await self._award()
        closed = await self._close_bonuses()
        return {"made": made, "closed": closed, "queued": await self._queue_orphans()}

    async def _award(self) -> int:
        total, made = 0, 1
        while made and self._has_time():
            made = await self._database.fetch_one(Award(AWARD_BATCH_SIZE))
            total += made
        return total

    async def _close_bonuses(self) -> int:
        total, closed = 0, CLOSE_BATCH_SIZE
        while closed == CLOSE_BATCH_SIZE and self._has_time():
            closed = await self._database.fetch_one(CloseBonuses(CLOSE_BATCH_SIZE))
            total += closed
        return total

    async def _queue_orphans(self) -> int:
        """Each is sent before it is marked: it may go out twice, but never not at all."""
        orphans = await self._database.fetch(ListOrphanedBroadcasts())
        for one in orphans:
            await self._queue.enqueue(
                Broadcast(str(one.broadcast_id), one.round, one.kind == "news")
            )
            await self._database.fetch(MarkBroadcastQueued(one.broadcast_id))
        return len(orphans)

    def _has_time(self) -> bool:
        return self._remaining_ms() > RESERVE_MS
