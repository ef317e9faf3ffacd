"""One worker's part in a broadcast: pages from the database, pushes, and a report of each page.

The progress is in the database, so workers need nothing from each other. Each takes a free shard;
a dead worker's page is taken over when its lease has run out.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from handlers.adapters import metrics
from handlers.adapters.database import Unavailable
from handlers.adapters.queue import NotQueued
from handlers.core.operation import DeliveryCounts
from handlers.core.operations import broadcast as operation
from handlers.core.operations.broadcast import Report

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from handlers.core.operation import Push, RowT, Statement
    from handlers.core.operations.broadcast import Broadcast, PageRow, PageTries

log = logging.getLogger(__name__)

# Pages that one worker pushes at once: while one waits for its slowest push, the others go on.
LANES = 3
# A push without an answer in this time is undelivered. With the second that a page may have to wait
# for its turn, this stays below the lease of six (sql/functions/broadcast/broadcast_page.sql):
# past that, another worker would push the page again.
PAGE_TIMEOUT_SECONDS = 4.0
# sql/functions/broadcast/push_budget.sql: patience
MAX_TURN_SECONDS = 1.0
# How often a page is pushed in all, of its pushes only those that had no good answer.
MAX_PAGE_TRIES = 3
BUSY_SECONDS = 0.25
MAX_WAKE_UPS = 9
# After this the database may be back.
RETRY_SECONDS = 1
COUNTS = ("sent", "gone", "undelivered", "dropped")


class Database(Protocol):
    async def fetch_one(self, statement: Statement[RowT], /) -> RowT: ...


class Delivery(Protocol):
    async def deliver(self, pushes: Sequence[Push], within_seconds: float) -> DeliveryCounts: ...


class Queue(Protocol):
    async def wake(self, broadcast: Broadcast, delay_seconds: int = 0) -> None: ...
    async def wake_many(self, broadcast: Broadcast, times: int) -> None: ...


@dataclass
class Numbers:
    """What a worker did: pages, and how their pushes went."""

    pages: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    """by COUNTS"""
    delivered_after_ms: int = 0
    """The longest time from a broadcast's making to the end of a page of its first round."""

    def add(self, other: Numbers) -> None:
        self.pages += other.pages
        self.counts += other.counts
        self.delivered_after_ms = max(self.delivered_after_ms, other.delivered_after_ms)

    def __str__(self) -> str:
        counts = ", ".join(f"{self.counts[name]} {name}" for name in COUNTS)
        return f"{self.pages} pages, {counts}, the last after {self.delivered_after_ms} ms"


@dataclass(frozen=True)
class Ports:
    """What a worker reaches, and how fast all workers of its app may push together."""

    database: Database
    delivery: Delivery
    queue: Queue
    pushes_per_second: int


class BroadcastWorker:
    """Works on a broadcast for so many seconds, and one page more."""

    def __init__(
        self,
        ports: Ports,
        broadcast: Broadcast,
        seconds: float,
        page_timeout_seconds: float = PAGE_TIMEOUT_SECONDS,
    ) -> None:
        self._ports, self._broadcast = ports, broadcast
        self._page_timeout_seconds = page_timeout_seconds
        self._ends_at = time.monotonic() + seconds
        self._lanes = 0
        self._repeat_in_ms: int | None = None
        self._waking: list[asyncio.Task[None]] = []
        self.numbers = Numbers()

    async def work(self) -> None:
        """Work until nothing is left or the time is up; then wake another worker for the rest.

        Raises NotQueued.
        """
        lanes = await asyncio.gather(*(self._lane() for _ in range(LANES)), return_exceptions=True)
        log.info(
            "broadcast %s, round %d: %s",
            *(self._broadcast.broadcast_id, self._broadcast.round, self.numbers),
        )
        await asyncio.gather(*self._waking)
        failures = [one for one in lanes if isinstance(one, BaseException)]
        for failure in failures:
            if not isinstance(failure, Unavailable):
                raise failure
        if failures:
            # SQS would deliver the message again only after the broadcast's window.
            log.error("broadcast %s again: %s", self._broadcast.broadcast_id, failures[0])
            await self._ports.queue.wake(self._broadcast, RETRY_SECONDS)
        elif any(lanes):
            await self._ports.queue.wake(self._broadcast)
        elif self._repeat_in_ms is not None:
            seconds = math.ceil(self._repeat_in_ms / 1000)
            await self._ports.queue.wake(self._broadcast.next_round(), seconds)

    async def _lane(self) -> bool:
        """True if something may be left."""
        self._lanes += 1
        try:
            return await self._pages(uuid4())
        finally:
            self._lanes -= 1

    async def _pages(self, lane: UUID) -> bool:
        report, page = Report(), operation.PageTries()
        while self._left_seconds() > self._page_timeout_seconds:
            row = await self._next_page(lane, report)
            report = Report()
            match row.outcome:
                case "page":
                    report = await self._push(row, page)
                case "wait":
                    await self._wait((row.wait_ms or 0) / 1000)
                case "dropped":
                    self.numbers.counts["dropped"] += row.dropped or 0
                # One lane is enough to watch the workers that hold the rest.
                case "busy" if self._lanes == 1:
                    await self._wait(BUSY_SECONDS)
                case "busy" | "done" | "over" | "unknown":
                    if row.repeat_in_ms is not None:
                        self._repeat_in_ms = row.repeat_in_ms
                    return False
        last = operation.last_report(self._broadcast, lane, report)
        await self._ports.database.fetch_one(last)
        return True

    async def _next_page(self, lane: UUID, report: Report) -> PageRow:
        per_second = self._ports.pushes_per_second
        statement = operation.next_page(self._broadcast, lane, per_second, report)
        row = await self._ports.database.fetch_one(statement)
        wake_ups = min((row.shards or 0) - 1, MAX_WAKE_UPS)
        if wake_ups > 0:
            self._waking.append(asyncio.create_task(self._wake_others(wake_ups)))
        return row

    async def _wake_others(self, times: int) -> None:
        """While the first page is pushed: it does not wait for the queue."""
        try:
            await self._ports.queue.wake_many(self._broadcast, times)
        except NotQueued as error:
            log.warning("broadcast %s: one worker only: %s", self._broadcast.broadcast_id, error)

    async def _push(self, row: PageRow, page: PageTries) -> Report:
        """Push a page in its turn, and not after the end of the broadcast's window.

        An empty report has the page come again: pushes are left, and may be delivered then.
        """
        pushes = page.left(row)
        wait = (row.wait_ms or 0) / 1000
        has_seconds = ((row.expires_at or 0) - row.server_now) / 1000 - wait
        timeout = self._page_timeout_seconds
        is_over, is_last = has_seconds < timeout, has_seconds < 2 * timeout + MAX_TURN_SECONDS
        began = time.monotonic()
        if has_seconds > 0:
            await asyncio.sleep(wait)
        counts = DeliveryCounts(undelivered=len(pushes), again=pushes)
        if has_seconds > 0:
            counts = await self._ports.delivery.deliver(pushes, min(timeout, has_seconds))
        page.add(pushes, counts)
        if counts.again and not is_last and page.tries < MAX_PAGE_TRIES:
            return Report()
        report = page.report(row, len(counts.again), is_over=is_over)
        self._count(report, (row.age_ms or 0) + int((time.monotonic() - began) * 1000))
        return report

    def _count(self, report: Report, age_ms: int) -> None:
        counts = Counter({name: getattr(report, name) for name in COUNTS})
        is_first = self._broadcast.round == 1
        self.numbers.add(Numbers(1, counts, age_ms if is_first else 0))

    async def _wait(self, seconds: float) -> None:
        """Wait up to twice as long, so that lanes spread, but not beyond the worker's time."""
        spread = seconds * (1 + random.random())  # noqa: S311
        await asyncio.sleep(min(spread, max(0.0, self._left_seconds())))

    def _left_seconds(self) -> float:
        return self._ends_at - time.monotonic()


