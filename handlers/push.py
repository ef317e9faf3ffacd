"""The queue's worker: a broadcast to its audience, page by page, while its window is open.

How far it has come stands in the database, so workers need nothing of each other: each takes
whatever nobody holds, and a dead one's page is taken over when its lease has run out.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import astuple
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from handlers.adapters.container import Container, Event, live
from handlers.adapters.settings import pushes_per_second
from handlers.core import push
from handlers.core.push import Broadcast, Report

if TYPE_CHECKING:
    from uuid import UUID

    from handlers.core.happening import Query, Row

log = logging.getLogger(__name__)

# Pages that one worker pushes at once: while the slowest push of one is waited for, others go on.
LANES = 3
# A page has this long, of the lease's six seconds. Who has no answer then counts as undelivered.
PAGE_WITHIN_SECONDS = 4.0
# With this much of the function's time left no further page is begun.
RESERVE_MS = 8_000
BUSY_SECONDS = 0.25
MOST_HELPERS = 9


def handle(event: Event, context: Any, container: Container) -> dict[str, Any]:
    """Each record is one Broadcast; those that fail come again, the others do not.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html (2026-11-23)
    """
    failed = []
    for record in event["Records"]:
        try:
            broadcast = Broadcast.from_json(record["body"])
            container.run(Worker(broadcast, context, container).work())
        except Exception:
            log.exception("broadcast %s failed", record["messageId"])
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


class Worker:
    """One invocation's part in a broadcast."""

    def __init__(self, broadcast: Broadcast, context: Any, container: Container) -> None:
        self._broadcast, self._context, self.container = broadcast, context, container
        self._database = asyncio.Lock()
        self._repeat_in_ms: int | None = None

    async def work(self) -> None:
        """Until nothing is left to do, or the time is up; then the queue has the rest."""
        is_rest = any(await asyncio.gather(*(self._lane() for _ in range(LANES))))
        if is_rest:
            await self.container.queue.send(self._broadcast)
        elif self._repeat_in_ms is not None:
            again = self._broadcast.next_round()
            await self.container.queue.send(again, delay_seconds=self._repeat_in_ms // 1000)

    async def _lane(self) -> bool:
        """True if something may be left."""
        lane, report = uuid4(), Report()
        while self._left_ms() > 0:
            row = await self._next_page(lane, report)
            report = Report()
            match row["outcome"]:
                case "page":
                    report = await self._push(row)
                case "busy":
                    await asyncio.sleep(BUSY_SECONDS)
                case "wait":
                    await asyncio.sleep(_number(row["wait_ms"]) / 1000)
                case outcome:
                    self._ended(outcome, row)
                    return False
        await self._ask(push.last_report(self._broadcast, lane, report))
        return True

    async def _next_page(self, lane: UUID, report: Report) -> Row:
        row = await self._ask(push.query(self._broadcast, lane, pushes_per_second(), report))
        if row["shards"]:
            helpers = min(_number(row["shards"]) - 1, MOST_HELPERS)
            await self.container.queue.send_many([self._broadcast] * helpers)
        return row

    async def _ask(self, query: Query) -> Row:
        """One at a time: the lanes share a database connection."""
        async with self._database:
            return await self.container.database.fetch_one(query)

    async def _push(self, row: Row) -> Report:
        """In its turn, and not after the end of the window."""
        wait = _number(row["wait_ms"]) / 1000
        until_over = (_number(row["expires_at"]) - _number(row["server_now"])) / 1000
        pushes = push.pushes(row)
        await asyncio.sleep(min(wait, until_over))
        within = min(PAGE_WITHIN_SECONDS, until_over - wait)
        delivery = await self.container.deliver(pushes if within > 0 else [], within)
        return push.report(row, len(pushes), delivery, is_over=within < PAGE_WITHIN_SECONDS)

    def _ended(self, outcome: object, row: Row) -> None:
        log.info("broadcast %s, round %d: %s", *astuple(self._broadcast), outcome)
        if row["repeat_in_ms"] is not None:
            self._repeat_in_ms = _number(row["repeat_in_ms"])

    def _left_ms(self) -> int:
        left: int = self._context.get_remaining_time_in_millis() - RESERVE_MS
        return left


def _number(column: object) -> int:
    return int(str(column or 0))


handler = live(handle, Container)
