"""One worker's part in a broadcast: pages from the database, pushes, and a report of each.

How far it has come stands in the database, so workers need nothing of each other: each takes
whatever nobody holds, and a dead one's page is taken over when its lease has run out.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

from handlers.adapters.database import Unavailable
from handlers.adapters.settings import pushes_per_second
from handlers.core import push
from handlers.core.push import Report

if TYPE_CHECKING:
    from uuid import UUID

    from handlers.adapters.container import Container
    from handlers.core.operation import Row
    from handlers.core.push import Broadcast

log = logging.getLogger(__name__)

# Pages that one worker pushes at once: while the slowest push of one is waited for, others go on.
LANES = 3
# A page has this long; who has no answer then counts as undelivered. With the second that it may
# have to wait for its turn it stays within the lease of six (sql/functions/push.sql), else another
# worker would push it again.
PAGE_TIMEOUT_SECONDS = 4.0
BUSY_SECONDS = 0.25
MAX_HELPERS = 9
# After this the database may be back.
RETRY_SECONDS = 1


@dataclass
class Numbers:
    """What a worker did: pages, and how their pushes fared."""

    pages: int = 0
    fared: Counter[str] = field(default_factory=Counter)
    """sent, gone, undelivered, dropped"""
    told_after_ms: int = 0
    """The longest time from a broadcast's making to the end of a page of its first round."""

    def add(self, other: Numbers) -> None:
        self.pages += other.pages
        self.fared += other.fared
        self.told_after_ms = max(self.told_after_ms, other.told_after_ms)

    def __str__(self) -> str:
        names = ("sent", "gone", "undelivered", "dropped")
        fared = ", ".join(f"{self.fared[name]} {name}" for name in names)
        return f"{self.pages} pages, {fared}, the last after {self.told_after_ms} ms"


class Broadcaster:
    """Works at a broadcast for so many seconds, and one page more."""

    def __init__(
        self,
        container: Container,
        broadcast: Broadcast,
        seconds: float,
        page_within_seconds: float,
    ) -> None:
        self.container, self._broadcast = container, broadcast
        self._page_within_seconds = page_within_seconds
        self._ends_at = time.monotonic() + seconds
        self._lanes = 0
        self._repeat_in_ms: int | None = None
        self.numbers = Numbers()

    async def work(self) -> None:
        """Until nothing is left to do, or the time is up; then the queue has the rest.

        Raises what the queue raises.
        """
        lanes = await asyncio.gather(*(self._lane() for _ in range(LANES)), return_exceptions=True)
        log.info(
            "broadcast %s, round %d: %s",
            *(self._broadcast.broadcast_id, self._broadcast.round, self.numbers),
        )
        failures = [one for one in lanes if isinstance(one, BaseException)]
        for failure in failures:
            if not isinstance(failure, Unavailable):
                raise failure
        if failures:
            # Left to SQS, it would come again when the window is over.
            log.error("broadcast %s again: %s", self._broadcast.broadcast_id, failures[0])
            await self.container.queue.send(self._broadcast, RETRY_SECONDS)
        elif any(lanes):
            await self.container.queue.send(self._broadcast)
        elif self._repeat_in_ms is not None:
            seconds = math.ceil(self._repeat_in_ms / 1000)
            await self.container.queue.send(self._broadcast.next_round(), seconds)

    async def _lane(self) -> bool:
        """True if something may be left."""
        self._lanes += 1
        try:
            return await self._pages(uuid4())
        finally:
            self._lanes -= 1

    async def _pages(self, lane: UUID) -> bool:
        report = Report()
        while self._left_seconds() > self._page_within_seconds:
            row = await self._next_page(lane, report)
            report = Report()
            match row["outcome"]:
                case "page":
                    report = await self._push(row)
                case "wait":
                    await self._wait(_number(row["wait_ms"]) / 1000)
                case "dropped":
                    self.numbers.fared["dropped"] += _number(row["dropped"])
                # One is enough to see whether those who hold what is left do it.
                case "busy" if self._lanes == 1:
                    await self._wait(BUSY_SECONDS)
                case "busy" | "done" | "over" | "unknown":
                    self._note_next_round(row)
                    return False
        await self.container.database.fetch(push.last_report(self._broadcast, lane, report))
        return True

    async def _next_page(self, lane: UUID, report: Report) -> Row:
        query = push.query(self._broadcast, lane, pushes_per_second(), report)
        row = await self.container.database.fetch_one(query)
        helpers = min(_number(row["shards"]) - 1, MAX_HELPERS)
        if helpers > 0:
            await self.container.queue.send_many(self._broadcast, helpers)
        return row

    async def _push(self, row: Row) -> Report:
        """In its turn, and not after the end of the window."""
        pushes = push.pushes(row)
        wait = _number(row["wait_ms"]) / 1000
        has_seconds = (_number(row["expires_at"]) - _number(row["server_now"])) / 1000 - wait
        is_over = has_seconds < self._page_within_seconds
        began = time.monotonic()
        if has_seconds > 0:
            await asyncio.sleep(wait)
        within = min(self._page_within_seconds, has_seconds)
        delivery = await self.container.deliver(pushes if has_seconds > 0 else [], within)
        report = push.report(row, len(pushes), delivery, is_over=is_over)
        self._count(report, _number(row["age_ms"]) + int((time.monotonic() - began) * 1000))
        return report

    def _count(self, report: Report, age_ms: int) -> None:
        fared = Counter(
            sent=report.sent,
            gone=report.gone,
            undelivered=report.undelivered,
            dropped=report.dropped,
        )
        is_first = self._broadcast.round == 1
        self.numbers.add(Numbers(1, fared, age_ms if is_first else 0))

    def _note_next_round(self, row: Row) -> None:
        if row["repeat_in_ms"] is not None:
            self._repeat_in_ms = _number(row["repeat_in_ms"])

    async def _wait(self, seconds: float) -> None:
        """Up to twice as long, so that lanes do not come back together; not beyond the time."""
        spread = seconds * (1 + random.random())  # noqa: S311
        await asyncio.sleep(min(spread, max(0.0, self._left_seconds())))

    def _left_seconds(self) -> float:
        return self._ends_at - time.monotonic()


def _number(column: object) -> int:
    return int(str(column or 0))
