"""Sends to each webhook what it wants to be told, in the order of each user's events.

What is sent is reported afterwards, so a sender that dies sends again: an event may come twice, and
then has the same id. Each webhook goes its own way, and waits for no other.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, TypeVar
from uuid import UUID, uuid4

import msgspec

from handlers.adapters.database import Unavailable
from handlers.core.metrics import WEBHOOK, counts_of
from handlers.core.operation import Json
from handlers.core.operations.webhooks import (
    CollectWebhookEvents,
    ListDueWebhooks,
    ListWebhooks,
    ReportWebhook,
    TakenRow,
    TakeWebhook,
)
from handlers.core.webhook import (
    Answer,
    Event,
    Outcome,
    body_of,
    headers_of,
    key_of,
    lanes_of,
    outcome_of,
    pause,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from handlers.core.operation import RowT, Statement

T = TypeVar("T")
log = logging.getLogger(__name__)

COLLECT_BATCH_SIZE = 5_000
POLL_SECONDS = 1.0
# Of one webhook, at once and in a pass.
MAX_CALLS = 20
BATCH_SIZE = 200
MAX_WAITING = 1_000
# A pass begins no call after that; one that is under way takes up to ten seconds more.
PASS_SECONDS = 20.0
CALL_SECONDS = 10.0
# Longer than a pass, its last call and its report.
HOLD = timedelta(seconds=60)
# Left for the last calls and reports of a run.
RESERVE_MS = 15_000

read_events = msgspec.json.Decoder(list[Event]).decode


class Database(Protocol):
    async def fetch(self, statement: Statement[RowT], /) -> list[RowT]: ...
    async def fetch_one(self, statement: Statement[RowT], /) -> RowT: ...


class Calls(Protocol):
    async def post(
        self, webhook_id: UUID, url: str, headers: Mapping[str, str], body: bytes
    ) -> Answer: ...


class Sender:
    """One run, and its numbers."""

    def __init__(self, database: Database, calls: Calls, remaining_ms: Callable[[], int]) -> None:
        self._database, self.calls, self._remaining_ms = database, calls, remaining_ms
        self._worker = uuid4()
        self.failures: list[Unavailable] = []
        self.numbers = dict.fromkeys((*counts_of(WEBHOOK), "webhooks_behind_seconds"), 0)

    async def run(self) -> dict[str, int]:
        """Collect and send until the time is over; without a webhook, return at once.

        Raises the first failure of the database.
        """
        sending: dict[UUID, asyncio.Task[None]] = {}
        while self._remaining_ms() > RESERVE_MS:
            # Without a webhook, and without the database: the next minute is the retry.
            if not await self._guarded(self.collect()):
                break
            for webhook_id in await self._guarded(self.due()) or ():
                if webhook_id not in sending or sending[webhook_id].done():
                    sending[webhook_id] = asyncio.create_task(self._send_guarded(webhook_id))
            await asyncio.sleep(POLL_SECONDS)
        if sending:
            await asyncio.wait(sending.values())
        if self.failures:
            raise self.failures[0]
        return self.numbers

    async def collect(self) -> int:
        """Record what has happened since the last time. Returns how many webhooks there are."""
        is_behind, webhooks = True, 0
        while is_behind and self._remaining_ms() > RESERVE_MS:
            row = await self._database.fetch_one(CollectWebhookEvents(COLLECT_BATCH_SIZE))
            self.numbers["webhook_events_recorded"] += row.collected
            is_behind, webhooks = row.is_behind, row.webhooks
        return webhooks

    async def due(self) -> list[UUID]:
        """The webhooks that have something to be sent; and how far the slowest is behind."""
        behind = [row.behind_ms or 0 for row in await self._database.fetch(ListWebhooks())]
        self.numbers["webhooks_behind_seconds"] = max(behind, default=0) // 1000
        return await self._database.fetch(ListDueWebhooks())

    async def send(self, webhook_id: UUID) -> None:
        """Send to one webhook, pass by pass, until nothing is left or nothing gets through."""
        upto = -1
        while self._remaining_ms() > RESERVE_MS:
            hold = TakeWebhook(webhook_id, self._worker, HOLD, BATCH_SIZE, MAX_WAITING)
            taken = await self._database.fetch(hold)
            if not taken:
                break
            one = Pass(self.calls, webhook_id, taken[0])
            await one.run(min(PASS_SECONDS, self._remaining_ms() / 1000 - CALL_SECONDS))
            is_ours = await self._database.fetch_one(one.report(self._worker))
            self._count(one)
            is_over = not one.events and taken[0].upto == upto
            if is_over or not is_ours or (one.failed and not one.delivered):
                break
            upto = taken[0].upto

    def _count(self, one: Pass) -> None:
        self.numbers["webhook_events_delivered"] += one.delivered
        self.numbers["webhook_attempts_failed"] += one.failed
        dead = sum(outcome.state == "dead" for outcome in one.outcomes)
        self.numbers["webhook_events_given_up"] += dead

    async def _send_guarded(self, webhook_id: UUID) -> None:
        await self._guarded(self.send(webhook_id))

    async def _guarded(self, step: Awaitable[T]) -> T | None:
        """None: the database did not answer. The next poll tries again."""
        try:
            return await step
        except Unavailable as error:
            log.error("webhooks: %s", error)
            self.failures.append(error)
            return None


class Pass:
    """One batch of events of a webhook: each user's in their order, several users at once."""

    def __init__(self, calls: Calls, webhook_id: UUID, taken: TakenRow) -> None:
        self._calls, self._webhook_id, self._taken = calls, webhook_id, taken
        self._keys = [key_of(secret) for secret in taken.secrets]
        self.events = read_events(taken.events)
        self.outcomes = [
            Outcome(event.seq, "waiting", attempted=False)
            for event in self.events
            if event.is_behind
        ]
        self.delivered = self.failed = 0
        self._retry_after = timedelta()
        self._is_gone = False

    async def run(self, seconds: float) -> None:
        """Send what may be sent; begin nothing after so many seconds."""
        ends_at = time.monotonic() + seconds
        lanes = iter(lanes_of(self.events))
        await asyncio.gather(*(self._send_lanes(lanes, ends_at) for _ in range(MAX_CALLS)))

    def report(self, worker: UUID) -> ReportWebhook:
        """What became of the batch."""
        is_failing = self.failed and not self.delivered
        wait = pause(self._taken.failures + 1, self._retry_after, random.random())  # noqa: S311  # spreads
        return ReportWebhook(
            self._webhook_id,
            worker,
            self._taken.upto,
            self.delivered,
            Json(msgspec.json.encode(self.outcomes).decode()),
            wait if is_failing else None,
            self._is_gone,
        )

    async def _send_lanes(self, lanes: Iterator[list[Event]], ends_at: float) -> None:
        for lane in lanes:
            for n, event in enumerate(lane):
                if self._is_hopeless() or time.monotonic() > ends_at:
                    self._leave(lane[n:], delay_ms=0)
                    break
                if not await self._send(event):
                    self._leave(lane[n + 1 :], delay_ms=None)
                    break

    def _is_hopeless(self) -> bool:
        """Nothing gets through, or nothing more is wanted."""
        return self._is_gone or (self.failed >= MAX_CALLS and not self.delivered)

    def _leave(self, events: list[Event], delay_ms: int | None) -> None:
        for n, event in enumerate(events):
            wait = None if n else delay_ms
            self.outcomes.append(Outcome(event.seq, "waiting", attempted=False, delay_ms=wait))

    async def _send(self, event: Event) -> bool:
        body = body_of(event)
        headers = headers_of(event.event_id, self._keys, body, int(time.time()))
        answer = await self._calls.post(self._webhook_id, self._taken.url, headers, body)
        roll = random.random()  # noqa: S311  # it spreads attempts, and keeps no secret
        if (outcome := outcome_of(event, answer, roll)) is not None:
            self.outcomes.append(outcome)
        if answer.error is None:
            self.delivered += 1
            return True
        self.failed += 1
        self._retry_after = max(self._retry_after, answer.retry_after)
        self._is_gone = self._is_gone or answer.error == "gone"
        return False