def read(records: Iterable[tuple[str, str]]) -> tuple[dict[Broadcast, list[str]], list[str]]:
    """Read the queue's messages (id and body).

    Returns each broadcast with the ids of its wake-up messages, and the ids of unreadable messages.
    """
    messages: dict[Broadcast, list[str]] = {}
    unreadable = []
    for message_id, body in records:
        try:
            broadcast = operation.Broadcast.from_json(body)
            messages.setdefault(broadcast, []).append(message_id)
        except (ValueError, TypeError, KeyError, AttributeError):
            log.exception("message %s is no broadcast", message_id)
            unreadable.append(message_id)
    return messages, unreadable


async def work_on(
    ports: Mapping[str, Ports], broadcasts: Iterable[Broadcast], seconds: float
) -> tuple[Numbers, list[Broadcast]]:
    """Work on several broadcasts side by side, each with the ports of its app. Returns what was
    done, and which have failed.

    One of an app that is no more is left: its database may be gone, and then it would never end.
    """
    workers = {}
    for one in broadcasts:
        if one.app in ports:
            workers[one] = BroadcastWorker(ports[one.app], one, seconds)
        else:
            log.error("broadcast %s is left: there is no app %s", one.broadcast_id, one.app)
    results = await asyncio.gather(
        *(worker.work() for worker in workers.values()), return_exceptions=True
    )
    total, failed = Numbers(), []
    for (one, worker), result in zip(workers.items(), results, strict=True):
        total.add(worker.numbers)
        if isinstance(result, BaseException):
            log.error("broadcast %s failed", one.broadcast_id, exc_info=result)
            failed.append(one)
    return total, failed


def put_metrics(numbers: Numbers, seconds: float) -> None:
    counts = {f"pushes_{name}": numbers.counts[name] for name in COUNTS}
    line = {"pages": numbers.pages, **counts, "duration_ms": round(seconds * 1000)}
    if numbers.delivered_after_ms:
        line["delivered_after_ms"] = numbers.delivered_after_ms
    metrics.put(line)


# The HTTP API's caller waits: pages begin in the first of these seconds only.
HERE_SECONDS, HERE_PAGE_TIMEOUT_SECONDS = 3.0, 2.0


async def broadcast_here(ports: Ports, broadcast: Broadcast) -> None:
    """Broadcast to a few users from this function, within seconds and without the queue.

    Raises nothing: a backup does the rest (`Queue.enqueue_backup`, or else the schedule of awards).
    """
    began = time.monotonic()
    worker = BroadcastWorker(ports, broadcast, HERE_SECONDS, HERE_PAGE_TIMEOUT_SECONDS)
    try:
        await worker.work()
    except Exception:
        log.exception("broadcast %s is left to its backup", broadcast.broadcast_id)
    put_metrics(worker.numbers, time.monotonic() - began)
